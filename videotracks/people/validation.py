"""What the checks of the people branch compare, as pure functions: outputs against each other and a baseline.

Each function answers with a ``Verdict``. Where there is no baseline the verdict says so and does not pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.baseline import AnimationFile
from videotracks.people.crop_tally import CropTally
from videotracks.tables import Persons, Tracklets, TrackletStats

Number = int | float | str | bool
#: How many ids an answer names before it says "…".
NAMED_IDS = 5


class ValidationSettings(BaseModel, frozen=True, extra="forbid"):
    """Tolerances of the checks."""

    velocity_tolerance: float = Field(
        default=0.0005, ge=0, description="px/frame that a mean velocity may differ from the baseline's: 3 decimals"
    )
    person_tolerance: float = Field(
        default=0.1,
        ge=0,
        description="share of the baseline's persons by which their number may differ; one always may",
    )
    box_tolerance: float = Field(
        default=0.05, ge=0, description="share of the baseline's boxes by which the boxes of all persons may differ"
    )
    person_coverage: float = Field(default=0.95, ge=0, le=1, description="least share of a person's frames with a crop")
    missing_share: float = Field(default=0.10, ge=0, le=1, description="share of all crops that may be missing")
    animation_frames: int = Field(default=10, ge=0, description="frames that an animation may differ")
    animation_size: float = Field(default=0.20, ge=0, description="share of its size that an animation may differ")
    slower_s: float = Field(default=1.0, ge=0, description="seconds by which the total may exceed the baseline's")
    slower_share: float = Field(default=0.10, ge=0, description="or this share of it, where that is more")
    accuracy_tolerance: float = Field(default=0.0005, ge=0, description="by which a metric (0 to 1) may be lower")


DEFAULTS = ValidationSettings()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a check: ``severity`` counts where it has not passed, ``table`` is Markdown or empty."""

    passed: bool
    severity: Literal["warn", "error"]
    description: str
    numbers: dict[str, Number] = field(default_factory=dict)
    table: str = ""


def no_baseline(of_what: str) -> Verdict:
    """The answer where there is nothing to compare with."""
    return Verdict(
        False, "warn", f"no baseline for {of_what}; `videotracks baseline capture VIDEO` makes one",
        {"has_baseline": False},
    )  # fmt: skip


def compare_statistics(
    stats: TrackletStats, baseline: TrackletStats | None, settings: ValidationSettings = DEFAULTS
) -> Verdict:
    """Same tracklets as the baseline's, by id: detections, start and end frames, velocities to three decimals."""
    if baseline is None:
        return no_baseline("tracklet statistics")
    common, ours, theirs = np.intersect1d(stats.tracklet_id, baseline.tracklet_id, return_indices=True)
    velocity = np.abs(stats.mean_velocity[ours] - baseline.mean_velocity[theirs]).max(axis=1, initial=0)
    differing = {
        "durations": stats.duration[ours] != baseline.duration[theirs],
        "start_frames": stats.start_frame[ours] != baseline.start_frame[theirs],
        "end_frames": stats.end_frame[ours] != baseline.end_frame[theirs],
        # Written so that a velocity that is no number differs.
        "velocities": ~(velocity <= settings.velocity_tolerance),
    }
    added = np.setdiff1d(stats.tracklet_id, common)
    gone = np.setdiff1d(baseline.tracklet_id, common)
    found = [f"{mask.sum()} {name.replace('_', ' ')} differ ({_ids(common[mask])})"
             for name, mask in differing.items() if mask.any()]  # fmt: skip
    found += [
        f"{len(ids)} tracklets {word} ({_ids(ids)})" for word, ids in (("added", added), ("gone", gone)) if len(ids)
    ]
    numbers: dict[str, Number] = {
        "tracklets": len(stats.tracklet_id), "baseline_tracklets": len(baseline.tracklet_id),
        "tracklets_added": len(added), "tracklets_gone": len(gone),
        **{f"{name}_differing": int(mask.sum()) for name, mask in differing.items()},
        "largest_velocity_difference": float(velocity.max(initial=0)),
    }  # fmt: skip
    return Verdict(not found, "error", "; ".join(found) or f"same as the baseline: {len(common)} tracklets", numbers)


