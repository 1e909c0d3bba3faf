"""The layout of crop files: one blob of encoded crops per group, offsets into it, and a row of facts per crop.

``detection_crops.h5`` holds one group, the root; ``crops_by_person.h5`` and ``final_crops.h5`` a group
``person_003`` per person. Nothing is filtered by HDF5: each crop is encoded by itself, so that reading some
crops touches their bytes alone and regrouping copies bytes.
"""

import math
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.broken_files import hdf5_trouble
from videotracks.errors import CorruptFileError
from videotracks.tables import BOX, Table, column

if TYPE_CHECKING:
    import h5py

FORMAT_VERSION = 1
PERSON_GROUP = "person_{:03d}"
PERSON = re.compile(r"person_(\d{3,18})")
EXTRA = re.compile(r"[a-z][a-z0-9_]{0,63}")
REMEDY = "the file is damaged or was not written by this project: materialise its asset again"

#: Datasets of every group: dtype, shape after the number of crops, and rows beyond the number of crops.
INDEX = {"offsets": ("i8", (), 1), "sizes": ("i4", (2,), 0), "checksums": ("u4", (), 0)}
BLOB = "blob"


class CropSettings(BaseModel, frozen=True, extra="forbid"):
    """How the pixels of the detected persons are kept."""

    codec: Literal["jpeg", "exact"] = Field(
        default="jpeg", description="jpeg: small, at least 40 dB on photographs; exact: every bit, about twice the size"
    )
    quality: int = Field(default=95, ge=1, le=100, description="JPEG quality, 1 to 100; chroma is kept in full")
    encode_threads: int = Field(default=2, ge=1, le=64, description="threads that encode while the video is decoded")


@dataclass(frozen=True, slots=True, eq=False)
class CropRows(Table):
    """Where each crop comes from; row i belongs to crop i."""

    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    bboxes: np.ndarray = column("f4", "N", 4, doc="the detection's box, " + BOX)
    confidences: np.ndarray = column("f4", "N", doc="detector confidence, 0 to 1")
    camera: np.ndarray = column("i2", "N", doc="index into the recording's views")
    detection_indices: np.ndarray = column("i8", "N", doc="position of the detection inside its frame")


def pixel_box(bbox: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """A box (f32[4] xyxy px) rounded outward and clipped to a frame; all zero where it has no area in the frame."""
    left, top = max(float(bbox[0]), 0.0), max(float(bbox[1]), 0.0)
    right, bottom = min(float(bbox[2]), float(width)), min(float(bbox[3]), float(height))
    if not (left < right and top < bottom):
        return 0, 0, 0, 0
    return int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))


def write_attributes(
    file: "h5py.File", *, codec: str, persons: int, crops: int, frames: int, created: datetime | None
) -> None:
    """Write the attributes of a crop file; ``created`` is now where it is None."""
    file.attrs["num_persons"] = persons
    file.attrs["total_frames"] = frames
    file.attrs["total_crops"] = crops
    file.attrs["created_timestamp"] = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["codec"] = codec


def trouble(name: str) -> AbstractContextManager[None]:
    """Turn whatever HDF5 says of a broken crop file into a ``CorruptFileError`` that names it."""
    return hdf5_trouble(name, "crop file", REMEDY)


def hard_member(group: "h5py.Group", name: str) -> Any:
    """A member of a group that is stored there; links to elsewhere are refused unopened."""
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        raise CorruptFileError(f"{name} is missing")
    if not isinstance(link, h5py.HardLink):
        raise CorruptFileError(f"{name} is a link to elsewhere")
    return group[name]


