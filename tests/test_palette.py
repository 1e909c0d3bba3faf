import itertools

from videotracks.palette import color_of, luminance, text_color_on


def contrast(one: tuple[int, int, int], two: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_stands_out_from_white_and_from_near_black() -> None:
    for identity in range(-10, 2000):
        assert contrast(color_of(identity), (255, 255, 255)) > 3
        assert contrast(color_of(identity), (18, 18, 18)) > 3


def test_text_on_every_colour_is_readable() -> None:
    for identity in range(500):
        assert contrast(color_of(identity), text_color_on(color_of(identity))) > 4.5


def test_the_first_colours_differ_clearly() -> None:
    for one, two in itertools.combinations(map(color_of, range(1, 13)), 2):
        assert sum((a - b) ** 2 for a, b in zip(one, two, strict=True)) ** 0.5 > 50, (one, two)


def test_a_colour_depends_on_the_id_alone() -> None:
    assert [color_of(i) for i in (5, 1, 5)] == [color_of(5), color_of(1), color_of(5)]
