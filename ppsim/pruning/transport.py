"""Exact balanced assignment of many units to few parts: the transportation problem.

Every unit has a score for every part, every part a smallest and a largest size, and scores are to add up to the most.
The dual variables are prices of parts: units prefer the part where score minus price is largest, and in an optimum only
parts at their largest size have a positive price, only those at their smallest a negative one.

1. Prices are guessed: those of an optimum of a quarter of the units, then some sweeps of coordinate descent.
2. Units go where they prefer at these prices, which is optimal for the sizes the parts then have, whatever the prices.
3. Sizes are repaired by successive shortest paths over the parts (Ahuja, Magnanti and Orlin, "Network Flows", 1993,
   section 9.7): an arc p -> q is the cheapest move of a unit of p to q, and a path is followed by as many units at once
   as tie. How far parts are outside their bounds is compared before scores are, so magnitudes never mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from ppsim.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: share of the largest difference between two scores of a unit below which a gain is taken for rounding
TOLERANCE = 1e-12
#: scores beyond it could overflow once they are subtracted and added up
LARGEST_SCORE = 1e300
#: prices are guessed from one unit in SAMPLED, unless there are only FEW units for each part
SAMPLED, FEW = 4, 2
#: given prices are worse than guessed ones when more than one unit in so many is out of place
FAR = 8


@dataclass(frozen=True, eq=False)
class Assignment:
    """An optimal assignment with the prices that prove it.

    For a unit i of part p and any part q, scores[i, p] - prices[p] >= scores[i, q] - prices[q] up to rounding. A price
    is above zero only where the part has its largest size, below zero only where it has its smallest.
    """

    #: the part of each unit, (units,)
    parts: Integers
    #: the price of each part, in the unit of the scores, (parts,); a start for the next call with similar scores
    prices: Floats


def balanced_bounds(units: int, parts: int, slack: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Smallest and largest size of each part: the share `slack` below and above units/parts, rounded outwards, from 1.

    Without slack sizes differ by at most one. Raises InputError for `parts` out of 1 to `units`, `slack` out of [0, 1).
    """
    if not 1 <= parts <= units:
        raise InputError(f"parts={parts} is out of range; with {units} units it goes from 1 to {units}")
    if not 0 <= slack < 1:
        raise InputError(f"slack={slack:g} is out of range; accepted: from 0 to below 1")
    # 10 * (1 + 0.1) is 11.000000000000002, which is still 11 units
    noise = 1e-9
    lowest = max(1, floor(units * (1 - slack) / parts + noise))
    highest = ceil(units * (1 + slack) / parts - noise)
    return (lowest,) * parts, (highest,) * parts


