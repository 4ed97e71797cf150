"""`ppsim gemm`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ppsim.cli.options import Dataflow, Energy, Engine, JsonFile, Overlap, Settings, system_settings
from ppsim.cli.output import check_json, console_for, print_assumptions, print_page, say, write_json
from ppsim.errors import InputError


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
        int | None, typer.Option("-n", "--accelerators", help="Accelerators of the system.  [default: 1]")
    ] = None,
    bits: Annotated[
        int | None, typer.Option("--bits", help="Bits of an operand.  [default: those of the system's arrays, or 16]")
    ] = None,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    engine: Engine = "auto",
    json: JsonFile = None,
) -> None:
    """Simulate one matrix product, (M x K) by (K x N).

    On a system (-s), or in closed form on an array alone (--array).
    """
    from ppsim.analysis.quantities import percent
    from ppsim.cli import tables

    check_json(json)
    if (system is None) == (array is None):
        raise InputError("give either -s SYSTEM, to simulate on a system, or --array RxC, for an array alone")
    console = console_for(json)
    if array is not None:
        if accelerators is not None or energy is not None or settings:
            raise InputError("-n, --energy and --set are for -s; --array goes with --dataflow, --overlap and --bits")
        values = _closed_form((m, k, n), array, dataflow or "ws", bool(overlap), 16 if bits is None else bits)
        write_json(json, values)
        print_page(console, tables.closed_form_table(values))
        return

    import ppsim
    from ppsim.explore.setups import system_of

    assert system is not None
    hardware = system_of(system, accelerators, 1, system_settings(dataflow, overlap, energy, settings))
    result = ppsim.simulate(ppsim.gemm(m, k, n, bits=hardware.bits if bits is None else bits), hardware, engine)
    write_json(json, result.to_dict())
    layer = result.layers[-1]
    for line in tables.summary(result):
        say(console, line)
    say(console, f"bound by {layer.bound}; {percent(layer.utilisation)} of the arrays' peak")
    say(console, f"energy: {tables.component_line(result)}")
    console.print()
    print_assumptions(console, result.assumptions)


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