def statistics_match_tracklets(stats: TrackletStats, tracklets: Tracklets) -> Verdict:
    """One row of statistics per tracklet, with its number of detections."""
    ids, counts = np.unique(tracklets.tracklet_id, return_counts=True)
    common, in_stats, in_tracklets = np.intersect1d(stats.tracklet_id, ids, return_indices=True)
    missing, unknown = np.setdiff1d(ids, common), np.setdiff1d(stats.tracklet_id, common)
    repeated = len(stats.tracklet_id) - len(np.unique(stats.tracklet_id))
    miscounted = common[stats.duration[in_stats] != counts[in_tracklets]]
    found = [
        f"{len(wrong)} {what} ({_ids(wrong)})"
        for what, wrong in (
            ("tracklets without statistics", missing),
            ("statistics without a tracklet", unknown),
            ("durations that are not the number of detections", miscounted),
        )
        if len(wrong)
    ] + ([f"{repeated} repeated ids"] if repeated else [])
    numbers: dict[str, Number] = {
        "tracklets": len(ids), "statistics": len(stats.tracklet_id), "missing": len(missing), "unknown": len(unknown),
        "durations_differing": len(miscounted), "repeated": repeated,
        "detections": len(tracklets.tracklet_id), "sum_of_durations": int(stats.duration.sum()),
    }  # fmt: skip
    return Verdict(not found, "error", "; ".join(found) or f"{len(ids)} tracklets, each with its statistics", numbers)


def persons_structure(persons: Persons, tracklets: Tracklets) -> Verdict:
    """Every tracklet in exactly one person, columns of one length, every box one of its person's tracklets."""
    lengths = {
        name: len(getattr(persons, name)) for name in ("person_id", "frame_numbers", "detection_indices", "bboxes")
    }
    ids, times = np.unique(persons.original_tracklet_ids, return_counts=True)
    known = np.unique(tracklets.tracklet_id)
    nowhere, twice, unknown = np.setdiff1d(known, ids), ids[times > 1], np.setdiff1d(ids, known)
    foreign = _foreign_boxes(persons, tracklets) if len(set(lengths.values())) == 1 else 0
    found = [
        f"{len(wrong)} tracklets {what} ({_ids(wrong)})"
        for what, wrong in (
            ("in no person", nowhere),
            ("in more than one person", twice),
            ("that do not exist", unknown),
        )
        if len(wrong)
    ]
    if len(set(lengths.values())) > 1:
        found.append("columns of different lengths: " + ", ".join(f"{k} {v}" for k, v in lengths.items()))
    if foreign:
        found.append(f"{foreign} boxes that none of their person's tracklets holds")
    numbers: dict[str, Number] = {
        "persons": len(persons.person_ids), "tracklets": len(known), "boxes": lengths["person_id"],
        "tracklets_in_no_person": len(nowhere), "tracklets_in_two_persons": len(twice),
        "tracklets_unknown": len(unknown), "foreign_boxes": foreign,
    }  # fmt: skip
    good = f"{len(known)} tracklets, each in one of {len(persons.person_ids)} persons"
    return Verdict(not found, "error", "; ".join(found) or good, numbers)


def _foreign_boxes(persons: Persons, tracklets: Tracklets) -> int:
    """Rows of persons whose (tracklet, frame, detection) no tracklet holds, or whose tracklet is another person's."""
    held = np.stack([tracklets.tracklet_id, tracklets.frame_numbers, tracklets.detection_indices], axis=1)
    rows = np.stack([persons.tracklet_id, persons.frame_numbers, persons.detection_indices], axis=1)
    _, key = np.unique(np.concatenate([held, rows]), axis=0, return_inverse=True)
    key = key.reshape(-1)
    owner = np.repeat(persons.person_ids, np.diff(persons.original_tracklet_offsets))
    owned = np.stack([owner, persons.original_tracklet_ids], axis=1)
    claimed = np.stack([persons.person_id, persons.tracklet_id], axis=1)
    _, pair = np.unique(np.concatenate([owned, claimed]), axis=0, return_inverse=True)
    pair = pair.reshape(-1)
    good = np.isin(key[len(held) :], key[: len(held)]) & np.isin(pair[len(owned) :], pair[: len(owned)])
    return int((~good).sum())


