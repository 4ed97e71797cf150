"""What a plot is, and what it needs to know of a sweep.

A new plot is one file with a class that fulfils `Plot` and one line in `PLOTS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

    from ppsim.analysis.comparison import Comparison
    from ppsim.analysis.plots.points import Points
    from ppsim.hardware.system import System


class Simulated(Protocol):
    """A point of a sweep, simulated."""

    @property
    def system(self) -> System:
        """What it ran on."""
        ...

    @property
    def comparison(self) -> Comparison:
        """Its result, and the baselines that its speedup is held against."""
        ...


class AxisOfSpec(Protocol):
    """Fields of a specification that are set together."""

    @property
    def paths(self) -> Sequence[str]:
        """The fields, by their paths."""
        ...


class Spec(Protocol):
    """What a sweep was asked to do."""

    @property
    def ordered(self) -> Sequence[AxisOfSpec]:
        """Its axes, in order."""
        ...


class Sweep(Protocol):
    """The results of a sweep."""

    @property
    def spec(self) -> Spec:
        """The specification."""
        ...

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each point that is done; `points` says which columns plots read."""
        ...

    @property
    def points(self) -> Sequence[Mapping[str, Any]]:
        """By number of a point: what it sets each axis to, by path."""
        ...

    @property
    def axes(self) -> Mapping[str, tuple[Any, ...]]:
        """By path: the values of an axis, in the order in which they are shown."""
        ...

    def simulated(self, point: int) -> Simulated:
        """Simulate the point of that number once more; raises InputError where its files have changed."""
        ...


class Plot(Protocol):
    """One kind of figure, without state."""

    def missing(self, points: Points) -> str | None:
        """Why these points cannot be drawn so, and the axis it would take; None when they can."""
        ...

    def draw(self, points: Points) -> Figure:
        """The figure; called within `page.paper()`, and only if nothing is missing."""
        ...
