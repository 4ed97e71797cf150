"""A column over two axes: which axes, and what is in a cell where several points are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ppsim.analysis.plots.axes import Axis, in_ranges, over
from ppsim.analysis.plots.points import Points, fastest_first
from ppsim.analysis.plots.units import unit_of
from ppsim.analysis.plots.wording import name_and_unit, said

#: columns that are better when larger, and when smaller; so are energies. Of others the fastest point's value counts
LARGER = ("speedup", "energy_reduction", "pruning")
SMALLER = (
    "seconds", "cycles", "dram_bytes", "link_bytes", "area_mm2", "link_loss", "dram_loss", "imbalance_loss",
)  # fmt: skip
#: values of an axis up to which each has cells of its own
MOST = 20


@dataclass(frozen=True, eq=False)
class Cells:
    """A grid (up, across) of numbers for each panel, nan where there is no point.

    Where the column holds words, a number is that of its word in `words`. `how` says what is in a cell, if several
    points are.
    """

    name: str
    across: Axis
    up: Axis
    titles: tuple[str, ...]
    grids: tuple[NDArray[np.float64], ...]
    words: tuple[str, ...]
    how: str


def cells_of(points: Points) -> Cells:
    """The column `points.value` over the two axes, sharing DRAM aside, that move it most; a grid a DRAM sharing."""
    column, name, words = _column(points)
    candidates = sorted(points.besides(points.sharing), key=lambda axis: -points.effect(axis, column))
    shown = (candidates if len(candidates) > 1 else [*candidates, *points.besides(*candidates)])[:2]
    # the longer one lies along the width of the page
    up, across = sorted(shown, key=lambda axis: len(axis.values))
    by_panel = points.panels() if points.sharing not in shown else [("", points.frame)]
    rest = [axis for axis in points.axes if axis not in shown and (axis is not points.sharing or len(by_panel) == 1)]
    across, up = in_ranges(across, MOST), in_ranges(up, MOST)
    best, what = _best(points.value)
    table = pd.DataFrame({"value": column, "x": across.codes, "y": up.codes}).loc[fastest_first(points.frame).index]
    grids = []
    for _, frame in by_panel:
        grid = np.full((len(up.values), len(across.values)), np.nan)
        found = table[table.index.isin(frame.index)].groupby(["y", "x"])["value"].agg(best)
        grid[tuple(np.array(list(found.index)).T)] = found
        grids.append(grid)
    ranged = " of those in a range" if across.ranged or up.ranged else ""
    how = f"Cells hold {what}{ranged}{over(rest)}." if rest or ranged else ""
    return Cells(name, across, up, tuple(title for title, _ in by_panel), tuple(grids), words, how)


def _column(points: Points) -> tuple[pd.Series[float], str, tuple[str, ...]]:
    """A column in numbers, what it is called with its unit, and the words that its numbers stand for, if they do."""
    column = points.frame[points.value]
    name, _ = name_and_unit(points.value)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        words = tuple(sorted({str(word) for word in column}))
        return column.map(lambda word: words.index(str(word))).astype(float), name, tuple(map(said, words))
    numbers = column.astype(float)
    unit = unit_of(points.value, float(numbers.abs().max()), points.energy_unit)
    return numbers / unit.factor, f"{name} ({unit.name})" if unit.name else name, ()


def _best(column: str) -> tuple[str, str]:
    """How points are put together, and what that is called."""
    if column in LARGER:
        return "max", "the largest"
    if column in SMALLER or column.endswith("_pj"):
        return "min", "the smallest"
    return "first", "that of the fastest point"
