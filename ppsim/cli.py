"""The command line: it parses, calls the public API and prints.

Heavy modules are imported by the commands that need them, so that the others are quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim import __version__
from ppsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from ppsim.analysis.comparison import Comparison
    from ppsim.workload.graph import LayerGraph
    from ppsim.workload.partitioned import PartitionedGraph

app = typer.Typer(
    help="Simulate pruned, partitioned networks on several systolic-array accelerators.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

#: columns of what is printed when it does not go to a terminal
WIDTH = 100

#: sets of assumptions up to this distance from the paper count as near: about 5 % off in one of its numbers
NEAR = 0.05
#: where `reproduce` writes
DEFAULT_OUT = Path("results/reproduce")

SystemName = Annotated[str, typer.Option("-s", "--system", metavar="SYSTEM", help="Name or file of the system.")]
Dataflow = Annotated[str | None, typer.Option("--dataflow", metavar="os|ws|is", help="Dataflow of the arrays.")]
Overlap = Annotated[
    bool | None, typer.Option("--overlap/--no-overlap", help="Load the next fold's weights while this one computes.")
]
Energy = Annotated[str | None, typer.Option("--energy", metavar="TABLE", help="Name or file of the energy table.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change any field of the system; repeatable.")
]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes; one for each processor by default.")]
Engine = Annotated[str, typer.Option("--engine", metavar="auto|reference", help="reference: tile by tile.")]
JsonFile = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON; - writes them to stdout.")
]


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


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files.")] = DEFAULT_OUT,
    jobs: Jobs = None,
) -> None:
    """Repeat the experiment of arXiv 1901.11391 and search for the assumptions its numbers rest on.

    Writes reproduce.json, reproduce.csv and reproduce.png.
    """
    from ppsim import tables
    from ppsim.explore.assumptions import PAPER_ENERGY_REDUCTION, PAPER_SPEEDUP
    from ppsim.explore.reproduce import PAPER, reproduce, save
    from ppsim.storage import folder

    folder(out)
    with _progress("simulating") as progress:
        result = reproduce(jobs=jobs, progress=progress)
    written = save(result, out)
    console = _console()
    console.print(tables.reproduction_table(result.rows_against("single-dense")))
    stated = f"{PAPER_SPEEDUP}x speedup, {PAPER_ENERGY_REDUCTION}x energy reduction"
    console.print()
    _say(console, f"The paper ({PAPER['source']}) states {stated}, for {PAPER['of']}.")
    _say(console, f"It does not state: {'; '.join(PAPER['unknown'])}.")
    console.print()
    _say(
        console,
        f"Searched {len(result.explanations):,} sets of assumptions, nothing tuned, for both numbers; "
        f"distance = sqrt(ln(speedup/{PAPER_SPEEDUP})^2 + ln(energy reduction/{PAPER_ENERGY_REDUCTION})^2).",
    )
    console.print()
    console.print(tables.nearest_table(result.nearest_runs(8)))
    count, shared = result.in_common(NEAR)
    common = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shared.items()) or "nothing"
    _say(console, f"{count} sets are within a distance of {NEAR}; what all of them share: {common}.")
    console.print()
    console.print(tables.cut_table(result.nearest_by_cut()))
    console.print()
    _print_assumptions(console, [result.experiment.description, *tables.told_apart(result.assumptions)])
    console.print()
    _say(console, "Written: " + ", ".join(str(path) for path in written))


@app.command()
def run(
    workload: Annotated[str, typer.Argument(metavar="WORKLOAD", help="Name or file of the network.")],
    system: SystemName,
    accelerators: Annotated[
        int | None, typer.Option("-n", "--accelerators", help="How many accelerators; as many as parts by default.")
    ] = None,
    parts: Annotated[
        int | None, typer.Option("-p", "--parts", help="Cut layers into that many parts and prune between them.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option("--layers", metavar="GLOB", help="Linear layers to cut, globs with commas [fc*].")
    ] = None,
    keep: Annotated[
        float | None, typer.Option("--keep", help="Share of their weights to keep; 1/parts by default.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Inputs at a time.")] = 1,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    engine: Engine = "auto",
    json: JsonFile = None,
) -> None:
    """Simulate a network, pruned (-p) or not, and compare it with its baselines."""
    import ppsim
    from ppsim import tables

    _check_json(json)
    if parts is None and (layers is not None or keep is not None):
        raise InputError("--layers and --keep say what -p prunes; give -p PARTS too")
    net: LayerGraph | PartitionedGraph = ppsim.load_workload(workload, batch=batch)
    if parts is not None:
        net = ppsim.partition(net, parts, layers=layers or "fc*", keep=keep)
    count = accelerators if accelerators is not None else parts or 1
    hardware = ppsim.load_system(system, accelerators=count, set=_system_settings(dataflow, overlap, energy, settings))
    with _progress(f"simulating {workload} and its baselines"):
        comparison = ppsim.compare(net, hardware, engine=engine)
    result = comparison.result
    _write_json(json, _run_document(comparison))
    console = _console(json)
    console.print(tables.summary(result) + "\n")
    console.print(tables.layer_table(result))
    console.print()
    console.print(tables.energy_table(result))
    console.print()
    console.print(tables.comparison_table(comparison))
    _say(console, f"Whole network: {tables.factors_line(comparison)}.")
    if comparison.pruned_layers:
        _say(console, f"Pruned layers alone: {tables.factors_line(comparison.pruned_layers)}.")
    console.print()
    _say(console, tables.bandwidth_line(hardware))
    console.print()
    _print_assumptions(console, result.assumptions)


@app.command()
def gemm(
    m: Annotated[int, typer.Argument(metavar="M", help="Rows of the activations.")],
    k: Annotated[int, typer.Argument(metavar="K", help="Length of the reduction.")],
    n: Annotated[int, typer.Argument(metavar="N", help="Columns of the weights.")],
    system: Annotated[
        str | None, typer.Option("-s", "--system", metavar="SYSTEM", help="Simulate on a system.")
    ] = None,
    array: Annotated[
        str | None, typer.Option("--array", metavar="RxC", help="Cycles of an array alone, in closed form.")
    ] = None,
    accelerators: Annotated[
        int | None, typer.Option("-n", "--accelerators", help="Accelerators of the system [1].")
    ] = None,
    bits: Annotated[int | None, typer.Option("--bits", help="Bits of an operand; those of the arrays, or 16.")] = None,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    engine: Engine = "auto",
    json: JsonFile = None,
) -> None:
    """One matrix product, (M x K) by (K x N): simulated on a system (-s), or in closed form on an array (--array)."""
    from ppsim import tables

    _check_json(json)
    if (system is None) == (array is None):
        raise InputError("give either -s SYSTEM, to simulate on a system, or --array RxC, for an array alone")
    console = _console(json)
    if array is not None:
        if accelerators is not None or energy is not None or settings:
            raise InputError("-n, --energy and --set are for -s; --array goes with --dataflow, --overlap and --bits")
        values = _closed_form((m, k, n), array, dataflow or "ws", bool(overlap), 16 if bits is None else bits)
        _write_json(json, values)
        console.print(tables.closed_form_table(values))
        return

    import ppsim

    assert system is not None
    hardware = ppsim.load_system(
        system,
        accelerators=1 if accelerators is None else accelerators,
        set=_system_settings(dataflow, overlap, energy, settings),
    )
    result = ppsim.simulate(ppsim.gemm(m, k, n, bits=hardware.bits if bits is None else bits), hardware, engine)
    _write_json(json, result.to_dict())
    layer = result.layers[-1]
    console.print(tables.summary(result))
    console.print(f"bound by {layer.bound}; {tables.percent(layer.utilisation)} of the arrays' peak")
    console.print(f"energy: {tables.component_line(result)}\n")
    _print_assumptions(console, result.assumptions)


def _system_settings(
    dataflow: str | None, overlap: bool | None, energy: str | None, settings: Sequence[str] | None
) -> dict[str, Any]:
    """Options as settings by path; `--set` comes last and wins."""
    if overlap and dataflow == "os":
        raise InputError("--overlap loads stationary operands ahead and os has none; accepted with ws and is")
    named = {"array.dataflow": dataflow, "array.overlap": overlap, "energy": energy}
    found = {path: value for path, value in named.items() if value is not None}
    found |= dict(_setting(text) for text in settings or ())
    if "accelerators" in found:
        raise InputError("--set accelerators: give -n ACCELERATORS instead")
    return found


def _setting(text: str) -> tuple[str, Any]:
    """`path=value` with the value read as YAML."""
    import yaml

    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise InputError(f"--set {text}: give PATH=VALUE, as in --set dram.latency_ns=0")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {text}: {value!r} is no YAML value, as in --set dram.latency_ns=0") from None
    if isinstance(parsed, str):  # YAML 1.1 takes 1e-3 for a word
        try:
            parsed = float(parsed)
        except ValueError:
            return path.strip(), parsed
    return path.strip(), parsed


def _closed_form(sizes: tuple[int, int, int], array: str, dataflow: str, overlap: bool, bits: int) -> dict[str, Any]:
    """What an array alone needs for a product; bytes are those that cross its edge."""
    from math import prod

    from ppsim.hardware.array import DATAFLOWS, compute_cycles, operand_traffic

    rows, cols = _array_sizes(array)
    if min(*sizes, bits) < 1:
        raise InputError(f"M, K, N and --bits must be at least 1, got {sizes[0]}, {sizes[1]}, {sizes[2]} and {bits}")
    if prod(sizes) * max(rows, cols) >= 2**60:
        raise InputError(f"{sizes[0]} x {sizes[1]} x {sizes[2]} is too large for 64-bit cycle counts")
    cycles = compute_cycles(*sizes, rows, cols, dataflow, overlap)
    flow, size = DATAFLOWS[dataflow], dict(zip("mkn", sizes, strict=True))
    traffic = operand_traffic(*sizes, rows, cols, dataflow)
    return {
        "m": sizes[0],
        "k": sizes[1],
        "n": sizes[2],
        "rows": rows,
        "cols": cols,
        "dataflow": dataflow,
        "overlap": overlap,
        "bits": bits,
        "cycles": cycles,
        "folds": -(-size[flow.spatial_rows] // rows) * -(-size[flow.spatial_cols] // cols),
        "macs": prod(sizes),
        "utilisation": prod(sizes) / (rows * cols * float(cycles)),
        "input_reads": traffic.input_reads,
        "weight_reads": traffic.weight_reads,
        "partial_sum_writes": traffic.sum_writes,
        "partial_sum_reads": traffic.sum_reads,
        "operand_read_bytes": -(-(traffic.input_reads + traffic.weight_reads) * bits // 8),
    }


def _array_sizes(text: str) -> tuple[int, int]:
    rows, _, cols = text.lower().partition("x")
    if not (rows.isdecimal() and cols.isdecimal() and int(rows) and int(cols)):
        raise InputError(f"--array {text}: give rows x columns of at least 1, as in --array 12x14")
    return int(rows), int(cols)


def _run_document(comparison: Comparison) -> dict[str, Any]:
    """The row of a run, with its layers, its rows against all baselines, its factors and its assumptions."""
    pruned = comparison.pruned_layers
    scopes = [comparison, *([pruned] if pruned else [])]
    result = comparison.result
    return {
        **comparison.row(),
        "batch": result.batch,
        "macs": result.macs,
        "layers": [layer.to_dict() for layer in comparison.result.layers],
        "pruned_layers": pruned.row() if pruned else None,
        "comparisons": [scope.row(baseline) for scope in scopes for baseline in scope.baselines],
        "factors": {scope.scope: scope.to_dict()["factors"] for scope in scopes},
        "engine": result.engine,
        "events": result.events,
        "shortcuts": dict(result.shortcuts),
        "assumptions": list(result.assumptions),
    }


def _check_json(name: str | None) -> None:
    """Complain about a file that cannot be written before anything is simulated."""
    from ppsim.storage import check_file

    if name is not None and name != "-":
        check_file(Path(name))


def _write_json(name: str | None, document: Mapping[str, Any]) -> None:
    from ppsim.storage import json_text, write_json

    if name == "-":
        sys.stdout.write(json_text(document))
    elif name is not None:
        write_json(Path(name), document)


def _console(json: str | None = None) -> Console:
    """Where tables go: stdout, or stderr if the JSON has stdout for itself."""
    from rich.console import Console

    console = Console(stderr=json == "-", markup=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    return console


def _say(console: Console, text: str, indent: str = "") -> None:
    """A paragraph as wide as the console."""
    from textwrap import fill

    console.print(fill(text, console.width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False))


def _print_assumptions(console: Console, lines: Sequence[str]) -> None:
    console.print("Assumptions")
    for line in lines:
        _say(console, line, indent="  ")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr while something long runs, if somebody is there to see it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
