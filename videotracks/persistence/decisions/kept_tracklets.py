"""The tracklets without those that were filtered out, and those of chosen ids."""

from collections.abc import Collection

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import CorruptFileError
from videotracks.persistence.decisions.deciding import PersistenceDecisions
from videotracks.tables import Tracklets


class TrackFilterSettings(BaseModel, frozen=True, extra="forbid"):
    """What the people graph makes of the decisions."""

    enabled: bool = Field(default=False, description="persons are made of the kept tracklets alone, not of all of them")


def kept_tracklets(tracklets: Tracklets, decisions: PersistenceDecisions) -> Tracklets:
    """The tracklets that are kept, with their ids and their boxes as they were: stands in for ``tracklets``.

    ``CorruptFileError`` where the decisions are not those of these tracklets.
    """
    decided = [decision.tracklet_id for decision in decisions.decisions]
    if not np.array_equal(np.unique(tracklets.tracklet_id), decided):
        raise CorruptFileError(
            f"filter_decisions: decisions on {len(decided)} tracklets, which are not the video's "
            f"{len(np.unique(tracklets.tracklet_id))}; materialise persistence_decisions again"
        )
    return tracklets_with(tracklets, [decision.tracklet_id for decision in decisions.kept])


def tracklets_with(tracklets: Tracklets, ids: Collection[int]) -> Tracklets:
    """The tracklets of some ids; those that are not there are passed over."""
    rows = np.isin(tracklets.tracklet_id, np.array(list(ids), "i8"))
    return Tracklets(**{name: values[rows] for name, values in tracklets.arrays().items()})
