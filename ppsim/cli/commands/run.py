"""`ppsim run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim.cli.options import (
    Accelerators,
    Dataflow,
    Energy,
    Engine,
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
    from ppsim.analysis.comparison import Comparison
    from ppsim.analysis.uncertainty import Uncertainty
    from ppsim.hardware.system import System
    from ppsim.workload.graph import LayerGraph
    from ppsim.workload.partitioned import PartitionedGraph

#: energy tables drawn unless --draws says how many
DRAWS = 1000


def run(
    workload: Annotated[
        str, typer.Argument(metavar="WORKLOAD", help="Name or file of a network, partitioned or not; or .onnx.")
    ],
    system: SystemName,
    accelerators: Accelerators = None,
    parts: Annotated[
        int | None, typer.Option("-p", "--parts", help="Cut layers into that many parts and prune between them.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option("--layers", metavar="GLOB", help="Layers to cut: names or globs, with commas.  [default: fc*]"),
    ] = None,
    keep: Annotated[
        float | None, typer.Option("--keep", help="Share of their weights to keep, up to 1.  [default: 1/parts]")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Inputs at a time.")] = 1,
    sequence: Annotated[
        int | None, typer.Option("--sequence", help="Positions of an input, of a network over sequences.")
    ] = None,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    baselines: Annotated[
        str | None,
        typer.Option(
            "--baselines",
            metavar="NAMES",
            help="Baselines beside single-dense and single-pruned, with commas: multi-dense, "
            "multi-unstructured-dense, multi-unstructured-compressed, iso-resources.  [default: all that apply]",
        ),
    ] = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Intervals of energies and of their ratios, where sources disagree.")
    ] = False,
    draws: Annotated[
        int | None,
        typer.Option("--draws", min=10, max=100_000, help="Energy tables that --uncertainty draws.  [default: 1000]"),
    ] = None,
    engine: Engine = "auto",
    trace: Annotated[
        str | None,
        typer.Option("--trace", metavar="FILE", help="Write who was busy when, for ui.perfetto.dev."),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Simulate a network, pruned or not, against its baselines.

    -p cuts layers into parts and prunes the weights between them; a partitioned file brings its own parts. Without
    either the network runs unpruned.
    """
    import ppsim
    from ppsim.cli import tables
    from ppsim.explore.setups import fewest_accelerators, network_of, system_of

    check_json(json)
    _check_trace(trace, json, (workload, system))
    if draws is not None and not uncertainty:
        raise InputError("--draws says how many tables --uncertainty draws; give --uncertainty too")
    if parts is None and (layers is not None or keep is not None):
        raise InputError("--layers and --keep say what -p prunes; give -p PARTS too")
    net = network_of(workload, batch, sequence, parts, layers, keep)
    hardware = system_of(
        system, accelerators, fewest_accelerators(net), system_settings(dataflow, overlap, energy, settings)
    )
    named = None if baselines is None else [name.strip() for name in baselines.split(",")]
    with progress(f"simulating {workload} and its baselines"):
        comparison = ppsim.compare(net, hardware, engine=engine, baselines=named)
    recorded = None if trace is None else _write_trace(trace, net, hardware)
    scopes = [comparison, *([comparison.pruned_layers] if comparison.pruned_layers else [])]
    drawn = [ppsim.uncertainty(scope, hardware.energy, draws or DRAWS) for scope in scopes] if uncertainty else []
    result = comparison.result
    if json is not None:
        of_net = {"parts": parts, "layers": layers, "keep": keep, "batch": batch, "sequence": sequence}
        chosen = system_settings(dataflow, overlap, energy, settings)
        asked = {"workload": workload, "system": system, "accelerators": accelerators, **of_net, **chosen}
        write_json(json, _document(scopes, drawn, asked))
    console = console_for(json)
    for line in tables.summary(result):
        say(console, line)
    console.print()
    print_page(console, tables.layer_table(result))
    console.print()
    print_page(console, tables.energy_table(result))
    console.print()
    print_page(console, tables.comparison_table(comparison))
    if notes := tables.baseline_notes(comparison):
        say(console, notes)
    console.print()
    say(console, f"Whole network: {tables.factors_line(comparison)}.")
    if comparison.pruned_layers:
        say(console, f"Pruned layers alone: {tables.factors_line(comparison.pruned_layers)}.")
    console.print()
    if drawn:
        if drawn[0].drawn:
            by_scope = dict(zip((scope.scope for scope in scopes), drawn, strict=True))
            print_page(console, tables.uncertainty_table(by_scope, result.energy_unit))
        say(console, tables.uncertainty_line(drawn[-1]))
        console.print()
    say(console, tables.bandwidth_line(hardware))
    console.print()
    print_assumptions(console, result.assumptions)
    if recorded:
        console.print()
        say(console, recorded)


def _check_trace(trace: str | None, json: str | None, read: Sequence[str]) -> None:
    """Complain about a timeline that cannot be written, or only over another file, before anything is simulated."""
    from ppsim.documents import is_file

    if trace == "-":
        raise InputError("--trace -: a timeline goes to a file; give its name")
    check_json(trace)
    check_distinct([name for name in read if is_file(name)], (json, trace))
    if trace is not None and Path(trace).suffix.lower() != ".json":
        raise InputError(f"--trace {trace}: a timeline is JSON; give a name that ends in .json")


def _write_trace(trace: str, net: LayerGraph | PartitionedGraph, hardware: System) -> str:
    """Record the run and write its timeline; returns a line that says so."""
    from ppsim.analysis.quantities import si
    from ppsim.timelines import timeline

    with progress("recording the timeline"):
        size = timeline(net, hardware).save(trace)
    return f"Timeline: {trace}, {si(size, 'B')}; open it at https://ui.perfetto.dev or chrome://tracing."


def _document(scopes: list[Comparison], drawn: list[Uncertainty], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The run with its layers, baselines, factors and assumptions, as `ppsim report` reads it, and where it is from."""
    from ppsim.analysis.report.run import document_of

    return {
        **document_of(scopes[0]),
        "uncertainty": {scope.scope: asdict(found) for scope, found in zip(scopes, drawn, strict=False)} or None,
        "provenance": _provenance(asked),
    }


def _provenance(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, hashes of the code and of all files that do not ship with ppsim, and what was asked for."""
    import platform

    import ppsim
    from ppsim.explore.fingerprint import fingerprint
    from ppsim.explore.sweep.inputs import inputs_of

    return {
        "ppsim": ppsim.__version__,
        "code_sha256": fingerprint(),
        "python": platform.python_version(),
        "inputs_sha256": dict(inputs_of([asked])),
        "asked": {name: value for name, value in asked.items() if value is not None},
    }