def assign(scores: Floats, lowest: Sequence[int], highest: Sequence[int], prices: Floats | None = None) -> Assignment:
    """The assignment of units to parts with the largest sum of scores, in which part p has lowest[p] to highest[p].

    `scores` is (units, parts); `prices` (parts,) are those of a similar problem, or None: they only change how long it
    takes and which of equal optima it is. The same input always gives the same output. Gains below TOLERANCE of the
    largest difference between two scores of a unit are left to rounding.

    Raises InputError for scores or prices that are not finite or of another shape, and bounds that cannot be met.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise InputError(f"scores have shape {scores.shape}; accepted: (units, parts), at least one of each")
    if not np.abs(scores).max() <= LARGEST_SCORE:
        raise InputError(f"scores: accepted are finite numbers between -{LARGEST_SCORE:g} and {LARGEST_SCORE:g}")
    units, parts = scores.shape
    smallest, largest = _checked_bounds(units, parts, lowest, highest)
    # what is the same for all parts decides nothing; rows of parts are contiguous
    gain = np.ascontiguousarray((scores - scores.max(axis=1, keepdims=True)).T)
    if prices is not None:
        prices = np.asarray(prices, dtype=np.float64)
        if prices.shape != (parts,) or not np.isfinite(prices).all():
            raise InputError(f"prices: accepted are None or {parts} finite numbers, one for each part")
        # optimal prices lie within; beyond, differences between scores would drown
        prices = np.clip(prices, 2 * gain.min(), -2 * gain.min())
    return _solved(gain, smallest, largest, prices)


def _checked_bounds(units: int, parts: int, lowest: Sequence[int], highest: Sequence[int]) -> tuple[Integers, Integers]:
    if not len(lowest) == len(highest) == parts:
        raise InputError(f"{len(lowest)} lowest and {len(highest)} highest sizes; accepted: one each for {parts} parts")
    for p, (least, most) in enumerate(zip(lowest, highest, strict=True)):
        if not 0 <= least <= most:
            raise InputError(f"part {p} has sizes from {least} to {most}; accepted: 0 <= lowest <= highest")
    if not sum(lowest) <= units <= sum(highest):
        raise InputError(f"parts take {sum(lowest)} to {sum(highest)} units; accepted: bounds that {units} can meet")
    # sys.maxsize, say, for no bound must not overflow
    return np.array(lowest, dtype=np.int64), np.array([min(most, units) for most in highest], dtype=np.int64)


def _solved(gain: Floats, lowest: Integers, highest: Integers, prices: Floats | None) -> Assignment:
    if prices is None or _excess(gain, prices, lowest, highest) > gain.shape[1] // FAR:
        prices = _sample_prices(gain, lowest, highest)
    prices = _swept(gain, prices, lowest, highest)
    return _repaired(gain, prices, lowest, highest)


def _sample_prices(gain: Floats, lowest: Integers, highest: Integers) -> Floats:
    """Optimal prices of a sample of the units for as small a share of the sizes.

    Descent from far away takes hundreds of sweeps where parts rank units alike. The sample takes evenly from the units
    in the order of their sums, so that it has the quantiles of all of them in that very case.
    """
    parts, units = gain.shape
    if units <= FEW * parts:
        return np.zeros(parts)
    sample = np.argsort(gain.sum(axis=0), kind="stable")[SAMPLED // 2 :: SAMPLED]
    share = len(sample)
    return _solved(gain[:, sample], lowest * share // units, -(-highest * share // units), None).prices


def _swept(gain: Floats, prices: Floats, lowest: Integers, highest: Integers) -> Floats:
    """Prices after sweeps of dual coordinate descent, as long as each halves the units that are in excess."""
    before = _excess(gain, prices, lowest, highest)
    while before:
        prices = prices.copy()
        value = gain - prices[:, None]
        for p in range(len(prices)):
            own = value[p] + prices[p]
            value[p] = -np.inf
            prices[p] = _balancing_price(own - value.max(axis=0), lowest[p], highest[p])
            value[p] = own - prices[p]
        after = _excess(gain, prices, lowest, highest)
        if after > before // 2:
            break
        before = after
    return prices


def _excess(gain: Floats, prices: Floats, lowest: Integers, highest: Integers) -> int:
    """How many units are not where prices want them: parts with a price at their largest size, or at their smallest."""
    loads = np.bincount((gain - prices[:, None]).argmax(axis=0), minlength=len(prices))
    above = np.maximum(loads - np.where(prices < 0, lowest, highest), 0)
    below = np.maximum(np.where(prices > 0, highest, lowest) - loads, 0)
    return int(max(above.sum(), below.sum()))


def _balancing_price(margins: Floats, lowest: int, highest: int) -> float:
    """The price nearest to zero at which the units with a larger margin for a part are within its bounds.

    It is in the middle between the margins of the last unit inside and the first outside: rounding moves neither.
    """
    wanting = np.count_nonzero(margins > 0)
    if lowest <= wanting <= highest:
        return 0.0
    kept = highest if wanting > highest else lowest
    around = np.clip([len(margins) - kept - 1, len(margins) - kept], 0, len(margins) - 1)
    return float(np.partition(margins, around)[around].sum()) / 2


def _repaired(gain: Floats, prices: Floats, lowest: Integers, highest: Integers) -> Assignment:
    """An optimum within the bounds, from units where they prefer to be at the prices.

    There are at most as many augmentations as units: shortest paths only get longer, and to take back a change of a
    size would need a shorter one, so that each size only grows or only shrinks.
    """
    count, units = gain.shape
    tolerance = -TOLERANCE * gain.min()
    parts = (gain - prices[:, None]).argmax(axis=0)
    loads = np.bincount(parts, minlength=count)
    moves = np.stack([_cheapest_moves(gain, parts, p, np.arange(count)) for p in range(count)])
    for _ in range(units + 1):
        # how many more units are out of bounds once the part has one unit less, and once it has one more
        shed = np.where(loads > highest, -1, loads <= lowest)
        take = np.where(loads < lowest, -1, loads >= highest)
        if shed.min() > 0:
            # every part has its smallest size: no price may be above zero, and any shift of all will do
            return Assignment(parts, prices - prices.max())
        distances, before = _shortest_paths(moves, prices, shed == shed.min())
        prices = 0.0 - distances
        end = int(np.where(take == take.min(), distances, np.inf).argmin())
        outside = shed.min() + take.min()
        if outside > 0 or (outside == 0 and distances[end] >= -tolerance):
            return Assignment(parts, prices)
        path = [end]
        while before[path[0]] >= 0:
            path.insert(0, int(before[path[0]]))
        start = path[0]
        spare = loads[start] - (highest if shed[start] < 0 else lowest)[start]
        space = (lowest if take[end] < 0 else highest)[end] - loads[end]
        moved = _follow(gain, parts, moves, path, int(min(spare, space)))
        loads[start] -= moved
        loads[end] += moved
    raise AssertionError(f"more augmentations than units: {units}")


def _cheapest_moves(gain: Floats, parts: Integers, p: int, targets: Integers) -> Floats:
    """The least that is lost by moving one unit of part p to each of the targets; without units, infinitely much."""
    members = np.flatnonzero(parts == p)
    losses: Floats = (gain[p, members] - gain[targets[:, None], members]).min(axis=1, initial=np.inf)
    return losses


def _shortest_paths(moves: Floats, prices: Floats, sources: NDArray[np.bool_]) -> tuple[Floats, Integers]:
    """For each part, what the cheapest chain of moves to it from a source costs, and the part before it (-1: none).

    Bellman-Ford over costs reduced by the prices, which are zero or more but for rounding: with that cut off no cycle
    is negative, and neither do the predecessors form one.
    """
    reduced = np.maximum(moves - prices[:, None] + prices, 0)
    distances = np.where(sources, prices, np.inf)
    before = np.full(len(prices), -1)
    while True:
        longer = distances[:, None] + reduced
        nearest = longer.argmin(axis=0)
        found = longer[nearest, np.arange(len(prices))]
        better = found < distances
        if not better.any():
            return distances - prices, before
        distances = np.where(better, found, distances)
        before = np.where(better, nearest, before)


def _follow(gain: Floats, parts: Integers, moves: Floats, path: list[int], room: int) -> int:
    """Moves up to `room` units along each arc, all at the cost of the first, and updates `parts` and `moves` in place.

    Returns how many it moved: as many as tie for the cheapest move along every arc of the path.
    """
    arcs = list(pairwise(path))
    tied = [np.flatnonzero((parts == p) & (gain[p] - gain[q] <= moves[p, q])) for p, q in arcs]
    count = min(room, *(len(members) for members in tied))
    moving = [members[:count] for members in tied]
    for (_, q), members in zip(arcs, moving, strict=True):
        parts[members] = q
    for (p, q), members in zip(arcs, moving, strict=True):
        rows = gain[:, members]
        stale = np.flatnonzero((rows[p] - rows).min(axis=1) <= moves[p])
        moves[p, stale] = _cheapest_moves(gain, parts, p, stale)
        moves[q] = np.minimum(moves[q], (rows[q] - rows).min(axis=1))
    return count
