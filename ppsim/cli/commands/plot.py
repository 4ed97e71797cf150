"""`ppsim plot`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.output import console_for, progress, say
from ppsim.errors import InputError

if TYPE_CHECKING:
    from ppsim.analysis.figures import Kind

#: the folder within that of a sweep
FOLDER = "plots"
#: a picture to look at, and lines for a paper
FORMATS = "png,pdf"


def plot(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a sweep.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Folder for the figures.  [default: DIR/plots]")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAMES",
            help="With commas: speedup, keep, energy, roofline, pareto, heatmap, factors.  [default: all that apply]",
        ),
    ] = None,
    formats: Annotated[str, typer.Option("--format", metavar="KINDS", help="With commas: png, svg, pdf.")] = FORMATS,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="PATH=VALUE", help="Only the points where an axis has that value; repeatable."),
    ] = None,
    value: Annotated[
        str, typer.Option("--value", metavar="COLUMN", help="What the heatmap shows: any column of the results.")
    ] = "speedup",
) -> None:
    """Draw a sweep in figures for a paper.

    Curves over accelerators and kept weights, energy by component, a roofline, the Pareto front of latency and energy,
    a map over two axes, and what the speedup is made of.
    """
    import ppsim
    from ppsim.analysis.figures import METADATA, drawn
    from ppsim.analysis.plots import PLOTS, draw, points_of
    from ppsim.storage import folder, write_bytes

    names = list(PLOTS) if only is None else _listed("--only", only, PLOTS)
    kinds: list[Kind] = [kind for kind in METADATA if kind in _listed("--format", formats, METADATA)]
    points = points_of(ppsim.load_sweep(place), dict(_setting(text) for text in at or ()), value)
    files: dict[str, bytes] = {}
    reasons = []
    with progress("drawing") as report:
        for number, name in enumerate(names):
            try:
                figure = draw(name, points)
            except InputError as error:
                reasons.append(str(error))
            else:
                files |= {f"{name}.{kind}": drawn(figure, kind) for kind in kinds}
            report(number + 1, len(names))
    if not files:
        raise InputError("; ".join(reasons))
    target = folder(place / FOLDER if out is None else out)
    for name, content in files.items():
        write_bytes(target / name, content)
    console = console_for()
    say(console, "Written: " + ", ".join(str(target / name) for name in files))
    for reason in reasons:
        say(console, f"Not drawn: {reason}")


def _listed(option: str, given: str, known: Iterable[str]) -> list[str]:
    """Names with commas, each once, in the order they are known in; raises InputError for none and for others."""
    names = {name.strip() for name in given.split(",") if name.strip()}
    known = list(known)
    if unknown := sorted(names - set(known)):
        raise InputError(f"{option} {given}: {unknown[0]!r} is unknown; accepted: {', '.join(known)}")
    if not names:
        raise InputError(f"{option}: give at least one of {', '.join(known)}")
    return [name for name in known if name in names]


def _setting(text: str) -> tuple[str, str]:
    path, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not path:
        raise InputError(f"--at {text}: give PATH=VALUE, as in --at dram.sharing=private")
    return path, value
