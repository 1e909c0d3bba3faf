"""The pages of the persistence branch in a browser: the decisions of a video, and the scenarios."""

import pytest

from tests.persistence.decisions.test_page import HOSTILE, SIGHTS, report_of
from tests.persistence.scenarios.test_running import FEW, Knowing
from videotracks.persistence.decisions.page import write_persistence_page
from videotracks.persistence.scenarios.page import Examples, write_scenario_page
from videotracks.persistence.scenarios.results import Expectations, judge
from videotracks.persistence.scenarios.running import run_scenarios

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def decisions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    write_persistence_page(folder / "persistence.html", report_of(folder, SIGHTS, real={1: True, 2: True, 4: False}))
    return folder / "persistence.html"


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory):
    examples = Examples()
    results = run_scenarios(Knowing(), {"filter": "knowing"}, FEW, listener=examples)
    path = tmp_path_factory.mktemp("scenarios") / "scenarios.html"
    write_scenario_page(path, results, judge(results, Expectations()), examples.found)
    return path


def pictures(page) -> list[int]:
    """Widths of all pictures that loaded, px."""
    page.locator("img").evaluate_all(
        "all => Promise.all(all.map(image => image.decode()))"
    )  # fails where one is broken
    return page.locator("img").evaluate_all("all => all.map(image => image.naturalWidth)")


def test_every_tracklet_is_seen_with_its_pictures(visit, decisions) -> None:
    page = visit(decisions)
    assert page.locator("li.track.filtered").count() == 1
    assert page.locator("li.track.kept").count() == 2
    assert all(pictures(page))


def test_scenarios_are_shown_before_and_after(visit, scenarios) -> None:
    page = visit(scenarios)
    assert len(pictures(page)) == 9
    assert page.locator("td.passed").count() == 11


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_the_window(visit, decisions, scenarios, width, scheme) -> None:
    for path in (decisions, scenarios):
        page = visit(path, viewport={"width": width, "height": 800}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name


def test_names_are_shown_and_never_run(visit, tmp_path) -> None:
    write_persistence_page(tmp_path / "page.html", report_of(tmp_path, SIGHTS, name=HOSTILE))
    assert HOSTILE in visit(tmp_path / "page.html").locator("h1").inner_text()
