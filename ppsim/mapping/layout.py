"""Where the features of a tensor are made and needed, and what has to be sent because of it.

A tensor's features are numbered 0 .. F-1 (channel-major for images). Both what an accelerator makes and what it needs
are sets of intervals of that numbering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Interval = tuple[int, int]
#: disjoint and sorted
Intervals = tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """`made[a]`: the features accelerator a makes, disjoint sorted intervals. `replicated`: every one makes all."""

    made: tuple[Intervals, ...]
    replicated: bool = False

    def count(self, accelerator: int) -> int:
        """Features that `accelerator` makes."""
        return length(self.made[accelerator])

    def scaled(self, numerator: int, denominator: int) -> Layout:
        """The layout after a layer that turns every `denominator` features into `numerator` (pooling, for example)."""
        if numerator == denominator:
            return self
        return Layout(
            tuple(
                tuple((low * numerator // denominator, high * numerator // denominator) for low, high in intervals)
                for intervals in self.made
            ),
            self.replicated,
        )


def length(intervals: Sequence[Interval]) -> int:
    """Features in disjoint intervals."""
    return sum(high - low for low, high in intervals)


def merged(intervals: Sequence[Interval]) -> Intervals:
    """The union, as disjoint sorted intervals."""
    result: list[Interval] = []
    for low, high in sorted(intervals):
        if low >= high:
            continue
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def overlap(one: Intervals, other: Intervals) -> int:
    """Features in both of two sorted disjoint sets."""
    if len(one) + len(other) > _FEW:
        return _overlap_of_many(np.array(one), np.array(other))
    i = j = shared = 0
    while i < len(one) and j < len(other):
        shared += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return shared


#: sets of more intervals than this are compared as arrays
_FEW = 64


def _overlap_of_many(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> int:
    """The same: what of `one` lies below the upper ends of `other`, less what lies below the lower ones."""
    if not len(one) or not len(other):
        return 0
    lengths = one[:, 1] - one[:, 0]
    before = np.concatenate(([0], np.cumsum(lengths)))

    def below(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        at = np.searchsorted(one[:, 0], points, side="right")
        inside = np.minimum(points - one[np.maximum(at - 1, 0), 0], lengths[np.maximum(at - 1, 0)])
        return np.where(at > 0, before[np.maximum(at - 1, 0)] + inside, 0)

    return int((below(other[:, 1]) - below(other[:, 0])).sum())


def within(intervals: Intervals, low: int, high: int) -> Intervals:
    """What of a set lies in [low, high), counted from low."""
    return tuple((max(a, low) - low, min(b, high) - low) for a, b in intervals if a < high and b > low)


def scaled(intervals: Intervals, factor: int) -> Intervals:
    """A set of units as features, `factor` for each."""
    return tuple([(low * factor, high * factor) for low, high in intervals])


@lru_cache(maxsize=4096)
def transfers(layout: Layout, needs: tuple[Intervals, ...]) -> tuple[tuple[int, int, int], ...]:
    """(source, destination, features) for all that an accelerator needs and another one makes."""
    if layout.replicated:
        return ()
    found = []
    counts = [length(made) for made in layout.made]
    everything = ((0, max((made[-1][1] for made in layout.made if made), default=0)),)
    for destination, needed in enumerate(needs):
        if not needed:
            continue
        for source, made in enumerate(layout.made):
            features = 0
            if source != destination and made:
                features = counts[source] if needed == everything else overlap(made, needed)
            if features:
                found.append((source, destination, features))
    return tuple(found)
