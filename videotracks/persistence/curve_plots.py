"""How a training went, as a picture: one panel per quantity, over the steps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from videotracks.palette import color_of

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_INK, _FAINT, _GRID, _GROUND = (31, 35, 40), (104, 112, 122), (228, 232, 236), (255, 255, 255)
_PANEL_PX, _PLOT_PX = (420, 250), (330, 170)
_LEFT_PX, _TOP_PX = 64, 40
_TITLE_PX, _TEXT_PX, _LINE_PX = 15, 12, 2
_COLUMNS, _GRID_LINES = 2, 4
#: Room above and below the curves, of their span; and the least span, of their size, so that rounding is not shown.
_MARGIN, _LEAST_SPAN = 0.06, 1e-3


class CurvePanel(NamedTuple):
    """One panel: curves f4[N] of one unit by their names."""

    title: str
    curves: Mapping[str, np.ndarray]


def draw_curves(steps: np.ndarray, panels: Sequence[CurvePanel]) -> np.ndarray:
    """Curves over ``steps`` [N], N ≥ 1, panel by panel, two to a row: RGB u8[H, W, 3].

    Values that are not finite leave gaps; the last value of each curve stands beside its name.
    """
    from PIL import Image, ImageDraw

    columns = min(_COLUMNS, len(panels))
    size = columns * _PANEL_PX[0], -(-len(panels) // columns) * _PANEL_PX[1]
    picture = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(picture)
    for at, panel in enumerate(panels):
        corner = at % columns * _PANEL_PX[0] + _LEFT_PX, at // columns * _PANEL_PX[1] + _TOP_PX
        _draw_panel(draw, np.asarray(steps, "f8"), panel, *corner)
    return np.array(picture)


def _draw_panel(draw: "ImageDraw", steps: np.ndarray, panel: CurvePanel, left: int, top: int) -> None:
    values = np.stack([np.asarray(curve, "f8") for curve in panel.curves.values()])
    low, high = _range(values)
    width, height = _PLOT_PX
    draw.text((left, top - 12), panel.title, _INK, _font(_TITLE_PX), anchor="ls")
    for line in range(_GRID_LINES + 1):
        y = top + height * line / _GRID_LINES
        value = high + (low - high) * line / _GRID_LINES
        draw.line([(left, y), (left + width, y)], fill=_GRID)
        draw.text((left - 6, y), f"{value:.3g}", _FAINT, _font(_TEXT_PX), anchor="rm")
    first, last = steps[0], max(steps[-1], steps[0] + 1)
    draw.text((left, top + height + 6), f"step {first:,.0f}", _FAINT, _font(_TEXT_PX), anchor="la")
    draw.text((left + width, top + height + 6), f"{steps[-1]:,.0f}", _FAINT, _font(_TEXT_PX), anchor="ra")
    x = left + (steps - first) / (last - first) * width
    right = float(left + width)
    for at, (name, curve) in reversed(list(enumerate(zip(panel.curves, values, strict=True)))):
        y = top + (high - curve) / (high - low) * height
        for part in _unbroken(np.stack([x, y], axis=1)):
            draw.line([tuple(point) for point in part.tolist()], fill=color_of(at), width=_LINE_PX, joint="curve")
            draw.circle(tuple(part[-1].tolist()), _LINE_PX, fill=color_of(at))
        text = f"{name} {curve[-1]:.4g}"
        draw.text((right, top - 12), text, color_of(at), _font(_TEXT_PX), anchor="rs")
        right -= draw.textlength(text, font=_font(_TEXT_PX)) + 12


def _range(values: np.ndarray) -> tuple[float, float]:
    """From where to where the axis goes."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    span = max(high - low, _LEAST_SPAN * max(abs(low), abs(high), 1e-6))
    return low - _MARGIN * span, high + _MARGIN * span


def _unbroken(points: np.ndarray) -> list[np.ndarray]:
    """Runs of finite points f8[N, 2]."""
    finite = np.isfinite(points).all(axis=1)
    runs = np.split(points, np.flatnonzero(np.diff(finite)) + 1)
    return [run for run in runs if np.isfinite(run[0]).all()]


def _font(size: int) -> Any:
    """The font that Pillow ships."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
