"""Charts of a sweep over the number of accelerators: what is gained, what is lost, and what energy is spent on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.figures import BLACK, TIMES, YELLOW
from ppsim.analysis.quantities import percent, short, times, typeset
from ppsim.analysis.report.answer import Answer
from ppsim.analysis.report.look import (
    BLUE,
    CASES,
    HOVER,
    PALE,
    SHARED,
    SYMBOLS,
    axis,
    component_mark,
    component_marker,
    count_axis,
    layout,
    times_axis,
)
from ppsim.analysis.report.marks import bar_mark, line_mark, marker_mark
from ppsim.analysis.report.naming import case_told, count_told, label, setting_told
from ppsim.analysis.report.parts import Chart, Key, Scale, energy_scale, scale_of
from ppsim.analysis.report.study import SHARING, Measured, Setting, Study

#: points of other settings that a chart has room for
MOST_OTHERS = 1500
#: cases that have charts of their own
MOST_CASES = 4
HEIGHT = 330
#: what a speedup is lost to: column, name, fill
LOSSES = (
    ("link_loss", "lost to links", "#CC79A7"),
    ("dram_loss", "lost to shared DRAM", "#E69F00"),
    ("imbalance_loss", "lost to imbalance", "#999999"),
)
IDEAL = (
    "100 % is the ideal: the speedup of pruning alone times the number of accelerators. Below zero a loss is a gain."
)
GAINS = {"speedup": "speedup", "energy_reduction": "energy reduction"}


def case_look(case: Setting, number: int) -> tuple[str, str]:
    """Colour and marker of the case of that number."""
    sharing = dict(case).get(SHARING, dict(case).get("dram"))
    if len(case) == 1 and sharing in SHARED:
        return SHARED[sharing]
    return CASES[number % len(CASES)], SYMBOLS[number % len(SYMBOLS)]


def gain_chart(study: Study, found: Sequence[Answer], key: str) -> Chart:
    """Speedup or energy reduction over the count: a curve of the best settings for each case, other points pale."""
    noun = study.counted or ""
    counts = sorted({point.count for point in study.points})
    units = units_of(study.points, study.unit)
    best = {point.number for answer in found for point in answer.curve}
    others = [point for point in study.points if point.number not in best]
    shown = others[:: max(1, -(-len(others) // MOST_OTHERS))]
    traces, keys = [], []
    if shown:
        pale = {"color": PALE, "size": 5, "opacity": 0.55}
        traces.append(_trace("other settings", shown, key, pale, [hover(point, noun, *units) for point in shown]))
    for number, answer in enumerate(found):
        colour, symbol = case_look(answer.case, number)
        name, texts = case_told(answer.case), [hover(point, noun, *units) for point in answer.curve]
        marker = {"color": colour, "symbol": symbol, "size": 9 if number == 0 else 7}
        line = {"color": colour, "width": 2.4 if number == 0 else 1.8}
        traces.append(_trace(label(name), answer.curve, key, marker, texts) | {"mode": "lines+markers", "line": line})
        keys.append(Key(name, line_mark(colour, symbol)))
    chosen = [answer.chosen for answer in found if answer.chosen]
    star = {"symbol": "star", "size": 15, "color": YELLOW, "line": {"color": BLACK, "width": 1}}
    traces.append(_trace("worth it up to here", chosen, key, star, []) | {"hoverinfo": "skip"})
    keys.append(Key("worth it up to here", marker_mark(YELLOW, "star", BLACK)))
    if shown:
        keys.append(Key("other settings", marker_mark(PALE, "circle")))
    values = [float(point.row[key]) for point in (*shown, *(p for answer in found for p in answer.curve))]
    left_out = f" {len(shown):,} of {len(others):,} other points are shown." if len(shown) < len(others) else ""
    return Chart(
        f"chart-{key.replace('_', '-')}",
        f"{GAINS[key].capitalize()} over the number of {noun}",
        "Against the unpruned network on one accelerator with the same settings. Lines: the best setting at each "
        f"number of {noun}.{f' Pale: other settings.{left_out}' if shown else ''}",
        {"data": traces, "layout": layout(HEIGHT, count_axis(noun, counts), times_axis(GAINS[key], values))},
        tuple(keys),
    )


def _trace(
    name: str, points: Sequence[Measured], key: str, marker: dict[str, Any], texts: Sequence[str]
) -> dict[str, Any]:
    """Markers at some points, a column over the count."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [point.count for point in points],
        "y": [float(point.row[key]) for point in points],
        "hovertext": list(texts),
        "marker": marker,
        **HOVER,
    }


def hover(point: Measured, noun: str, latency: Scale, energy: Scale) -> str:
    """What a point says of itself when it is pointed at."""
    case = label(case_told(point.case))
    lines = [
        f"<b>{count_told(point.count, noun)}, {case}</b>" if noun else f"<b>{case}</b>",
        f"{typeset(times(point.speedup))} as fast, energy reduced {typeset(times(point.energy_reduction))}",
        f"{latency.told(point.seconds)}, {energy.told(point.energy_pj)}",
    ]
    setting = [label(setting_told([one]), 60) for one in point.setting]
    return "<br>".join([*lines, *setting, f"point {point.number}"])


