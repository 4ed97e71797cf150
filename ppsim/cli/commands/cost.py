"""`ppsim cost`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.options import (
    Accelerators,
    Dataflow,
    Energy,
    JsonFile,
    Overlap,
    Settings,
    SystemName,
    system_settings,
)
from ppsim.cli.output import (
    check_distinct,
    check_json,
    console_for,
    print_assumptions,
    print_page,
    progress,
    say,
    write_json,
)
from ppsim.errors import InputError

if TYPE_CHECKING:
    from rich.console import Group

    from ppsim.explore.cost import BlockPrice, Prices, Staircase


def cost(
    graph: Annotated[
        str, typer.Argument(metavar="GRAPH", help="Name or file of a network, partitioned or not; or .onnx.")
    ],
    system: SystemName,
    accelerators: Accelerators = None,
    parts: Annotated[
        int | None, typer.Option("-p", "--parts", help="Cut layers into that many parts and prune between them.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option("--layers", metavar="GLOB", help="Layers that -p cuts: names or globs.  [default: fc*]"),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="LAYER=WIDTH", help="Narrow a layer first, to units or a share; repeatable."),
    ] = None,
    rank: Annotated[
        list[str] | None, typer.Option("--rank", metavar="LAYER=R", help="Factorise a layer first; repeatable.")
    ] = None,
    price: Annotated[
        str, typer.Option("--price", metavar="GLOB", help="Layers to tell the prices of: names or globs.")
    ] = "*",
    blocks: Annotated[bool, typer.Option("--blocks", help="What each kept block costs, too.")] = False,
    batch: Annotated[int, typer.Option("--batch", help="Inputs at a time.")] = 1,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    json: JsonFile = None,
) -> None:
    """What one more channel, rank or block less saves.

    Every number is the difference of two simulations of the whole network on the whole system, links and contention
    included.
    """
    import ppsim
    from ppsim.cli import tables
    from ppsim.explore.cost import Cut, prices, variant
    from ppsim.explore.setups import fewest_accelerators, network_of, system_of

    check_json(json)
    check_distinct((graph, system, energy), (json,))
    if parts is None and layers is not None:
        raise InputError("--layers says what -p cuts; give -p PARTS too")
    widths = {name: _number("--keep", text, value) for text, name, value in _pairs("--keep", "WIDTH", keep)}
    ranks = {name: _whole("--rank", text, value) for text, name, value in _pairs("--rank", "R", rank)}
    cut = None if parts is None else Cut(parts, layers or "fc*")
    net = variant(network_of(graph, batch), widths or None, ranks or None, cut)
    hardware = system_of(
        system, accelerators, fewest_accelerators(net), system_settings(dataflow, overlap, energy, settings)
    )
    with progress(f"pricing {graph}") as report:
        found = prices(net, hardware, price, blocks, report)
    result = ppsim.simulate(net, hardware)
    write_json(
        json,
        {
            "workload": result.workload,
            "system": result.system,
            "accelerators": result.accelerators,
            "parts": result.parts,
            "batch": result.batch,
            "energy_unit": result.energy_unit,
            **found.to_dict(),
            "assumptions": list(result.assumptions),
        },
    )
    console = console_for(json)
    for line in tables.summary(result):
        say(console, line)
    say(console, f"Energy: {tables.component_line(result)}.")
    for page in _pages(found, result.energy_unit):
        console.print()
        print_page(console, page)
    console.print()
    for line in _remarks(found):
        say(console, line)
    console.print()
    print_assumptions(console, result.assumptions)


def _pairs(option: str, what: str, texts: Sequence[str] | None) -> Iterator[tuple[str, str, str]]:
    """(text, layer, value) of each LAYER=VALUE."""
    seen = set()
    for text in texts or ():
        name, equals, value = text.rpartition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{option} {text}: give LAYER={what}, as in {option} fc1=64")
        if name.strip() in seen:
            raise InputError(f"{option} {text}: {name.strip()} is named twice")
        seen.add(name.strip())
        yield text, name.strip(), value.strip()


def _whole(option: str, text: str, value: str) -> int:
    if not value.isdecimal():
        raise InputError(f"{option} {text}: {value!r} is no whole number, as in {option} fc1=64")
    return int(value)


def _number(option: str, text: str, value: str) -> int | float:
    """Units, or a share if there is a point in it."""
    if value.removeprefix("-").isdecimal():
        return int(value)
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{option} {text}: {value!r} is no width or share, as in {option} fc1=64") from None


def _pages(found: Prices, unit: str) -> Iterator[Group]:
    from ppsim.cli.layout import table, titled

    heads = ("layer", "{} now", "next that\nis faster", "latency\nsaved", "energy\nsaved", "latency\nfor each")
    more = ("one less:\nlatency", "one less:\nenergy")
    for title, kind, stairs in (
        ("Narrower layers: the next width at which the whole network is faster", "width", found.widths),
        ("Lower ranks: the next rank at which the whole network is faster", "rank", found.ranks),
    ):
        if stairs:
            rows = [_stairs_row(of, unit) for of in stairs]
            named = (heads[0], heads[1].format(kind), *heads[2:], *more)
            yield titled(title, table(named, rows))
    if found.blocks:
        block_rows = [_block_row(block, unit) for block in found.blocks]
        of_blocks = ("layer", "outputs\nof part", "inputs\nof part", "units", "latency\nsaved", "energy\nsaved")
        yield titled("Kept blocks: what the whole network saves without one", table(of_blocks, block_rows))


def _stairs_row(stairs: Staircase, unit: str) -> list[str]:
    seconds, joules = _units(unit)
    name = stairs.layers[0] + (f" and {len(stairs.layers) - 1} more" if len(stairs.layers) > 1 else "")
    row = [name, f"{stairs.now.value:,}"]
    if step := stairs.next_faster:
        saved = (seconds(step.saved_seconds), joules(step.saved_energy_pj), seconds(stairs.saved_seconds_each()))
        row += [f"{step.value:,}", *saved]
    else:
        row += ["none", "-", "-", "-"]
    less = stairs.one_less
    return [*row, *((seconds(less.saved_seconds), joules(less.saved_energy_pj)) if less else ("-", "-"))]


def _block_row(block: BlockPrice, unit: str) -> list[str]:
    seconds, joules = _units(unit)
    row = [block.layer, str(block.out_part), str(block.in_part), f"{block.units:,}"]
    if block.saved_seconds is None or block.saved_energy_pj is None:
        return [*row, "needed", "needed"]
    return [*row, seconds(block.saved_seconds), joules(block.saved_energy_pj)]


def _units(unit: str) -> tuple[Callable[[float], str], Callable[[float], str]]:
    """How seconds and energies are written; those that are lost have a minus."""
    from ppsim.analysis.quantities import energy, si

    return (lambda seconds: si(seconds, "s") if seconds else "0 s"), (lambda pj: energy(pj, unit))


def _remarks(found: Prices) -> Iterator[str]:
    """Which pays first, what numbers less than zero mean, and what has no price."""
    best = found.best()
    if best:
        first = best[0]
        assert first.next_faster is not None
        yield (
            f"Pays first: {first.kind} of {first.layers[0]}, {first.now.value:,} to {first.next_faster.value:,}, by "
            "latency saved for each unit given up."
            + (f" Then: {', '.join(f'{of.kind} of {of.layers[0]}' for of in best[1:5])}." if best[1:] else "")
        )
    else:
        yield "Of what is priced here, no narrower layer and no lower rank makes the whole network faster."
    if any(not stairs.complete for stairs in (*found.widths, *found.ranks)):
        yield (
            "Of long staircases some values are simulated, and those around the first edge among them; an edge "
            "between two samples that are equally slow is missed."
        )
    if any(block.saved_seconds is None for block in found.blocks):
        yield "needed: a block that is all that its outputs read cannot go."
    for name, why in found.left_out.items():
        yield f"{name} has no narrower width: {why}."
