"""A network some of whose layers are cut into parts: which units belong to which part and which blocks are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ppsim.errors import InputError
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear


@dataclass(frozen=True)
class Kept:
    """What an output part keeps of one input part: its first `units` input units, against all its output units."""

    part: int
    units: int


@dataclass(frozen=True)
class PartitionedLayer:
    """A linear layer cut into parts.

    `in_sizes[p]` and `out_sizes[p]` are the input and output units of part p, contiguous in that order. `kept[q]` are
    the input units that output part q is connected to; a block not named there is pruned. Kept units of another part
    are what has to be sent.
    """

    in_sizes: tuple[int, ...]
    out_sizes: tuple[int, ...]
    kept: tuple[tuple[Kept, ...], ...]

    def __post_init__(self) -> None:
        """Reject blocks that do not fit the sizes."""
        if not len(self.in_sizes) == len(self.out_sizes) == len(self.kept):
            raise InputError("a partitioned layer needs as many input parts, output parts and kept lists")
        for q, blocks in enumerate(self.kept):
            seen = set()
            for block in blocks:
                if not 0 <= block.part < len(self.in_sizes) or not 1 <= block.units <= self.in_sizes[block.part]:
                    raise InputError(f"output part {q} keeps {block}, which is no block of parts sized {self.in_sizes}")
                if block.part in seen:
                    raise InputError(f"output part {q} keeps input part {block.part} twice")
                seen.add(block.part)
            if not blocks:
                raise InputError(f"output part {q} keeps no block; keep at least one input unit for it")

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.out_sizes)

    def fan_in(self, part: int) -> int:
        """Input units output part `part` is connected to: the reduction length of its product."""
        return sum(block.units for block in self.kept[part])

    @property
    def weights(self) -> int:
        """Weights kept."""
        return sum(self.fan_in(q) * self.out_sizes[q] for q in range(self.parts))

    @property
    def dense_weights(self) -> int:
        """Weights before pruning."""
        return sum(self.in_sizes) * sum(self.out_sizes)


@dataclass(frozen=True)
class PartitionedGraph:
    """A LayerGraph and, for each of its partitioned layers, the parts it is cut into."""

    graph: LayerGraph
    parts: int
    layers: Mapping[str, PartitionedLayer]

    def __post_init__(self) -> None:
        """Check every partitioned layer against the graph."""
        for name, layer in self.layers.items():
            if not isinstance(self.graph[name], Linear):
                raise InputError(f"{self.graph.name}: layer {name!r}: only linear layers can be partitioned")
            dense = self.graph.gemm_of(name)
            assert dense is not None
            if layer.parts != self.parts or sum(layer.in_sizes) != dense.k or sum(layer.out_sizes) != dense.n:
                raise InputError(
                    f"{self.graph.name}: layer {name!r}: {layer.parts} parts of {sum(layer.in_sizes)} x "
                    f"{sum(layer.out_sizes)} units do not make up {self.parts} parts of {dense.k} x {dense.n}"
                )

    @property
    def name(self) -> str:
        """The network's name."""
        return self.graph.name

    @property
    def pruned(self) -> bool:
        """Whether any weight was removed."""
        return any(layer.weights < layer.dense_weights for layer in self.layers.values())

    @property
    def kept_ratio(self) -> float:
        """Share of the partitioned layers' weights that is kept."""
        kept = sum(layer.weights for layer in self.layers.values())
        return kept / sum(layer.dense_weights for layer in self.layers.values())

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network that are left."""
        removed = sum(layer.dense_weights - layer.weights for layer in self.layers.values())
        return self.graph.macs - removed * self.graph.batch

    def stretches(self) -> tuple[PartitionedGraph, ...]:
        """The partitioned layers alone: one network for each run of them that nothing but pointwise layers interrupts.

        Pointwise layers that follow a partitioned layer come along, as they run on its outputs.
        """
        names: list[list[str]] = []
        open_end: str | None = None
        for layer in self.graph.layers:
            source = self.graph.sources[layer.name]
            if layer.name in self.layers and source != open_end:
                names.append([layer.name])
            elif source == open_end and open_end is not None and (layer.name in self.layers or layer.pointwise):
                names[-1].append(layer.name)
            else:
                continue
            open_end = layer.name
        return tuple(
            PartitionedGraph(
                self.graph.stretch(tuple(run)), self.parts, {n: self.layers[n] for n in run if n in self.layers}
            )
            for run in names
        )


def split_evenly(units: int, parts: int) -> tuple[int, ...]:
    """Sizes of `parts` contiguous parts of `units` units; the first ones are larger by one where it does not divide."""
    size, larger = divmod(units, parts)
    return tuple(size + (p < larger) for p in range(parts))


def starts(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """First unit of each part, and one past the last unit at the end."""
    return tuple(accumulate(sizes, initial=0))
