"""Whether the numbers that a model quotes stand in the statistics.

A number is found when it is one of the statistics rounded to the digits quoted, or, with a percent sign, a share
of them times 100. That it stands somewhere does not mean that it was said of the right thing: only a reader can tell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from videotracks.persistence.analysis.questions import Answer
from videotracks.persistence.analysis.statistics import Statistics

MARK = "⚠ not in the statistics"
#: Room for the rounding of binary fractions, relative.
TOLERANCE = 1e-9

# Digits inside a name (cam_00, F1, SAM2, 3D) and of a version are no quoted numbers; a hyphen is a minus only where
# nothing ends before it (0.2-0.3 and track-7 hold none); groups of three digits may be parted by commas.
_NUMBER = re.compile(
    r"(?:(?<![\w)\]%])[-−])?(?<!\w)(?<!\d\.)"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?P<fraction>\.\d+)?|(?P<bare>\.\d+))(?!\d)(?!D\b)"
    r"(?P<exponent>[eE][-+]?\d{1,4}(?!\w))?"
    r"(?P<percent>[ \u00a0\u202f]?(?:%|per ?cent\b))?"
)
#: What follows the lower end of a range in percent: 30-40 %, 30 to 40 %.
_TO_PERCENT = re.compile(r"\s?(?:[-–—]|to\b|and\b)\s?\d+(?:\.\d+)?[ \u00a0\u202f]?(?:%|per ?cent\b)")
#: Statistics in frames, observations and multiples: no percentage quotes them.
_COUNTED = {"tracks", "observations", "duration_frames", "peak_frame", "peak_to_uniform", "track_id"}
_LIST_MARKER = re.compile(r"\s*\d{1,2}[.)]\s+")


class Quoted(BaseModel, frozen=True):
    """A number in an answer: the field and place it stands at, as written, and where in the statistics it is found."""

    field: str
    begin: int
    text: str
    found_at: str | None


@dataclass(frozen=True, slots=True)
class _Written:
    begin: int
    text: str
    value: float
    unit: float  # of the last digit
    percent: bool


def quoted_numbers(answer: Answer, statistics: Statistics) -> list[Quoted]:
    """Every number in digits that the answer quotes, in order; ``field`` is as ``insights.0``."""
    known = list(_numbers(statistics.model_dump()))
    return [
        Quoted(field=field, begin=number.begin, text=number.text, found_at=_find(number, known))
        for field, text in texts_of(answer)
        for number in _written(text)
    ]


def texts_of(answer: Answer) -> Iterator[tuple[str, str]]:
    """The texts of an answer by the names of their fields: ``summary``, ``insights.0``, …"""
    for name, value in answer:
        if isinstance(value, str):
            yield name, value
        else:
            yield from ((f"{name}.{i}", text) for i, text in enumerate(value))


def marked(text: str, quoted: list[Quoted]) -> str:
    """A field's text with a mark behind each of its ``quoted`` numbers that was not found."""
    for number in sorted(quoted, key=lambda q: -q.begin):
        if number.found_at is None:
            end = number.begin + len(number.text)
            text = f"{text[:end]} ({MARK}){text[end:]}"
    return text


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Numbers by their path. Texts hold none, whatever digits stand in them: they come from files."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _numbers(inner, f"{path}.{i}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


def _written(text: str) -> Iterator[_Written]:
    marker = _LIST_MARKER.match(text)
    for match in _NUMBER.finditer(text, marker.end() if marker else 0):
        exponent = int((match["exponent"] or "e0")[1:])
        fraction = match["fraction"] or match["bare"] or "."
        value = float(f"{match['digits'].replace(',', '')}e{exponent}")
        yield _Written(
            begin=match.start(),
            text=match[0],
            value=-value if match[0][0] in "-−" else value,
            unit=float(f"1e{exponent - len(fraction) + 1}"),
            percent=match["percent"] is not None or _TO_PERCENT.match(text, match.end()) is not None,
        )


def _find(number: _Written, known: list[tuple[str, float]]) -> str | None:
    """Where the number stands, the nearest place first; None where nowhere."""
    near = []
    for path, value in known:
        if number.percent:
            if not 0 <= value <= 1 or not _COUNTED.isdisjoint(path.split(".")):
                continue
            value *= 100
        if _agrees(number, value):
            near.append((abs(number.value - value), path))
    return min(near)[1] if near else None


def _agrees(number: _Written, value: float) -> bool:
    # Rounding must leave a digit: 0 is no way to quote 0.35, nor 1 to quote 0.6.
    room = number.unit / 2 if number.unit <= abs(value) else 0.0
    return abs(number.value - value) <= room + TOLERANCE * abs(value)
