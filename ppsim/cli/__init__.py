"""The command line: it parses, calls the public API and prints.

Heavy modules are imported by the commands that need them, so that the others are quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ppsim import __version__
from ppsim.cli.commands import gemm, reproduce, run, zoo
from ppsim.errors import InputError

app = typer.Typer(
    help="Simulate pruned, partitioned networks on several systolic-array accelerators.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (reproduce.reproduce, run.run, gemm.gemm, zoo.list_, zoo.show):
    app.command(command.__name__.rstrip("_"))(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for input that cannot be used, 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments or ["--help"], prog_name="ppsim", standalone_mode=False)
    except (InputError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


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
