"""NPZ files: what is written comes back, and nothing else is believed."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from videotracks.errors import CorruptFileError
from videotracks.npz import Header, Limits, read_npz, read_table, write_npz, write_table
from videotracks.tables import Detections, Tracklets, empty

dtypes = st.sampled_from(["b1", "u1", "i2", "i8", "f2", "f4", "f8", "<U3", ">i4", ">f8", ">U2"])
text = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=2)
arrays = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True),
    dtypes.flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
            elements=text if "U" in dtype else None,
        )
    ),
    max_size=4,
)


def packed(**members: np.ndarray) -> bytes:
    target = io.BytesIO()
    write_npz(target, members)
    return target.getvalue()


def zipped(members: dict[str, bytes], **options: object) -> io.BytesIO:
    """A ZIP made by hand, to hold what ``write_npz`` would not."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **options) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def npy(array: np.ndarray, **overrides: object) -> bytes:
    """An ``.npy`` member whose header may lie."""
    target = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(target, {**header, **overrides})
    return target.getvalue() + array.tobytes()


@given(arrays, st.sampled_from([None, True, False]))
@settings(max_examples=60, deadline=None)
def test_what_is_written_comes_back_in_native_byte_order(
    given_arrays: dict[str, np.ndarray], deflate: bool | None
) -> None:
    target = io.BytesIO()
    write_npz(target, given_arrays, deflate=deflate)
    back = read_npz(io.BytesIO(target.getvalue()), "a.npz")
    assert list(back) == list(given_arrays)
    for name, array in given_arrays.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].dtype.isnative
        assert back[name].flags.c_contiguous
        np.testing.assert_array_equal(back[name], array)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_file_with_changed_or_missing_bytes_is_refused_or_read_right(data: st.DataObject) -> None:
    original = {
        "ids": np.arange(50),
        "boxes": np.linspace(0, 1, 80, dtype="f4").reshape(20, 4),
        "names": np.array(["a", "bc"]),
    }
    damaged = bytearray(packed(**original))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    del damaged[data.draw(st.integers(1, len(damaged))) :]
    try:
        back = read_npz(io.BytesIO(bytes(damaged)), "a.npz")
    except CorruptFileError:
        return
    assert set(back) == set(original)
    for name in original:
        np.testing.assert_array_equal(back[name], original[name])


def test_every_truncation_is_refused() -> None:
    whole = packed(x=np.arange(3), y=np.ones(2))
    for length in range(len(whole)):
        with pytest.raises(CorruptFileError, match=r"a\.npz.*materialise its asset again"):
            read_npz(io.BytesIO(whole[:length]), "a.npz")


def test_the_same_arrays_give_the_same_bytes() -> None:
    boxes = np.random.default_rng(0).random((100, 4))
    assert packed(boxes=boxes, n=np.arange(9)) == packed(boxes=np.asfortranarray(boxes).copy(order="C"), n=np.arange(9))


def test_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", {"x": np.arange(5), "names": np.array(["ä", "b"])})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as loaded:
        assert loaded["x"].tolist() == [0, 1, 2, 3, 4]
        assert loaded["names"].tolist() == ["ä", "b"]


