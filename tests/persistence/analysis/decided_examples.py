"""Decided tracks whose numbers are known."""

import numpy as np

from videotracks.persistence.analysis.decided import DecidedTrack


def decided(importance, keep=True, label=None, **changed) -> DecidedTrack:
    count = len(importance)
    values = {
        "track_id": 1, "observations": count, "duration_frames": count, "confidence": 0.75, "is_persistent": keep,
        "importance": np.array(importance, "f4"), "frame_numbers": np.arange(count) + 10, "label": label, **changed,
    }  # fmt: skip
    return DecidedTrack(**values)


def some_tracks() -> list[DecidedTrack]:
    """Eight of known truth, of which one is wrongly kept and two are wrongly filtered."""
    return [
        *(decided([0.5, 0.25, 0.25], True, 1, track_id=i, kind="persistent") for i in (1, 2, 3)),
        decided([0.25, 0.75], True, 0, track_id=4, kind="glare", source="scene 4"),
        *(decided([1.0], False, 0, track_id=i, kind="noise", confidence=0.125) for i in (5, 6)),
        *(decided([0.2] * 5, False, 1, track_id=i, kind="persistent", confidence=0.25) for i in (7, 8)),
    ]
