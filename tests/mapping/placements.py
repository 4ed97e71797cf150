"""Random networks with branches, cut in any way a partitioned network may be, and random systems to place them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TypeVar

from hypothesis import assume
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    Softmax,
)  # fmt: skip
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer
from ppsim.workload.sparsity import Sparsity

Net = LayerGraph | PartitionedGraph
Shape = tuple[int, ...]
T = TypeVar("T")

SPARSITIES = (
    Sparsity(),
    Sparsity(kind="gated"),
    Sparsity(kind="compressed", format="runs", index_bits=3),
    Sparsity(kind="n:m", n=2, m=4),
)


def graph_of(net: Net) -> LayerGraph:
    return net.graph if isinstance(net, PartitionedGraph) else net


def layers_of(net: Net) -> dict[str, PartitionedLayer]:
    return dict(net.layers) if isinstance(net, PartitionedGraph) else {}


class Draw:
    """Draws of few kinds: strategies that are made anew for each draw take most of the time."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def coin(self) -> bool:
        return self.number(0, 1) == 1

    def several(self, options: Sequence[T], most: int) -> list[T]:
        return [self.pick(options) for _ in range(self.number(1, most))]


def next_layer(draw: Draw, name: str, found: dict[str, Shape], at: str) -> Layer:
    """One that follows the tensor `at`, alone or together with other ones found so far."""
    shape = found[at]
    options = ["elementwise", "softmax", "add", "copy"] + ["concat"] * (prod(shape) < 200)
    if len(shape) == 3:
        options += ["conv", "conv", "depthwise", "batch_norm", "flatten"] + ["pool"] * (min(shape[1:]) > 1)
    else:
        options += ["linear"] * 6 + ["layer_norm"]
    # (right operands, groups, what is summed)
    products = []
    if len(shape) == 2:
        keys = [other for other, its in found.items() if len(its) == 2 and its[0] == shape[0]]
        products = [(keys, groups, "units") for groups in (1, 2, 3) if shape[0] % groups == 0][:2]
        for groups in (1, 2):
            values = [o for o, its in found.items() if len(its) == 2 and its[1] * groups == shape[0]]
            values = [other for other in values if found[other][0] % groups == 0]
            products += [(values, groups, "positions")] * (4 if values else 0)
        options += ["matmul"] * 3
    kind = draw.pick(options)
    here = {"name": name, "inputs": (at,)}
    if kind == "matmul":
        right, groups, over = draw.pick(products)
        return MatMul(name=name, inputs=(at, draw.pick(right)), groups=groups, over=over)
    if kind == "softmax":
        return Softmax(groups=draw.pick([g for g in (1, 2, 3) if shape[0] % g == 0]), **here)
    if kind == "add":
        return Add(name=name, inputs=(at, *draw.several([o for o, its in found.items() if its == shape], 2)))
    if kind == "concat":
        alike = [other for other, its in found.items() if its[1:] == shape[1:]]
        return Concat(name=name, inputs=(at, *draw.several(alike, 2)))
    if kind == "copy" and draw.coin():
        kept = tuple(unit for unit in range(shape[0]) if draw.coin()) or (0,)
        return Sample(channels=len(kept), kept=kept if draw.coin() else None, **here)
    if kind == "copy":
        return Pad(before=draw.number(0, 3), after=draw.number(0, 3), **here)
    if kind == "linear":
        return Linear(out_features=draw.number(1, 9), **here)
    if kind == "conv":
        return Conv(out_channels=draw.number(1, 9), kernel=draw.pick(((3, 3), (1, 1))), padding=(1, 1), **here)
    if kind == "depthwise":
        return Conv(out_channels=2 * shape[0], kernel=(2, 2), padding=(1, 1), groups=shape[0], **here)
    if kind == "pool":
        return Pool(kernel=(2, 2), padding=draw.pick(((1, 1), (0, 0))), **here)
    plain = {"elementwise": Elementwise, "batch_norm": BatchNorm, "flatten": Flatten, "layer_norm": LayerNorm}
    return plain[kind](**here)


def graph_drawn(draw: Draw) -> LayerGraph:
    """Up to seven layers, each of which reads any before it: images, sequences or vectors."""
    layers: list[Layer] = []
    kind = draw.pick(("image", "sequence", "words", "vector"))
    found: dict[str, Shape] = {}
    if kind == "image":
        found[INPUT] = (draw.number(1, 4), draw.number(2, 5), draw.number(2, 5))
    elif kind == "sequence":
        found[INPUT] = (draw.pick((2, 4, 6, 9)), draw.number(1, 4))
    elif kind == "words":
        found[INPUT] = (1, draw.number(1, 4))
        layers.append(Embedding(name="words", entries=draw.pick(((9,), (9, 4))), features=6))
        found["words"] = layers[0].output_shape((found[INPUT],))
    else:
        found[INPUT] = (draw.number(1, 20),)
    for number in range(draw.number(1, 6)):
        name = f"l{number}"
        layer = next_layer(draw, name, found, draw.pick(list(found)[-3:]))
        layers.append(layer)
        found[name] = layer.output_shape(tuple(found[source] for source in layer.inputs))
    return LayerGraph("net", found[INPUT], tuple(layers), draw.number(1, 3), draw.pick((None, 8)))


