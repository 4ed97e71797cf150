"""Tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppsim.analysis.quantities import times
from ppsim.analysis.report.answer import Answer
from ppsim.analysis.report.naming import case_told, field, setting_told, shortened, value_told
from ppsim.analysis.report.parts import Cell, Column, Table, energy_scale, number, scale_of, word
from ppsim.analysis.report.run import Outcome, Run
from ppsim.analysis.report.run_charts import scope_told
from ppsim.analysis.report.study import Failed, Measured, Study

#: rows that a table has room for
MOST_POINTS, MOST_FAILED, MOST_LAYERS = 500, 100, 1_000
#: characters of an error, and of a name
ERROR, NAME = 300, 60


def layer_table(run: Run) -> Table:
    """What each layer takes and what bounds it."""
    layers = run.layers[:MOST_LAYERS]
    energy = energy_scale([layer.energy_pj for layer in layers], run.energy_unit)
    dram, links = (scale_of(sizes, "B") for sizes in _sizes(run))
    macs = scale_of([layer.macs for layer in layers], "MAC")
    rows = [
        (
            number(position, str(position)),
            word(shortened(" + ".join((layer.name, *layer.fused)), NAME)),
            word(layer.bound),
            number(layer.cycles, f"{layer.cycles:,}"),
            number(layer.cycles / run.cycles * 100 if run.cycles else 0.0),
            number(layer.utilisation * 100),
            macs.cell(layer.macs),
            dram.cell(layer.dram_bytes),
            links.cell(layer.link_bytes),
            energy.cell(layer.energy_pj),
        )
        for position, layer in enumerate(layers, 1)
    ]
    left_out = f" The first {len(layers):,} of {len(run.layers):,} layers." if len(layers) < len(run.layers) else ""
    return Table(
        "layers",
        (
            Column("no."),
            Column("layer", numeric=False),
            Column("bound by", numeric=False),
            Column("time", "cycles"),
            Column("of the run", "%"),
            Column("utilised", "%"),
            Column("work", macs.unit),
            Column("DRAM", dram.unit),
            Column("links", links.unit),
            Column("energy", energy.unit),
        ),
        tuple(rows),
        "Cycles from the end of the layer before to its own, in accelerator 0's clock: they add up to the run. "
        f"Utilised: multiply-accumulates over the peak of all accelerators since its inputs are there.{left_out}",
    )


def _sizes(run: Run) -> tuple[list[float], list[float]]:
    return [float(layer.dram_bytes) for layer in run.layers], [float(layer.link_bytes) for layer in run.layers]


def baseline_table(run: Run) -> Table:
    """The run and what it is held against, against the unpruned network on one accelerator."""
    every: list[Outcome] = [*run.baselines, *run.scopes]
    latency = scale_of([what.seconds for what in every], "s")
    energy = energy_scale([what.energy_pj for what in every], run.energy_unit)
    cells: list[tuple[Cell, ...]] = []
    marked = set()
    for scope in run.scopes:
        told: list[tuple[str, Outcome]] = [(baseline.baseline, baseline) for baseline in run.against(scope.scope)]
        marked.add(len(cells) + len(told))
        for name, what in (*told, ("this run", scope)):
            cells.append(
                (
                    word(scope_told(scope.scope)),
                    word(shortened(name, NAME)),
                    latency.cell(what.seconds),
                    energy.cell(what.energy_pj),
                    _times(what.speedup),
                    _times(what.energy_reduction),
                )
            )
    return Table(
        "baselines",
        (
            Column("of", numeric=False),
            Column("what ran", numeric=False),
            Column("latency", latency.unit),
            Column("energy", energy.unit),
            Column("speedup", "times"),
            Column("energy reduction", "times"),
        ),
        tuple(cells),
        "Ratios to single-dense: the unpruned network on one accelerator. single-pruned: pruned, on one accelerator; "
        "multi-dense: unpruned, on all; multi-unstructured: as many weights pruned but anywhere, zeros stored (dense) "
        "or not (compressed); iso-resources: unpruned on one accelerator with the resources of all.",
        frozenset(marked),
    )


def _times(ratio: float) -> Cell:
    return number(ratio, times(ratio).removesuffix("x"))


def answer_table(study: Study, found: Sequence[Answer]) -> Table:
    """The answer for each case, and what the next count would change."""
    noun = study.counted or ""
    latency = scale_of([point.seconds for answer in found for point in answer.curve], "s")
    energy = energy_scale([point.energy_pj for answer in found for point in answer.curve], study.unit)
    rows = []
    for answer in found:
        chosen, later = answer.chosen, answer.next
        rows.append(
            (
                word(case_told(answer.case)),
                number(chosen.count if chosen else None, f"{chosen.count:,}" if chosen else None),
                latency.cell(chosen.seconds if chosen else None),
                energy.cell(chosen.energy_pj if chosen else None),
                _times(chosen.speedup) if chosen else number(None),
                _times(chosen.energy_reduction) if chosen else number(None),
                number(later.count if later else None, f"{later.count:,}" if later else None),
                _times(chosen.seconds / later.seconds) if chosen and later else number(None),
                word(f"{answer.agreeing:,} of {len(answer.held):,}" if answer.held else "\N{EN DASH}"),
                number(chosen.number if chosen else None, str(chosen.number) if chosen else None),
                word(setting_told(chosen.setting) if chosen else ""),
            )
        )
    return Table(
        "answers",
        (
            Column("case", numeric=False),
            Column(f"{noun} worth it"),
            Column("latency", latency.unit),
            Column("energy", energy.unit),
            Column("speedup", "times"),
            Column("energy reduction", "times"),
            Column("next simulated", noun),
            Column("faster again", "times"),
            Column("settings that agree", numeric=False),
            Column("point"),
            Column("its setting", numeric=False),
        ),
        tuple(rows),
    )


def point_table(study: Study, front: frozenset[int], chosen: frozenset[int]) -> Table:
    """All points, or of many the chosen ones, the front and the fastest."""
    points = shown_points(study.points, front, chosen)
    latency = scale_of([point.seconds for point in points], "s")
    energy = energy_scale([point.energy_pj for point in points], study.unit)
    axes = [path for path in study.sweep.axes if path in points[0].row]
    extra = [] if study.counted is None or study.counted in axes else [study.counted]
    columns = [Column("point"), *(_column(path, points) for path in (*axes, *extra))]
    columns += [
        Column("latency", latency.unit),
        Column("energy", energy.unit),
        Column("speedup", "times"),
        Column("energy reduction", "times"),
        Column("lost", "%"),
        Column("area proxy", "mm²"),
        Column("bound by", numeric=False),
        Column("front", numeric=False),
    ]
    rows = []
    for point in points:
        values = [_cell(point.row[path], column) for path, column in zip((*axes, *extra), columns[1:], strict=False)]
        rows.append(
            (
                number(point.number, f"{point.number}"),
                *values,
                latency.cell(point.seconds),
                energy.cell(point.energy_pj),
                _times(point.speedup),
                _times(point.energy_reduction),
                number(100 * point.loss, f"{100 * point.loss:.1f}"),
                number(float(point.row["area_mm2"])),
                word(str(point.row["bound"])),
                word("yes" if point.number in front else ""),
            )
        )
    marked = frozenset(place for place, point in enumerate(points) if point.number in chosen)
    left_out = (
        f" {len(points):,} of {len(study.points):,} points: those of the answer, the front, and the fastest; "
        "results.parquet has all."
        if len(points) < len(study.points)
        else ""
    )
    caption = "In bold: the points of the answer. Front: no other point beats it in latency, energy and area together."
    return Table("points", tuple(columns), tuple(rows), f"{caption}{left_out}", marked)


def shown_points(points: Sequence[Measured], front: frozenset[int], chosen: frozenset[int]) -> list[Measured]:
    """Up to `MOST_POINTS` of some points in their order: chosen ones first, then the front, then the fastest."""
    order = sorted(points, key=lambda p: (p.number not in chosen, p.number not in front, p.seconds, p.number))
    kept = {point.number for point in order[:MOST_POINTS]}
    return [point for point in points if point.number in kept]


def _column(path: str, points: Sequence[Measured]) -> Column:
    name, unit = field(path)
    values = (point.row[path] for point in points)
    return Column(name, unit, numeric=all(_is_number(value) or value is None for value in values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, column: Column) -> Cell:
    if column.numeric:
        return number(value, None if value is None else value_told(value))
    return word(shortened(value_told(value)))


def failed_table(failed: Sequence[Failed]) -> Table:
    """Points that could not be simulated, and why."""
    shown = failed[:MOST_FAILED]
    rows = tuple(
        (
            number(point.number, f"{point.number}"),
            word(setting_told(point.setting)),
            word(shortened(point.error, ERROR)),
        )
        for point in shown
    )
    left_out = f"The first {len(shown)} of {len(failed):,}." if len(shown) < len(failed) else ""
    columns = (Column("point"), Column("setting", numeric=False), Column("error", numeric=False))
    return Table("failed", columns, rows, left_out)
