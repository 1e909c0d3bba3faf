"""3D tracks of the points of one object: what ``*_tracked.npz`` and ``*_refined.npz`` hold."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.npz import Header, read_npz, write_npz

#: A point is seen where its visibility is above this (the trackers' own convention).
VISIBLE_ABOVE = 0.5
#: Names that other writers of such files use.
ALIASES = {"traj_e": "tracks_3d", "vis_e": "visibilities", "intrinsics": "intrs", "extrinsics": "extrs"}
#: Kinds of dtype that are read as f32 under an alias.
_FOREIGN_KINDS = {"traj_e": "f", "vis_e": "fb"}
#: What a file may hold of each: views, frames, points, pixels of a side. An array without elements takes no bytes, so
#: its shape is bounded by these alone.
MOST = {"V": 1024, "T": 10_000_000, "N": 10_000_000, "H": 65_536, "W": 65_536}

_CAMERA_ID = re.compile(r"\w[\w .-]{0,127}")
_MOST_LETTERS = 128
_KEYS = "the content of *_tracked.npz is described in docs/points.md"


class _Array(NamedTuple):
    """Dtypes (the first is that of the tables) and shapes that an array may have."""

    dtypes: tuple[str, ...]
    shapes: tuple[tuple[str | int, ...], ...]
    optional: bool = False


_ARRAYS = {
    "tracks_3d": _Array(("f4",), (("T", "N", 3),)),
    "visibilities": _Array(("f4",), (("T", "N"),)),
    "query_points": _Array(("f4",), (("N", 4),)),
    "intrs": _Array(("f4", "f8"), (("V", 3, 3), ("V", "T", 3, 3))),
    "extrs": _Array(("f4", "f8"), (("V", 3, 4), ("V", "T", 3, 4))),
    "camera_ids": _Array(("U",), (("V",),)),
    "tracker": _Array(("U",), ((),)),
    "temporal_stride": _Array(("i8",), ((),)),
    "spatial_downsample": _Array(("i8",), ((),)),
    "timestamps": _Array(("f8",), (("T",),)),
    "interpolated": _Array(("b1",), (("T", "N"),), optional=True),
    "rgbs": _Array(("u1",), (("V", "T", 3, "H", "W"),), optional=True),
    "depths": _Array(("f4", "f2"), (("V", "T", 1, "H", "W"),), optional=True),
}
#: Read only when asked for, and never deflated.
_CAMERA_DATA = ("rgbs", "depths")


@dataclass(frozen=True, slots=True, eq=False)
class PointTracks:
    """Tracks of N points (0 is allowed) over T frames, seen by V views.

    ``tracks_3d`` f32[T, N, 3] world, metres; ``visibilities`` f32[T, N], 0 to 1, seen above 0.5; ``query_points``
    f32[N, 4] = (frame of the T, x, y, z) where each was asked for; ``intrs`` [V, 3, 3] or [V, T, 3, 3] and ``extrs``
    [V, 3, 4] or [V, T, 3, 4] world to camera, f32 or f64; ``timestamps`` f64[T] in seconds, of the frames that were
    tracked: every ``temporal_stride``-th of the video, at 1/``spatial_downsample`` of its size. ``interpolated``
    bool[T, N]: positions that nobody measured. ``rgbs`` u8[V, T, 3, H, W] and ``depths`` f32 or f16[V, T, 1, H, W]
    only where asked for.

    Making one checks dtypes, shapes and values; a breach is a ``CorruptFileError`` that names the array.
    """

    tracks_3d: np.ndarray
    visibilities: np.ndarray
    query_points: np.ndarray
    intrs: np.ndarray
    extrs: np.ndarray
    camera_ids: tuple[str, ...]
    tracker: str
    temporal_stride: int
    spatial_downsample: int
    timestamps: np.ndarray
    interpolated: np.ndarray | None = None
    rgbs: np.ndarray | None = None
    depths: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = self.arrays()
        _check_headers({name: Header(array.dtype, array.shape) for name, array in arrays.items()})
        _check_values(arrays)

    @property
    def frame_count(self) -> int:
        """T."""
        return self.tracks_3d.shape[0]

    @property
    def track_count(self) -> int:
        """N."""
        return self.tracks_3d.shape[1]

    @property
    def visible(self) -> np.ndarray:
        """Where a point is seen, bool[T, N]."""
        return self.visibilities > VISIBLE_ABOVE

    @property
    def frame_rate_hz(self) -> float | None:
        """Frames per second, from the median distance of the timestamps; None for a single frame."""
        return float(1 / np.median(np.diff(self.timestamps))) if self.frame_count > 1 else None

    def select(self, tracks: np.ndarray) -> Self:
        """Some of the tracks, by a mask bool[N] or by indices; what belongs to the frames and views stays."""
        return replace(
            self,
            tracks_3d=self.tracks_3d[:, tracks],
            visibilities=self.visibilities[:, tracks],
            query_points=self.query_points[tracks],
            interpolated=None if self.interpolated is None else self.interpolated[:, tracks],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The content as stored: one array per name, the optional ones where there are any."""
        values: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        values["camera_ids"] = np.array(self.camera_ids, dtype=str)
        values["tracker"] = np.array(self.tracker, dtype=str)
        values["temporal_stride"] = np.array(self.temporal_stride, "i8")
        values["spatial_downsample"] = np.array(self.spatial_downsample, "i8")
        return {name: np.asarray(value) for name, value in values.items() if value is not None}


def write_tracks(target: Path | BinaryIO, tracks: PointTracks) -> None:
    """Write tracks as NPZ; images and depth are stored, of the rest is deflated what shrinks."""
    write_npz(target, tracks.arrays(), stored=_CAMERA_DATA)


