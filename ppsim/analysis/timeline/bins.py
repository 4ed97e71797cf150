"""Amounts spread over the time of the work that causes them, added up in bins of equal length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.analysis.timeline.folding import Ints
from ppsim.analysis.timeline.values import Counter

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bins:
    """`edges` (fs) of bins from the start of a run to its end, which add up to it."""

    edges: Ints

    @staticmethod
    def of(end_fs: int, most: int) -> Bins:
        """As many as `most`, at least one, none shorter than a femtosecond."""
        count = max(1, min(most, end_fs))
        return Bins(np.array([end_fs * number // count for number in range(count + 1)], dtype=np.int64))

    @property
    def lengths(self) -> Ints:
        """Femtoseconds of each bin."""
        return np.diff(self.edges)

    def spread(self, start: Ints, end: Ints, amounts: Floats) -> Floats:
        """Amounts (pieces x kinds) of pieces of work that do not overlap, evenly over each: bins x kinds.

        What is in all bins together is the sum of the amounts.
        """
        before = np.concatenate([np.zeros((1, amounts.shape[1])), np.cumsum(amounts, axis=0)])
        over = np.searchsorted(end, self.edges, side="right")
        reached = before[over]
        inside = np.flatnonzero(over < len(end))
        piece = over[inside]
        share = (self.edges[inside] - start[piece]) / (end[piece] - start[piece])
        reached[inside] += np.clip(share, 0, 1)[:, None] * amounts[piece]
        return np.diff(reached, axis=0)

    def counter(self, group: str, name: str, unit: str, series: tuple[str, ...], rates: Floats) -> Counter:
        """Rates (bins x series) as a counter, whose samples are those that differ from the one before."""
        changed = np.flatnonzero(np.concatenate([[True], (rates[1:] != rates[:-1]).any(axis=1)]))
        return Counter(
            group,
            name,
            unit,
            series,
            (*self.edges[changed].tolist(), int(self.edges[-1])),
            (*map(tuple, rates[changed].tolist()), (0.0,) * len(series)),
        )
