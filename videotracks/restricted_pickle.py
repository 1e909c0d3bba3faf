"""Reads pickles that hold NumPy arrays, scalars and plain containers, and nothing else.

The older scripts stored their results as pickled objects. A pickle is a program, so this reader never runs
it: every global that it may name stands for one of the stand-ins below, which are not NumPy's functions but
small checked ones. Nothing can be allocated that is not in the file: array contents are views of its bytes.
Before loading, the opcodes are walked: those that no such file needs are refused, and so are memo positions
beyond the file, for which the C unpickler would allocate.
"""

import math
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from videotracks.errors import BaselineError

_MAX_DIMENSIONS = 32

_PLAIN = re.compile(r"b1|[iu][1248]|f[248]|[US][1-9]\d{0,3}|O[48]")
_OPCODES = frozenset(
    {"PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}
    | {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"}
    | {"NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"}
    | {"FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
    | {"BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
    | {"EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
    | {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS", "FROZENSET"}
)
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


class _RefusedError(Exception):
    """The file asks for something that is not admitted."""


def load_pickle(source: Path) -> Any:
    """The value in a pickle file, of arrays, numbers, text and plain containers; else ``BaselineError``."""
    with source.open("rb") as file:
        return load_pickle_from(file, str(source))


def load_pickle_from(file: BinaryIO, name: str) -> Any:
    """As ``load_pickle``, from the position of an open file; ``name`` stands for it in errors."""
    try:
        begin = file.tell()
        size = file.seek(0, 2) - begin
        file.seek(begin)
        _walk_opcodes(file, size)
        file.seek(begin)
        return _Resolver().resolve(_Unpickler(file, _Budget(size)).load())
    except _RefusedError as error:
        raise BaselineError(f"{name}: {error}. Only arrays, numbers, text and plain containers are read") from None
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise BaselineError(f"{name}: not a complete pickle of arrays and plain containers ({error})") from error
    except (RecursionError, MemoryError, OverflowError) as error:
        raise BaselineError(f"{name}: asks for more than it holds ({type(error).__name__}); this is refused") from error


def _walk_opcodes(file: BinaryIO, size: int) -> None:
    """Refuse opcodes that are not admitted, and memo positions and frames that no honest writer makes."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name not in _OPCODES:
            raise _RefusedError(f"pickle opcode {opcode.name} is refused")
        if opcode.name in _PUTS and not 0 <= int(argument or 0) <= count:
            raise _RefusedError(f"pickle memo position {argument} is refused")
        if opcode.name == "FRAME" and int(argument or 0) > size:
            raise _RefusedError(f"pickle frame of {argument} bytes is refused")


class _Budget:
    """How many references may be copied: a file that repeats itself must not grow beyond its own bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, count: int) -> None:
        """Use up ``count`` references."""
        self.left -= count
        if self.left < 0:
            raise _RefusedError("repeats its parts until it holds more than its own bytes, which is refused")


class _Unpickler(pickle.Unpickler):
    """An unpickler for which only the stand-ins exist."""

    def __init__(self, file: BinaryIO, budget: _Budget) -> None:
        super().__init__(file)
        self._globals = _stand_ins(budget)

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a global; all others are refused."""
        found = self._globals.get((module, name))
        if found is None:
            raise _RefusedError(f"asks for the global {module[:100]}.{name[:100]}, which is refused")
        return found


class _StandIn:
    """What a global stands for. It has no attributes that a pickle could set, and only its call does something."""

    __slots__ = ("_call",)
    _call: Callable[..., Any]

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _RefusedError("tries to change what a global stands for")


class _Frozen:
    """Base of values in the making: a pickle may set their state once, by ``__setstate__``, and nothing else."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise _RefusedError("sets an attribute")


class _DType(_Frozen):
    """A dtype in the making: a plain one, in some byte order."""

    __slots__ = ("dtype",)
    dtype: np.dtype

    def __init__(self, spec: Any, *_: Any) -> None:
        if not isinstance(spec, str) or not _PLAIN.fullmatch(spec):
            raise _RefusedError(f"dtype {str(spec)[:50]!r} is refused")
        object.__setattr__(self, "dtype", np.dtype(spec))

    def __setstate__(self, state: Any) -> None:
        _, order, subarray, names, fields, *_ = state
        if subarray is not None or names or fields or order not in ("<", ">", "=", "|"):
            raise _RefusedError("a dtype with fields or parts is refused")
        if order in "<>":
            object.__setattr__(self, "dtype", self.dtype.newbyteorder(order))


class _Array(_Frozen):
    """An array in the making; ``array`` once its state is set."""

    __slots__ = ("array", "budget")
    array: np.ndarray | None
    budget: _Budget

    def __init__(self, budget: _Budget, array: np.ndarray | None = None) -> None:
        object.__setattr__(self, "budget", budget)
        object.__setattr__(self, "array", array)

    def __setstate__(self, state: Any) -> None:
        *_, shape, dtype, fortran, content = state
        if self.array is not None:
            raise _RefusedError("sets the state of an array twice")
        object.__setattr__(self, "array", _array(content, dtype, shape, "F" if fortran else "C", self.budget))


def _array(content: Any, kind: Any, shape: Any, order: Any, budget: _Budget) -> np.ndarray:
    """An array over the bytes or the list that the file holds, which must fit its shape exactly."""
    if not isinstance(kind, _DType) or not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise _RefusedError("an array without plain dtype and shape is refused")
    if any(type(size) is not int or size < 0 for size in shape):
        raise _RefusedError(f"array shape {shape} is refused")
    dtype, items = kind.dtype, math.prod(shape)
    if dtype.hasobject:
        if type(content) is not list or len(content) != items:
            raise _RefusedError(f"an array of {items} objects that are not there")
        budget.take(items)
        array = np.empty(items, dtype=object)
        for i, value in enumerate(content):
            array[i] = value
        return array.reshape(shape, order=order)
    if not isinstance(content, bytes | bytearray) or len(content) != items * dtype.itemsize:
        raise _RefusedError(f"an array {dtype}{list(shape)} whose bytes are not there")
    flat = np.frombuffer(content, dtype) if content else np.zeros(items, dtype)
    return flat.reshape(shape, order=order)


def _stand_ins(budget: _Budget) -> Mapping[tuple[str, str], _StandIn]:
    """What each admitted global stands for, for one file."""
    begun = _StandIn(_refuse_call)

    def reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
        if kind is not begun or shape != (0,) or code not in (b"b", "b"):
            raise _RefusedError("an array that is not begun in NumPy's way is refused")
        return _Array(budget)

    def from_buffer(content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
        if order not in ("C", "F") or axes is not None:
            raise _RefusedError(f"array order {str(order)[:20]!r} is refused")
        return _Array(budget, _array(content, dtype, shape, order, budget))

    def scalar(dtype: Any, content: Any) -> Any:
        if type(content) is not bytes:
            raise _RefusedError("a scalar that is not given by its bytes is refused")
        return _array(content, dtype, (), "C", budget).item()

    def make_set(items: Any) -> set[Any]:
        if type(items) is not list:
            raise _RefusedError("a set that is not made from a list is refused")
        budget.take(len(items))
        return set(items)

    found = {
        ("numpy", "ndarray"): begun,
        ("numpy", "dtype"): _StandIn(_DType),
        ("collections", "OrderedDict"): _StandIn(_mapping),
        ("collections", "defaultdict"): _StandIn(_mapping),
    }
    for core in ("numpy.core", "numpy._core"):
        found[f"{core}.multiarray", "_reconstruct"] = _StandIn(reconstruct)
        found[f"{core}.multiarray", "scalar"] = _StandIn(scalar)
        found[f"{core}.numeric", "_frombuffer"] = _StandIn(from_buffer)
    for builtins in ("builtins", "__builtin__"):
        for name in ("set", "frozenset"):
            found[builtins, name] = _StandIn(make_set)
        for name in ("list", "dict", "int", "float"):  # the factories of a defaultdict
            found[builtins, name] = _StandIn(_refuse_call)
    return found


def _mapping(*args: Any) -> dict[Any, Any]:
    if any(not isinstance(arg, _StandIn) for arg in args):
        raise _RefusedError("a mapping that is not begun empty is refused")
    return {}


def _refuse_call(*_: Any) -> Any:
    raise _RefusedError("calls a type that is only a name here")


class _Resolver:
    """Puts finished arrays in the place of those in the making; shared parts are visited once."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self.kept: list[Any] = []  # so that no id is used twice while we work

    def resolve(self, value: Any) -> Any:
        """The value with every array finished; stand-ins that remain are refused."""
        if value is None or type(value) in (bool, int, float, str, bytes, bytearray):
            return value
        if id(value) not in self.done:
            self.kept.append(value)
            self.done[id(value)] = value
            self.done[id(value)] = self._visit(value)
        return self.done[id(value)]

    def _visit(self, value: Any) -> Any:
        if isinstance(value, _Array):
            if value.array is None:
                raise _RefusedError("an array that is never finished")
            if value.array.dtype.hasobject:
                for index in np.ndindex(value.array.shape):
                    value.array[index] = self.resolve(value.array[index])
            return value.array
        if type(value) is list:
            value[:] = [self.resolve(item) for item in value]
            return value
        if type(value) is dict:
            for key in value:
                self._check_key(key)
                value[key] = self.resolve(value[key])
            return value
        if type(value) is tuple:
            return tuple(self.resolve(item) for item in value)
        if type(value) in (set, frozenset):
            for key in value:
                self._check_key(key)
            return value
        raise _RefusedError(f"holds a {type(value).__name__.strip('_')} where a value should be")

    def _check_key(self, key: Any) -> None:
        if not isinstance(key, str | int | float | bool | bytes | None) and type(key) is not tuple:
            raise _RefusedError("holds a key that is no number, text or tuple")
