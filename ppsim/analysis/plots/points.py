"""The points of a sweep that a figure is about.

Columns that are read: point, error, workload, system, scope, dram, accelerators, parts, keep, batch, seconds,
energy_pj, <component>_pj, energy_unit, area_mm2, speedup, energy_reduction, pruning, link_loss, dram_loss,
imbalance_loss, one for each axis, and the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from ppsim.analysis.plots.axes import Axis, axes_of, column_axis, names
from ppsim.analysis.plots.contract import Sweep
from ppsim.analysis.plots.wording import placed, plain, said, shortened
from ppsim.errors import InputError

#: who is behind a DRAM channel: the axis that curves are told apart by first
SHARING = "dram.sharing"
#: columns beside the axes that points can be chosen by
CHOSEN_BY = ("workload", "system", "scope", "dram", "accelerators", "parts", "batch", "keep")
#: in a screened sweep: the point that beats the bounds of one that was skipped for it
BEATEN_BY = "beaten_by"
#: columns that no plot shows
NO_VALUES = ("point", "error", "energy_unit", BEATEN_BY)
#: share of all combinations of values below which points are samples
SPARSE = 0.1
#: what speedups and energy reductions are against, for a caption
AGAINST = "each against the same unpruned, on one accelerator with the same settings"
SCOPES = {"network": "whole network", "pruned-layers": "pruned layers alone"}


@dataclass(frozen=True, eq=False)
class Points:
    """Points that were simulated, and the axes in which they differ, in the order of the sweep.

    `fixed` is what they were chosen by, `failed` how many of the chosen ones have no result, `value` the column that a
    plot of any one quantity shows, `skipped` how many were not simulated because another point beats their bounds.
    """

    sweep: Sweep
    frame: pd.DataFrame
    axes: tuple[Axis, ...]
    fixed: Mapping[str, str]
    failed: int
    value: str
    skipped: int = 0

    @property
    def energy_unit(self) -> str:
        """The unit of energies: pJ, or MAC of a table that counts in multiply-accumulates."""
        return str(self.frame["energy_unit"].iloc[0])

    @property
    def sharing(self) -> Axis | None:
        """The axis of DRAM sharing, if it varies."""
        return self.axis(SHARING)

    @property
    def sparse(self) -> bool:
        """Whether these are samples, of which few have a neighbour on an axis, and not a grid."""
        return len(self.frame) < SPARSE * prod(len(axis.values) for axis in self.axes)

    def axis(self, path: str) -> Axis | None:
        """The axis with a path, if it varies."""
        return next((axis for axis in self.axes if path in axis.paths), None)

    def along(self, column: str) -> Axis | None:
        """The axis that a column follows: the one of that path, or one that it follows value by value.

        There are as many accelerators as parts where only parts are set.
        """
        return self.axis(column) or next((axis for axis in self.axes if _follows(self.frame[column], axis)), None)

    def besides(self, *taken: str | Axis | None) -> list[Axis]:
        """The axes without some; those that change the speedup most come first."""
        left = [axis for axis in self.axes if axis not in taken and not set(axis.paths) & set(taken)]
        return sorted(left, key=lambda axis: -self.effect(axis, self.frame["speedup"]))

    def effect(self, axis: Axis, column: pd.Series[float]) -> float:
        """How far an axis moves a column: the mean distance, of logarithms where there are, between its ends.

        Between points that differ in nothing else; or between the means of its values, where few points do so.
        """
        values = pd.to_numeric(column, errors="coerce")
        if (values > 0).all():
            values = np.log(values)
        groups = values.groupby([other.codes for other in self.axes if other is not axis] or [values.map(lambda _: 0)])
        sizes = groups.size()
        if sizes[sizes > 1].sum() < len(values) / 2:
            means = values.groupby(axis.codes).mean()
            return float(means.max() - means.min())
        return float((groups.max() - groups.min())[sizes > 1].mean())

    def panels(self) -> list[tuple[str, pd.DataFrame]]:
        """What each way to share DRAM is called, and its points."""
        if self.sharing is None:
            return [(self.sharing_name, self.frame)]
        codes = self.sharing.codes
        return [(sharing_name(v), self.frame[codes == n]) for n, v in enumerate(self.sharing.values)]

    @property
    def sharing_name(self) -> str:
        """How DRAM is shared where that is not an axis."""
        found = self.frame["dram"].unique()
        return f"{found[0]} DRAM" if len(found) == 1 else "all points"

    def subject(self) -> str:
        """What was simulated, for a caption."""
        of = [self._one("workload", "all workloads"), "on", self._one("system", "all systems")]
        scopes = self.frame["scope"].unique()
        scope = SCOPES.get(str(scopes[0]), str(scopes[0])) if len(scopes) == 1 else "all scopes"
        fixed = [placed([path], text) for path, text in self.fixed.items()]
        return ", ".join([" ".join(of), scope, *fixed])

    def where(self, row: pd.Series[Any], axes: Iterable[Axis] | None = None) -> str:
        """Which point a row of the frame is, for a caption: its place on some axes, or on each."""
        here = self.frame["point"] == row["point"]
        every = self.axes if axes is None else axes
        return ", ".join(axis.placed(int(axis.codes[here].iloc[0])) for axis in every)

    def remarks(self) -> str:
        """What a caption ends with: which points are missing."""
        said = [f"{self.failed} failed point{'s are' if self.failed > 1 else ' is'} left out."] if self.failed else []
        if self.skipped:
            points = f"{self.skipped:,} point{'s' if self.skipped > 1 else ''}"
            said.append(f"{points} left out: others beat what they could be at best.")
        if (done := len(self.sweep.frame)) < (all_ := len(self.sweep.points)):
            said.append(f"The sweep is not finished: {done:,} of {all_:,} points are done.")
        return " ".join(said)

    def _one(self, column: str, several: str) -> str:
        found = self.frame[column].unique()
        return plain(shortened(str(found[0]))) if len(found) == 1 else several


def points_of(sweep: Sweep, at: Mapping[str, str] | None = None, value: str = "speedup") -> Points:
    """The points of a sweep, or those at which axes, or columns of `CHOSEN_BY`, have the values `at`.

    Raises InputError for an unknown path, value or column, and when no point is left.
    """
    frame, axes, fixed = sweep.frame.reset_index(drop=True), axes_of(sweep), {}
    if value not in frame or value in NO_VALUES:
        shown = ", ".join(str(column) for column in frame if column not in NO_VALUES)
        raise InputError(f"--value {value}: the sweep has no such column; accepted: {shown}")
    for path, text in (at or {}).items():
        if path not in (accepted := list(dict.fromkeys([*sweep.axes, *CHOSEN_BY]))):
            raise InputError(f"--at {path}={text}: not in the sweep; accepted: {', '.join(accepted)}")
        axis = next((axis for axis in axes if path in axis.paths), None) or column_axis(path, frame)
        codes = [code for code, known in enumerate(axis.of(path)) if names(text, known)]
        if not codes:
            some = list(dict.fromkeys(map(said, axis.of(path))))
            raise InputError(f"--at {path}={text}: not one of its values: {', '.join(some)}")
        frame = frame[axis.codes.loc[frame.index].isin(codes)]
        fixed[path] = said(axis.of(path)[codes[0]])
    usable = frame[frame["error"].isna() & (frame["seconds"] > 0)]
    if usable.empty:
        where = f" at {', '.join(f'{path}={text}' for path, text in fixed.items())}" if fixed else ""
        raise InputError(f"no point{where} to plot{f': all {len(frame)} failed' if len(frame) else ''}")
    varying = tuple(axis for axis in (axis.within(usable) for axis in axes) if len(axis.values) > 1)
    skipped = int(frame[BEATEN_BY].notna().sum()) if BEATEN_BY in frame else 0
    return Points(sweep, usable, varying, fixed, len(frame) - len(usable) - skipped, value, skipped)


def _follows(column: pd.Series[Any], axis: Axis) -> bool:
    return bool((axis.codes.groupby(column).nunique() == 1).all() and (column.groupby(axis.codes).nunique() == 1).all())


def fastest_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by latency; of equal ones those with less energy first, then the order of the sweep."""
    return frame.sort_values(["seconds", "energy_pj", "point"], kind="stable")


def fastest(frame: pd.DataFrame) -> pd.Series[Any]:
    """The first of these rows."""
    return fastest_first(frame).iloc[0]


def sharing_name(value: Any) -> str:
    """Such as "private DRAM", or "DRAM shared by 4" where four accelerators are behind a channel."""
    return f"{value} DRAM" if value in ("private", "shared") else f"DRAM shared by {said(value)}"
