"""The documentation as a reader has it: opened in a real browser, wide and narrow, light and dark.

Not part of the ordinary tests, since it needs Chromium: ``nox -s site`` builds the pages and runs this.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
PICTURES = SITE.parent / "screenshots"
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
READ = [page for page in PAGES if page.partition("/")[0] in ("tutorial", "how-to", "reference", "explanation")]
NARROW = {"width": 360, "height": 740}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or os.environ["CHROMIUM"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda each: complaints.append(each.text) if each.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints


@pytest.mark.parametrize("name", READ)
def test_every_link_leads_somewhere(page: Page, site: str, name: str) -> None:
    page.goto(site + name)
    for href in page.eval_on_selector_all("a[href]", "all => all.map(each => each.getAttribute('href'))"):
        address, anchor = urldefrag(urljoin(site + name, href))
        if address.startswith(site):
            path = SITE / unquote(address.removeprefix(site) or "index.html")
            assert path.is_file(), href
            assert not anchor or f'id="{unquote(anchor)}"' in path.read_text("utf-8"), href


def test_the_sidebar_leads_to_every_page(page: Page, site: str) -> None:
    page.goto(site)
    hrefs = page.eval_on_selector_all(".sidebar-tree a", "all => all.map(each => each.getAttribute('href'))")
    assert {urldefrag(href)[0] for href in hrefs} >= set(READ)


def test_a_search_finds_a_page(page: Page, site: str) -> None:
    page.goto(site)
    page.fill("input[name=q]", "Retry-After")
    page.press("input[name=q]", "Enter")
    page.wait_for_selector("#search-results li a")
    page.click("#search-results li a >> nth=0")
    assert "retry-after" in page.inner_text("article").lower()


def test_the_copy_button_copies_commands_only(page: Page, site: str) -> None:
    page.goto(f"{site}tutorial/first-steps.html")
    blocks = page.locator("div.highlight")
    assert page.locator("button.copybtn").count() == blocks.count() > 3
    assert copied(page, "python") == page.locator("div.highlight-python pre").first.inner_text().strip()


def test_the_copy_button_takes_neither_prompt_nor_output_and_all_of_a_long_line(page: Page, site: str) -> None:
    page.goto(f"{site}how-to/command-line.html")
    assert copied(page, "console") == "httpconn get https://example.com/prices.json"
    page.goto(f"{site}how-to/certificates.html")
    first, _, second = copied(page, "console").partition(" \\\n")
    assert (first.split()[0], second.split()[-1]) == ("openssl", "base64")


def copied(page: Page, language: str) -> str:
    """What the button of the first block in a language copies."""
    block = page.locator(f"div.highlight-{language}").first
    block.hover()
    block.locator("button.copybtn").click()
    return str(page.evaluate("navigator.clipboard.readText()")).strip()


@pytest.mark.parametrize("name", ["index.html", *READ])
def test_a_narrow_screen_shows_all_of_a_page(page: Page, site: str, name: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(site + name)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    picture(page, "narrow", name)


def test_a_narrow_screen_shows_both_columns_of_a_table(page: Page, site: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(site + "how-to/moving.html")
    for table in page.locator("table").all():
        assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")


def test_a_wide_table_keeps_its_first_column_readable(page: Page, site: str) -> None:
    page.goto(site + "explanation/performance.html")
    for cell in page.locator("td:first-child").all():
        assert cell.evaluate("cell => cell.clientWidth") >= 100


def test_a_narrow_screen_has_a_menu(page: Page, site: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(site)
    page.click("label[for=__navigation] >> visible=true")
    page.click("text=First steps >> visible=true")
    page.wait_for_url("**/tutorial/first-steps.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", *READ])
def test_text_has_enough_contrast_to_its_background(page: Page, site: str, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(site + name)
    picture(page, scheme, name)
    found = Axe().run(page, options={"runOnly": ["color-contrast", "image-alt", "link-name", "document-title"]})
    assert not found.response["violations"], found.generate_report()


def picture(page: Page, kind: str, name: str) -> None:
    page.screenshot(path=PICTURES / kind / f"{name.replace('/', '-')}.png", full_page=True)