def persons_against_baseline(
    persons: Persons, baseline: Persons | None, settings: ValidationSettings = DEFAULTS
) -> Verdict:
    """The difference to the baseline's persons; passes within the tolerances, for counts may change on purpose."""
    if baseline is None:
        return no_baseline("persons")
    count, before = len(persons.person_ids), len(baseline.person_ids)
    boxes, boxes_before = len(persons.person_id), len(baseline.person_id)
    passed = abs(count - before) <= max(1, settings.person_tolerance * before)
    passed &= abs(boxes - boxes_before) <= settings.box_tolerance * boxes_before
    merged, merged_before = int(persons.num_tracklets_merged.sum()), int(baseline.num_tracklets_merged.sum())
    numbers: dict[str, Number] = {
        "persons": count, "baseline_persons": before, "persons_difference": count - before,
        "boxes": boxes, "baseline_boxes": boxes_before, "boxes_difference": boxes - boxes_before,
        "tracklets_merged": merged, "baseline_tracklets_merged": merged_before,
        "persons_with_the_same_id": len(np.intersect1d(persons.person_ids, baseline.person_ids)),
    }  # fmt: skip
    said = f"{count} persons, baseline {before} ({count - before:+d}); {boxes} boxes, baseline {boxes_before}"
    return Verdict(bool(passed), "warn", said, numbers)


def crops_coverage(
    persons: Persons, tallies: Mapping[int, CropTally], settings: ValidationSettings = DEFAULTS
) -> Verdict:
    """Enough of each person's frames have a crop. An error where too many are missing, or lengths differ."""
    ids, frames = np.unique(persons.person_id, return_counts=True)
    covered = np.array([tallies[int(i)].covered if int(i) in tallies else 0 for i in ids], dtype="i8")
    share = covered / frames
    poor = ids[share < settings.person_coverage]
    unequal = [int(person) for person, tally in tallies.items() if tally.frames != tally.crops]
    unknown = sorted(set(tallies) - {int(person) for person in ids})
    empty = sum(tally.empty for tally in tallies.values())
    missing = int((frames - covered).sum())
    missing_share = missing / max(int(frames.sum()), 1)
    serious = [f"{missing_share:.1%} of all crops are missing"] if missing_share > settings.missing_share else []
    serious += [f"frame numbers and crops differ in length ({_ids(unequal)})"] if unequal else []
    serious += [f"crops of persons who do not exist ({_ids(unknown)})"] if unknown else []
    slight = [f"{empty} empty crops"] if empty else []
    slight += [f"{len(poor)} persons with too few crops ({_ids(poor)})"] if len(poor) else []
    numbers: dict[str, Number] = {
        "persons": len(ids), "frames": int(frames.sum()), "crops": sum(t.crops for t in tallies.values()),
        "missing": missing, "missing_share": missing_share, "empty": empty,
        "least_coverage": float(share.min(initial=1)),
        "persons_below_coverage": len(poor), "persons_of_unequal_length": len(unequal),
    }  # fmt: skip
    good = f"{len(ids)} persons, {share.min(initial=1):.1%} of the frames or more of each have a crop"
    said = "; ".join(serious + slight) or good
    return Verdict(not (serious or slight), "error" if serious else "warn", said, numbers)


