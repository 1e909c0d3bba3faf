"""Following candidates through a view: what is prompted, how far it is followed, and who it is."""

import json
import zipfile

import numpy as np
import pytest

from tests.masks.tracking.following import HEIGHT, WIDTH, RectangleSegmenter, clip, drawn, manifest, still
from videotracks.errors import CorruptFileError, ModelError, RecordingError
from videotracks.masks.archive import SegmentsReader, video_segments_name
from videotracks.masks.object_archive import verify_archives
from videotracks.masks.packed import bounding_box, unpack
from videotracks.masks.tracking.view import MaskTrackingSettings, preview_frames, track_view
from videotracks.recording import probe_recording

LEFT, RIGHT = (4, 10, 16, 20), (40, 10, 16, 20)


def track(tmp_path, segmenter, manifests, frames, *, place="run", progress=None, say=None, **settings):
    """Track in a clip; what every level's archive holds as {frame: {id: box}}, and its statistics."""
    clips = tmp_path / f"clip_{frames.stop}"
    if not clips.exists():
        clips.mkdir()
        clip(clips, frames.stop)
    view, path = clip_of(clips)
    folder = tmp_path / place
    out = {level: folder / f"level_{level}" for level in manifests}
    chosen = MaskTrackingSettings(**{"dedup_size": 64, "min_area": 30, **settings})
    more = {name: value for name, value in (("progress", progress), ("say", say)) if value}
    statistics = track_view(view, path, segmenter, manifests, frames, chosen, folder / "work", out, **more)
    return {level: contents(out[level], chosen.mask_scale_ratio) for level in out}, statistics


def clip_of(folder):
    path = folder / "clip.mp4"
    return probe_recording(path, "clip").views[0], path


def contents(folder, scale=1.0):
    path = folder / video_segments_name(scale)
    assert verify_archives(path, folder / "object_segments.npz") == []
    with SegmentsReader(path) as archive:
        return {f: {i: bounding_box(unpack(m)) for i, m in archive.masks(f).items()} for f in archive.frames}


def one(found):
    return found[0][2]


def test_follows_forward_and_backward_no_further_than_allowed(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    found, statistics = track(tmp_path, segmenter, {2: manifest({10: [LEFT]})}, range(24), max_propagate=4)
    assert segmenter.asked == [(10, 14), (10, 6)]
    assert list(found[2]) == list(range(24))
    assert [f for f, objects in found[2].items() if objects] == list(range(6, 15))
    assert set(map(str, found[2].values())) == {"{}", str({1: LEFT})}
    assert (statistics[2].masks, statistics[2].objects, statistics[2].frames) == (9, 1, 24)
    assert statistics[2].counts.prompts == 1


def test_stays_inside_the_followed_frames(tmp_path) -> None:
    frames = range(4, 16, 3)
    segmenter = RectangleSegmenter({"a": still(*LEFT)}, frames)
    found = one(track(tmp_path, segmenter, {2: manifest({7: [LEFT]})}, frames))
    assert segmenter.asked == [(1, 3), (1, 0)]
    assert found == {f: {1: LEFT} for f in (4, 7, 10, 13)}


def test_ids_go_on_from_one_across_frames_and_batches(tmp_path) -> None:
    boxes = [(x, y, 8, 8) for y in (2, 22) for x in (2, 18, 34)]
    world = {f"{x}-{y}": still(x, y, w, h, 0, 8) for x, y, w, h in boxes} | {"late": still(*RIGHT, 12)}
    segmenter = RectangleSegmenter(world)
    candidates = {2: manifest({3: boxes, 15: [RIGHT]})}
    found = one(track(tmp_path, segmenter, candidates, range(20), max_propagate=6, objects_at_once=4))
    assert [len(prompts) for _, prompts in segmenter.prompts] == [4, 2, 1]
    assert found[5] == {place + 1: box for place, box in enumerate(boxes)}
    assert found[14] == {7: RIGHT}


def test_an_object_that_is_followed_already_is_not_prompted_again(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT, 8)})
    found, statistics = track(tmp_path, segmenter, {2: manifest({2: [LEFT], 9: [LEFT, RIGHT]})}, range(15))
    assert [len(prompts) for _, prompts in segmenter.prompts] == [1, 1]
    assert (statistics[2].counts.duplicates, statistics[2].counts.candidates) == (1, 3)
    assert found[2][9] == {1: LEFT, 2: RIGHT}


def test_duplicates_inside_a_frame_count_at_once(tmp_path) -> None:
    nearly = (LEFT[0] + 1, *LEFT[1:])
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    _, statistics = track(tmp_path, segmenter, {2: manifest({0: [LEFT, nearly]})}, range(3))
    assert (statistics[2].counts.prompts, statistics[2].counts.duplicates) == (1, 1)


@pytest.mark.parametrize(("height", "prompts"), [(6, 2), (7, 1)])
def test_only_an_overlap_strictly_above_the_limit_is_a_duplicate(tmp_path, height, prompts) -> None:
    whole, part = (10, 10, 10, 10), (10, 10, 10, height)  # IoU exactly 0.6, and 0.7
    segmenter = RectangleSegmenter({"a": still(*whole), "b": still(*part)})
    _, statistics = track(tmp_path, segmenter, {2: manifest({0: [whole, part]})}, range(2))
    assert statistics[2].counts.prompts == prompts


def test_levels_know_nothing_of_each_other_but_share_one_pass(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT)})
    manifests = {2: manifest({3: [LEFT]}, 2), 6: manifest({3: [LEFT, RIGHT], 5: [LEFT]}, 6)}
    found, statistics = track(tmp_path, segmenter, manifests, range(9))
    assert segmenter.sessions == 1
    assert [position for position, _ in segmenter.prompts] == [3, 3]
    assert found[2][0] == {1: LEFT}
    assert found[6][0] == {1: LEFT, 2: RIGHT}
    assert statistics[6].counts.duplicates == 1


def test_an_object_found_again_gets_its_id_back(tmp_path) -> None:
    # Prompted at 2 and followed to 8; the next prompt, at 12, is followed back to 6.
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT, 9)})
    candidates = {2: manifest({2: [LEFT], 12: [RIGHT, LEFT]})}
    found, statistics = track(tmp_path, segmenter, candidates, range(20), max_propagate=6)
    assert statistics[2].counts.regained == 1
    assert statistics[2].objects == 2
    assert found[2][7] == {1: LEFT}
    assert found[2][12] == {1: LEFT, 2: RIGHT}


def test_an_object_that_shares_too_few_frames_is_somebody_new(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    _, statistics = track(tmp_path, segmenter, {2: manifest({2: [LEFT], 13: [LEFT]})}, range(20), max_propagate=6)
    assert (statistics[2].counts.regained, statistics[2].objects) == (0, 2)  # only 7 and 8 are shared


class Drifting(RectangleSegmenter):
    """What is prompted at a frame is a pixel lower for every frame that lies between."""

    def session(self, frames, width, height):
        session = super().session(frames, width, height)
        exact = session._masks
        session._masks = lambda position: np.roll(exact(position), abs(position - session.at), axis=1)
        return session


def test_each_frame_has_the_mask_of_the_prompt_nearest_in_time(tmp_path) -> None:
    segmenter = Drifting({"a": still(*LEFT)})
    candidates = {2: manifest({0: [LEFT], 10: [LEFT]})}
    found, statistics = track(tmp_path, segmenter, candidates, range(14), max_propagate=8, identity_iou=0.5)
    assert statistics[2].counts.regained == 1
    drift = {f: min(f, abs(10 - f)) for f in range(14)}
    assert found[2] == {f: {1: (LEFT[0], LEFT[1] + d, *LEFT[2:])} for f, d in drift.items()}


def test_an_object_that_is_not_seen_has_no_mask_and_may_come_back(tmp_path) -> None:
    gap = lambda frame: None if 4 <= frame <= 6 else LEFT  # noqa: E731
    found = one(track(tmp_path, RectangleSegmenter({"a": gap}), {2: manifest({1: [LEFT]})}, range(10)))
    assert [f for f, objects in found.items() if not objects] == [4, 5, 6]


def test_a_refused_mask_falls_back_to_its_box(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT)})
    segmenter.refuses = lambda prompt: prompt.mask is not None and bool(prompt.mask[:, 40:].any())
    found, statistics = track(tmp_path, segmenter, {2: manifest({1: [LEFT, RIGHT]})}, range(3))
    assert found[2][2] == {1: LEFT, 2: RIGHT}
    assert (statistics[2].counts.box_fallbacks, statistics[2].counts.unusable_prompts) == (1, 0)
    assert segmenter.prompts[-1][1][1].box == (40, 10, 56, 30)
    assert segmenter.prompts[-1][1][0].mask is not None


