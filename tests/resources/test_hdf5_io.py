"""HDF5 files through their IO manager: moved into place, read in parts."""

import io
from pathlib import Path
from typing import BinaryIO, Self

import dagster as dg
import h5py
import numpy as np
import pytest

from tests.resources.runs import OTHER, VIDEO, Store, metadata_of, videos
from videotracks.errors import CorruptFileError
from videotracks.versions import content_version


class Curve:
    """A handle on a file that holds one dataset."""

    closed = 0

    def __init__(self, file: h5py.File, path: Path | None) -> None:
        self.file, self.path = file, path

    @classmethod
    def open(cls, source: Path | BinaryIO) -> Self:
        file = h5py.File(source, "r")
        if "values" not in file:
            file.close()
            raise CorruptFileError(f"{source}: no values")
        return cls(file, source if isinstance(source, Path) else None)

    def part(self, start: int, stop: int) -> list[float]:
        return self.file["values"][start:stop].tolist()

    def close(self) -> None:
        type(self).closed += 1
        self.file.close()

    def content_version(self) -> str:
        return str(self.part(0, 3))


def write_curve(path: Path, first: float) -> Curve:
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(int(first), int(first) + 1_000_000)
    return Curve.open(path)


@dg.asset(partitions_def=videos, io_manager_key="hdf5_io", metadata={"file": "curve.h5"})
def curve(context: dg.AssetExecutionContext, outputs: dg.ResourceParam) -> dg.MaterializeResult[Curve]:
    made = write_curve(outputs.draft("curve.h5"), len(context.partition_key))
    return dg.MaterializeResult(value=made, data_version=dg.DataVersion(content_version(made)))


@dg.asset(partitions_def=videos, io_manager_key="hdf5_io", metadata={"file": "shifted.h5"})
def shifted(curve: Curve, outputs: dg.ResourceParam) -> Curve:
    return write_curve(outputs.draft("shifted.h5"), curve.part(500_000, 500_001)[0])


@dg.asset_check(asset="curve", partitions_def=videos)
def begins_right(curve: Curve) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=curve.part(0, 1) == [len(VIDEO)])


def test_a_draft_moves_to_its_place_and_is_read_in_a_later_run(store: Store) -> None:
    for video in (VIDEO, OTHER):
        told = metadata_of(store.run(curve, video=video), "curve")
        assert told["bytes"] == store.file("curve.h5", video).stat().st_size
    store.run(curve, shifted, select=["shifted"])
    assert store.names == ["curve.h5", "shifted.h5"]
    back = Curve.open(io.BytesIO(store.file("shifted.h5").read_bytes()))
    assert back.part(0, 2) == [500_000 + len(VIDEO), 500_001 + len(VIDEO)]


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
def test_a_check_reads_the_handle(store: Store) -> None:
    (evaluation,) = store.run(curve, begins_right).get_asset_check_evaluations()
    assert evaluation.passed


def test_the_data_version_is_the_handles_own(local_store: Store) -> None:
    (event,) = local_store.run(curve).asset_materializations_for_node("curve")
    assert event.tags["dagster/data_version"] == "[17, 18, 19]"


def test_handles_are_closed_before_the_file_moves(local_store: Store) -> None:
    before = Curve.closed
    local_store.run(curve)
    assert Curve.closed == before + 2


def test_only_what_is_asked_for_is_read_from_a_remote_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if not store.outputs.root.startswith("memory"):
        pytest.skip("local files are mapped by HDF5 itself")
    store.run(curve)
    opened: list[io.BytesIO] = []
    fs = store.outputs.base.fs
    plain = type(fs).open

    def counting(self, path, mode="rb", **options):
        file = plain(self, path, mode, **options)
        opened.append(file)
        file.asked = 0
        read = file.readinto
        file.readinto = lambda buffer: setattr(file, "asked", file.asked + len(buffer)) or read(buffer)
        return file

    monkeypatch.setattr(type(fs), "open", counting)
    store.run(curve, shifted, select=["shifted"])
    asked = [file.asked for file in opened if getattr(file, "asked", 0)]
    assert asked
    assert sum(asked) < 100_000 < store.file("curve.h5").stat().st_size


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "of another kind"])
def test_a_damaged_input_says_what_to_materialise(store: Store, tmp_path: Path, damage: str) -> None:
    store.run(curve)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = 1
    whole = store.file("curve.h5").read_bytes()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "foreign": b"<html>404</html>",
        "empty": b"",
        "of another kind": (tmp_path / "other.h5").read_bytes(),
    }
    store.file("curve.h5").write_bytes(contents[damage])
    message = store.error(curve, shifted, select=["shifted"])
    assert f"CorruptFileError: curve of {VIDEO}: {store.file('curve.h5')}: " in message
    assert f"`videotracks run {VIDEO} --select curve`" in message


def test_a_missing_input_says_what_to_materialise(store: Store) -> None:
    assert f"`videotracks run {VIDEO} --select curve`" in store.error(curve, shifted, select=["shifted"])


def test_a_draft_that_cannot_be_opened_never_replaces_the_stored_file(store: Store) -> None:
    store.run(curve)
    before = store.file("curve.h5").read_bytes()

    @dg.asset(name="curve", partitions_def=videos, io_manager_key="hdf5_io", metadata={"file": "curve.h5"})
    def broken(outputs: dg.ResourceParam) -> Curve:
        made = write_curve(outputs.draft("curve.h5"), 0)
        made.file.close()
        made.path.write_bytes(made.path.read_bytes()[:1000])
        return made

    assert "not a whole Curve file" in store.error(broken)
    assert store.file("curve.h5").read_bytes() == before
    assert store.names == ["curve.h5"]


def test_an_input_cannot_be_handed_on_as_an_output(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="hdf5_io", metadata={"file": "same.h5"})
    def same(curve: Curve) -> Curve:
        return curve

    assert "already a stored output" in local_store.error(curve, same)
    assert local_store.names == ["curve.h5"]


def test_a_value_that_is_no_handle_is_refused(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="hdf5_io", metadata={"file": "x.h5"})
    def number() -> int:
        return 3

    assert "a handle with open() and a local path, got int" in local_store.error(number)


def test_what_the_system_refuses_is_not_called_damage(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    local_store.run(curve)

    def refused(source: Path) -> Curve:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(Curve, "open", refused)
    message = local_store.error(curve, shifted, select=["shifted"])
    assert "PermissionError" in message
    assert "CorruptFileError" not in message
