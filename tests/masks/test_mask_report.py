"""The mask report as text: what stands in it, what cannot get into it. How it behaves is in ``tests/browser``."""

import re

import numpy as np
import pytest

from tests.masks.comparison.comparison_examples import FPS, FRAMES
from tests.masks.mask_report_examples import AWAY, report_of
from tests.pages.elements import Elements
from videotracks.errors import CorruptFileError
from videotracks.masks.comparison.summary import ComparisonSummary, ComparisonWarning
from videotracks.masks.hierarchy.files import Hierarchy, Index, relations_of
from videotracks.masks.report import data, page
from videotracks.masks.report.data import LevelReport, build_mask_report, spans_of
from videotracks.masks.report.page import render, write_mask_report, write_view_list
from videotracks.palette import color_of

HOSTILE = "<script>alert(1)</script>\"'&.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(folder):
    return report_of(folder)


def with_objects(report, levels):
    """A report of so many objects by level, each seen in one frame, without pictures."""
    index = {}
    for level, count in levels.items():
        entry = {"parent_id": None, "parent_level": None, "frames": [0], "frame_count": 1, "first_frame": 0}
        index[level] = {
            "objects": {i: {**entry, "last_frame": 0} for i in range(count)},
            "frames": {0: {"frame_name": "frame_000000", "objects": list(range(count))}},
        }
    stored = Index.model_validate(index)
    told = {level: LevelReport({}, {}, summary(level), f"level_{level}/viz/compare") for level in levels}
    return build_mask_report(report.recording, 0, told, Hierarchy(stored, relations_of(stored)), None, {})


def summary(level, warnings=()):
    return ComparisonSummary(
        level=level, picture_size=(300, 100), frames_with_candidates=0, frames_with_masks=0, drawn=[], objects=[],
        warnings=list(warnings),
    )  # fmt: skip


def test_the_figures_of_every_level_are_there(report) -> None:
    text = Elements(render(report)).text
    assert text.count("1,234") == 3
    assert text.count("4.0 s") == 3
    assert text.count("propagate 2.5 s") == 3


def test_every_picture_named_on_the_page_lies_beside_it(report, folder) -> None:
    found = Elements(render(report))
    files = [attributes["src"] for attributes in found.named("img") + found.named("video") if "src" in attributes]
    beside = [name for name in files if not name.startswith("data:")]
    assert len(beside) == 3 * 4 + 5 + 1
    for name in beside:
        assert (folder / name).is_file(), name
    assert all(image.get("loading") == "lazy" for image in found.named("img") if image.get("src") in beside)
    sizes = {(image["width"], image["height"]) for image in found.named("img") if "width" in image}
    assert sizes == {("492", "120")}, "so that the page does not jump while pictures load"


def test_the_tree_has_objects_inside_what_contains_them(report) -> None:
    assert [(root.level, root.number) for root in report.roots] == [(2, 1), (2, 2), (6, 9)]
    walker = report.roots[0]
    assert [(child.level, child.number) for child in walker.inside] == [(4, 1)]
    assert [(child.level, child.number) for child in walker.inside[0].inside] == [(6, 3)]
    assert walker.descendants == 2


def test_an_object_that_is_away_has_two_bars_on_one_line(report) -> None:
    shown = next(shown for shown in report.levels[2].objects if shown.number == 3)
    expected = [(0, AWAY.start / FPS), (AWAY.stop / FPS, FRAMES / FPS)]
    assert np.allclose(shown.spans, expected)
    lane = re.search(r'<g data-object="6-3">.*?</g>', render(report), re.S)[0]
    bars = Elements(lane).named("rect")
    assert [bar["class"] for bar in bars] == ["life", "seen", "seen"]
    assert {bar["fill"] for bar in bars} == {"#{:02x}{:02x}{:02x}".format(*color_of(3))}
    life, first, second = ((float(bar["x"]), float(bar["x"]) + float(bar["width"])) for bar in bars)
    assert life == pytest.approx((first[0], second[1]), abs=0.02)
    assert second[0] - first[1] == pytest.approx(len(AWAY) / FRAMES * (page.CHART_PX - page.LABEL_PX), abs=0.1)


