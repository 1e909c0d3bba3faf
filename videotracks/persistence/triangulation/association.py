"""Which tracks of several views are one thing: one-to-one between any two views, and without contradiction over all."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from videotracks.geometry.camera_path import ViewCamera
from videotracks.persistence.triangulation.evidence import Evidence, EvidenceSettings, gather_evidence
from videotracks.persistence.triangulation.sightings import Sightings


def match_tracks(
    cameras: Sequence[ViewCamera],
    sightings: Sightings,
    settings: EvidenceSettings,
    features: Mapping[int, np.ndarray] | None = None,
) -> list[list[int]]:
    """Groups of tracks (rows of ``sightings``, ascending) that are one thing; each has two views or more.

    Between two views the assignment that gains most evidence in all (Hungarian method; Kuhn, 1955) proposes links,
    and links join groups in the order of their gains, where the evidence between both groups is in favour and no view
    shows both in one frame. Then links are proposed again between what is still apart, so that a thing may have one
    track after the other in a view. Where tracks stand in a list, or what they are called, does not count. ``features``
    are those of ``gather_evidence``.
    """
    evidence = gather_evidence(cameras, sightings, settings, features)
    groups = _Groups(sightings, evidence)
    while groups.join(_proposed(groups, sightings.views)):
        pass
    return groups.of_several_views()


class _Groups:
    """Groups of tracks, at first each its own, and what speaks for joining two of them."""

    def __init__(self, sightings: Sightings, evidence: Evidence) -> None:
        count = len(sightings)
        self.of_track = np.arange(count)
        self._views = sightings.views
        self._members = [[track] for track in range(count)]
        self._frames = _frames_by_view(sightings)
        self._gains: list[dict[int, float]] = [{} for _ in range(count)]
        for a, b, gain in zip(evidence.first.tolist(), evidence.second.tolist(), evidence.gains.tolist(), strict=True):
            self._gains[a][b] = self._gains[b][a] = gain
        self.evidence = evidence

    def may_join(self, a: int, b: int) -> bool:
        """Whether two groups are rather one, and no view shows both in one frame."""
        if self._gains[a].get(b, 0.0) <= 0:
            return False
        one, other = self._frames[a], self._frames[b]
        return all(view not in other or not len(np.intersect1d(seen, other[view])) for view, seen in one.items())

    def join(self, links: list[tuple[int, int]]) -> int:
        """Join the groups of linked tracks, as far as they may be; how many joins there were."""
        joined = 0
        for first, second in links:
            a, b = int(self.of_track[first]), int(self.of_track[second])
            if a != b and self.may_join(a, b):
                self._merge(a, b)
                joined += 1
        return joined

    def _merge(self, a: int, b: int) -> None:
        self.of_track[self._members[b]] = a
        self._members[a] += self._members[b]
        self._members[b] = []
        for view, seen in self._frames[b].items():
            own = self._frames[a].get(view)
            self._frames[a][view] = seen if own is None else np.union1d(own, seen)
        for other, gain in self._gains[b].items():
            del self._gains[other][b]
            if other != a:
                self._gains[a][other] = self._gains[other][a] = self._gains[a].get(other, 0.0) + gain
        self._frames[b], self._gains[b] = {}, {}

    def of_several_views(self) -> list[list[int]]:
        """The groups with tracks of two views and more."""
        return [sorted(own) for own in self._members if len(np.unique(self._views[own])) > 1]


def _frames_by_view(sightings: Sightings) -> list[dict[int, np.ndarray]]:
    """For each track its frames, under its view."""
    order = np.argsort(sightings.tracks, kind="stable")
    begins = np.searchsorted(sightings.tracks[order], np.arange(1, len(sightings)))
    frames = np.split(sightings.frames[order], begins) if len(sightings) else []
    return [{view: seen} for view, seen in zip(sightings.views.tolist(), frames, strict=True)]


def _proposed(groups: _Groups, views: np.ndarray) -> list[tuple[int, int]]:
    """Links between tracks of different groups that may be joined, those with the most evidence first."""
    evidence = groups.evidence
    a, b = groups.of_track[evidence.first], groups.of_track[evidence.second]
    open_ = np.flatnonzero((a != b) & (evidence.gains > 0))
    allowed = {pair: groups.may_join(*pair) for pair in set(zip(a[open_].tolist(), b[open_].tolist(), strict=True))}
    open_ = open_[[allowed[pair] for pair in zip(a[open_].tolist(), b[open_].tolist(), strict=True)]]
    of_pair = views[evidence.first[open_]] * (views.max(initial=0) + 1) + views[evidence.second[open_]]
    chosen = [row for pair in np.unique(of_pair) for row in _assigned(evidence, open_[of_pair == pair])]
    chosen.sort(key=lambda row: -evidence.gains[row])
    return [(int(evidence.first[row]), int(evidence.second[row])) for row in chosen]


def _assigned(evidence: Evidence, rows: np.ndarray) -> Iterator[int]:
    """Of the links between two views those of the one-to-one assignment with the largest sum of gains."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    firsts, first = np.unique(evidence.first[rows], return_inverse=True)
    seconds, second = np.unique(evidence.second[rows], return_inverse=True)
    size = len(firsts) + len(seconds)
    graph = coo_array((np.ones(len(rows)), (first, len(firsts) + second)), shape=(size, size))
    # Tracks that no chain of links connects are assigned apart: tables stay small, however long the video.
    _, part = connected_components(graph, directed=False)
    for here in np.unique(part[first]):
        own = np.flatnonzero(part[first] == here)
        ones, one = np.unique(first[own], return_inverse=True)
        others, other = np.unique(second[own], return_inverse=True)
        gains, link = np.zeros((len(ones), len(others))), np.full((len(ones), len(others)), -1)
        gains[one, other], link[one, other] = evidence.gains[rows[own]], rows[own]
        taken = link[linear_sum_assignment(gains, maximize=True)]
        yield from taken[taken >= 0].tolist()
