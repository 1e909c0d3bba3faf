"""Pickles of arrays and plain containers are read as NumPy reads them; all others are refused, unrun."""

import collections
import contextlib
import os
import pickle
import struct
import subprocess
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from videotracks.errors import BaselineError
from videotracks.pickled_npz import load_npz
from videotracks.restricted_pickle import load_pickle

PROTOCOLS = range(2, 6)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self.parts


def load(folder: Path, content: bytes) -> Any:
    path = folder / "file.pkl"
    path.write_bytes(content)
    return load_pickle(path)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and _same_items(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _same_items(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.hasobject:
        return all(same(x, y) for x, y in zip(a.flat, b.flat, strict=True))
    return a.tobytes() == b.tobytes()


VALUE = {
    "tracklets": [
        {"frame_numbers": np.arange(5), "bboxes": np.ones((5, 4), "f4"), "id": np.int64(3), "s": "é", "t": (1,)}
    ],
    np.int64(7): np.float32(0.5),
    "nested": np.array([{"a": np.arange(3.0)}, None, [1, 2]], dtype=object),
    "fortran": np.asfortranarray(np.arange(6, dtype="i4").reshape(2, 3)),
    "big endian": np.arange(3, dtype=">f8"),
    "strided": np.arange(12).reshape(3, 4)[:, ::2],
    "text": np.array(["a", "öß"]),
    "empty": np.zeros((0, 4), "f4"),
    "scalars": [np.bool_(True), np.str_("x"), True, None, 1 << 70, 1.5, b"bytes"],
    "ordered": collections.OrderedDict(a=1),
    "default": collections.defaultdict(list, a=[1]),
}


@pytest.mark.parametrize("protocol", range(3, 6))
def test_reads_what_the_older_scripts_wrote(tmp_path: Path, protocol: int) -> None:
    assert same(VALUE, load(tmp_path, pickle.dumps(VALUE, protocol)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_reads_sets(tmp_path: Path, protocol: int) -> None:
    assert load(tmp_path, pickle.dumps([{1, 2}, frozenset([3])], protocol)) == [{1, 2}, {3}]


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
def test_reads_both_names_of_numpys_core(tmp_path: Path, core: str) -> None:
    content = pickle.dumps([np.arange(3), np.float32(2)], 3).replace(b"numpy._core.", core.encode() + b".")
    assert same([np.arange(3), 2.0], load(tmp_path, content))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | nst.arrays(st.sampled_from(["f4", "i8", "u1", "?", "U3", ">i2"]), nst.array_shapes(min_dims=0, min_side=0)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
), st.sampled_from(range(3, 6)))  # fmt: skip
def test_reads_whatever_holds_arrays_and_plain_containers(tmp_path_factory: Any, value: Any, protocol: int) -> None:
    assert same(value, load(tmp_path_factory.getbasetemp(), pickle.dumps(value, protocol)))


def test_keeps_shared_parts_and_cycles(tmp_path: Path) -> None:
    array = np.arange(3)
    value: list[Any] = [array, array]
    value.append(value)
    loaded = load(tmp_path, pickle.dumps(value))
    assert loaded[0] is loaded[1]
    assert loaded[2] is loaded


MALICIOUS = {
    "os.system": Call(os.system, "touch it_ran"),
    "subprocess": Call(subprocess.check_call, ["touch", "it_ran"]),
    "eval": Call(eval, "open('it_ran', 'w')"),
    "exec": Call(exec, "open('it_ran', 'w')"),
    "getattr": Call(getattr, [1], "append"),
    "import": Call(__import__, "os"),
    "open": Call(open, "it_ran", "w"),
    "numpy.load": Call(np.load, "file.npy"),
    "numpy.fromfile": Call(np.fromfile, "/etc/passwd"),
    "numpy.testing": Call(np.testing.assert_equal, 1, 2),
    "numpy.memmap": np.memmap,
    "a type": int.__class__,
    "complex": 1 + 2j,
    "a random generator": np.random.default_rng(1),
    "a structured array": np.zeros(2, dtype=[("a", "i4")]),
    "a date": np.datetime64("2020-01-01"),
    "a path": Path("x"),
    "a range": range(3),
    "an exception": ValueError("x"),
}


@pytest.mark.parametrize("name", MALICIOUS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_refuses_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"deep": [1, (2, MALICIOUS[name])]}, protocol)
    with pytest.raises(BaselineError, match=r"file\.pkl: "):
        load(tmp_path, content)
    assert [path.name for path in tmp_path.iterdir()] == ["file.pkl"]


HAND_MADE = {
    "os.system by GLOBAL": b"cos\nsystem\n(S'touch x'\ntR.",
    "posix.system by STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile.\x93.",
    "dotted attribute of an admitted module": b"\x80\x04\x8c\x05numpy\x8c\x0ddtype.__class__\x93.",
    "a function beside the admitted ones": b"cnumpy.core.multiarray\nfromfile\n(S'x'\ntR.",
    "instance opcode": b"(S'touch x'\nios\nsystem\n.",
    "object opcode": b"(cos\nsystem\nS'x'\no.",
    "new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "new object with keywords": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "extension registry": b"\x80\x02\x82\x01.",
    "persistent id": b"Pid\n.",
    "persistent id on the stack": b"K\x01Q.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "copyreg": b"ccopyreg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR.",
    "an admitted name that is none": b"\x80\x04\x8c\x05numpy\x8c\x05dtypes\x93.",
    "state on a list": b"]}S'append'\nK\x01sb.",
    "state on a stand-in": b"cnumpy\ndtype\n(N}S'_call'\nK\x01stb.",
    "plain state on a stand-in": b"cnumpy\ndtype\n}S'_call'\nK\x01sb.",
    "calling a number": b"K\x01)R.",
    "calling ndarray": b"cnumpy\nndarray\n((I10\nttR.",
    "an array that is never finished": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.",
    "an array that begins large": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999999\ntS'b'\ntR.",
    "an array of another type": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
    "a stand-in as value": b"cnumpy\ndtype\n.",
    "a dtype as value": b"cnumpy\ndtype\n(S'f8'\ntR.",
    "a huge dtype": b"cnumpy\ndtype\n(S'V99999999999'\ntR.",
    "an expression as dtype": b"cnumpy\ndtype\n(S'f8,f8'\ntR.",
    "memo far out": b"]r\xff\xff\xff\x7f.",
    "memo far out in text": b"]p99999999999\n.",
    "negative memo": b"]p-1\n.",
    "a frame beyond the file": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x00N.",
    "bytes beyond the file": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\x00\x00N.",
    "a memo that is not there": b"h\x05.",
    "an empty stack": b".",
    "nothing": b"",
    "no end": b"]",
    "text": b"hello",
    "deep nesting": b"]" * 200_000 + b"a" * 199_999 + b".",
}  # fmt: skip


@pytest.mark.parametrize("name", HAND_MADE)
def test_refuses_programs_written_by_hand(tmp_path: Path, name: str) -> None:
    with pytest.raises(BaselineError, match=r"file\.pkl: "):
        load(tmp_path, HAND_MADE[name])


def test_names_the_global_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"asks for the global posix\.system, which is refused"):
        load(tmp_path, pickle.dumps(Call(os.system, "x")))


def array_pickle(shape: str, dtype: str, content: bytes) -> bytes:
    """An array by hand, in protocol 2; ``shape`` and ``content`` are opcodes."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01("
        + shape.encode() + b"tcnumpy\ndtype\n(" + f"S'{dtype}'\n".encode() + b"tR\x89" + content + b"tb."
    )  # fmt: skip


def raw(content: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(content)) + content


def test_the_hand_made_array_is_one(tmp_path: Path) -> None:
    assert same(np.arange(2, dtype="u1"), load(tmp_path, array_pickle("K\x02", "u1", raw(b"\0\1"))))


@pytest.mark.parametrize(
    ("shape", "dtype", "content"),
    [
        ("I99999999999\n", "u1", raw(b"ab")),
        ("K\x03", "u1", raw(b"ab")),
        ("I-1\n", "u1", raw(b"ab")),
        ("I-1\nI-2\n", "u1", raw(b"ab")),
        ("K\x00I4611686018427387904\n", "f8", raw(b"")),
        ("F2.0\n", "u1", raw(b"ab")),
        ("K\x01", "O8", raw(b"12345678")),  # bytes as pointers
        ("I1000000\n", "O8", b"]"),
        ("K\x01", "O8", b")"),
        ("I1000000000000\n", "S0", raw(b"")),
        ("I1000000000000\n", "U", raw(b"")),
    ],
)
def test_refuses_arrays_whose_content_is_not_there(tmp_path: Path, shape: str, dtype: str, content: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(BaselineError):
        load(tmp_path, array_pickle(shape, dtype, content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_dtype_cannot_change_what_its_objects_are(tmp_path: Path) -> None:
    state = b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"  # flags that deny the objects
    content = array_pickle("K\x01", "O8", raw(b"12345678")).replace(b"tR\x89", b"tR" + state + b"\x89")
    with pytest.raises(BaselineError, match="objects that are not there"):
        load(tmp_path, content)


def test_an_array_cannot_be_changed_after_it_is_made(tmp_path: Path) -> None:
    content = (
        array_pickle("K\x02", "u1", raw(b"ab"))[:-1]
        + b"(K\x01(K\x01tcnumpy\ndtype\n(S'u1'\ntR\x89"
        + raw(b"a")
        + b"tb."
    )
    with pytest.raises(BaselineError, match="twice"):
        load(tmp_path, content)


def test_a_file_cannot_grow_by_repeating_itself(tmp_path: Path) -> None:
    many = np.empty(20_000, dtype=object)
    one = pickle.dumps([many], 2)
    # The list of 20,000 objects is kept in the memo and made an array again and again.
    content = b"\x80\x02]q\x00(" + b"N" * 20_000 + b"e0("
    again = array_pickle("M\x20\x4e", "O8", b"h\x00")[2:-1]
    content += again * 3000 + b"l."
    assert len(one) < len(content) < 400_000
    with pytest.raises(BaselineError, match="repeats its parts"):
        load(tmp_path, content)


def test_loading_twice_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(BaselineError):
        load(tmp_path, HAND_MADE["state on a stand-in"])
    assert same(VALUE, load(tmp_path, pickle.dumps(VALUE)))


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: pickle.dumps([np.arange(3), {"a": 1}])[:-5] + b))
def test_arbitrary_bytes_give_a_plain_value_or_a_clear_error(tmp_path_factory: Any, content: bytes) -> None:
    with contextlib.suppress(BaselineError):
        load(tmp_path_factory.getbasetemp(), content)


def npz(folder: Path, compressed: bool = True, **arrays: Any) -> Path:
    path = folder / "file.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("compressed", [True, False])
def test_reads_npz_with_pickled_and_plain_arrays(tmp_path: Path, compressed: bool) -> None:
    arrays = {
        "records": np.array([{"frame_numbers": [1, 2], "box": np.ones(4)}, {"frame_numbers": []}], dtype=object),
        "zero_d": np.array({"a": 1}, dtype=object),
        "two_d": np.array([[None, "a"], [1, 2.5]], dtype=object),
        "plain": np.arange(6).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "text": np.array(["a", "bc"]),
        "empty": np.zeros((0, 4), "f4"),
    }
    assert same(arrays, load_npz(npz(tmp_path, compressed, **arrays)))


def test_refuses_a_malicious_member(tmp_path: Path) -> None:
    path = npz(tmp_path, good=np.arange(3), evil=np.array([Call(os.system, "touch x")], dtype=object))
    with pytest.raises(BaselineError, match=r"file\.npz\[evil\]: asks for the global posix\.system"):
        load_npz(path)


def test_refuses_a_member_that_is_not_what_its_header_says(tmp_path: Path) -> None:
    path = npz(tmp_path, compressed=False, a=np.array([None, None], dtype=object))
    path.write_bytes(rezip(path, lambda data: data.replace(b"(2,)", b"(3,)")))
    with pytest.raises(BaselineError, match="another value"):
        load_npz(path)


@pytest.mark.parametrize(
    ("old", "new"), [(b"(3,)", b"(9,)"), (b"<i8", b"|S0"), (b"<i8", b"<M8"), (b"(3,)", b"-3, "), (b"NUMPY", b"MUMPY")]
)
def test_refuses_plain_members_that_lie(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = npz(tmp_path, a=np.arange(3))
    path.write_bytes(rezip(path, lambda data: data.replace(old, new)))
    with pytest.raises(BaselineError, match=r"file\.npz"):
        load_npz(path)


def test_refuses_a_zip_bomb(tmp_path: Path) -> None:
    path = npz(tmp_path, a=np.zeros(100_000_000, "u1"))
    with pytest.raises(BaselineError, match="would inflate"):
        load_npz(path)


@pytest.mark.parametrize("cut", [0, 10, 100, -30, -1])
def test_refuses_a_truncated_npz(tmp_path: Path, cut: int) -> None:
    path = npz(tmp_path, a=np.arange(100))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BaselineError, match="not a complete NPZ file"):
        load_npz(path)


def rezip(path: Path, change: Any) -> bytes:
    """The archive again with its members changed."""
    other = path.with_suffix(".again")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after:
        for info in before.infolist():
            after.writestr(info.filename, change(before.read(info)))
    return other.read_bytes()
