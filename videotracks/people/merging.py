"""Persons who are one: average-linkage clustering of the similarities, never across people seen side by side."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import CorruptFileError
from videotracks.people.ranking import Ranking
from videotracks.people.similarity import SimilarPair
from videotracks.tables import Persons, Similarity


class MergingSettings(BaseModel, frozen=True, extra="forbid"):
    """How alike persons must be to be joined."""

    threshold: float | None = Field(
        default=None,
        gt=-1,
        le=1,
        description="mean cosine from which persons are joined; empty: the re-identifier's own",
    )


class Merge(BaseModel, frozen=True):
    """Persons joined into one, with the similarity of every pair as evidence."""

    person_id: int = Field(description="the member that appears first")
    members: list[int] = Field(description="ascending")
    linkage_similarity: float = Field(description="mean similarity at the last, weakest join")
    pairs: list[SimilarPair]


class BlockedPair(BaseModel, frozen=True):
    """Two persons alike enough to be joined who were seen side by side; the first such view and frame."""

    a: int
    b: int
    similarity: float
    camera: int
    frame: int


class MergingReport(BaseModel, frozen=True):
    """Which persons were joined, and which were not although they look alike."""

    threshold: float
    merges: list[Merge]
    blocked: list[BlockedPair]
    rankings: Ranking | None = Field(default=None, description="ranking of the merged persons")


def merge_persons(persons: Persons, similarity: Similarity, threshold: float) -> tuple[Persons, MergingReport]:
    """Join persons by average-linkage agglomerative clustering.

    The two most alike clusters (mean similarity over all pairs of their members; ties: the smaller ids) are joined as
    long as they reach ``threshold``, passing over clusters of which any two members are visible in the same frame of
    the same view. Persons without a row in ``similarity`` stay as they are. ``CorruptFileError`` where ``similarity``
    knows a person that ``persons`` does not.
    """
    unknown = np.setdiff1d(similarity.person_ids, persons.person_ids)
    if len(unknown):
        raise CorruptFileError(
            f"similarity_matrix: persons {unknown[:5].tolist()} are not in canonical_persons; "
            "materialise final_crops and person_similarity again"
        )
    ids, matrix = similarity.person_ids, similarity.similarity.astype("f8")
    together = seen_together(persons, ids)
    clusters = cluster(matrix, together, threshold)
    first_frame = _first_frames(persons)
    merges, name_of = [], {}
    for members, linkage in clusters:
        joined = [int(ids[m]) for m in members]
        leader = min(joined, key=lambda person: (first_frame[person], person))
        name_of.update(dict.fromkeys(joined, leader))
        pairs = [
            SimilarPair(a=int(ids[a]), b=int(ids[b]), similarity=float(matrix[a, b]))
            for i, a in enumerate(members)
            for b in members[i + 1 :]
        ]
        merges.append(Merge(person_id=leader, members=joined, linkage_similarity=linkage, pairs=pairs))
    merges.sort(key=lambda merge: merge.person_id)
    blocked = _blocked(persons, ids, matrix, together, threshold)
    return _joined(persons, name_of, first_frame), MergingReport(threshold=threshold, merges=merges, blocked=blocked)


def cluster(matrix: np.ndarray, apart: np.ndarray, threshold: float) -> list[tuple[list[int], float]]:
    """Clusters of two members and more, each with the similarity of its last join, by their first member.

    ``matrix`` f64[P, P] symmetric similarities; ``apart`` bool[P, P] pairs that must not share a cluster.
    """
    linkage = matrix.astype("f8").copy()
    linkage[apart | np.tri(len(linkage), dtype=bool)] = -np.inf  # the upper triangle holds the pairs still possible
    forbidden, sums = apart.copy(), matrix.astype("f8").copy()
    members, weakest = {i: [i] for i in range(len(matrix))}, {}
    while len(members) > 1:
        a, b = divmod(int(linkage.argmax()), len(linkage))
        if not linkage[a, b] >= threshold:
            break
        weakest[a] = float(linkage[a, b])
        weakest.pop(b, None)
        members[a] += members.pop(b)
        sums[a] += sums[b]
        sums[:, a] = sums[a]
        forbidden[a] |= forbidden[b]
        forbidden[:, a] = forbidden[a]
        linkage[b] = linkage[:, b] = -np.inf
        for other in members:
            if other != a:
                size = len(members[a]) * len(members[other])
                value = -np.inf if forbidden[a, other] else sums[a, other] / size
                linkage[min(a, other), max(a, other)] = value
    return [(sorted(members[a]), weakest[a]) for a in sorted(weakest)]


def seen_together(persons: Persons, ids: np.ndarray) -> np.ndarray:
    """Whether two of ``ids`` (ascending) are visible in the same frame of the same view, bool[P, P]; False diagonal."""
    from scipy import sparse

    rows = np.isin(persons.person_id, ids)
    who = np.searchsorted(ids, persons.person_id[rows])
    frames = persons.frame_numbers[rows]
    _, at = np.unique(persons.camera[rows].astype("i8") * (frames.max(initial=0) + 1) + frames, return_inverse=True)
    shape = (len(ids), int(at.max(initial=-1)) + 1)
    visible = sparse.csr_array((np.ones(len(who), "i8"), (who, at)), shape=shape)
    together = (visible @ visible.T).toarray() > 0
    np.fill_diagonal(together, False)
    return together


def _blocked(
    persons: Persons, ids: np.ndarray, matrix: np.ndarray, together: np.ndarray, threshold: float
) -> list[BlockedPair]:
    frames = int(persons.frame_numbers.max(initial=0)) + 1
    places = persons.camera.astype("i8") * frames + persons.frame_numbers  # ascending within a person
    found = []
    for i, j in np.argwhere(np.triu(together & (matrix >= threshold), 1)).tolist():
        a, b = int(ids[i]), int(ids[j])
        shared = np.intersect1d(places[persons.rows_of(a)], places[persons.rows_of(b)], assume_unique=True)
        camera, frame = divmod(int(shared[0]), frames)
        found.append(BlockedPair(a=a, b=b, similarity=float(matrix[i, j]), camera=camera, frame=frame))
    return sorted(found, key=lambda pair: (-pair.similarity, pair.a, pair.b))


def _first_frames(persons: Persons) -> dict[int, int]:
    if not len(persons.person_ids):
        return {}
    starts = np.searchsorted(persons.person_id, persons.person_ids)
    firsts = np.minimum.reduceat(persons.frame_numbers, starts)
    return dict(zip(persons.person_ids.tolist(), firsts.tolist(), strict=True))


def _joined(persons: Persons, name_of: dict[int, int], first_frame: dict[int, int]) -> Persons:
    """The table with persons renamed by ``name_of``, sorted anew."""
    old = persons.person_ids.tolist()
    new = np.array([name_of.get(person, person) for person in old], "i8")
    person_id = new[np.searchsorted(persons.person_ids, persons.person_id)]
    order = np.lexsort((persons.frame_numbers, persons.camera, person_id))
    ids = np.unique(new)
    by_person: dict[int, list[np.ndarray]] = {int(person): [] for person in ids}
    for person in sorted(old, key=lambda p: (first_frame[p], p)):
        by_person[name_of.get(person, person)].append(persons.tracklets_of(person))
    counts = [sum(len(part) for part in parts) for parts in by_person.values()]
    return Persons(
        person_id=person_id[order],
        camera=persons.camera[order],
        frame_numbers=persons.frame_numbers[order],
        bboxes=persons.bboxes[order],
        confidences=persons.confidences[order],
        detection_indices=persons.detection_indices[order],
        tracklet_id=persons.tracklet_id[order],
        person_ids=ids,
        num_tracklets_merged=np.array(counts, "i8"),
        original_tracklet_ids=_flat(list(by_person.values())),
        original_tracklet_offsets=np.concatenate([[0], np.cumsum(counts)]).astype("i8"),
    )


def _flat(parts: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    return np.concatenate([np.zeros(0, "i8"), *(array for group in parts for array in group)])
