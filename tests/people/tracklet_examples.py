"""Tracklets drawn by hand or at random, for the tests of what is made of tracklets."""

from collections.abc import Sequence

import numpy as np

from videotracks.tables import Tracklets


def moving_box(
    tracklet_id: int,
    start: int,
    frames: int | Sequence[int],
    center: tuple[float, float],
    velocity: tuple[float, float] = (0.0, 0.0),
    size: tuple[float, float] = (40.0, 80.0),
    camera: int = 0,
    confidence: float = 0.9,
) -> dict[str, np.ndarray]:
    """One tracklet: a box of constant size and velocity; ``frames`` is a count or offsets from ``start``."""
    steps = np.arange(frames) if isinstance(frames, int) else np.asarray(frames)
    centers = np.asarray(center) + steps[:, None] * np.asarray(velocity)
    half = np.asarray(size) / 2
    return {
        "tracklet_id": np.full(len(steps), tracklet_id),
        "camera": np.full(len(steps), camera, "i2"),
        "frame_numbers": start + steps,
        "bboxes": np.concatenate([centers - half, centers + half], axis=1).astype("f4"),
        "confidences": np.full(len(steps), confidence, "f4"),
        "detection_indices": np.zeros(len(steps), "i8"),
    }


def tracklets_of(*parts: dict[str, np.ndarray]) -> Tracklets:
    """A table of tracklets given by ascending id."""
    return Tracklets(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def no_tracklets() -> Tracklets:
    part = moving_box(1, 0, 1, (0, 0))
    return Tracklets(**{name: values[:0] for name, values in part.items()})


def random_tracklets(
    seed: int, count: int, frames: int, cameras: int = 1, field_px: float = 600, longest: int = 12
) -> Tracklets:
    """Tracklets crowded in time and place, with missing frames, some of them single detections."""
    random = np.random.default_rng(seed)
    parts = []
    for i in range(count):
        length = int(random.integers(1, longest + 1))
        kept = np.flatnonzero(random.random(length) < 0.8)
        part = moving_box(
            2 * i + 1,
            int(random.integers(0, frames)),
            kept if len(kept) else [0],
            tuple(random.uniform(0, field_px, 2)),
            tuple(random.normal(0, 3, 2)),
            tuple(random.uniform(30, 45, 2)),
            int(random.integers(cameras)),
        )
        part["bboxes"] += random.normal(0, 2, part["bboxes"].shape).astype("f4")
        part["confidences"] = random.integers(3, 6, len(part["camera"])).astype("f4") / 6
        parts.append(part)
    return tracklets_of(*parts)
