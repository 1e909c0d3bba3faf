"""The tracked masks as a video: which frames are in it, at what rate, and whose colours."""

import numpy as np
import pytest

from tests.masks.comparison.comparison_examples import FPS, FRAMES, HEIGHT, WIDTH, archive, rectangle, video, walking
from videotracks.masks.comparison.overlay import FILL
from videotracks.masks.comparison.tracked_video import TrackedVideo, usual_step
from videotracks.palette import color_of
from videotracks.recording import probe_recording, read_frames


def filmed(folder, followed, longest_px=WIDTH):
    """The view and the frames i64[H, W, 3] of the video, with one object tracked in these frames."""
    path, recording = video(folder)
    segments = archive(folder / "segments.npz", 2, {f: {3: rectangle(walking(f))} for f in followed})
    with TrackedVideo(folder / "tracked.mp4", recording.views[0], segments, longest_px, crf=4) as film:
        for frame in read_frames(path, recording.views[0]):
            if film.shows(frame.index):
                film.add(frame.index, frame.rgb())
    view = probe_recording(folder / "tracked.mp4", "tracked").views[0]
    return view, [frame.rgb().astype(int) for frame in read_frames(folder / "tracked.mp4", view)]


def test_masks_are_drawn_in_their_colour_on_their_frames(tmp_path) -> None:
    view, frames = filmed(tmp_path, range(5, FRAMES))
    assert (len(frames), view.fps, view.width, view.height) == (FRAMES, FPS, WIDTH, HEIGHT)
    path, recording = video(tmp_path)
    plain = [frame.rgb().astype(int) for frame in read_frames(path, recording.views[0])]
    for index in range(FRAMES):
        x, y, width, height = walking(index)
        inside = np.s_[y + 20 : y + height - 4, x + 20 : min(x + width, WIDTH) - 4]
        glazed = plain[index][inside] * (1 - FILL) + FILL * np.array(color_of(3))
        near = np.abs(frames[index][inside] - glazed).mean() < 12
        assert near == (index >= 5), index


def test_where_every_other_frame_was_followed_times_stay_right(tmp_path) -> None:
    view, frames = filmed(tmp_path, range(4, FRAMES, 2))
    assert len(frames) == FRAMES // 2
    assert view.fps == pytest.approx(FPS / 2)
    assert view.duration_s == pytest.approx(FRAMES / FPS)


def test_a_large_video_is_made_smaller_and_a_small_one_stays(tmp_path) -> None:
    assert filmed(tmp_path, range(FRAMES), longest_px=80)[0].width == 80
    assert filmed(tmp_path, range(FRAMES), longest_px=960)[0].width == WIDTH


def test_without_masks_it_is_the_video(tmp_path) -> None:
    assert len(filmed(tmp_path, [])[1]) == FRAMES


@pytest.mark.parametrize(("frames", "step"), [([], 1), ([7], 1), ([0, 2, 4, 5], 2), ([0, 1, 2, 10, 11], 1)])
def test_the_usual_step_is_the_most_frequent(frames, step) -> None:
    assert usual_step(frames) == step
