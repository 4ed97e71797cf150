"""Speedup and energy reduction over one quantity: a panel each, and a curve for each way to choose the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ppsim.analysis.figures import GREY
from ppsim.analysis.plots.axes import RANGES, Axis, in_ranges, over
from ppsim.analysis.plots.marks import DASHED, LOOKS, Look, looks_of
from ppsim.analysis.plots.page import PAGE, Key, finished, panel, sheet
from ppsim.analysis.plots.points import AGAINST, Points
from ppsim.analysis.plots.scales import times_scale, value_scale
from ppsim.analysis.plots.wording import name_and_unit

#: what the panels show
QUANTITIES = {"speedup": "speedup", "energy_reduction": "energy reduction"}
HEIGHT = 2.5
#: ratio below which two measured shares may have been asked for as one
ALIKE = 1.05
#: wide and light, below curves: those that coincide with it are seen
IDEAL: Mapping[str, Any] = {"color": "#BBBBBB", "linewidth": 3.6, "solid_capstyle": "round", "zorder": 1.5}
#: mean effect, in logarithms, above which an axis has curves of its own: a percent
LEAST_EFFECT = 0.01
#: values up to which each has a place of its own on the x axis
MOST = 40


@dataclass(frozen=True)
class Ideal:
    """A line to hold curves against: its name, and its height at each x; only in panels of some quantities."""

    name: str
    height: Callable[[float], float]
    quantities: Sequence[str] = tuple(QUANTITIES)


def curves(points: Points, column: str, label: str, ideal: Ideal) -> Figure:
    """The figure, over a column of numbers."""
    taken = points.along(column)
    first, second, rest = _told_apart(points, taken)
    along = None if taken is None else in_ranges(taken, RANGES if points.sparse else MOST)
    places = _places(points.frame[column], along)
    ranged = along is not None and along.ranged
    figure = sheet(PAGE, HEIGHT)
    for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
        seen = _panel(axes, points, places, quantity, (first, second), bool(rest) or ranged)
        xs = sorted(places.unique())
        if quantity in ideal.quantities:
            ys = [ideal.height(x) for x in xs]
            axes.plot(xs, ys, **IDEAL)
            seen += ys
        value_scale(axes.xaxis, xs)
        times_scale(axes.yaxis, seen)
        axes.set_xlabel(label)
        axes.set_ylabel(QUANTITIES[quantity])
        panel(axes)
    caption = f"{points.subject()}; {AGAINST}."
    if rest or ranged:
        where = f" in ranges of {name_and_unit(column)[0]}" if ranged else ""
        caption += f" Curves are the best{over(rest)}{where}, bands reach down to the worst."
    return finished(figure, _keys(points, first, second, ideal), f"{caption} {points.remarks()}".strip())


def _places(column: pd.Series[float], axis: Axis | None) -> pd.Series[float]:
    """Where points are along a column: at the mean of those with one value, or in one range, of its axis.

    What is measured may differ a little from point to point. Where it differs more, as a share of 1/parts does, points
    are where they are.
    """
    if axis is not None:
        by_value = column.astype(float).groupby(axis.codes)
        if axis.ranged or (by_value.max() / by_value.min()).max() < ALIKE:
            return by_value.transform("mean")
    return column.map(lambda value: float(f"{value:.4g}"))


def _told_apart(points: Points, taken: Axis | None) -> tuple[Axis | None, Axis | None, list[Axis]]:
    """The axis that colours tell apart, the one that dashes do, and those that are left."""
    others = [axis for axis in points.besides(taken) if _matters(axis, points)]
    by_colour = points.sharing if points.sharing in others else None
    if by_colour is None:
        by_colour = next((axis for axis in others if len(axis.values) <= len(LOOKS)), None)
    rest = [axis for axis in others if axis is not by_colour]
    by_dash = next((axis for axis in rest if len(axis.values) <= len(DASHED)), None)
    return by_colour, by_dash, [axis for axis in points.besides(taken) if axis not in (by_colour, by_dash)]


def _matters(axis: Axis, points: Points) -> bool:
    """Whether an axis is worth curves of its own."""
    return (
        axis is points.sharing
        or max(points.effect(axis, points.frame[quantity]) for quantity in QUANTITIES) > LEAST_EFFECT
    )


def _panel(
    axes: Axes,
    points: Points,
    places: pd.Series[float],
    quantity: str,
    by: tuple[Axis | None, Axis | None],
    bands: bool,
) -> list[float]:
    """The curves, and all heights that are drawn."""
    frame, seen = points.frame, []
    looks = looks_of(by[0], points)
    for number, look in enumerate(looks):
        for dash in range(len(by[1].values) if by[1] else 1):
            chosen = _where(frame, by[0], number) & _where(frame, by[1], dash)
            heights = frame[chosen].groupby(places[chosen])[quantity].agg(["min", "max"])
            if heights.empty:
                continue
            if bands:
                axes.fill_between(
                    heights.index, heights["min"], heights["max"], color=look.colour, alpha=0.1, linewidth=0
                )
                seen += list(heights["min"])
            axes.plot(heights.index, heights["max"], zorder=3, **_line(look, dash))  # type: ignore[arg-type]
            seen += list(heights["max"])
    return seen


def _where(frame: pd.DataFrame, axis: Axis | None, code: int) -> pd.Series[bool]:
    if axis is None:
        return pd.Series(True, frame.index)
    return axis.codes == code


def _line(look: Look, dash: int) -> dict[str, object]:
    style, face = DASHED[dash]
    return {
        "color": look.colour,
        "marker": look.marker,
        # smaller on dashes: of curves that coincide all are seen
        "markersize": look.size * (1 - 0.14 * dash),
        "linestyle": style,
        "linewidth": look.width,
        "markerfacecolor": look.colour if face else "white",
        "markeredgewidth": 0.9,
    }


def _keys(points: Points, first: Axis | None, second: Axis | None, ideal: Ideal) -> list[Key]:
    looks = looks_of(first, points)
    line = (Line2D([], [], **IDEAL), ideal.name)
    names = [look.name for look in looks]
    keys = [Key("DRAM" if first in (None, points.sharing) else first.name, [
        *((Line2D([], [], **_line(look, 0)), name) for look, name in zip(looks, names, strict=True)),  # type: ignore[arg-type]
        line,
    ])]  # fmt: skip
    if second is not None:
        plain = Look(GREY, "o", 4.0, 1.4)
        keys.append(
            Key(second.name, [(Line2D([], [], **_line(plain, n)), text) for n, text in enumerate(second.texts)])  # type: ignore[arg-type]
        )
    return keys