def animations_against_baseline(
    animations: Sequence[AnimationFile],
    baseline: Sequence[AnimationFile] | None,
    settings: ValidationSettings = DEFAULTS,
) -> Verdict:
    """As many files as in the baseline, of about the same frames and sizes."""
    if baseline is None:
        return no_baseline("animations")
    before = {item.name: item for item in baseline}
    pairs = [(item, before[item.name]) for item in animations if item.name in before]
    frames = [abs(a.frames - b.frames) for a, b in pairs]
    sizes = [abs(a.size - b.size) / max(b.size, 1) for a, b in pairs]
    found = [f"{len(animations)} files, baseline {len(baseline)}"] if len(animations) != len(baseline) else []
    for (ours, theirs), frame_difference, size_difference in zip(pairs, frames, sizes, strict=True):
        if frame_difference > settings.animation_frames:
            found.append(f"{ours.name}: {ours.frames} frames, baseline {theirs.frames}")
        if size_difference > settings.animation_size:
            found.append(f"{ours.name}: {ours.size:,} bytes, baseline {theirs.size:,}")
    numbers: dict[str, Number] = {
        "files": len(animations), "baseline_files": len(baseline), "files_of_the_same_name": len(pairs),
        "largest_frame_difference": max(frames, default=0), "largest_size_difference": max(sizes, default=0.0),
    }  # fmt: skip
    return Verdict(not found, "error", "; ".join(found) or f"{len(pairs)} files as in the baseline", numbers)


def time_against_baseline(
    timings_s: Mapping[str, float],
    baseline_s: Mapping[str, float] | None,
    settings: ValidationSettings = DEFAULTS,
) -> Verdict:
    """The stages that both hold take no longer together than the baseline's plus the tolerance."""
    common = [stage for stage in timings_s if baseline_s and stage in baseline_s]
    if not baseline_s or not common:
        return no_baseline("the time of the stages")
    total, before = (sum(times[stage] for stage in common) for times in (timings_s, baseline_s))
    allowed = before + max(settings.slower_s, settings.slower_share * before)
    rows = [f"| {s} | {timings_s[s]:.2f} | {baseline_s[s]:.2f} | {timings_s[s] - baseline_s[s]:+.2f} |" for s in common]
    rows.append(f"| **total** | {total:.2f} | {before:.2f} | {total - before:+.2f} |")
    table = "\n".join(["| stage | s | baseline s | difference s |", "|---|---:|---:|---:|", *rows])
    numbers: dict[str, Number] = {
        "total_s": float(total), "baseline_s": float(before), "allowed_s": float(allowed), "stages": len(common),
        "stages_without_baseline": len(timings_s) - len(common),
    }  # fmt: skip
    said = f"{total:.2f} s, baseline {before:.2f} s, allowed {allowed:.2f} s"
    return Verdict(bool(total <= allowed), "error", said, numbers, table)


def accuracy_against_baseline(
    accuracy: Mapping[str, float],
    baseline: Mapping[str, float] | None,
    settings: ValidationSettings = DEFAULTS,
) -> Verdict:
    """No metric (higher is better) that both hold is lower than the baseline's."""
    common = [name for name in accuracy if baseline and name in baseline]
    if not baseline or not common:
        missing = no_baseline("accuracy")
        return Verdict(
            False, "warn", missing.description, {"has_baseline": False, **{k: float(v) for k, v in accuracy.items()}}
        )
    lower = [name for name in common if not accuracy[name] >= baseline[name] - settings.accuracy_tolerance]
    numbers: dict[str, Number] = {name: float(value) for name, value in accuracy.items()}
    numbers.update({f"baseline_{name}": float(baseline[name]) for name in common})
    said = ", ".join(f"{name} {accuracy[name]:.3f} (baseline {baseline[name]:.3f})" for name in common)
    return Verdict(not lower, "warn", said + (f": lower in {', '.join(lower)}" if lower else ""), numbers)


def _ids(ids: Sequence[int] | np.ndarray) -> str:
    named = ", ".join(str(int(i)) for i in ids[:NAMED_IDS])
    return named + (", …" if len(ids) > NAMED_IDS else "")
