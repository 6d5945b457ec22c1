"""The pages in Chromium: wide and narrow, with and without JavaScript, by keyboard alone."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from search.swhid import of_content
from tests import corpus
from tests.frontend.conftest import RELEASE

CHROMIUM = shutil.which("chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
REASON = "chromium is not installed; `apt-get install chromium` and `make test` run these tests"

pytestmark = pytest.mark.skipif(CHROMIUM is None and "CODESTEWARD_CI" not in os.environ, reason=REASON)

PARSER = of_content(corpus.PARSER.encode()).core
ADDRESSES = (
    "/",
    "/search?q=return",
    "/search?q=nowheretobefound",
    "/search?q=%2F(%2F",
    "/holdings?scope=account:bob",
    "/holdings?scope=repo:nobody/nothing",
    f"/documents/{PARSER}",
    f"/documents/{PARSER}?lines=3-9",
    "/releases",
    f"/releases/{RELEASE}",
    "/about",
    "/nowhere",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def opened(browser: Browser, server: str, width: int, *, scripts: bool = True) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, base_url=server, java_script_enabled=scripts
    )
    return context.new_page()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_no_page_scrolls_sideways_or_breaks_its_policy(browser: Browser, server: str, width: int) -> None:
    page = opened(browser, server, width)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    for address in ADDRESSES:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert page.locator("h1").count() == 1, address
        assert page.title(), address
    assert [text for text in said if "status of 40" not in text] == []
    assert {url for url in asked if not url.startswith(server)} == set()


@pytest.mark.parametrize("scripts", [True, False])
def test_code_is_checked_by_keyboard_alone(browser: Browser, server: str, scripts: bool) -> None:
    page = opened(browser, server, 1280, scripts=scripts)
    page.goto("/")
    page.locator("textarea:focus").wait_for()
    page.keyboard.insert_text("x = 1\n" + corpus.WRITER[200:900])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    assert page.locator("h1").inner_text() == f"Yes. Parts of this code are in {RELEASE}."
    page.get_by_role("link", name="src/io/writer.py").first.wait_for()


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ada/engine", "/holdings"),
        (PARSER, "/documents/"),
        ('"return"', "/search"),
        ("account:bob", "/holdings"),
    ],
)
def test_one_box_understands(browser: Browser, server: str, typed: str, address: str) -> None:
    page = opened(browser, server, 390, scripts=False)
    page.goto("/")
    page.locator("textarea:focus").wait_for()
    page.keyboard.insert_text(typed)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}**")
    assert page.locator("h1").count() == 1


def test_the_documentation_of_the_api_lists_its_addresses(browser: Browser, server: str) -> None:
    page = opened(browser, server, 1280)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/v1/docs")
    page.get_by_text("/api/v1/check").first.wait_for()
    assert {url for url in asked if not url.startswith((server, "data:"))} == set()
