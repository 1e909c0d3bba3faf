"""How alike the persons of a recording look: features of their best crops, and the mean cosine of every pair."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.people.crops import CropGroup, CropStore
from videotracks.people.reidentifiers import Reidentifier
from videotracks.progress import Progress, silent
from videotracks.tables import Similarity

#: Column of ``final_crops.h5`` that orders a person's crops, 1 = best.
QUALITY_RANK = "quality_rank"


class SimilaritySettings(BaseModel, frozen=True, extra="forbid"):
    """Which crops are compared."""

    crops_per_person: int = Field(default=16, ge=1, le=1000, description="best crops of each person that are compared")
    background: Literal["kept", "removed"] = Field(
        default="kept", description="removed: crops without what is around the person's object, from the masks"
    )


class SimilarPair(BaseModel, frozen=True):
    """Two persons and the mean pairwise cosine of their crops."""

    a: int
    b: int
    similarity: float


class PersonLikeness(BaseModel, frozen=True):
    """How alike the compared crops of one person are; None where there are fewer than two."""

    person_id: int
    crops: int
    within_similarity: float | None


class SimilaritySummary(BaseModel, frozen=True):
    """What was compared by what, and which pairs reach the threshold."""

    reidentifier: str
    provenance: dict[str, str]
    threshold: float
    persons: list[PersonLikeness]
    pairs_above: list[SimilarPair] = Field(description="pairs at or above the threshold, most alike first")
    closest_below: SimilarPair | None = Field(description="the most alike pair below the threshold")


def person_similarity(
    final_crops: CropStore, reidentifier: Reidentifier, settings: SimilaritySettings, progress: Progress = silent
) -> Similarity:
    """Compare the persons of ``final_crops`` by the features of their best crops.

    The similarity of two persons is the mean cosine over all pairs of their crops. The diagonal is the same over pairs
    of different crops of one person: how alike a person is to itself, the yardstick for the other numbers; it is 1
    where one crop or none is compared. A person without crops has similarity 0 to everyone.
    """
    persons = final_crops.persons
    blocks, cameras, frames = [], [], []
    for done, person in enumerate(persons, start=1):
        group = final_crops.person(person)
        rows = _best_rows(group, settings.crops_per_person)
        blocks.append(reidentifier.features(group.crops(rows)))
        cameras.append(group.camera[rows])
        frames.append(group.frame_numbers[rows])
        progress(done, len(persons))
    offsets = np.concatenate([[0], np.cumsum([len(block) for block in blocks])]).astype("i8")
    features = np.concatenate(blocks) if blocks else reidentifier.features([])
    return Similarity(
        person_ids=np.array(persons, "i8"),
        similarity=similarity_matrix(features, offsets),
        features=features,
        feature_offsets=offsets,
        feature_camera=np.concatenate([*cameras, np.zeros(0, "i2")]).astype("i2"),
        feature_frame_numbers=np.concatenate([*frames, np.zeros(0, "i8")]).astype("i8"),
    )


def similarity_matrix(features: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Mean pairwise cosines f32[P, P] of unit-length ``features`` f32[K, D] split by ``offsets`` i64[P + 1].

    The mean of all cosines between two sets is the dot product of their mean features: no pair is visited.
    """
    counts = np.diff(offsets)
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, np.repeat(np.arange(len(counts)), counts), features.astype("f8"))
    means = sums / np.maximum(counts, 1)[:, None]
    matrix = means @ means.T
    within = (counts * counts * np.diag(matrix) - counts) / np.maximum(counts * (counts - 1), 1)
    np.fill_diagonal(matrix, np.where(counts > 1, within, 1.0))
    return np.clip((matrix + matrix.T) / 2, -1, 1).astype("f4")


def similarity_summary(similarity: Similarity, reidentifier: Reidentifier, threshold: float) -> SimilaritySummary:
    """The pairs that reach ``threshold`` and the nearest that does not, with what measured them."""
    matrix, ids = similarity.similarity, similarity.person_ids
    upper = np.triu_indices(len(ids), 1)
    values = matrix[upper]
    order = np.lexsort((upper[1], upper[0], -values))
    pairs = [
        SimilarPair(a=int(ids[upper[0][k]]), b=int(ids[upper[1][k]]), similarity=float(values[k]))
        for k in order[: int((values >= threshold).sum()) + 1]
    ]
    above = [pair for pair in pairs if pair.similarity >= threshold]
    counts = np.diff(similarity.feature_offsets)
    return SimilaritySummary(
        reidentifier=reidentifier.name,
        provenance=reidentifier.provenance(),
        threshold=threshold,
        persons=[
            PersonLikeness(
                person_id=int(person), crops=int(n), within_similarity=float(matrix[i, i]) if n > 1 else None
            )
            for i, (person, n) in enumerate(zip(ids, counts, strict=True))
        ],
        pairs_above=above,
        closest_below=pairs[len(above)] if len(pairs) > len(above) else None,
    )


def _best_rows(group: CropGroup, count: int) -> np.ndarray:
    """Rows of the best crops with pixels, in time order."""
    ranks = group.extra[QUALITY_RANK]
    seen = np.flatnonzero((group.sizes > 0).all(axis=1))
    return np.sort(seen[np.argsort(ranks[seen], kind="stable")][:count])
