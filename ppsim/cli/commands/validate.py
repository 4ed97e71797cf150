"""`ppsim validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppsim.cli.options import JsonFile
from ppsim.cli.output import check_distinct, check_json, console_for, print_page, progress, say, write_json
from ppsim.errors import InputError


def validate(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="REFERENCE", help="One reference alone, as the table calls it; may be repeated."
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write the whole report, as Markdown.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Measure ppsim's errors, and hold them to bounds.

    Against a model of single processing elements, other simulators, formulas, and measured hardware. Ends with exit
    code 1 when a bound is broken.
    """
    from ppsim.cli import tables
    from ppsim.storage import check_file, write_bytes
    from ppsim.validation.limits import limits
    from ppsim.validation.page import page as written
    from ppsim.validation.validate import validate as run
    from ppsim.validation.wording import summary
    from ppsim.validation.yardstick import yardsticks

    check_json(json)
    check_distinct([], [page, json])
    if page is not None:
        if only:
            raise InputError("--page is about all references; leave --only out")
        if str(page) == "-":
            raise InputError("--page -: give the name of a file")
        check_file(page)
    console = console_for(json)
    with progress("comparing") as report:
        found = run(only, report)
    write_json(json, found.to_dict())
    print_page(console, tables.validation_table(found.checks))
    console.print()
    for line in summary(found.checks):
        say(console, line)
    if page is not None:
        with progress("looking for the size of what is not modelled"):
            text = written(found.checks, limits(found.checks), yardsticks())
        write_bytes(page, text.encode())
        say(console, f"Written: {page}")
    if not found.holds:
        raise typer.Exit(1)
