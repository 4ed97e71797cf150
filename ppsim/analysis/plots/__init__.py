"""Figures of a sweep, one file each. `PLOTS` is what `ppsim plot` draws.

from ppsim.analysis.plots import draw, points_of
figure = draw("speedup", points_of(ppsim.load_sweep("results/sweep"), at={"dram.sharing": "private"}))
"""

from __future__ import annotations

from matplotlib.figure import Figure

from ppsim.analysis.plots.contract import Plot, Sweep
from ppsim.analysis.plots.energy import Energy
from ppsim.analysis.plots.factors import Factors
from ppsim.analysis.plots.heatmap import Heatmap
from ppsim.analysis.plots.keep import Keep
from ppsim.analysis.plots.page import paper
from ppsim.analysis.plots.pareto import Pareto
from ppsim.analysis.plots.points import Points, points_of
from ppsim.analysis.plots.roofline import Roofline
from ppsim.analysis.plots.speedup import Speedup
from ppsim.errors import InputError

#: a new plot is one file and one line here
PLOTS: dict[str, Plot] = {
    "speedup": Speedup(),
    "keep": Keep(),
    "energy": Energy(),
    "roofline": Roofline(),
    "pareto": Pareto(),
    "heatmap": Heatmap(),
    "factors": Factors(),
}

__all__ = ["PLOTS", "Plot", "Points", "Sweep", "draw", "points_of"]


def draw(name: str, points: Points) -> Figure:
    """The plot of that name of some points of a sweep.

    Raises InputError for an unknown name, and when the points lack what the plot shows.
    """
    if name not in PLOTS:
        raise InputError(f"plot {name!r} is unknown; accepted: {', '.join(PLOTS)}")
    if missing := PLOTS[name].missing(points):
        raise InputError(f"{name}: {missing}")
    try:
        with paper():
            return PLOTS[name].draw(points)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
