"""The search for a design: integer program, simulation, correction, and last improvements by simulation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppsim.explore.codesign.choosing import Choosing, Prices, Table, least_loss
from ppsim.explore.codesign.losses import Losses
from ppsim.explore.codesign.prices import UNKNOWN
from ppsim.explore.codesign.space import Design, Form

#: rounds of solving and simulating, each with what the sums were wrong by
ROUNDS = 8
#: rounds of improvements, and of the changes that promise most in one, those that are simulated
IMPROVEMENTS, TRIED = 60, 40
#: what a design costs: simulated time or energy, or multiply-accumulates
Price = Callable[[Design], int]


@dataclass(frozen=True)
class Found:
    """A design, what it loses and what it costs."""

    design: Design
    loss: float
    price: int


@dataclass(frozen=True, eq=False)
class Searched:
    """What may be chosen for some number of parts: widths of axes, forms of layers, and each layer's losses."""

    losses: Losses
    widths: tuple[tuple[int, ...], ...]
    forms: tuple[tuple[Form, ...], ...]
    tables: tuple[np.ndarray, ...]

    @property
    def parts(self) -> int:
        """Number of parts."""
        return self.losses.arrangement.parts

    def design(self, choice: Sequence[int]) -> Design:
        """The design of a choice: a width for each axis, then a form for each layer."""
        axes = len(self.widths)
        return Design(
            self.parts,
            tuple(self.widths[a][i] for a, i in enumerate(choice[:axes])),
            tuple(self.forms[at][i] for at, i in enumerate(choice[axes:])),
        )

    def loss(self, design: Design) -> float:
        """Losses of all layers added up."""
        return self.losses.total(design)

    def estimate(self, prices: Sequence[Prices], design: Design) -> int:
        """What tables say a design costs, as if widths that are not in them were the nearest that are."""
        space, total = self.losses.known.space, 0
        for at, ends in enumerate(space.ends):
            sides = (axis for axis in (ends.reads, ends.makes) if axis is not None)
            entry = tuple(nearest(self.widths[axis], design.widths[axis]) for axis in sides)
            total += int(prices[at][(*entry, self.forms[at].index(design.forms[at]))])
        return total

    def priced(self, price: Callable[[int, Sequence[int], Form], int]) -> list[Prices]:
        """Prices of each layer's options that are a function of the layer, of widths of the axes, and of its form."""
        space = self.losses.known.space
        found = []
        for at, ends in enumerate(space.ends):
            table = np.full(self.tables[at].shape, UNKNOWN, dtype=np.int64)
            sides = [axis for axis in (ends.reads, ends.makes) if axis is not None]
            for entry in np.argwhere(self.tables[at] < np.inf).tolist():
                widths = list(space.atoms)
                for axis, pick in zip(sides, entry, strict=False):
                    widths[axis] = self.widths[axis][pick]
                table[tuple(entry)] = price(at, widths, self.forms[at][entry[-1]])
            found.append(table)
        return found

    def choosing(self, prices: Sequence[Prices], budget: int) -> Choosing:
        """The knapsack of some prices."""
        space, axes = self.losses.known.space, len(self.widths)
        tables = []
        for at, ends in enumerate(space.ends):
            variables = (*(axis for axis in (ends.reads, ends.makes) if axis is not None), axes + at)
            losses = np.where(prices[at] == UNKNOWN, np.inf, self.tables[at])
            tables.append(Table(variables, losses, prices[at]))
        options = (*map(len, self.widths), *map(len, self.forms))
        return Choosing(options, tuple(tables), budget)


def searched(losses: Losses) -> Searched:
    """All that may be chosen, with its losses."""
    space, parts = losses.known.space, losses.arrangement.parts
    widths = tuple(space.widths(axis, parts) for axis in range(len(space.atoms)))
    forms = tuple(space.forms(at, parts) for at in range(len(space.layers)))
    tables = []
    for at, ends in enumerate(space.ends):
        sides = [axis for axis in (ends.reads, ends.makes) if axis is not None]
        table = np.full((*(len(widths[axis]) for axis in sides), len(forms[at])), np.inf)
        for entry in np.ndindex(table.shape):
            wide = [one[0] for one in widths]
            for axis, pick in zip(sides, entry, strict=False):
                wide[axis] = widths[axis][pick]
            table[entry] = losses.loss(at, wide, forms[at][entry[-1]])
        tables.append(table)
    return Searched(losses, widths, forms, tuple(tables))


def search(of: Searched, prices: Sequence[Prices], price: Price, budget: int) -> Found | None:
    """The design that loses least of those whose price is within a budget, as far as the search finds it; or None.

    `prices` are each layer's by table, and `price` what a design costs altogether. Where their sums differ, the budget
    of the integer program is corrected by the difference and solved again; the best design within the budget is then
    improved by changes of a width or a form, or of two, that `price` allows.
    """
    allowed, best = budget, None
    for _ in range(ROUNDS):
        choosing = of.choosing(prices, allowed)
        choice = least_loss(choosing)
        if choice is None:
            break
        design = of.design(choice)
        cost = price(design)
        if cost <= budget:
            candidate = Found(design, of.loss(design), cost)
            best = candidate if best is None or candidate.loss < best.loss else best
        corrected = budget - (cost - choosing.price(choice))
        if corrected == allowed or (best is not None and cost <= budget and corrected < allowed):
            break
        allowed = corrected
    if best is None:
        cheap = cheapest(of, prices)
        if cheap is None or price(cheap) > budget:
            return None
        best = Found(cheap, of.loss(cheap), price(cheap))
    return improved(of, best, price, budget)


def cheapest(of: Searched, prices: Sequence[Prices]) -> Design | None:
    """The design that costs least by the tables."""
    reverse = replace(of, tables=tuple(np.where(p == UNKNOWN, np.inf, p.astype(float)) for p in prices))
    choice = least_loss(reverse.choosing(prices, sum(int(p.max()) for p in prices)))
    return None if choice is None else of.design(choice)


def improved(of: Searched, start: Found, price: Price, budget: int) -> Found:
    """A design after changes that lose less, those that lose least first, for as long as one is within the budget."""
    best = start
    for _ in range(IMPROVEMENTS):
        better = []
        for design in changes(of, best.design):
            loss = of.loss(design)
            if loss < best.loss - 1e-9:
                better.append((loss, design))
        better.sort(key=lambda pair: pair[0])
        for loss, design in better[:TRIED]:
            cost = price(design)
            if cost <= budget:
                best = Found(design, loss, cost)
                break
        else:
            return best
    return best


def changes(of: Searched, design: Design) -> Iterator[Design]:
    """Designs that differ in the width of an axis or the form of a layer, or in two of them."""
    single = list(_single(of, design))
    yield from single
    for changed in single:
        yield from _single(of, changed)


def nearest(widths: Sequence[int], width: int) -> int:
    """The place of the width that is nearest, the wider of two."""
    return min(range(len(widths)), key=lambda at: abs(widths[at] - width))


def _single(of: Searched, design: Design) -> Iterator[Design]:
    for axis, widths in enumerate(of.widths):
        here = design.widths[axis]
        wider, narrower = [w for w in widths if w > here], [w for w in widths if w < here]
        for width in (*wider[-1:], *narrower[:1]):
            yield replace(design, widths=(*design.widths[:axis], width, *design.widths[axis + 1 :]))
    for at, forms in enumerate(of.forms):
        for form in forms:
            if form != design.forms[at]:
                yield replace(design, forms=(*design.forms[:at], form, *design.forms[at + 1 :]))
