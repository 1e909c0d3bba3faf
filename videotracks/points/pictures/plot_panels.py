"""Panels of a picture: the scene along one axis of the world, with a grid in metres."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from videotracks.points.pictures.world_axes import AXES, Up

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

INK, FAINT, GRID, GROUND = (31, 35, 40), (104, 112, 122), (228, 232, 236), (255, 255, 255)
TITLE_PX, TEXT_PX = 15, 12
#: Room around the panels for the title, the ticks and the legend, px.
TOP_PX, LEFT_PX, BOTTOM_PX, RIGHT_PX, BETWEEN_PX = 34, 50, 64, 16, 66
#: Distances of grid lines that people read easily, m, and how close they may come, px.
_STEPS_M = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LEAST_STEP_PX = 48
#: Free room around what is shown, of its size; and the least that is shown, m.
_MARGIN, _LEAST_SPAN_M = 0.08, 0.1


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of the picture, px, and the part of the world in it: two axes, their directions, centre and scale."""

    title: str
    left: int
    top: int
    right: int
    bottom: int
    axes: tuple[int, int]  # to the right, and upwards
    signs: tuple[int, int]
    middle_m: tuple[float, float]
    scale: float  # px/m

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """World points [..., 3] m to pixels f8[..., 2] inside the panel, from its upper left corner."""
        across = (points[..., self.axes[0]] - self.middle_m[0]) * (self.signs[0] * self.scale)
        upwards = (points[..., self.axes[1]] - self.middle_m[1]) * (self.signs[1] * self.scale)
        return np.stack([(self.right - self.left) / 2 + across, (self.bottom - self.top) / 2 - upwards], axis=-1)

    def _ticks(self, axis: int) -> Iterator[tuple[float, float]]:
        """Values of grid lines, m, and where they are, px from the left or upper edge."""
        step = next((s for s in _STEPS_M if s * self.scale >= _LEAST_STEP_PX), _STEPS_M[-1])
        size = (self.right - self.left, self.bottom - self.top)[axis]
        half_m = size / 2 / self.scale
        first, last = self.middle_m[axis] - half_m, self.middle_m[axis] + half_m
        for number in range(int(np.ceil(first / step)), int(np.floor(last / step)) + 1):
            place = np.zeros(3)
            place[self.axes[axis]] = number * step
            yield number * step, float(self.pixels(place)[axis])

    def draw_grid(self, draw: "ImageDraw") -> None:
        """Grid, ticks, title and the names of the axes."""
        for value, x in self._ticks(0):
            draw.line([(self.left + x, self.top), (self.left + x, self.bottom)], fill=GRID)
            draw.text((self.left + x, self.bottom + 4), f"{value:g}", FAINT, font(TEXT_PX), anchor="ma")
        for value, y in self._ticks(1):
            draw.line([(self.left, self.top + y), (self.right, self.top + y)], fill=GRID)
            draw.text((self.left - 5, self.top + y), f"{value:g}", FAINT, font(TEXT_PX), anchor="rm")
        draw.rectangle((self.left, self.top, self.right, self.bottom), outline=GRID)
        draw.text((self.left + 14, self.top - 8), self.title, INK, font(TITLE_PX), anchor="ls")
        across, upwards = (AXES[axis] for axis in self.axes)
        draw.text((self.right, self.bottom + 20), f"{across}, m", FAINT, font(TEXT_PX), anchor="ra")
        draw.text((self.left - 5, self.top - 8), f"{upwards}, m", FAINT, font(TEXT_PX), anchor="rs")


def font(size: int) -> Any:
    """The font that Pillow ships."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def lay_out(up: Up, lowest: np.ndarray, highest: np.ndarray, width: int, height: int) -> list[Panel]:
    """The world between two corners f8[3] m from above and from the side, in one scale.

    The longer axis of the ground runs to the right in both. From above, the picture is no mirror image: the axis that
    points upwards in it is up × right.
    """
    middle, spans = (lowest + highest) / 2, np.maximum(highest - lowest, _LEAST_SPAN_M) * (1 + 2 * _MARGIN)
    right, back = sorted(up.ground, key=lambda axis: -spans[axis])
    upwards = np.cross(np.eye(3)[up.axis] * up.sign, np.eye(3)[right])
    room = (width - LEFT_PX - BETWEEN_PX - RIGHT_PX) // 2, height - TOP_PX - BOTTOM_PX
    scale = min(room[0] / spans[right], room[1] / max(spans[back], spans[up.axis]))
    panels = []
    for at, (title, axis, sign) in enumerate(
        (("from above", back, int(upwards[back])), (f"from the side ({up} is up, a guess)", up.axis, up.sign))
    ):
        left = LEFT_PX + at * (room[0] + BETWEEN_PX)
        corners = (left, TOP_PX, left + room[0], TOP_PX + room[1])
        centre = float(middle[right]), float(middle[axis])
        panels.append(Panel(title, *corners, (right, axis), (1, sign), centre, float(scale)))
    return panels
