"""Tables of arrays with a declared schema: what each stage hands to the next.

A table is a frozen dataclass whose fields are NumPy arrays declared by ``column(dtype, *shape)``.
The declaration is the one source of the schema: checked when a table is made, when it is written
and when it is read, and shown in the UI. Named dimensions ("N") must agree over the columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from videotracks.errors import CorruptFileError

type_names = {"f4": "f32", "f8": "f64", "i2": "i16", "i4": "i32", "i8": "i64", "u1": "u8", "b1": "bool"}


class Column(NamedTuple):
    """Dtype (NumPy short name, "U" for text), allowed shapes, and what the column holds, with its unit."""

    dtype: str
    shapes: tuple[tuple[str | int, ...], ...]
    doc: str

    @property
    def type_name(self) -> str:
        """The type as people write it: ``f32[N, 4]``."""
        shapes = " or ".join(", ".join(str(d) for d in shape) for shape in self.shapes)
        return f"{type_names.get(self.dtype, 'str')}[{shapes}]"


def column(dtype: str, *shape: str | int, doc: str, or_shape: tuple[str | int, ...] | None = None) -> Any:
    """Declare one array of a table; ``or_shape`` admits a second shape."""
    shapes = (shape,) if or_shape is None else (shape, or_shape)
    return field(metadata={"column": Column(dtype, shapes, doc)})


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Base of all tables. Making one checks dtypes, shapes and invariants; a breach is a ``CorruptFileError``."""

    #: The dimension that counts rows, for metadata.
    rows: ClassVar[str] = "N"

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, declared in self.columns().items():
            _check_column(type(self).__name__, name, getattr(self, name), declared, sizes)
        self.check()

    def check(self) -> None:
        """Check what goes beyond dtype and shape. Tables override this; raise by ``self.expect``."""

    def expect(self, condition: bool | np.bool_, message: str) -> None:
        """Raise ``CorruptFileError`` with ``message`` unless ``condition`` holds."""
        if not condition:
            raise CorruptFileError(f"{type(self).__name__}: {message}")

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """The declared columns by name, in order."""
        return {f.name: f.metadata["column"] for f in fields(cls)}

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns by name, as stored."""
        return {name: getattr(self, name) for name in self.columns()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make a table from stored arrays; missing and unknown names are errors."""
        wanted, found = set(cls.columns()), set(arrays)
        if wanted != found:
            missing, unknown = sorted(wanted - found), sorted(found - wanted)
            raise CorruptFileError(f"{cls.__name__}: missing arrays {missing}, unknown arrays {unknown}")
        return cls(**arrays)

    @property
    def row_count(self) -> int:
        """The size of the ``rows`` dimension."""
        for name, declared in self.columns().items():
            if declared.shapes[0][:1] == (self.rows,):
                return len(getattr(self, name))
        raise TypeError(f"{type(self).__name__} declares no column of {self.rows} rows")


def _check_column(table: str, name: str, array: Any, declared: Column, sizes: dict[str, int]) -> None:
    if not isinstance(array, np.ndarray):
        raise CorruptFileError(f"{table}.{name}: expected {declared.type_name}, got {type(array).__name__}")
    kind_ok = array.dtype.kind == "U" if declared.dtype == "U" else array.dtype == np.dtype(declared.dtype)
    if not kind_ok:
        raise CorruptFileError(f"{table}.{name}: expected {declared.type_name}, got dtype {array.dtype}")
    for shape in declared.shapes:
        bound = _bind(shape, array.shape, sizes)
        if bound is not None:
            sizes.update(bound)
            return
    known = ", ".join(f"{k}={v}" for k, v in sizes.items())
    raise CorruptFileError(f"{table}.{name}: expected {declared.type_name} ({known}), got shape {array.shape}")


def _bind(shape: tuple[str | int, ...], actual: tuple[int, ...], sizes: Mapping[str, int]) -> dict[str, int] | None:
    """Sizes of the named dimensions if ``actual`` fits ``shape``, else None."""
    if len(shape) != len(actual):
        return None
    bound: dict[str, int] = {}
    for dim, size in zip(shape, actual, strict=True):
        if isinstance(dim, int):
            if dim != size:
                return None
        elif dim.endswith("+1"):
            if size < 1 or {**sizes, **bound}.get(dim[:-2], size - 1) != size - 1:
                return None
            bound[dim[:-2]] = size - 1
        elif {**sizes, **bound}.get(dim, size) != size:
            return None
        else:
            bound[dim] = size
    return bound


