"""Speedup and energy reduction over the share of the weights that is kept."""

from __future__ import annotations

from matplotlib.figure import Figure

from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.curves import ALIKE, Ideal, curves
from ppsim.analysis.plots.points import Points


class Keep(Plot):
    """Over the kept share, with the line 1/keep."""

    def missing(self, points: Points) -> str | None:
        """The share has to vary on one number of accelerators."""
        shares = points.frame.groupby("accelerators")["keep"]
        if (shares.max() / shares.min()).max() > ALIKE:
            return None
        return "the kept share does not vary at any number of accelerators; add an axis keep"

    def draw(self, points: Points) -> Figure:
        """Curves over the share."""
        ideal = Ideal("1/keep", lambda keep: 1 / keep)
        return curves(points, "keep", "kept share of the weights of the layers that are cut", ideal)
