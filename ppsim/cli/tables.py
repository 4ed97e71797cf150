"""Tables and sentences for the terminal, made from values; nothing here computes a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ppsim.analysis.comparison import Comparison
    from ppsim.analysis.result import Result
    from ppsim.analysis.uncertainty import Interval, Uncertainty
    from ppsim.explore.assumptions import Explanation
    from ppsim.hardware.system import System

PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "u"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def _titled(title: str, table: Table) -> Group:
    """A table under its title; a title of the table itself would be wrapped to the table's width."""
    return Group(Text(title, style="bold"), table)


def short(value: float) -> str:
    """Three significant digits or all digits before the point, with thousands separators: 0.0123, 1.23, 12.3, 1,234."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else None
    return f"{value:.3g}" if digits is None else f"{value:,.{digits}f}"


def prefix_of(value: float) -> tuple[float, str]:
    """The SI prefix a value is written with, as (factor, letter); micro is u."""
    return next((p for p in PREFIXES if abs(value) >= p[0]), PREFIXES[-1] if value else (1.0, ""))


def si(value: float, unit: str) -> str:
    """A value with an SI prefix: 1.23 mJ."""
    factor, letter = prefix_of(value)
    return f"{short(value / factor)} {letter}{unit}"


def energy(amount: float, unit: str) -> str:
    """An energy in joules, from pJ; or in multiply-accumulates, of a table that counts these."""
    return si(amount, "MAC") if unit == "MAC" else si(amount * 1e-12, "J")


def times(ratio: float) -> str:
    """A ratio: 0.95x, 7.62x, 253x."""
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{short(ratio)}x"


def percent(share: float) -> str:
    """A share of one as a percentage: 12.3 %."""
    return f"{100 * share:.1f} %"


def _table(columns: Iterable[str], text: int = 1) -> Table:
    """A table whose first `text` columns are words and whose others are numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for index, column in enumerate(columns):
        words = index < text
        table.add_column(column, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    return table


def summary(result: Result) -> str:
    """A run in two lines."""
    parts = f"{result.parts} parts" if result.parts > 1 else "not partitioned"
    count = result.accelerators
    sharing = "1 accelerator" if count == 1 else f"{count} accelerators, {result.dram} DRAM"
    return (
        f"{result.workload}, {parts}, batch {result.batch}, on {result.system}: {sharing}\n"
        f"{result.cycles:,} cycles, {si(result.seconds, 's')}, {energy(result.energy_pj, result.energy_unit)}, "
        f"{si(result.macs, 'MAC')}, DRAM {si(result.dram_bytes, 'B')}, links {si(result.link_bytes, 'B')}"
    )


def layer_table(result: Result) -> Group:
    """Cycles, what bounds it, utilisation, bytes and energy of each layer."""
    table = _table(("layer", "bound by", "cycles", "utilised", "DRAM", "links", "energy"), text=2)
    for layer in result.layers:
        table.add_row(
            layer.name,
            layer.bound,
            f"{layer.cycles:,}",
            percent(layer.utilisation),
            si(layer.dram_bytes, "B"),
            si(layer.link_bytes, "B"),
            energy(layer.energy_pj, result.energy_unit),
        )
    return _titled("Layers", table)


HEADINGS = {
    "mac": "MAC",
    "register_file": "reg. file",
    "pe_to_pe": "PE to PE",
    "sram": "SRAM",
    "dram": "DRAM",
    "dram_background": "DRAM bg.",
    "leakage": "leak",
}


def energy_table(result: Result) -> Group:
    """Energy of each layer by component; components that are zero in all layers are left out."""
    components = [component for component, pj in result.energy.items() if pj]
    # a step below the prefix of the largest, so that few numbers need many zeros
    to_unit, unit = (1.0, "MAC") if result.energy_unit == "MAC" else (1e-12, "J")
    factor, letter = prefix_of(max([layer.energy_pj for layer in result.layers], default=0.0) * to_unit * 1e-3)
    title = f"Energy by component, {letter}{unit}"
    table = _table(("layer", *(HEADINGS.get(component, component) for component in components)))
    for layer in result.layers:
        table.add_row(layer.name, *(_cell(layer.energy[component] * to_unit / factor) for component in components))
    table.add_row(
        "all", *(_cell(result.energy[component] * to_unit / factor) for component in components), style="bold"
    )
    return _titled(title, table)


def _cell(value: float) -> str:
    return "<0.01" if 0 < value < 0.00995 else short(value)


def component_line(result: Result) -> str:
    """Energy by component in a line."""
    return ", ".join(
        f"{component.replace('_', ' ')} {energy(pj, result.energy_unit)}"
        for component, pj in result.energy.items()
        if pj
    )


def comparison_table(comparison: Comparison) -> Group:
    """Speedup and energy reduction of the run and of its baselines over the unpruned network on one accelerator."""
    scopes = [("network,", comparison)]
    if comparison.pruned_layers:
        scopes.append(("pruned,", comparison.pruned_layers))
    heads = [f"{name}\n{head}" for name, _ in scopes for head in ("cycles", "speedup", "energy")]
    table = _table(("", *heads))
    for name in comparison.baselines:
        cells = [
            (f"{of.baselines[name].cycles:,}", times(of.speedup_of(name)), times(of.energy_reduction_of(name)))
            for _, of in scopes
        ]
        table.add_row(name, *(cell for triple in cells for cell in triple))
    cells = [(f"{of.result.cycles:,}", times(of.speedup), times(of.energy_reduction)) for _, of in scopes]
    table.add_row("this run", *(cell for triple in cells for cell in triple), style="bold")
    return _titled("Speedup and energy reduction over the unpruned network on one accelerator (single-dense)", table)


#: what the baselines' names leave open
NOTES = {
    "multi-dense": "multi-dense: unpruned, split by output units over the same accelerators",
    "multi-unstructured-dense": "multi-unstructured: as many weights pruned but anywhere; -dense stores zeros",
    "multi-unstructured-compressed": "-compressed stores {format}",
    "iso-resources": "iso-resources: unpruned on one accelerator with the arrays, scratchpads and bandwidth of all",
}


def baseline_notes(comparison: Comparison) -> list[str]:
    """What the baselines of a comparison are, in a line or two."""
    from ppsim.pruning.unstructured import COMPRESSED

    stored = f"{COMPRESSED.index_bits}-bit {COMPRESSED.format} with each non-zero, no padding"
    found = [note.format(format=stored) for name, note in NOTES.items() if name in comparison.baselines]
    return ["; ".join(found) + "."] if found else []


def uncertainty_table(found: Mapping[str, Uncertainty]) -> Group:
    """Energies with their intervals, and ratios with theirs, by scope."""
    table = _table(("scope", "of", "value", "5 % to 95 % of draws", "+-"), text=2)
    for scope, drawn in found.items():
        where = scope.replace("-", " ")
        for name, interval in (("this run", drawn.energy), ("single-dense", drawn.baselines["single-dense"])):
            table.add_row(where, f"energy of {name}", *_spread(interval, joules=True))
        for name, interval in drawn.reductions.items():
            table.add_row(where, f"reduction over {name}", *_spread(interval, joules=False))
    first = next(iter(found.values()))
    return _titled(
        f"Where sources of energies disagree: {first.draws:,} draws, the same for both sides of a ratio", table
    )


def _spread(interval: Interval, joules: bool) -> tuple[str, str, str]:
    shown = [si(pj * 1e-12, "J") if joules else times(pj) for pj in (interval.value, interval.low, interval.high)]
    return shown[0], f"{shown[1]} to {shown[2]}", percent(interval.spread)


def uncertainty_line(drawn: Uncertainty) -> str:
    """What was drawn, and how much more certain a ratio is than joules."""
    if not drawn.drawn:
        return "No number of this table has a range: nothing to draw."
    over = drawn.reductions["single-dense"]
    ranges = ", ".join(f"{name} x{low:.2g} to x{high:.2g}" for name, (low, high) in drawn.drawn.items())
    return (
        f"Joules are known to about +-{percent(drawn.energy.spread)}, the reduction over single-dense to about "
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
        f"Fully connected at batch 1: arrays can take {asked:.3g} B/cycle of weights, a DRAM channel gives {given:.3g}"
    )
    gain = "about P/keep (P^2 where 1/P is kept)"
    if asked > given:
        return f"{start}: DRAM-bound. Private channels give {gain}, one shared channel about 1/keep (P)."
    return f"{start}: compute-bound. The speedup is {gain}, while a channel keeps up with the arrays behind it."


def reproduction_table(rows: Sequence[Mapping[str, Any]]) -> Group:
    """Rows against one baseline: speedup and energy reduction over the number of parts, by scope and DRAM sharing."""
    columns = list(dict.fromkeys((row["scope"], row["dram"]) for row in rows))
    heads = [f"{scope.replace('-', ' ')},\n{dram} DRAM" for scope, dram in columns]
    title = "Speedup, energy reduction over the unpruned network on one accelerator"
    table = _table(("P", *heads), text=0)
    found = {(row["scope"], row["dram"], row["parts"]): row for row in rows}
    for parts in sorted({row["parts"] for row in rows}):
        cells = [found[(*column, parts)] for column in columns]
        table.add_row(str(parts), *(f"{times(c['speedup'])}, {times(c['energy_reduction']):>5}" for c in cells))
    return _titled(title, table)


def nearest_table(points: Sequence[Explanation]) -> Group:
    """Points of the search with all their assumptions; `leak` is whether static power is counted."""
    heads = ("DRAM", "FC units", "dataflow", "energy table", "leak", "P", "keep", "batch", "speedup", "energy", "dist.")
    title = "Nearest to both numbers (each run once, with its nearest energy table and static power)"
    table = _table(heads, text=5)
    for point in points:
        table.add_row(
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
    return _titled(title, table)


def cut_table(nearest: Mapping[tuple[int, float], Explanation]) -> Group:
    """The nearest point for each number of parts and share of weights kept."""
    keeps = {point.keep_text: point.keep for point in nearest.values() if not point.block_diagonal}
    heads = ["1/P", *sorted(keeps, key=lambda text: keeps[text])]
    title = "Nearest for each P and share of weights kept: speedup, energy reduction (distance)"
    table = _table(("P", *(f"keep {head}" for head in heads)), text=0)
    for parts in dict.fromkeys(parts for parts, _ in nearest):
        cells = dict.fromkeys(heads, "")
        for (at, _), point in nearest.items():
            if at == parts:
                ratios = f"{times(point.speedup)}, {times(point.energy_reduction)} ({point.distance:.2f})"
                cells["1/P" if point.block_diagonal else point.keep_text] = ratios
        table.add_row(str(parts), *cells.values())
    return _titled(title, table)


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
    table = _table(("", ""))
    table.show_header = False
    for name in ("cycles", "folds", "macs"):
        table.add_row(name, f"{values[name]:,}")
    table.add_row("utilisation", percent(values["utilisation"]))
    for name in ("input_reads", "weight_reads", "partial_sum_writes", "partial_sum_reads"):
        table.add_row(name.replace("_", " "), f"{values[name]:,}")
    table.add_row("operand reads", si(values["operand_read_bytes"], "B"))
    return _titled(title, table)
