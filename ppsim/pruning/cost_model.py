"""What pruning is guided by: a price of a whole network, of any unit, that rooms above fill with simulated numbers."""

from __future__ import annotations

from typing import Protocol

from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


class CostModel(Protocol):
    """The price of running a network once; the same network always has the same."""

    def __call__(self, net: LayerGraph | PartitionedGraph, /) -> float:
        """Finite and zero or more: multiply-accumulates, seconds, joules; lower is better."""
        ...


def macs_cost(net: LayerGraph | PartitionedGraph) -> float:
    """Multiply-accumulates, the field's usual stand-in for time: it knows nothing of arrays, memories or links."""
    return float(net.macs)
