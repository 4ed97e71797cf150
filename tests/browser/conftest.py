"""Reports of a real sweep and a real run, in a headless Chromium that is offline.

Collected where playwright is installed, which drives a Chromium that is installed beside it: on Debian, with
apt-get install chromium.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ppsim
from ppsim.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: screens that reports are made for: px wide and high
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(f"no browser: none of {', '.join(NAMES)} is installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of a sweep, in which some points fail, and one of a run."""
    place = tmp_path_factory.mktemp("reports")
    spec = {
        "workload": "lenet300",
        "system": "tetris",
        "axes": {
            "parts, accelerators": [1, 2, 4, 8],
            "dram.sharing": ["private", "shared"],
            "buffer.kib": [0.01, 16, 133],
        },
    }
    list(ppsim.sweep(spec, place / "swept", executor=ppsim.Serial()))
    run = ("run", "tinyvgg16", "-s", "tetris", "-p", "4", "--baselines", "multi-dense")
    assert main([*run, "--json", str(place / "run.json")]) == 0
    assert main(["report", str(place / "swept")]) == 0
    assert main(["report", str(place / "run.json")]) == 0
    return {"sweep": place / "swept" / "report.html", "run": place / "run.html"}


@dataclass
class Opened:
    """A page, what its console said, what it asked for, and what of that failed."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@pytest.fixture(scope="session", params=["sweep", "run"])
def report(request: pytest.FixtureRequest, reports: dict[str, Path]) -> Path:
    """Each of the reports."""
    return reports[request.param]


@pytest.fixture(scope="session", params=SCREENS)
def opened(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Opened]:
    """The report on each of the screens, offline; opened once, as it takes its time."""
    width, height = SCREENS[request.param]
    phone = request.param == "phone"
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone)
    context.set_offline(True)
    page = context.new_page()
    found = Opened(page)
    page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
    page.on("request", lambda asked: found.asked.append(asked.url))
    page.on("requestfailed", lambda asked: found.failed.append(asked.url))
    page.goto(report.as_uri())
    page.wait_for_function("document.querySelectorAll('.chart:not(.js-plotly-plot)').length === 0")
    yield found
    context.close()
    assert found.said == []  # whatever was done to it since
