"""One browser for all tests of pages, and pages that are watched for errors and requests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")  # not longer: while it lives, its event loop runs in this thread
def browser() -> Iterator:
    """Debian's Chromium, started once."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; install the package chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser) -> Iterator:
    """Opens a file; at the end of the test nothing may have failed on it, and nothing have been asked for outside.

    ``beside``: what lies in the file's folder may be asked for.
    """
    trouble: list[str] = []
    opened: set[str] = set()
    folders: set[str] = set()
    contexts = []

    def open_page(path: Path, *, beside: bool = False, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: trouble.append(f"request: {request.url}") if outside(request.url) else None)
        opened.add(path.as_uri())
        if beside:
            folders.add(path.parent.as_uri() + "/")
        page.goto(path.as_uri())
        return page

    def outside(url: str) -> bool:
        return not url.startswith(("data:", *folders)) and url.split("#")[0] not in opened

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []
