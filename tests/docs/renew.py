"""Writes what is printed now in place of what pages show: python tests/docs/renew.py [PAGE...]; look at the difference.

Of output with lines left out, the lines that are shown are looked for by likeness. A line "@@ 3-9" in a page is
replaced by those lines of the output, counted from 1, and "@@" by all of it.
"""

from __future__ import annotations

import sys
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from pages import LEFT_OUT, ROOT, Page, differences, pages
from running import Run


def renewed(shown: str, printed: str) -> str:
    """The output a page shows, as it is now."""
    lines = [line.rstrip() for line in printed.rstrip().split("\n")]
    if LEFT_OUT not in shown.split("\n") and "@@" not in shown:
        return "\n".join(lines)
    found: list[str] = []
    at = 0
    for marked, group in groupby(shown.split("\n"), lambda line: line == LEFT_OUT or line.startswith("@@")):
        old = list(group)
        if marked:
            for line in old:
                found += [LEFT_OUT] if line == LEFT_OUT else _named(line, lines)
        else:
            places = range(at, max(at + 1, len(lines) - len(old) + 1))
            at = max(places, key=lambda place: _likeness(old, lines[place : place + len(old)]))
            found += lines[at : at + len(old)]
            at += len(old)
    return "\n".join(found)


def _named(marker: str, lines: list[str]) -> list[str]:
    first, dash, last = marker.removeprefix("@@").strip().partition("-")
    start = int(first or 1)
    return lines[start - 1 : int(last) if last else start if first and not dash else None]


def _likeness(old: list[str], new: list[str]) -> float:
    return sum(SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in zip(old, new, strict=False))


def renew(page: Page) -> int:
    """Rewrite a page; how many outputs are others now."""
    lines, changed = page.text.split("\n"), []
    with TemporaryDirectory() as folder:
        for shown in Run(page, Path(folder)).outputs():
            if shown.tolerance is None or shown.block.language != "text":
                continue
            if differences(shown.text, shown.printed, shown.tolerance):
                changed.append(shown)
    for shown in reversed(changed):
        block = shown.block
        indent = lines[block.line - 1][: len(lines[block.line - 1]) - len(lines[block.line - 1].lstrip())]
        new = [(indent + line).rstrip() for line in renewed(shown.text, shown.printed).split("\n")]
        lines[block.line : block.line + block.length] = new
    if changed:
        page.path.write_text("\n".join(lines), encoding="utf-8")
    return len(changed)


if __name__ == "__main__":
    named = [Path(name).resolve() for name in sys.argv[1:]]
    for one in pages():
        if not named or one.path in named:
            print(f"{one.name}: {renew(one)} of its outputs are others now ({ROOT})")
