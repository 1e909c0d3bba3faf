"""A JSON object with one long list in it, read an element at a time: memory is that of the largest element."""

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from videotracks.errors import CorruptFileError

#: A thousand masks of Full HD in one frame; more is a mistake or an attack on memory.
MAX_ELEMENT_BYTES = 1 << 29
#: What stands beside the list: a few lines of metadata.
MAX_SHELL_BYTES = 1 << 20
_MAX_DEPTH = 64
#: A string with its closing quote if it has one, or a bracket outside of strings. What stands between is looked at
#: when the element is parsed. Possessive: whatever the bytes are, each is read once.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
_QUOTE, _LIST_END = b'"]'
_COMMA = re.compile(rb"\s*,\s*")
_KEY_TO_LIST = re.compile(rb"\s*:\s*\[")


class MissingListError(CorruptFileError):
    """JSON without the list that was looked for."""


class Span(NamedTuple):
    """Where an element stands in its file."""

    begin: int
    end: int


class JsonFrames:
    """The list ``key`` of the object in a file: where its elements (objects) stand, and all else, parsed.

    ``CorruptFileError`` where the file is no such object.
    """

    def __init__(self, path: Path, key: str, most: int) -> None:
        self.path = path
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise CorruptFileError(f"{path}: an empty file where JSON was expected; make it again")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # let go with the last match on it
        begin, self.spans, end = _find(data, path, key, most)
        if len(data) - (end - begin) > MAX_SHELL_BYTES:
            raise CorruptFileError(f"{path}: more than {MAX_SHELL_BYTES:,} bytes beside {key!r}")
        shell = parse(data[:begin] + b"[]" + data[end:], str(path))
        if shell[key] or data[end - 1] != _LIST_END:
            raise CorruptFileError(f"{path}: expected one list {key!r}, closed by a bracket")
        self.beside: dict[str, Any] = {name: value for name, value in shell.items() if name != key}

    def __len__(self) -> int:
        return len(self.spans)

    def elements(self) -> Iterator[dict[str, Any]]:
        """All elements in order, parsed one after the other."""
        return (self.element(index) for index in range(len(self)))

    def element(self, index: int) -> dict[str, Any]:
        """One element, parsed."""
        span = self.spans[index]
        with self.path.open("rb") as file:
            file.seek(span.begin)
            return parse(file.read(span.end - span.begin), f"{self.path}: element {index}")


def parse(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object; NaN and infinities, which JSON does not have, are refused with all else that it is not."""
    try:
        value = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{where}: no JSON ({error}); the file is damaged or foreign, make it again") from None
    if not isinstance(value, dict):
        raise CorruptFileError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _find(data: mmap.mmap, path: Path, key: str, most: int) -> tuple[int, list[Span], int]:
    """Begin of the list, its elements, end of the list; brackets are counted, strings passed over."""
    wanted, depth, begin, opened = b'"%s"' % key.encode(), 0, -1, -1
    spans: list[Span] = []
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first == _QUOTE:
            if not token.group(1):
                raise CorruptFileError(f"{path}: a text without an end, from byte {token.start():,} on")
            if begin < 0 and depth == 1 and token.group() == wanted:
                colon = _KEY_TO_LIST.match(data, token.end())
                begin = colon.end() - 1 if colon else -1
            continue
        depth += 1 if first in b"{[" else -1
        if depth > _MAX_DEPTH:
            raise CorruptFileError(f"{path}: nested more than {_MAX_DEPTH} deep")
        if begin < 0 or token.start() <= begin:
            continue
        if depth == 1:
            _only_commas(data, path, key, Span(begin, token.end()), spans)
            return begin, spans, token.end()
        if depth == 3 and first in b"{[":
            opened = token.start()
        elif depth == 2:
            spans.append(_element(path, key, opened, token.end(), len(spans), most))
    raise MissingListError(f"{path}: expected a JSON object with a list {key!r}, found none or half of one")


def _element(path: Path, key: str, begin: int, end: int, count: int, most: int) -> Span:
    if count >= most:
        raise CorruptFileError(f"{path}: more than {most:,} elements in {key!r}")
    if end - begin > MAX_ELEMENT_BYTES:
        raise CorruptFileError(f"{path}: element {count} of {key!r} has more than {MAX_ELEMENT_BYTES:,} bytes")
    return Span(begin, end)


def _only_commas(data: mmap.mmap, path: Path, key: str, whole: Span, spans: list[Span]) -> None:
    """Between two elements there is a comma, before the first and after the last only space."""
    edges = [whole.begin + 1, *(edge for span in spans for edge in span), whole.end - 1]
    for place, (begin, end) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        inner = 0 < place < len(spans)
        gap = data[begin : min(end, begin + MAX_SHELL_BYTES)]
        if not (_COMMA.fullmatch(gap) if inner else not gap.strip()):
            raise CorruptFileError(f"{path}: expected objects with commas between them in {key!r}, found {gap[:40]!r}")
