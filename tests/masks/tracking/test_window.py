"""The window: every frame once, at the size wanted, and nothing beside the window in memory."""

import numpy as np
import pytest

from tests.masks.tracking.following import clip
from videotracks.errors import RecordingError
from videotracks.masks.tracking.window import FrameWindow, scale_picture
from videotracks.recording import read_frames


def window_on(tmp_path, frames: range, count: int = 20, size=(32, 24)):
    view, path = clip(tmp_path, count)
    return FrameWindow(view, path, frames, size), [frame.rgb() for frame in read_frames(path, view)]


def test_holds_the_frames_of_the_window_and_no_others(tmp_path) -> None:
    window, pictures = window_on(tmp_path, range(4, 20, 3))
    assert len(window) == 6
    for first, last in ((0, 1), (0, 2), (2, 4), (5, 5)):
        window.move(first, last)
        assert window.held == last - first + 1
        for position in range(first, last + 1):
            assert (window[position] == scale_picture(pictures[4 + 3 * position], (32, 24))).all()
        for position in (first - 1, last + 1, -1):
            with pytest.raises(IndexError):
                window[position]


def test_frames_are_read_only_at_the_size_wanted(tmp_path) -> None:
    window, _ = window_on(tmp_path, range(3))
    window.move(0, 2)
    assert window[1].shape == (24, 32, 3)
    with pytest.raises(ValueError, match="read-only"):
        window[1][0, 0] = 0


def test_frames_between_windows_are_never_converted(tmp_path, monkeypatch) -> None:
    import videotracks.masks.tracking.window as module

    converted = []
    monkeypatch.setattr(module, "scale_picture", lambda rgb, size: converted.append(0) or np.zeros((2, 2, 3), "u1"))
    window, _ = window_on(tmp_path, range(20))
    window.move(2, 4)
    window.move(15, 16)
    assert len(converted) == 5


def test_cannot_go_back(tmp_path) -> None:
    window, _ = window_on(tmp_path, range(20))
    window.move(5, 8)
    with pytest.raises(ValueError, match="decoded once"):
        window.move(4, 9)


def test_a_video_that_ends_early_is_an_error_not_a_shorter_window(tmp_path) -> None:
    view, _ = clip(tmp_path, 20)
    other = tmp_path / "other"
    other.mkdir()
    _, short = clip(other, 10)
    window = FrameWindow(view, short, range(20), (32, 24))
    with pytest.raises(RecordingError):
        window.move(0, 15)


@pytest.mark.parametrize("size", [(64, 48), (16, 12), (128, 96), (128, 12)])
def test_pictures_keep_their_brightness_at_any_size(size) -> None:
    picture = np.full((48, 64, 3), 77, np.uint8)
    scaled = scale_picture(picture, size)
    assert scaled.shape == (size[1], size[0], 3)
    assert (scaled == 77).all()
