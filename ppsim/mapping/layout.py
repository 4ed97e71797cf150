"""Where the features of a tensor are made and needed, and what has to be sent because of it.

A tensor's features are numbered 0 .. F-1 (channel-major for images). Both what an accelerator makes and what it needs
are sets of intervals of that numbering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """`made[a]`: the features accelerator a makes, disjoint sorted intervals. `replicated`: every one makes all."""

    made: tuple[tuple[Interval, ...], ...]
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


def merged(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
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


def overlap(one: Sequence[Interval], other: Sequence[Interval]) -> int:
    """Features in both of two sorted disjoint sets."""
    i = j = shared = 0
    while i < len(one) and j < len(other):
        shared += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return shared


@lru_cache(maxsize=4096)
def transfers(layout: Layout, needs: tuple[tuple[Interval, ...], ...]) -> tuple[tuple[int, int, int], ...]:
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
