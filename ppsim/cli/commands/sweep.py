"""`ppsim sweep`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.options import Jobs, JsonFile
from ppsim.cli.output import check_distinct, check_json, console_for, print_page, progress, say, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from ppsim.explore.executors import Executor
    from ppsim.explore.sweep.sweep import Sweep

#: folder that sweeps go to, each under the name of its specification
RESULTS = Path("results")
#: kinds of errors that are told of one by one
ERRORS = 5


def sweep(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="File of the sweep: axes over a workload and a system.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Folder for the results.  [default: results/SPEC]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished sweep in that folder.")] = False,
    jobs: Jobs = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS|local", help="Run on the Dask cluster there, or on one started here."),
    ] = None,
    screen: Annotated[
        bool,
        typer.Option("--screen", help="Skip points that cannot be on the Pareto front: lower bounds come first."),
    ] = False,
    json: JsonFile = None,
) -> None:
    """Simulate many design points, each kept at once.

    A point that cannot be simulated is a row with its error. ppsim plot and ppsim report show the results.
    """
    import ppsim
    from ppsim.cli import tables
    from ppsim.explore.sweep.store import FILES

    check_json(json)
    place = RESULTS / spec.stem if out is None else out
    check_distinct([spec, *(place / name for name in FILES)], [json])
    with progress(f"sweeping {spec.name}", unit="points") as report:
        run = ppsim.sweep(spec, place, resume, _executor(jobs, dask), report, screen)
        try:
            frame = run.to_frame()
        except KeyboardInterrupt:
            _say_what_is_kept(run, spec, place, ["--screen"] if screen else [])
            raise
    found = run.screened() if screen else None
    write_json(json, {"rows": run.to_table().to_pylist()} | ({"screening": found.to_dict()} if found else {}))
    console = console_for(json)
    failed, simulated = frame["error"].notna(), frame["seconds"].notna()
    errors = f", {failed.sum():,} of them failed" if failed.any() else ""
    say(console, f"{_points(len(frame))}{errors}: {place}")
    if found:
        for line in found.lines():
            say(console, line)
    console.print()
    if simulated.any():
        print_page(console, tables.sweep_table(frame[simulated], run.spec.paths))
    kinds = frame["error"].value_counts()
    for error, count in kinds.head(ERRORS).items():
        say(console, f"Failed, {_points(int(count))}: {error}")
    if len(kinds) > ERRORS:
        say(console, f"Failed with {len(kinds) - ERRORS:,} other errors: {_points(int(kinds[ERRORS:].sum()))}")
    console.print()
    say(console, f"Next: ppsim plot {place}; ppsim report {place}")


def _executor(jobs: int | None, dask: str | None) -> Executor:
    from ppsim.explore.executors import Processes
    from ppsim.explore.executors.cluster import LOCAL, Dask

    if dask is None:
        return Processes() if jobs is None else Processes(jobs)
    if jobs is not None and dask != LOCAL:
        raise InputError("-j says how many processes there are here; a cluster at an address has its own")
    return Dask(dask) if jobs is None else Dask(dask, jobs)


def _say_what_is_kept(run: Sweep, spec: Path, place: Path, options: list[str]) -> None:
    again = shlex.join(["ppsim", "sweep", str(spec), "-o", str(place), *options, "--resume"])
    print(f"{run.done:,} of {len(run):,} points are kept in {place}; go on with:\n{again}", file=sys.stderr)


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"
