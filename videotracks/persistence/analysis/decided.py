"""Tracks that were decided, and where the attention of each decision lay."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: What a track may be called at most in statistics and reports: kinds, sources and subjects come from files.
MAX_NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True, eq=False)
class DecidedTrack:
    """One track and what was decided of it.

    ``observations``: all of its boxes, ≥ 1; ``duration_frames``: from its first frame to its last, both counted.
    ``importance`` f4[T] ≥ 0 and ``frame_numbers`` i8[T] rising are those of the T ≥ 1 observations that were looked
    at. ``label`` 1 thing, 0 noise, None where the truth is not known; ``kind`` what the truth calls it; ``source``
    where it comes from (video, scene, view). A breach is a ``ValueError``.
    """

    track_id: int
    observations: int
    duration_frames: int
    confidence: float
    is_persistent: bool
    importance: np.ndarray
    frame_numbers: np.ndarray
    label: int | None = None
    kind: str | None = None
    source: str = ""

    def __post_init__(self) -> None:
        count = len(self.importance)
        if count == 0 or self.importance.shape != (count,) or self.frame_numbers.shape != (count,):
            shapes = f"{self.importance.shape} and {self.frame_numbers.shape}"
            raise ValueError(f"track {self.track_id}: importance and frame_numbers: expected [T] each, got {shapes}")
        if not np.isfinite(self.importance).all() or (self.importance < 0).any():
            raise ValueError(f"track {self.track_id}: importance: expected finite numbers from 0")
        if (np.diff(self.frame_numbers) <= 0).any():
            raise ValueError(f"track {self.track_id}: frame_numbers: expected rising ones")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"track {self.track_id}: confidence: expected 0 to 1, got {self.confidence}")
        if self.label not in (None, 0, 1):
            raise ValueError(f"track {self.track_id}: label: expected 0, 1 or None, got {self.label}")
        if self.observations < count or self.duration_frames < self.observations:
            found = f"{count} looked at, {self.observations} observations in {self.duration_frames} frames"
            raise ValueError(f"track {self.track_id}: expected no more observations than frames, got {found}")

    @property
    def outcome(self) -> str:
        """True or false positive or negative where the truth is known, else kept or filtered."""
        if self.label is None:
            return "kept" if self.is_persistent else "filtered"
        truth = "true" if self.is_persistent == bool(self.label) else "false"
        return f"{truth}_{'positive' if self.is_persistent else 'negative'}"


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Where the attention of N tracks lay; only rows that are ``telling`` mean anything.

    ``telling`` bool[N]: two observations and more, and importance that is not zero throughout (the attention of a
    single observation is 1 whatever the model does). ``peak_position`` f8[N]: middle of the most important
    observation as a share of the observations, 0 to 1; the first of equal ones. ``peak_frame`` f8[N]: frames after
    the first one. ``peak_value`` f8[N]: its share of the attention. ``peak_to_uniform`` f8[N]: how many times that
    of equal attention. ``thirds`` f8[N, 3]: shares of the early, middle and late third of the observations; where
    the border of a third cuts an observation, each side gets its part, so that equal attention gives equal thirds.
    """

    telling: np.ndarray
    peak_position: np.ndarray
    peak_frame: np.ndarray
    peak_value: np.ndarray
    peak_to_uniform: np.ndarray
    thirds: np.ndarray


def attention_of(tracks: Sequence[DecidedTrack]) -> Attention:
    """Measure the attention of each track, all at once."""
    if not tracks:
        none = np.zeros(0)
        return Attention(np.zeros(0, bool), none, none, none, none, np.zeros((0, 3)))
    lengths = np.array([len(track.importance) for track in tracks])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    importance = np.concatenate([track.importance for track in tracks]).astype("f8")
    frames = np.concatenate([track.frame_numbers for track in tracks])
    total = np.add.reduceat(importance, starts)
    peak = np.maximum.reduceat(importance, starts)
    highest = np.flatnonzero(importance == np.repeat(peak, lengths))
    at = highest[np.searchsorted(highest, starts)]  # the first of equal ones
    scale = np.where(total > 0, total, 1)
    cumulative = np.concatenate([[0.0], np.cumsum(importance)])
    borders = starts[:, None] + lengths[:, None] * np.linspace(0, 1, 4)
    thirds = np.diff(np.interp(borders, np.arange(len(cumulative)), cumulative), axis=1)
    return Attention(
        telling=(lengths >= 2) & (total > 0),
        peak_position=(at - starts + 0.5) / lengths,
        peak_frame=(frames[at] - frames[starts]).astype("f8"),
        peak_value=peak / scale,
        peak_to_uniform=peak / scale * lengths,
        thirds=thirds / scale[:, None],
    )


def bounded_name(text: str) -> str:
    """A name from a file as it may stand in statistics: short, printable, and sure to be written as UTF-8."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 2 * MAX_NAME_CHARACTERS])
    clean = " ".join(clean.encode("utf-8", "replace").decode("utf-8").split())
    return clean if len(clean) <= MAX_NAME_CHARACTERS else clean[: MAX_NAME_CHARACTERS - 1] + "…"
