"""Pictures of an evaluation: AUROC by length with intervals, and confidence against truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from videotracks.palette import Colour, color_of
from videotracks.persistence.classifier.calibration import Reliability
from videotracks.persistence.classifier.evaluation import CLASSIFIER, Evaluation
from videotracks.persistence.classifier.training import TrainedClassifier
from videotracks.persistence.curve_plots import CurvePanel, draw_curves

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_INK, _FAINT, _GRID, _GROUND = (31, 35, 40), (104, 112, 122), (228, 232, 236), (255, 255, 255)
_SIZE_PX, _PLOT_PX = (760, 420), (440, 320)
_LEFT_PX, _TOP_PX, _LEGEND_PX, _LINE_PX = 60, 50, 22, 2
_TITLE_PX, _TEXT_PX = 15, 12
#: Methods stand beside one another at each length, so that their intervals do not hide one another.
_BESIDE_PX = 4
#: Bins of few tracks are drawn small, by the square root of their share.
_LEAST_DOT_PX, _MOST_DOT_PX = 2.0, 12.0


@dataclass(frozen=True, slots=True)
class _Plot:
    """The axes: values from ``low`` to ``high`` upwards, places 0 to 1 to the right."""

    draw: "ImageDraw"
    low: float
    high: float

    def at(self, across: float, value: float) -> tuple[float, float]:
        """The pixel of a place 0 to 1 and a value; what lies outside is put on the border."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _LEFT_PX + across * _PLOT_PX[0], _TOP_PX + (1 - share) * _PLOT_PX[1]

    def frame(self, title: str, unit: str, below: str) -> None:
        """Title, grid and the names of the axes."""
        self.draw.text((_LEFT_PX, _TOP_PX - 24), title, _INK, _font(_TITLE_PX), anchor="ls")
        self.draw.text((_LEFT_PX - 6, _TOP_PX - 10), unit, _FAINT, _font(_TEXT_PX), anchor="ls")
        for value in np.linspace(self.low, self.high, 6):
            left, y = self.at(0, value)
            self.draw.line([(left, y), (left + _PLOT_PX[0], y)], fill=_GRID)
            self.draw.text((left - 6, y), f"{value:.2g}", _FAINT, _font(_TEXT_PX), anchor="rm")
        right, bottom = self.at(1, self.low)
        self.draw.text((right, bottom + 24), below, _FAINT, _font(_TEXT_PX), anchor="ra")

    def tick(self, across: float, text: str) -> None:
        """A mark of the axis below."""
        x, bottom = self.at(across, self.low)
        self.draw.text((x, bottom + 6), text, _FAINT, _font(_TEXT_PX), anchor="ma")

    def legend(self, row: int, text: str, color: Colour) -> None:
        """A line of the legend to the right."""
        left, y = _LEFT_PX + _PLOT_PX[0] + 24, _TOP_PX + 10 + row * _LEGEND_PX
        self.draw.line([(left, y), (left + 18, y)], fill=color, width=_LINE_PX)
        self.draw.text((left + 26, y), text, _INK, _font(_TEXT_PX), anchor="lm")


def draw_training(trained: TrainedClassifier) -> np.ndarray:
    """The curves of a training, epoch by epoch: RGB u8[H, W, 3]."""
    panels = (
        CurvePanel("loss", {"training": trained.curve("training_loss"), "validation": trained.curve("loss")}),
        CurvePanel("validation", {"accuracy": trained.curve("accuracy"), "AUROC": trained.curve("auroc")}),
    )
    return draw_curves(np.arange(1, len(trained.curves) + 1), panels)


def draw_auroc_by_length(evaluation: Evaluation, split: str) -> np.ndarray:
    """AUROC of every method over the length of what it saw, with intervals: RGB u8[H, W, 3]."""
    rows = [row for row in evaluation.methods if row.split == split and row.k is not None]
    lengths = sorted({row.k for row in rows if row.k is not None})
    methods = sorted(
        {row.method for row in rows}, key=lambda name: (name != CLASSIFIER, -_mean(evaluation, split, name))
    )
    picture, draw = _paper()
    plot = _Plot(draw, 0.3, 1.0)
    plot.frame(f"{split}: telling things from the rest", "AUROC", "observations seen")
    places = {k: (at + 0.5) / len(lengths) for at, k in enumerate(lengths)}
    for k, place in places.items():
        plot.tick(place, str(k))
    for at, method in reversed(list(enumerate(methods))):
        color, shift = color_of(at), (at - (len(methods) - 1) / 2) * _BESIDE_PX
        points = []
        for row in rows:
            figure = row.auroc
            if row.method != method or row.k is None or figure.mean is None:
                continue
            x, y = plot.at(places[row.k], figure.mean)
            ends = [(x + shift, plot.at(0, value)[1]) for value in (figure.low or 0, figure.high or 0)]
            draw.line(ends, fill=color, width=_LINE_PX)
            points.append((x + shift, y))
        _line(draw, points, color, 2 * _LINE_PX if method == CLASSIFIER else 1)
        plot.legend(at, f"{method}  {_mean(evaluation, split, method):.3f}", color)
    return np.array(picture)


def draw_reliability(curves: Mapping[str, Reliability]) -> np.ndarray:
    """The share of things over the confidence, for each named curve, dots by their tracks: RGB u8[H, W, 3]."""
    picture, draw = _paper()
    plot = _Plot(draw, 0.0, 1.0)
    plot.frame("Confidence against truth", "share of things", "confidence")
    draw.line([plot.at(0, 0), plot.at(1, 1)], fill=_FAINT)
    for place in np.linspace(0, 1, 6):
        plot.tick(float(place), f"{place:.1f}")
    for at, (name, curve) in enumerate(curves.items()):
        points = [plot.at(x, y) for x, y in zip(curve.confidence, curve.things, strict=True)]
        _line(draw, points, color_of(at), _LINE_PX)
        for point, tracks in zip(points, curve.tracks, strict=True):
            draw.circle(point, max(_LEAST_DOT_PX, _MOST_DOT_PX * (tracks / sum(curve.tracks)) ** 0.5), color_of(at))
        plot.legend(at, f"{name}: ECE {curve.expected_error:.3f}", color_of(at))
    return np.array(picture)


def _mean(evaluation: Evaluation, split: str, method: str) -> float:
    return evaluation.find(split, method).auroc.mean or 0.0


def _paper() -> tuple[Any, "ImageDraw"]:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", _SIZE_PX, _GROUND)
    return picture, ImageDraw.Draw(picture)


def _line(draw: "ImageDraw", points: Sequence[tuple[float, float]], color: Colour, width: int) -> None:
    if len(points) > 1:
        draw.line(list(points), fill=color, width=width, joint="curve")
    for point in points:
        draw.circle(point, width + 1, fill=color)


def _font(size: int) -> Any:
    """The font that Pillow ships."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
