"""What the report shows, gathered from the outputs of the stages; nothing that a stage stored is computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from videotracks.people.animations import FILE_NAME
from videotracks.people.crops import CropGroup, CropStore
from videotracks.people.grouping import GroupingLog, RefusedPair
from videotracks.people.merging import BlockedPair, Merge, MergingReport
from videotracks.people.ranking import RankedPerson, Ranking
from videotracks.people.similarity import SimilaritySummary, SimilarPair
from videotracks.recording import Recording
from videotracks.tables import Persons, Similarity

Badge = Literal["high", "medium", "low"]

#: From these quality scores on a crop is called high, or medium.
HIGH_QUALITY, MEDIUM_QUALITY = 0.6, 0.3
#: Crops shown of the first persons and of all others, and their height in the page.
FIRST_PERSONS, CROPS_OF_FIRST, CROPS_OF_OTHERS, CROP_HEIGHT_PX = 30, 20, 3, 112
#: Boxes further apart than this belong to two stretches of the time line.
SPAN_GAP_S = 0.5
#: Rows of the lists that can grow with the square of the persons.
REFUSALS_SHOWN, PAIRS_SHOWN = 200, 60


@dataclass(frozen=True, slots=True)
class ShownCrop:
    """One of the best crops of a person: JPEG, whose it was before merging, frame, quality, whether it was compared."""

    jpeg: bytes
    member: int
    frame: int
    quality: float
    compared: bool

    @property
    def badge(self) -> Badge:
        """The quality in a word."""
        return "high" if self.quality >= HIGH_QUALITY else "medium" if self.quality >= MEDIUM_QUALITY else "low"


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """One card. Spans are (index of the view, begin, end) in seconds; ``seen_s`` adds up the frames of all views."""

    ranked: RankedPerson
    tracklets: list[int]
    spans: list[tuple[int, float, float]]
    seen_s: float
    frames: int
    animation: bytes | None
    crops: list[ShownCrop]
    merge: Merge | None

    @property
    def first_seen_s(self) -> float:
        """When the person appears."""
        return min((begin for _, begin, _ in self.spans), default=0.0)

    @property
    def last_seen_s(self) -> float:
        """When the person is gone."""
        return max((end for _, _, end in self.spans), default=0.0)

    @property
    def compared(self) -> int:
        """Shown crops that fed the comparison."""
        return sum(crop.compared for crop in self.crops)


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything on the page."""

    recording: Recording
    persons: list[ShownPerson]
    counts: Mapping[str, int]
    similarity_ids: list[int]
    similarity: np.ndarray
    summary: SimilaritySummary
    alike: list[SimilarPair]
    blocked: list[BlockedPair]
    blocked_total: int
    refused: list[RefusedPair]
    refused_total: int
    faces: Mapping[int, bytes]
    accuracy: Mapping[str, float]
    provenance: Mapping[str, Mapping[str, str]]
    warnings: Sequence[str] = field(default_factory=list)


def build_report_data(
    recording: Recording,
    merged: Persons,
    merging: MergingReport,
    similarity: Similarity,
    summary: SimilaritySummary,
    final_crops: CropStore,
    animations: Path,
    log: GroupingLog,
    counts: Mapping[str, int],
    accuracy: Mapping[str, float],
    provenance: Mapping[str, Mapping[str, str]],
) -> ReportData:
    """Gather the page from stored outputs; ``animations`` is the folder of ``person_03.webp`` …"""
    ranking = merging.rankings or Ranking(rankings=[], primary_person=None)
    merges = {merge.person_id: merge for merge in merging.merges}
    times = [view.timestamps_s for view in recording.views]
    refused = [pair for person in log.root for pair in person.refused]
    persons = [
        _shown(ranked, merged, merges.get(ranked.person_id), recording, times, similarity, final_crops, animations)
        for ranked in ranking.rankings
    ]
    faces = {person: _best_jpeg(final_crops.person(person)) for person in similarity.person_ids.tolist()}
    return ReportData(
        recording=recording,
        persons=persons,
        counts=counts,
        similarity_ids=similarity.person_ids.tolist(),
        similarity=similarity.similarity,
        summary=summary,
        alike=summary.pairs_above[:PAIRS_SHOWN],
        blocked=merging.blocked[:PAIRS_SHOWN],
        blocked_total=len(merging.blocked),
        refused=refused[:REFUSALS_SHOWN],
        refused_total=len(refused),
        faces={person: jpeg for person, jpeg in faces.items() if jpeg},
        accuracy=accuracy,
        provenance=provenance,
        warnings=_warnings(persons),
    )


