"""Pages that show what needs PyTorch, run with it; tests/docs runs the rest of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "docs"))
from pages import Page, differences, pages
from running import COMMANDS, PYTHON, Run

NEEDING = {command for command, instead in COMMANDS.items() if instead.torch}
BLOCKS = {page for (page, _), instead in PYTHON.items() if instead.torch}
PAGES = [
    page for page in pages() if page.name in BLOCKS or any(str(command) in NEEDING for _, command in page.commands())
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows(page: Page, tmp_path: Path) -> None:
    for shown in Run(page, tmp_path, torch=True).outputs():
        if shown.tolerance is not None:
            wrong = differences(shown.text, shown.printed, shown.tolerance)
            assert not wrong, f"{shown.block}: output of line {shown.of.line}: {wrong}"


def test_there_are_such_pages() -> None:
    assert {page.name for page in PAGES} >= {"docs/pruning.md", "docs/commands/accuracy.md", "docs/commands/prune.md"}