def test_a_mask_of_which_nothing_comes_falls_back_to_its_box_and_then_is_left_out(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT)})
    segmenter.blind_to = lambda prompt: prompt.mask is not None or prompt.box[0] > 30
    found, statistics = track(tmp_path, segmenter, {2: manifest({1: [RIGHT, LEFT]})}, range(3))
    assert found[2][2] == {1: LEFT}
    assert (statistics[2].counts.box_fallbacks, statistics[2].counts.unusable_prompts) == (2, 1)


def test_nothing_usable_in_a_frame_is_no_error(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    segmenter.refuses = lambda prompt: True
    found, statistics = track(tmp_path, segmenter, {2: manifest({1: [LEFT]})}, range(3))
    assert found[2] == {0: {}, 1: {}, 2: {}}
    assert statistics[2].counts.unusable_prompts == 1


@pytest.mark.parametrize(
    ("mode", "boxes"), [("all_mask", [False, False]), ("long_tail", [True, False]), ("all_bbox", [True, True])]
)
def test_the_mode_decides_what_is_prompted_by_its_box(tmp_path, mode, boxes) -> None:
    small, large = (2, 2, 9, 10), (30, 2, 13, 7)  # 90 px is 3 times the smallest area, 91 is more
    segmenter = RectangleSegmenter({"a": still(*small), "b": still(*large)})
    _, statistics = track(tmp_path, segmenter, {2: manifest({0: [small, large]})}, range(2), prompt_mode=mode)
    assert [prompt.box is not None for prompt in segmenter.prompts[0][1]] == boxes
    assert statistics[2].counts.box_prompts == sum(boxes)


def test_a_smallest_area_of_nothing_makes_the_long_tail_one_pixel(tmp_path) -> None:
    dot, two = (2, 2, 1, 1), (30, 2, 2, 1)
    segmenter = RectangleSegmenter({"a": still(*dot), "b": still(*two)})
    track(tmp_path, segmenter, {2: manifest({0: [dot, two]})}, range(2), prompt_mode="long_tail", min_area=0)
    assert [prompt.box is not None for prompt in segmenter.prompts[0][1]] == [True, False]


def test_candidates_of_another_size_are_scaled_to_the_video(tmp_path) -> None:
    half = tuple(v // 2 for v in LEFT), (20, 5, 2, 2)
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(40, 10, 4, 4)})
    candidates = {2: manifest({1: half}, size=(HEIGHT // 2, WIDTH // 2))}
    found = one(track(tmp_path, segmenter, candidates, range(3), prompt_mode="long_tail", min_area=6))
    first, second = segmenter.prompts[0][1]
    assert (first.mask == drawn(LEFT)).all()
    assert second.box == (40, 10, 44, 14)  # 16 px of the video, at most 3 * 6
    assert found[2] == {1: LEFT, 2: (40, 10, 4, 4)}


def test_stored_masks_may_be_smaller_than_the_video(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT), "dot": still(60, 40, 1, 1)})
    candidates = {2: manifest({1: [LEFT, (60, 40, 1, 1)]})}
    found, statistics = track(tmp_path, segmenter, candidates, range(3), mask_scale_ratio=0.5)
    assert found[2][2] == {1: tuple(v // 2 for v in LEFT)}  # nothing is left of the dot
    assert (statistics[2].objects, statistics[2].masks) == (1, 3)


@pytest.mark.parametrize("candidates", [{}, {1: []}])
def test_no_candidates_give_valid_empty_archives(tmp_path, candidates) -> None:
    segmenter = RectangleSegmenter({})
    found, statistics = track(tmp_path, segmenter, {2: manifest(candidates)}, range(3))
    assert found[2] == {0: {}, 1: {}, 2: {}}
    assert (statistics[2].objects, statistics[2].previews) == (0, list(candidates))
    assert segmenter.sessions == 0


def test_a_video_of_one_frame(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    found = one(track(tmp_path, segmenter, {2: manifest({0: [LEFT]})}, range(1)))
    assert found == {0: {1: LEFT}}
    assert segmenter.asked == []


def test_refuses_candidates_of_frames_that_are_not_followed(tmp_path) -> None:
    with pytest.raises(CorruptFileError, match="frame 5"):
        track(tmp_path, RectangleSegmenter({}), {2: manifest({5: [LEFT]})}, range(0, 8, 2))
    view, path = clip_of(tmp_path / "clip_8")
    for frames in (range(0), range(4, 9), range(5, 2, -1)):
        with pytest.raises(RecordingError, match="no frames"):
            track_view(view, path, RectangleSegmenter({}), {}, frames, MaskTrackingSettings(), tmp_path / "w", {})


def test_a_segmenter_that_breaks_its_word_is_named(tmp_path) -> None:
    segmenter = Drifting({"a": still(*LEFT)})
    segmenter.session = lambda *_: type(
        "Wrong", (), {"seconds": {}, "release": lambda *_: None, "prompt": lambda *_: np.zeros((1, 3, 3), bool)}
    )()
    with pytest.raises(ModelError, match=r"bool\[1, 3, 3\]"):
        track(tmp_path, segmenter, {2: manifest({0: [LEFT]})}, range(3))
    assert not list((tmp_path / "run").glob("**/*.part"))


def test_the_window_never_holds_more_than_the_reach_of_a_prompt(tmp_path) -> None:
    segmenter = RectangleSegmenter({"a": still(*LEFT)})
    candidates = {level: manifest({f: [LEFT] for f in range(0, 60, 7)}, level) for level in (2, 4)}
    track(tmp_path, segmenter, candidates, range(60), max_propagate=3)
    assert segmenter.most_held == 7


def test_progress_ends_at_its_total_which_never_grows(tmp_path) -> None:
    told, said = [], []
    segmenter = RectangleSegmenter({"a": still(*LEFT), "b": still(*RIGHT)})
    candidates = {2: manifest({0: [LEFT], 5: [LEFT], 9: [LEFT, RIGHT]})}
    track(
        tmp_path, segmenter, candidates, range(12), max_propagate=6, progress=lambda *at: told.append(at),
        say=said.append,
    )  # fmt: skip
    assert told[-1][0] == told[-1][1] == 6 + 8
    assert [total for _, total in told] == sorted((total for _, total in told), reverse=True)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    (line,) = said
    assert "up to 4 candidates" in line
    assert "0:00:18" in line  # half a second for each of 7 + 12 + 2 * 9 frames of an object


def test_statistics_tell_the_seconds_of_every_stage(tmp_path) -> None:
    _, statistics = track(tmp_path, RectangleSegmenter({"a": still(*LEFT)}), {2: manifest({0: [LEFT]})}, range(12))
    assert list(statistics[2].seconds) == ["decode", "encode", "prompt", "propagate", "dedup", "persist"]
    assert min(statistics[2].seconds[stage] for stage in ("decode", "dedup", "persist")) > 0
    assert type(statistics[2]).model_validate_json(statistics[2].model_dump_json()) == statistics[2]


@pytest.mark.parametrize(
    ("frames", "stride", "cap", "chosen"),
    [
        ([], 1, 5, []), ([7], 3, 2, [7]), ([0, 5, 9], 1, 5, [0, 5, 9]), (list(range(10)), 4, 9, [0, 4, 8, 9]),
        (list(range(100)), 1, 3, [0, 50, 99]), ([3, 4], 5, 2, [3, 4]),
    ],
)  # fmt: skip
def test_previews_keep_the_first_and_the_last(frames, stride, cap, chosen) -> None:
    assert preview_frames(frames, stride, cap) == chosen


WORLD = {
    "a": still(*LEFT), "b": still(*RIGHT, 6, 22), "c": lambda f: (2 + f, 36, 8, 8), "d": still(24, 2, 12, 6, 15),
}  # fmt: skip


def busy_manifests():
    frames = {f: [box for place in WORLD.values() if (box := place(f))] for f in range(0, 30, 5)}
    return {2: manifest(frames, 2), 4: manifest({f: boxes[:2] for f, boxes in frames.items()}, 4)}


def archives(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.npz"))}


BUSY = {"max_propagate": 6, "objects_at_once": 2}


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path) -> None:
    whole = RectangleSegmenter(WORLD)
    track(tmp_path, whole, busy_manifests(), range(30), place="whole", **BUSY)
    expected, prompts = archives(tmp_path / "whole"), len(whole.prompts)
    assert len(expected) == 4
    assert prompts >= 6
    for kill in range(prompts):
        segmenter = RectangleSegmenter(WORLD)
        segmenter.dies_at = kill
        with pytest.raises(KeyboardInterrupt):
            track(tmp_path, segmenter, busy_manifests(), range(30), place=f"killed_{kill}", **BUSY)
        segmenter.dies_at = None
        _, statistics = track(tmp_path, segmenter, busy_manifests(), range(30), place=f"killed_{kill}", **BUSY)
        assert archives(tmp_path / f"killed_{kill}") == expected
        assert len(segmenter.prompts) <= prompts + 1, "a finished step was done again"
        assert statistics[2].counts.regained > 0


def test_a_run_killed_again_and_again_loses_and_doubles_nothing(tmp_path) -> None:
    segmenter = RectangleSegmenter(WORLD)
    track(tmp_path, segmenter, busy_manifests(), range(30), place="whole", **BUSY)
    done = False
    while not done:
        segmenter.dies_at = 2
        try:
            track(tmp_path, segmenter, busy_manifests(), range(30), place="killed", **BUSY)
            done = True
        except KeyboardInterrupt:
            pass
    assert archives(tmp_path / "killed") == archives(tmp_path / "whole")


def test_a_finished_run_is_not_done_again_and_a_damaged_step_alone_is(tmp_path) -> None:
    segmenter, said = RectangleSegmenter(WORLD), []
    track(tmp_path, segmenter, busy_manifests(), range(30), **BUSY)
    expected, steps = archives(tmp_path / "run"), sorted((tmp_path / "run" / "work").iterdir())
    segmenter.prompts.clear()
    track(tmp_path, segmenter, busy_manifests(), range(30), **BUSY)
    assert segmenter.prompts == []
    for damaged in steps[::3]:
        data = bytearray(damaged.read_bytes())
        data[len(data) // 2] ^= 0xFF
        damaged.write_bytes(data)
        before = {position for position, _ in segmenter.prompts}
        track(tmp_path, segmenter, busy_manifests(), range(30), say=said.append, **BUSY)
        assert archives(tmp_path / "run") == expected
        assert len({position for position, _ in segmenter.prompts} - before) <= 1
    assert said[0].startswith(f"{len(steps) - 1} of {len(steps)} steps")


def test_steps_of_other_settings_or_candidates_are_done_again(tmp_path) -> None:
    segmenter = RectangleSegmenter(WORLD)
    track(tmp_path, segmenter, busy_manifests(), range(30), **BUSY)
    first = len(segmenter.prompts)
    changed = {**BUSY, "max_propagate": 7}
    track(tmp_path, segmenter, busy_manifests(), range(30), **changed)
    fresh = RectangleSegmenter(WORLD)
    track(tmp_path, fresh, busy_manifests(), range(30), place="fresh", **changed)
    assert len(segmenter.prompts) - first == len(fresh.prompts)
    assert archives(tmp_path / "run") == archives(tmp_path / "fresh")
    track(tmp_path, segmenter, busy_manifests(), range(30), **changed, mask_scale_ratio=0.5)
    assert len(segmenter.prompts) - first == len(fresh.prompts), "how masks are stored does not change who is followed"


def test_an_archive_says_where_its_masks_lie(tmp_path) -> None:
    track(tmp_path, RectangleSegmenter({"a": still(*LEFT)}), {2: manifest({0: [LEFT]})}, range(2))
    with zipfile.ZipFile(tmp_path / "run" / "level_2" / "object_segments.npz") as archive:
        assert json.loads(archive.read("manifest.json"))["meta"]["linked_video"] == "video_segments.npz"
