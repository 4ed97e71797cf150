"""Where a command's tables, JSON and progress bars go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

#: columns of what is printed when it does not go to a terminal
WIDTH = 100
#: more columns than anything printed has
WIDEST = 10_000


def check_json(name: str | None) -> None:
    """Complain about a file that cannot be written before anything is simulated."""
    from ppsim.storage import check_file

    if name is not None and name != "-":
        check_file(Path(name))


def check_distinct(read: Sequence[str | Path | None], written: Sequence[str | Path | None]) -> None:
    """Complain, before anything is lost, about a file that would be written over one that is read, or written twice."""
    from ppsim.errors import InputError

    taken = {Path(name).resolve(): "is read" for name in read if name is not None}
    for name in written:
        if name is None or name == "-":
            continue
        path = Path(name).resolve()
        if path in taken:
            raise InputError(f"{name}: would be written over, and {taken[path]} too; give another name")
        taken[path] = "is written"


def write_json(name: str | None, document: Mapping[str, Any]) -> None:
    """Write a command's JSON to its file, or to stdout for -."""
    from ppsim.storage import json_text
    from ppsim.storage import write_json as write

    if name == "-":
        sys.stdout.write(json_text(document))
    elif name is not None:
        write(Path(name), document)


def console_for(json: str | None = None) -> Console:
    """Where tables go: stdout, or stderr if the JSON has stdout for itself."""
    from rich.console import Console

    console = Console(stderr=json == "-", markup=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    return console


def print_page(console: Console, page: RenderableType) -> None:
    """A page, one part of it after the other.

    Where a console is too narrow for a table, its columns move closer together, and then its lines become longer: a
    number that is cut is a wrong one.
    """
    from rich.console import Group
    from rich.measure import Measurement
    from rich.table import Table

    if isinstance(page, Group):
        for part in page.renderables:
            print_page(console, part)
        return

    def needed() -> int:
        return Measurement.get(console, console.options.update(max_width=WIDEST), page).minimum

    usual = console.width
    if isinstance(page, Table) and needed() > usual:
        page.padding = (0, 1, 0, 0)
    console.width = max(usual, needed())
    console.print(page, crop=False)
    console.width = usual


def say(console: Console, text: str, indent: int = 0) -> None:
    """A paragraph as wide as the console."""
    from ppsim.cli.layout import Words

    print_page(console, Words(text, indent))


def print_assumptions(console: Console, lines: Sequence[str]) -> None:
    """What the numbers rest on, a paragraph each."""
    console.print("Assumptions")
    for line in lines:
        say(console, line, indent=2)


@contextmanager
def progress(what: str, unit: str | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr while something long runs, if somebody is there to see it.

    Where what is done has a `unit`, the bar shows how many there are, and how many in a second.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units in a second."""

        def render(self, task: Task) -> Text:
            """Nothing before it is known."""
            return Text("" if task.speed is None else f"{task.speed:,.0f} {unit}/s")

    console = Console(stderr=True)
    columns = Progress.get_default_columns() + ((MofNCompleteColumn(), Rate()) if unit else ())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
