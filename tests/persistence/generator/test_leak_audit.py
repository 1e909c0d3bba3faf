"""The audit passes what is matched and finds every number that is not."""

import dataclasses

import numpy as np
import pytest

from videotracks.persistence.generator.contact import PLANTED, example_sheet
from videotracks.persistence.generator.leak_audit import MOST_AUROC, audit
from videotracks.persistence.generator.plan import SplitScenes, TracksSettings
from videotracks.persistence.generator.scene import SceneSettings, generate_scene
from videotracks.persistence.generator.store import GeneratedTracks, TrackRows, write_tracks

NONE = SplitScenes()


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    path = tmp_path_factory.mktemp("audit") / "tracks.h5"
    write_tracks(path, TracksSettings(matched=NONE, classic=SplitScenes(test=1), planted=SplitScenes(test=5)))
    with GeneratedTracks.open(path) as opened:
        yield opened


def spoilt(tracks, **columns):
    """The planted tracks as if the file held other numbers."""
    copy = object.__new__(GeneratedTracks)
    copy.__dict__ = {**tracks.__dict__, "table": dataclasses.replace(tracks.table, **columns)}
    return copy.split("test", "planted")


def of_observations(tracks, values):
    """Numbers of tracks repeated for each of their observations."""
    return np.repeat(values, np.diff(tracks.table.offsets))


def leak(report, name):
    return next(each for each in report.features if each.feature == name)


def test_numbers_do_not_depend_on_the_label() -> None:
    def draw(label):
        rows = []
        for seed in range(4):
            for made in generate_scene(seed, SceneSettings()).tracks:
                if made.label == label:
                    sizes = made.track.boxes[:, 2:] - made.track.boxes[:, :2]
                    rows.append([len(made.track), made.track.confidences.mean(), sizes.prod(1).mean()])
        return np.array(rows)

    things, others = draw(1), draw(0)
    spread = np.sqrt(things.var(0) / len(things) + others.var(0) / len(others))
    assert (np.abs(things.mean(0) - others.mean(0)) < 4 * spread).all()


def test_classic_tracks_are_given_away_by_their_numbers(tracks) -> None:
    report = audit(tracks.split("test", "classic"))
    assert not report.passed
    assert leak(report, "length").auroc == 1
    assert not leak(report, "mean confidence").passed


@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("mean confidence", lambda t: {"confidences": of_observations(t, 0.5 + 0.3 * t.table.label).astype("f4")}),
        ("area", lambda t: {"boxes": t.table.boxes * [1, 1, 1.5, 1.5] ** of_observations(t, t.table.label)[:, None]}),
        ("start frame", lambda t: {"frame_numbers": t.table.frame_numbers + of_observations(t, 50 * t.table.label)}),
    ],
)
def test_finds_a_number_that_tells(tracks, feature, change) -> None:
    columns = {name: values.astype(tracks.table.arrays()[name].dtype) for name, values in change(tracks).items()}
    found = leak(audit(spoilt(tracks, **columns)), feature)
    assert not found.passed
    assert found.auroc > MOST_AUROC


def test_a_number_that_tells_backwards_is_found_too(tracks) -> None:
    values = of_observations(tracks, 0.8 - 0.3 * tracks.table.label).astype("f4")
    found = leak(audit(spoilt(tracks, confidences=values)), "max confidence")
    assert found.auroc == 0
    assert not found.passed


def test_looks_are_told_and_not_judged(tracks) -> None:
    told = []
    report = audit(tracks.split("test", "planted"), lambda done, total: told.append((done, total)))
    looks = [each for each in report.features if each.limit is None]
    assert all(each.passed for each in looks)
    assert {"mean brightness", "contrast of the first crop", "mean change from crop to crop"} <= {
        each.feature for each in looks
    }
    assert report.worst.limit == MOST_AUROC
    assert told[-1] == (report.tracks, report.tracks)
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_refuses_tracks_of_one_label(tracks) -> None:
    rows = tracks.split("test", "planted").rows
    with pytest.raises(ValueError, match="needs things and false tracks"):
        audit(TrackRows(tracks, rows[tracks.table.label[rows] == 1]))


def test_the_sheet_shows_every_kind_and_frames_what_was_planted(tracks) -> None:
    rows = tracks.split("test", "planted")
    sheet = example_sheet(rows, per_kind=2, most_crops=6)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 6 * 66 + 2
    assert (sheet == PLANTED).all(axis=2).sum() > 100
    things = TrackRows(tracks, rows.rows[rows.label == 1])
    assert not (example_sheet(things, per_kind=2) == PLANTED).all(axis=2).any()
