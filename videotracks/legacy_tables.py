"""Tables from the arrays that the older scripts wrote: one record (dict) per tracklet or person, or flat columns.

Nothing in them is trusted: numbers are checked before they become arrays, and what is built has a bound.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from videotracks.errors import BaselineError, CorruptFileError
from videotracks.tables import Detections, Persons, Table, Tracklets, TrackletStats, empty

Record = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
TableT = TypeVar("TableT", bound=Table)
#: Boxes of a whole import; far more than any video of the older scripts, and little enough to hold.
MAX_ROWS = 50_000_000
#: The name that a single view gets.
CAMERA = "cam_00"
_ROWS = {"camera": ("i2", 0), "frame_numbers": ("i8", 0), "bboxes": ("f4", 4), "confidences": ("f4", 0),
         "detection_indices": ("i8", 0), "tracklet_id": ("i8", 0)}  # fmt: skip
_ID_AT_END = re.compile(r"(\d{1,18})$")


class Source:
    """The arrays of one file, and what was expected of it, for errors."""

    def __init__(self, arrays: Arrays, name: str, expected: Sequence[str], id_name: str) -> None:
        self.arrays, self.name, self.expected, self.id_name = arrays, name, expected, id_name

    def error(self, why: str) -> BaselineError:
        """The error for this file."""
        found = ", ".join(f"{k} {a.dtype}{list(a.shape)}" for k, a in list(self.arrays.items())[:30]) or "no arrays"
        return BaselineError(
            f"{self.name}: {why}. Found: {found}. Expected: arrays {', '.join(self.expected)}, "
            "or an array of one dict each with these keys"
        )

    def numbers(self, value: Any, key: str, dtype: str, width: int) -> np.ndarray:
        """A list or an array of numbers, [N] or [N, width], as ``dtype``; whole numbers stay whole."""
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            array = value
        else:
            items = list(value) if isinstance(value, list | tuple | np.ndarray) else None
            if items is None or not all(_is_number(i) if width == 0 else _is_row(i, width) for i in items):
                raise self.error(f"{key} holds no list of numbers")
            array = np.array([i if width == 0 else list(i) for i in items], dtype="f8")
        if array.size == 0:
            array = array.reshape((0, width) if width else (0,))
        if array.ndim != (2 if width else 1) or (width and array.shape[1] != width):
            raise self.error(f"{key} has the shape {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.error(f"{key} holds numbers that are not finite")
        with np.errstate(all="ignore"):
            made = array.astype(dtype)
        if made.dtype.kind == "i" and not np.array_equal(array, made):
            raise self.error(f"{key} holds numbers that are not whole")
        return made

    def column(self, record: Record, key: str, dtype: str, width: int = 0) -> np.ndarray:
        """A list of numbers of one record."""
        if key not in record:
            raise self.error(f"a record without {key}: it has {', '.join(map(str, list(record)[:20]))}")
        return self.numbers(record[key], key, dtype, width)

    def records(self) -> list[Record] | None:
        """The records, each with its id; None where the file holds flat columns."""
        if len(self.arrays) == 1 and all(array.size == 0 for array in self.arrays.values()):
            return []
        for array in self.arrays.values():
            found = _records_in(array)
            if found is not None:
                return [{**record, self.id_name: self._id(record, i, key)} for i, (key, record) in enumerate(found)]
        single = {k: a.item() for k, a in self.arrays.items() if a.dtype == object and a.ndim == 0}
        if single and all(isinstance(r, dict) and _ID_AT_END.search(k) for k, r in single.items()):
            return [{**r, self.id_name: self._id(r, i, k)} for i, (k, r) in enumerate(single.items())]
        return self._from_object_columns()

    def _from_object_columns(self) -> list[Record] | None:
        """Records from columns of which some hold a list per record."""
        if not any(a.dtype == object for a in self.arrays.values()):
            return None
        count = max((len(a) for a in self.arrays.values() if a.dtype == object and a.ndim), default=0)
        columns = {k: a.tolist() for k, a in self.arrays.items() if a.ndim and len(a) == count}
        ids = columns.get(self.id_name + "s", columns.get(self.id_name))
        records = [{k: a[i] for k, a in columns.items()} for i in range(count)]
        return [{**r, self.id_name: i if ids is None else self._whole(ids[i])} for i, r in enumerate(records)]

    def _id(self, record: Record, position: int, key: Any) -> int:
        for name in (self.id_name, "id", "track_id"):
            if name in record:
                return self._whole(record[name])
        if isinstance(key, int):
            return key
        found = _ID_AT_END.search(key) if isinstance(key, str) else None
        return int(found[1]) if found else position

    def _whole(self, value: Any) -> int:
        return int(self.numbers([value], self.id_name, "i8", 0)[0])


def tracklets_from(arrays: Arrays, name: str) -> Tracklets:
    """Tracklets from ``tracklets_raw.npz``; ``BaselineError`` for an unknown layout."""
    keys = ("tracklet_id", "frame_numbers", "bboxes", "confidences", "detection_indices")
    source = Source(arrays, name, keys, "tracklet_id")
    records = source.records()
    rows = _flat(source, keys) if records is None else _rows(source, records)
    return _made(source, Tracklets, _sorted(rows, ("tracklet_id", "frame_numbers")))


def detections_from(arrays: Arrays, name: str) -> Detections:
    """Detections from ``detections_raw.npz``; one view unless the file names more."""
    keys = ("frame_numbers", "bboxes", "confidences", "num_detections_per_frame")
    source = Source(arrays, name, keys, "frame")
    rows = _flat(source, keys[:3])
    if "num_detections_per_frame" not in arrays:
        raise source.error("no num_detections_per_frame")
    counts = arrays["num_detections_per_frame"]
    counts = source.numbers(counts if counts.ndim == 1 else counts.ravel(), "num_detections_per_frame", "i8", 0)
    shape = arrays["num_detections_per_frame"].shape
    names = arrays.get("camera_ids", np.array([CAMERA]))
    rows = _sorted(rows, ("camera", "frame_numbers"))
    classes = source.numbers(arrays["classes"], "classes", "i8", 0) if "classes" in arrays else None
    return _made(source, Detections, {
        **{k: rows[k] for k in ("frame_numbers", "bboxes", "confidences", "camera")},
        "classes": np.zeros(len(rows["camera"]), "i8") if classes is None else classes[rows["order"]],
        "num_detections_per_frame": counts.reshape(shape),
        "camera_ids": names if names.dtype.kind == "U" else np.array([str(n)[:80] for n in names.tolist()]),
    })  # fmt: skip


def statistics_from(arrays: Arrays, name: str) -> TrackletStats:
    """Statistics from ``tracklet_stats.npz``; ``area_std`` may be there under its historic name only."""
    declared = {k: (c.dtype, c.shapes[0][1:]) for k, c in TrackletStats.columns().items()}
    source = Source(arrays, name, [k for k in declared if k not in ("camera", "area_std")], "tracklet_id")
    records = source.records()
    if records == []:
        return TrackletStats.from_arrays(empty(TrackletStats))
    if records is None:
        made: dict[str, Any] = dict(arrays)
        made.setdefault("tracklet_id", np.arange(max((len(a) for a in arrays.values() if a.ndim), default=0)))
    else:
        made = {key: [r.get(key) for r in records] for key in {k for r in records for k in r if k in declared}}
    for key, other in (("area_std", "area_variance"), ("area_variance", "area_std")):
        made.setdefault(key, made.get(other))
    made.setdefault("camera", [0] * len(made["tracklet_id"]))
    missing = [key for key in declared if made.get(key) is None]
    if missing:
        raise source.error(f"no {', '.join(missing)}")
    columns = {k: source.numbers(made[k], k, dtype, int(shape[0]) if shape else 0)
               for k, (dtype, shape) in declared.items()}  # fmt: skip
    order = np.argsort(columns["tracklet_id"], kind="stable")
    if any(len(c) != len(order) for c in columns.values()):
        raise source.error("columns of different lengths")
    return _made(source, TrackletStats, {k: c[order] for k, c in columns.items()})


def persons_from(arrays: Arrays, name: str, tracklets: Tracklets | None, note: Callable[[str], None]) -> Persons:
    """Persons from ``canonical_persons.npz``; ``tracklets`` tell which tracklet a box comes from."""
    keys = ("person_id", "frame_numbers", "bboxes", "confidences", "detection_indices")
    source = Source(arrays, name, (*keys, "original_tracklet_ids"), "person_id")
    if set(Persons.columns()) <= set(arrays):
        return _made(source, Persons, {k: arrays[k] for k in Persons.columns()})
    records = source.records()
    if records is None:
        raise source.error("an unknown layout")
    records = sorted(records, key=lambda r: int(r["person_id"]))
    originals = [_originals(source, record) for record in records]
    rows = _rows(source, records, tracklet_of=_owner(tracklets, originals))
    rows = _sorted(rows, ("person_id", "camera", "frame_numbers"), best="confidences")
    key = np.stack([rows["person_id"], rows["camera"].astype("i8"), rows["frame_numbers"]], axis=1)
    first = np.ones(len(key), dtype=bool)
    first[1:] = (np.diff(key, axis=0) != 0).any(axis=1)
    if not first.all():
        note(f"{int((~first).sum())} boxes on frames that merged tracklets share were left out: the better one is kept")
    sizes = np.array([len(ids) for ids in originals], dtype="i8")
    return _made(source, Persons, {
        **{k: rows[k][first] for k in ("person_id", *_ROWS)},
        "person_ids": np.array([r["person_id"] for r in records], dtype="i8"),
        "num_tracklets_merged": sizes,
        "original_tracklet_ids": np.concatenate([np.zeros(0, "i8"), *originals]),
        "original_tracklet_offsets": np.concatenate([[0], np.cumsum(sizes)]).astype("i8"),
    })  # fmt: skip


def _originals(source: Source, record: Record) -> np.ndarray:
    for key in ("original_tracklet_ids", "tracklet_ids"):
        if key in record:
            return source.column(record, key, "i8")
    return np.array([record["person_id"]], dtype="i8")


def _owner(
    tracklets: Tracklets | None, originals: list[np.ndarray]
) -> Callable[[int, dict[str, np.ndarray]], np.ndarray]:
    """For person i and its rows, the tracklet of each box; -1 where it cannot be told."""
    where: dict[tuple[int, int], list[int]] = {}
    if tracklets is not None:
        columns = (tracklets.frame_numbers, tracklets.detection_indices, tracklets.tracklet_id)
        for frame, detection, owner in zip(*(c.tolist() for c in columns), strict=True):
            where.setdefault((frame, detection), []).append(owner)

    def owners(i: int, rows: dict[str, np.ndarray]) -> np.ndarray:
        own = originals[i].tolist()
        if len(own) == 1:
            return np.full(len(rows["frame_numbers"]), own[0], dtype="i8")
        places = zip(rows["frame_numbers"].tolist(), rows["detection_indices"].tolist(), strict=True)
        return np.array([next((t for t in where.get(p, ()) if t in own), -1) for p in places], dtype="i8")

    return owners


def _rows(
    source: Source,
    records: Sequence[Record],
    tracklet_of: Callable[[int, dict[str, np.ndarray]], np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """The boxes of all records, flat, with the id of their record."""
    parts: list[dict[str, np.ndarray]] = []
    total = 0
    for i, record in enumerate(records):
        part = {k: source.column(record, k, d, w) for k, (d, w) in _ROWS.items() if k not in ("camera", "tracklet_id")}
        count = len(part["frame_numbers"])
        total += count
        if total > MAX_ROWS:
            raise source.error(f"more than {MAX_ROWS:,} boxes")
        part["camera"] = np.zeros(count, "i2")
        part[source.id_name] = np.full(count, record[source.id_name], dtype="i8")
        if tracklet_of is not None:
            part["tracklet_id"] = tracklet_of(i, part)
        if any(len(column) != count for column in part.values()):
            raise source.error(f"record {record[source.id_name]} has columns of different lengths")
        parts.append(part)
    names = [*_ROWS, source.id_name]
    none = {k: np.zeros((0, w) if w else 0, d) for k, (d, w) in {**_ROWS, source.id_name: ("i8", 0)}.items()}
    return {k: np.concatenate([none[k], *(p[k] for p in parts)]) for k in names if not parts or k in parts[0]}


def _flat(source: Source, keys: Sequence[str]) -> dict[str, np.ndarray]:
    missing = [key for key in keys if key not in source.arrays]
    if missing:
        raise source.error(f"an unknown layout: no {', '.join(missing)}")
    rows = {k: source.numbers(source.arrays[k], k, *_ROWS[k]) for k in _ROWS if k in source.arrays}
    rows.setdefault("camera", np.zeros(len(rows["frame_numbers"]), "i2"))
    if len({len(column) for column in rows.values()}) > 1:
        raise source.error("columns of different lengths")
    return rows


def _sorted(rows: dict[str, np.ndarray], by: Sequence[str], best: str | None = None) -> dict[str, np.ndarray]:
    """Rows in order of ``by``, of equal ones the highest ``best`` first; "order" tells where each came from."""
    keys = [rows[name] for name in reversed(by)]
    order = np.lexsort([-rows[best], *keys] if best else keys)
    return {**{name: column[order] for name, column in rows.items()}, "order": order}


def _made(source: Source, cls: type[TableT], columns: Mapping[str, np.ndarray]) -> TableT:
    try:
        return cls.from_arrays({name: columns[name] for name in cls.columns()})
    except CorruptFileError as error:
        raise source.error(str(error)) from error


def _records_in(array: np.ndarray) -> list[tuple[Any, Record]] | None:
    """(key or None, record) of an object array of dicts, or of one that holds a list or a dict of dicts."""
    if array.dtype != object:
        return None
    value = array.item() if array.ndim == 0 else array.tolist() if array.ndim == 1 else None
    items = list(value.items()) if isinstance(value, dict) else [(None, v) for v in value or []]
    return items if items and all(isinstance(record, dict) for _, record in items) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float, bool) and abs(value) < 2**53


def _is_row(value: Any, width: int) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf" and value.shape == (width,)
    return isinstance(value, list | tuple) and len(value) == width and all(map(_is_number, value))
