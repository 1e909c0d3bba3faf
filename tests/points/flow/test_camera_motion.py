"""Points of the world are followed by a camera that moves itself."""

import numpy as np
import pytest

from tests.points.moving_camera import filmed
from videotracks.points.flow.camera_motion import as_seen_from, has_moved
from videotracks.points.flow.tracker import FlowPointTracker


@pytest.mark.parametrize(("frames", "span"), [(16, 0.24), (8, 0.8)])
def test_tracks_of_a_moving_camera_live_in_the_world(frames, span):
    """At a degree per frame, and at nearly seven with 30 cm: what rests stays, what moves is followed."""
    view, scene, seen = filmed(frames, span, per_body=40, occluder=False)
    asked = scene.queries()
    asked = asked[seen[0]]
    made = FlowPointTracker().track(view, asked)
    truth, visible, body = scene.points[:, seen[0]], seen[:, seen[0]], scene.body[seen[0]]
    off = np.linalg.norm(made.tracks - truth, axis=2)
    said = made.visibilities > 0.5
    assert (said & visible).sum() > 0.8 * visible.sum()
    assert np.median(off[said & visible]) < 0.01
    wall = said[:, body == 0]
    moved = np.linalg.norm(made.tracks - made.tracks[:1], axis=2)[:, body == 0][wall]
    assert np.median(moved) < 0.005


def test_the_frame_before_is_seen_from_where_the_camera_is_now():
    view, _, _ = filmed(2, 0.15, per_body=5, noise=0, occluder=False, speed=0)
    grey = view.pictures.mean(axis=3).astype("u1")
    before, now = view.path.at(0), view.path.at(1)
    assert has_moved(before, now, view.depths[1])
    assert not has_moved(now, now, view.depths[1])
    made = as_seen_from(grey[0], before, now, view.depths[1])
    inside = (made > 0) & (view.depths[1] > 0)
    assert inside.mean() > 0.6
    off = np.abs(made.astype("f4") - grey[1])[inside]
    still = np.abs(grey[0].astype("f4") - grey[1])[inside]
    assert np.median(off) < 4 < 2 * np.median(still)
