"""The built-in detector on drawn and real persons."""

import cv2
import numpy as np
import pytest

from videotracks.people.detectors import overlaps
from videotracks.people.hog import HogDetector


def street(persons: list[tuple[int, int, int]], height: int = 432, width: int = 768, seed: int = 1) -> np.ndarray:
    """A noisy ground with drawn persons given by centre x, top y and height in px."""
    rng = np.random.default_rng(seed)
    image = np.clip(rng.normal(150, 6, (height, width, 3)), 0, 255).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    for x, top, tall in persons:
        draw(image, x, top, tall)
    return image


def draw(image: np.ndarray, x: int, top: int, tall: int) -> None:
    """A walking figure: head, torso, arms, legs."""
    unit = tall / 8
    dark, skin = (40, 45, 60), (190, 150, 130)

    def limb(x1: float, y1: float, x2: float, y2: float, thick: float, colour: tuple[int, int, int]) -> None:
        ends = (round(x + x1 * unit), round(top + y1 * unit)), (round(x + x2 * unit), round(top + y2 * unit))
        cv2.line(image, *ends, colour, max(1, round(thick * unit)), cv2.LINE_AA)

    limb(0, 4, -0.7, 7.8, 0.7, dark)
    limb(0, 4, 0.7, 7.8, 0.7, dark)
    limb(0, 1.7, 0, 4, 1.5, (70, 60, 110))
    limb(-0.6, 1.6, -1.1, 4.2, 0.45, (70, 60, 110))
    limb(0.6, 1.6, 1.1, 4.2, 0.45, (70, 60, 110))
    cv2.circle(image, (x, round(top + 0.6 * unit)), round(0.6 * unit), skin, -1, cv2.LINE_AA)


def found(image: np.ndarray, persons: list[tuple[int, int, int]]) -> list[bool]:
    bboxes, confidences = HogDetector().detect(image)
    bboxes = bboxes[confidences >= 0.3]
    boxes = [np.array([x - t * 0.16, top, x + t * 0.16, top + t], "f4") for x, top, t in persons]
    return [len(bboxes) > 0 and bool(overlaps(box, bboxes)[0].max() > 0.4) for box in boxes]


@pytest.mark.parametrize(("height", "width"), [(432, 768), (720, 1280), (270, 480), (240, 180)])
def test_finds_drawn_persons_in_frames_of_any_size(height, width):
    tall = int(height * 0.5)
    persons = [(int(width * 0.3), int(height * 0.3), tall)]
    if width > height:
        persons.append((int(width * 0.7), int(height * 0.2), int(tall * 1.2)))
    assert all(found(street(persons, height, width), persons))


def test_finds_who_fills_the_height_of_the_frame():
    persons = [(384, 6, 420)]
    assert found(street(persons), persons) == [True]


def test_finds_nobody_on_an_empty_ground():
    _, confidences = HogDetector().detect(street([]))
    assert not (confidences >= 0.3).any()


def test_boxes_lie_in_the_frame_most_confident_first():
    bboxes, confidences = HogDetector().detect(street([(100, 100, 200), (384, 6, 420), (700, 150, 180)]))
    assert bboxes.dtype == confidences.dtype == np.float32
    assert (bboxes >= 0).all()
    assert (bboxes <= [768, 432, 768, 432]).all()
    assert (bboxes[:, 2:] > bboxes[:, :2]).all()
    assert (np.diff(confidences) <= 0).all()
    assert confidences.min() >= 0
    assert confidences.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (2000, 2)])
def test_a_frame_of_any_shape_is_taken(size):
    bboxes, confidences = HogDetector().detect(np.zeros((*size, 3), np.uint8))
    assert bboxes.shape == (len(confidences), 4)


def test_says_what_ran():
    assert HogDetector().provenance()["backend"] == "hog"


@pytest.mark.slow
@pytest.mark.testdata
def test_finds_most_of_the_persons_who_pass_one_by_one(testdata):
    import av

    seen = []
    with av.open(str(testdata / "clips" / "one_by_one_person.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if 140 <= index < 600 and index % 20 == 0:
                seen.append(HogDetector().detect(frame.to_ndarray(format="rgb24")))
    with_person = [bool((c >= 0.3).any()) for _, c in seen]
    assert np.mean(with_person) >= 0.6
