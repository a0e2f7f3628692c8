"""A real Chromium, the system's own, and the reports that it opens from disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from longhop import Run
from tests.report_run import write_report_run

HOSTILE = (
    "<script>window.planted=1</script><img src=x onerror=window.planted=2></script><!--<svg/onload=window.planted=3>"
    " \u202eright to left\u202c \u2028 \x07 <b class=planted>bold</b> " + "w" * 300
)


class Report(NamedTuple):
    """A run and the address of its report."""

    run: Run
    url: str


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; `CHROMIUM` names another."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "no chromium here: install it (Debian: apt-get install chromium), or name one by CHROMIUM"
    with sync_playwright() as playwright:
        # Tests of a container run as root, where Chromium has no sandbox; it opens files of ours only.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A finished run of some questions, with hostile text in the first one."""
    folder = tmp_path_factory.mktemp("runs") / "a run"
    return reported(write_report_run(folder, questions=160, planted=HOSTILE))


def reported(folder: Path) -> Report:
    run = Run.open(str(folder))
    return Report(run, Path(run.report()).as_uri())


class Opened(NamedTuple):
    """A page with what the browser said while it opened."""

    page: Page
    requests: list[str]
    complaints: list[str]


def opened(browser: Browser, url: str, width: int = 1280, height: int = 900, *, dark: bool = False) -> Opened:
    """Open an address in a window of so many pixels."""
    size: ViewportSize = {"width": width, "height": height}
    page = browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(url)
    return Opened(page, requests, complaints)
