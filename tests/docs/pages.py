"""Pages of the documentation as blocks of code, the commands in them, and what a page has to print when it is run.

A page is run from top to bottom in a folder of its own: what one command writes the next one reads. In a page

    ```sh        is run, command by command; so is ```console, where commands begin with "$ " and the rest is output
    ```python    is run, with the names that the page's blocks before it left behind
    ```text      is what the block before it prints; a line of three dots stands for lines that are left out
    ```yaml      is written to the file that a comment in its first line names (# my-system.yaml), if one does
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import isclose
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>\S*)[ \t]*(?P<rest>.*)$")
_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)")
_FILE = re.compile(r"# ([\w./-]+\.ya?ml)$")
LEFT_OUT = "..."


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: `line` is that of its first fence, `length` the number of lines inside."""

    page: str
    line: int
    length: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, line {self.line}"

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if its first line says so."""
        found = _FILE.match(self.text.split("\n", 1)[0])
        return found[1] if found and self.language in ("yaml", "yml") else None

    def commands(self) -> Iterator[Command]:
        """The commands of a block for a shell, each with the output that a ```console block shows."""
        lines = self.text.split("\n")
        if self.language == "console":
            starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
            for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
                whole = [lines[start][2:]]
                while whole[-1].endswith("\\"):
                    whole.append(lines[start + len(whole)])
                shown = "\n".join(lines[start + len(whole) : end])
                *before, last = _split(" ".join(line.removesuffix("\\") for line in whole))
                yield from (Command(words) for words in before)
                yield Command(last, shown)
            return
        for line in self.text.replace("\\\n", " ").split("\n"):
            yield from (Command(words) for words in _split(line))


@dataclass(frozen=True)
class Command:
    """The words of a command; `shown` is the output beside it, where there is one in the same block."""

    words: tuple[str, ...]
    shown: str | None = None

    def __str__(self) -> str:
        return shlex.join(self.words)

    @property
    def is_ppsim(self) -> bool:
        """Whether it is ppsim's, also by the path of an environment."""
        return Path(self.words[0]).name == "ppsim"


@dataclass
class Page:
    """A page and its blocks."""

    path: Path
    blocks: tuple[Block, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read it."""
        self.blocks = tuple(_blocks(self.name, self.text))

    @property
    def name(self) -> str:
        """Its path below the project's folder."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """Its Markdown."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """Its Markdown without its blocks."""
        lines = self.text.split("\n")
        for block in self.blocks:
            for number in range(block.line - 1, min(block.line + block.length + 1, len(lines))):
                lines[number] = ""
        return "\n".join(lines)

    def commands(self) -> Iterator[tuple[Block, Command]]:
        """All commands it shows, in order."""
        for block in self.blocks:
            if block.language in ("sh", "console"):
                for command in block.commands():
                    yield block, command


def pages() -> tuple[Page, ...]:
    """README and all pages of the documentation."""
    return tuple(Page(path) for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))))


def differences(shown: str, printed: str, tolerance: float = 0.0) -> str | None:
    """What is wrong with the output a page shows, or None; blanks at the ends of lines do not count.

    Numbers may differ by `tolerance` times themselves; then the width of blanks does not count either.
    """
    lines = [line.rstrip() for line in printed.rstrip().split("\n")]
    wanted = [line.rstrip() for line in shown.strip("\n").split("\n")]

    def found(piece: list[str], at: int) -> bool:
        there = lines[at : at + len(piece)]
        return len(there) == len(piece) and all(map(_alike, piece, there, [tolerance] * len(piece)))

    pieces = [list(piece) for left_out, piece in groupby(wanted, LEFT_OUT.__eq__) if not left_out]
    at = 0
    for piece in pieces:
        places = range(at, len(lines) - len(piece) + 1)
        if piece is pieces[0] and wanted[0] != LEFT_OUT:
            places = range(1)
        if piece is pieces[-1] and wanted[-1] != LEFT_OUT:
            places = range(max(places.start, len(lines) - len(piece)), places.stop)
        place = next((place for place in places if found(piece, place)), None)
        if place is None:
            wrong = next((line for line in piece if not any(found([line], n) for n in range(len(lines)))), piece[0])
            return f"shows {wrong!r}, which is not printed there. Printed is:\n" + "\n".join(lines)
        at = place + len(piece)
    return None


def _alike(shown: str, printed: str, tolerance: float) -> bool:
    if not tolerance:
        return shown == printed
    ours, theirs = _NUMBER.split(" ".join(shown.split())), _NUMBER.split(" ".join(printed.split()))
    return len(ours) == len(theirs) and all(
        isclose(float(a.replace(",", "")), float(b.replace(",", "")), rel_tol=tolerance) if number % 2 else a == b
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True))
    )


def _split(line: str) -> list[tuple[str, ...]]:
    """A line for a shell as commands: comments gone, && between commands."""
    words = shlex.split(line, comments=True)
    found: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            found.append([])
        else:
            found[-1].append(word)
    return [tuple(words) for words in found if words]


def _blocks(page: str, text: str) -> Iterator[Block]:
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        if not opened:
            at += 1
            continue
        indent, start = len(opened["indent"]), at + 1
        closed = re.compile(rf"^[ \t]*{re.escape(opened['fence'][0])}{{{len(opened['fence'])},}}[ \t]*$")
        at = start
        while at < len(lines) and not closed.match(lines[at]):
            at += 1
        body = [line[indent:] if not line[:indent].strip() else line for line in lines[start:at]]
        yield Block(page, start, len(body), opened["language"], "\n".join(body))
        at += 1
