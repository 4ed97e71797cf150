"""Where the features of a tensor are made and needed, and what has to be sent because of it.

A tensor's features are numbered 0 .. F-1 (channel-major for images). Both what an accelerator makes and what it needs
are sets of intervals of that numbering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ppsim.mapping.columns import Bools, Ints, Lists, Records, ints

Interval = tuple[int, int]
#: disjoint and sorted
Intervals = tuple[Interval, ...]


class Layout(NamedTuple):
    """`made[a]`: the features accelerator a makes, disjoint sorted intervals. `replicated`: every one makes all."""

    made: tuple[Intervals, ...]
    replicated: bool = False

    def features_of(self, accelerator: int) -> int:
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
    if len(intervals) == 1:  # as it is most often
        return intervals[0][1] - intervals[0][0]
    return sum([high - low for low, high in intervals])


def merged(intervals: Sequence[Interval]) -> Intervals:
    """The union, as disjoint sorted intervals."""
    if len(intervals) == 1 and intervals[0][0] < intervals[0][1]:
        return tuple(intervals)
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
    return tuple([(max(a, low) - low, min(b, high) - low) for a, b in intervals if a < high and b > low])


def scaled(intervals: Intervals, factor: int) -> Intervals:
    """A set of units as features, `factor` for each."""
    if factor == 1:
        return intervals
    return tuple([(low * factor, high * factor) for low, high in intervals])


def copied(
    layout: Layout, copies: Sequence[tuple[int, int, int]], pixels: int, features: int
) -> tuple[tuple[Intervals, ...], Layout]:
    """What each accelerator reads to copy what it makes of a tensor, and the layout of the `features` copied.

    `copies` are runs of units of `pixels` features, as layers have them. Zeros between what is copied are shared by
    those that copy, as evenly as possible.
    """
    runs = [(low * pixels, high * pixels, to * pixels) for low, high, to in copies]
    found = {made: _copied(made, runs) for made in set(layout.made)}
    taken, put = zip(*(found[made] for made in layout.made), strict=True)
    ends = [0, *(end for low, high, to in runs for end in (to, to + high - low)), features]
    zeros = merged(list(zip(ends[::2], ends[1::2], strict=True)))
    if zeros and layout.replicated:
        whole: Intervals = ((0, features),)
        put = tuple(whole if made else () for made in layout.made)
    elif zeros:
        makers = [a for a, made in enumerate(layout.made) if made]
        shares = [list(made) for made in put]
        for low, high in zeros:
            units = (high - low) // pixels
            bounds = [low + units * at // len(makers) * pixels for at in range(len(makers) + 1)]
            for a, share in zip(makers, pairwise(bounds), strict=True):
                shares[a].append(share)
        put = tuple(merged(made) for made in shares)
    return taken, Layout(put, layout.replicated)


def _copied(made: Intervals, runs: Sequence[tuple[int, int, int]]) -> tuple[Intervals, Intervals]:
    """What is copied of one sorted set of features, and where it goes."""
    taken, put = [], []
    i = j = 0
    while i < len(made) and j < len(runs):
        low, high, to = runs[j]
        first, end = max(made[i][0], low), min(made[i][1], high)
        if first < end:
            taken.append((first, end))
            put.append((first - low + to, end - low + to))
        if made[i][1] < high:
            i += 1
        else:
            j += 1
    return merged(taken), merged(put)


class Transfer(NamedTuple):
    """`features` that `destination` needs and `source` makes."""

    source: int
    destination: int
    features: int


@dataclass(frozen=True, eq=False)
class Transfers(Records[Transfer]):
    """Transfers as columns."""

    source: Ints
    destination: Ints
    features: Ints

    def __len__(self) -> int:
        """How many transfers there are."""
        return len(self.source)

    def _between(self, low: int, high: int) -> Iterator[Transfer]:
        return map(Transfer, *[c[low:high].tolist() for c in (self.source, self.destination, self.features)])

    def where(self, chosen: Bools) -> Transfers:
        """Some of them."""
        return Transfers(self.source[chosen], self.destination[chosen], self.features[chosen])


NO_TRANSFERS = Transfers(ints(()), ints(()), ints(()))


def transfers(layout: Layout, needs: tuple[Intervals, ...]) -> Transfers:
    """All that an accelerator needs and another one makes (no two make the same), by destination and source."""
    if layout.replicated:
        return NO_TRANSFERS
    lows, highs, makers = _sorted_runs(layout.made)
    number_of: dict[Intervals, int] = {}  # many need the same
    asked = ints([number_of.setdefault(needed, len(number_of)) for needed in needs])
    need_lows, need_highs, number = _runs(tuple(number_of))
    # the runs that reach into each needed one
    first = np.searchsorted(highs, need_lows, side="right")
    met = Lists.ranges(first, np.searchsorted(lows, need_highs, side="left"))
    run, need = met.values, np.repeat(np.arange(len(number)), met.lengths)
    shared = np.minimum(highs[run], need_highs[need]) - np.maximum(lows[run], need_lows[need])
    pairs, place = np.unique(number[need] * len(needs) + makers[run], return_inverse=True)
    features = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(features, place, shared)
    pairs, features = pairs[features > 0], features[features > 0]
    bounds = np.searchsorted(pairs, np.arange(len(number_of) + 1) * len(needs))
    found = Lists(bounds, np.arange(len(pairs))).taken(asked)
    everything = Transfers(
        pairs[found.values] % len(needs), np.repeat(np.arange(len(needs)), found.lengths), features[found.values]
    )
    return everything.where(everything.source != everything.destination)


def _runs(sets: Sequence[Intervals]) -> tuple[Ints, Ints, Ints]:
    """Lower and upper ends of all intervals, and the number of the set that each is of."""
    flat = ints([end for intervals in sets for interval in intervals for end in interval])
    return flat[::2], flat[1::2], np.repeat(np.arange(len(sets)), [len(intervals) for intervals in sets])


def _sorted_runs(sets: Sequence[Intervals]) -> tuple[Ints, Ints, Ints]:
    """The same in order of the lower ends."""
    lows, highs, number = _runs(sets)
    order = np.argsort(lows, kind="stable")
    return lows[order], highs[order], number[order]
