"""Any column over two axes, as colours and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ppsim.analysis.plots.cells import Cells, cells_of
from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.page import PAGE, PRINTED, Key, extent, finished, sheet
from ppsim.analysis.plots.points import Points
from ppsim.analysis.plots.scales import WIDE, colour_ticks
from ppsim.analysis.plots.wording import shortened

#: dark to light, so that it is one in grey too; one for values on both sides of zero; and one for words
MAP, AROUND_ZERO = "cividis", "PuOr"
WORDS = ("#56B4E9", "#D55E00", "#F0E442", "#009E73", "#CC79A7", "#0072B2", "#E69F00", "#999999")
#: height of a row; least and greatest height of the cells of a panel; room for what is around them; in
ROW, LOW, HIGH, AROUND = 0.24, 1.1, 3.4, 0.6
#: height of all panels together, in: a page holds it
TALLEST = 8.0
#: width of a letter, and of the cells of all panels together; in
LETTER, INSIDE = 0.066, 5.4
#: cells are in panels below each other where they would be narrower than that beside each other, in
NARROW = 0.3
#: letters of a name that stands upright
UPRIGHT = 18
#: lightness from which on letters on a colour are black
LIGHT = 0.5


@dataclass(frozen=True)
class Colours:
    """How numbers become colours."""

    map: Colormap
    norm: Normalize


class Heatmap(Plot):
    """Over the two axes that move the column most; a panel for each way to share DRAM."""

    def missing(self, points: Points) -> str | None:
        """Two axes have to vary; sharing DRAM may be one of them."""
        if len(points.axes) < 2:
            only = f"only {points.axes[0].name} varies" if points.axes else "nothing varies"
            return f"{only}; add an axis, such as array.rows or dram.bandwidth_gb_s"
        return None if points.frame[points.value].notna().any() else f"no point has a {points.value}"

    def draw(self, points: Points) -> Figure:
        """The panels, their colours, and a caption that says what is in a cell."""
        cells = cells_of(points)
        colours = _colours(cells)
        figure, panels = _panels(cells)
        for axes, title, grid in zip(panels, cells.titles, cells.grids, strict=True):
            axes.pcolormesh(grid, cmap=colours.map, norm=colours.norm, edgecolors="white", linewidth=0.6)
            axes.set_title(title)
        keys = []
        if cells.words:
            patches = [Patch(facecolor=colours.map(n), linewidth=0) for n in range(len(cells.words))]
            keys.append(Key(cells.name, list(zip(patches, cells.words, strict=True))))
        else:
            bar = figure.colorbar(ScalarMappable(colours.norm, colours.map), ax=panels, aspect=25, pad=0.02)
            bar.set_label(cells.name)
            bar.outline.set_linewidth(0.5)
            colour_ticks(bar, (float(colours.norm.vmin or 0), float(colours.norm.vmax or 0)))
        finished(figure, keys, " ".join(filter(None, [f"{points.subject()}.", cells.how, points.remarks()])))
        for axes, grid in zip(panels, cells.grids, strict=True):
            _write(axes, grid, cells.words, colours)
        return figure


def _colours(cells: Cells) -> Colours:
    values = np.concatenate([grid.ravel() for grid in cells.grids])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if cells.words:
        chosen = [WORDS[number % len(WORDS)] for number in range(len(cells.words))]
        return Colours(ListedColormap(chosen), Normalize(0, max(1, len(chosen) - 1)))
    if low < 0 < high:
        most = max(-low, high)
        return Colours(colormaps[AROUND_ZERO], Normalize(-most, most))
    if low == high:  # one colour, in the middle
        return Colours(colormaps[MAP], Normalize(low - max(1.0, abs(low)), high + max(1.0, abs(high))))
    return Colours(colormaps[MAP], (LogNorm if low > 0 and high / low >= WIDE else Normalize)(low, high))


def _panels(cells: Cells) -> tuple[Figure, list[Axes]]:
    """Panels beside each other, or below where cells would be narrow; labels that are too long for a cell upright."""
    rows, columns, count = len(cells.up.values), len(cells.across.values), len(cells.grids)
    beside = count * columns * NARROW <= INSIDE
    wide = INSIDE / (columns * count if beside else columns)
    upright = LETTER * max(map(len, cells.across.texts)) > wide and not cells.across.numeric
    names = [shortened(text, UPRIGHT) if upright else text for text in cells.across.texts]
    # names of axes stand beside cells, and those of values may stand below them
    low = max(LOW, LETTER * max(len(cells.up.name), len(cells.name)))
    high = max(low, min(ROW * rows, HIGH)) + AROUND
    below = LETTER * max(map(len, names)) if upright else 0.0
    figure = sheet(PAGE, min(high if beside else high * count, TALLEST) + below)
    shape = (1, count) if beside else (count, 1)
    panels = list(figure.subplots(*shape, squeeze=False, sharex=True, sharey=True).ravel())
    for axes in panels:
        axes.set_xticks(np.arange(columns) + 0.5, names, rotation=90 if upright else 0)
        axes.set_yticks(np.arange(rows) + 0.5, cells.up.texts)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    for axes in panels if beside else panels[-1:]:
        axes.set_xlabel(cells.across.name)
    for axes in panels[:1] if beside else panels:
        axes.set_ylabel(cells.up.name)
    return figure, panels


def _write(axes: Axes, grid: NDArray[np.float64], words: Sequence[str], colours: Colours) -> None:
    """What a cell holds, into the cells of a panel, in three digits, or two, if all of them fit."""
    left, bottom, right, top = extent(axes.patch)
    wide, high = (right - left) / grid.shape[1] - 0.04 * PRINTED, (top - bottom) / grid.shape[0]
    for digits in (3, 2):
        drawn = []
        for (row, column), value in np.ndenumerate(grid):
            if np.isnan(value):
                continue
            text = words[int(value)] if words else _number(value, digits)
            red, green, blue, _ = colours.map(int(value) if words else float(colours.norm(value)))
            colour = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > LIGHT else "white"
            drawn.append(axes.text(column + 0.5, row + 0.5, text, ha="center", va="center_baseline", color=colour))
        boxes = [extent(text) for text in drawn]
        if all(box[2] - box[0] <= wide and box[3] - box[1] <= high for box in boxes):
            return
        for written in drawn:
            written.remove()


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if abs(value) < 10**digits - 0.5 else f"{value:.0f}"
