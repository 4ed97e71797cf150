"""Latency against energy of all points, and the front of those that no other point beats."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from ppsim.analysis.figures import BLACK, GREY
from ppsim.analysis.pareto import pareto_front
from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.labels import DISTANCES, Label, along, label
from ppsim.analysis.plots.marks import looks_of
from ppsim.analysis.plots.page import PAGE, Key, finished, panel, sheet
from ppsim.analysis.plots.points import Points
from ppsim.analysis.plots.scales import WIDE, colour_ticks, decade_scale
from ppsim.analysis.plots.wording import named
from ppsim.analysis.quantities import si, typeset

HEIGHT = 3.2
#: times the ends of the values: room at the edges
MARGIN = 1.3
#: light to dark, so that it is one in grey too
MAP = "cividis_r"
#: points up to which they are drawn large
FEW = 300
#: points from which on they are pixels in vector files, which would be slow to show
MOST = 5000
#: share of the way between the ends that the knee is below the line between them
LEAST_DEPTH = 0.02
#: columns that have to be the same in all points: latency and energy are of these
OF_ONE = ("workload", "scope", "batch")


class Pareto(Plot):
    """All points in latency and energy, coloured by area."""

    def missing(self, points: Points) -> str | None:
        """Two points at least of one network, that use energy."""
        if len(points.frame) < 2:
            return "there is one point alone; any axis would add others"
        for column in OF_ONE:
            if points.frame[column].nunique() > 1:
                return f"latency and energy are of one {column}; choose it with --at {column}=VALUE"
        return None if (points.frame["energy_pj"] > 0).all() else "there are points without energy: a table of zeros"

    def draw(self, points: Points) -> Figure:
        """The figure; the caption says which points the ends and the knee of the front are."""
        unit = "MAC" if points.energy_unit == "MAC" else "J"
        frame = points.frame.assign(energy=points.frame["energy_pj"] * (1.0 if unit == "MAC" else 1e-12))
        front = frame[pareto_front(frame[["seconds", "energy"]].to_numpy())].sort_values(["seconds", "point"])
        chosen = _chosen(front)
        figure = sheet(PAGE, HEIGHT)
        axes = figure.subplots()
        decade_scale(axes.xaxis, list(frame["seconds"]), MARGIN, EngFormatter(unit="s"))
        decade_scale(axes.yaxis, list(frame["energy"]), MARGIN, EngFormatter(unit=unit))
        axes.plot(front["seconds"], front["energy"], drawstyle="steps-post", color=BLACK, linewidth=0.9, zorder=2)
        keys = _scatter(figure, axes, points, frame)
        axes.set_xlabel("latency")
        axes.set_ylabel("energy")
        panel(axes)
        said = (
            f"{points.subject()}; {len(frame)} points, {len(front)} on the front. {_described(points, front, chosen)}"
        )
        finished(figure, keys, f"{said} {points.remarks()}".strip())
        _label(axes, frame, front, chosen)
        return figure


def _chosen(front: pd.DataFrame) -> dict[int, str]:
    """Rows of a front, in order of latency, that have a name: its ends, and its knee if it has one."""
    first, last = front.index[0], front.index[-1]
    if front["energy"].nunique() == 1:
        return {first: "fastest, least energy"}
    x, y = (np.log(front[column].to_numpy(float)) for column in ("seconds", "energy"))
    # how far below the line between the ends, both axes scaled to 1
    depth = 1 - (x - x[0]) / (x[-1] - x[0]) - (y - y[-1]) / (y[0] - y[-1])
    knee = {front.index[int(depth.argmax())]: "knee"} if depth.max() > LEAST_DEPTH else {}
    return {first: "fastest", **knee, last: "least energy"}


def _described(points: Points, front: pd.DataFrame, chosen: dict[int, str]) -> str:
    """Where the points with a name are, and what they have in common."""
    rows = front.loc[list(chosen)]
    differ = [axis for axis in points.axes if axis.codes[rows.index].nunique() > 1]
    unit = "MAC" if points.energy_unit == "MAC" else "J"
    each = []
    for name, (_, row) in zip(chosen.values(), rows.iterrows(), strict=True):
        at = f", {where}" if (where := points.where(row, differ)) else ""
        latency, energy = si(row["seconds"], "s"), si(row["energy"], unit)
        each.append(f"{name}: {typeset(latency)}, {typeset(energy)}{at}")
    common = points.where(rows.iloc[0], [axis for axis in points.axes if axis not in differ])
    said = "; ".join(each)
    return f"{said[:1].upper()}{said[1:]}{f'; {common}' if common else ''}."


def _scatter(figure: Figure, axes: Axes, points: Points, frame: pd.DataFrame) -> list[Key]:
    """All points, and what their marks stand for."""
    area = frame["area_mm2"].astype(float)
    known = bool(np.isfinite(area).all() and (area > 0).all())
    coloured = known and area.nunique() > 1
    wide = coloured and area.max() / area.min() >= WIDE
    norm = (LogNorm if wide else Normalize)(area.min(), area.max()) if coloured else None
    edged = pd.Series(
        pareto_front(frame[["seconds", "energy", "area_mm2"]].to_numpy()) if coloured else False, frame.index
    )
    entries: list[tuple[Artist, str]] = []
    for number, look in enumerate(looks_of(points.sharing, points)):
        here = points.sharing.codes == number if points.sharing else pd.Series(True, frame.index)
        for edge in (False, True):
            these = here & (edged == edge)
            drawn = axes.scatter(
                frame["seconds"][these],
                frame["energy"][these],
                s=24 if len(frame) <= FEW else 10,
                c=area[these] if coloured else look.colour,
                cmap=MAP if coloured else None,
                norm=norm,
                marker=look.marker,
                edgecolors=BLACK if edge else "none",
                linewidths=0.9,
                zorder=4 if edge else 3,  # so that nothing hides an edge
                rasterized=len(frame) > MOST,
            )
        entries.append((_dot(look.marker, GREY if coloured else look.colour, "none"), look.name))
    fronts: list[tuple[Artist, str]] = [(Line2D([], [], color=BLACK, linewidth=0.9), "latency and energy")]
    if coloured:
        fronts.append((_dot("o", "none", BLACK), "latency, energy and area"))
        _colourbar(figure, axes, drawn, list(area))
    return [Key("DRAM", entries), Key("front of", fronts)]


def _dot(marker: str, face: str, edge: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, markersize=5, markerfacecolor=face, markeredgecolor=edge)


def _colourbar(figure: Figure, axes: Axes, drawn: PathCollection, values: list[float]) -> None:
    bar = figure.colorbar(drawn, ax=axes, pad=0.02, aspect=30)
    bar.set_label(named("area_mm2"))
    bar.outline.set_linewidth(0.5)
    colour_ticks(bar, values)


def _label(axes: Axes, frame: pd.DataFrame, front: pd.DataFrame, chosen: dict[int, str]) -> None:
    labels = [Label(front["seconds"][number], front["energy"][number], name) for number, name in chosen.items()]
    marks = list(zip(frame["seconds"], frame["energy"], strict=True))
    for (x, y), (u, v) in pairwise(zip(front["seconds"], front["energy"], strict=True)):
        marks += along(axes, (x, u, u), (y, y, v))
    label(axes, labels, marks, farthest=max(DISTANCES))
