"""Points as small rigid pieces of surface: what rests stays, what crosses is told apart, what slides is caught."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.rendered_scenes import RenderedViews, arc, boxes_scene, turned
from videotracks.demo.people import Person, Walk, dressed
from videotracks.demo.rig import rig_cameras
from videotracks.demo.street import StreetView
from videotracks.demo.surface_points import place_points, sample_bodies, sees
from videotracks.points.flow.rigid_motion import RigidMotion, rotation_vectors
from videotracks.points.flow.rigid_motion import turned as turned_by
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.tracker import FlowPointTracker

FPS, WALK_FRAMES = 25.0, 12


def test_what_rests_stays_where_it_is():
    scene = boxes_scene(arc(2), 12, per_body=30, speed=0.0, occluder=False)
    followed = FlowPointTracker().track(scene.views, scene.queries())
    error_m = np.linalg.norm(followed.tracks - scene.points, axis=2)
    assert np.quantile(error_m, 0.95) < 0.005
    assert (followed.visibilities > 0.5).mean() > 0.95


def test_of_two_bodies_that_cross_neither_takes_points_of_the_other():
    scene = boxes_scene(arc(2), 24, per_body=40, speed=2.5, seed=2)
    followed = FlowPointTracker().track(scene.views, scene.queries())
    claimed = (followed.visibilities > 0.5) & scene.seen()
    error_m = np.linalg.norm(followed.tracks - scene.points, axis=2)[claimed]
    assert claimed.sum() > 0.8 * scene.seen().sum()
    assert (error_m < 0.05).mean() > 0.98


@pytest.fixture(scope="module")
def walker() -> tuple[RenderedViews, np.ndarray, np.ndarray]:
    """Someone who walks before two cameras: the views, points f8[T, N, 3] m on limbs, and where they are seen."""
    person: Person = dressed(0, 1.75, (Walk((-0.4, 7.2), (0.45, 7.2), 0.0, 1.0),))
    cameras = rig_cameras(3, (640, 360))
    views = [StreetView(cameras[0], 7), StreetView(cameras[2], 7)]
    points = sample_bodies([person], 250, np.random.default_rng(0))
    shown = [list(view.render([person], WALK_FRAMES, FPS)) for view in views]
    places = np.stack([place_points(points, [person], t / FPS) for t in range(WALK_FRAMES)])
    whose = np.full(len(points.limb), person.identity)
    seen = np.zeros(places.shape[:2], bool)
    for view, frames in zip(views, shown, strict=True):
        seen |= [sees(view.camera, [person], t / FPS, frames[t], places[t], whose) for t in range(WALK_FRAMES)]
    pictures = np.stack([[frame.rgb for frame in frames] for frames in shown])
    depths = np.stack([[np.where(frame.depth < 10, frame.depth, 0) for frame in frames] for frames in shown])
    return RenderedViews([view.camera for view in views], pictures, depths.astype("f4")), places, seen


@pytest.mark.slow
def test_points_do_not_slide_along_the_limbs_of_someone_who_walks(walker):
    views, places, seen = walker
    first = seen[0]
    queries = np.column_stack([np.zeros(first.sum()), places[0, first]]).astype("f4")
    followed = FlowPointTracker().track(views, queries)
    error_m = np.linalg.norm(followed.tracks - places[:, first], axis=2)
    assert np.median(error_m[seen[:, first]]) < 0.015
    claimed = seen[:, first] & (followed.visibilities > 0.5)
    assert claimed.sum() > 0.7 * seen[:, first].sum()
    assert (error_m[claimed] < 0.05).mean() > 0.85


@pytest.mark.slow
def test_left_where_they_were_the_same_points_would_be_far_off(walker):
    _, places, seen = walker
    first = seen[0]
    moved_m = np.linalg.norm(places[-1, first] - places[0, first], axis=1)
    assert np.median(moved_m) > 0.3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_turning_and_reading_the_turn_are_inverse(first, second):
    start = turned_by(np.eye(3)[None], np.array([first]))
    made = turned_by(start, np.array([second]))
    np.testing.assert_allclose(made[0] @ made[0].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rotation_vectors(made @ start.transpose(0, 2, 1))[0], second, atol=1e-9)


def test_one_neighbour_on_the_same_body_says_where_a_hidden_point_is():
    motion = RigidMotion(2, FlowTrackerSettings())
    places = np.array([[0.0, 0, 3], [0.1, 0, 3]])
    motion.begin(np.arange(2), places)
    turns = np.tile(np.eye(3), (2, 1, 1))
    for angle in (0.05, 0.1, 0.15):
        turn = np.stack([turned(angle, (0, 1, 0))] * 2)
        moved = (turn[0] @ (places - places[0]).T).T + places[0]
        if angle < 0.12:
            motion.take(moved, turn, np.ones(2, bool), np.zeros(2, bool))
    seen = np.array([True, False])
    motion.find_neighbours(np.array([1]), seen)
    points, turns, carried = motion.carry(np.array([1]), seen, moved, turn)
    assert carried.all()
    np.testing.assert_allclose(points[0], moved[1], atol=1e-6)
    np.testing.assert_allclose(turns[0], turn[1], atol=1e-6)
