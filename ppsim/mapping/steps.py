"""The layers of a network as steps: pointwise layers fused into what they follow, renamings and joins dissolved.

Each step knows, for every accelerator, the products it computes, the features it makes and the features it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from ppsim.mapping.layout import Intervals, Layout, merged, within
from ppsim.workload.gemm import Gemm, Window
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer


class Product(NamedTuple):
    """A matrix product one accelerator computes, with the channels and features of the input it reads.

    `weight_bits` are the bits of a group's weights in DRAM and `macs` its MACs with energy for each row of m; None: all
    k x n of them. `chained` says whether the input comes from the product before and whether the output is for the next
    one: they are the factors of one matrix, and what is between them stays on chip.
    """

    gemm: Gemm
    input_channels: int
    input_features: int
    weight_bits: int | None = None
    macs: int | None = None
    chained: tuple[bool, bool] = (False, False)


class Read(NamedTuple):
    """What a step reads of another one's output: the features each accelerator needs, in that one's numbering.

    `as_weights`: they are the right operand of a product.
    """

    step: int
    needs: tuple[Intervals, ...]
    as_weights: bool = False


class Piece(NamedTuple):
    """Part of a tensor: the whole output of a step, from feature `first` of the tensor on."""

    step: int
    first: int
    features: int


#: a tensor: one piece, or several that a concatenation joins
Tensor = tuple[Piece, ...]


@dataclass(slots=True)
class Step:
    """A layer with what is fused into it; step 0 is the network's input and has none.

    `makes` lays out the output. `partial_on` are the accelerators that hold partial sums of all of it, which are added
    up where `makes` says. `table_features` are features looked up in DRAM, by accelerator.
    """

    layer: Layer | None
    features: int
    vector_operations: int = 0
    fused: list[Layer] = field(default_factory=list)
    window: Window | None = None
    products: list[list[Product]] = field(default_factory=list)
    makes: Layout = field(default_factory=lambda: Layout(()))
    reads: list[Read] = field(default_factory=list)
    partial_on: tuple[int, ...] = ()
    table_features: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name if self.layer else INPUT

    @property
    def is_product(self) -> bool:
        """Whether it runs on the arrays."""
        return any(self.products)

    @property
    def sources(self) -> tuple[int, ...]:
        """The steps it reads, each once."""
        if len(self.reads) == 1:  # as it is most often
            return (self.reads[0].step,)
        return tuple(dict.fromkeys([read.step for read in self.reads]))

    def input_reads(self) -> list[Read]:
        """What it reads but for the right operands of its products."""
        return [read for read in self.reads if not read.as_weights]


@dataclass(frozen=True, eq=False)
class Divided:
    """The steps of a network, divided over accelerators; what follows from them is remembered by this object."""

    steps: tuple[Step, ...]
    batch: int
    bits: int

    @property
    def bytes(self) -> int:
        """Memory that it takes, roughly."""
        size = 0
        for step in self.steps:
            layouts = [step.makes.made, *[read.needs for read in step.reads]]
            size += 2000 + sum([56 * len(made) + 180 * sum(map(len, made)) for made in layouts])
            size += sum([64 + 300 * len(products) for products in step.products])
        return size


def layout_of(tensor: Tensor, steps: Sequence[Step]) -> Layout:
    """Where the features of a tensor are made."""
    if len(tensor) == 1:
        return steps[tensor[0].step].makes
    layouts = [(piece.first, steps[piece.step].makes) for piece in tensor]
    if all(layout.replicated for _, layout in layouts):
        whole = ((0, sum(piece.features for piece in tensor)),)
        return Layout((whole,) * len(layouts[0][1].made), replicated=True)
    made: list[list[tuple[int, int]]] = [[] for _ in layouts[0][1].made]
    for first, layout in layouts:
        # of what everyone has, accelerator 0 counts as the maker
        for accelerator, intervals in enumerate(layout.made[:1] if layout.replicated else layout.made):
            made[accelerator] += [(low + first, high + first) for low, high in intervals]
    return Layout(tuple(merged(intervals) for intervals in made))


def reads_of(tensor: Tensor, needs: tuple[Intervals, ...], as_weights: bool = False) -> list[Read]:
    """Needs of a tensor as reads of the steps its pieces come from."""
    if len(tensor) == 1:
        return [Read(tensor[0].step, needs, as_weights)]
    found: list[Read] = []
    for piece in tensor:
        low, high = piece.first, piece.first + piece.features
        found.append(Read(piece.step, tuple(within(needed, low, high) for needed in needs), as_weights))
    return found


def joined(tensors: list[Tensor]) -> Tensor:
    """Tensors one after the other."""
    pieces: list[Piece] = []
    for tensor in tensors:
        first = sum(piece.features for piece in pieces)
        pieces += [Piece(piece.step, first + piece.first, piece.features) for piece in tensor]
    return tuple(pieces)


def uses_of(graph: LayerGraph) -> dict[str, int]:
    """By layer: how many layers that do something read its output, through renamings and joins too."""
    uses = dict.fromkeys([INPUT, *graph.sources], 0)
    for layer in reversed(graph.layers):
        for source in graph.sources[layer.name]:
            uses[source] += max(1, uses[layer.name]) if layer.free else 1
    return uses


def results_of(graph: LayerGraph) -> set[str]:
    """Layers whose output, renamed, joined or changed unit by unit, nothing but the network's user reads."""
    found = set(graph.sources)
    for layer in reversed(graph.layers):
        if layer.name not in found or not (layer.free or layer.pointwise):
            found.difference_update(graph.sources[layer.name])
    return found


def readers_of(steps: Sequence[Step]) -> list[list[int]]:
    """By step: the steps that read its output."""
    readers: list[list[int]] = [[] for _ in steps]
    for index, step in enumerate(steps):
        for source in step.sources:
            readers[source].append(index)
    return readers


def input_step(graph: LayerGraph) -> Step:
    """The network's input as step 0."""
    return Step(layer=None, features=prod(graph.input_shape))
