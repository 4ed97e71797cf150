"""`ppsim reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppsim.cli.options import Jobs
from ppsim.cli.output import console_for, print_assumptions, print_page, progress, say

#: sets of assumptions up to this distance from the paper count as near: about 5 % off in one of its numbers
NEAR = 0.05
#: where it writes
DEFAULT_OUT = Path("results/reproduce")


def reproduce(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files.")] = DEFAULT_OUT,
    jobs: Jobs = None,
) -> None:
    """Repeat the experiment of the paper (arXiv 1901.11391).

    And search for the assumptions that its numbers rest on. Writes reproduce.json, reproduce.csv and reproduce.png.
    """
    from ppsim.cli import tables
    from ppsim.explore.assumptions import PAPER_ENERGY_REDUCTION, PAPER_SPEEDUP
    from ppsim.explore.reproduce import PAPER, reproduce, save
    from ppsim.storage import folder

    folder(out)
    with progress("simulating") as report:
        result = reproduce(jobs=jobs, progress=report)
    written = save(result, out)
    console = console_for()
    print_page(console, tables.reproduction_table(result.rows_against("single-dense")))
    stated = f"{PAPER_SPEEDUP}x speedup, {PAPER_ENERGY_REDUCTION}x energy reduction"
    console.print()
    say(console, f"The paper ({PAPER['source']}) states {stated}, for {PAPER['of']}.")
    say(console, f"It does not state: {'; '.join(PAPER['unknown'])}.")
    console.print()
    say(
        console,
        f"Searched {len(result.explanations):,} sets of assumptions, nothing tuned, for both numbers; "
        f"distance = sqrt(ln(speedup/{PAPER_SPEEDUP})^2 + ln(energy reduction/{PAPER_ENERGY_REDUCTION})^2).",
    )
    console.print()
    print_page(console, tables.nearest_table(result.nearest_runs(8)))
    count, shared = result.in_common(NEAR)
    if count:
        common = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shared.items()) or "nothing"
        say(console, f"{count} sets are within a distance of {NEAR}; what all of them share: {common}.")
    else:
        say(console, f"No set is within a distance of {NEAR}.")
    console.print()
    print_page(console, tables.cut_table(result.nearest_by_cut()))
    console.print()
    print_assumptions(console, [result.experiment.description, *tables.told_apart(result.assumptions)])
    console.print()
    say(console, "Written: " + ", ".join(str(path) for path in written))