def test_files_of_numpy_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert read_npz(tmp_path / "a.npz")["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_deflates_what_shrinks_and_stores_what_does_not() -> None:
    noise = np.random.default_rng(0).random(20_000)
    with zipfile.ZipFile(
        io.BytesIO(packed(ids=np.repeat(np.arange(200), 100), noise=noise, tiny=noise[:10]))
    ) as archive:
        ways = {info.filename: info.compress_type for info in archive.infolist()}
    assert ways == {"ids.npy": zipfile.ZIP_DEFLATED, "noise.npy": zipfile.ZIP_STORED, "tiny.npy": zipfile.ZIP_DEFLATED}


def test_never_deflates_what_is_named_as_stored() -> None:
    target = io.BytesIO()
    write_npz(target, {"frames": np.zeros(100_000), "ids": np.zeros(100_000)}, stored=["frames"])
    with zipfile.ZipFile(target) as archive:
        ways = {info.filename: info.compress_type for info in archive.infolist()}
    assert ways == {"frames.npy": zipfile.ZIP_STORED, "ids.npy": zipfile.ZIP_DEFLATED}


def test_reads_only_what_is_selected_by_the_headers() -> None:
    seen = {}

    def select(headers: Mapping[str, Header]) -> list[str]:
        seen.update(headers)
        return ["ids"]

    whole = packed(ids=np.arange(3), frames=np.ones((2, 3), "f4"))
    back = read_npz(io.BytesIO(whole), "a.npz", select=select)
    assert list(back) == ["ids"]
    assert seen == {"ids": (np.dtype("i8"), (3,)), "frames": (np.dtype("f4"), (2, 3))}


def test_refuses_what_the_selection_refuses_before_anything_is_inflated() -> None:
    def select(headers: Mapping[str, Header]) -> list[str]:
        raise CorruptFileError(f"array 'x' has shape {headers['x'].shape}")

    target = io.BytesIO()
    write_npz(target, {"x": np.zeros(1000)}, deflate=False)
    damaged = bytearray(target.getvalue())
    damaged[4000] ^= 1  # read, it would be refused for its checksum
    with pytest.raises(CorruptFileError, match=r"a\.npz: array 'x' has shape \(1000,\); the file is damaged"):
        read_npz(io.BytesIO(bytes(damaged)), "a.npz", select=select)


def test_never_deflates_more_than_the_reader_inflates() -> None:
    limits = Limits(inflated_bytes=100_000)
    target = io.BytesIO()
    write_npz(target, {f"zeros_{i}": np.zeros(5_000) for i in range(4)}, limits=limits)
    assert len(read_npz(target, "a.npz", limits=limits)) == 4


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array(["2020-01-01"], "M8[D]"), np.zeros(1, "i4,f4"), np.array([b"a"])]
)
def test_refuses_to_write_what_needs_more_than_numbers_and_text(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="is not stored"):
        packed(x=array)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", ".x", "a b", "x" * 200])
