"""Leak audit: whether any easy number gives the label of generated tracks away.

What the audit blocks on are the numbers that a tracker has of any track. The look of the crops is told beside them:
evidence lies there, but no single number should hold much of it.
"""

import numpy as np
from pydantic import BaseModel, Field

from videotracks.persistence.classifier.auroc import auroc
from videotracks.persistence.generator.store import TrackRows
from videotracks.progress import Progress, silent

#: A number of a track may tell the label by so much, in either direction.
MOST_AUROC = 0.60


class FeatureLeak(BaseModel, frozen=True):
    """How well one number tells things from false tracks."""

    feature: str
    auroc: float = Field(ge=0, le=1, description="0.5: not at all; below: false tracks have more of it")
    limit: float | None = Field(description="of max(auroc, 1 − auroc); empty: told, not judged")
    passed: bool


class LeakAudit(BaseModel, frozen=True):
    """All numbers, those that are judged first."""

    tracks: int
    things: int
    features: list[FeatureLeak]
    passed: bool

    @property
    def worst(self) -> FeatureLeak:
        """The judged number that tells most."""
        judged = [each for each in self.features if each.limit is not None]
        return max(judged, key=lambda each: abs(each.auroc - 0.5))


def audit(tracks: TrackRows, progress: Progress = silent) -> LeakAudit:
    """Measure every easy number of the tracks of a split; ``progress`` counts tracks, one in memory at a time.

    ``ValueError`` where all tracks have the same label, so that nothing can be measured.
    """
    if len(np.unique(tracks.label)) != 2:
        raise ValueError(f"{len(tracks)} tracks of one label or none; an audit needs things and false tracks")
    judged, told = [], []
    for i in range(len(tracks)):
        judged.append(_numbers(tracks.frame_numbers(i), tracks.boxes(i), tracks.confidences(i)))
        told.append(_looks(tracks.crops(i)))
        progress(i + 1, len(tracks))
    features = []
    for rows, limit in ((judged, MOST_AUROC), (told, None)):
        for name in rows[0]:
            area = auroc(tracks.label, np.array([row[name] for row in rows]))
            passed = limit is None or max(area, 1 - area) <= limit
            features.append(FeatureLeak(feature=name, auroc=area, limit=limit, passed=passed))
    return LeakAudit(
        tracks=len(tracks),
        things=int(tracks.label.sum()),
        features=features,
        passed=all(each.passed for each in features),
    )


def _numbers(frames: np.ndarray, boxes: np.ndarray, confidences: np.ndarray) -> dict[str, float]:
    """What a tracker knows of a track."""
    sizes = (boxes[:, 2:] - boxes[:, :2]).astype("f8")
    centers = (boxes[:, 2:] + boxes[:, :2]).astype("f8") / 2
    steps = np.hypot(*np.diff(centers, axis=0).T) / np.diff(frames)
    return {
        "length": float(len(frames)),
        "mean confidence": float(confidences.mean()),
        "max confidence": float(confidences.max()),
        "area": float(sizes.prod(axis=1).mean()),
        "start frame": float(frames[0]),
        # Of one observation nothing is known.
        "speed": float(steps.mean()) if len(steps) else 0.0,
    }


def _looks(crops: np.ndarray) -> dict[str, float]:
    """What the crops are like, the first of them and all together."""
    grey = crops.astype("f4") @ np.array([0.299, 0.587, 0.114], "f4")
    vivid = crops.max(axis=3).astype("f4") - crops.min(axis=3)
    edges = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
    per_crop = {
        "brightness": grey.mean(axis=(1, 2)),
        "contrast": grey.std(axis=(1, 2)),
        "sharpness": edges,
        "saturation": vivid.mean(axis=(1, 2)),
        "clipped pixels": (grey > 250).mean(axis=(1, 2)),
    }
    found = {}
    for name, values in per_crop.items():
        found[f"{name} of the first crop"] = float(values[0])
        found[f"mean {name}"] = float(values.mean())
        found[f"spread of {name}"] = float(values.std())
    change = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    found["mean change from crop to crop"] = float(change.mean()) if len(change) else 0.0
    found["greatest change from crop to crop"] = float(change.max()) if len(change) else 0.0
    return found
