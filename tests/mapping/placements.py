"""Random networks with branches, cut in any way a partitioned network may be, and random systems to place them on."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from hypothesis import assume
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
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


def next_layers(name: str, found: dict[str, Shape], at: str) -> list[st.SearchStrategy[Layer]]:
    """What may follow the tensor `at`, alone or together with other ones found so far."""
    shape, units = found[at], st.integers(1, 9)
    alike = st.sampled_from([other for other, its in found.items() if its == shape])
    joins = st.sampled_from([other for other, its in found.items() if its[1:] == shape[1:]])
    divisors = st.sampled_from([groups for groups in (1, 2, 3) if shape[0] % groups == 0])
    here = {"name": st.just(name), "inputs": st.just((at,))}
    options = [
        st.builds(Elementwise, **here),
        st.builds(Softmax, groups=divisors, **here),
        st.builds(Add, name=st.just(name), inputs=st.lists(alike, min_size=1, max_size=2).map(lambda o: (at, *o))),
    ]
    if prod(shape) < 200:
        others = st.lists(joins, min_size=1, max_size=2).map(lambda o: (at, *o))
        options.append(st.builds(Concat, name=st.just(name), inputs=others))
    if len(shape) == 3:
        conv = st.builds(
            Conv, out_channels=units, kernel=st.sampled_from(((3, 3), (1, 1))), padding=st.just((1, 1)), **here
        )
        depthwise = st.builds(
            Conv, out_channels=st.just(2 * shape[0]), kernel=st.just((2, 2)), padding=st.just((1, 1)),
            groups=st.just(shape[0]), **here,
        )  # fmt: skip
        pool = st.builds(Pool, kernel=st.just((2, 2)), padding=st.sampled_from(((1, 1), (0, 0))), **here)
        options += [conv, conv, depthwise, st.builds(BatchNorm, **here), st.builds(Flatten, **here)]
        options += [pool] if min(shape[1:]) > 1 else []
    else:
        options += [st.builds(Linear, out_features=units, **here)] * 6 + [st.builds(LayerNorm, **here)]
    if len(shape) == 2:
        keys = st.sampled_from([o for o, its in found.items() if len(its) == 2 and its[0] == shape[0]])
        pair = keys.map(lambda other: (at, other))
        options += [st.builds(MatMul, name=st.just(name), inputs=pair, groups=divisors, over=st.just("units"))] * 2
        for groups in (1, 2):
            values = [
                o for o, its in found.items() if len(its) == 2 and its[1] * groups == shape[0] and its[0] % groups == 0
            ]
            if values:
                over = {"groups": st.just(groups), "over": st.just("positions")}
                pair = st.sampled_from(values).map(lambda other: (at, other))
                options += [st.builds(MatMul, name=st.just(name), inputs=pair, **over)] * 3
    return options


@st.composite
def graphs(draw: st.DrawFn) -> LayerGraph:
    """Up to seven layers, each of which reads any before it: images, sequences or vectors."""
    layers: list[Layer] = []
    kind = draw(st.sampled_from(("image", "sequence", "words", "vector")))
    found: dict[str, Shape] = {}
    if kind == "image":
        found[INPUT] = (draw(st.integers(1, 4)), draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    elif kind == "sequence":
        found[INPUT] = (draw(st.sampled_from((2, 4, 6, 9))), draw(st.integers(1, 4)))
    elif kind == "words":
        found[INPUT] = (1, draw(st.integers(1, 4)))
        layers.append(Embedding(name="words", entries=draw(st.sampled_from(((9,), (9, 4)))), features=6))
        found["words"] = layers[0].output_shape((found[INPUT],))
    else:
        found[INPUT] = (draw(st.integers(1, 20)),)
    for number in range(draw(st.integers(1, 6))):
        name, recent = f"l{number}", list(found)[-3:]
        options = next_layers(name, found, draw(st.sampled_from(recent)))
        layer = draw(draw(st.sampled_from(options)))
        layers.append(layer)
        found[name] = layer.output_shape(tuple(found[source] for source in layer.inputs))
    return LayerGraph("net", found[INPUT], tuple(layers), draw(st.integers(1, 3)), draw(st.sampled_from((None, 8))))


@st.composite
def cuts(draw: st.DrawFn, units: tuple[int, int], taps: int, parts: int) -> PartitionedLayer:
    """A layer in parts of any size, its units assigned in any order, any of its blocks kept."""
    inputs, outputs = units
    split = draw(st.sampled_from([s for s, most in (("outputs", outputs), ("inputs", inputs)) if parts <= most]))

    def assigned(count: int) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        parts_of = draw(st.lists(st.integers(0, parts - 1), min_size=count, max_size=count))
        if draw(st.booleans()):
            parts_of.sort()
            return None, tuple(parts_of.count(p) for p in range(parts))
        return tuple(parts_of), tuple(parts_of.count(p) for p in range(parts))

    in_assignment, in_sizes = assigned(inputs)
    out_assignment, out_sizes = assigned(outputs) if split == "outputs" else (None, (outputs,))
    sparsity = draw(st.sampled_from(SPARSITIES))
    rank = None
    if split == "outputs" and draw(st.integers(0, 2)) == 0:
        rank, sparsity = draw(st.integers(1, 3)), SPARSITIES[0]
    kept = []
    for size in out_sizes:
        blocks = []
        for part in draw(st.permutations([p for p in range(parts) if in_sizes[p]])):
            if blocks and draw(st.booleans()):
                continue
            count = draw(st.integers(1, in_sizes[part]))
            nonzeros = None
            if rank is None and sparsity.kind != "n:m" and draw(st.booleans()):
                nonzeros = draw(st.integers(0, count * taps * size))
            blocks.append(Kept(part, count, nonzeros))
        kept.append(tuple(blocks) if size else ())
    layer = PartitionedLayer(
        in_sizes, out_sizes, tuple(kept), in_assignment, out_assignment, split, sparsity,
        draw(st.sampled_from((None, 4))), rank,
    )  # fmt: skip
    if rank is not None:
        assume(rank <= max(min(layer.fan_in(q) * taps, size) for q, size in enumerate(out_sizes)))
    return layer


@st.composite
def networks(draw: st.DrawFn, accelerators: int) -> Net:
    """A graph, and as often one with some of its layers partitioned and placed on some of the accelerators."""
    graph = draw(graphs())
    if not graph.divisible or draw(st.integers(0, 2)) == 0:
        return graph
    uncut = PartitionedGraph(graph, 1, {})
    chosen = draw(st.lists(st.sampled_from(graph.divisible), min_size=1, max_size=2, unique=True))
    parts = draw(st.integers(1, min(5, *(max(uncut.units(name)) for name in chosen))))
    layers = {name: draw(cuts(uncut.units(name), uncut.taps(name), parts)) for name in chosen}
    placement = st.lists(st.integers(0, accelerators - 1), min_size=parts, max_size=parts).map(tuple)
    return PartitionedGraph(graph, parts, layers, draw(st.none() | placement))


arrays = st.builds(
    ArraySpec,
    rows=st.integers(1, 6),
    cols=st.integers(1, 6),
    count=st.integers(1, 2),
    dataflow=st.sampled_from(("os", "ws", "is")),
    overlap=st.booleans(),
    accumulator_depth=st.sampled_from((None, 8)),
)


@st.composite
def systems(draw: st.DrawFn, uneven: bool | None = None, roomy: bool = False) -> ppsim.System:
    """One to six accelerators of one kind or of two, behind any channels, on any links that need no edges."""
    count = draw(st.integers(1, 6))
    fractions = st.sampled_from((0, 0.3, 0.7))
    buffers = st.builds(
        BufferSpec,
        kib=st.just(10**6) if roomy else st.sampled_from((0.5, 1, 2, 64)),
        bandwidth_bytes_per_cycle=st.sampled_from((8, 256)),
        activation_fraction=fractions,
    )
    groups: tuple[Group, ...] = ()
    if count > 1 and (draw(st.booleans()) if uneven is None else uneven):
        fast = draw(st.integers(1, count - 1))
        groups = (
            Group(name="fast", count=fast, clock_mhz=draw(st.sampled_from((300, 900)))),
            Group(name="slow", count=count - fast, array=draw(arrays), buffer=draw(buffers)),
        )
    system = ppsim.load_system("tetris", accelerators=count)
    return replace(
        system,
        groups=groups,
        array=draw(arrays),
        buffer=draw(buffers),
        vector=VectorSpec(lanes=3, enabled=draw(st.booleans())),
        dram=replace(system.dram, sharing=draw(st.sampled_from(("private", "shared", 2)))),
        interconnect=replace(
            system.interconnect,
            topology=draw(st.sampled_from(("mesh", "ring", "bus"))),
            all_gather=draw(st.sampled_from((None, "ring"))),
            reduce=draw(st.sampled_from((None, "tree"))),
        ),
        weights=draw(st.sampled_from(("cold", "cold", "resident"))),
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