def _warnings(persons: Sequence[ShownPerson]) -> list[str]:
    if not persons:
        return ["Nobody was found in this video. Look at the detections: another detector may see more."]
    return []


def _shown(
    ranked: RankedPerson,
    merged: Persons,
    merge: Merge | None,
    recording: Recording,
    times: Sequence[np.ndarray],
    similarity: Similarity,
    final_crops: CropStore,
    animations: Path,
) -> ShownPerson:
    person = ranked.person_id
    rows = merged.rows_of(person)
    count = CROPS_OF_FIRST if ranked.rank <= FIRST_PERSONS else CROPS_OF_OTHERS
    animation = animations / FILE_NAME.format(person)
    spans, seen_s = _seen(merged.camera[rows], merged.frame_numbers[rows], recording, times)
    return ShownPerson(
        ranked=ranked,
        tracklets=merged.tracklets_of(person).tolist(),
        spans=spans,
        seen_s=seen_s,
        frames=rows.stop - rows.start,
        animation=animation.read_bytes() if animation.is_file() else None,
        crops=_crops(merge.members if merge else [person], count, similarity, final_crops),
        merge=merge,
    )


def _seen(
    camera: np.ndarray, frames: np.ndarray, recording: Recording, times: Sequence[np.ndarray]
) -> tuple[list[tuple[int, float, float]], float]:
    """Stretches of time in which a person is seen, per view, and the time of all its frames; a box lasts one frame."""
    spans, seen_s = [], 0.0
    for index, view in enumerate(recording.views):
        shown = frames[camera == index]
        if not len(shown):
            continue
        begin = times[index][shown]
        end = np.append(times[index], view.duration_s)[shown + 1]
        seen_s += float((end - begin).sum())
        cuts = np.flatnonzero(begin[1:] - end[:-1] > SPAN_GAP_S)
        firsts, lasts = begin[np.r_[0, cuts + 1]], end[np.r_[cuts, len(end) - 1]]
        spans += [(index, first, last) for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    return spans, seen_s


def _crops(members: Sequence[int], count: int, similarity: Similarity, final_crops: CropStore) -> list[ShownCrop]:
    """The best crops of a person, the best first; as many of each member, so that one sees whom the merge joined."""
    found, share = [], -(-count // len(members))
    for member in members:
        group = final_crops.person(member)
        compared = _compared(member, similarity)
        ranks, quality = group.extra["quality_rank"], group.extra["quality_score"]
        for row in np.argsort(ranks, kind="stable")[:share].tolist():
            place = int(group.camera[row]), int(group.frame_numbers[row])
            found.append((float(quality[row]), member, group, row, place in compared))
    found.sort(key=lambda item: -item[0])
    shown = found[:count]
    jpegs: dict[tuple[int, int], bytes] = {}
    for member in members:
        rows = [row for _, of, _, row, _ in shown if of == member]
        small = _small_jpegs(final_crops.person(member), rows)
        jpegs.update({(member, row): jpeg for row, jpeg in zip(rows, small, strict=True)})
    return [
        ShownCrop(jpegs[member, row], member, int(group.frame_numbers[row]), quality, used)
        for quality, member, group, row, used in shown
    ]


def _compared(person: int, similarity: Similarity) -> set[tuple[int, int]]:
    """View and frame of the crops of a person that fed the comparison."""
    at = int(np.searchsorted(similarity.person_ids, person))
    if at == len(similarity.person_ids) or similarity.person_ids[at] != person:
        return set()
    rows = slice(int(similarity.feature_offsets[at]), int(similarity.feature_offsets[at + 1]))
    views, frames = similarity.feature_camera[rows].tolist(), similarity.feature_frame_numbers[rows].tolist()
    return set(zip(views, frames, strict=True))


def _best_jpeg(group: CropGroup) -> bytes | None:
    if not len(group):
        return None
    return _small_jpegs(group, [int(np.argmin(group.extra["quality_rank"]))])[0]


def _small_jpegs(group: CropGroup, rows: Sequence[int]) -> list[bytes]:
    """Crops at the height of the page, as JPEG."""
    return [_small_jpeg(crop) for crop in group.crops(rows, fit=(np.inf, CROP_HEIGHT_PX))]


def _small_jpeg(rgb: np.ndarray) -> bytes:
    """A crop at the height of the page, as JPEG."""
    import cv2

    scale = min(1.0, CROP_HEIGHT_PX / rgb.shape[0])
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return bytes(data)
