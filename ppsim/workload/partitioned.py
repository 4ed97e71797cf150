"""A network some of whose layers are cut into parts: which units belong to which part and which blocks are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv
from ppsim.workload.sparsity import DENSE, Block, Effect, Sparsity


class Kept(NamedTuple):
    """What an output part keeps of one input part: its first `units` input units, against all its output units.

    `nonzeros` of these weights are not zero; None: none is known to be zero (but for those that n:m sparsity prunes).
    """

    part: int
    units: int
    nonzeros: int | None = None


@dataclass(frozen=True)
class PartitionedLayer:
    """A linear layer, or an ungrouped convolution, cut into parts of its units (features or channels).

    `in_sizes[p]` and `out_sizes[q]` are the input units of part p and the output units of part q. Which units these are
    is in `in_assignment` and `out_assignment`, the part of each unit; None: contiguous, in order. `kept[q]` are the
    input units that output part q is connected to; a block not named there is pruned.

    `split` "outputs": part q computes its output units, and kept units of another part are sent to it. "inputs": there
    is one output part, part p computes what its input units contribute to it, and the partial sums are added up.

    `sparsity` says what zeros inside kept blocks are worth. `weight_bits` is the width of a weight in DRAM; None: that
    of the network. `rank` factorises each part's block into (fan-in x rank) and (rank x outputs).
    """

    in_sizes: tuple[int, ...]
    out_sizes: tuple[int, ...]
    kept: tuple[tuple[Kept, ...], ...]
    in_assignment: tuple[int, ...] | None = None
    out_assignment: tuple[int, ...] | None = None
    split: Literal["outputs", "inputs"] = "outputs"
    sparsity: Sparsity = DENSE
    weight_bits: int | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        """Reject blocks that do not fit the sizes."""
        if self.split == "inputs" and len(self.out_sizes) != 1:
            raise InputError(f"a layer split by inputs has one output part, got {len(self.out_sizes)}")
        if self.split == "inputs" and self.out_assignment is not None:
            raise InputError("a layer split by inputs has one output part, so its output units are assigned to none")
        if self.split == "outputs" and len(self.in_sizes) != len(self.out_sizes):
            raise InputError(
                f"a layer split by outputs has as many input as output parts, got {len(self.in_sizes)} and "
                f"{len(self.out_sizes)}"
            )
        if len(self.kept) != len(self.out_sizes):
            raise InputError(f"{len(self.out_sizes)} output parts need as many lists of kept blocks")
        for q, blocks in enumerate(self.kept):
            self._check_blocks(q, blocks)
        _check_assignment("input", self.in_assignment, self.in_sizes)
        _check_assignment("output", self.out_assignment, self.out_sizes)
        if self.weight_bits is not None and self.weight_bits < 1:
            raise InputError(f"weight_bits must be at least 1, got {self.weight_bits}")
        if self.rank is not None:
            self._check_rank(self.rank)

    def _check_blocks(self, q: int, blocks: tuple[Kept, ...]) -> None:
        seen = set()
        sizes = self.in_sizes
        for block in blocks:
            part, units, nonzeros = block
            if not 0 <= part < len(sizes):
                raise InputError(
                    f"output part {q} keeps {block}, which is no block: input parts go from 0 to {self.parts - 1}"
                )
            if not 1 <= units <= sizes[part]:
                raise InputError(
                    f"output part {q} keeps {block}, which is no block: input part {part} has "
                    f"{sizes[part]} units; keep 1 or more of them"
                )
            if part in seen:
                raise InputError(f"output part {q} keeps input part {part} twice")
            if nonzeros is not None and nonzeros < 0:
                raise InputError(f"output part {q}: nonzeros of input part {part} must not be negative")
            seen.add(part)
        if not blocks and self.out_sizes[q]:
            raise InputError(f"output part {q} keeps no block; keep at least one input unit for it")

    def _check_rank(self, rank: int) -> None:
        if rank < 1:
            raise InputError(f"rank must be at least 1, got {rank}")
        if self.split == "inputs":
            raise InputError(f"rank={rank} goes with a split by outputs, not by inputs; leave one of the two out")
        if self.sparsity.kind != "dense":
            raise InputError(f"rank={rank} goes with dense factors, not with sparsity {self.sparsity.kind!r}")
        if self.knows_nonzeros:
            raise InputError(f"rank={rank} goes with dense factors: leave the nonzeros of the blocks out")

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.in_sizes)

    @property
    def knows_nonzeros(self) -> bool:
        """Whether any kept block says how many of its weights are not zero."""
        return any(nonzeros is not None for blocks in self.kept for _, _, nonzeros in blocks)

    def fan_in(self, part: int) -> int:
        """Input units output part `part` is connected to: the reduction length of its product."""
        return sum(block.units for block in self.kept[part])

    @property
    def weights(self) -> int:
        """Pairs of an input and an output unit that are connected (weights of a linear layer), zeros included."""
        return sum(self.fan_in(q) * size for q, size in enumerate(self.out_sizes))

    @property
    def dense_weights(self) -> int:
        """The same before pruning."""
        return sum(self.in_sizes) * sum(self.out_sizes)

    def nonzeros(self, taps: int) -> int:
        """Weights that are not zero, `taps` for each connected pair; stored numbers, if there are factors."""
        return sum(block.nonzeros for q in range(len(self.out_sizes)) for block in self._stored(q, taps))

    def _stored(self, q: int, taps: int) -> list[Block]:
        outputs = self.out_sizes[q]
        if self.rank is not None:
            k = self.fan_in(q) * taps
            return [Block(k, self.rank, k * self.rank, 1), Block(self.rank, outputs, self.rank * outputs, 1)]
        found = []
        for kept in self.kept[q]:
            k = kept.units * taps
            # n:m leaves a shorter reduction, every other kind all of it
            most = self.sparsity.effect(Block(k, outputs, 0, 1)).k * outputs
            nonzeros = most if kept.nonzeros is None else kept.nonzeros
            if nonzeros > most:
                raise InputError(
                    f"output part {q}: {nonzeros} nonzeros of input part {kept.part} are more than the {most} weights "
                    f"of its {k} x {outputs} block"
                    + (f" under {self.sparsity.describe()}" if most < k * outputs else "")
                )
            found.append(Block(k, outputs, nonzeros, 1))
        return found

    def effect(self, blocks: tuple[Kept, ...], outputs: int, taps: int, bits: int) -> Effect:
        """What the product of some kept blocks by `outputs` output units costs, all blocks as one matrix."""
        k = sum([block.units for block in blocks]) * taps
        known = [b.units * taps * outputs if b.nonzeros is None else b.nonzeros for b in blocks]
        return self.sparsity.effect(Block(k, outputs, sum(known), self.weight_bits or bits))

    def part_of(self, side: Literal["in", "out"]) -> npt.NDArray[np.int64]:
        """The part of each unit, (units,)."""
        assignment, sizes = self._side(side)
        return np.repeat(np.arange(len(sizes)), sizes) if assignment is None else np.asarray(assignment, dtype=np.int64)

    def _side(self, side: Literal["in", "out"]) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        return (self.in_assignment, self.in_sizes) if side == "in" else (self.out_assignment, self.out_sizes)

    def runs(self, side: Literal["in", "out"]) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The units of each part as (first, one past the last) runs of consecutive units."""
        assignment, sizes = self._side(side)
        if assignment is None:
            return tuple([((low, high),) if high > low else () for low, high in pairwise(starts(sizes))])
        parts = self.part_of(side)
        edges = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
        found: list[list[tuple[int, int]]] = [[] for _ in sizes]
        for low, high in pairwise(edges):
            found[int(parts[low])].append((low, high))
        return tuple(tuple(runs) for runs in found)


