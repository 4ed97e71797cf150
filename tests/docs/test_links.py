"""Links between pages lead somewhere, also where pages are read without a build; and the API has all public names."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from pages import DOCS, ROOT, Page, pages

import ppsim

PAGES = (*pages(), Page(ROOT / "workloads" / "trained" / "README.md"))


def anchors(path: Path) -> set[str]:
    """What a heading is called in a link, as code hosts and the built site have it."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", Page(path).prose, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.is_file(), f"{page.name}: {target}: no such file"
        assert path.is_relative_to(ROOT if page.path.parent == ROOT else DOCS), (
            f"{page.name}: {target}: not on the site"
        )
        if anchor:
            assert anchor in anchors(path), f"{page.name}: {target}: no such heading; there are {sorted(anchors(path))}"


def test_every_page_is_reached() -> None:
    """From the map of the first page, without its contents for the side bar."""
    linked = set(re.findall(r"\]\(([^)#\s]+)", Page(DOCS / "index.md").prose))
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"index.md"} == linked


def test_the_api_has_all_public_names() -> None:
    text = (DOCS / "python-api.md").read_text(encoding="utf-8")
    named = re.findall(r"^\.\. auto\w+:: ppsim\.(\w+)$", text, re.MULTILINE)
    assert sorted(named) == sorted(set(ppsim.__all__) - {"__version__"})
