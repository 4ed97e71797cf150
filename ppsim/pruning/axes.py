"""Which units move together: the axes that layers share, and their atoms.

What a layer computes unit by unit keeps its input's units: the layers before and after share an axis, and a unit that
is put into a part is there for all of them. Atoms are the consecutive units that cannot part: the pixels of a channel
behind a flatten, the channels of an attention head, the channels of a group of a convolution. An axis is cut by giving
each atom a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Add, Concat, Conv, Embedding, Flatten, LayerNorm, Linear, MatMul, Pool, Softmax

Number = TypeVar("Number", bound=np.generic)


class Span(NamedTuple):
    """`units` consecutive units of a tensor that lie on an axis, in the axis's order; units of an atom are adjacent."""

    axis: int
    units: int


@dataclass(frozen=True)
class Axes:
    """The axes of a network: how many atoms each has, and on which axes each tensor's units lie.

    `movable[a]` says whether the units of axis a can be put into another order without anybody outside the network
    noticing: not those of its input and of its results. `spans[name]` are those of a layer's output, or of `INPUT`.
    """

    atoms: tuple[int, ...]
    movable: tuple[bool, ...]
    spans: Mapping[str, tuple[Span, ...]]


def pieces(units: npt.NDArray[Number], spans: Sequence[Span], axis: int = 0) -> list[npt.NDArray[Number]]:
    """What of an array, whose dimension `axis` are the units of some spans, lies on each of them."""
    return np.split(units, np.cumsum([span.units for span in spans])[:-1], axis=axis)


def axes_of(graph: LayerGraph) -> Axes:
    """The axes of a network."""
    ties = _Ties()
    units = graph.input_shape[0]
    tensors: dict[str, tuple[Span, ...]] = {INPUT: (Span(ties.new(units), units),)}
    for layer in graph.layers:
        sources = [tensors[source] for source in graph.sources[layer.name]]
        shapes = graph.input_shapes_of(layer.name)
        tensors[layer.name] = _output(layer, sources, shapes, graph.shapes[layer.name][0], ties)
    for span in [span for name in (INPUT, *graph.results) for span in tensors[name]]:
        ties.fix(span.axis)
    return ties.axes(tensors)


class _Ties:
    """Sets of spans that share an axis, as they are found out to do so."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.atoms: list[int] = []
        self.movable: list[bool] = []

    def new(self, atoms: int) -> int:
        """An axis of its own."""
        self.parent.append(len(self.parent))
        self.atoms.append(atoms)
        self.movable.append(True)
        return len(self.parent) - 1

    def root(self, axis: int) -> int:
        """The one that stands for all axes that this one was joined with."""
        while self.parent[axis] != axis:
            self.parent[axis] = axis = self.parent[self.parent[axis]]
        return axis

    def coarsen(self, axis: int, groups: int) -> None:
        """Atoms that hold whole ones of `groups` equal groups."""
        at = self.root(axis)
        self.atoms[at] = gcd(self.atoms[at], groups)

    def join(self, one: int, other: int) -> None:
        """One axis, with the atoms that both have in common."""
        kept, gone = sorted((self.root(one), self.root(other)))
        if kept != gone:
            self.parent[gone] = kept
            self.atoms[kept] = gcd(self.atoms[kept], self.atoms[gone])
            self.movable[kept] &= self.movable[gone]

    def fix(self, axis: int) -> None:
        """Keep the units in their order."""
        self.movable[self.root(axis)] = False

    def axes(self, tensors: Mapping[str, Sequence[Span]]) -> Axes:
        """What came of it, axes numbered in the order they were made."""
        roots = sorted({self.root(axis) for axis in range(len(self.parent))})
        if len(roots) == len(self.parent):  # none was joined with another one
            spans = {name: tuple(spans) for name, spans in tensors.items()}
            return Axes(tuple(self.atoms), tuple(self.movable), spans)
        number = {root: at for at, root in enumerate(roots)}
        return Axes(
            atoms=tuple([self.atoms[root] for root in roots]),
            movable=tuple([self.movable[root] for root in roots]),
            spans={
                name: tuple([Span(number[self.root(span.axis)], span.units) for span in spans])
                for name, spans in tensors.items()
            },
        )


def _output(
    layer: Layer, sources: list[tuple[Span, ...]], shapes: tuple[tuple[int, ...], ...], units: int, ties: _Ties
) -> tuple[Span, ...]:
    """The spans of a layer's output of `units` units; what the layer ties together is tied in `ties`."""
    if layer.pointwise:
        return sources[0]
    if isinstance(layer, Linear | Embedding) or (isinstance(layer, Conv) and layer.groups == 1):
        return (Span(ties.new(units), units),)
    if isinstance(layer, Flatten):
        pixels = prod(shapes[0][1:])
        return tuple(Span(span.axis, span.units * pixels) for span in sources[0])
    if isinstance(layer, Concat):
        return tuple(span for spans in sources for span in spans)
    if isinstance(layer, Add):
        return _added(sources, units, ties)
    if isinstance(layer, Pool | LayerNorm):
        return sources[0]
    if isinstance(layer, Softmax) and layer.groups > 1 and len(sources[0]) == 1:
        ties.coarsen(sources[0][0].axis, layer.groups)
        return sources[0]
    if isinstance(layer, MatMul | Conv):
        return _grouped(layer.groups, sources, units, ties)
    # whatever else makes units of all it reads, or of pieces of a concatenation, ties nothing, but keeps their order
    out = Span(ties.new(units), units)
    for span in (*sources[0], out):
        ties.fix(span.axis)
    return (out,)


def _added(sources: list[tuple[Span, ...]], units: int, ties: _Ties) -> tuple[Span, ...]:
    """Unit by unit, so inputs share their axes where they are joined from pieces of the same sizes."""
    if len({tuple(span.units for span in spans) for spans in sources}) > 1:
        for span in [span for spans in sources for span in spans]:
            ties.fix(span.axis)
        out = Span(ties.new(units), units)
        ties.fix(out.axis)
        return (out,)
    for spans in sources[1:]:
        for one, other in zip(sources[0], spans, strict=True):
            ties.join(one.axis, other.axis)
    return sources[0]


def _grouped(groups: int, sources: list[tuple[Span, ...]], units: int, ties: _Ties) -> tuple[Span, ...]:
    """Group g of the output is computed from group g of each input, so groups stay whole and go together."""
    out = Span(ties.new(units), units)
    ties.coarsen(out.axis, groups)
    for spans in sources:
        if len(spans) > 1:  # groups may reach over pieces of a concatenation
            for span in (*spans, out):
                ties.fix(span.axis)
        else:
            ties.coarsen(spans[0].axis, groups)
            ties.join(spans[0].axis, out.axis)
    return (out,)
