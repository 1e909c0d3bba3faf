"""The debugging view of the grouping as a picture: a lane per person, a bar per tracklet."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from videotracks.palette import color_of, text_color_on

if TYPE_CHECKING:
    import polars as pl
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

INK, FAINT, GRID, GROUND, STRIPE = (31, 35, 40), (104, 112, 122), (222, 226, 231), (255, 255, 255), (246, 248, 250)
LANE_PX, BAR_PX = 30, 20
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 244, 28, 92, 44
#: Distances of ticks that people read easily, s; the last ones are hours.
TICKS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
MIN_TICK_PX = 70


class TimelineSettings(BaseModel, frozen=True, extra="forbid"):
    """Size of the timeline picture."""

    width_px: int = Field(1200, ge=600, le=8000, description="width of the picture, px")
    max_persons: int = Field(40, ge=1, le=1000, description="lanes drawn, by rank; the picture says how many are not")


class _Canvas:
    """The drawing surface with the scale from seconds to pixels."""

    def __init__(self, draw: "ImageDraw", width_px: int, duration_s: float) -> None:
        self.draw = draw
        self.right = width_px - RIGHT_PX
        self.duration_s = max(duration_s, 1e-3)
        self._fonts: dict[int, Any] = {}

    def x(self, seconds: float) -> float:
        """The place of a moment on the axis."""
        return LEFT_PX + (self.right - LEFT_PX) * min(max(seconds / self.duration_s, 0), 1)

    def font(self, size: int) -> Any:
        """The font that Pillow ships."""
        from PIL import ImageFont

        return self._fonts.setdefault(size, ImageFont.load_default(size))

    def width(self, text: str, size: int) -> float:
        """Width of a text in px."""
        return float(self.draw.textlength(text, font=self.font(size)))

    def text(self, x: float, y: float, text: str, size: int, color: tuple[int, int, int], anchor: str = "lm") -> None:
        """Write a text at an anchor point."""
        self.draw.text((x, y), text, font=self.font(size), fill=color, anchor=anchor)

    def fitted(self, text: str, size: int, room: float) -> str:
        """The text, cut with dots where it is too long."""
        if self.width(text, size) <= room:
            return text
        while text and self.width(text + "...", size) > room:
            text = text[:-1]
        return text + "..."


def draw_timeline(table: "pl.DataFrame", duration_s: float, settings: TimelineSettings) -> "Image":
    """Draw ``grouping_table``: who is visible when, which tracklets were joined, what was refused.

    Bars are tracklets with their ids, thin lines the gaps that were bridged; the words before a person's first bar say
    which tracklet it might have continued and which check refused that. ``duration_s`` is the end of the time axis.
    """
    from PIL import Image, ImageDraw

    lanes = [group for _, group in table.group_by("person_id", maintain_order=True)]
    shown = lanes[: settings.max_persons]
    height = TOP_PX + LANE_PX * max(len(shown), 1) + BOTTOM_PX
    picture = Image.new("RGB", (settings.width_px, height), GROUND)
    canvas = _Canvas(ImageDraw.Draw(picture), settings.width_px, duration_s)
    for i in range(1, len(shown), 2):
        top = TOP_PX + i * LANE_PX
        canvas.draw.rectangle((0, top, settings.width_px, top + LANE_PX - 1), fill=STRIPE)
    bottom = TOP_PX + LANE_PX * max(len(shown), 1)
    _draw_axis(canvas, bottom)
    several_views = table["camera"].n_unique() > 1
    for i, lane in enumerate(shown):
        _draw_lane(canvas, lane, TOP_PX + i * LANE_PX + LANE_PX // 2, several_views)

    refusals = int(table["refusals"].sum())
    canvas.text(16, 24, f"{len(lanes)} persons from {table.height} tracklets", 18, INK)
    canvas.text(16, 47, f"bar: tracklet · line: bridged gap · grey: refused to continue ({refusals} pairs)", 13, FAINT)
    if not shown:
        canvas.text(LEFT_PX + 12, TOP_PX + LANE_PX / 2, "no persons", 14, FAINT)
    if len(lanes) > len(shown):
        left_out = f"{len(lanes) - len(shown)} more persons, ranked below {len(shown)}, are not drawn"
        canvas.text(16, bottom + 26, canvas.fitted(left_out, 13, LEFT_PX * 3), 13, FAINT)
    return picture


def _draw_axis(canvas: _Canvas, bottom: int) -> None:
    px_per_s = (canvas.right - LEFT_PX) / canvas.duration_s
    step = next((tick for tick in TICKS_S if tick * px_per_s >= MIN_TICK_PX), TICKS_S[-1])
    while step * px_per_s < MIN_TICK_PX:
        step *= 2
    for i in range(int(canvas.duration_s / step + 1e-9) + 1):
        x = canvas.x(i * step)
        canvas.draw.line((x, TOP_PX - 4, x, bottom + 4), fill=GRID)
        canvas.text(x, TOP_PX - 12, _clock(i * step, step), 12, FAINT, "mm")
    canvas.draw.line((LEFT_PX, bottom, canvas.right, bottom), fill=FAINT)


def _clock(seconds: float, step: float) -> str:
    """A moment as people write it: 0.5 s, 12 s, 1:30, 1:02:30."""
    if seconds < 60:
        return f"{seconds:.{0 if step >= 1 else 1 if step >= 0.1 else 2}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _draw_lane(canvas: _Canvas, lane: "pl.DataFrame", middle: int, several_views: bool) -> None:
    first = lane.row(0, named=True)
    color = color_of(first["person_id"])
    half = BAR_PX // 2
    canvas.draw.rounded_rectangle((16, middle - 7, 30, middle + 7), radius=3, fill=color)
    name = f"#{first['rank']}  person {first['person_id']}"
    if several_views:
        name += f" · {first['camera']}"
    canvas.text(38, middle, canvas.fitted(name, 14, LEFT_PX - 50), 14, INK)
    ends = [canvas.x(first["start_s"])]
    for bar in lane.iter_rows(named=True):
        left, right = canvas.x(bar["start_s"]), canvas.x(bar["end_s"])
        if left > ends[-1]:
            canvas.draw.line((ends[-1], middle, left, middle), fill=color, width=2)
        right = max(right, left + 3)
        canvas.draw.rounded_rectangle((left, middle - half, right, middle + half), radius=3, fill=color, outline=GROUND)
        label = str(bar["tracklet_id"])
        if canvas.width(label, 12) + 6 <= right - left:
            canvas.text((left + right) / 2, middle, label, 12, text_color_on(color), "mm")
        ends.append(right)
    if first["refusals"]:
        more = f" +{first['refusals'] - 1}" if first["refusals"] > 1 else ""
        refused = f"not {first['refused_after'].split('; ')[-1]}{more}"
        if canvas.width(refused, 11) + 12 <= ends[0] - LEFT_PX:
            canvas.text(ends[0] - 6, middle, refused, 11, FAINT, "rm")