def read_tracks(source: Path | BinaryIO, name: str | None = None, *, camera_data: bool = False) -> PointTracks:
    """Read tracks back; ``name`` stands for the file in errors.

    ``camera_data``: read embedded images and depth, too, where there are any. ``CorruptFileError`` for whatever is not
    such a file in full: names, dtypes and shapes are compared before anything is inflated. The aliases ``traj_e``,
    ``vis_e``, ``intrinsics`` and ``extrinsics`` are known; the first two may be any floats, and ``vis_e`` bool.
    """

    def select(headers: Mapping[str, Header]) -> Collection[str]:
        _check_headers(_by_own_name(headers))
        return [key for key in headers if camera_data or key not in _CAMERA_DATA]

    arrays = _by_own_name(read_npz(source, name, select=select))
    for key in ("tracks_3d", "visibilities"):
        arrays[key] = arrays[key].astype("f4", copy=False)
    try:
        return _from_arrays(arrays)
    except CorruptFileError as error:
        raise CorruptFileError(f"{name or source}: {error}; materialise its asset again") from None


def _from_arrays(arrays: dict[str, np.ndarray]) -> PointTracks:
    texts = {"camera_ids": tuple(arrays["camera_ids"].tolist()), "tracker": str(arrays["tracker"])}
    numbers = {key: int(arrays[key]) for key in ("temporal_stride", "spatial_downsample")}
    return PointTracks(**{**arrays, **texts, **numbers})  # type: ignore[arg-type]


def _by_own_name(found: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays or headers by the names of this project; those under an alias, as the dtype that they are read as."""
    own: dict[str, Any] = {}
    for key, value in found.items():
        name = ALIASES.get(key, key)
        if name in own:
            raise CorruptFileError(f"array {key!r}: {name!r} is there under two names")
        foreign = isinstance(value, Header) and value.dtype.kind in _FOREIGN_KINDS.get(key, "")
        own[name] = Header(np.dtype("f4"), value.shape) if foreign else value
    return own


def _check_headers(headers: Mapping[str, Header]) -> None:
    unknown = sorted(set(headers) - set(_ARRAYS))
    missing = [name for name, array in _ARRAYS.items() if name not in headers and not array.optional]
    if missing or unknown:
        raise CorruptFileError(f"missing arrays {missing}, unknown arrays {unknown}; {_KEYS}")
    sizes: dict[str, int] = {}
    for name, expected in _ARRAYS.items():
        if name in headers:
            _check_header(name, expected, headers[name], sizes)


def _check_header(name: str, expected: _Array, header: Header, sizes: dict[str, int]) -> None:
    """Compare one array with what it must be; ``sizes`` takes up the dimensions that it settles."""
    kinds = [header.dtype.kind == "U" if dtype == "U" else header.dtype == np.dtype(dtype) for dtype in expected.dtypes]
    if not any(kinds):
        raise CorruptFileError(
            f"array {name!r}: dtype {header.dtype}; {' or '.join(expected.dtypes)} expected; {_KEYS}"
        )
    if header.dtype.kind == "U" and header.dtype.itemsize > 4 * _MOST_LETTERS:
        raise CorruptFileError(f"array {name!r}: {header.dtype} holds more than {_MOST_LETTERS} letters")
    for shape in expected.shapes:
        fresh = {d: s for d, s in zip(shape, header.shape, strict=False) if isinstance(d, str) and d not in sizes}
        bound = {**fresh, **sizes}
        if len(shape) == len(header.shape) and header.shape == tuple(
            bound[d] if isinstance(d, str) else d for d in shape
        ):
            too_many = [d for d in shape if isinstance(d, str) and bound[d] > MOST[d]]
            if too_many:
                raise CorruptFileError(f"array {name!r}: {bound[too_many[0]]:,} along {too_many[0]} are too many")
            sizes.update(bound)
            return
    shapes = " or ".join("[" + ", ".join(map(str, shape)) + "]" for shape in expected.shapes)
    raise CorruptFileError(f"array {name!r}: shape {list(header.shape)}; {shapes} with {sizes} expected; {_KEYS}")


def _check_values(arrays: Mapping[str, np.ndarray]) -> None:
    def expect(condition: Any, name: str, message: str) -> None:
        if not condition:
            raise CorruptFileError(f"array {name!r}: {message}")

    visibilities, times, ids = arrays["visibilities"], arrays["timestamps"], arrays["camera_ids"].tolist()
    expect(len(times) > 0, "timestamps", "no frames; one at least is expected")
    expect(
        np.isfinite(times).all() and (np.diff(times) > 0).all(), "timestamps", "seconds must ascend from frame to frame"
    )
    expect(((visibilities >= 0) & (visibilities <= 1)).all(), "visibilities", "values outside 0 to 1")
    for name in ("query_points", "intrs", "extrs"):
        expect(np.isfinite(arrays[name]).all(), name, "values that are no finite numbers")
    asked = arrays["query_points"][:, 0]
    expect(((asked >= 0) & (asked < len(times))).all(), "query_points", f"frames outside 0 to {len(times) - 1}")
    expect(len(ids) > 0 and len(set(ids)) == len(ids), "camera_ids", "each view needs an id of its own")
    expect(all(_CAMERA_ID.fullmatch(i) for i in ids), "camera_ids", f"{ids}: not plain names")
    for name in ("temporal_stride", "spatial_downsample"):
        expect(arrays[name] >= 1, name, f"{int(arrays[name])}; 1 or more is expected")