def empty(table: type[Table], **sizes: int) -> dict[str, np.ndarray]:
    """Arrays of zero rows (or the ``sizes`` given per dimension) for every column of ``table``."""
    made = {}
    for name, declared in table.columns().items():
        shape = [_size(dim, sizes) for dim in declared.shapes[0]]
        made[name] = np.zeros(shape, dtype="U1" if declared.dtype == "U" else declared.dtype)
    return made


def _size(dim: str | int, sizes: Mapping[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    return sizes.get(dim[:-2], 0) + 1 if dim.endswith("+1") else sizes.get(dim, 0)


def is_ragged(values: np.ndarray, offsets: np.ndarray) -> bool:
    """Whether ``offsets`` (i64[P+1], from 0, never falling) splits ``values`` completely."""
    return bool(len(offsets) >= 1 and offsets[0] == 0 and offsets[-1] == len(values) and np.all(np.diff(offsets) >= 0))


BOX = "left, top, right, bottom in pixels of the view"


@dataclass(frozen=True, slots=True, eq=False)
class Detections(Table):
    """Persons found in each frame. Sorted by camera, then frame; the order inside a frame is the detector's."""

    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    bboxes: np.ndarray = column("f4", "N", 4, doc=BOX)
    confidences: np.ndarray = column("f4", "N", doc="detector confidence, 0 to 1")
    classes: np.ndarray = column("i8", "N", doc="COCO class, 0 = person")
    num_detections_per_frame: np.ndarray = column(
        "i8", "F", or_shape=("C", "F"), doc="detections in each frame; per view where there are several"
    )
    camera: np.ndarray = column("i2", "N", doc="index into camera_ids")
    camera_ids: np.ndarray = column("U", "C", doc="names of the views")

    def check(self) -> None:
        """Rows must agree with the counts per frame, which fixes their order too."""
        counts = np.atleast_2d(self.num_detections_per_frame)
        self.expect(len(counts) == len(self.camera_ids), "num_detections_per_frame must have one row per view")
        self.expect(bool(np.all(counts >= 0)), "num_detections_per_frame must not be negative")
        self.expect(int(counts.sum()) == len(self.camera), "num_detections_per_frame must sum to the number of rows")
        camera, frame = np.nonzero(counts)
        times = counts[camera, frame]
        self.expect(
            np.array_equal(np.repeat(camera, times), self.camera)
            and np.array_equal(np.repeat(frame, times), self.frame_numbers),
            "rows must be sorted by camera and frame and agree with num_detections_per_frame",
        )
        self.expect(bool(np.isfinite(self.bboxes).all()), "bboxes must be finite")

    @property
    def counts(self) -> np.ndarray:
        """Detections per view and frame, i64[C, F]."""
        return np.atleast_2d(self.num_detections_per_frame)

    def row_of(self, camera: np.ndarray, frame_numbers: np.ndarray, detection_indices: np.ndarray) -> np.ndarray:
        """Rows i64[M] of the detections at these views, frames and positions inside the frame."""
        flat = self.counts.ravel()
        starts = np.concatenate([[0], np.cumsum(flat)])[:-1].reshape(self.counts.shape)
        return starts[camera, frame_numbers] + detection_indices


@dataclass(frozen=True, slots=True, eq=False)
class Tracklets(Table):
    """Detections linked over time. A row is one detection of one tracklet; sorted by tracklet, then frame.

    ``tracklet_id`` is unique in the whole recording and starts at 1. Boxes are the detections' own.
    """

    tracklet_id: np.ndarray = column("i8", "N", doc="tracklet, unique in the recording, from 1")
    camera: np.ndarray = column("i2", "N", doc="index into the recording's views")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    bboxes: np.ndarray = column("f4", "N", 4, doc=BOX)
    confidences: np.ndarray = column("f4", "N", doc="detector confidence, 0 to 1")
    detection_indices: np.ndarray = column("i8", "N", doc="position of the detection inside its frame")

    def check(self) -> None:
        """Sorted, and one box per tracklet and frame."""
        same = np.diff(self.tracklet_id) == 0
        self.expect(bool(np.all(np.diff(self.tracklet_id) >= 0)), "rows must be sorted by tracklet_id")
        self.expect(bool(np.all(np.diff(self.frame_numbers)[same] > 0)), "frames of a tracklet must increase")
        self.expect(bool(np.all(np.diff(self.camera)[same] == 0)), "a tracklet must stay in one view")


@dataclass(frozen=True, slots=True, eq=False)
class TrackletStats(Table):
    """The statistics of each tracklet, one row each, sorted by ``tracklet_id``."""

    tracklet_id: np.ndarray = column("i8", "N", doc="tracklet")
    camera: np.ndarray = column("i2", "N", doc="index into the recording's views")
    start_frame: np.ndarray = column("i8", "N", doc="first frame")
    end_frame: np.ndarray = column("i8", "N", doc="last frame")
    duration: np.ndarray = column("i8", "N", doc="number of detections")
    mean_center: np.ndarray = column("f8", "N", 2, doc="mean box centre x, y in px")
    center_jitter: np.ndarray = column("f8", "N", doc="mean over x and y of the std of the centres, px")
    mean_area: np.ndarray = column("f8", "N", doc="mean box area, px²")
    area_std: np.ndarray = column("f8", "N", doc="std of the box area, px²")
    area_variance: np.ndarray = column("f8", "N", doc="historic name of area_std: the same number")
    mean_velocity: np.ndarray = column("f8", "N", 2, doc="mean velocity x, y in px/frame")
    velocity_magnitude: np.ndarray = column("f8", "N", doc="mean speed, px/frame")
    first_bbox: np.ndarray = column("f4", "N", 4, doc="first box, " + BOX)
    last_bbox: np.ndarray = column("f4", "N", 4, doc="last box, " + BOX)
    mean_confidence: np.ndarray = column("f8", "N", doc="mean detector confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Persons(Table):
    """Tracklets merged into persons: rows sorted by person, camera and frame; a ragged list of tracklets each."""

    person_id: np.ndarray = column("i8", "N", doc="person: the id of its first tracklet")
    camera: np.ndarray = column("i2", "N", doc="index into the recording's views")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    bboxes: np.ndarray = column("f4", "N", 4, doc=BOX)
    confidences: np.ndarray = column("f4", "N", doc="detector confidence, 0 to 1")
    detection_indices: np.ndarray = column("i8", "N", doc="position of the detection inside its frame")
    tracklet_id: np.ndarray = column("i8", "N", doc="tracklet the box comes from")
    person_ids: np.ndarray = column("i8", "P", doc="the persons, ascending")
    num_tracklets_merged: np.ndarray = column("i8", "P", doc="tracklets of each person")
    original_tracklet_ids: np.ndarray = column("i8", "T", doc="tracklets of all persons, one after the other")
    original_tracklet_offsets: np.ndarray = column("i8", "P+1", doc="where each person's tracklets begin and end")

    def check(self) -> None:
        """Sorted, complete, and every tracklet in one person only."""
        self.expect(bool(np.all(np.diff(self.person_ids) > 0)), "person_ids must be unique and ascending")
        self.expect(np.array_equal(np.unique(self.person_id), self.person_ids), "person_ids must be those of the rows")
        self.expect(
            is_ragged(self.original_tracklet_ids, self.original_tracklet_offsets),
            "original_tracklet_offsets must split original_tracklet_ids completely",
        )
        self.expect(
            np.array_equal(np.diff(self.original_tracklet_offsets), self.num_tracklets_merged),
            "num_tracklets_merged must agree with original_tracklet_offsets",
        )
        key = np.stack([self.person_id, self.camera.astype("i8"), self.frame_numbers], axis=1)
        step = np.diff(key, axis=0)
        grows = (step[:, 0] > 0) | ((step[:, 0] == 0) & ((step[:, 1] > 0) | ((step[:, 1] == 0) & (step[:, 2] > 0))))
        self.expect(bool(np.all(grows)), "rows must be sorted by person, camera and frame, one box a frame")

    def rows_of(self, person: int) -> slice:
        """The rows of one person; ``KeyError`` if there is none."""
        if person not in self.person_ids:
            raise KeyError(f"no person {person}")
        return slice(
            int(np.searchsorted(self.person_id, person, "left")), int(np.searchsorted(self.person_id, person, "right"))
        )

    def tracklets_of(self, person: int) -> np.ndarray:
        """The tracklets i64[K] of one person."""
        at = int(np.searchsorted(self.person_ids, person))
        return self.original_tracklet_ids[self.original_tracklet_offsets[at] : self.original_tracklet_offsets[at + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Similarity(Table):
    """Re-ID features of the crops that were compared, and the similarity of every pair of persons."""

    rows: ClassVar[str] = "P"

    person_ids: np.ndarray = column("i8", "P", doc="persons, ascending: rows and columns of the matrix")
    similarity: np.ndarray = column("f4", "P", "P", doc="mean pairwise cosine of the crop features, -1 to 1")
    features: np.ndarray = column("f4", "K", "D", doc="unit-length feature of each compared crop")
    feature_offsets: np.ndarray = column("i8", "P+1", doc="where each person's features begin and end")
    feature_camera: np.ndarray = column("i2", "K", doc="view of each compared crop")
    feature_frame_numbers: np.ndarray = column("i8", "K", doc="frame of each compared crop")

    def check(self) -> None:
        """Symmetric, finite, and features split completely."""
        self.expect(bool(np.isfinite(self.similarity).all()), "similarity must be finite")
        self.expect(bool(np.allclose(self.similarity, self.similarity.T, atol=1e-5)), "similarity must be symmetric")
        self.expect(is_ragged(self.features, self.feature_offsets), "feature_offsets must split features completely")


#: Room for the position in a frame and for the frame number in a key of 63 bits.
_INDEX_BITS, _FRAME_BITS = 14, 33


@dataclass(frozen=True, slots=True, eq=False)
class PersonObjects(Table):
    """Which object mask belongs to each box of the persons: rows sorted by camera, frame and detection."""

    camera: np.ndarray = column("i2", "N", doc="index into the recording's views")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    detection_indices: np.ndarray = column("i8", "N", doc="position of the detection inside its frame")
    person_id: np.ndarray = column("i8", "N", doc="person of the box, before merging")
    tracked: np.ndarray = column("b1", "N", doc="whether objects were followed through the frame at all")
    level: np.ndarray = column("i2", "N", doc="level of the object; 0 where none belongs to the box")
    object_id: np.ndarray = column("i8", "N", doc="object, from 1; 0 where none belongs to the box")
    iou: np.ndarray = column("f4", "N", doc="IoU of the box and the bounding box of the best object's mask, 0 to 1")

    def check(self) -> None:
        """Sorted, each detection once, and object and level stated together."""
        key = np.stack([self.camera.astype("i8"), self.frame_numbers, self.detection_indices], axis=1)
        self.expect(np.array_equal(np.lexsort(key.T[::-1]), np.arange(len(key))), "rows must be sorted")
        self.expect(bool(np.any(np.diff(key, axis=0) != 0, axis=1).all()), "each detection once")
        few = bool(
            (self.detection_indices >> _INDEX_BITS == 0).all() and (self.frame_numbers >> _FRAME_BITS == 0).all()
        )
        self.expect(few, "more detections in a frame, or more frames, than there can be")
        self.expect(np.array_equal(self.level > 0, self.object_id > 0), "an object has a level, and none without")

    def find(self, camera: np.ndarray, frame_numbers: np.ndarray, detection_indices: np.ndarray) -> np.ndarray:
        """Rows i64[M] of these detections; -1 for those that are not in the table."""
        own = _detection_keys(self.camera, self.frame_numbers, self.detection_indices)
        wanted = _detection_keys(camera, frame_numbers, detection_indices)
        if not len(own):
            return np.full(len(wanted), -1)
        at = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
        return np.where(own[at] == wanted, at, -1)


def _detection_keys(camera: np.ndarray, frame_numbers: np.ndarray, detection_indices: np.ndarray) -> np.ndarray:
    """One sortable key per detection, i64[M]."""
    return (camera.astype("i8") << _INDEX_BITS + _FRAME_BITS) | (frame_numbers << _INDEX_BITS) | detection_indices
