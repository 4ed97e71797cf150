"""Tables and sentences for the terminal, made from values; nothing here computes a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group

from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.layer_cells import LAYER_HEADS, layer_cells
from ppsim.analysis.quantities import energy, percent, prefix_of, short, si, times
from ppsim.cli.layout import table, titled
from ppsim.validation import wording

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from ppsim.analysis.comparison import Comparison
    from ppsim.analysis.result import Result
    from ppsim.analysis.uncertainty import Interval, Uncertainty
    from ppsim.explore.assumptions import Explanation
    from ppsim.hardware.system import System
    from ppsim.validation.contract import Check


def summary(result: Result) -> tuple[str, str]:
    """A run in two lines."""
    parts = f"{result.parts} parts" if result.parts > 1 else "not partitioned"
    count = result.accelerators
    sharing = "1 accelerator" if count == 1 else f"{count} accelerators, {result.dram} DRAM"
    return (
        f"{result.workload}, {parts}, batch {result.batch}, on {result.system}: {sharing}",
        f"{result.cycles:,} cycles, {si(result.seconds, 's')}, {energy(result.energy_pj, result.energy_unit)}, "
        f"{si(result.macs, 'MAC')}, DRAM {si(result.dram_bytes, 'B')}, links {si(result.link_bytes, 'B')}",
    )


def layer_table(result: Result) -> Group:
    """Cycles, what bounds it, utilisation, bytes and energy of each layer."""
    rows = (layer_cells(layer, result.energy_unit) for layer in result.layers)
    return titled("Layers", table(LAYER_HEADS, rows, left=(0, 1)))


#: components in the head of a column, where their names are long
HEADS = {"register_file": "reg.\nfile", "pe_to_pe": "PE to\nPE", "dram_background": "DRAM\nbackgr.", "leakage": "leak"}


def energy_table(result: Result) -> Group:
    """Energy of each layer by component; components that are zero in all layers are left out."""
    components = [component for component, pj in result.energy.items() if pj]
    # a step below the prefix of the largest, so that few numbers need many zeros
    to_unit, unit = (1.0, "MAC") if result.energy_unit == "MAC" else (1e-12, "J")
    factor, letter = prefix_of(max([layer.energy_pj for layer in result.layers], default=0.0) * to_unit * 1e-3)
    rows = [
        (name, *(_cell(spent[component] * to_unit / factor) for component in components))
        for name, spent in [*((layer.name, layer.energy) for layer in result.layers), ("all", result.energy)]
    ]
    heads = ("layer", *(HEADS.get(component) or COMPONENTS.get(component, component) for component in components))
    return titled(f"Energy by component, {letter}{unit}", table(heads, rows, bold_end=True))


def _cell(value: float) -> str:
    return "<0.01" if 0 < value < 0.00995 else short(value)


def component_line(result: Result) -> str:
    """Energy by component in a line."""
    return ", ".join(
        f"{COMPONENTS.get(component, component)} {energy(pj, result.energy_unit)}"
        for component, pj in result.energy.items()
        if pj
    )


def comparison_table(comparison: Comparison) -> Group:
    """Speedup and energy reduction of the run and of its baselines over the unpruned network on one accelerator."""
    scopes = [("network,", comparison)]
    if comparison.pruned_layers:
        scopes.append(("pruned,", comparison.pruned_layers))
    # single-pruned is always there, for the factors; where nothing is pruned it is single-dense
    names = [name for name in comparison.baselines if comparison.pruned_layers or name != "single-pruned"]
    rows = []
    for name in names:
        row = [name]
        for _, of in scopes:
            row += [f"{of.baselines[name].cycles:,}", times(of.speedup_of(name)), times(of.energy_reduction_of(name))]
        rows.append(row)
    ours = ["this run"]
    for _, of in scopes:
        ours += [f"{of.result.cycles:,}", times(of.speedup), times(of.energy_reduction)]
    heads = [f"{name}\n{head}" for name, _ in scopes for head in ("cycles", "speedup", "energy")]
    return titled(
        "Speedup and energy reduction over the unpruned network on one accelerator (single-dense)",
        table(("", *heads), [*rows, ours], words=(0,), bold_end=True),
    )


#: what the baselines' names leave open
NOTES = {
    "multi-dense": "multi-dense: unpruned, split by output units over the same accelerators",
    "multi-unstructured-dense": "multi-unstructured-dense: as many weights pruned but anywhere, zeros stored",
    "multi-unstructured-compressed": "multi-unstructured-compressed: as many weights pruned but anywhere, {format}",
    "iso-resources": "iso-resources: unpruned on one accelerator with the arrays, scratchpads and bandwidth of all",
}


def baseline_notes(comparison: Comparison) -> str:
    """What the baselines of a comparison are; empty where their names say it all."""
    from ppsim.pruning.unstructured import COMPRESSED

    stored = f"a {COMPRESSED.index_bits}-bit {COMPRESSED.format} stored with each non-zero, no padding"
    found = [note.format(format=stored) for name, note in NOTES.items() if name in comparison.baselines]
    return "; ".join(found) + "." if found else ""


def uncertainty_table(found: Mapping[str, Uncertainty], unit: str) -> Group:
    """Energies with their intervals, in the table's unit, and ratios with theirs, by scope."""
    rows = []
    for scope, drawn in found.items():
        where = scope.replace("-", " ")
        for name, interval in (("this run", drawn.energy), ("single-dense", drawn.baselines["single-dense"])):
            rows.append((where, f"energy of {name}", *_spread(interval, lambda pj: energy(pj, unit))))
        for name, interval in drawn.reductions.items():
            rows.append((where, f"reduction over {name}", *_spread(interval, times)))
    draws = next(iter(found.values())).draws
    title = f"Where sources of energies disagree: {draws:,} draws, the same for both sides of a ratio"
    return titled(title, table(("scope", "of", "value", "5 % to 95 % of draws", "+-"), rows, left=(0,), words=(1,)))


