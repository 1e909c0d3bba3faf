"""What happens to tracks: evenly spread, to things and false tracks alike, and telling only in false ones."""

import numpy as np
import pytest

from videotracks.persistence.generator.looks import KINDS, draw_faded_looks, draw_looks
from videotracks.persistence.generator.scene import SceneSettings

CALM = SceneSettings(nuisance_gap=50, planted_share=0)
FALSE = ("reflection", "glare", "noise")


def many(kind, settings, count=16, draws=300):
    return [draw_looks(np.random.default_rng(seed), kind, count, settings) for seed in range(draws)]


def tells(looks):
    """Observations that differ from the first ones in content or opacity."""
    return (looks.opacity < 1) | (np.diff(looks.content, prepend=0) != 0)


def test_things_are_opaque_and_keep_their_content() -> None:
    for looks in many("persistent", SceneSettings()):
        assert (looks.opacity == 1).all()
        assert (looks.content == 0).all()
        assert (looks.scale == 1).all()
        assert not looks.corrupted.any()


@pytest.mark.parametrize("kind", FALSE)
def test_every_false_track_gives_itself_away_within_the_gap(kind) -> None:
    for looks in many(kind, CALM, count=CALM.telling_gap + 1):
        assert tells(looks).any()


@pytest.mark.parametrize("kind", ["reflection", "glare"])
def test_no_observation_tells_more_often_than_another(kind) -> None:
    share = np.mean([tells(looks) for looks in many(kind, CALM, draws=1500)], axis=0)
    # Runs that began before the first observation are not seen: it tells a little less often.
    assert share[1:].std() < 0.02
    assert abs(share[0] - share[1:].mean()) < 0.12


def test_telling_observations_are_not_all_of_them() -> None:
    share = np.mean([tells(looks).mean() for looks in many("reflection", CALM)])
    assert 0.2 < share < 0.45


@pytest.mark.parametrize("kind", FALSE)
def test_planted_tracks_tell_where_they_are_flagged_and_nowhere_else(kind) -> None:
    settings = SceneSettings(planted_share=1)
    for looks in many(kind, settings):
        run = np.flatnonzero(looks.corrupted)
        assert len(run)
        assert (np.diff(run) == 1).all()
        odd = (looks.opacity < 1) | (looks.content != 0)
        assert np.array_equal(odd, looks.corrupted)


@pytest.mark.parametrize("kind", KINDS)
def test_disturbances_come_as_often_to_all(kind) -> None:
    settings = SceneSettings(telling_gap=50, planted_share=0, nuisance_gap=6)
    share = np.mean([(looks.front >= 0).mean() for looks in many(kind, settings)])
    assert share == pytest.approx(np.mean([(k.front >= 0).mean() for k in many("persistent", settings)]), abs=0.035)


def test_prefixes_of_one_observation_tell_sometimes() -> None:
    share = np.mean([tells(looks)[0] for looks in many("reflection", CALM, count=1)])
    assert 0.1 < share < 0.5


def test_faded_tracks_fade() -> None:
    for seed in range(20):
        looks = draw_faded_looks(np.random.default_rng(seed), "reflection", 5, SceneSettings(ranges="classic"))
        assert (np.diff(looks.opacity) < 0).all()
        assert looks.opacity[0] <= 0.8


def test_the_same_seed_gives_the_same_looks() -> None:
    one, other = (many("noise", SceneSettings(), draws=1)[0] for _ in range(2))
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__slots__)
