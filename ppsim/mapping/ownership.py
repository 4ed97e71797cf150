"""Which units of a layer that is not partitioned an accelerator computes: those that partitioned layers want there.

How many it computes is decided elsewhere; which ones is free, as a compiler may permute filters. Units are tied through
layers that keep them (pooling, additions, grouped convolutions, flatten, concatenation), and tied units follow one
wish: that of the first partitioned layer that reads any of them, or else of the first that makes some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ppsim.mapping.layout import Interval, Intervals
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.partitioned import PartitionedGraph, starts

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Wish:
    """Where the units of a tensor are wanted: unit u on accelerator `at[kinds[u]]`.

    `kinds` has a number for each unit. Units of one kind are wanted alike, which makes them exchangeable, so no choice
    depends on how the units of a network happen to be numbered.
    """

    kinds: Numbers
    at: Numbers

    def of_blocks(self, blocks: int) -> Wish:
        """The wish of `blocks` blocks of consecutive units: each is wanted where most of its units are."""
        rows = self.kinds.reshape(blocks, -1)
        if rows.shape[1] == 1 or (rows == rows[:, :1]).all():
            return Wish(rows[:, 0], self.at)
        found, kinds = np.unique(np.sort(rows, axis=1), axis=0, return_inverse=True)
        wanted, accelerators = self.at[found], int(self.at.max()) + 1
        votes = np.stack([(wanted == a).sum(axis=1) for a in range(accelerators)], axis=1)
        # blocks that are wanted the most come first, for they are the last to be left over
        order = np.argsort(-votes.max(axis=1), kind="stable")
        return Wish(np.argsort(order)[kinds.reshape(-1)], votes.argmax(axis=1)[order])


@dataclass(frozen=True, slots=True)
class _Tie:
    """Units `low` to `high` of a tensor are, in `blocks` blocks of equal size, the `units` units of tensor `other`."""

    other: str
    low: int
    high: int
    blocks: int
    units: int

    def carried(self, wish: Wish) -> Wish:
        """The wish of the other tensor's units."""
        blocks = Wish(wish.kinds[self.low : self.high], wish.at).of_blocks(self.blocks)
        return Wish(np.repeat(blocks.kinds, self.units // self.blocks), blocks.at)


def wishes_of(net: LayerGraph | PartitionedGraph, accelerators: int) -> dict[str, Wish]:
    """By layer: where its output units are wanted; layers that no partitioned one has to do with are not there."""
    found: dict[str, Wish] = {}
    if accelerators == 1 or not isinstance(net, PartitionedGraph):
        return found
    readers: dict[str, list[str]] = {}
    for reader, sources in net.graph.sources.items():
        for source in sources:
            readers.setdefault(source, []).append(reader)
    for name, wish in _stated(net, accelerators):
        waiting = [(name, wish)]
        while waiting:
            name, wish = waiting.pop()
            if name not in found:
                found[name] = wish
                ties = _ties(net.graph, name, readers)
                waiting += [(tie.other, tie.carried(wish)) for tie in ties if tie.other not in found]
    return found


def owned(counts: Sequence[int], wish: Wish | None) -> tuple[Intervals, ...]:
    """The units of each accelerator, `counts[a]` of them, in intervals; contiguous ones where there is no wish.

    As many as possible are on the accelerator that they are wanted on. The others go, in the same order, to the first
    accelerators that have room.
    """
    if wish is None:
        return tuple(((low, high),) if high > low else () for low, high in pairwise(starts(tuple(counts))))
    order = np.argsort(wish.kinds, kind="stable")
    wanted = wish.at[wish.kinds[order]]
    owner = np.full(len(order), -1)
    room = []
    for a, count in enumerate(counts):
        mine = order[wanted == a][:count]
        owner[mine] = a
        room.append(count - len(mine))
    owner[order[owner[order] < 0]] = np.repeat(np.arange(len(counts)), room)
    edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    runs: list[list[Interval]] = [[] for _ in counts]
    for low, high in pairwise(edges):
        runs[int(owner[low])].append((low, high))
    return tuple(tuple(intervals) for intervals in runs)


def _stated(net: PartitionedGraph, accelerators: int) -> Iterator[tuple[str, Wish]]:
    """(tensor, where its units are wanted) of each layer that reads parts, in order, and then of each that makes some.

    Units that a partitioned layer makes stay with their parts; it is what they are added to that had better follow.
    """
    at = np.array([net.placed(part, accelerators) for part in range(net.parts)])
    cut = [(layer.name, net.layers[layer.name]) for layer in net.graph.layers if layer.name in net.layers]
    for name, layer in cut:
        yield net.graph.sources[name][0], Wish(_parts(layer.in_assignment, layer.in_sizes), at)
    for name, layer in cut:
        if layer.split == "outputs":
            yield name, Wish(_parts(layer.out_assignment, layer.out_sizes), at)


def _parts(assignment: tuple[int, ...] | None, sizes: tuple[int, ...]) -> Numbers:
    """The part of each unit."""
    return np.repeat(np.arange(len(sizes)), sizes) if assignment is None else np.array(assignment, dtype=np.int64)


def _ties(graph: LayerGraph, tensor: str, readers: Mapping[str, list[str]]) -> Iterator[_Tie]:
    """Which units of what a layer reads, and of what layers make that read it, the units of its output are."""
    if tensor != INPUT:
        shapes = graph.input_shapes_of(tensor)
        for source, shape, span in zip(graph.sources[tensor], shapes, _spans(graph, tensor), strict=False):
            yield _Tie(source, *span, shape[0])
    for reader in readers.get(tensor, ()):
        units = graph.shapes[reader][0]
        for source, (low, high, blocks) in zip(graph.sources[reader], _spans(graph, reader), strict=False):
            if source == tensor and high - low == units:
                yield _Tie(reader, 0, graph.shapes[tensor][0], blocks, units)


def _spans(graph: LayerGraph, name: str) -> list[tuple[int, int, int]]:
    """(low, high, blocks) for each input of a layer that keeps units, none for others.

    Output units `low` to `high` are those of the input, in `blocks` blocks.
    """
    layer, shapes, units = graph[name], graph.input_shapes_of(name), graph.shapes[name][0]
    read = [shape[0] for shape in shapes]
    product = layer.gemm(shapes, 1)
    if layer.free:
        pixels, rest = divmod(units, sum(read))
        ends = starts(tuple(count * pixels for count in read))
        return [] if rest else [(low, high, count) for (low, high), count in zip(pairwise(ends), read, strict=True)]
    if product is not None:
        grouped = product.groups > 1 and not layer.between_activations
        return [(0, units, product.groups)] if grouped else []
    if layer.rows_read(shapes, 1) or layer.reduction_groups(shapes) is not None or set(read) != {units}:
        return []
    return [(0, units, units)] * len(read)
