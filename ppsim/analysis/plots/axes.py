"""Axes of a sweep as figures need them: what varies, in which values, and which points have which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ppsim.analysis.plots.contract import Sweep
from ppsim.analysis.plots.scales import WIDE
from ppsim.analysis.plots.wording import joined, listed, placed, said

#: ranges that many numbers are put into
RANGES = 8


@dataclass(frozen=True, eq=False)
class Axis:
    """Fields that are set together, and their values in the order of the sweep.

    A value is one for all `paths`, or a tuple of one for each if they differ anywhere. `codes` are by row of a frame:
    the number of its value. An axis that is `ranged` has texts of ranges for values.
    """

    paths: tuple[str, ...]
    values: tuple[Any, ...]
    codes: pd.Series[int]
    ranged: bool = False

    @property
    def name(self) -> str:
        """What it is called, with its unit."""
        return joined(self.paths, self._tuples)

    @property
    def texts(self) -> tuple[str, ...]:
        """Its values, as they are written."""
        return tuple(said(value) for value in self.values)

    @property
    def numeric(self) -> bool:
        """Whether its values have distances."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    @property
    def _tuples(self) -> bool:
        return any(isinstance(value, tuple) for value in self.values)

    def of(self, path: str) -> tuple[Any, ...]:
        """What one of the fields has in each of the values."""
        number = self.paths.index(path)
        return tuple(value[number] for value in self.values) if self._tuples else self.values

    def placed(self, code: int) -> str:
        """The axis and one of its values, for a caption: "DRAM bandwidth = 16 GB/s"."""
        return placed(self.paths, self.texts[code], self._tuples)

    def within(self, frame: pd.DataFrame) -> Axis:
        """The axis with the values that rows of the frame have, numbers in ascending order."""
        codes = self.codes.loc[frame.index]
        left = sorted(codes.unique())
        axis = replace(self, values=tuple(self.values[code] for code in left))
        order = sorted(range(len(left)), key=axis.values.__getitem__) if axis.numeric else range(len(left))
        numbers = {left[old]: new for new, old in enumerate(order)}
        return replace(axis, values=tuple(axis.values[old] for old in order), codes=codes.map(numbers))


def axes_of(sweep: Sweep) -> list[Axis]:
    """The axes of a sweep; codes are by row of its frame, rows counted from 0."""
    settings = [sweep.points[number] for number in sweep.frame["point"]]
    return [_axis(tuple(axis.paths), settings, sweep.axes) for axis in sweep.spec.ordered]


def column_axis(column: str, frame: pd.DataFrame) -> Axis:
    """A column that describes points, as an axis of what it holds in ascending order; -1 is the code of no value."""
    codes, values = pd.factorize(frame[column], sort=True)
    return Axis((column,), tuple(map(_plain, values)), pd.Series(codes, frame.index))


def over(axes: Iterable[Axis]) -> str:
    """Such as " over array rows and array cols"; nothing without axes."""
    names = [axis.name for axis in axes]
    return f" over {listed(names)}" if names else ""


def in_ranges(axis: Axis, most: int) -> Axis:
    """The axis, with ranges in place of numbers of which there are more than that; of equal ratios if they are wide."""
    if len(axis.values) <= most or not axis.numeric:
        return axis
    values = np.array(axis.values, float)
    spaced = np.geomspace if values[0] > 0 and values[-1] / values[0] >= WIDE else np.linspace
    edges = spaced(values[0], values[-1], RANGES + 1)[1:-1]
    _, numbers = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
    ends = [(values[numbers == n].min(), values[numbers == n].max()) for n in range(numbers.max() + 1)]
    texts = tuple(f"{low:.3g} to {high:.3g}" if low < high else f"{low:.3g}" for low, high in ends)
    return replace(axis, values=texts, codes=axis.codes.map(dict(enumerate(numbers))), ranged=True)


def names(text: str, value: Any) -> bool:
    """Whether a text stands for a value: as it is, as it is shown, or as YAML has it."""
    text = text.strip()
    if value is None:
        return text in (said(None), "none", "null", "~")
    if isinstance(value, bool):
        return text.lower() in (("true", "yes") if value else ("false", "no"))
    try:
        return text == said(value) or text == str(value) or float(text) == value
    except ValueError:
        return False


def _axis(paths: tuple[str, ...], settings: Sequence[Mapping[str, Any]], known: Mapping[str, tuple[Any, ...]]) -> Axis:
    ranks = [{value: number for number, value in enumerate(known[path])} for path in paths]
    chosen = [tuple(point[path] for path in paths) for point in settings]
    every = sorted(set(chosen), key=lambda choice: [rank[value] for rank, value in zip(ranks, choice, strict=True)])
    numbers = {choice: number for number, choice in enumerate(every)}
    same = all(len(set(choice)) == 1 for choice in every)
    values = tuple(choice[0] if same else choice for choice in every)
    return Axis(paths, values, pd.Series([numbers[choice] for choice in chosen], dtype=int))


def _plain(value: Any) -> Any:
    """A value of Python's: columns hold numpy's, and one with gaps floats in place of integers."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value