def _spread(interval: Interval, told: Callable[[float], str]) -> tuple[str, str, str]:
    return told(interval.value), f"{told(interval.low)} to {told(interval.high)}", percent(interval.spread)


def uncertainty_line(drawn: Uncertainty) -> str:
    """What was drawn, and how much more certain a ratio is than an energy."""
    if not drawn.drawn:
        return "No number of this energy table has a range: there is nothing to draw."
    over = drawn.reductions["single-dense"]
    ranges = ", ".join(f"{name} x{low:.2g} to x{high:.2g}" for name, (low, high) in drawn.drawn.items())
    return (
        f"Energies are known to about +-{percent(drawn.energy.spread)}, the reduction over single-dense to about "
        f"+-{percent(over.spread)}. Drawn, log-uniformly: {ranges}. A number at an end of its range may lie outside."
    )


def factors_line(comparison: Comparison) -> str:
    """What the speedup is made of."""
    factors = comparison.factors
    assert factors is not None
    return (
        f"speedup {comparison.speedup:.4g} = {factors.pruning:.4g} (pruning) x {factors.parallelism} (parallelism) "
        f"x {1 - factors.loss:.4g} (1 - loss); lost to links {percent(factors.link_loss)}, "
        f"to DRAM sharing {percent(factors.dram_loss)}, to imbalance {percent(factors.imbalance_loss)}"
    )


def bandwidth_line(system: System) -> str:
    """On which side of the line between DRAM-bound and compute-bound fully connected layers are at batch 1."""
    asked, given = system.weights_bandwidth_line(), system.dram_bytes_per_cycle
    start = (
        f"Fully connected at batch 1: arrays can take {short(asked)} B/cycle of weights, a DRAM channel gives "
        f"{short(given)}"
    )
    gain = "about P/keep (P^2 where 1/P is kept)"
    if asked > given:
        return f"{start}: DRAM-bound. Private channels give {gain}, one shared channel about 1/keep (P)."
    return f"{start}: compute-bound. The speedup is {gain}, while a channel keeps up with the arrays behind it."


def reproduction_table(rows: Sequence[Mapping[str, Any]]) -> Group:
    """Rows against one baseline: speedup and energy reduction over the number of parts, by scope and DRAM sharing."""
    columns = list(dict.fromkeys((row["scope"], row["dram"]) for row in rows))
    heads = [f"{scope.replace('-', ' ')},\n{dram} DRAM" for scope, dram in columns]
    found = {(row["scope"], row["dram"], row["parts"]): row for row in rows}
    cells = []
    for parts in sorted({row["parts"] for row in rows}):
        of_parts = [found[(*column, parts)] for column in columns]
        cells.append((str(parts), *(f"{times(c['speedup'])}, {times(c['energy_reduction']):>5}" for c in of_parts)))
    title = "Speedup, energy reduction with P parts on P accelerators, over the unpruned network on one"
    return titled(title, table(("P", *heads), cells, left=()))


