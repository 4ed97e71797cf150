"""Energy by component over the number of accelerators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.plots.axes import over
from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.page import PAGE, SMALL, Key, apart, extent, finished, panel, sheet
from ppsim.analysis.plots.points import Points, fastest
from ppsim.analysis.plots.scales import with_room
from ppsim.analysis.plots.speedup import axis_of_p, name_of_p
from ppsim.analysis.plots.units import Unit, energy_unit

#: share of the energy of any bar from which on a component is shown by itself
COUNTS = 0.01
OTHERS = "others"
#: fill and hatch of components: neighbours differ in lightness, and so in grey too
FILLS: dict[str, tuple[str, str]] = {
    "mac": ("#0072B2", ""),
    "register_file": ("#56B4E9", "////"),
    "pe_to_pe": ("#009E73", "...."),
    "sram": ("#F0E442", "\\\\\\\\"),
    "dram": ("#D55E00", ""),
    "dram_background": ("#E69F00", "xxxx"),
    "link": ("#CC79A7", ""),
    "router": ("#FFFFFF", "++++"),
    "vector": ("#999999", "||||"),
    "leakage": ("#333333", ""),
    OTHERS: ("#E8E8E8", ""),
}
EDGE, THICK = "#222222", 0.4
HEIGHT = 1.9
#: width of a letter, and of the panels of a row together, in
LETTER, INSIDE = 0.066, 4.8
#: room between numbers, pixels
ROOM = 12.0


class Energy(Plot):
    """Stacks of components, in joules above and in shares of the whole below; a column of panels a DRAM sharing."""

    def missing(self, points: Points) -> str | None:
        """Energy has to have been counted."""
        return None if (points.frame["energy_pj"] > 0).any() else "no point uses energy; its table is all zeros"

    def draw(self, points: Points) -> Figure:
        """Bars over P, each the fastest point there."""
        column = axis_of_p(points) or "accelerators"
        drawn = [(title, _bars(frame, column)) for title, frame in points.panels()]
        stacks = _stacks([bars for _, bars in drawn])
        highest = max(bars["energy_pj"].max() for _, bars in drawn)
        unit = energy_unit(highest, points.energy_unit)
        label = name_of_p(points, column)
        alone = len(drawn) == 1
        figure = sheet(PAGE, HEIGHT if alone else 2 * HEIGHT)
        panels = figure.subplots(*((1, 2) if alone else (2, len(drawn))), squeeze=False).reshape(2, -1)
        for (title, bars), (whole, share) in zip(drawn, panels.T, strict=True):
            _stack(whole, bars, stacks, unit.factor)
            _stack(share, bars, stacks, bars["energy_pj"] / 100)
            for axes in (whole, share):
                names = [f"{value:g}" for value in bars[column]]
                cramped = LETTER * (2 + max(map(len, names))) > INSIDE / len(drawn) / len(bars)
                axes.set_xticks(list(bars.index), names, rotation=90 if cramped else 0)
                axes.tick_params(axis="x", length=0)
                panel(axes, title, grid="y")
            whole.set_ylim(0, highest / unit.factor * (1 + _headroom(bars, unit, len(drawn))))
            share.set_ylim(0, 100)
            share.set_xlabel(label)
            if alone:
                whole.set_xlabel(label)
            else:
                share.set_title("")
        panels[0, 0].set_ylabel(f"energy ({unit.name})")
        panels[1, 0].set_ylabel("share of the energy (%)")
        finished(figure, [], _caption(points, column, stacks), beside=_key(list(stacks)))
        for (_, bars), whole in zip(drawn, panels[0], strict=True):
            _write_totals(whole, bars["energy_pj"], unit)
        return figure


def _caption(points: Points, column: str, stacks: Iterable[str]) -> str:
    said = f"{points.subject()}."
    if rest := points.besides(points.along(column), points.sharing):
        said += f" Bars are the fastest points{over(rest)}."
    if OTHERS in stacks:
        said += f" Others: components below {100 * COUNTS:g} % in each bar."
    return f"{said} {points.remarks()}".strip()


def _bars(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The fastest point for each value of a column."""
    return pd.DataFrame([fastest(group) for _, group in frame.groupby(column)]).reset_index(drop=True)


def _stacks(bars: Sequence[pd.DataFrame]) -> dict[str, list[str]]:
    """What is stacked, from below: a name, and the columns that it adds up."""
    every = pd.concat(bars)
    shares = {name: (every[f"{name}_pj"] / every["energy_pj"]).max() for name in COMPONENTS if f"{name}_pj" in every}
    stacks = {name: [f"{name}_pj"] for name, share in shares.items() if share >= COUNTS}
    small = [f"{name}_pj" for name, share in shares.items() if 0 < share < COUNTS]
    return stacks | ({OTHERS: small} if small else {})


def _stack(axes: Axes, bars: pd.DataFrame, stacks: dict[str, list[str]], unit: float | pd.Series[float]) -> None:
    below = pd.Series(0.0, bars.index)
    for name, columns in stacks.items():
        height = bars[columns].sum(axis=1) / unit
        fill, hatch = FILLS[name]
        axes.bar(bars.index, height, 0.78, below, color=fill, hatch=hatch, edgecolor=EDGE, linewidth=THICK)
        below += height
    axes.set_xlim(*with_room(-0.6, len(bars) - 0.4, 3.0))


def _texts(totals: pd.Series[float], unit: Unit) -> list[str]:
    """What is written above bars: numbers in the unit of the axis, or each in its own where they are far apart."""
    if totals.min() / unit.factor >= 0.01 or unit.name.endswith("MACs"):
        return [unit.said(total) for total in totals]
    return [f"{own.said(total)} {own.name}" for total in totals for own in [energy_unit(total, "pJ")]]


def _headroom(bars: pd.DataFrame, unit: Unit, columns: int) -> float:
    """Room above the highest bar for what is written there, as a share of the bar; upright where bars are narrow."""
    if INSIDE / columns / len(bars) < 1.2 * SMALL / 72:
        return 0.05
    longest = LETTER * max(map(len, _texts(bars["energy_pj"], unit)))
    needed = longest if longest > INSIDE / columns / len(bars) else 1.5 * SMALL / 72
    return (needed + 0.06) / (HEIGHT - 0.6 - needed)


def _write_totals(axes: Axes, totals: pd.Series[float], unit: Unit) -> None:
    """Above bars, if there is room: level, else upright, else not at all."""
    for turned in (0, 90):
        texts = [
            axes.annotate(
                text, (number, total / unit.factor), (0, 2), textcoords="offset points",
                ha="center", va="bottom", rotation=turned, fontsize=SMALL,
            )
            for number, (text, total) in enumerate(zip(_texts(totals, unit), totals, strict=True))
        ]  # fmt: skip
        boxes = [extent(text) for text in texts]
        frame = extent(axes.patch)
        inside = all(frame[0] <= box[0] and box[2] <= frame[2] and box[3] <= frame[3] for box in boxes)
        if inside and all(apart(one, other, ROOM) for one, other in pairwise(boxes)):
            return
        for text in texts:
            text.remove()


def _key(names: Sequence[str]) -> Key:
    """The components from the top of the stack."""
    handles = {
        name: Patch(facecolor=FILLS[name][0], hatch=FILLS[name][1], edgecolor=EDGE, linewidth=THICK) for name in names
    }
    return Key("", [(handles[name], COMPONENTS.get(name, name)) for name in reversed(names)])
