"""What designs cost on a system, simulated; and tables of what each layer's share of it is.

Layers of a simulated network follow each other, so the run's time and energy are sums over layers. What a layer costs
depends on the widths before and after it and on its form; a little also on its neighbours' forms, through what the
accelerators have to send each other and what weights are loaded ahead. The tables leave the latter out: each entry is
from a network whose layers all have that form, or what is nearest to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import TypeVar

import numpy as np

from ppsim.errors import InputError
from ppsim.explore.codesign.arrangement import Arrangement
from ppsim.explore.codesign.building import ordered
from ppsim.explore.codesign.choosing import Prices
from ppsim.explore.codesign.space import WHOLE, Design, Form, Space
from ppsim.explore.cost.costs import Cost
from ppsim.explore.cost.pricing import cost_of
from ppsim.hardware.system import System

Number = TypeVar("Number", int, float)
#: what each layer costs, in whole units: cycles, or thousandths of a pJ
PerLayer = Callable[[Cost], list[int]]
#: a price that stands for "never seen", and one that no budget allows
UNKNOWN, IMPOSSIBLE = -1, 10**15


def cycles(cost: Cost) -> list[int]:
    """Cycles of accelerator 0's clock, which add up to the run's."""
    return [layer.cycles for layer in cost.layers]


def energy(cost: Cost) -> list[int]:
    """Thousandths of a pJ."""
    return [round(layer.energy_pj * 1000) for layer in cost.layers]


@dataclass(eq=False)
class Pricing:
    """Costs of the designs of a space on a system; what was simulated once is remembered."""

    space: Space
    system: System
    per_layer: PerLayer
    simulated: int = 0
    _known: dict[tuple[Arrangement, Design], list[int]] = field(default_factory=dict)

    def shares(self, design: Design, arrangement: Arrangement) -> list[int]:
        """What each layer of the space costs, with those that come before it since the last one; sums up to the run.

        `IMPOSSIBLE` for each where the network cannot run on the system.
        """
        key = (arrangement, design)
        if key not in self._known:
            self.simulated += 1
            try:
                cost = cost_of(ordered(self.space, design, arrangement), self.system)
                names = [layer.name for layer in cost.layers]
                self._known[key] = self.grouped(self.per_layer(cost), names)
            except InputError:
                self._known[key] = [IMPOSSIBLE] * len(self.space.layers)
        return self._known[key]

    def price(self, design: Design, arrangement: Arrangement) -> int:
        """What the whole network costs."""
        return sum(self.shares(design, arrangement))

    @property
    def least(self) -> int:
        """The least that a network that was simulated costs."""
        return min(map(sum, self._known.values()), default=IMPOSSIBLE)

    def grouped(self, costs: Sequence[Number], names: Sequence[str]) -> list[Number]:
        """Costs of simulated layers by layer of the space: each with what comes before it since the last one."""
        places = {name: at for at, name in enumerate(self.space.layers)}
        found: list[Number] = [costs[0] * 0] * len(places)
        last = 0
        waiting = costs[0] * 0
        for name, cost in zip(names, costs, strict=True):
            waiting += cost
            if name in places:
                last = places[name]
                found[last] += waiting
                waiting = costs[0] * 0
        found[last] += waiting
        return found


def price_tables(
    pricing: Pricing,
    arrangement: Arrangement,
    widths: Sequence[Sequence[int]],
    forms: Sequence[Sequence[Form]],
    report: Callable[[], None],
) -> list[Prices]:
    """Prices of each layer, (widths read, widths made, forms), or (widths made, forms) where it reads several axes.

    Entries whose form does not fit are `UNKNOWN`. Networks are simulated until every other entry is known: all axes of
    one colour have a width together, so that a network gives an entry for each layer. `report` is called after each.
    """
    space, parts = pricing.space, arrangement.parts
    colour = _colours(space)
    tables = [np.full(_shape(space, at, widths, forms), UNKNOWN, dtype=np.int64) for at in range(len(space.layers))]
    for first, second, form in product(*map(range, _most(colour, widths, forms))):
        picks = [min((first, second)[colour[a]], len(widths[a]) - 1) for a in range(len(widths))]
        _enter(pricing, arrangement, widths, forms, tables, picks, [min(form, len(one) - 1) for one in forms])
        report()
    # layers that make an axis of the colour that they read: one by one
    for at, table in enumerate(tables):
        for entry in np.argwhere(table == UNKNOWN).tolist():
            if tables[at][tuple(entry)] != UNKNOWN:
                continue
            ends = space.ends[at]
            picks = [len(one) // 2 for one in widths]
            if ends.reads is not None:
                picks[ends.reads] = entry[0]
            picks[ends.makes] = entry[-2]
            chosen = [min(entry[-1], len(one) - 1) for one in forms]
            if space.fits(at, parts, [widths[a][i] for a, i in enumerate(picks)], forms[at][entry[-1]]):
                _enter(pricing, arrangement, widths, forms, tables, picks, chosen)
    return tables


def entries(space: Space, parts: int) -> int:
    """About how many networks the tables of a space take."""
    widths = [space.widths(axis, parts) for axis in range(len(space.atoms))]
    forms = [space.forms(at, parts) for at in range(len(space.layers))]
    return prod(_most(_colours(space), widths, forms))


def _most(
    colour: Sequence[int], widths: Sequence[Sequence[int]], forms: Sequence[Sequence[Form]]
) -> tuple[int, int, int]:
    """The most widths of an axis of each colour, and the most forms of a layer."""
    first, second = (max((len(w) for w, c in zip(widths, colour, strict=True) if c == of), default=1) for of in (0, 1))
    return first, second, max(map(len, forms))


def _shape(space: Space, at: int, widths: Sequence[Sequence[int]], forms: Sequence[Sequence[Form]]) -> tuple[int, ...]:
    ends = space.ends[at]
    sides = [len(widths[axis]) for axis in (ends.reads, ends.makes) if axis is not None]
    return (*sides, len(forms[at]))


def _enter(
    pricing: Pricing,
    arrangement: Arrangement,
    widths: Sequence[Sequence[int]],
    forms: Sequence[Sequence[Form]],
    tables: Sequence[Prices],
    picks: Sequence[int],
    chosen: Sequence[int],
) -> None:
    """Simulate one network and enter what each layer costs in it; layers whose form does not fit are whole."""
    space, parts = pricing.space, arrangement.parts
    wide = tuple(widths[axis][pick] for axis, pick in enumerate(picks))
    fits = [space.fits(at, parts, wide, forms[at][form]) for at, form in enumerate(chosen)]
    own = tuple(forms[at][form] if fits[at] else WHOLE for at, form in enumerate(chosen))
    shares = pricing.shares(Design(parts, wide, own), arrangement)
    for at, (table, share) in enumerate(zip(tables, shares, strict=True)):
        ends = space.ends[at]
        sides = [picks[axis] for axis in (ends.reads, ends.makes) if axis is not None]
        if fits[at]:
            table[(*sides, chosen[at])] = share


def _colours(space: Space) -> list[int]:
    """0 or 1 for each axis, so that layers read one colour and make the other as far as that goes."""
    found: dict[int, int] = {}
    for ends in space.ends:
        if ends.reads is not None:
            found.setdefault(ends.makes, 1 - found.setdefault(ends.reads, 0))
        found.setdefault(ends.makes, 0)
    return [found[axis] for axis in range(len(space.atoms))]