def test_refuses_to_write_names_that_are_paths(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        packed(**{name: np.zeros(1)})


class Trap:
    """Unpickling it would be noticed."""

    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a pickle was loaded",))


def object_array() -> bytes:
    target = io.BytesIO()
    np.lib.format.write_array_header_1_0(target, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return target.getvalue() + pickle.dumps(Trap())


refused = {
    "an object array": ({"x.npy": object_array()}, "dtype object"),
    "a structured array": ({"x.npy": npy(np.zeros(2, "i4,f4"))}, "dtype"),
    "a pickle instead of an array": ({"x.npy": pickle.dumps(Trap())}, "magic"),
    "a header alone": ({"x.npy": npy(np.zeros(0), shape=(4,))}, "would take"),
    "a header that promises petabytes": ({"x.npy": npy(np.zeros(4), shape=(1 << 50,))}, "would take"),
    "a negative size": ({"x.npy": npy(np.zeros(4), shape=(-4,))}, "shape"),
    "two negative sizes": ({"x.npy": npy(np.zeros(4), shape=(-2, -2))}, "shape"),
    "a size that overflows": ({"x.npy": npy(np.zeros(0), shape=(0, 1 << 70))}, "complete"),
    "text of no width": ({"x.npy": npy(np.zeros(0), descr="<U0", shape=(1 << 60,))}, "dtype"),
    "bytes behind the array": ({"x.npy": npy(np.zeros(4)) + b"more"}, "would take"),
    "a bool that is neither": ({"x.npy": npy(np.array([0, 1, 2], "u1"), descr="|b1")}, "other than 0 and 1"),
    "characters beyond Unicode": ({"x.npy": npy(np.array([0x110000], "<u4"), descr="<U1")}, "Unicode"),
    "half a surrogate": ({"x.npy": npy(np.array([0xD800], "<u4"), descr="<U1")}, "Unicode"),
    "a path out of the folder": ({"../x.npy": npy(np.zeros(1))}, "no array"),
    "an absolute path": ({"/etc/x.npy": npy(np.zeros(1))}, "no array"),
    "a file that is no array": ({"x.txt": b"hello"}, "no array"),
    "a code-like header": ({"x.npy": b"\x93NUMPY\x01\x00\x14\x00__import__('os')()  "}, "complete"),
}


@pytest.mark.parametrize("case", refused)
def test_refuses(case: str) -> None:
    members, message = refused[case]
    with pytest.raises(CorruptFileError, match=f"a.npz.*{message}"):
        read_npz(zipped(members), "a.npz")


def test_refuses_a_bomb_before_inflating_it() -> None:
    bomb = zipped({f"x{i}.npy": npy(np.zeros(20_000)) for i in range(8)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 5_000
    with pytest.raises(CorruptFileError, match="would inflate to 1,281,"):
        read_npz(bomb, "a.npz", limits=Limits(inflated_bytes=1_000_000))


def test_refuses_a_member_that_inflates_to_more_than_it_declares() -> None:
    honest = zipped({"x.npy": npy(np.zeros(100_000))}, compression=zipfile.ZIP_DEFLATED).getvalue()
    size, lie = (800_128).to_bytes(4, "little"), len(npy(np.zeros(4))).to_bytes(4, "little")
    assert honest.count(size) == 2
    with pytest.raises(CorruptFileError):
        read_npz(io.BytesIO(honest.replace(size, lie)), "a.npz")


def test_refuses_too_many_members() -> None:
    with pytest.raises(CorruptFileError, match="300 members, at most 256"):
        read_npz(zipped({f"x{i}.npy": npy(np.zeros(1)) for i in range(300)}), "a.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_a_name_that_is_there_twice() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("x.npy", npy(np.zeros(1)))
        archive.writestr("x.npy", npy(np.ones(1)))
    with pytest.raises(CorruptFileError, match="'x' is there twice"):
        read_npz(target, "a.npz")


def test_refuses_encrypted_members() -> None:
    whole = bytearray(packed(x=np.zeros(1)))
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(CorruptFileError, match="encrypted"):
        read_npz(io.BytesIO(bytes(whole)), "a.npz")


def test_refuses_compression_it_does_not_write() -> None:
    with pytest.raises(CorruptFileError, match="compression 14"):
        read_npz(zipped({"x.npy": npy(np.zeros(1))}, compression=zipfile.ZIP_LZMA), "a.npz")


def test_refuses_a_flipped_bit_by_its_checksum() -> None:
    target = io.BytesIO()
    write_npz(target, {"x": np.zeros(1000)}, deflate=False)
    whole = bytearray(target.getvalue())
    whole[4000] ^= 1
    with pytest.raises(CorruptFileError, match="CRC"):
        read_npz(io.BytesIO(bytes(whole)), "a.npz")


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "none.npz")


def test_a_table_comes_back(tmp_path: Path) -> None:
    table = Detections(**empty(Detections, C=1, F=7))
    write_table(tmp_path / "d.npz", table)
    back = read_table(tmp_path / "d.npz", Detections)
    for name, array in table.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array)


def test_a_file_of_another_table_is_refused_before_its_arrays_are_read(tmp_path: Path) -> None:
    write_table(tmp_path / "d.npz", Detections(**empty(Detections, C=1, F=7)))
    with pytest.raises(CorruptFileError, match=r"missing arrays \['detection_indices', 'tracklet_id'\]"):
        read_table(tmp_path / "d.npz", Tracklets)


def test_a_table_whose_rows_contradict_each_other_is_refused(tmp_path: Path) -> None:
    arrays = empty(Tracklets, N=3)
    arrays["tracklet_id"] = np.array([2, 1, 1])
    write_npz(tmp_path / "t.npz", arrays)
    with pytest.raises(CorruptFileError, match=r"t\.npz: Tracklets: rows must be sorted"):
        read_table(tmp_path / "t.npz", Tracklets)


@pytest.mark.parametrize(
    ("name", "array"),
    [("bboxes", np.zeros((3, 5), "f4")), ("bboxes", np.zeros((2, 4), "f4")), ("camera", np.zeros(3, "i8"))],
)
def test_a_table_of_other_shapes_or_dtypes_is_refused(tmp_path: Path, name: str, array: np.ndarray) -> None:
    write_npz(tmp_path / "t.npz", {**empty(Tracklets, N=3), name: array})
    with pytest.raises(CorruptFileError, match=rf"t\.npz: Tracklets\.{name}: expected"):
        read_table(tmp_path / "t.npz", Tracklets)
