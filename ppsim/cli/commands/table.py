"""`ppsim table`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.options import Dataflow, Energy, Jobs, JsonFile, Overlap, Settings, SystemName, system_settings
from ppsim.cli.output import check_distinct, check_json, console_for, print_page, progress, say, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Group

    from ppsim.explore.cost_tables.gap import SumGap


def table(
    workload: Annotated[str, typer.Argument(metavar="NET", help="Name or file of a network; or .onnx.")],
    system: SystemName,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="File for the table.")],
    accelerators: Annotated[
        str | None,
        typer.Option(
            "-n", "--accelerators", metavar="NUMBERS", help="How many, as in 1,8.  [default: the system's number]"
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="NUMBERS",
            help="Blocks that layers are cut into; 1 is a layer as it is.  [default: 1 and the number of accelerators]",
        ),
    ] = None,
    layers: Annotated[str, typer.Option("--layers", metavar="GLOB", help="Names or globs, with commas.")] = "*",
    step: Annotated[
        int | None,
        typer.Option("--step", min=1, help="Units between widths.  [default: columns of the array, or multiples]"),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="parquet, csv, netadapt or torch-pruning.  [default: by FILE's name]"
        ),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Inputs at a time.")] = 1,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    jobs: Jobs = None,
    json: JsonFile = None,
) -> None:
    """Price each layer alone, to prune by tables.

    A row is a layer by its inputs, outputs, blocks and accelerators. What the sum of such rows misses of the simulated
    network is printed too.
    """
    import ppsim
    from ppsim.explore.cost_tables.adapters import ADAPTERS
    from ppsim.explore.cost_tables.gap import gaps_of
    from ppsim.explore.cost_tables.saving import format_named
    from ppsim.explore.setups import network_of
    from ppsim.storage import check_file
    from ppsim.workload.partitioned import PartitionedGraph

    check_json(json)
    adapter = ADAPTERS[format_named(check_file(out), format)]
    check_distinct((workload, system, energy), (str(out), json))
    net = network_of(workload, batch)
    if isinstance(net, PartitionedGraph):
        raise InputError(f"{workload}: is partitioned; give the network before it was, and --groups for its cuts")
    hardware = ppsim.load_system(system, set=system_settings(dataflow, overlap, energy, settings))
    with progress(f"pricing layers of {workload}", unit="rows") as report:
        prices = ppsim.cost_table(
            net,
            hardware,
            _numbers("--accelerators", accelerators),
            adapter.groups if groups is None else _numbers("--groups", groups),
            layers,
            adapter.step if step is None else step,
            jobs,
            report,
        )
    with progress(f"simulating {workload}"):
        gaps = gaps_of(prices, net, hardware)
    ppsim.save_cost_table(prices, out, format)
    origin = prices.origin
    write_json(
        json,
        {
            "file": str(out),
            "rows": len(prices.rows),
            "layers": [shape.name for shape in origin.layers],
            "network": origin.network,
            "system": origin.system,
            "system_hash": origin.system_hash,
            "ppsim": origin.ppsim,
            "gaps": [gap.to_dict() for gap in gaps],
        },
    )
    console = console_for(json)
    say(console, f"{origin.network}, batch {origin.batch}, on {origin.system}: {_count(len(origin.layers), 'layer')}, "
                 f"{_count(len(prices.rows), 'row')}: {out}")  # fmt: skip
    say(console, f"system hash {origin.system_hash}, ppsim {origin.ppsim}")
    console.print()
    print_page(console, _totals(gaps))
    console.print()
    print_page(console, _layers(gaps[-1]))


def _numbers(option: str, text: str | None) -> list[int] | None:
    """Whole numbers with commas between them."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise InputError(f"{option} {text}: give numbers from 1 up with commas, as in {option} 1,8")
    return [int(word) for word in words]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _totals(gaps: Sequence[SumGap]) -> Group:
    from ppsim.analysis.quantities import si
    from ppsim.cli.layout import table, titled

    heads = ("accelerators", "blocks", "sum of layers\nalone", "their share\nof the network", "gap", "other\nlayers",
             "network")  # fmt: skip
    rows = [
        (str(gap.accelerators), str(gap.parts), si(gap.alone_seconds, "s"), si(gap.share_seconds, "s"),
         _percent(gap.gap_percent), si(gap.other_seconds, "s"), si(gap.whole_seconds, "s"))
        for gap in gaps
    ]  # fmt: skip
    return titled("What a sum of rows misses: overlap and contention", table(heads, rows, left=()))


def _layers(gap: SumGap) -> Group:
    from ppsim.analysis.quantities import si
    from ppsim.cli.layout import table, titled

    rows = [
        (layer.name, si(layer.alone_seconds, "s"), si(layer.share_seconds, "s"), _percent(layer.gap_percent))
        for layer in gap.layers
    ]
    title = f"Layers at full width, {_count(gap.accelerators, 'accelerator')}, {_count(gap.parts, 'block')}"
    return titled(title, table(("layer", "alone", "in the network", "gap"), rows))


def _percent(value: float | None) -> str:
    return "all" if value is None else f"{value:+.1f} %"
