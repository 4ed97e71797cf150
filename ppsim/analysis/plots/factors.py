"""What the speedup is made of: pruning times parallelism, less what links, shared DRAM and imbalance take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ppsim.analysis.figures import BLACK
from ppsim.analysis.plots.axes import over
from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.page import PAGE, Key, finished, panel, sheet
from ppsim.analysis.plots.points import AGAINST, Points, fastest
from ppsim.analysis.plots.scales import times, times_scale, with_room
from ppsim.analysis.plots.speedup import axis_of_p, name_of_p

#: factors in the order they are multiplied in: name, colour and hatch; neighbours differ in lightness
FACTORS = (
    ("pruning", "#0072B2", ""),
    ("accelerators", "#56B4E9", ""),
    ("imbalance", "#F0E442", "////"),
    ("shared DRAM", "#D55E00", ""),
    ("links", "#CC79A7", "...."),
)
COLUMNS = ("pruning", "accelerators", "imbalance_loss", "dram_loss", "link_loss")
EDGE, THICK = "#222222", 0.5
#: width of a bar, how far one P is from the next, and where its middle is
BAR, STEP, MIDDLE = 0.86, 7.2, 2.5
HEIGHT, TALLEST = 2.4, 8.0
#: waterfalls up to which panels are beside each other
MOST_BESIDE = 12
#: room below the lowest and above the highest level, as a share of the way between them
ROOM = 0.05


@dataclass(frozen=True)
class Waterfall:
    """Levels from 1 to the speedup, one after each factor."""

    p: float
    levels: tuple[float, ...]


def waterfall(row: pd.Series[Any], column: str) -> Waterfall:
    """The factors of a point, in the order in which losses are defined.

    Losses are shares of pruning times parallelism, so each divides what the ones before left: with private DRAM and
    links that take no time the speedup would be lower by imbalance alone, then DRAM is shared, then links take time.
    """
    levels, left = [1.0, row["pruning"], row["pruning"] * row["accelerators"]], 1.0
    for loss in COLUMNS[2:]:
        left -= row[loss]
        levels.append(levels[2] * left)
    return Waterfall(float(row[column]), tuple(map(float, levels)))


class Factors(Plot):
    """A waterfall a P on a logarithmic scale, where factors are lengths; a panel for each way to share DRAM."""

    def missing(self, points: Points) -> str | None:
        """Factors have to have been found."""
        return None if _explained(points.frame).any() else "no point says what its speedup is made of"

    def draw(self, points: Points) -> Figure:
        """The fastest point at each P."""
        column = axis_of_p(points) or "accelerators"
        panels = [
            (title, [waterfall(fastest(at), column) for _, at in frame[_explained(frame)].groupby(column)])
            for title, frame in points.panels()
        ]
        panels = [(title, falls) for title, falls in panels if falls]
        beside = sum(len(falls) for _, falls in panels) <= MOST_BESIDE
        figure = sheet(PAGE, HEIGHT if beside else min(HEIGHT * len(panels), TALLEST))
        shape = (1, len(panels)) if beside else (len(panels), 1)
        every = list(figure.subplots(*shape, squeeze=False, sharey=True).ravel())
        for axes, (title, falls) in zip(every, panels, strict=True):
            for number, fall in enumerate(falls):
                _draw(axes, number * STEP, fall)
            names = [f"{fall.p:g}\n{times(fall.levels[-1])}" for fall in falls]
            axes.set_xticks([number * STEP + MIDDLE for number in range(len(falls))], names)
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(*with_room(MIDDLE - STEP / 2, (len(falls) - 1) * STEP + MIDDLE + STEP / 2, 3 * STEP))
            axes.axhline(1, color=BLACK, linewidth=0.7, zorder=2)
            panel(axes, title, grid="y")
        levels = [level for _, falls in panels for fall in falls for level in fall.levels]
        times_scale(every[0].yaxis, levels)
        room = (2 * max(levels) / min(levels)) ** ROOM
        every[0].set_ylim(min(levels) / room, max(levels) * room)
        for axes in every if beside else every[-1:]:
            axes.set_xlabel(f"{name_of_p(points, column)}, and the speedup")
        for axes in every[:1] if beside else every:
            axes.set_ylabel("speedup")
        finished(figure, [_key()], _caption(points, column, [fall for _, falls in panels for fall in falls]))
        return figure


def _explained(frame: pd.DataFrame) -> pd.Series[bool]:
    return frame[[*COLUMNS, "speedup"]].notna().all(axis=1)


def _draw(axes: Axes, left: float, fall: Waterfall) -> None:
    for number, (_, colour, hatch) in enumerate(FACTORS):
        low, high = sorted(fall.levels[number : number + 2])
        axes.bar(
            left + number, high - low, BAR, low, color=colour, hatch=hatch, edgecolor=EDGE, linewidth=THICK, zorder=3
        )
        # from the end of a bar to the beginning of the next one, or to the speedup
        axes.plot([left + number, left + number + 1], [fall.levels[number + 1]] * 2, color=EDGE, linewidth=THICK)
    axes.plot(left + len(FACTORS), fall.levels[-1], marker="D", markersize=3, color=BLACK, zorder=4)


def _caption(points: Points, column: str, falls: Sequence[Waterfall]) -> str:
    said = f"{points.subject()}; {AGAINST}."
    if rest := points.besides(points.along(column), points.sharing):
        said += f" The fastest points{over(rest)}."
    said += " Imbalance, shared DRAM and links are taken off pruning times accelerators, in this order"
    gains = any(after > before * 1.01 for fall in falls for before, after in pairwise(fall.levels[2:]))
    said += "; where a bar goes up, it is a gain." if gains else "."
    return f"{said} {points.remarks()}".strip()


def _key() -> Key:
    bars = [(Patch(facecolor=c, hatch=h, edgecolor=EDGE, linewidth=THICK), name) for name, c, h in FACTORS]
    return Key("", [*bars, (Line2D([], [], linestyle="", marker="D", markersize=3, color=BLACK), "speedup")])
