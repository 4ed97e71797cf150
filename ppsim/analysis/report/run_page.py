"""The report of a run."""

from __future__ import annotations

from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.quantities import energy, percent, si, times, typeset
from ppsim.analysis.report.answer import gained_told
from ppsim.analysis.report.naming import count_told, shortened
from ppsim.analysis.report.parts import Chart, Page, Section, Tile
from ppsim.analysis.report.provenance import provenance_section
from ppsim.analysis.report.run import Run
from ppsim.analysis.report.run_charts import (
    baseline_energy_chart,
    factors_told,
    layer_energy_chart,
    layer_time_chart,
    loss_chart,
    scope_told,
)
from ppsim.analysis.report.tables import baseline_table, layer_table
from ppsim.analysis.report.timeline import timeline

#: characters of a name in the heading
NAME = 80


def run_page(run: Run) -> Page:
    """A page on a run: the answer, where its speedup, time and energy go, and what they rest on."""
    return Page(
        title=shortened(run.workload, NAME),
        subtitle=setup_told(run),
        answer=answer_of(run),
        notes=(),
        sections=(*run_sections(run), provenance_section(run.provenance)),
    )


def answer_of(run: Run) -> str:
    """What was found, in a sentence or two."""
    where = count_told(run.accelerators, "accelerators")
    sharing = f" with {run.dram} DRAM" if run.accelerators > 1 else ""
    took = f"{_seconds(run.seconds)} and {_energy(run.energy_pj, run)}"
    if run.parts == 1 and run.accelerators == 1:
        return f"{shortened(run.workload)}, unpruned on one accelerator, takes {took}."
    cut = f"Cut into {run.parts:,} parts" if run.parts > 1 else "Unpruned"
    network = "pruned layers" if run.scope == "pruned-layers" else "network"
    verb = "take" if run.scope == "pruned-layers" else "takes"
    against = f"the {'unpruned' if run.parts > 1 else 'same'} {network.replace('pruned ', '')} on one"
    sentence = (
        f"{cut}, on {where}{sharing}, the {network} {verb} {took}: "
        f"{gained_told(run.speedup, run.energy_reduction, against)}."
    )
    if run.pruned_layers:
        alone = gained_told(run.pruned_layers.speedup, run.pruned_layers.energy_reduction)
        sentence += f" The pruned layers alone: {alone}."
    return sentence


def setup_told(run: Run) -> str:
    """What ran on what."""
    parts = count_told(run.parts, "parts") if run.parts > 1 else "not partitioned"
    where = count_told(run.accelerators, "accelerators")
    sharing = f", {run.dram} DRAM" if run.accelerators > 1 else ""
    return f"{parts}, batch {run.batch:,}, on {shortened(run.system, NAME)}: {where}{sharing}"


def tiles(run: Run) -> tuple[Tile, ...]:
    """Key figures."""
    return (
        Tile("latency", _seconds(run.seconds), f"{run.cycles:,} cycles"),
        Tile("energy", _energy(run.energy_pj, run), _largest(run)),
        Tile("speedup", _times(run.speedup), "over unpruned on one"),
        Tile("energy reduction", _times(run.energy_reduction), "over unpruned on one"),
        Tile("work", typeset(si(run.macs, "MAC")), "multiply-accumulates"),
        Tile("DRAM", typeset(si(run.dram_bytes, "B")), f"links {typeset(si(run.link_bytes, 'B'))}"),
    )


def run_sections(run: Run, of: str = "") -> tuple[Section, ...]:
    """Sections on a run; `of` says whose, where a page is on more than it."""
    factors = run.factors.get(run.scope)
    made_of = [
        f"{_capital(scope_told(name))}: {factors_told(found.speedup, found)}."
        for name, found in run.factors.items()
        if found is not None
    ]
    when = timeline(run)
    return (
        Section(f"figures{_id(of)}", f"Key figures{of}", tiles=tiles(run)),
        Section(
            f"speedup{_id(of)}",
            f"What the speedup is made of{of}",
            tuple(made_of if factors else ()),
            charts=_drawn(loss_chart(run), baseline_energy_chart(run)),
            tables=(baseline_table(run),) if run.baselines else (),
        ),
        Section(
            f"time{_id(of)}",
            f"Where time and energy go{of}",
            () if when else ("The run holds no times for a timeline.",),
            charts=_drawn(when, layer_time_chart(run), layer_energy_chart(run)),
            tables=(layer_table(run),) if run.layers else (),
        ),
        Section(f"assumptions{_id(of)}", f"Assumptions{of}", lines=run.assumptions),
    )


def _id(of: str) -> str:
    return "-of-point" if of else ""


def _drawn(*charts: Chart | None) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)


def _largest(run: Run) -> str:
    name, pj = max(run.energy.items(), key=lambda item: item[1], default=("", 0.0))
    return f"{percent(pj / run.energy_pj)} {COMPONENTS[name]}" if pj and run.energy_pj else ""


def _seconds(seconds: float) -> str:
    return typeset(si(seconds, "s"))


def _energy(pj: float, run: Run) -> str:
    return typeset(energy(pj, run.energy_unit))


def _times(ratio: float) -> str:
    return typeset(times(ratio))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
