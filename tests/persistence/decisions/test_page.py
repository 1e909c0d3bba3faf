"""The page of decisions as text: what stands in it, and what cannot get into it."""

import re

import pytest

from tests.pages.elements import Elements
from tests.people.report_examples import recording_of
from tests.persistence.decisions.decision_examples import BLUE, RED, MeanColor, WantsRed, seen, video_of
from videotracks.persistence.classifier.filter import PersistenceFilter
from videotracks.persistence.decisions import page
from videotracks.persistence.decisions.agreement import agreement
from videotracks.persistence.decisions.deciding import DecisionSettings, decide
from videotracks.persistence.decisions.features import tracklet_features
from videotracks.persistence.decisions.from_tracklets import crop_tracks
from videotracks.persistence.decisions.page import PersistenceReport, render, write_persistence_page
from videotracks.persistence.decisions.shown_tracks import ends_of, shown_tracks

HOSTILE = "<script>alert(1)</script>\"'&.mp4"


def report_of(folder, sights, name="street", real=None):
    tracklets, detections, store = video_of(folder / "c.h5", sights)
    with store:
        features = tracklet_features(crop_tracks(tracklets, detections, store), MeanColor())
        decisions, importance = decide(tracklets, features, {"weights": HOSTILE}, WantsRed(), DecisionSettings())
        rest = (importance, tracklets, detections, store)
        return PersistenceReport(
            recording=recording_of(name, ["cam_00", "cam_01"]),
            decisions=decisions,
            filtered=shown_tracks(ends_of(decisions.filtered, 9), *rest),
            kept=shown_tracks(ends_of(decisions.kept, 9), *rest),
            explain=PersistenceFilter(MeanColor(), WantsRed()).get_explanation,
            agreement=agreement(decisions, real) if real else None,
            real=real or {},
        )


SIGHTS = {1: seen(RED, [5, 6, 7]), 2: seen(BLUE, [7, 9]), 4: seen(RED, [50], 1)}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return report_of(tmp_path_factory.mktemp("page"), SIGHTS, real={1: True, 2: True, 4: False})


def test_every_tracklet_stands_with_its_decision_and_its_reason(report) -> None:
    found = Elements(render(report))
    cards = [a["class"] for a in found.named("li")]
    assert cards == ["track filtered", "track kept", "track kept"]
    for words in ("Tracklet 1", "Tracklet 2", "Tracklet 4", "cam_01", "frames 7 to 9", "A single frame was seen"):
        assert words in found.text
    assert found.text.count("weigh") + found.text.count("decided:") >= 2


def test_ground_truth_is_set_against_the_decisions(report, tmp_path) -> None:
    found = Elements(render(report))
    assert "1 of 2 real tracklets kept, 0 of 1 false ones filtered out" in found.text
    marks = [a["class"] for a in found.named("span") if a.get("class", "").startswith("truth")]
    assert marks == ["truth wrong", "truth right", "truth wrong"]
    assert "ground truth" not in Elements(render(report_of(tmp_path, SIGHTS))).text


def test_nothing_is_loaded_and_no_name_becomes_code(tmp_path) -> None:
    write_persistence_page(tmp_path / "p.html", report_of(tmp_path, SIGHTS, HOSTILE))
    text = (tmp_path / "p.html").read_text()
    found = Elements(text)
    assert "alert(1)</script>" not in text
    assert HOSTILE in found.text
    assert len(found.named("script")) == 1
    addresses = [a for _, each in found.found for name, a in each.items() if name in ("src", "href")]
    assert addresses
    assert all(a.startswith(("data:image/jpeg;base64,", "#strip-")) for a in addresses)
    assert not any("style" in each for _, each in found.found)
    assert re.search(r"default-src 'none'; img-src data:;", text)


def test_pages_of_nothing_and_of_too_much_say_so(tmp_path, report, monkeypatch) -> None:
    empty = Elements(render(report_of(tmp_path, {})))
    assert "Nothing was filtered out." in empty.text
    assert "Nothing was kept." in empty.text
    monkeypatch.setattr(page, "MOST_SHOWN", 1)
    assert "1 of 2 are shown" in Elements(render(report)).text