def test_stretches_of_sampled_frames_have_no_gaps() -> None:
    times_s = np.arange(101) / 10
    assert spans_of([0, 5, 10, 30, 35], 5, times_s) == [(0, 1.5), (3, 4)]
    assert spans_of([98], 5, times_s) == [(9.8, 10)], "a view ends where it ends"


def test_what_would_be_a_wall_is_cut_and_said_so(report, monkeypatch) -> None:
    monkeypatch.setattr(data, "MOST_NODES", 90)
    many = with_objects(report, {2: 80, 4: 50})
    text = Elements(render(many)).text
    assert "20 more objects, seen for shorter, are not drawn" in text
    assert "40 more objects, seen for shorter, stand in relations.json" in text
    assert len(many.roots) == 90


def test_a_view_without_objects_has_a_page_that_says_so(tmp_path) -> None:
    empty = report_of(tmp_path, levels=())
    assert "No object was tracked" in render(empty)
    assert "<video" not in render(empty)


def test_warnings_stand_on_top(report) -> None:
    warning = ComparisonWarning(code="comparison.no_targets", message=f"nothing {HOSTILE}", level=2)
    told = {2: LevelReport({}, {}, summary(2, [warning]), "level_2/viz/compare")}
    stored = Index.model_validate({2: {"objects": {}, "frames": {}}})
    told_of = build_mask_report(report.recording, 0, told, Hierarchy(stored, relations_of(stored)), None, {})
    found = Elements(render(told_of))
    assert f"nothing {HOSTILE}" in found.text
    assert "comparison.no_targets" in found.text


def test_names_are_text_only_and_nothing_is_loaded_from_elsewhere(tmp_path) -> None:
    found = Elements(render(report_of(tmp_path, HOSTILE)))
    assert HOSTILE in found.text
    assert len(found.named("script")) == 1
    assert not [
        name for _, attributes in found.found for name in attributes if name.startswith("on") or name == "style"
    ]
    links = [attributes[key] for _, attributes in found.found for key in ("src", "href", "poster") if key in attributes]
    assert all(link.startswith(("data:image/jpeg", "level_")) or link == "masks.mp4" for link in links)
    policy = next(meta["content"] for meta in found.named("meta") if "http-equiv" in meta)
    assert policy.startswith(
        "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'sha256-"
    )


@pytest.mark.parametrize(
    "name", ["../masks.mp4", "/etc/passwd", "https://example.org/a.mp4", "a//b.mp4", "javascript:1"]
)
def test_refuses_names_that_lead_elsewhere(report, name) -> None:
    stored = Index.model_validate({2: {"objects": {}, "frames": {}}})
    hierarchy = Hierarchy(stored, relations_of(stored))
    told = {2: LevelReport({}, {}, summary(2), "level_2/viz/compare")}
    with pytest.raises(ValueError, match="file name"):
        build_mask_report(report.recording, 0, told, hierarchy, name, {})
    with pytest.raises(ValueError, match="file name"):
        build_mask_report(report.recording, 0, {2: told[2]._replace(pictures=name)}, hierarchy, None, {})


def test_refuses_a_hierarchy_of_other_levels(report) -> None:
    stored = Index.model_validate({2: {"objects": {}, "frames": {}}})
    told = {4: LevelReport({}, {}, summary(4), "level_4/viz/compare")}
    with pytest.raises(CorruptFileError, match="expected level 4, got levels"):
        build_mask_report(report.recording, 0, told, Hierarchy(stored, relations_of(stored)), None, {})


def test_the_page_stays_the_same(report, tmp_path) -> None:
    for name in ("a.html", "b.html"):
        write_mask_report(tmp_path / name, report)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_list_of_views_leads_to_each(report, tmp_path) -> None:
    named = report.recording.model_copy(update={"name": HOSTILE})
    write_view_list(tmp_path / "masks.html", named, {"left & <b>": "cam_00/masks.html", "right": "cam 01/masks.html"})
    found = Elements((tmp_path / "masks.html").read_text())
    assert [link["href"] for link in found.named("a")] == ["cam_00/masks.html", "cam%2001/masks.html"]
    assert HOSTILE in found.text
    assert "left & <b>" in found.text
