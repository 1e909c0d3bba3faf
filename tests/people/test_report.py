"""The report as text: what stands in it, what cannot get into it. How it behaves is in ``tests/browser``."""

import json
import re

import numpy as np
import pytest

from tests.pages.elements import Elements
from tests.people.report_examples import (
    FPS,
    FRAMES,
    alike,
    four_persons,
    recording_of,
    report_data,
    sights_of,
)
from videotracks.people.grouping import RefusedPair
from videotracks.people.report.data import PAIRS_SHOWN, REFUSALS_SHOWN
from videotracks.people.report.page import LANES, render, write_report

HOSTILE = "<script>alert(1)</script>\"'&.mp4"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return four_persons(tmp_path_factory.mktemp("report"))


def person(data, number):
    return next(shown for shown in data.persons if shown.ranked.person_id == number)


def test_persons_come_by_rank_with_animations_for_the_first(data) -> None:
    assert [shown.ranked.rank for shown in data.persons] == [1, 2, 3]
    assert [shown.ranked.person_id for shown in data.persons] == [3, 1, 4]
    assert [bool(shown.animation) for shown in data.persons] == [True, True, False]


def test_a_joined_person_shows_as_many_crops_of_every_member_the_best_first(data) -> None:
    shown = person(data, 1)
    assert shown.merge.members == [1, 2]
    assert sorted(crop.member for crop in shown.crops) == [1] * 10 + [2] * 10
    assert [crop.quality for crop in shown.crops] == sorted((crop.quality for crop in shown.crops), reverse=True)


def test_the_crops_that_fed_the_comparison_are_marked(data) -> None:
    assert {crop.frame for crop in person(data, 4).crops if crop.compared} <= {10, 11}
    assert sum(crop.compared for shown in data.persons for crop in shown.crops) > 0


def test_time_seen_counts_frames_and_stretches_end_where_the_gap_is_long(tmp_path) -> None:
    frames = [*range(0, 10), *range(12, 20), *range(60, 70)]  # a gap of 0.08 s, one of 1.6 s
    shown = report_data(tmp_path, {1: sights_of(1, frames)}, alike(1, {})).persons[0]
    assert shown.seen_s == pytest.approx(len(frames) / FPS)
    assert np.allclose([span[1:] for span in shown.spans], [(0, 20 / FPS), (60 / FPS, 70 / FPS)])


def test_every_view_has_its_stripe(tmp_path) -> None:
    seen = {1: sights_of(1, range(10), camera=0) + sights_of(1, range(5, 15), camera=1)}
    data = report_data(tmp_path, seen, alike(1, {}), recording_of(cameras=("left", "right")))
    assert [span[0] for span in data.persons[0].spans] == [0, 1]
    bars = [rect for rect in Elements(render(data)).named("rect") if "data-person" in rect]
    assert len(bars) == 2
    assert float(bars[0]["y"]) + float(bars[0]["height"]) <= float(bars[1]["y"])


def test_pairs_and_refusals_are_shown(data) -> None:
    assert [(pair.a, pair.b) for pair in data.alike] == [(1, 2), (1, 4)]
    assert [(pair.a, pair.b, pair.frame) for pair in data.blocked] == [(1, 4, 10)]
    assert re.search(r"<td>gap</td><td>31</td><td>25</td><td>frames</td>", render(data))


def test_a_video_without_persons_has_a_page_that_says_so(tmp_path) -> None:
    page = render(report_data(tmp_path, {}, np.zeros((0, 0)), animations=0))
    assert "Nobody was found" in page
    assert 'id="cards"' not in page
    assert 'id="heatmap"' not in page


def test_one_person_needs_no_matrix(tmp_path) -> None:
    page = render(report_data(tmp_path, {7: sights_of(7, range(12))}, alike(1, {})))
    assert "Person 7" in page
    assert 'id="heatmap"' not in page


def test_what_grows_with_the_square_of_the_persons_is_cut_and_said_so(tmp_path) -> None:
    count = 100
    seen = {1 + i: sights_of(1 + i, [i % FRAMES, (i + 1) % FRAMES]) for i in range(count)}
    seen = {number: sorted(sights, key=lambda sight: sight[1]) for number, sights in seen.items()}
    refused = [RefusedPair(tracklet_1=1, tracklet_2=2, check="gap", value=31, limit=25)] * (REFUSALS_SHOWN + 1)
    data = report_data(tmp_path, seen, np.where(np.eye(count) > 0, 1, 0.69), refused=refused, animations=0)
    assert len(data.refused) == REFUSALS_SHOWN
    assert data.refused_total == REFUSALS_SHOWN + 1
    data.summary.pairs_above.extend([data.summary.closest_below] * 1000)
    page = render(data)
    assert f"{count - LANES} more persons of lower rank are not drawn" in page
    assert len(page) < 3_000_000
    assert len(data.alike) <= PAIRS_SHOWN


def test_names_of_files_and_views_are_text_only(tmp_path) -> None:
    data = four_persons(tmp_path, recording_of(HOSTILE, (HOSTILE,)))
    page = Elements(render(data))
    assert len(page.named("script")) == 2
    assert HOSTILE in page.text
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert not [1 for _, attributes in page.found if "style" in attributes]


def test_nothing_is_loaded_from_anywhere(data) -> None:
    page = Elements(render(data))
    sources = [
        attributes[key] for _, attributes in page.found for key in ("src", "href", "poster") if key in attributes
    ]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not page.named("link")
    policy = next(meta["content"] for meta in page.named("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_the_payload_cannot_leave_its_element(data) -> None:
    payload = re.search(r'<script type="application/json" id="payload">(.*?)</script>', render(data), re.S)[1]
    assert "<" not in payload
    assert json.loads(payload)["ids"] == [1, 2, 3, 4]
    assert json.loads(payload)["similarity"][0] == pytest.approx([0.95, 0.9, 0.1, 0.8])


def test_the_page_is_one_file_that_stays_the_same(data, tmp_path) -> None:
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, data)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
