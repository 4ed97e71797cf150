"""How tables and paragraphs lie on a page: words wrap, numbers and names are never cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

#: a space between a number and its unit
BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|[TGMkmunp]?(?:B|J|s|W|MAC|Hz|bit)|[GM]B/s|[KM]iB|B/cycle|[nm]m)(?!\w))")
NO_BREAK = "\N{NO-BREAK SPACE}"


class Words:
    """Text that wraps between words, and at hyphens only where a word is too long; a number stays with its unit."""

    def __init__(self, text: str, indent: int = 0) -> None:
        self._text = BEFORE_UNIT.sub(NO_BREAK, text)
        self._indent = " " * indent

    def _lines(self, width: int) -> list[str]:
        for hyphens in (False, True):
            lines = wrap(
                self._text,
                max(width, len(self._indent) + 1),
                initial_indent=self._indent,
                subsequent_indent=self._indent,
                break_on_hyphens=hyphens,
                break_long_words=hyphens,
            )
            if max(map(cell_len, lines), default=0) <= width:
                break
        return [line.replace(NO_BREAK, " ") for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many lines as it takes."""
        for line in self._lines(options.max_width) or [""]:
            yield Text(line, no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """From the longest piece between spaces and hyphens to a single line."""
        pieces = wrap(self._text, 1, break_long_words=False)
        longest = max(map(cell_len, pieces), default=0)
        return Measurement(len(self._indent) + longest, len(self._indent) + cell_len(self._text))


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Collection[int] = (0,),
    words: Collection[int] = (),
    bold_end: bool = False,
) -> Table:
    """A table: columns `left` are names, `words` are words, which may wrap; the others are numbers, to the right."""
    cells = [list(row) for row in rows]
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    most = max(head.count("\n") for head in heads)
    for index, head in enumerate(heads):
        lines = [line for cell in (head, *(row[index] for row in cells)) for line in cell.split("\n")]
        grid.add_column(
            "\n" * (most - head.count("\n")) + head,
            justify="left" if index in left or index in words else "right",
            no_wrap=index not in words,
            min_width=None if index in words else max(map(cell_len, lines)),
        )
    for number, row in enumerate(cells, start=1):
        shown = (Words(cell) if index in words else cell for index, cell in enumerate(row))
        grid.add_row(*shown, style="bold" if bold_end and number == len(cells) else None)
    return grid


def titled(title: str, *parts: RenderableType) -> Group:
    """Parts of a page under their title; a title of a table itself would be wrapped to the table's width."""
    return Group(Text(title, style="bold"), *parts)