@dataclass(frozen=True)
class PartitionedGraph:
    """A LayerGraph and, for each of its partitioned layers, the parts it is cut into.

    `placement[p]` is the accelerator that part p runs on; None: p modulo the number of accelerators. `description` is
    for people.
    """

    graph: LayerGraph
    parts: int
    layers: Mapping[str, PartitionedLayer]
    placement: tuple[int, ...] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        """Check every partitioned layer against the graph."""
        where = self.graph.name
        if self.parts < 1:
            raise InputError(f"{where}: parts must be at least 1, got {self.parts}")
        if self.placement is not None and (len(self.placement) != self.parts or min(self.placement) < 0):
            raise InputError(f"{where}: placement: give an accelerator (0 and up) for each of {self.parts} parts")
        for name, layer in self.layers.items():
            self.check_divisible(self.graph, name)
            try:
                self._check_layer(name, layer)
            except InputError as error:
                raise InputError(f"{where}: layer {name!r}: {error}") from None

    @staticmethod
    def check_divisible(graph: LayerGraph, name: str) -> None:
        """Raise InputError if a network has no layer `name` that can be cut into parts."""
        if not graph.is_divisible(name):
            raise InputError(
                f"{graph.name}: layer {quote(name)}: only linear layers and ungrouped convolutions can be partitioned; "
                f"there are: {', '.join(graph.divisible) or 'none'}"
            )

    def _check_layer(self, name: str, layer: PartitionedLayer) -> None:
        inputs, outputs = self.units(name)
        if layer.parts != self.parts or sum(layer.in_sizes) != inputs or sum(layer.out_sizes) != outputs:
            raise InputError(
                f"{layer.parts} parts of {sum(layer.in_sizes)} x {sum(layer.out_sizes)} units do not make up "
                f"{self.parts} parts of {inputs} x {outputs}"
            )
        check_parts(self.parts, layer.split, inputs, outputs)
        taps = self.taps(name)
        if layer.knows_nonzeros:
            layer.nonzeros(taps)
        if layer.rank is not None:
            most = max(min(layer.fan_in(q) * taps, size) for q, size in enumerate(layer.out_sizes))
            if layer.rank > most:
                raise InputError(f"rank={layer.rank} is more than its largest block has; take at most {most}")

    @property
    def name(self) -> str:
        """The network's name."""
        return self.graph.name

    def units(self, name: str) -> tuple[int, int]:
        """Input and output units of a layer: features, or channels."""
        return self.graph.input_shapes_of(name)[0][0], self.graph.shapes[name][0]

    def taps(self, name: str) -> int:
        """Weights for each pair of an input and an output unit of a layer: elements of the kernel."""
        layer = self.graph[name]
        return prod(layer.kernel) if isinstance(layer, Conv) else 1

    def placed(self, part: int, accelerators: int) -> int:
        """The accelerator a part runs on; raises InputError if there is no such one."""
        if self.placement is None:
            return part % accelerators
        where = self.placement[part]
        if where >= accelerators:
            raise InputError(
                f"{self.name}: placement: part {part} is on accelerator {where}, and there are {accelerators} "
                f"(0 to {accelerators - 1}); give at least {max(self.placement) + 1} accelerators"
            )
        return where

    @property
    def fewest_accelerators(self) -> int:
        """Accelerators that it takes to run as it is placed: one for each part, if no placement is given."""
        return self.parts if self.placement is None else max(self.placement) + 1

    @property
    def pruned(self) -> bool:
        """Whether any weight was removed."""
        return self.nonzeros < self.dense_weights

    @cached_property
    def nonzeros(self) -> int:
        """Weights of the partitioned layers that are left and not zero."""
        return sum(layer.nonzeros(self.taps(name)) for name, layer in self.layers.items())

    @cached_property
    def dense_weights(self) -> int:
        """Weights of the partitioned layers before pruning."""
        return sum(layer.dense_weights * self.taps(name) for name, layer in self.layers.items())

    @property
    def kept_ratio(self) -> float:
        """Share of the partitioned layers' weights that is kept and not zero."""
        return self.nonzeros / self.dense_weights if self.dense_weights else 1.0

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network that spend energy."""
        total = self.graph.macs
        for name, layer in self.layers.items():
            dense = self.graph.gemm_of(name)
            assert dense is not None
            total += self._macs_a_row(layer, self.taps(name)) * dense.m - dense.macs
        return total

    @staticmethod
    def _macs_a_row(layer: PartitionedLayer, taps: int) -> int:
        macs = 0
        for q, outputs in enumerate(layer.out_sizes):
            if layer.rank is not None:
                macs += layer.rank * (layer.fan_in(q) * taps + outputs)
            elif layer.split == "inputs":
                macs += sum(layer.effect((block,), outputs, taps, 1).macs for block in layer.kept[q])
            else:
                macs += layer.effect(layer.kept[q], outputs, taps, 1).macs
        return macs

    def with_batch(self, batch: int) -> PartitionedGraph:
        """The same cut for another batch."""
        return replace(self, graph=self.graph.with_batch(batch))

    def for_run(self, batch: int, bits: int | None, sequence: int | None) -> PartitionedGraph:
        """The same cut for `batch` inputs of `bits`-bit words, with `sequence` positions (None: as it is)."""
        return replace(self, graph=self.graph.for_run(batch, bits, sequence))

    def stretches(self) -> tuple[PartitionedGraph, ...]:
        """The partitioned layers alone: one network for each run of them that nothing but pointwise layers interrupts.

        Pointwise layers that follow a partitioned layer come along, as they run on its outputs.
        """
        names: list[list[str]] = []
        open_end: str | None = None
        for layer in self.graph.layers:
            source = self.graph.sources[layer.name]
            follows = open_end is not None and source == (open_end,)
            if layer.name in self.layers and not follows:
                names.append([layer.name])
            elif follows and (layer.name in self.layers or layer.pointwise):
                names[-1].append(layer.name)
            else:
                continue
            open_end = layer.name
        return tuple(
            replace(
                self,
                graph=self.graph.stretch(tuple(run)),
                layers={n: self.layers[n] for n in run if n in self.layers},
            )
            for run in names
        )


def default_blocks(in_sizes: tuple[int, ...], out_sizes: tuple[int, ...], split: str) -> tuple[tuple[Kept, ...], ...]:
    """The blocks from part p to part p; for a layer split by inputs, all of them."""
    if split == "inputs":
        return all_blocks(in_sizes, out_sizes)
    both = zip(in_sizes, out_sizes, strict=True)
    return tuple([(Kept(p, units),) if units and outputs else () for p, (units, outputs) in enumerate(both)])


def all_blocks(in_sizes: tuple[int, ...], out_sizes: tuple[int, ...]) -> tuple[tuple[Kept, ...], ...]:
    """Every block: nothing is pruned."""
    every = tuple(Kept(p, units) for p, units in enumerate(in_sizes) if units)
    return tuple(every if outputs else () for outputs in out_sizes)


def check_parts(parts: int, split: str, inputs: int, outputs: int) -> None:
    """Raise InputError when a layer has fewer units than parts on the side it is split."""
    units = inputs if split == "inputs" else outputs
    if parts > units:
        raise InputError(
            f"{parts} parts are more than the {units} {split} it is split by; take at most {units} parts, or split by "
            + ("outputs" if split == "inputs" else "inputs")
        )


def _check_assignment(side: str, assignment: tuple[int, ...] | None, sizes: tuple[int, ...]) -> None:
    if assignment is None:
        return
    parts = len(sizes)
    # the range comes first: counting would make room for the largest number it sees
    if len(assignment) != sum(sizes) or min(assignment, default=0) < 0 or max(assignment, default=0) >= parts:
        raise InputError(
            f"the assignment of {side} units: give each of {sum(sizes)} units a part from 0 to {parts - 1}"
        )
    if tuple(np.bincount(np.asarray(assignment, dtype=np.int64), minlength=parts).tolist()) != sizes:
        raise InputError(f"the assignment of {side} units to parts does not give the sizes of the parts")


def split_evenly(units: int, parts: int) -> tuple[int, ...]:
    """Sizes of `parts` contiguous parts of `units` units; the first ones are larger by one where it does not divide."""
    size, larger = divmod(units, parts)
    return (size + 1,) * larger + (size,) * (parts - larger)


def starts(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """First unit of each part, and one past the last unit at the end."""
    return tuple(accumulate(sizes, initial=0))
