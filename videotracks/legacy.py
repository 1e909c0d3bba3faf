"""Takes what the older scripts wrote for a video as its baseline. The folder that is imported is only read."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from videotracks import baseline
from videotracks.baseline import Baseline, BaselineRecord, Provenance
from videotracks.errors import BaselineError
from videotracks.legacy_tables import detections_from, persons_from, statistics_from, tracklets_from
from videotracks.npz import write_table
from videotracks.pickled_npz import load_npz
from videotracks.restricted_pickle import load_pickle
from videotracks.tables import Table, Tracklets

RANKING_FILE, TIMINGS_FILE = "ranking_report.json", "pipeline_timings.txt"
MAX_TEXT_BYTES = 64 << 20
_UNITS_S = {"": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0}
_TIMING_LINE = re.compile(
    r"\s*(\S.{0,200}?)\s*[:=|]\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|secs?|seconds?|ms|min)?\b[^:]*", re.IGNORECASE
)
_TIMING_KEYS = ("wall_s", "seconds", "duration_s", "duration", "elapsed_s", "elapsed", "time", "total")
_PERSON = re.compile(r"(?:person_?)?(\d{1,18})")

Note = Callable[[str], None]


def import_legacy(folder: Path, baseline_folder: Path) -> Baseline:
    """Convert the outputs of the older scripts in ``folder`` and make them the baseline in ``baseline_folder``.

    Of the crops only their number per person is kept: no check compares pictures. What was left out stands in
    the record's notes. Raises ``BaselineError``: nothing to import, a file that asks for anything but arrays
    and plain containers, a layout that is not known.
    """
    ours, theirs = baseline_folder.resolve(), folder.resolve()
    if not folder.is_dir() or ours == theirs or theirs in ours.parents or ours in theirs.parents:
        raise BaselineError(f"{folder}: expected a folder of outputs, apart from the baseline {baseline_folder}")
    notes: list[str] = []
    with baseline.draft(baseline_folder) as made:
        _write_tables(folder, made, notes.append)
        _write_ranking(folder, made, notes.append)
        baseline.copy_animations(folder / baseline.ANIMATIONS_FOLDER, made)
        timings = _timings(folder)
        crops = _crops_per_person(folder, notes.append)
        if not any(made.iterdir()) and not timings and crops is None:
            raise BaselineError(f"{folder}: holds no outputs of the older scripts, such as {baseline.STATISTICS}")
        baseline.write_record(made, BaselineRecord(
            captured_at=datetime.now(UTC).replace(microsecond=0), origin="imported",
            provenance=Provenance(code_version="older scripts", timings_s=timings),
            files=baseline.describe_files(made),
            animations=baseline.describe_animations(made / baseline.ANIMATIONS_FOLDER),
            crops_per_person=crops, notes=notes,
        ))  # fmt: skip
    return baseline.reopen(baseline_folder)


def _write_tables(folder: Path, made: Path, note: Note) -> None:
    tracklets: Tracklets | None = None
    if (folder / baseline.TRACKLETS).is_file():
        tracklets = tracklets_from(load_npz(folder / baseline.TRACKLETS), str(folder / baseline.TRACKLETS))
        write_table(made / baseline.TRACKLETS, tracklets)
    readers: dict[str, Callable[[Mapping[str, Any], str], Table]] = {
        baseline.DETECTIONS: detections_from,
        baseline.STATISTICS: statistics_from,
        baseline.PERSONS: lambda arrays, name: persons_from(arrays, name, tracklets, note),
    }
    for name, read in readers.items():
        if (folder / name).is_file():
            write_table(made / name, read(load_npz(folder / name), str(folder / name)))


def _write_ranking(folder: Path, made: Path, note: Note) -> None:
    """The ranking in the present format; a ranking of another layout is left out and noted."""
    from pydantic import ValidationError

    from videotracks.people.ranking import Ranking

    if not (folder / RANKING_FILE).is_file():
        return
    try:
        ranking = Ranking.model_validate(_read_json(folder / RANKING_FILE))
    except ValidationError:
        note(f"{RANKING_FILE} was left out: its scores have other components")
        return
    (made / baseline.RANKING).write_text(ranking.model_dump_json(indent=2) + "\n", "utf-8")


def _timings(folder: Path) -> dict[str, float]:
    """Wall seconds by stage, of the text file and of every ``*.timings.json``."""
    found: dict[str, float] = {}
    if (folder / TIMINGS_FILE).is_file():
        for line in _read_text(folder / TIMINGS_FILE).splitlines():
            if (match := _TIMING_LINE.fullmatch(line)) and not match[1].startswith("#"):
                found[match[1].strip(" -*\t")] = float(match[2]) * _UNITS_S[(match[3] or "").lower()]
    for path in sorted(folder.glob("*.timings.json")):
        if path.is_file():
            _collect_timings(path.name.removesuffix(".timings.json"), _read_json(path), found)
    return found


def _collect_timings(name: str, value: Any, found: dict[str, float]) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        found[name] = float(value)
    elif isinstance(value, dict):
        total = next((value[key] for key in _TIMING_KEYS if isinstance(value.get(key), int | float)), None)
        if total is not None:
            _collect_timings(name, total, found)
        inner = value.get("stages", value)
        for key, item in inner.items() if isinstance(inner, dict) else ():
            if key not in _TIMING_KEYS and not (isinstance(item, int | float) and total is not None and inner is value):
                _collect_timings(f"{name}.{key}", item, found)


def _crops_per_person(folder: Path, note: Note) -> dict[int, int] | None:
    """How many crops each person has; None where there are none or their layout is not known."""
    pickled, stored = folder / "crops_by_person.pkl", folder / "crops_by_person.h5"
    if pickled.is_file():
        found = _count_in(load_pickle(pickled))
    elif stored.is_file():
        found = _count_in_hdf5(stored)
    else:
        return None
    if found is None:
        note("the crops were left out: their layout is not known")
    return found


def _count_in(value: Any) -> dict[int, int] | None:
    """Crops by person, of person → list of crops, person → dict with "crops", or such a dict in another."""
    if isinstance(value, dict) and len(value) <= 20:
        inner = next((value[k] for k in ("crops_by_person", "persons") if isinstance(value.get(k), dict | list)), value)
        value = inner
    if isinstance(value, list):
        value = {r["person_id"]: r for r in value if isinstance(r, dict) and isinstance(r.get("person_id"), int)}
    counts: dict[int, int] = {}
    for key, item in value.items() if isinstance(value, dict) else ():
        crops = item.get("crops") if isinstance(item, dict) else item
        found = _PERSON.fullmatch(str(key)[:40])
        if found is None or not isinstance(crops, list | tuple | dict | np.ndarray):
            return None
        counts[int(found[1])] = len(crops)
    return counts or None


def _count_in_hdf5(path: Path) -> dict[int, int] | None:
    """Crops by person, of groups ``person_003`` with ``frame_numbers``; links that lead elsewhere are not followed."""
    import h5py

    counts: dict[int, int] = {}
    try:
        with h5py.File(path, "r", locking=False) as file:
            for name in file:
                found = _PERSON.fullmatch(name)
                if found is None or not isinstance(file.get(name, getlink=True), h5py.HardLink):
                    continue
                group = file[name]
                plain = isinstance(group, h5py.Group) and isinstance(
                    group.get("frame_numbers", getlink=True), h5py.HardLink
                )
                if plain and len(group["frame_numbers"].shape) == 1:
                    counts[int(found[1])] = int(group["frame_numbers"].shape[0])
    except (OSError, KeyError, RuntimeError, AttributeError) as error:
        raise BaselineError(f"{path}: not a complete HDF5 file ({error})") from error
    return counts or None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: not JSON ({error})") from error


def _read_text(path: Path) -> str:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise BaselineError(f"{path}: larger than {MAX_TEXT_BYTES:,} bytes")
    return path.read_text("utf-8", errors="replace")
