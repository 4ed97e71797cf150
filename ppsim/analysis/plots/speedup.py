"""Speedup and energy reduction over the number of accelerators."""

from __future__ import annotations

from matplotlib.figure import Figure

from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.curves import QUANTITIES, Ideal, curves
from ppsim.analysis.plots.points import Points

#: kept weights times P may be that far from 1: parts differ by a unit
NEAR = 0.05


def axis_of_p(points: Points) -> str | None:
    """The column of P: accelerators where these vary, else parts; None where neither does."""
    return next((column for column in ("accelerators", "parts") if points.frame[column].nunique() > 1), None)


def name_of_p(points: Points, column: str) -> str:
    """What P is called."""
    axis = points.axis(column)
    return axis.name if axis else f"{column} P"


class Speedup(Plot):
    """Over P, with the line P."""

    def missing(self, points: Points) -> str | None:
        """P has to vary."""
        return None if axis_of_p(points) else "accelerators and parts do not vary; add an axis accelerators"

    def draw(self, points: Points) -> Figure:
        """Curves over P."""
        column = axis_of_p(points)
        assert column
        # where 1/P of the weights is left, that is what energy could follow
        both = bool(((points.frame["keep"] * points.frame[column] - 1).abs() < NEAR).all())
        ideal = Ideal("y = P", float, tuple(QUANTITIES) if both else ("speedup",))
        return curves(points, column, name_of_p(points, column), ideal)