def plain_dataset(
    group: "h5py.Group", name: str, dtype: np.dtype | None, shape: tuple[int | None, ...]
) -> "h5py.h5d.DatasetID":
    """A dataset of this very file, unfiltered and stored in full, so that no size is beyond the file's.

    ``dtype`` None admits any numbers, a None in ``shape`` any size. It is opened through HDF5's own interface: a file
    of 40 persons has 700 datasets, and h5py's objects take as long again as all the rest.
    """
    from h5py import h5d, h5l, h5o, h5s

    key = name.encode()
    if not group.id.links.exists(key):
        raise CorruptFileError(f"{name} is missing")
    if group.id.links.get_info(key).type != h5l.TYPE_HARD:
        raise CorruptFileError(f"{name} is a link to elsewhere")
    dataset = h5o.open(group.id, key)
    if not isinstance(dataset, h5d.DatasetID):
        raise CorruptFileError(f"{name} is no dataset")
    plan = dataset.get_create_plist()
    if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count() or plan.get_nfilters():
        raise CorruptFileError(f"{name} is virtual, external or filtered; plain datasets are read")
    found_dtype = dataset.dtype
    if found_dtype.kind not in "biuf" or (dtype is not None and found_dtype != dtype):
        raise CorruptFileError(f"{name}: expected {'numbers' if dtype is None else dtype}, got {found_dtype}")
    simple = dataset.get_space().get_simple_extent_type() == h5s.SIMPLE
    found = dataset.shape if simple else ()
    if len(found) != len(shape):
        raise CorruptFileError(f"{name}: expected {len(shape)} dimensions, got shape {found}")
    if any(size is not None and size != there for size, there in zip(shape, found, strict=True)):
        raise CorruptFileError(f"{name}: expected shape {shape}, got {found}")
    if dataset.get_storage_size() < math.prod(found) * found_dtype.itemsize:
        raise CorruptFileError(f"{name}: {found} declared, but not all of it is stored")
    return dataset


def write_dataset(group: "h5py.Group", name: str, array: np.ndarray) -> None:
    """A new dataset that holds ``array``, in one piece."""
    from h5py import h5d, h5s, h5t

    values = np.ascontiguousarray(array)
    dataset = h5d.create(
        group.id, name.encode(), h5t.py_create(values.dtype, logical=True), h5s.create_simple(values.shape)
    )
    if values.size:
        dataset.write(h5s.ALL, h5s.ALL, values)


def read_dataset(dataset: "h5py.h5d.DatasetID") -> np.ndarray:
    """All of a dataset."""
    from h5py import h5s

    array = np.empty(dataset.shape, dataset.dtype)
    if array.size:
        dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def read_bytes(dataset: "h5py.h5d.DatasetID", start: int, stop: int) -> np.ndarray:
    """Elements ``start`` to ``stop`` (not included) of a dataset of bytes, u8[stop - start]."""
    from h5py import h5s

    array = np.empty(stop - start, np.uint8)
    if array.size:
        space = dataset.get_space()
        space.select_hyperslab((start,), (stop - start,))
        dataset.read(h5s.create_simple(array.shape), space, array)
    return array


def read_attributes(file: "h5py.File") -> dict[str, Any]:
    """The attributes of a crop file, each of its type."""
    found: dict[str, Any] = {}
    for name, kind in (
        ("format_version", int), ("codec", str), ("num_persons", int),
        ("total_frames", int), ("total_crops", int), ("created_timestamp", str),
    ):  # fmt: skip
        if name not in file.attrs:
            raise CorruptFileError(f"attribute {name} is missing")
        value = file.attrs[name]
        value = value.item() if isinstance(value, np.generic) else value
        if type(value) is not kind or (isinstance(value, int) and value < 0):
            raise CorruptFileError(f"attribute {name}: expected {kind.__name__}, got {str(value)[:80]!r}")
        found[name] = value
    if found["format_version"] != FORMAT_VERSION:
        raise CorruptFileError(f"format version {found['format_version']}; {FORMAT_VERSION} is read")
    return found


def persons_in(file: "h5py.File") -> tuple[int, ...]:
    """The persons of a file, ascending; every other member of a file by person is refused."""
    ids = []
    for name in file:
        match = PERSON.fullmatch(name)
        if match:
            if PERSON_GROUP.format(int(match[1])) != name:
                raise CorruptFileError(f"group {name} is not named as persons are")
            ids.append(int(match[1]))
        elif name not in {*CropRows.columns(), *INDEX, BLOB} and not EXTRA.fullmatch(name):
            raise CorruptFileError(f"unexpected member {name[:80]!r}")
    if ids and len(ids) != len(file):
        raise CorruptFileError("persons and other members side by side")
    return tuple(sorted(ids))
