"""What a sum over layers misses: each layer simulated alone, against its share of the simulated network.

A sum counts each layer's launch, reads its inputs from DRAM and brings its results to accelerator 0's, and nothing of
the next layer is loaded ahead of time; in the network activations stay where they are, prefetches overlap with what
runs, and streams compete for channels and links. The difference has either sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ppsim.errors import InputError
from ppsim.explore.cost_tables.making import with_accelerators
from ppsim.explore.cost_tables.shapes import followers, shapes_of
from ppsim.explore.cost_tables.table import CostTable, Price
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.pruning.partition import partition
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LayerGap:
    """A convolution or linear layer, in cycles of accelerator 0's clock: simulated alone, and its share of the network.

    The share is from the end of the layer before to its own end.
    """

    name: str
    alone_cycles: int
    share_cycles: int
    clock_hz: int

    @property
    def alone_seconds(self) -> float:
        """Time of the layer simulated alone."""
        return self.alone_cycles / self.clock_hz

    @property
    def share_seconds(self) -> float:
        """Its share of the network's time."""
        return self.share_cycles / self.clock_hz

    @property
    def gap_seconds(self) -> float:
        """How much longer it takes alone; negative where the sum is too small."""
        return (self.alone_cycles - self.share_cycles) / self.clock_hz

    @property
    def gap_percent(self) -> float | None:
        """The same in percent of its share; None: it has no share of its own, all of it is overlapped."""
        return _percent(self.alone_cycles - self.share_cycles, self.share_cycles)


@dataclass(frozen=True)
class SumGap:
    """The sum of a network's convolutions and linear layers, each simulated alone, against the simulated network.

    `whole_cycles` are the network's: the shares of `layers` and those of all others, which no table has.
    """

    network: str
    system: str
    accelerators: int
    parts: int
    whole_cycles: int
    clock_hz: int
    layers: tuple[LayerGap, ...]

    @property
    def alone_seconds(self) -> float:
        """Sum of the layers simulated alone."""
        return sum(layer.alone_cycles for layer in self.layers) / self.clock_hz

    @property
    def share_seconds(self) -> float:
        """Sum of their shares of the network."""
        return self._share_cycles / self.clock_hz

    @property
    def whole_seconds(self) -> float:
        """The simulated network."""
        return self.whole_cycles / self.clock_hz

    @property
    def other_seconds(self) -> float:
        """What is left of it for all else: pooling, additions, attention's products, one launch."""
        return (self.whole_cycles - self._share_cycles) / self.clock_hz

    @property
    def gap_seconds(self) -> float:
        """How much the sum is too large; negative where it is too small."""
        return self._gap_cycles / self.clock_hz

    @property
    def gap_percent(self) -> float | None:
        """The same in percent of the layers' share."""
        return _percent(self._gap_cycles, self._share_cycles)

    @property
    def _share_cycles(self) -> int:
        return sum(layer.share_cycles for layer in self.layers)

    @property
    def _gap_cycles(self) -> int:
        return sum(layer.alone_cycles for layer in self.layers) - self._share_cycles

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        names = ("alone_seconds", "share_seconds", "gap_seconds", "gap_percent")
        layers = [{"name": layer.name, **{name: getattr(layer, name) for name in names}} for layer in self.layers]
        named = ("network", "system", "accelerators", "parts", "whole_seconds", "other_seconds", *names)
        return {**{name: getattr(self, name) for name in named}, "layers": layers}

    def to_frame(self) -> pd.DataFrame:
        """One row a layer: name, alone_seconds, share_seconds, gap_seconds, gap_percent."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["layers"])


def sum_gap(net: LayerGraph | PartitionedGraph, system: System) -> SumGap:
    """How far the sum of layers simulated alone is from their share of the simulated network.

    Alone, a layer of a partitioned network is cut as in it. Raises InputError for a network without convolutions and
    linear layers.
    """
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    shapes = shapes_of(graph)
    if not shapes:
        raise InputError(f"{graph.name}: has no convolution and no linear layer, so a table has no sum to compare")
    whole = simulate(net, system)
    shares = {layer.name: layer.cycles for layer in whole.layers}
    gaps = (
        LayerGap(shape.name, simulate(_stretch(net, shape.name), system).cycles, shares[shape.name], system.clock_hz)
        for shape in shapes
    )
    return SumGap(
        network=graph.name,
        system=system.name,
        accelerators=system.accelerators,
        parts=net.parts if isinstance(net, PartitionedGraph) else 1,
        whole_cycles=whole.cycles,
        clock_hz=system.clock_hz,
        layers=tuple(gaps),
    )


def gaps_of(table: CostTable, net: LayerGraph, system: System) -> tuple[SumGap, ...]:
    """The gap of a table: for each number of accelerators, of the network as it is and cut into its numbers of blocks.

    Cut are the layers that have rows of that cut at their full width.
    """
    found = []
    for count in sorted({row.accelerators for row in table.rows}):
        there = with_accelerators(system, count)
        rows = [row for row in table.rows if row.accelerators == count and _full(table, row)]
        if any(table.uncut(row) for row in rows):
            found.append(sum_gap(net, there))
        for parts in sorted({row.groups for row in rows if not table.uncut(row)}):
            names = [row.layer for row in rows if row.groups == parts and not table.uncut(row)]
            found.append(sum_gap(partition(net, parts, layers=",".join(names)), there))
    return tuple(found)


def _full(table: CostTable, row: Price) -> bool:
    shape = table.shape(row.layer)
    return (row.inputs, row.outputs) == (shape.inputs, shape.outputs)


def _stretch(net: LayerGraph | PartitionedGraph, name: str) -> LayerGraph | PartitionedGraph:
    """A layer, cut or not, with the pointwise layers that run on its outputs."""
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    stretch = graph.stretch((name, *followers(graph, name)))
    if isinstance(net, PartitionedGraph) and name in net.layers:
        return replace(net, graph=stretch, layers={name: net.layers[name]})
    return stretch


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
