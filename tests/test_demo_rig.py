"""The generated rig: all that it says is true must be so, or every score of points and depth on it is worthless."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from videotracks.calibration.reading import find_calibration, read_calibration
from videotracks.demo.people import Limb, Person, limbs
from videotracks.demo.rig import BODY_POINTS, rig_cameras, walkers, write_rig
from videotracks.demo.street import StreetFrame, StreetView, render
from videotracks.demo.surface_points import place_points, sample_bodies
from videotracks.errors import CorruptFileError
from videotracks.geometry.camera import Camera
from videotracks.geometry.triangulation import triangulate
from videotracks.masks.annotations import read_annotation
from videotracks.people.motchallenge import read_mot
from videotracks.points.truth import PointsTruth, read_truth
from videotracks.recording import probe_recording
from videotracks.sources import mask_annotations

SIZE, FPS, SECONDS, FRAMES, SEED = (320, 180), 10.0, 1.2, 12, 7
WALL_Y = 14.0


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rig") / "rig"
    return write_rig(folder, seconds=SECONDS, views=3, size=SIZE, fps=FPS, seed=SEED)


@pytest.fixture(scope="module")
def cameras(rig) -> list[Camera]:
    found = find_calibration(rig)
    assert found is not None
    return read_calibration(found, probe_recording(rig, "rig").views)


@pytest.fixture(scope="module")
def truth(rig) -> PointsTruth:
    return read_truth(rig)


@pytest.fixture(scope="module")
def cast() -> list[Person]:
    return walkers(3, SECONDS, SEED)


@pytest.fixture(scope="module")
def drawn(cast) -> list[StreetFrame]:
    """The frame in the middle, from each camera."""
    return [list(render(cast, camera, 7, FPS, SEED))[6] for camera in rig_cameras(3, SIZE)]


def outside(limb: Limb, points: np.ndarray) -> np.ndarray:
    """Distance of points f8[..., 3] from a limb, less than 0 inside: the nearest of its spheres, by ternary search."""
    low, high = np.zeros(points.shape[:-1]), np.ones(points.shape[:-1])

    def distance(share: np.ndarray) -> np.ndarray:
        centre = limb.a + share[..., None] * (limb.b - limb.a)
        return np.linalg.norm(points - centre, axis=-1) - limb.radius_a - share * (limb.radius_b - limb.radius_a)

    for _ in range(45):  # to a hundred-millionth of the axis; the distance, being least there, to far less
        third = (high - low) / 3
        left = distance(low + third) < distance(high - third)
        low, high = np.where(left, low, low + third), np.where(left, high - third, high)
    return distance((low + high) / 2)


def outside_of_all(people: list[Person], time_s: float, points: np.ndarray) -> np.ndarray:
    """Distance f8[P, ...] of points from each person."""
    bodies = []
    for person in people:
        place = person.at(time_s)
        assert place is not None
        bodies.append(np.min([outside(limb, points) for limb in limbs(person, *place)], axis=0))
    return np.stack(bodies)


def depth_of(rig: Path, camera: Camera, t: int) -> np.ndarray:
    depth = cv2.imread(str(rig / "depth" / camera.camera_id / f"{t:05d}.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    return depth / 1000


def owners_of(rig: Path, camera: Camera, t: int) -> np.ndarray:
    return read_annotation(mask_annotations(rig, camera.camera_id)[t], camera.height, camera.width)


def lifted(camera: Camera, depth: np.ndarray) -> np.ndarray:
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return camera.lift(np.stack([x, y], axis=-1), depth)


def test_the_depth_of_the_street_is_that_of_its_ground_and_its_wall(drawn) -> None:
    for camera, frame in zip(rig_cameras(3, SIZE), drawn, strict=True):
        _, y, z = lifted(camera, frame.depth)[frame.owner == 0].T
        on_ground, on_wall = np.abs(z) < 1e-9, np.abs(y - WALL_Y) < 1e-9
        assert (on_ground | on_wall).all()
        assert (y[on_ground] <= WALL_Y + 1e-9).all()
        assert (z[on_wall] >= -1e-9).all()
        assert min(on_ground.mean(), on_wall.mean()) > 0.2


def test_the_depth_of_a_body_is_that_of_its_surface_and_nothing_is_before_it(cast, drawn) -> None:
    for camera, frame in zip(rig_cameras(3, SIZE), drawn, strict=True):
        rows, columns = np.nonzero(frame.owner)
        places = camera.lift(np.stack([columns, rows], axis=1), frame.depth[rows, columns])
        distances = outside_of_all(cast, 6 / FPS, places)
        own = distances[frame.owner[rows, columns].astype(int) - 1, np.arange(len(rows))]
        assert np.abs(own).max() < 1e-8
        on_the_way = camera.center + np.linspace(0.5, 0.999, 40)[:, None, None] * (places[::41] - camera.center)
        assert outside_of_all(cast, 6 / FPS, on_the_way).min() > 0


def test_no_pixel_of_the_street_has_a_body_before_it(cast, drawn) -> None:
    camera, frame = rig_cameras(1, SIZE)[0], drawn[0]
    rows, columns = (found[::401] for found in np.nonzero(frame.owner == 0))
    places = camera.lift(np.stack([columns, rows], axis=1), frame.depth[rows, columns])
    on_the_way = camera.center + np.linspace(0.3, 0.99, 100)[:, None, None] * (places - camera.center)
    # Between two steps of the search a ray may graze a limb by this much.
    assert outside_of_all(cast, 6 / FPS, on_the_way).min() > -0.01


def test_depth_and_masks_are_stored_as_drawn(rig, cameras, drawn) -> None:
    for camera, frame in zip(cameras, drawn, strict=True):
        assert np.abs(depth_of(rig, camera, 6) - frame.depth).max() <= 0.0005 + 1e-9
        assert np.array_equal(owners_of(rig, camera, 6), frame.owner)


def test_the_calibration_is_that_of_the_cameras_to_the_last_bit(cameras) -> None:
    for read, made in zip(cameras, rig_cameras(3, SIZE), strict=True):
        assert (read.camera_id, read.width, read.height) == (made.camera_id, made.width, made.height)
        for name in ("K", "distortion", "R", "t"):
            assert np.array_equal(getattr(read, name), getattr(made, name))


def test_the_third_camera_is_the_first_moved_to_the_right() -> None:
    first, _, third, _ = rig_cameras(4, SIZE)
    assert np.allclose(first.R, third.R, atol=1e-3)
    assert np.allclose(first.R @ (third.center - first.center), [0.4, 0, 0], atol=1e-3)


def test_points_lie_on_the_surface_and_keep_their_distances_within_a_limb(cast) -> None:
    points = sample_bodies(cast, 200, np.random.default_rng(0))
    first = place_points(points, cast, 0.0)
    for time_s in (0.0, 0.37, 1.1):
        placed = place_points(points, cast, time_s)
        for row, person in enumerate(cast):
            place = person.at(time_s)
            assert place is not None
            for part, limb in enumerate(limbs(person, *place)):
                of = (points.person == row) & (points.limb == part)
                assert np.abs(outside(limb, placed[of])).max(initial=0) < 1e-8
                between, before = (np.linalg.norm(p[of][:, None] - p[of], axis=-1) for p in (placed, first))
                assert np.allclose(between, before, atol=1e-9)
    assert np.abs(place_points(points, cast, 1.1) - first).max() > 0.5


def test_points_are_spread_over_a_body_by_area(cast) -> None:
    points = sample_bodies(cast[:1], 20_000, np.random.default_rng(0))
    head = limbs(cast[0], np.zeros(2), np.array([1.0, 0.0]), 0.0)[13]
    length, radius = np.linalg.norm(head.b - head.a), head.radius_a
    along = points.local[points.limb == 13, 0]
    assert head.radius_a == head.radius_b
    assert np.mean((along > 0) & (along < length)) == pytest.approx(length / (length + 2 * radius), abs=0.04)
    assert np.mean(along < -radius / 2) == pytest.approx(np.mean(along > length + radius / 2), abs=0.04)


def test_what_is_seen_falls_on_its_own_person_in_every_camera(rig, cameras, truth) -> None:
    for v, camera in enumerate(cameras):
        for t in range(FRAMES):
            seen = truth.visibility[v, t]
            pixels, depths = camera.project(truth.positions[t, seen].astype("f8"))
            columns, rows = np.rint(pixels).astype(int).T
            assert np.array_equal(owners_of(rig, camera, t)[rows, columns], truth.instance[seen])
            # What is nearest at the centre of the pixel lies as near as the surface slants within half of it.
            assert np.median(np.abs(depth_of(rig, camera, t)[rows, columns] - depths)) < 0.01


def test_a_point_is_seen_where_nothing_is_before_it_and_hidden_where_something_is(cast, cameras, truth) -> None:
    for v, camera in enumerate(cameras[:2]):
        points, seen = truth.positions[6, v::4].astype("f8"), truth.visibility[v, 6, v::4]
        steps = np.concatenate([np.linspace(0.5, 0.99, 40), [0.995, 0.999]])[:, None, None]
        nearest = outside_of_all(cast, 6 / FPS, camera.center + steps * (points - camera.center)).min(axis=(0, 1))
        assert nearest[seen].min() > -1e-4
        assert not seen[nearest < -1e-3].any()
        clear = nearest > 1e-3
        pixels, _ = camera.project(points)
        size = (camera.width, camera.height)
        inside = (pixels > 1).all(axis=1) & (pixels < np.subtract(size, 2)).all(axis=1)
        assert seen[clear & inside].mean() > 0.9


def test_every_point_is_seen_by_some_camera_and_every_person_has_some(truth) -> None:
    assert truth.visibility.any(axis=(0, 1)).all()
    assert truth.positions.dtype == np.float32
    assert truth.positions.shape == (FRAMES, len(truth.instance), 3)
    assert truth.visibility.shape == (3, FRAMES, len(truth.instance))
    assert truth.camera_ids.tolist() == ["cam_00", "cam_01", "cam_02"]
    assert np.allclose(truth.timestamps, np.arange(FRAMES) / FPS)
    counts = dict(zip(*(found.tolist() for found in np.unique(truth.instance, return_counts=True)), strict=True))
    assert set(counts) == {0, 1, 2, 3}
    assert max(counts[who] for who in (1, 2, 3)) == BODY_POINTS
    still = truth.positions[:, truth.instance == 0]
    assert np.array_equal(still, np.broadcast_to(still[0], still.shape))


def test_two_cameras_meet_at_the_true_place_of_what_both_see(cameras, truth) -> None:
    both = truth.visibility[:2].all(axis=0)
    assert both.sum() > 500
    points = truth.positions[both].astype("f8")
    pixels = np.stack([camera.project(points)[0] for camera in cameras[:2]])
    assert np.allclose(triangulate(cameras[:2], pixels, np.ones(pixels.shape[:2], bool)), points, atol=1e-6)


def test_two_cameras_see_the_same_texture_at_the_same_place() -> None:
    """The colour of a surface, carried over by depth, is that which the other camera has there."""
    cast = walkers(3, SECONDS, SEED)
    first, second = (camera for i, camera in enumerate(rig_cameras(3, (640, 360))) if i != 1)
    one, other = (next(render(cast, camera, 1, FPS, SEED)) for camera in (first, second))
    smooth = [cv2.GaussianBlur(frame.rgb, (0, 0), 1.0).astype("f4") for frame in (one, other)]
    pixels, depths = second.project(lifted(first, one.depth))
    here = cv2.remap(smooth[1], *np.moveaxis(pixels.astype("f4"), -1, 0), cv2.INTER_LINEAR)
    there = cv2.remap(other.depth.astype("f4"), *np.moveaxis(pixels.astype("f4"), -1, 0), cv2.INTER_NEAREST)
    for body in (False, True):
        inner = cv2.erode(((one.owner > 0) == body).astype("u1"), np.ones((7, 7), "u1")) > 0
        same = inner & (np.abs(there - depths) < 0.02)
        # Of all but the coarse shades, as would agree by chance.
        fine = [image - cv2.GaussianBlur(image, (0, 0), 6.0) for image in (smooth[0], here)]
        assert same.sum() > 1000
        assert np.corrcoef(fine[0][same].ravel(), fine[1][same].ravel())[0, 1] > 0.8
        assert np.abs(smooth[0][same] - here[same]).mean() < 4


def test_the_pattern_of_clothes_moves_with_the_body() -> None:
    """A point of the torso keeps its colour, but for the light, while it moves over many pixels."""
    cast = walkers(1, 2.0, SEED)
    camera = rig_cameras(1, (640, 360))[0]
    view = StreetView(camera, SEED)
    frames = list(view.render(cast, 5, 10.0))
    points = sample_bodies(cast, 3000, np.random.default_rng(1))
    seen, colors, places = np.ones(3000, bool), [], []
    for t in (0, 4):
        positions = place_points(points, cast, t / 10.0)
        pixels, depths = camera.project(positions)
        surface = cv2.remap(frames[t].depth.astype("f4"), *pixels.astype("f4").T, cv2.INTER_NEAREST).ravel()
        seen &= np.abs(surface - depths) < 0.01
        smooth = cv2.GaussianBlur(frames[t].rgb, (0, 0), 0.8).astype("f4")
        colors.append(cv2.remap(smooth, *pixels.astype("f4").T, cv2.INTER_LINEAR)[:, 0].sum(axis=1))
        places.append(pixels)
    torso = seen & np.isin(points.limb, (10, 11))
    assert torso.sum() > 100
    assert np.linalg.norm(places[1] - places[0], axis=1)[torso].min() > 30
    assert np.corrcoef(colors[0][torso], colors[1][torso])[0, 1] > 0.8


def test_boxes_are_those_of_the_masks_of_whom_nobody_hides(rig, cameras) -> None:
    for camera in cameras:
        rows = read_mot(rig / f"{camera.camera_id}.gt.txt")
        assert set(rows.frame_numbers.tolist()) == set(range(FRAMES))
        shares = [float(line.split(",")[8]) for line in (rig / f"{camera.camera_id}.gt.txt").read_text().splitlines()]
        whole = 0
        for t, who, box, share in zip(rows.frame_numbers, rows.ids, rows.bboxes, shares, strict=True):
            if share == 1:
                y, x = np.nonzero(owners_of(rig, camera, int(t)) == who)
                left, top, right, bottom = x.min(), y.min(), x.max() + 1, y.max() + 1
                assert box.tolist() == [left, top, right, bottom]
                whole += 1
        assert whole > 10


def test_people_stay_before_the_cameras_also_in_long_recordings() -> None:
    for seconds in (2.0, 30.0):
        for person in walkers(8, seconds, seed=3):
            for time_s in np.linspace(0, seconds, 7):
                place = person.at(float(time_s))
                assert place is not None
                middle = np.array([*place[0], 1.0])
                for camera in rig_cameras(2, SIZE):
                    pixels, _ = camera.project(middle)
                    assert (pixels > 0).all()
                    assert (pixels < SIZE).all()


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path) -> None:
    def made(name: str, seed: int) -> dict[str, bytes]:
        folder = write_rig(tmp_path / name, seconds=0.2, people=1, views=1, size=(64, 48), seed=seed)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first, again, other = made("first", 1), made("again", 1), made("other", 2)
    assert first == again
    assert set(other) == set(first)
    assert other["points_truth.npz"] != first["points_truth.npz"]
    assert other["cam_00.mp4"] != first["cam_00.mp4"]
    assert other["cameras.toml"] == first["cameras.toml"]


def test_a_street_without_people_has_points_of_its_own(tmp_path) -> None:
    truth = read_truth(write_rig(tmp_path / "empty", seconds=0.1, people=0, views=2, size=(64, 48)))
    assert set(truth.instance.tolist()) == {0}
    assert truth.visibility.any()


def test_all_of_it_is_written_or_none(tmp_path) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    (tmp_path / "rig").mkdir()
    (tmp_path / "rig" / "mine.txt").write_text("kept")
    with pytest.raises(KeyboardInterrupt):
        write_rig(tmp_path / "rig", seconds=0.2, size=(64, 48), progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["rig"]
    assert [path.name for path in (tmp_path / "rig").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"views": 5}, "the rig has 1 to 4 cameras"),
        ({"views": 0}, "the rig has 1 to 4 cameras"),
        ({"people": 9}, "there is room for 8"),
        ({"people": -1}, "there is room for 8"),
        ({"size": (321, 180)}, "even numbers"),
        ({"size": (16, 16)}, "from 32 px"),
    ],
)
def test_refuses_what_cannot_be_drawn(tmp_path, wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        write_rig(tmp_path / "rig", **wrong)
    assert not list(tmp_path.iterdir())


def test_refuses_to_read_points_from_another_file(tmp_path) -> None:
    np.savez(tmp_path / "points_truth.npz", positions=np.zeros((1, 1, 3)))
    with pytest.raises(CorruptFileError, match=r"points_truth\.npz"):
        read_truth(tmp_path)
