"""The command line: it parses, calls the public API and prints.

Heavy modules are imported by the commands that need them, so that the others are quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from ppsim import __version__
from ppsim.cli.commands import (
    accuracy,
    codesign,
    compare_methods,
    cost,
    gemm,
    import_,
    plot,
    prune,
    report,
    reproduce,
    run,
    sweep,
    table,
    validate,
    zoo,
)
from ppsim.errors import InputError

app = typer.Typer(
    help="Simulate pruned, partitioned networks on several systolic-array accelerators.\n\n"
    "To begin with: ppsim list systems; ppsim run tinyvgg16 -s tetris -p 8\n\n"
    "Options of a command: ppsim COMMAND --help",
    add_completion=False,
    context_settings={"max_content_width": 100},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    reproduce.reproduce,
    run.run,
    cost.cost,
    codesign.codesign,
    compare_methods.compare_methods,
    table.table,
    gemm.gemm,
    import_.import_,
    prune.prune,
    sweep.sweep,
    plot.plot,
    report.report,
    accuracy.accuracy,
    validate.validate,
    zoo.list_,
    zoo.show,
):
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0; 2 for input that cannot be used; 1 when a bound of `validate` is broken, or stdout cannot be written; 130 when
    interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments or ["--help"], prog_name="ppsim", standalone_mode=False)
        sys.stdout.flush()
    except (InputError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if error.filename is not None:  # not one of stdout
            raise
        _give_stdout_up()
        if not isinstance(error, BrokenPipeError):
            print(f"error: stdout cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def _give_stdout_up() -> None:
    """What is still to be written to it goes nowhere; writing it at the end of the program would fail once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(asked: bool) -> None:
    if asked:
        print(f"ppsim {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of no command."""
