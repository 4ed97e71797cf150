"""Ranks for a budget: which layers to write as two, and with how many units between them, to lose little energy.

What is lost is the share of its energy (its squared weights) that each layer loses, added up over the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from ppsim.errors import InputError
from ppsim.pruning.cost_model import CostModel
from ppsim.pruning.low_rank import energy_lost, factorised, full_rank
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Model

#: ranks tried of a layer, evenly from the smallest to the full one
RUNGS = 32


@dataclass(frozen=True)
class _Option:
    """A rank of a layer, None for the layer as it is: the share of energy lost, and the price of the network."""

    rank: int | None
    lost: float
    price: float


def ranks_within(
    model: Model, cost_model: CostModel, budget: float, kind: str = "channel", layers: str | Sequence[str] = "*"
) -> dict[str, int]:
    """Ranks of the layers to take apart so that the network costs `budget` at most; layers not named stay whole.

    Each of `layers` (globs) is priced alone at `RUNGS` ranks. From the whole network on, the layer and the rank are
    taken that lose least energy for each unit of cost saved, until the network, priced as a whole, is within the
    budget; of the steps that end there the one is taken that loses least, and at last each layer gets back what the
    budget still has room for. Where the prices of layers add up, what is lost is above the least there is by less than
    the last step loses; where they do not (layers overlap, channels are shared), it is a heuristic, and the budget
    holds all the same.

    Raises InputError for a budget that no ranks reach, and for layers and kinds as `factorised` does.
    """
    graph = model.graph
    if not isfinite(budget):
        raise InputError(f"budget: {budget:g}; a finite number is accepted")
    whole = cost_model(graph)
    names = graph.match(layers)
    if whole <= budget:
        return {}
    options = {name: _options(model, name, kind, cost_model, whole) for name in names}
    search = _Search(graph, kind, cost_model, budget, options)
    return search.given_back(search.within(_Choice({name: found[0] for name, found in options.items()}, whole))).ranks


def _options(model: Model, name: str, kind: str, cost_model: CostModel, whole: float) -> list[_Option]:
    """The layer as it is, and at the ranks at which the network is cheaper."""
    lost, most = energy_lost(model.weight(name), kind), full_rank(model.graph, name, kind)
    shares = lost / lost[0] if lost[0] else lost
    found = [_Option(None, 0.0, whole)]
    for rank in np.unique(np.linspace(1, most, min(most, RUNGS)).round().astype(int)).tolist():
        price = cost_model(factorised(model.graph, {name: rank}, kind))
        if price < whole:
            found.append(_Option(rank, float(shares[rank]), price))
    return found


@dataclass(frozen=True)
class _Choice:
    """An option for each layer, and the price of the network that has all of them."""

    options: Mapping[str, _Option]
    price: float

    @property
    def ranks(self) -> dict[str, int]:
        """The ranks of the layers that are taken apart."""
        return {name: option.rank for name, option in self.options.items() if option.rank is not None}


@dataclass(frozen=True)
class _Search:
    """What is the same throughout a search."""

    graph: LayerGraph
    kind: str
    cost_model: CostModel
    budget: float
    options: Mapping[str, Sequence[_Option]]

    def within(self, choice: _Choice) -> _Choice:
        """From a choice to one that is within the budget, step by step; raises InputError where there is none."""
        before = choice.price
        while choice.price > self.budget:
            step = self._steepest(choice)
            if step is None:
                raise InputError(
                    f"{self.graph.name}: budget: {self.budget:g}; ranks of kind {self.kind!r} bring the cost from "
                    f"{before:g} to {choice.price:g}"
                )
            further = self._with(choice, *step)
            choice = further if further.price > self.budget else self._last(choice, further)
        return choice

    def given_back(self, choice: _Choice) -> _Choice:
        """The choice with less lost in each layer, those that lose most first, as far as the budget allows."""
        for name in sorted(choice.options, key=lambda name: -choice.options[name].lost):
            now = choice.options[name]
            room = self.budget - choice.price + now.price
            fitting = [option for option in self.options[name] if option.price <= room and option.lost < now.lost]
            for option in sorted(fitting, key=lambda option: (option.lost, option.price)):
                tried = self._with(choice, name, option)
                if tried.price <= self.budget:
                    choice = tried
                    break
        return choice

    def _with(self, choice: _Choice, name: str, option: _Option) -> _Choice:
        chosen = _Choice({**choice.options, name: option}, 0.0)
        return _Choice(chosen.options, self.cost_model(factorised(self.graph, chosen.ranks, self.kind)))

    def _steepest(self, choice: _Choice) -> tuple[str, _Option] | None:
        """The layer and its cheaper option that lose least for what they save, the cheapest of several; None: none."""
        steps = [
            ((option.lost - now.lost) / (now.price - option.price), option.price, name, option)
            for name, now in choice.options.items()
            for option in self.options[name]
            if option.price < now.price
        ]
        best = min(steps, key=lambda step: step[:3], default=None)
        return None if best is None else best[2:]

    def _last(self, choice: _Choice, steepest: _Choice) -> _Choice:
        """Of the steps that end within the budget the one that loses least, though it may save less for what it loses.

        `steepest` is one of them.
        """
        lost = sum(option.lost for option in steepest.options.values())
        steps = [
            (sum(o.lost for o in choice.options.values()) - choice.options[name].lost + option.lost, name, option)
            for name, found in self.options.items()
            for option in found
            if choice.price - choice.options[name].price + option.price <= self.budget
        ]
        for less, name, option in sorted(steps, key=lambda step: step[:2]):
            if less >= lost:
                break
            tried = self._with(choice, name, option)
            if tried.price <= self.budget:
                return tried
        return steepest
