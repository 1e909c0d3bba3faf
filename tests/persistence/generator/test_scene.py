"""Scenes: what exists is where both cameras see it, what does not is nowhere, and the seed says it all."""

import numpy as np
import pytest

from videotracks.persistence.generator.scene import PREFIXES, Counts, SceneSettings, draw_counts, generate_scene

CLASSIC, MATCHED = SceneSettings(ranges="classic"), SceneSettings()
#: What padding and jitter may do to a middle of a box, px.
OFF_PX = 8


def centers_of(track):
    return (track.boxes[:, :2] + track.boxes[:, 2:]) / 2


@pytest.fixture(scope="module")
def scenes():
    return [generate_scene(seed, MATCHED) for seed in range(3)]


def test_things_are_where_both_cameras_see_them(scenes) -> None:
    for scene in scenes:
        seen = set()
        for made in scene.tracks:
            if made.kind != "persistent":
                continue
            track = made.track
            points = scene.positions[made.object_id, track.frame_numbers]
            pixels, _ = scene.cameras[track.camera].project(points)
            assert np.abs(pixels - centers_of(track)).max() < OFF_PX
            seen.add((made.object_id, track.camera))
        assert seen == {(o, c) for o in range(len(scene.positions)) for c in (0, 1)}


def test_things_move(scenes) -> None:
    travelled = [np.linalg.norm(np.diff(p, axis=0), axis=1).sum() for scene in scenes for p in scene.positions]
    assert min(travelled) > 0.05


def test_a_false_track_belongs_to_no_point(scenes) -> None:
    for scene in scenes:
        for made in scene.tracks:
            assert (made.object_id >= 0) == (made.label == 1) == (made.kind == "persistent")


def test_a_thing_looks_alike_in_both_cameras_and_things_do_not() -> None:
    # Without nuisance the middle of a thing has the same colours from both sides.
    plain = SceneSettings(nuisance=0, nuisance_gap=50, telling_gap=50)
    same, other = [], []
    for seed in range(6):
        tracks = {(m.object_id, m.track.camera): m.track for m in generate_scene(seed, plain).tracks if m.label}
        middle = {
            k: np.median(t.crops[:, 26:38, 26:38].astype("f8"), axis=0).mean(axis=(0, 1)) for k, t in tracks.items()
        }
        objects = sorted({o for o, _ in tracks})
        for a in objects:
            same.append(np.abs(middle[a, 0] - middle[a, 1]).mean())
            other += [np.abs(middle[a, 0] - middle[b, 1]).mean() for b in objects if b != a]
    assert np.median(same) < 0.7 * np.median(other)  # exposures differ, too


def test_ids_are_the_cameras_own(scenes) -> None:
    for scene in scenes:
        for camera in (0, 1):
            ids = [made.track.track_id for made in scene.tracks if made.track.camera == camera]
            assert len(ids) == len(set(ids))
    pairs = [{m.track.camera: m.track.track_id for m in s.tracks if m.object_id == 0} for s in scenes]
    assert any(pair[0] != pair[1] for pair in pairs)


def test_a_seed_is_a_scene(scenes) -> None:
    again = generate_scene(1, MATCHED)
    assert len(again.tracks) == len(scenes[1].tracks)
    for one, other in zip(again.tracks, scenes[1].tracks, strict=True):
        assert np.array_equal(one.track.crops, other.track.crops)
        assert np.array_equal(one.track.boxes, other.track.boxes)
    assert not np.array_equal(scenes[0].positions[0], scenes[1].positions[0])


def test_matched_tracks_are_prefixes_inside_the_scene_and_the_picture(scenes) -> None:
    for made in (made for scene in scenes for made in scene.tracks):
        assert len(made.track) in PREFIXES
        assert made.track.frame_numbers[0] >= 0
        assert made.track.frame_numbers[-1] < MATCHED.frames
        assert made.track.boxes.min() >= 0
        assert (made.track.boxes[:, 2:] <= [1280, 720]).all()
        assert made.corrupted.shape == (len(made.track),)


def test_classic_tracks_keep_the_ranges_of_the_original() -> None:
    tracks = [made for seed in range(2) for made in generate_scene(seed, CLASSIC).tracks]
    lengths = {"persistent": (20, 50), "reflection": (2, 5), "glare": (2, 5), "noise": (1, 1)}
    sure = {"persistent": (0.85, 0.99), "reflection": (0, 0.8), "glare": (0, 0.8), "noise": (0.3, 0.6)}
    for made in tracks:
        assert lengths[made.kind][0] <= len(made.track) <= lengths[made.kind][1]
        assert sure[made.kind][0] <= made.track.confidences.min()
        assert made.track.confidences.max() <= sure[made.kind][1] + 1e-6
        if made.kind in ("reflection", "glare"):
            assert (np.diff(made.track.confidences) < 0).all()


def test_five_to_nine_tracks_of_which_three_in_five_are_things() -> None:
    drawn = [draw_counts(np.random.default_rng(seed)) for seed in range(400)]
    totals = np.array([[c.objects + n for n in c.false] for c in drawn])
    assert totals.min() == 5
    assert totals.max() == 9
    share = 2 * sum(c.objects for c in drawn) / totals.sum()
    assert share == pytest.approx(0.6, abs=0.01)


def test_counts_may_be_asked_for() -> None:
    scene = generate_scene(5, MATCHED, Counts(1, (0, 3)))
    kinds = [(made.track.camera, made.label) for made in scene.tracks]
    assert sorted(kinds) == [(0, 1), (1, 0), (1, 0), (1, 0), (1, 1)]


def test_only_false_tracks_are_corrupted_and_all_of_them_where_all_are_planted() -> None:
    planted = SceneSettings(planted_share=1)
    tracks = [made for seed in range(3) for made in generate_scene(seed, planted).tracks]
    for made in tracks:
        assert made.corrupted.any() == (made.label == 0)
        if len(made.track) >= 5:
            assert not made.corrupted.all()
