"""Which design points need not be simulated: those whose bounds a simulated point already beats.

A simulated point beats another one's bounds if it is nowhere larger and somewhere smaller. Whatever the other would
give is no less than its bounds, so that the simulated point beats that too: skipping it leaves the Pareto front, points
with equal results included, exactly as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ppsim.analysis.pareto import pareto_front
from ppsim.explore.screening.columns import Floats


@dataclass(eq=False)
class _Seen:
    """Simulated points that no other one beats, and what they gave."""

    numbers: list[int]
    values: Floats


@dataclass(eq=False)
class Screen:
    """Lower bounds of points: `least[n]` for each objective, all minimised, nan where there are none.

    Only points of the same `league` compete.
    """

    least: Floats
    league: Sequence[Hashable]
    _seen: dict[Hashable, _Seen] = field(default_factory=dict)

    def order(self, numbers: Sequence[int]) -> list[int]:
        """Points in the order to simulate them in: those that may be on the front, then the others, the most promising
        first - by the product of their bounds - and last those without bounds.
        """
        some = np.array(numbers, dtype=np.intp)
        least = self.least[some]
        known = np.isfinite(least).all(axis=1)
        front = np.zeros(len(some), bool)
        leagues: dict[Hashable, list[int]] = {}
        for place in np.flatnonzero(known).tolist():
            leagues.setdefault(self.league[numbers[place]], []).append(place)
        for places in leagues.values():
            front[places] = pareto_front(least[places])
        promise = np.log(np.maximum(least, np.finfo(float).tiny)).sum(axis=1)
        order = np.lexsort((some, promise, ~front, ~known))
        found: list[int] = some[order].tolist()
        return found

    def saw(self, number: int, values: Sequence[float]) -> None:
        """A point has been simulated, and has given `values`."""
        new = np.array(values, dtype=np.float64)
        seen = self._seen.setdefault(self.league[number], _Seen([], np.empty((0, len(new)))))
        if (seen.values <= new).all(axis=1).any():
            return  # what it would beat is beaten already
        stays = np.flatnonzero((new > seen.values).any(axis=1))  # what it is not better than, nor equal to
        seen.numbers = [*[seen.numbers[place] for place in stays.tolist()], number]
        seen.values = np.vstack([seen.values[stays], new])

    def beaten_by(self, number: int) -> int | None:
        """A simulated point that beats the bounds of a point, if there is one."""
        seen, least = self._seen.get(self.league[number]), self.least[number]
        if seen is None or not np.isfinite(least).all():
            return None
        beats = (seen.values <= least).all(axis=1) & (seen.values < least).any(axis=1)
        return seen.numbers[int(beats.argmax())] if beats.any() else None