def units_of(points: Sequence[Measured], unit: str | None) -> tuple[Scale, Scale]:
    """One unit for the latencies of points, one for their energies."""
    return scale_of([point.seconds for point in points], "s"), energy_scale([p.energy_pj for p in points], unit)


def loss_charts(study: Study, found: Sequence[Answer]) -> tuple[Chart, ...]:
    """For each case: the share of pruning x accelerators that is reached, and what the rest is lost to."""
    return tuple(_losses(study, answer, number) for number, answer in enumerate(found[:MOST_CASES]))


def _losses(study: Study, answer: Answer, number: int) -> Chart:
    noun = study.counted or ""
    names = [f"{point.count:,}" for point in answer.curve]
    rows = [
        (1 - p.loss, float(p.row["pruning"]) * p.row["accelerators"], [float(p.row[key]) for key, _, _ in LOSSES])
        for p in answer.curve
    ]
    said = [
        f"<b>{count_told(point.count, noun)}</b><br>{typeset(times(float(point.row['pruning'])))} by pruning, "
        f"{count_told(int(point.row['accelerators']), 'accelerators')}: {typeset(times(ideal))}<br>"
        f"reached: {percent(reached)}, {typeset(times(point.speedup))}"
        for point, (reached, ideal, _) in zip(answer.curve, rows, strict=True)
    ]
    traces = [bar("reached", BLUE, names, [100 * reached for reached, _, _ in rows], said)]
    for number_of_loss, (_, name, colour) in enumerate(LOSSES):
        shares = [losses[number_of_loss] for _, _, losses in rows]
        texts = [
            f"<b>{count_told(p.count, noun)}</b><br>{loss_told(name, share)}"
            for p, share in zip(answer.curve, shares, strict=True)
        ]
        traces.append(bar(name, colour, names, [100 * share for share in shares], texts))
    return Chart(
        f"chart-losses-{number}",
        f"What is reached of pruning {TIMES} accelerators: {case_told(answer.case)}",
        f"Best setting at each number of {noun}. {IDEAL}",
        {
            "data": traces,
            "layout": layout(
                290,
                axis(noun) | {"type": "category"},
                axis("share of the ideal (%)") | {"nticks": 7},
            )
            | {"barmode": "relative", "bargap": 0.35},
        },
        loss_keys(),
    )


def loss_keys() -> tuple[Key, ...]:
    """What the parts of a bar of losses stand for."""
    return Key("reached", bar_mark(BLUE)), *(Key(name, bar_mark(colour)) for _, name, colour in LOSSES)


def loss_told(name: str, share: float) -> str:
    """Such as "lost to links: 12.3 %"."""
    gained = name.replace("lost to", "gained from")
    return f"{gained}: {percent(-share)}" if share < -0.0005 else f"{name}: {percent(abs(share))}"


def bar(name: str, colour: str, x: Sequence[Any], y: Sequence[float], texts: Sequence[str]) -> dict[str, Any]:
    """A stack's part over categories."""
    return {
        "type": "bar",
        "name": name,
        "x": list(x),
        "y": list(y),
        "hovertext": list(texts),
        "marker": {"color": colour, "line": {"color": "#222222", "width": 0.4}},
        **HOVER,
    }


def energy_charts(study: Study, found: Sequence[Answer]) -> tuple[Chart, ...]:
    """For each case: energy by component over the count."""
    shown = found[:MOST_CASES]
    if study.unit is None or not any(point.energy_pj for answer in shown for point in answer.curve):
        return ()
    scale = energy_scale([point.energy_pj for answer in shown for point in answer.curve], study.unit)
    return tuple(_energy(study, answer, number, scale) for number, answer in enumerate(shown))


def component_keys(spent: Iterable[Mapping[str, Any]], end: str = "_pj") -> tuple[Key, ...]:
    """The components of which there is any in a chart."""
    rows = list(spent)
    return tuple(
        Key(name, component_mark(component))
        for component, name in COMPONENTS.items()
        if any(row.get(f"{component}{end}") for row in rows)
    )


def _energy(study: Study, answer: Answer, number: int, scale: Scale) -> Chart:
    noun = study.counted or ""
    names = [f"{point.count:,}" for point in answer.curve]
    traces = []
    for component, name in COMPONENTS.items():
        spent = [float(point.row[f"{component}_pj"]) for point in answer.curve]
        if not any(spent):
            continue
        texts = [
            f"<b>{count_told(point.count, noun)}</b><br>{name}: {scale.told(pj)}<br>"
            f"of {scale.told(point.energy_pj)}: {short(100 * pj / point.energy_pj)} %"
            for point, pj in zip(answer.curve, spent, strict=True)
        ]
        trace = bar(name, "", names, [scale.of(pj) for pj in spent], texts)
        traces.append({**trace, "marker": component_marker(component)})
    return Chart(
        f"chart-energy-{number}",
        f"Energy by component: {case_told(answer.case)}",
        f"Best setting at each number of {noun}.",
        {
            "data": traces,
            "layout": layout(
                310,
                axis(noun) | {"type": "category"},
                axis(f"energy ({scale.unit})") | {"nticks": 7, "exponentformat": "none"},
            )
            | {"barmode": "stack", "bargap": 0.35},
        },
        component_keys(point.row for point in answer.curve),
    )
