"""A small video's tracklets with their crops, an encoder that averages and a classifier that wants red."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videotracks.people.crops import CropRows, CropSettings, CropStore, CropWriter
from videotracks.persistence.crop_tracks import FEATURES, Prediction
from videotracks.tables import Detections, Tracklets

RED, BLUE = (250, 0, 0), (0, 0, 250)
FRAMES = 100


@dataclass(frozen=True)
class Sight:
    """Box xyxy px and picture of a tracklet in one frame."""

    frame: int
    picture: np.ndarray
    camera: int = 0
    box: tuple[float, float, float, float] = (10, 20, 30, 60)


def plain(color: tuple[int, int, int], height: int = 40, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def seen(color: tuple[int, int, int], frames: Sequence[int], camera: int = 0) -> list[Sight]:
    return [Sight(frame, plain(color), camera) for frame in frames]


def video_of(
    path: Path, sights: Mapping[int, Sequence[Sight]], codec: str = "exact"
) -> tuple[Tracklets, Detections, CropStore]:
    """The tables and the open store of tracklets with these sights; one detection more than there are boxes."""
    flat = [(sight.camera, sight.frame, number, sight) for number, each in sights.items() for sight in each]
    flat.append((0, 0, 0, Sight(0, plain((9, 9, 9)))))
    flat.sort(key=lambda item: item[:3])
    counts = np.zeros((1 + max(item[0] for item in flat), FRAMES), "i8")
    places = []
    for camera, frame, _, _ in flat:
        places.append(int(counts[camera, frame]))
        counts[camera, frame] += 1
    rows = CropRows(
        frame_numbers=np.array([item[1] for item in flat], "i8"),
        bboxes=np.array([item[3].box for item in flat], "f4"),
        confidences=np.full(len(flat), 0.9, "f4"),
        camera=np.array([item[0] for item in flat], "i2"),
        detection_indices=np.array(places, "i8"),
    )
    with CropWriter(path, CropSettings(codec=codec)) as writer:
        pictures = [item[3].picture for item in flat]
        writer.append(rows, [writer.encode(p) for p in pictures], [p.shape[:2] for p in pictures])
    names = np.array([f"cam_{camera:02d}" for camera in range(len(counts))])
    classes = np.zeros(len(flat), "i8")
    detections = Detections(
        rows.frame_numbers, rows.bboxes, rows.confidences, classes, counts, rows.camera, camera_ids=names
    )
    ids = np.array([item[2] for item in flat], "i8")
    order = np.flatnonzero(ids)[np.argsort(ids[ids > 0], kind="stable")]
    tracklets = Tracklets(ids[order], **{name: values[order] for name, values in rows.arrays().items()})
    return tracklets, detections, CropStore.open(path)


class MeanColor:
    """Features: the mean red, green and blue, 0 to 1, then zeros. Remembers how many crops it was given at most."""

    most = 0

    def features(self, crops):
        self.most = max(self.most, sum(map(len, crops)))
        found = [np.zeros((len(track), FEATURES), "f4") for track in crops]
        for features, track in zip(found, crops, strict=True):
            features[:, :3] = track.mean(axis=(1, 2)) / 255
        return found

    def provenance(self):
        return {"weights": "mean"}


class WantsRed:
    """Confidence: the mean red; importance: that of an observation."""

    def predict(self, features):
        found = []
        for track in features:
            red = track[:, 0] + 1e-6
            found.append(Prediction(bool(red.mean() >= 0.5), float(min(red.mean(), 1)), (red / red.sum()).astype("f4")))
        return found

    def provenance(self):
        return {"weights": "red"}
