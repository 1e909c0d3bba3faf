"""Comparisons: which pictures there are, what is on them, and what is said where something is missing."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.masks.comparison.comparison_examples import (
    FPS,
    FRAMES,
    HEIGHT,
    WIDTH,
    archive,
    candidates,
    rectangle,
    video,
    walking,
)
from videotracks.errors import CorruptFileError, RecordingError
from videotracks.masks.comparison import view as comparison
from videotracks.masks.comparison.overlay import FILL
from videotracks.masks.comparison.panels import GAP_PX, TITLE_PX, UNFOLLOWED, short_id
from videotracks.masks.comparison.summary import read_summary
from videotracks.masks.comparison.view import ComparisonSettings, LevelInputs, draw_comparisons
from videotracks.palette import color_of
from videotracks.recording import read_frames

PANEL = 320
SETTINGS = ComparisonSettings(panel_width=PANEL, max_frames=4)
WALKER, WALL = 3, 7
GAP = (100, 10, 30, 20)
ELSEWHERE = {"frame_idx": 1, "time_s": 0, "file": "../x.png", "candidates": 1, "followed": 0, "objects": []}


def masks_of(frames=range(FRAMES)):
    return {f: {WALKER: rectangle(walking(f)), WALL: rectangle((0, 80, WIDTH, 16))} for f in frames}


def proposed(frames=(0, 8, 16)):
    return {f: {"seg_00001": rectangle(walking(f)), "gap_00002": rectangle(GAP)} for f in frames}


def level_inputs(folder, level=2, masks=None, proposals=None, scale=1.0) -> LevelInputs:
    segments = archive(folder / f"{level}.npz", level, masks_of() if masks is None else masks, scale)
    return LevelInputs(candidates(level, proposed() if proposals is None else proposals), segments, folder / f"{level}")


def drawn(folder, inputs=None, settings=SETTINGS, **options):
    path, recording = video(folder)
    inputs = inputs or level_inputs(folder)
    summary = draw_comparisons(recording.views[0], path, {2: inputs}, settings, **options)[2]
    assert read_summary(inputs.out / "L02_comparison_summary.json") == summary
    return summary, inputs.out


def codes(summary):
    return [warning.code for warning in summary.warnings]


def panels(path):
    """The three panels i64[h, w, 3] of a picture."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert picture.shape[1] == 3 * PANEL + 2 * GAP_PX
    return [picture[TITLE_PX:, place * (PANEL + GAP_PX) :][:, :PANEL] for place in range(3)]


