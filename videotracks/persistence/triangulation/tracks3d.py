"""What is stored of tracks in 3D: ``triangulated_tracks.npz``."""

from dataclasses import dataclass

import numpy as np

from videotracks.tables import Table, column, is_ragged


@dataclass(frozen=True, slots=True, eq=False)
class TriangulatedTracks(Table):
    """Where things are in the world, frame by frame, and which tracks of the views each thing is made of."""

    track_id: np.ndarray = column("i8", "N", doc="thing, from 1: the one seen first")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the views, from 0")
    positions: np.ndarray = column("f8", "N", 3, doc="x, y, z in the world of the calibration, m")
    errors_px: np.ndarray = column(
        "f4", "N", "C", doc="distance of the projected position from the middle of the box, px; NaN: view not used"
    )
    camera_ids: np.ndarray = column("U", "C", doc="names of the views")
    track_ids: np.ndarray = column("i8", "T", doc="all things, ascending; those without any position, too")
    member_offsets: np.ndarray = column("i8", "T+1", doc="where the tracks of each thing begin and end")
    member_ids: np.ndarray = column("i8", "M", doc="tracks of all things, one thing after the other: id in the view")
    member_cameras: np.ndarray = column("i2", "M", doc="their views: index into camera_ids")

    def check(self) -> None:
        """Sorted, at least two views a position, and every thing of at least two views."""
        step, same = np.diff(self.frame_numbers), np.diff(self.track_id) == 0
        self.expect(bool((np.diff(self.track_id) >= 0).all()), "rows must be sorted by track_id")
        self.expect(bool((step[same] > 0).all()), "frames of a track must increase")
        self.expect(bool(np.isin(self.track_id, self.track_ids).all()), "track_ids must name those of all rows")
        self.expect(bool((np.diff(self.track_ids) > 0).all()), "track_ids must be unique and ascending")
        self.expect(bool(np.isfinite(self.positions).all()), "positions must be finite")
        self.expect(bool((np.isfinite(self.errors_px).sum(axis=1) >= 2).all()), "a position needs two views")
        self.expect(is_ragged(self.member_ids, self.member_offsets), "member_offsets must split member_ids completely")
        known = (self.member_cameras >= 0) & (self.member_cameras < len(self.camera_ids))
        self.expect(bool(known.all()), "member_cameras must be views")

    @property
    def used(self) -> np.ndarray:
        """Which views a position is made of, bool[N, C]."""
        return np.isfinite(self.errors_px)

    def rows_of(self, track: int) -> slice:
        """The rows of one thing."""
        return slice(
            int(np.searchsorted(self.track_id, track, "left")), int(np.searchsorted(self.track_id, track, "right"))
        )

    def members_of(self, track: int) -> list[tuple[int, int]]:
        """View and id of each track that a thing is made of; ``KeyError`` if there is no such thing."""
        at = int(np.searchsorted(self.track_ids, track))
        if at == len(self.track_ids) or self.track_ids[at] != track:
            raise KeyError(f"no track {track}")
        own = slice(self.member_offsets[at], self.member_offsets[at + 1])
        return list(zip(self.member_cameras[own].tolist(), self.member_ids[own].tolist(), strict=True))
