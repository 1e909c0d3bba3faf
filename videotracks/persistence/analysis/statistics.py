"""Statistics of decided tracks: how long they last and where the attention lay, by class and by outcome."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel

from videotracks.persistence.analysis.decided import Attention, DecidedTrack, attention_of, bounded_name

#: Decisions are made at this confidence; stated so that a reader of the statistics may quote it.
DECISION_THRESHOLD = 0.5
#: False positives and false negatives that are told one by one, the first of each.
TOLD_FAILURES = 3
#: Kinds that have a row of their own, the most frequent ones; names come from files, and so may be many.
MAX_KINDS = 8
#: Digits that are kept: what is stored, shown, sent to a model and checked is one and the same number.
DIGITS = 6

CLASSES = {1: "thing", 0: "noise"}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


Number = Annotated[float, AfterValidator(_short)]


class _Model(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Every number is finite, or null where there is nothing to count."""


class Spread(_Model):
    """Mean and standard deviation (of the population), null without tracks."""

    mean: Number | None = None
    std: Number | None = None


class AttentionStatistics(_Model):
    """Where the attention lay over ``tracks`` tracks of two observations and more; see ``decided.Attention``."""

    tracks: int
    peak_position: Spread
    peak_frame: Spread
    peak_value: Spread
    peak_to_uniform: Spread
    early: Number | None
    middle: Number | None
    late: Number | None


class GroupStatistics(_Model):
    """Some tracks: how many, their share of all, how long, how sure, and the attention."""

    tracks: int
    share: Number | None
    duration_frames: Spread
    observations: Spread
    confidence: Spread
    attention: AttentionStatistics


class Outcomes(_Model):
    """Decisions against the truth; kept and filtered count the tracks whose truth is not known."""

    true_positive: int = 0
    false_positive: int = 0
    true_negative: int = 0
    false_negative: int = 0
    kept: int = 0
    filtered: int = 0
    accuracy: Number | None = None
    precision: Number | None = None
    recall: Number | None = None


class FailureCase(_Model):
    """One track that was decided against the truth; attention is null where it tells nothing."""

    track_id: int
    source: str
    kind: str
    observations: int
    duration_frames: int
    confidence: Number
    peak_position: Number | None
    peak_frame: int | None
    peak_value: Number | None
    early: Number | None
    middle: Number | None
    late: Number | None


class Statistics(_Model):
    """What the decided tracks have in common. Groups without tracks are left out of the mappings."""

    decision_threshold: Number = DECISION_THRESHOLD
    outcomes: Outcomes
    overall: GroupStatistics
    by_class: dict[str, GroupStatistics]
    by_kind: dict[str, GroupStatistics]
    by_outcome: dict[str, GroupStatistics]
    first_false_positives: list[FailureCase]
    first_false_negatives: list[FailureCase]


def statistics_of(tracks: Sequence[DecidedTrack]) -> Statistics:
    """The statistics of ``tracks``; their order decides which failures are the first. No tracks are no error."""
    attention = attention_of(tracks)
    outcomes = [track.outcome for track in tracks]
    return Statistics(
        outcomes=_outcomes(outcomes),
        overall=_group(tracks, attention, np.arange(len(tracks))),
        by_class=_groups(tracks, attention, [None if t.label is None else CLASSES[t.label] for t in tracks]),
        by_kind=_groups(tracks, attention, _kinds(tracks)),
        by_outcome=_groups(tracks, attention, outcomes),
        first_false_positives=_first(tracks, attention, outcomes, "false_positive"),
        first_false_negatives=_first(tracks, attention, outcomes, "false_negative"),
    )


def _kinds(tracks: Sequence[DecidedTrack]) -> list[str | None]:
    named = [None if track.kind is None else bounded_name(track.kind) for track in tracks]
    counts = Counter(name for name in named if name is not None)
    own = {name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_KINDS]}
    return [name if name is None or name in own else "other kinds" for name in named]


def _groups(
    tracks: Sequence[DecidedTrack], attention: Attention, names: Sequence[str | None]
) -> dict[str, GroupStatistics]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None:
            rows.setdefault(name, []).append(row)
    return {name: _group(tracks, attention, np.array(rows[name])) for name in sorted(rows)}


def _group(tracks: Sequence[DecidedTrack], attention: Attention, rows: np.ndarray) -> GroupStatistics:
    chosen = [tracks[row] for row in rows.tolist()]
    telling = rows[attention.telling[rows]]
    early, middle, late = attention.thirds[telling].mean(axis=0).tolist() if len(telling) else (None, None, None)
    return GroupStatistics(
        tracks=len(chosen),
        share=len(chosen) / len(tracks) if tracks else None,
        duration_frames=_spread(np.array([t.duration_frames for t in chosen])),
        observations=_spread(np.array([t.observations for t in chosen])),
        confidence=_spread(np.array([t.confidence for t in chosen])),
        attention=AttentionStatistics(
            tracks=len(telling),
            peak_position=_spread(attention.peak_position[telling]),
            peak_frame=_spread(attention.peak_frame[telling]),
            peak_value=_spread(attention.peak_value[telling]),
            peak_to_uniform=_spread(attention.peak_to_uniform[telling]),
            early=early,
            middle=middle,
            late=late,
        ),
    )


def _spread(values: np.ndarray) -> Spread:
    return Spread(mean=float(values.mean()), std=float(values.std())) if len(values) else Spread()


def _outcomes(outcomes: Sequence[str]) -> Outcomes:
    n = Counter(outcomes)
    right, wrong = n["true_positive"] + n["true_negative"], n["false_positive"] + n["false_negative"]
    return Outcomes(
        **n,
        accuracy=_ratio(right, right + wrong),
        precision=_ratio(n["true_positive"], n["true_positive"] + n["false_positive"]),
        recall=_ratio(n["true_positive"], n["true_positive"] + n["false_negative"]),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _first(
    tracks: Sequence[DecidedTrack], attention: Attention, outcomes: Sequence[str], outcome: str
) -> list[FailureCase]:
    rows = [row for row, found in enumerate(outcomes) if found == outcome][:TOLD_FAILURES]
    return [_failure(tracks[row], attention, row) for row in rows]


def _failure(track: DecidedTrack, attention: Attention, row: int) -> FailureCase:
    telling = bool(attention.telling[row])
    early, middle, late = attention.thirds[row].tolist() if telling else (None, None, None)
    return FailureCase(
        track_id=track.track_id,
        source=bounded_name(track.source),
        kind=bounded_name(track.kind or ""),
        observations=track.observations,
        duration_frames=track.duration_frames,
        confidence=track.confidence,
        peak_position=float(attention.peak_position[row]) if telling else None,
        peak_frame=int(attention.peak_frame[row]) if telling else None,
        peak_value=float(attention.peak_value[row]) if telling else None,
        early=early,
        middle=middle,
        late=late,
    )
