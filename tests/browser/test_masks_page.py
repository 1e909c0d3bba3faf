"""The mask report in a browser: opened from disk, with the pictures and the video that lie beside it."""

import functools

import pytest

from tests.masks.mask_report_examples import report_of
from videotracks.masks.report.page import write_mask_report, write_view_list

pytestmark = pytest.mark.browser
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a report & its ümlaut")
    write_mask_report(folder / "masks.html", report_of(folder))
    return folder / "masks.html"


@pytest.fixture
def look(visit):
    """Opens a page that has pictures and a video beside it."""
    return functools.partial(visit, beside=True)


@pytest.fixture
def page(look, report):
    return look(report)


def test_every_picture_and_the_video_load(page) -> None:
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.locator("img[loading]").evaluate_all("all => all.forEach(one => one.loading = 'eager')")
    images = page.locator("main img, .posters img")
    assert images.count() == 3 + 3 * 4 + 5
    images.evaluate_all("all => Promise.all(all.map(image => image.decode()))")  # fails where one is broken
    film = page.locator("video")
    film.evaluate("film => film.readyState >= 2 || new Promise(done => film.addEventListener('loadeddata', done))")
    assert film.evaluate("film => [film.videoWidth, film.videoHeight]") == [160, 96]


def test_pictures_out_of_sight_wait(look, report) -> None:
    asked = []
    page = look(report, viewport={"width": 1280, "height": 300})
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_timeout(200)
    assert not [url for url in asked if "level_6" in url and url.endswith(".png")]


def test_a_click_enlarges_and_the_arrows_lead_on(page) -> None:
    dialog = page.locator("#enlarged")
    page.locator("a.zoom").nth(1).click()
    assert dialog.is_visible()
    assert "frame 5 of level 2: no candidates, 2 tracked" in dialog.inner_text()
    assert page.locator("#enlarged img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 492
    page.keyboard.press("ArrowLeft")
    assert "frame 0 of level 2" in dialog.inner_text()
    page.keyboard.press("ArrowLeft")
    assert "(1 of 12" in dialog.inner_text()
    page.locator("#enlarged img").click()
    assert dialog.is_visible(), "as large as the picture is"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_the_tree_unfolds(page) -> None:
    fine = page.locator("#object-6-3 .name")
    assert not fine.is_visible()
    page.get_by_role("button", name="unfold all").click()
    assert fine.is_visible()
    page.get_by_role("button", name="fold all").click()
    assert not fine.is_visible()


def test_a_life_line_leads_to_its_object(page) -> None:
    page.locator("[data-object='6-3'] .seen").first.click()
    found = page.locator("#object-6-3")
    assert found.is_visible()
    assert "Object 3" in found.inner_text()
    assert page.evaluate("document.activeElement.id") == "object-6-3"
    page.locator("[data-object='2-2'] .seen").first.click()
    assert page.locator(".found").evaluate_all("all => all.map(one => one.id)") == ["object-2-2"]


def test_the_page_is_light_or_dark_on_demand(look, report) -> None:
    page = look(report, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.keyboard.press("t")
    assert page.evaluate(ground) != dark
    page.locator("#theme").click()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_sticks_out_of_the_window(look, report, width) -> None:
    page = look(report, viewport={"width": width, "height": 844})
    page.get_by_role("button", name="unfold all").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_names_are_shown_and_never_run(look, tmp_path) -> None:
    write_mask_report(tmp_path / "masks.html", report_of(tmp_path, HOSTILE))
    page = look(tmp_path / "masks.html")
    page.wait_for_timeout(100)
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("img[src=x]").count() == 0


def test_a_script_that_got_in_would_not_run(browser, report) -> None:
    """The second line of defence: the page's policy knows its own script by hash."""
    text = report.read_text()
    tampered = report.with_name("tampered.html")
    tampered.write_text(
        text.replace("<main>", "<main><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>")
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(tampered.as_uri())
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran === undefined")
    context.close()


def test_the_list_of_views_leads_to_the_page_of_each(look, report) -> None:
    path = report.with_name("views.html")
    recording = report_of(report.parent).recording
    write_view_list(path, recording, {"left": "masks.html"})
    page = look(path)
    page.get_by_role("link", name="left").click()
    assert page.locator(".kind").inner_text().lower() == "mask report"
    assert page.locator("#tree-title").is_visible()


def test_a_page_without_objects_works(look, tmp_path) -> None:
    write_mask_report(tmp_path / "masks.html", report_of(tmp_path, levels=()))
    page = look(tmp_path / "masks.html")
    page.keyboard.press("t")
    assert "No object was tracked" in page.inner_text("main")
