"""The person report in a browser: what moves, what answers to hand and keyboard, what never runs."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from tests.people.report_examples import alike, four_persons, recording_of, report_data, sights_of
from videotracks.people.report.page import write_report

pytestmark = pytest.mark.browser
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(folder / "report.html", four_persons(folder))
    return folder / "report.html"


@pytest.fixture
def page(visit, report):
    return visit(report)


def picture(locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def changes(locator, seconds: float) -> bool:
    """Whether an element looks different at any moment within some seconds."""
    first, end = picture(locator), time.monotonic() + seconds
    while time.monotonic() < end:
        if np.abs(picture(locator) - first).max() > 20:
            return True
    return False


def order(page) -> list[str]:
    return page.locator("#cards > .card").evaluate_all("cards => cards.map(card => card.dataset.person)")


def focused(page) -> str:
    return page.evaluate("document.activeElement.dataset.person || document.activeElement.id || ''")


def test_animations_play_until_they_are_paused(page) -> None:
    face = page.locator("#cards .card").first.locator(".face")
    assert changes(face, 5)
    page.get_by_role("button", name="pause animations").click()
    face.locator("canvas").wait_for()
    assert not changes(face, 0.5)
    assert picture(face).max() > 200, "the still picture is not blank"
    page.keyboard.press("p")
    assert changes(face, 5)


def test_who_wants_less_motion_gets_still_pictures(visit, report) -> None:
    page = visit(report, reduced_motion="reduce")
    face = page.locator("#cards .card").first.locator(".face")
    face.locator("canvas").wait_for()
    assert not changes(face, 0.5)


def test_a_person_opened_while_paused_is_still_and_not_blank(page) -> None:
    page.keyboard.press("p")
    page.locator("#cards .card").first.click()
    face = page.locator("#detail .face")
    face.locator("canvas").wait_for()
    assert picture(face).max() > 200


@pytest.mark.parametrize(
    ("button", "persons"),
    [("rank", "314"), ("time seen", "314"), ("first seen", "143"), ("number", "134")],
)
def test_persons_are_sorted_at_a_click(page, button, persons) -> None:
    pressed = page.locator(".sort").get_by_role("button", name=button, exact=True)
    pressed.click()
    assert order(page) == list(persons)
    assert page.locator(".sort [aria-pressed=true]").all_inner_texts() == [button]


def test_the_keyboard_reaches_and_opens_every_person(page) -> None:
    seen = []
    for key in ("j", "j", "ArrowRight", "ArrowRight", "k", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(focused(page))
    assert seen == ["3", "1", "4", "4", "1", "3", "3"]
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#detail").is_visible()
    assert "Person 1" in page.locator("#detail").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#detail").is_visible()
    assert focused(page) == "1", "the focus returns to where it was"


def test_tab_leads_through_one_card_to_the_matrix(page) -> None:
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    assert [name for name in reached if name in ("theme", "pause", "3", "1", "4", "heatmap")] == [
        "theme", "pause", "3", "heatmap"
    ]  # fmt: skip


def test_keys_that_belong_to_the_browser_stay_there(page) -> None:
    page.keyboard.press("Control+p")
    page.keyboard.press("ArrowDown")
    assert page.locator("#pause").get_attribute("aria-pressed") == "false"
    assert focused(page) == ""


def test_a_click_shows_crops_times_and_the_evidence_of_a_merge(page) -> None:
    page.locator("#cards [data-person='1']").click(position={"x": 200, "y": 20})
    detail = page.locator("#detail")
    text = detail.inner_text()
    assert "Made of tracklets 1, 2." in text
    assert "Evidence of the merge" in text
    assert "0.900" in text
    faces = detail.locator(".members img")
    assert faces.evaluate_all("all => all.map(image => image.naturalWidth > 0)") == [True, True]
    assert detail.locator(".strip img").count() > page.locator("#cards [data-person='4'] .strip img").count()
    detail.get_by_role("button", name="close").click()
    assert not detail.is_visible()


def test_a_bar_of_the_time_line_opens_its_person(page) -> None:
    page.locator(".presence rect[data-person='4']").click()
    assert "Person 4" in page.locator("#detail").inner_text()


def test_help_opens_and_a_click_beside_it_closes(page) -> None:
    page.keyboard.press("?")
    assert "next person" in page.locator("#help").inner_text()
    page.mouse.click(5, 5)
    assert not page.locator("#help").is_visible()


def cell(page, row: int, column: int, count: int = 4) -> tuple[float, float]:
    """The place of a cell of the matrix relative to its canvas, away from number and outline."""
    box = page.locator("#heatmap").bounding_box()
    margin, size = 30, 44
    scale = box["width"] / (margin + count * size)
    return (margin + (column + 0.2) * size) * scale, (margin + (row + 0.2) * size) * scale


def color_at(locator, x: float, y: float) -> np.ndarray:
    return picture(locator)[int(y), int(x)]


def test_high_similarity_has_the_colour_of_the_legends_top(page) -> None:
    heatmap, legend = page.locator("#heatmap"), page.locator("#legend")
    ramp = picture(legend)[:, 9]

    def place(value: int) -> float:
        """Where on the legend, 1 at the top, the colour of the cell of person 1 and another lies."""
        distance = np.abs(ramp - color_at(heatmap, *cell(page, 0, value))).sum(axis=1)
        return 1 - distance.argmin() / (len(ramp) - 1)

    assert place(1) == pytest.approx(0.9, abs=0.02)
    assert place(2) == pytest.approx(0.1, abs=0.02)
    assert place(3) == pytest.approx(0.8, abs=0.02)
    assert page.locator(".scale span").all_inner_texts() == ["1", "0.75", "0.5", "0.25", "≤ 0"]


def test_colours_rise_in_lightness_from_bottom_to_top(page) -> None:
    ramp = np.delete(picture(page.locator("#legend"))[3:-3, 9], slice(53, 64), axis=0)  # but the threshold's mark
    assert np.all(np.diff(ramp @ [0.2126, 0.7152, 0.0722]) <= 0.5)


def test_pointing_at_a_cell_reads_its_value_and_shows_both_persons(page) -> None:
    heatmap, reading = page.locator("#heatmap"), page.locator("#reading")
    for column, text in ((1, "persons 1 and 2: 0.900, above the threshold"), (2, "persons 1 and 3: 0.100, below the threshold"), (0, "person 1 with itself: 0.950")):  # fmt: skip # noqa: E501
        x, y = cell(page, 0, column)
        heatmap.hover(position={"x": x, "y": y})
        assert reading.inner_text() == text
        assert page.locator("#pair img").count() == (1 if column == 0 else 2)


def test_the_arrows_read_the_matrix(page) -> None:
    page.locator("#heatmap").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.locator("#reading").inner_text() == "persons 2 and 4: 0.300, below the threshold"


def ground(page) -> int:
    return int(picture(page.locator(".top"))[2, 2].sum())


def test_the_page_is_dark_where_the_system_is_and_light_on_demand(visit, report) -> None:
    page = visit(report, color_scheme="dark")
    assert ground(page) < 150
    page.keyboard.press("t")
    assert ground(page) > 650
    page.locator("#theme").click()
    assert ground(page) < 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(visit, report, scheme) -> None:
    """Contrast of at least 4.5 to the ground behind it (WCAG 2, level AA)."""
    page = visit(report, color_scheme=scheme)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    faint = page.evaluate("""() => {
      const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
      const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data]; };
      const light = (css) => { const [r, g, b] = rgba(css).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgba(c)[3] > 250) return c; } };
      const found = [];
      for (const e of document.querySelectorAll("body *")) {
        if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
        const style = getComputedStyle(e);
        const [a, b] = [light(e.ownerSVGElement ? style.fill : style.color), light(ground(e))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName}.${e.className} ${(a + 0.05) / (b + 0.05)}`);
      }
      return found;
    }""")  # noqa: E501
    assert faint == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_sticks_out_of_the_window(visit, report, width) -> None:
    page = visit(report, viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#cards .card").first.click()
    box = page.locator("#detail").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_names_are_shown_and_never_run(visit, tmp_path) -> None:
    write_report(tmp_path / "report.html", four_persons(tmp_path, recording_of(HOSTILE, (HOSTILE, HOSTILE + "2"))))
    page = visit(tmp_path / "report.html")
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title().startswith(HOSTILE)
    page.locator("#cards .card").first.click()
    page.wait_for_timeout(100)
    assert HOSTILE in page.locator("#detail").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_a_script_that_got_in_would_not_run(browser, report, tmp_path) -> None:
    """The second line of defence: the page's policy knows its own script by hash."""
    text = report.read_text()
    assert "<main>" in text
    (tmp_path / "report.html").write_text(
        text.replace("<main>", "<main><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>")
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran === undefined")
    context.close()


@pytest.mark.parametrize("count", [0, 1])
def test_a_page_of_few_persons_works(visit, tmp_path, count) -> None:
    seen = {number: sights_of(number, range(20)) for number in range(1, count + 1)}
    write_report(tmp_path / "report.html", report_data(tmp_path, seen, alike(count, {})))
    page = visit(tmp_path / "report.html")
    for key in ("j", "p", "t", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#cards .card").count() == count
    assert page.locator("#detail").is_visible() == bool(count)


@pytest.mark.slow
def test_three_hundred_persons_open_and_sort_quickly(visit, tmp_path) -> None:
    seen = {number: sights_of(number, [number % 50, number % 50 + 1]) for number in range(1, 301)}
    data = report_data(tmp_path, seen, np.where(np.eye(300) > 0, 1.0, 0.3), animations=10)
    write_report(tmp_path / "report.html", data)
    page = visit(tmp_path / "report.html")
    assert page.locator("#cards .card").count() == 300
    took = page.evaluate("""() => {
      const begin = performance.now();
      document.querySelector("[data-sort=first]").click();
      document.body.offsetHeight;
      return performance.now() - begin;
    }""")
    assert took < 2000
    box = page.locator("#heatmap").bounding_box()
    page.locator("#heatmap").hover(position={"x": box["width"] - 1, "y": 1})
    assert page.locator("#reading").inner_text().startswith("persons 1 and 300: 0.300")