def nearest_table(points: Sequence[Explanation]) -> Group:
    """Points of the search with all their assumptions; `leak` is whether static power is counted."""
    heads = ("DRAM", "FC units", "dataflow", "energy table", "leak", "P", "keep", "batch", "speedup", "energy", "dist.")
    rows = (
        (
            point.dram,
            "-".join(str(units) for units in point.fc_sizes),
            point.dataflow,
            point.energy_table,
            "yes" if point.static_power else "no",
            str(point.parts),
            point.keep_text,
            str(point.batch),
            times(point.speedup),
            times(point.energy_reduction),
            f"{point.distance:.3f}",
        )
        for point in points
    )
    title = "Nearest to both numbers (each run once, with its nearest energy table and static power)"
    return titled(title, table(heads, rows, left=range(5), words=(1, 3)))


def cut_table(nearest: Mapping[tuple[int, float], Explanation]) -> Group:
    """The nearest point for each number of parts and share of weights kept."""
    keeps = {point.keep_text: point.keep for point in nearest.values() if not point.block_diagonal}
    kept = ["1/P", *sorted(keeps, key=lambda text: keeps[text])]
    rows = []
    for parts in dict.fromkeys(parts for parts, _ in nearest):
        cells = dict.fromkeys(kept, "")
        for (at, _), point in nearest.items():
            if at == parts:
                ratios = f"{times(point.speedup)}, {times(point.energy_reduction)} ({point.distance:.2f})"
                cells["1/P" if point.block_diagonal else point.keep_text] = ratios
        rows.append((str(parts), *cells.values()))
    title = "Nearest for each P and share of weights kept: speedup, energy reduction (distance)"
    return titled(title, table(("P", *(f"keep {text}" for text in kept)), rows, left=()))


def told_apart(assumptions: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of the first system, and of the others those that differ."""
    first, *others = assumptions
    lines = [f"{first}: {line}" for line in assumptions[first]]
    for name in others:
        differing = [line for line in assumptions[name] if line not in assumptions[first]]
        lines += [f"{name}: {line}" for line in [*differing, f"otherwise as {first}"]]
    return lines


def closed_form_table(values: Mapping[str, Any]) -> Group:
    """What an array alone needs for a product, by name; reads and writes are elements unless named bytes."""
    overlap = " with overlap" if values["overlap"] else ""
    array = f"a {values['rows']}x{values['cols']} array, {values['dataflow']}{overlap}, {values['bits']} bit"
    title = f"({values['m']:,} x {values['k']:,}) by ({values['k']:,} x {values['n']:,}) on {array}"
    counted = {
        "cycles": "cycles",
        "folds": "folds",
        "MACs": "macs",
        "inputs read": "input_reads",
        "weights read": "weight_reads",
        "partial sums written": "partial_sum_writes",
        "partial sums read": "partial_sum_reads",
    }
    rows = [(told, f"{values[name]:,}") for told, name in counted.items()]
    rows.insert(3, ("utilisation", percent(values["utilisation"])))
    rows.append(("inputs and weights read", si(values["operand_read_bytes"], "B")))
    page = table(("", ""), rows)
    page.show_header = False
    return titled(title, page)


def validation_table(checks: Sequence[Check]) -> Group:
    """Each check with its errors, its bound, and whether it holds."""
    heads = [head.replace(" error", "\nerror") for head in wording.HEADS]
    return titled("Errors of ppsim", table(heads, map(wording.row, checks), left=(0, 2, 6, 7), words=(1,)))


PER_ACCELERATOR = "most speedup an accelerator"
#: what a point of a sweep may be best in -> what it has least of
BEST: dict[str, Callable[[Mapping[Any, Any]], float]] = {
    "fastest": lambda row: row["seconds"],
    "least energy": lambda row: row["energy_pj"],
    "least energy x time": lambda row: row["energy_pj"] * row["seconds"],
    PER_ACCELERATOR: lambda row: -row["speedup"] / row["accelerators"],
}


def sweep_table(frame: pd.DataFrame, paths: Sequence[str]) -> Table:
    """The points of a sweep that are best in something: time, energy, their product, speedup for each accelerator.

    Not in the last, where points were skipped that other points beat: the best of those left is not the best of all.
    """
    points = frame.to_dict("records")
    rows = []
    for name, cost in BEST.items():
        if name == PER_ACCELERATOR and "beaten_by" in frame:
            continue
        row = min(points, key=cost)
        numbers = (si(row["seconds"], "s"), energy(row["energy_pj"], row["energy_unit"]))
        gains = (times(row["speedup"]), times(row["energy_reduction"]))
        settings = tuple(f"{row[path]:g}" if isinstance(row[path], float) else str(row[path]) for path in paths)
        rows.append((name, str(row["point"]), *settings, *numbers, *gains))
    heads = ("best", "point", *(path.rpartition(".")[2] for path in paths), "time", "energy", "speedup", "less energy")
    return table(heads, rows, left=(0,))
