"""Times as people read them, and the ticks of a time axis."""

from typing import Any

#: Distances of the ticks, at most as many as named.
TICKS_S, MOST_TICKS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400), 12
#: A label closer than this to the right edge would be cut in the middle, px.
_EDGE_PX = 20


def clock(seconds: float) -> str:
    """A time as people write it: ``1:02.5``."""
    tenths = round(seconds * 10)  # first: 59.96 s are a minute, not sixty seconds
    return f"{whole_clock(tenths // 10)}.{tenths % 10}"


def whole_clock(seconds: float) -> str:
    """A time in whole seconds: ``1:02``, ``1:00:02``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def ticks(duration_s: float, begin_px: float, end_px: float) -> list[dict[str, Any]]:
    """The ticks of an axis from ``begin_px`` to ``end_px``: ``x`` in px, ``label``, and the text's ``anchor``."""
    per_second = (end_px - begin_px) / duration_s
    step = next((s for s in TICKS_S if duration_s / s <= MOST_TICKS), duration_s / MOST_TICKS)
    label = clock if step < 1 else whole_clock
    made = []
    for i in range(int(duration_s / step) + 1):
        x = begin_px + i * step * per_second
        anchor = "end" if x > end_px - _EDGE_PX else "middle"
        made.append({"x": round(x, 1), "label": label(i * step), "anchor": anchor})
    return made
