"""Points of the world are followed by a camera that moves itself."""

import numpy as np
import pytest

from tests.points.moving_camera import filmed
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
