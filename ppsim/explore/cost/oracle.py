"""`cost`, and `Oracle`, which remembers: what a network costs on a system, simulated."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Literal

from ppsim.errors import InputError
from ppsim.explore.cost.costs import Cost
from ppsim.explore.cost.pricing import cost_of
from ppsim.explore.cost.variants import Cut, Keep, Network, variant
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.workload.partitioned import PartitionedGraph


def cost(
    graph: Network,
    keep: Keep | None = None,
    rank: Mapping[str, int] | None = None,
    partition: Cut | int | None = None,
    system: System | str = "tetris",
) -> Cost:
    """What a network costs with other widths and ranks, cut into parts, on a system: simulated, links and all.

    `keep` gives output widths by layer, as units or as shares (0.5), or one share for all layers. `rank` is that of
    each part's block of a layer that is cut; another layer becomes two, of that rank. `partition` is a number of parts
    (of the layers fc*), or a `Cut`. Where `system` is a name, there is an accelerator for each part.

    The same arguments give the same numbers, those of `ppsim.simulate`. Raises InputError for what does not exist.
    """
    net = variant(graph, keep, rank, partition)
    return cost_of(net, system if isinstance(system, System) else usual_system(system, net))


def usual_system(name: str, net: Network) -> System:
    """The system of that name with an accelerator for each part; a heterogeneous one has its own."""
    return _loaded(name, net.fewest_accelerators if isinstance(net, PartitionedGraph) else 1)


@lru_cache(maxsize=64)
def _loaded(name: str, accelerators: int) -> System:
    return load_system(name, accelerators=None if load_system(name).groups else accelerators)


#: accelerators of a system that is simulated again and again
MOST_ACCELERATORS = 1024
#: the numbers of a Cost that may be minimised
Measure = Literal["cycles", "seconds", "energy_pj", "dram_bytes", "link_bytes", "macs"]


def check_size(system: System) -> None:
    """Raise InputError for a system of so many accelerators that what takes many simulations would take hours."""
    if system.accelerators > MOST_ACCELERATORS:
        raise InputError(
            f"{system.name}: {system.accelerators:,} accelerators; prices, which take many simulations, are told of up "
            f"to {MOST_ACCELERATORS:,}"
        )


class Oracle:
    """Says what networks cost on one system, and remembers the last `most` answers.

    `oracle(net)` is a Cost; `oracle.measured("seconds")` a function from a network to a number, as pruning by cost
    takes it. `asked` counts questions, `simulated` those that were not answered from memory.
    """

    def __init__(self, system: System, most: int = 4096) -> None:
        check_size(system)
        self.system, self.most = system, most
        self.asked = self.simulated = 0
        self._known: OrderedDict[Hashable, Cost] = OrderedDict()

    def __call__(self, net: Network) -> Cost:
        """The cost of a network; raises InputError if it cannot run on the system."""
        self.asked += 1
        key = _key(net)
        found = self._known.get(key)
        if found is None:
            found = cost_of(net, self.system)
            self.simulated += 1
            self._known[key] = found
            if len(self._known) > self.most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found

    def measured(self, quantity: Measure) -> Measured:
        """The cost of a network as one number."""
        return Measured(self, quantity)


class Measured:
    """One number of what an oracle says of a network."""

    def __init__(self, oracle: Oracle, quantity: Measure) -> None:
        self.oracle, self.quantity = oracle, quantity

    def __call__(self, net: Network) -> float:
        """The number, in the unit of Cost."""
        return float(getattr(self.oracle(net), self.quantity))


def _key(net: Network) -> Hashable:
    """What a network's cost depends on: not what it is called."""
    if isinstance(net, PartitionedGraph):
        return _key(net.graph), net.parts, tuple(sorted(net.layers.items(), key=itemgetter(0))), net.placement
    return net.input_shape, net.layers, net.batch, net.bits
