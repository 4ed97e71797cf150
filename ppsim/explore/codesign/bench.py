"""What all budgets have in common: the space, what is known of the network, and tables for each number of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ppsim.explore.codesign.arrangement import Arrangement
from ppsim.explore.codesign.choosing import Prices
from ppsim.explore.codesign.fitting import Teacher
from ppsim.explore.codesign.knowledge import Known, arrangement_of
from ppsim.explore.codesign.losses import Losses
from ppsim.explore.codesign.prices import Pricing, price_tables
from ppsim.explore.codesign.realising import Realised, realised
from ppsim.explore.codesign.searching import Searched, searched
from ppsim.explore.codesign.space import Design, Space
from ppsim.workload.model import Model

#: how good a network is, more is better: its accuracy, or how often it says what the whole one does
Judge = Callable[[Model], float]


@dataclass(eq=False)
class Bench:
    """Tables are made when they are asked for, and kept; designs that were measured once are not measured again.

    `teacher` holds the inputs that tried designs are fitted to (None: they are not), and `judge` says how good a fitted
    network is (None: the tables' losses alone tell). `report` is called after everything that takes a while.
    """

    known: Known
    pricing: Pricing
    method: str
    seed: int
    teacher: Teacher | None = None
    judge: Judge | None = None
    measured: int = 0
    qualities: dict[Design, float] = field(default_factory=dict)
    report: Callable[[], None] = lambda: None
    _arrangements: dict[tuple[int, str], Arrangement] = field(default_factory=dict)
    _losses: dict[tuple[int, str], Losses] = field(default_factory=dict)
    _searched: dict[tuple[int, float], Searched] = field(default_factory=dict)
    _prices: dict[int, list[Prices]] = field(default_factory=dict)

    @property
    def space(self) -> Space:
        """What is chosen among."""
        return self.known.space

    def arrangement(self, parts: int, method: str | None = None) -> Arrangement:
        """Which part each atom is in, as a method says; None: the bench's."""
        key = (parts, method or self.method)
        if key not in self._arrangements:
            self._arrangements[key] = arrangement_of(self.known, *key, self.seed)
        return self._arrangements[key]

    def losses(self, parts: int, method: str | None = None) -> Losses:
        """What layers lose in an arrangement."""
        key = (parts, method or self.method)
        if key not in self._losses:
            self._losses[key] = Losses(self.known, self.arrangement(*key))
        return self._losses[key]

    def searched(self, parts: int, forgiven: float) -> Searched:
        """What may be chosen, with its losses."""
        key = (parts, forgiven)
        if key not in self._searched:
            self._searched[key] = searched(self.losses(parts).forgiving(forgiven))
        return self._searched[key]

    def tables(self, parts: int) -> list[Prices]:
        """Simulated prices of each layer's options."""
        if parts not in self._prices:
            space = self.space
            widths = [space.widths(axis, parts) for axis in range(len(space.atoms))]
            forms = [space.forms(at, parts) for at in range(len(space.layers))]
            self._prices[parts] = price_tables(self.pricing, self.arrangement(parts), widths, forms, self.report)
        return self._prices[parts]

    def price(self, design: Design) -> int:
        """What a design costs, simulated."""
        return self.pricing.price(design, self.arrangement(design.parts, design.method))

    def realised(self, design: Design, teacher: Teacher | None) -> Realised:
        """A design with trained numbers."""
        arrangement = self.arrangement(design.parts, design.method)
        return realised(self.known.model, self.space, design, arrangement, teacher)

    def quality(self, design: Design) -> float:
        """How good a design is once it is fitted, as the judge says."""
        assert self.judge is not None
        if design not in self.qualities:
            self.measured += 1
            self.qualities[design] = self.judge(self.realised(design, self.teacher).model)
            self.report()
        return self.qualities[design]