def cut_drawn(draw: Draw, units: tuple[int, int], taps: int, parts: int) -> PartitionedLayer:
    """A layer in parts of any size, its units assigned in any order, any of its blocks kept."""
    inputs, outputs = units
    split = draw.pick([s for s, most in (("outputs", outputs), ("inputs", inputs)) if parts <= most])

    def assigned(count: int) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        parts_of = [draw.number(0, parts - 1) for _ in range(count)]
        sizes = tuple(parts_of.count(part) for part in range(parts))
        return (None if draw.coin() else tuple(parts_of)), sizes

    in_assignment, in_sizes = assigned(inputs)
    out_assignment, out_sizes = assigned(outputs) if split == "outputs" else (None, (outputs,))
    sparsity, rank = draw.pick(SPARSITIES), None
    kept = []
    for size in out_sizes:
        blocks = []
        candidates = [part for part in range(parts) if in_sizes[part]]
        first = draw.number(0, len(candidates) - 1)
        for part in candidates[first:] + candidates[:first]:
            if blocks and draw.coin():
                continue
            count = draw.number(1, in_sizes[part])
            known = sparsity.kind != "n:m" and draw.coin()
            blocks.append(Kept(part, count, draw.number(0, count * taps * size) if known else None))
        kept.append(tuple(blocks) if size else ())
    if split == "outputs" and draw.number(0, 2) == 0:
        kept = [tuple(Kept(block.part, block.units) for block in blocks) for blocks in kept]
        fan_ins = [sum(block.units for block in blocks) * taps for blocks in kept]
        most = max(min(fan_in, size) for fan_in, size in zip(fan_ins, out_sizes, strict=True))
        rank, sparsity = draw.number(1, min(3, most)), SPARSITIES[0]
    weight_bits = draw.pick((None, 4))
    return PartitionedLayer(
        in_sizes, out_sizes, tuple(kept), in_assignment, out_assignment, split, sparsity, weight_bits, rank
    )


@st.composite
def networks(draw: st.DrawFn, accelerators: int) -> Net:
    """A graph, and more often one with some of its layers partitioned and placed on some of the accelerators."""
    cheap = Draw(draw)
    graph = graph_drawn(cheap)
    if not graph.divisible or cheap.number(0, 2) == 0:
        return graph
    uncut = PartitionedGraph(graph, 1, {})
    chosen = sorted(set(cheap.several(graph.divisible, 2)))
    parts = cheap.number(1, min(5, *(max(uncut.units(name)) for name in chosen)))
    layers = {name: cut_drawn(cheap, uncut.units(name), uncut.taps(name), parts) for name in chosen}
    placement = tuple(cheap.number(0, accelerators - 1) for _ in range(parts)) if cheap.coin() else None
    return PartitionedGraph(graph, parts, layers, placement)


def array_drawn(draw: Draw) -> ArraySpec:
    return ArraySpec(
        rows=draw.number(1, 6),
        cols=draw.number(1, 6),
        count=draw.number(1, 2),
        dataflow=draw.pick(("os", "ws", "is")),
        overlap=draw.coin(),
        accumulator_depth=draw.pick((None, 8)),
    )


def buffer_drawn(draw: Draw, roomy: bool) -> BufferSpec:
    return BufferSpec(
        kib=10**6 if roomy else draw.pick((0.5, 1, 2, 64)),
        bandwidth_bytes_per_cycle=draw.pick((8, 256)),
        activation_fraction=draw.pick((0, 0.3, 0.7)),
    )


@st.composite
def systems(draw: st.DrawFn, roomy: bool = False) -> ppsim.System:
    """One to six accelerators of one kind or of two, behind any channels, on any links that need no edges."""
    cheap = Draw(draw)
    count = cheap.number(1, 6)
    groups: tuple[Group, ...] = ()
    if count > 1 and cheap.coin():
        fast = cheap.number(1, count - 1)
        slow = Group(name="slow", count=count - fast, array=array_drawn(cheap), buffer=buffer_drawn(cheap, roomy))
        groups = (Group(name="fast", count=fast, clock_mhz=cheap.pick((300, 900))), slow)
    system = ppsim.load_system("tetris", accelerators=count)
    return replace(
        system,
        groups=groups,
        array=array_drawn(cheap),
        buffer=buffer_drawn(cheap, roomy),
        vector=VectorSpec(lanes=3, enabled=cheap.coin()),
        dram=replace(system.dram, sharing=cheap.pick(("private", "shared", 2))),
        interconnect=replace(
            system.interconnect,
            topology=cheap.pick(("mesh", "ring", "bus")),
            all_gather=cheap.pick((None, "ring")),
            reduce=cheap.pick((None, "tree")),
        ),
        weights=cheap.pick(("cold", "cold", "resident")),
    )


@st.composite
def placements(draw: st.DrawFn) -> tuple[Net, ppsim.System, Program]:
    """A network placed on a system that is large enough for it."""
    system = draw(systems())
    net = draw(networks(system.accelerators))
    try:
        return net, system, place(net, system)
    except ppsim.InputError as error:
        assume(not any(what in str(error) for what in ("fits the scratchpad", "have to stay on chip", "fill the")))
        raise


def as_set(pieces) -> set[int]:
    return {feature for low, high in pieces for feature in range(low, high)}
