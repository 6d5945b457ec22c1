"""The way out in Chromium: from the box to what is hidden, by keyboard alone, with and without JavaScript."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests import corpus
from tests.environment import own_site
from tests.frontend.conftest import RELEASE
from tests.frontend.test_browser import CHROMIUM, QUIET, REASON, opened
from tests.optout.ownership.forge import Forge
from tests.optout.ownership.ssh_keys import Key, make_key

pytestmark = pytest.mark.skipif(CHROMIUM is None and "CODESTEWARD_CI" not in os.environ, reason=REASON)

LEAST_TARGET = 24
WIDTHS = (1280, 390)
CODE_HYPHENS = 3


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def forge(key: Key) -> Iterator[Forge]:
    with Forge() as running:
        for login in ("ada", "bob", "carol", "grace"):
            running.account(login, keys=[key.public])
        yield running


@pytest.fixture(scope="module")
def environment(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A site of its own, whose forge is the one of these tests."""
    folder = tmp_path_factory.mktemp("removal")
    told = {**own_site(folder / "data"), "FORGES": forge.setting, "FORGES_ALLOW_PRIVATE": "on"}
    corpus.write_tiny(folder / "shards")
    for command in (
        ["migrate", "--verbosity", "0"],
        ["register", RELEASE, "--shards", str(folder / "shards")],
        ["build", RELEASE, "--jobs", "1"],
        ["activate", RELEASE],
    ):
        arguments = [sys.executable, "manage.py", *command]
        subprocess.run(arguments, env=told, cwd=settings.BASE_DIR, check=True, capture_output=True)
    return told


@pytest.fixture(scope="module")
def removal(environment: dict[str, str]) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "governance.wsgi", "--bind", "127.0.0.1:0", "--workers", "1"],
        env=environment, cwd=settings.BASE_DIR, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "Listening at: " in line:
                yield line.split("Listening at: ")[1].split()[0]
                break
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def tab_to(page: Page, selector: str, most: int = 40) -> None:
    """Press Tab until it has the focus, which can be seen."""
    wanted = page.locator(selector).first
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            assert wanted.evaluate("element => getComputedStyle(element).outlineStyle") != "none", selector
            return
    raise AssertionError(f"{selector} is not reached by Tab on {page.url}")


def press(page: Page, selector: str) -> None:
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    fits(page)


def fits(page: Page) -> None:
    """Nothing scrolls sideways, one heading answers, and everything that can be pressed is large enough."""
    page.wait_for_load_state()
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    assert page.locator("h1").count() == 1, page.url
    for target in page.locator("main button, main .button, main input:not([type=hidden]), main select").all():
        box = target.bounding_box()
        if box:
            assert min(box["width"], box["height"]) >= LEAST_TARGET, (page.url, target.inner_html())


def asked(page: Page, text: str) -> None:
    """From the box to the page of the request, by keyboard alone."""
    page.goto("/removal")
    tab_to(page, "#text")
    page.keyboard.insert_text(text)
    press(page, "form button.main")
    press(page, "form button.main")
    tab_to(page, "#contact")
    page.keyboard.insert_text("ada@people.test")
    press(page, "form button.main")
    press(page, "form button.main")
    assert page.locator("h1").inner_text() == "Your request is received. Next, prove that it is yours."


@pytest.mark.parametrize(
    ("width", "scripts", "owner", "name"), [(1280, True, "ada", "engine"), (390, False, "carol", "tools")]
)
def test_a_repository_is_taken_out_with_an_ssh_key(
    browser: Browser, removal: str, key: Key, width: int, scripts: bool, owner: str, name: str
) -> None:
    page = opened(browser, removal, width, scripts=scripts)
    page.goto(f"/holdings?scope=repo:{owner}/{name}")
    assert "holds" in page.locator("h1").inner_text()
    asked(page, f"https://github.com/{owner}/{name}")
    press(page, "a.button.main")
    tab_to(page, "#login")
    press(page, "#by-ssh ~ form button.main")
    with page.expect_download() as download:
        tab_to(page, "a[download]")
        page.keyboard.press("Enter")
    challenge = Path(download.value.path())
    assert download.value.suggested_filename == "challenge.txt"
    command = page.locator("pre.commands").inner_text().replace("~/.ssh/id_ed25519", str(key.path)).split()
    signed = challenge.with_name(f"{challenge.name}.txt")
    shutil.copy(challenge, signed)
    subprocess.run([*command[:-1], str(signed)], check=True, capture_output=True)
    tab_to(page, "#answer")
    page.keyboard.insert_text(signed.with_name(f"{signed.name}.sig").read_text("ascii"))
    press(page, "form button.main")
    assert "hidden" in page.locator("h1").inner_text()
    page.goto(f"/holdings?scope=repo:{owner}/{name}")
    assert page.locator("h1").inner_text() == f"{RELEASE} holds nothing of {owner}/{name}."


@pytest.mark.parametrize(("width", "address"), [(1280, "grace.hopper@example.org")])
def test_an_address_is_taken_out_with_a_code_and_shown_again(
    browser: Browser, removal: str, environment: dict[str, str], width: int, address: str
) -> None:
    page = opened(browser, removal, width, scripts=False)
    asked(page, address)
    here = page.url
    press(page, "a.button.main")
    press(page, "form button.main")
    folder = Path(environment["DATA_DIR"]) / "mail"
    texts = [line for mail in folder.iterdir() for line in mail.read_text("utf-8").splitlines()]
    code = next(line.strip() for line in texts if line.startswith("    ") and line.count("-") >= CODE_HYPHENS)
    tab_to(page, "#answer")
    page.keyboard.insert_text("wrong")
    press(page, "form button.main")
    assert page.locator("[role=alert] a").first.inner_text().startswith("This is not the code")
    press(page, "[role=alert] a")
    page.locator("#answer").fill("")
    page.locator("#answer").focus()
    page.keyboard.insert_text(code)
    press(page, "form button.main")
    assert page.url == here
    page.goto(f"/holdings?scope=email:{address}")
    assert "no file" in page.locator("h1").inner_text()
    page.goto(here)
    press(page, "text=Take the request back")
    press(page, "form button.main")
    assert page.locator("h1").inner_text() == "You took it back."
    page.goto(f"/holdings?scope=email:{address}")
    assert "holds 1 file" in page.locator("h1").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_going_back_keeps_what_was_said(browser: Browser, removal: str, width: int) -> None:
    page = opened(browser, removal, width, scripts=False)
    asked(page, "bob/engine-fork\nnobody/nothing")
    received = page.url
    page.go_back()
    with page.expect_navigation():
        page.locator("form button.main").last.click()
    assert page.url == received


@pytest.mark.parametrize("width", [*WIDTHS, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_or_breaks_its_policy(browser: Browser, removal: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, base_url=removal, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for text in ("", "rubbish here", "a/" + "long-name-" * 9, "ada\n@ada\nrubbish\n" + "x/" + "y" * 90, "ada"):
        page.goto("/removal")
        page.fill("#text", text)
        page.locator("form button.main").click()
        fits(page)
    page.locator("form button.main").click()
    page.fill("#contact", "nobody")
    page.locator("form button.main").click()
    fits(page)
    page.fill("#contact", "ada@people.test")
    page.locator("form button.main").click()
    page.locator("form button.main").click()
    fits(page)
    for link in ("Prove that it is yours", "Take the request back"):
        page.get_by_role("link", name=link).click()
        fits(page)
        page.get_by_role("link", name="Back to your request").click()
    assert [text for text in said if "status of 40" not in text] == []
