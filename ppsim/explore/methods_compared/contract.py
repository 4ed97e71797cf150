"""What a method of pruning is given, and what it gives back: a network within a budget that all methods share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal, Protocol

from ppsim.hardware.system import System
from ppsim.pruning.cost_model import CostModel
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

Network = LayerGraph | PartitionedGraph
#: what a method cannot do without; inputs go with weights
Needs = Literal["structure", "weights", "inputs"]


class UnreachableError(Exception):
    """The budget is below the least price that a method comes to: `least`, in units of the task's price."""

    def __init__(self, least: float) -> None:
        super().__init__(f"{least:g} is the least there is")
        self.least = least


@dataclass(frozen=True, eq=False)
class Task:
    """A network, to be brought to a `price` of `budget` at most, and as near to it as the method's knob goes.

    `model` is the network with its weights, where they are known; `inputs` (N, ...) are some hundreds of its inputs,
    without labels, which say more of weights, and which what is left is fitted to by least squares. `system` runs it.
    `layers` is a glob of the layers that methods which remove single weights or blocks may thin; others say
    themselves what they can make smaller. `seed` starts whatever is random.
    """

    graph: LayerGraph
    model: Model | None
    inputs: Array | None
    system: System
    layers: str
    price: CostModel
    budget: float
    seed: int

    @property
    def accelerators(self) -> int:
        """How many accelerators there are."""
        return self.system.accelerators

    @property
    def has(self) -> tuple[Needs, ...]:
        """What a method may need."""
        if self.model is None:
            return ("structure",)
        return ("structure", "weights") if self.inputs is None else ("structure", "weights", "inputs")

    @property
    def trained(self) -> Model:
        """The weights, of a method that needs them."""
        assert self.model is not None
        return self.model

    @property
    def calibration(self) -> Array:
        """The inputs, of a method that needs them."""
        assert self.inputs is not None
        return self.inputs


@dataclass(frozen=True, eq=False)
class Reached:
    """The network that a method came to, and the setting of its knob, in words.

    `model` holds the weights that are left, fitted where there are inputs, and computes what the network does; None:
    weights are unknown. `kept` is the share of the squares of all weights that was left before any fit; None: unknown.
    """

    net: Network
    setting: str
    model: Model | None = None
    kept: float | None = None


class Method(Protocol):
    """A way to prune; a new one is one file and one line in `METHODS`."""

    @property
    def needs(self) -> Needs:
        """What it cannot do without."""
        ...

    def __call__(self, task: Task, /) -> Reached:
        """A network within the task's budget; raises UnreachableError where there is none."""
        ...


#: settings that are tried, evenly from the least pruned on, before the gap above the first within the budget is halved
TRIED = 16


def furthest(task: Task, steps: int, net_at: Callable[[int], Network]) -> int:
    """The least pruned setting within the budget: settings go from 0, most pruned, to `steps` - 1.

    Prices may go up where more is pruned, so the first of `TRIED` settings that is within is looked for from the least
    pruned on, and bisection is between it and the one tried before. What is within between two others that are not is
    missed. Raises UnreachableError when none of those tried is within.
    """

    def price(setting: int) -> float:
        return task.price(net_at(setting))

    tried = sorted({round(at * (steps - 1) / (TRIED - 1)) for at in range(TRIED)}, reverse=True)
    above, least = steps, inf
    for low in tried:
        found = price(low)
        if found <= task.budget:
            break
        above, least = low, min(least, found)
    else:
        raise UnreachableError(least)
    while above - low > 1:
        middle = (low + above) // 2
        if price(middle) <= task.budget:
            low = middle
        else:
            above = middle
    return low
