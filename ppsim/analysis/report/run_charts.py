"""Charts of one run: what its speedup is made of, and what energy is spent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ppsim.analysis.comparison import Factors
from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.figures import TIMES
from ppsim.analysis.quantities import percent, short, times, typeset
from ppsim.analysis.report.curves import IDEAL, LOSSES, component_keys, loss_keys, loss_told
from ppsim.analysis.report.look import BLUE, HOVER, INK, ORANGE, PURPLE, VERMILLION, axis, component_marker, layout
from ppsim.analysis.report.marks import bar_mark
from ppsim.analysis.report.naming import label
from ppsim.analysis.report.parts import Chart, Key, Scale, energy_scale, scale_of
from ppsim.analysis.report.run import Layer, Run
from ppsim.analysis.result import BOUNDS

#: layers that a chart has room for; of more, those that spend most
MOST_LAYERS = 40
#: what may bound a layer
BOUND_COLOURS = dict(zip(BOUNDS, (BLUE, VERMILLION, PURPLE, "#999999", ORANGE, "#F0E442"), strict=True))
#: px a bar, and around them
ROW, AROUND = 24, 76


def loss_chart(run: Run) -> Chart | None:
    """The share of pruning x accelerators that is reached, of the network and of its pruned layers alone."""
    found = {label(scope_told(scope)): factors for scope, factors in run.factors.items() if factors is not None}
    if not found or run.accelerators == 1:
        return None
    names = list(found)
    reached = [
        f"<b>{name}</b><br>reached: {percent(1 - factors.loss)}, {_times(factors.speedup)} of "
        f"{_times(factors.pruning * factors.parallelism)}"
        for name, factors in found.items()
    ]
    traces = [
        _bars("reached", {"color": BLUE}, names, [100 * (1 - factors.loss) for factors in found.values()], reached)
    ]
    for key, told, colour in LOSSES:
        shares = [float(getattr(factors, key)) for factors in found.values()]
        texts = [f"<b>{name}</b><br>{loss_told(told, share)}" for name, share in zip(names, shares, strict=True)]
        traces.append(_bars(told, {"color": colour}, names, [100 * share for share in shares], texts))
    return Chart(
        "chart-losses",
        f"What is reached of pruning {TIMES} accelerators",
        IDEAL,
        _stacked(traces, names, "share of the ideal (%)", "relative"),
        loss_keys(),
    )


def factors_told(speedup: float, factors: Factors) -> str:
    """Such as "7.6x = 4.1x by pruning x 8 accelerators x (1 - 12 % links - 0 % shared DRAM - 3 % imbalance)"."""
    losses = [("links", factors.link_loss), ("shared DRAM", factors.dram_loss), ("imbalance", factors.imbalance_loss)]
    lost = "".join(
        f" {'+' if share < 0 else chr(0x2212)} {percent(abs(share))} {name}"
        for name, share in losses
        if abs(share) >= 0.0005
    )
    accelerators = f"{factors.parallelism:,} accelerator{'s' if factors.parallelism > 1 else ''}"
    return f"{_times(speedup)} = {_times(factors.pruning)} by pruning {TIMES} {accelerators} {TIMES} (1{lost})"


def scope_told(scope: str) -> str:
    """What a scope is called."""
    return "pruned layers alone" if scope == "pruned-layers" else "whole network" if scope == "network" else scope


def baseline_energy_chart(run: Run) -> Chart | None:
    """Energy by component of the run and of what it is held against, where components of the latter are known."""
    bars = {label(baseline.baseline): baseline.energy for baseline in run.against(run.scope) if baseline.energy}
    bars["this run"] = run.energy
    if len(bars) < 2 or not run.energy_pj:
        return None
    return _energy_chart(
        "chart-energy-baselines",
        "Energy by component, against the baselines",
        f"Of the {scope_told(run.scope)}.",
        bars,
        run.energy_unit,
    )


def layer_energy_chart(run: Run) -> Chart | None:
    """Energy by component of each layer, in their order."""
    if not run.energy_pj or not run.layers:
        return None
    shown, note = _largest(run.layers, [layer.energy_pj for layer in run.layers], "energy")
    names = _distinct([label(layer.name, 24) for layer in shown])
    bars = {name: layer.energy for name, layer in zip(names, shown, strict=True)}
    return _energy_chart(
        "chart-energy-layers",
        "Energy by component, layer by layer",
        f"In the order they run in.{note}",
        bars,
        run.energy_unit,
    )


def _largest(layers: Sequence[Layer], sizes: Sequence[float], what: str) -> tuple[list[Layer], str]:
    """The layers with the largest sizes, in their order, and a sentence on those that are left out."""
    places = sorted(sorted(range(len(layers)), key=lambda place: -sizes[place])[:MOST_LAYERS])
    if not (left_out := len(layers) - len(places)):
        return list(layers), ""
    rest = 1 - sum(sizes[place] for place in places) / sum(sizes)
    return [layers[place] for place in places], f" {left_out:,} layers with {percent(rest)} of the {what} are left out."


def layer_time_chart(run: Run) -> Chart | None:
    """Time of each layer, in their order, and what bounds it."""
    if not run.cycles or not run.layers:
        return None
    shown, note = _largest(run.layers, [layer.cycles for layer in run.layers], "time")
    names = _distinct([label(layer.name, 24) for layer in shown])
    seconds = [run.seconds * layer.cycles / run.cycles for layer in shown]
    scale = scale_of(seconds, "s")
    traces, keys = [], []
    for bound, colour in BOUND_COLOURS.items():
        mine = [place for place, layer in enumerate(shown) if layer.bound == bound]
        if mine:
            texts = [
                f"<b>{names[n]}</b><br>{scale.told(seconds[n])}, {shown[n].cycles:,} cycles<br>"
                f"{percent(shown[n].cycles / run.cycles)} of the run, bound by {bound}"
                for n in mine
            ]
            rows, values = [names[n] for n in mine], [scale.of(seconds[n]) for n in mine]
            traces.append(_bars(bound, {"color": colour}, rows, values, texts))
            keys.append(Key(bound, bar_mark(colour)))
    figure = _stacked(traces, names, f"time ({scale.unit})", "overlay")
    figure["layout"]["yaxis"] |= {"categoryorder": "array", "categoryarray": names}
    caption = f"In the order they run in; colours say what bounds a layer.{note}"
    return Chart("chart-time-layers", "Time, layer by layer", caption, figure, tuple(keys))


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that stand more than once, numbered."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _energy_chart(name: str, title: str, caption: str, bars: Mapping[str, Mapping[str, float]], unit: str) -> Chart:
    totals = {row: sum(energy.values()) for row, energy in bars.items()}
    scale = energy_scale(list(totals.values()), unit)
    traces = []
    for component, told in COMPONENTS.items():
        spent = [energy.get(component, 0.0) for energy in bars.values()]
        if not any(spent):
            continue
        texts = [
            f"<b>{row}</b><br>{told}: {_share(scale, pj, totals[row])}" for row, pj in zip(bars, spent, strict=True)
        ]
        traces.append(_bars(told, component_marker(component), list(bars), [scale.of(pj) for pj in spent], texts))
    return Chart(
        name,
        title,
        caption,
        _stacked(traces, list(bars), f"energy ({scale.unit})", "stack"),
        component_keys(bars.values(), ""),
    )


def _share(scale: Scale, pj: float, total: float) -> str:
    """An energy, and its share of the energy of all components."""
    return f"{scale.told(pj)}<br>{short(100 * pj / total)} % of {scale.told(total)}" if total else scale.told(pj)


def _bars(
    name: str, marker: dict[str, Any], rows: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(rows),
        "x": list(values),
        "hovertext": list(texts),
        "marker": {"line": {"color": INK, "width": 0.4}, **marker},
        **HOVER,
    }


def _stacked(traces: list[dict[str, Any]], rows: Sequence[str], title: str, mode: str) -> dict[str, Any]:
    """Bars across, a row each, the first at the top."""
    rows_axis = axis("") | {"type": "category", "autorange": "reversed", "ticks": "", "showgrid": False}
    rows_axis["ticklabelstandoff"] = 5
    across = axis(title) | {"nticks": 6, "exponentformat": "none"}
    return {
        "data": traces,
        "layout": layout(AROUND + max(2, len(rows)) * ROW, across, rows_axis) | {"barmode": mode, "bargap": 0.3},
    }


def _times(ratio: float) -> str:
    return typeset(times(ratio))
