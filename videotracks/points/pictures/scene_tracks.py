"""Tracks as rows of a Rerun scene: for each frame the visible points, and the way that each came."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from videotracks.points.pictures.projected_tracks import run_lengths
from videotracks.points.pictures.track_colors import track_colors
from videotracks.points.tracks import PointTracks

if TYPE_CHECKING:
    import rerun as rr

#: What a point takes in the file, bytes: place and colour; and a trail: length and colour, and each of its places.
_POINT_BYTES, _TRAIL_BYTES, _PLACE_BYTES = 16, 8, 12
#: Places of trails that are laid out at once: some 50 MB with all that it takes.
_CHUNK_PLACES = 1 << 20
_OPAQUE = 0xFF


class SceneTracks(NamedTuple):
    """Tracks as they are shown: ``points`` f4[T, N, 3] m, ``runs`` i4[T, N] frames on end that each is visible."""

    points: np.ndarray
    runs: np.ndarray
    colors: np.ndarray  # u4[N], 0xRRGGBBAA

    @classmethod
    def of(cls, tracks: PointTracks) -> "SceneTracks":
        """All tracks of an instance."""
        seen = tracks.visible & np.isfinite(tracks.tracks_3d).all(axis=2)
        red, green, blue = track_colors(tracks.query_points).T.astype("u4")
        return cls(
            points=tracks.tracks_3d,
            runs=run_lengths(seen),
            colors=red << 24 | green << 16 | blue << 8 | _OPAQUE,
        )

    def every(self, step: int) -> "SceneTracks":
        """One of ``step`` tracks."""
        return self._replace(
            points=self.points[:, ::step], runs=self.runs[:, ::step], colors=np.ascontiguousarray(self.colors[::step])
        )

    def size_bytes(self, trail_frames: int) -> int:
        """What points and trails will take in the file, about."""
        places = np.minimum(self.runs, trail_frames + 1).sum(dtype="i8") if trail_frames else 0
        each = _POINT_BYTES + (_TRAIL_BYTES if trail_frames else 0)
        return int((self.runs > 0).sum() * each + places * _PLACE_BYTES)


def thinned(
    instances: Mapping[int | str, PointTracks], trail_frames: int, most_bytes: float
) -> tuple[dict[int | str, SceneTracks], int]:
    """The tracks of all instances, one of so many (the second value) that they take no more than ``most_bytes``."""
    shown = {key: SceneTracks.of(tracks) for key, tracks in instances.items()}
    size = sum(tracks.size_bytes(trail_frames) for tracks in shown.values())
    step = max(1, -int(-size // most_bytes))
    return {key: tracks.every(step) if step > 1 else tracks for key, tracks in shown.items()}, step


def point_rows(tracks: SceneTracks) -> Iterator[tuple[slice, Iterable["rr.ComponentColumn"]]]:
    """The visible points of each frame: spans of frames, and their columns."""
    import rerun as rr

    for part in _parts(tracks, 1):
        t, n = np.nonzero(tracks.runs[part])
        columns = rr.Points3D.columns(positions=tracks.points[part][t, n], colors=tracks.colors[n])
        yield part, columns.partition(_counts(t, part))


def trail_rows(tracks: SceneTracks, trail_frames: int) -> Iterator[tuple[slice, Iterable["rr.ComponentColumn"]]]:
    """The way of each visible point since it appeared, ``trail_frames`` at most: spans of frames, and their columns."""
    import rerun as rr

    for part in _parts(tracks, trail_frames + 1):
        t, n = np.nonzero(tracks.runs[part] > 1)
        lengths = np.minimum(tracks.runs[part][t, n], trail_frames + 1)
        ends = np.cumsum(lengths)
        back = np.arange(lengths.sum()) - np.repeat(ends - 1, lengths)  # from 1 - length up to 0 in each trail
        places = tracks.points[np.repeat(t + part.start, lengths) + back, np.repeat(n, lengths)]
        columns = rr.LineStrips3D.columns(strips=_strips(places, ends), colors=tracks.colors[n])
        yield part, columns.partition(_counts(t, part))


def _counts(t: np.ndarray, part: slice) -> np.ndarray:
    return np.bincount(t, minlength=part.stop - part.start)


def _strips(places: np.ndarray, ends: np.ndarray) -> Any:
    """Trails that follow each other in ``places`` f4[P, 3] as Rerun's array; built at once, not strip by strip."""
    import pyarrow as pa
    from rerun.components import LineStrip3DBatch

    kind = LineStrip3DBatch._ARROW_DATATYPE
    inner = pa.FixedSizeListArray.from_arrays(places.ravel(), type=kind.value_type)
    offsets = pa.array(np.concatenate([[0], ends]).astype("i4"))
    return pa.ListArray.from_arrays(offsets, inner, type=kind)


def _parts(tracks: SceneTracks, places_each: int) -> Iterator[slice]:
    """Spans of frames that are laid out at once."""
    frames, count = tracks.runs.shape
    step = max(1, _CHUNK_PLACES // max(count * places_each, 1))
    for begin in range(0, frames, step):
        yield slice(begin, min(begin + step, frames))
