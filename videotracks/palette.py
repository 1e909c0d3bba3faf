"""One colour per person, the same in every picture and page."""

from functools import lru_cache
from math import cos, pi, sin, sqrt

Colour = tuple[int, int, int]

#: Successive ids lie a golden section of the circle apart in hue, so that any first few are spread evenly.
GOLDEN_SECTION = (sqrt(5) - 1) / 2
#: Where the circle begins: chosen so that the first twelve ids lie farthest apart.
PHASE = 0.54
#: OKLab lightness, in turn: three, because ids 5, 8 or 13 apart come close in hue. Within these bounds every hue keeps
#: a contrast of 3:1 to white and to near black.
LIGHTNESS = (0.645, 0.53, 0.59)


@lru_cache(maxsize=4096)
def color_of(identity: int) -> Colour:
    """The colour (red, green, blue, 0 to 255) of a person or tracklet: depends on the id alone, readable on any ground.

    Colours of equal lightness and saturation in OKLab (Björn Ottosson, 2020), hue by the golden section.
    """
    hue = 2 * pi * ((identity * GOLDEN_SECTION + PHASE) % 1)
    lightness = LIGHTNESS[identity % 3]
    chroma = 0.19
    while min(linear := linear_rgb(lightness, chroma * cos(hue), chroma * sin(hue))) < 0 or max(linear) > 1:
        chroma -= 0.005  # the screen cannot show this hue so saturated
    red, green, blue = (encoded_level(value) for value in linear)
    return red, green, blue


def text_color_on(color: Colour) -> Colour:
    """Black or white, whichever reads better on ``color``."""
    return (0, 0, 0) if luminance(color) > 0.179 else (255, 255, 255)  # 0.179: contrast to both is the same


def luminance(color: Colour) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2)."""
    red, green, blue = (v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear_rgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """A colour of OKLab as linear red, green and blue; outside 0 to 1 where the screen cannot show it."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def encoded_level(value: float) -> int:
    """A linear value, 0 to 1, as sRGB's level, 0 to 255."""
    return round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))
