"""Identity: who is who by the overlap on shared frames, each old object at most once."""

import numpy as np

from tests.masks.tracking.following import HEIGHT, WIDTH, drawn
from videotracks.masks.tracking.dedup import ThumbnailSize
from videotracks.masks.tracking.identity import MIN_SHARED_FRAMES, IdentityMatch, Seen, SeenObjects, nearer

SIZE = ThumbnailSize(HEIGHT, WIDTH, 256)
WHOLE = (10, 10, 10, 10)


def thumbnails(*boxes):
    return SIZE.shrink_all(drawn(box) for box in boxes)


def match(frames, limit=0.6):
    """``frames``: for each the boxes of the new objects, and those of the old ones by id."""
    found = IdentityMatch(limit)
    for new, old in frames:
        seen = {object_id: Seen(0, SIZE.shrink(drawn(box))) for object_id, box in old.items()}
        found.compare(list(new), thumbnails(*new.values()), seen)
    return found.matches()


def test_the_same_masks_on_enough_frames_are_the_same_object() -> None:
    frame = ({0: WHOLE}, {7: WHOLE})
    assert match([frame] * MIN_SHARED_FRAMES) == {0: 7}
    assert match([frame] * (MIN_SHARED_FRAMES - 1)) == {}


def test_the_mean_over_shared_frames_decides_and_the_limit_is_enough() -> None:
    exactly = (*WHOLE[:3], 6)  # IoU 0.6
    assert match([({0: exactly}, {7: WHOLE})] * 3) == {0: 7}
    less = (*WHOLE[:3], 5)
    assert match([({0: exactly}, {7: WHOLE})] * 2 + [({0: less}, {7: WHOLE})]) == {}
    assert match([({0: WHOLE}, {7: WHOLE})] * 2 + [({0: less}, {7: WHOLE})]) == {0: 7}
    # Frames that one of the two is not in say nothing.
    assert match([({0: WHOLE}, {7: WHOLE})] * 3 + [({0: WHOLE}, {}), ({}, {7: WHOLE})]) == {0: 7}


def test_the_best_pair_goes_first_and_nobody_is_taken_twice() -> None:
    near, far = (*WHOLE[:3], 9), (*WHOLE[:3], 8)
    assert match([({0: far, 1: near}, {7: WHOLE})] * 3) == {1: 7}
    assert match([({0: WHOLE}, {7: far, 9: near})] * 3) == {0: 9}
    assert match([({0: near, 1: WHOLE}, {7: WHOLE, 9: far})] * 3) == {1: 7, 0: 9}
    assert match([({0: WHOLE, 1: WHOLE}, {7: WHOLE, 9: WHOLE})] * 3) == {0: 7, 1: 9}


def test_the_nearer_prompt_keeps_the_frame_and_of_equal_ones_the_earlier() -> None:
    assert nearer(6, 10, 0)
    assert not nearer(5, 10, 0)
    seen, (old, new) = SeenObjects(), thumbnails(WHOLE, (*WHOLE[:3], 5))
    for position in range(11):
        seen.keep(position, 3, Seen(0, old))
        seen.keep(position, 3, Seen(10, new))
    assert [position for position in range(11) if np.array_equal(seen.at(position)[3].thumbnail, new)] == [
        6,
        7,
        8,
        9,
        10,
    ]
    seen.forget(6)
    assert seen.at(5) == {}
    assert list(seen.at(6)) == [3]
