"""Latency, energy and area of all points of a sweep, and which of them no other beats in all three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ppsim.analysis.figures import GREY
from ppsim.analysis.pareto import pareto_front
from ppsim.analysis.report.curves import case_look, hover, units_of
from ppsim.analysis.report.look import HOVER, INK, layout, value_axis
from ppsim.analysis.report.marks import marker_mark
from ppsim.analysis.report.naming import case_told, label
from ppsim.analysis.report.parts import Chart, Key, Scale, scale_of
from ppsim.analysis.report.study import Measured, Setting, Study

#: points that a chart has room for
MOST = 2_000


def front_of(study: Study) -> frozenset[int]:
    """The numbers of the points that none beats in latency, energy and area together, case by case of what runs."""
    found: set[int] = set()
    for points in _comparable(study).values():
        values = np.array([[p.seconds, p.energy_pj, float(p.row["area_mm2"])] for p in points])
        on = pareto_front(values)
        found.update(point.number for point, best in zip(points, on, strict=True) if best)
    return frozenset(found)


def _comparable(study: Study) -> dict[Setting, list[Measured]]:
    """Points by what runs: how DRAM is shared is a choice, another network is not."""
    found: dict[Setting, list[Measured]] = {}
    for point in study.points:
        found.setdefault(point.case[1:], []).append(point)
    return found


def pareto_chart(study: Study, front: frozenset[int]) -> Chart | None:
    """Energy over latency, area as colour; points on the front have an edge. None where energies differ in unit."""
    points = study.points
    if study.unit is None or len(points) < 2:
        return None
    latency, energy = units_of(points, study.unit)
    area = scale_of([1.0], "mm²")
    beaten = [point for point in points if point.number not in front]
    room = max(1, MOST - len(front))
    kept = {point.number for point in beaten[:: max(1, -(-len(beaten) // room))]} | set(front)
    shown = [point for point in points if point.number in kept]
    areas = [float(point.row["area_mm2"]) for point in shown]
    traces, keys = [], []
    for number, case in enumerate(study.cases):
        mine = [point for point in shown if point.case == case]
        if mine:
            traces.append(
                _markers(study, mine, case_look(case, number)[1], front, (min(areas), max(areas)), number == 0)
            )
            keys.append(Key(case_told(case), marker_mark(GREY, case_look(case, number)[1])))
            traces[-1]["name"] = label(case_told(case))
            traces[-1]["x"] = [latency.of(point.seconds) for point in mine]
            traces[-1]["y"] = [energy.of(point.energy_pj) for point in mine]
            traces[-1]["hovertext"] = [
                hover(point, study.counted or "", latency, energy) + _area_told(point, area, front) for point in mine
            ]
    left_out = (
        f" {len(shown):,} of {len(points):,} points are shown, all of the front among them."
        if len(shown) < len(points)
        else ""
    )
    others = "other" if len(_comparable(study)) == 1 else "other of the same network and batch"
    caption = (
        f"Black edges: the {len(front):,} points that no {others} beats in "
        f"latency, energy and area together. Area is a proxy: arrays and scratchpads alone, at 45 nm.{left_out}"
    )
    x = value_axis(f"latency ({latency.unit})", [latency.of(point.seconds) for point in shown])
    y = value_axis(f"energy ({energy.unit})", [energy.of(point.energy_pj) for point in shown])
    return Chart(
        "chart-pareto",
        "Latency, energy and area",
        caption,
        {"data": traces, "layout": layout(420, x, y)},
        tuple(keys),
        wide=True,
    )


def _area_told(point: Measured, area: Scale, front: frozenset[int]) -> str:
    on = "<br>on the front" if point.number in front else ""
    return f"<br>{area.told(float(point.row['area_mm2']))} (proxy){on}"


def _markers(
    study: Study,
    points: Sequence[Measured],
    symbol: str,
    front: frozenset[int],
    areas: tuple[float, float],
    bar: bool,
) -> dict[str, Any]:
    on = [point.number in front for point in points]
    marker: dict[str, Any] = {
        "symbol": symbol,
        "size": [11 if best else 7 for best in on],
        "opacity": [1 if best else 0.55 for best in on],
        "line": {"color": INK, "width": [1.6 if best else 0.4 for best in on]},
    }
    if areas[0] < areas[1]:
        marker |= {
            "color": [float(point.row["area_mm2"]) for point in points],
            "cmin": areas[0],
            "cmax": areas[1],
            "colorscale": "Cividis",
            "reversescale": True,
            "showscale": bar,
            "colorbar": {"title": {"text": "area<br>(mm²)"}, "thickness": 12, "outlinewidth": 0, "xpad": 4},
        }
    else:
        marker["color"] = "#56B4E9"
    return {"type": "scatter", "mode": "markers", "marker": marker, **HOVER}
