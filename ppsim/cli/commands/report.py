"""`ppsim report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.output import check_distinct, console_for, progress, say
from ppsim.errors import InputError

if TYPE_CHECKING:
    from ppsim.analysis.report.parts import Page

#: the file in the folder of a sweep
NAME = "report.html"
SUFFIXES = (".html", ".htm")


def report(
    source: Annotated[
        Path, typer.Argument(metavar="DIR|RESULT", help="Folder of a sweep, or file that ppsim run --json wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="The page.  [default: DIR/report.html, or .html beside RESULT]"
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="marginal|efficiency|energy-delay",
            help="When more accelerators are worth it: those added bring enough speed; losses stay small; the product "
            "of energy and latency falls.  [default: marginal]",
        ),
    ] = None,
    worth: Annotated[
        float | None,
        typer.Option(
            "--worth",
            metavar="SHARE",
            help="Share of the average speed that an added accelerator has to bring, or of the ideal that has to be "
            "reached, above 0, up to 1.  [default: 0.5]",
        ),
    ] = None,
    point: Annotated[
        int | None,
        typer.Option("--point", metavar="NUMBER", help="Point to show in full.  [default: that of the answer]"),
    ] = None,
) -> None:
    """Write a page: how many accelerators are worth it.

    It has curves, losses, energy, a timeline, tables and assumptions, in one file that opens offline.
    """
    from ppsim.analysis.quantities import plain
    from ppsim.analysis.report.page import html_of
    from ppsim.storage import check_file, write_bytes

    is_sweep = os.path.isdir(source)
    if not is_sweep and (rule, worth, point) != (None, None, None):
        raise InputError(f"{source}: is no folder of a sweep; --rule, --worth and --point go with one")
    target = out or (source / NAME if is_sweep else source.with_suffix(".html"))
    check_distinct([source], [target])
    check_file(target)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"{target}: a report is a page; give a name that ends in {' or '.join(SUFFIXES)}")
    with progress(f"reporting on {source}"):
        page = _of_sweep(source, rule, worth, point) if is_sweep else _of_run(source)
        write_bytes(target, html_of(page).encode())
    console = console_for()
    for paragraph in (page.answer, *page.notes):
        say(console, plain(paragraph))
        console.print()
    say(console, f"Report: {target}")


def _of_sweep(place: Path, rule: str | None, worth: float | None, point: int | None) -> Page:
    import ppsim
    from ppsim.analysis.report import worth as rules
    from ppsim.analysis.report.sweep_page import sweep_page

    chosen = rules.rule(rules.Marginal.name if rule is None else rule, worth)
    return sweep_page(ppsim.load_sweep(place), chosen, point)


def _of_run(path: Path) -> Page:
    from ppsim.analysis.report.run import read_run
    from ppsim.analysis.report.run_page import run_page

    return run_page(read_run(path))