def test_pictures_have_their_names_their_size_and_their_frames(tmp_path) -> None:
    summary, out = drawn(tmp_path)
    assert [frame.frame_idx for frame in summary.drawn] == [0, 8, 16, 19]
    assert sorted(path.name for path in out.glob("*.png")) == [f"L2_{frame:05d}.png" for frame in (0, 8, 16, 19)]
    for frame in summary.drawn:
        assert Image.open(out / frame.file).size == summary.picture_size
        assert frame.time_s == pytest.approx(frame.frame_idx / FPS)
    assert summary.picture_size == (3 * PANEL + 2 * GAP_PX, TITLE_PX + PANEL * HEIGHT // WIDTH)
    assert summary.warnings == []


def test_the_first_panel_is_the_frame_and_masks_lie_over_it(tmp_path) -> None:
    _, out = drawn(tmp_path)
    path, recording = video(tmp_path)
    frame = list(read_frames(path, recording.views[0]))[8].rgb()
    plain, _, tracked = panels(out / "L2_00008.png")
    assert np.abs(plain[::2, ::2] - frame).mean() < 3
    x, y, width, height = (2 * side for side in walking(8))
    inside = np.s_[y + 24 : y + height - 4, x + 24 : x + width - 4]
    glazed = plain[inside] * (1 - FILL) + FILL * np.array(color_of(WALKER))
    assert np.abs(tracked[inside] - glazed).max() <= 1
    assert (tracked[y + height - 1, x : x + width] == color_of(WALKER)).all(), "the contour"
    assert (tracked[2:20, 2:100] == plain[2:20, 2:100]).all(), "nothing is there"


def test_a_candidate_has_the_colour_of_the_object_that_covers_it_or_none(tmp_path) -> None:
    summary, out = drawn(tmp_path)
    proposals = panels(out / "L2_00008.png")[1]
    x, y, width, height = (2 * side for side in walking(8))
    assert (proposals[y + height - 1, x : x + width] == color_of(WALKER)).all()
    x, y, width, height = (2 * side for side in GAP)
    assert (proposals[y + height - 1, x : x + width] == UNFOLLOWED).all()
    assert [(frame.candidates, frame.followed) for frame in summary.drawn] == [(2, 1), (2, 1), (2, 1), (None, 0)]
    assert summary.drawn[0].objects == [WALKER, WALL]


def test_a_frame_without_candidates_says_so(tmp_path) -> None:
    _, out = drawn(tmp_path)
    plain, proposals, _ = panels(out / "L2_00019.png")
    edge = np.s_[:20]
    assert np.abs(proposals[edge] - plain[edge] * 0.35).max() <= 1, "dark"
    assert (proposals > 200).all(axis=2).any(), "with words on it"


def test_masks_stored_smaller_look_the_same(tmp_path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    _, whole = drawn(tmp_path)
    _, shrunk = drawn(small, level_inputs(small, scale=0.3))
    differs = np.abs(panels(whole / "L2_00008.png")[2] - panels(shrunk / "L2_00008.png")[2]).max(axis=2) > 30
    assert differs.mean() < 0.06


def test_all_levels_come_from_one_pass(tmp_path, monkeypatch) -> None:
    passes, told = [], []

    def counted(*args, **options):
        passes.append(options)
        return read_frames(*args, **options)

    monkeypatch.setattr(comparison, "read_frames", counted)
    path, recording = video(tmp_path)
    levels = {level: level_inputs(tmp_path, level) for level in (2, 4)}
    film = tmp_path / "tracked.mp4"
    summaries = draw_comparisons(recording.views[0], path, levels, SETTINGS, lambda *at: told.append(at), film)
    assert len(passes) == 1
    assert film.is_file()
    assert {level: len(summary.drawn) for level, summary in summaries.items()} == {2: 4, 4: 4}
    assert (levels[4].out / "L04_comparison_summary.json").is_file()
    assert (levels[4].out / "L4_00008.png").is_file()
    assert told[-1] == (FRAMES, FRAMES)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_every_object_has_a_small_picture_from_the_middle_of_its_life(tmp_path) -> None:
    masks = masks_of()
    masks[4][9] = rectangle((60, 30, 50, 40))
    masks[5][9] = rectangle((60, 30, 50, 40))
    summary, out = drawn(tmp_path, level_inputs(tmp_path, masks=masks))
    assert [(item.object_id, item.frame_idx) for item in summary.objects] == [(WALKER, 10), (WALL, 10), (9, 5)]
    for item in summary.objects:
        assert max(Image.open(out / item.file).size) == 128


def test_objects_seen_longest_come_first_where_small_pictures_are_few(tmp_path) -> None:
    masks = masks_of() | {4: masks_of()[4] | {1: rectangle((60, 30, 50, 40))}}
    few = SETTINGS.model_copy(update={"max_thumbnails": 2})
    summary, out = drawn(tmp_path, level_inputs(tmp_path, masks=masks), few)
    assert [item.object_id for item in summary.objects] == [WALKER, WALL]
    assert len(list(out.glob("*.jpg"))) == 2


def test_warns_of_a_level_without_anything_to_compare(tmp_path) -> None:
    path, recording = video(tmp_path)
    empty = level_inputs(tmp_path, 4, {}, {})
    both = {2: level_inputs(tmp_path), 4: empty}
    summaries = draw_comparisons(recording.views[0], path, both, SETTINGS)
    assert codes(summaries[4]) == ["comparison.no_targets"]
    assert summaries[4].drawn == []
    stored = json.loads((empty.out / "L04_comparison_summary.json").read_text())["warnings"]
    assert stored == [
        {
            "stage": "comparison",
            "code": "comparison.no_targets",
            "message": "no frame has candidates or tracked masks: nothing to compare",
            "level": 4,
            "details": {},
        }
    ]
    assert len(summaries[2].drawn) == 4, "the other level is whole"


def test_warns_of_frames_behind_the_end_and_draws_the_others(tmp_path) -> None:
    inputs = level_inputs(tmp_path, masks=masks_of(range(FRAMES + 5)), proposals=proposed((0, 8, 400)))
    summary, _ = drawn(tmp_path, inputs)
    assert codes(summary) == ["comparison.missing_sources"]
    assert summary.warnings[0].details == {"frames": [20, 21, 22, 23, 24, 400], "frame_count": 6}
    assert [frame.frame_idx for frame in summary.drawn][-1] == FRAMES - 1


def test_warns_of_frames_that_cannot_be_decoded_and_keeps_those_before(tmp_path, monkeypatch) -> None:
    def broken(*args, **options):
        for frame in read_frames(*args, **options):
            if frame.index == 12:
                raise RecordingError("clip.mp4: frame 12: broken")
            yield frame

    monkeypatch.setattr(comparison, "read_frames", broken)
    summary, out = drawn(tmp_path, video=tmp_path / "tracked.mp4")
    assert codes(summary) == ["comparison.missing_sources"]
    assert "frame 12: broken" in summary.warnings[0].message
    assert summary.warnings[0].details["frames"] == [16, 19]
    assert sorted(path.name for path in out.glob("*.png")) == ["L2_00000.png", "L2_00008.png"]
    assert (tmp_path / "tracked.mp4").is_file()


def test_a_view_of_which_no_frame_decodes_leaves_a_summary_and_no_video(tmp_path, monkeypatch) -> None:
    def broken(*args, **options):
        raise RecordingError("clip.mp4: frame 0: broken")
        yield

    monkeypatch.setattr(comparison, "read_frames", broken)
    summary, out = drawn(tmp_path, video=tmp_path / "tracked.mp4")
    assert codes(summary) == ["comparison.missing_sources", "comparison.render_empty"]
    assert not (tmp_path / "tracked.mp4").exists()
    assert [path.name for path in out.iterdir()] == ["L02_comparison_summary.json"]


def test_warns_of_frames_without_masks(tmp_path) -> None:
    summary, _ = drawn(tmp_path, level_inputs(tmp_path, masks=masks_of([0, 1, 2, 19]) | {16: {}}))
    assert codes(summary) == ["comparison.missing_masks"] * 2
    assert [warning.details["frames"] for warning in summary.warnings] == [[8], [16]]
    assert "not in the archive" in summary.warnings[0].message
    assert "2 candidates and no tracked mask" in summary.warnings[1].message
    assert len(summary.drawn) == 4


def test_warns_of_masks_that_cannot_be_read(tmp_path, monkeypatch) -> None:
    inputs = level_inputs(tmp_path)
    whole = inputs.segments.masks

    def broken(frame):
        if frame == 8:
            raise CorruptFileError("2.npz: frames/frame_000008.json: truncated")
        return whole(frame)

    monkeypatch.setattr(inputs.segments, "masks", broken)
    summary, _ = drawn(tmp_path, inputs, video=tmp_path / "tracked.mp4")
    assert codes(summary) == ["comparison.missing_masks"] * 2
    assert "truncated" in summary.warnings[0].message
    assert "in the video" in summary.warnings[1].message
    assert [frame.objects for frame in summary.drawn if frame.frame_idx == 8] == [[]]
    assert len(summary.drawn) == 4


def test_warns_of_pictures_that_show_no_mask(tmp_path) -> None:
    summary, _ = drawn(tmp_path, level_inputs(tmp_path, masks={0: {}, 8: {}}, proposals={0: {}}))
    assert codes(summary) == ["comparison.render_empty"]
    assert len(summary.drawn) == 2


@pytest.mark.parametrize(
    ("name", "label"), [("seg_00012", "12"), ("gap_00001", "gap 1"), ("0", "0"), ("L2_7", "7"), ("a" * 30, "a" * 12)]
)
def test_ids_of_candidates_are_short(name, label) -> None:
    assert short_id(name) == label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "x"}, "level"),
        ({"drawn": [ELSEWHERE]}, "L2_00001.png"),
        ({"objects": [{"object_id": 1, "frame_idx": 0, "file": "/etc/passwd"}]}, "L2_object_00001.jpg"),
        ({"more": 1}, "more"),
    ],
)
def test_refuses_a_summary_that_is_none(tmp_path, change, message) -> None:
    summary, out = drawn(tmp_path)
    path = out / "L02_comparison_summary.json"
    path.write_text(json.dumps(summary.model_dump() | change))
    with pytest.raises(CorruptFileError, match=message):
        read_summary(path)
