"""Random networks and systems for the engine's properties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.buffers import VectorSpec
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    Softmax,
)
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly
from ppsim.workload.sparsity import Sparsity

sizes = st.integers(1, 40)


@st.composite
def systems(draw: st.DrawFn, accelerators: int) -> ppsim.System:
    """Systems with everything drawn that changes timing, on a scale at which small networks make many tiles."""
    topology = draw(st.sampled_from(["mesh", "mesh", "torus", "ring", "bus", "crossbar", "all-to-all", "edges"]))
    chunks = draw(st.sampled_from([None, None, 1, 3, 16]))
    system = ppsim.load_system(
        "tetris",
        accelerators=accelerators,
        set={
            "weights": draw(st.sampled_from(["cold", "resident"])),
            "interconnect": {
                "topology": topology,
                "bandwidth_gb_s": draw(st.sampled_from([0.1, 1, 8])),
                "latency_ns": draw(st.sampled_from([0, 4, 100])),
                "ideal": draw(st.sampled_from([False, False, True])),
                "switching": "store-and-forward" if chunks else "cut-through",
                "chunks": chunks or 1,
                "edges": star(accelerators, draw(st.sampled_from([None, 0.3, 30]))) if topology == "edges" else [],
                "all_gather": draw(st.sampled_from([None, "unicast", "ring"])),
                "broadcast": draw(st.sampled_from([None, "unicast", "tree"])),
                "reduce": draw(st.sampled_from([None, "unicast", "tree"])),
            },
            "clock_mhz": draw(st.sampled_from([100, 333, 500, 700])),
            "launch_us": draw(st.sampled_from([0, 0.37])),
            "array.rows": draw(st.integers(1, 6)),
            "array.cols": draw(st.integers(1, 6)),
            "array.count": draw(st.sampled_from([1, 1, 2, 3])),
            "array.dataflow": draw(st.sampled_from(["os", "ws", "is", "ws|is", "os|ws|is"])),
            "array.overlap": draw(st.booleans()),
            "array.accumulator_depth": draw(st.sampled_from([None, 16, 64])),
            "buffer.kib": draw(st.sampled_from([1, 1.5, 3, 8, 30])),
            "buffer.bandwidth_bytes_per_cycle": draw(st.sampled_from([4, 64, 256])),
            "buffer.activation_fraction": draw(st.sampled_from([0, 0.25, 0.5])),
            "buffer.tiles": draw(st.sampled_from(["fastest", "largest"])),
            "vector.lanes": draw(st.sampled_from([1, 4])),
            "vector.enabled": draw(st.booleans()),
            "dram.sharing": draw(st.sampled_from(["private", "shared", 2, 3])),
            "dram.bandwidth_gb_s": draw(st.sampled_from([0.1, 0.7, 2, 8])),
            "dram.latency_ns": draw(st.sampled_from([0, 43, 500])),
            "dram.burst_bytes": draw(st.sampled_from([1, 32, 64])),
            "dram.quantum_bytes": draw(st.sampled_from([64, 200, 16384])),
        },
    )
    if accelerators == 1 or draw(st.sampled_from([True, True, False])):
        return system
    first, clock_mhz = draw(st.integers(1, accelerators - 1)), draw(st.sampled_from([50, 700]))
    return heterogeneous(system, first, clock_mhz, draw(st.sampled_from([None, 2, 6])), draw(st.booleans()))


def star(accelerators: int, own: float | None) -> list[dict[str, Any]]:
    """Explicit edges through a switch; that of accelerator 0 has a bandwidth and a latency of its own."""
    return [
        {"a": a, "b": "switch", "bandwidth_gb_s": own if a == 0 else None, "latency_ns": own and (33 if a == 0 else 7)}
        for a in range(accelerators)
    ]


def heterogeneous(system: ppsim.System, first: int, clock_mhz: float, kib: float | None, vector: bool) -> ppsim.System:
    """The system with another clock from accelerator `first` on; array, scratchpad and vector unit too, or none."""
    others = Group("others", system.accelerators - first, clock_mhz)
    if kib:
        array = replace(system.array, rows=system.array.cols, cols=system.array.rows, count=1)
        buffer, lanes = replace(system.buffer, kib=kib), VectorSpec(3, enabled=vector)
        others = replace(others, array=array, buffer=buffer, vector=lanes)
    return replace(system, groups=(Group("as they were", first), others))


@st.composite
def fully_connected(draw: st.DrawFn) -> LayerGraph:
    """Chains of linear layers, some with a pointwise layer behind."""
    layers = []
    for number in range(draw(st.integers(1, 3))):
        layers.append(Linear(name=f"fc{number}", out_features=draw(st.integers(6, 400))))
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{number}"))
    if draw(st.booleans()):
        layers.append(Softmax(name="softmax"))
    return LayerGraph("fc", (draw(st.integers(6, 400)),), tuple(layers), draw(st.sampled_from([1, 1, 3, 16])))


@st.composite
def convolutional(draw: st.DrawFn) -> LayerGraph:
    """Convolutions and pooling, a branch now and then, and a linear layer at the end."""
    layers = []
    size = draw(st.sampled_from([6, 12]))
    for number in range(draw(st.integers(1, 3))):
        kernel = draw(st.sampled_from([1, 3]))
        layers.append(
            Conv(
                name=f"conv{number}",
                out_channels=draw(st.integers(1, 24)),
                kernel=(kernel, kernel),
                padding=(kernel // 2, kernel // 2),
            )
        )
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{number}"))
        if draw(st.booleans()) and size % 2 == 0:
            layers.append(Pool(name=f"pool{number}", kernel=(2, 2)))
            size //= 2
    if draw(st.booleans()):
        channels = draw(st.integers(1, 12))
        layers.append(Conv(name="dw", out_channels=channels, kernel=(1, 1)))
        layers.append(Conv(name="each", out_channels=channels, kernel=(3, 3), padding=(1, 1), groups=channels))
        layers.append(BatchNorm(name="bn"))
    if draw(st.booleans()):  # two layers read the same one
        source = layers[-1].name
        join = draw(st.sampled_from([None, Add, Concat]))
        channels = draw(st.integers(1, 12))
        others = channels if join is Add else draw(st.integers(1, 12))
        layers.append(Conv(name="side", out_channels=channels, kernel=(1, 1), inputs=(source,)))
        layers.append(Conv(name="main", out_channels=others, kernel=(1, 1), inputs=(source,)))
        if join:
            layers.append(join(name="join", inputs=("side", "main")))
            layers.append(Conv(name="after", out_channels=draw(st.integers(1, 12)), kernel=(1, 1)))
    if draw(st.integers(0, 3)) == 0:  # copies of some channels, and zeros
        layers += [Sample(name="some", channels=1), Pad(name="more", before=1, after=draw(st.integers(1, 3)))]
    layers += [Flatten(name="flatten"), Linear(name="fc", out_features=draw(st.integers(6, 60)))]
    shape = (draw(st.integers(1, 8)), *((6, 6) if draw(st.booleans()) else (12, 12)))
    return LayerGraph("conv", shape, tuple(layers), draw(st.sampled_from([1, 1, 2])))


@st.composite
def attention(draw: st.DrawFn) -> LayerGraph:
    """A block of a transformer: embedding, attention, residual adds, normalisation, two linear layers."""
    heads, width = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    features = heads * width
    layers = (
        Embedding(name="embedding", entries=(50, 9), features=features),
        Linear(name="query", out_features=features, inputs=("embedding",)),
        Linear(name="key", out_features=features, inputs=("embedding",)),
        Linear(name="value", out_features=features, inputs=("embedding",)),
        MatMul(name="scores", groups=heads, over="units", inputs=("query", "key")),
        Softmax(name="softmax", groups=heads),
        MatMul(name="context", groups=heads, over="positions", inputs=("softmax", "value")),
        Linear(name="projection", out_features=features),
        Add(name="add1", inputs=("projection", "embedding")),
        LayerNorm(name="norm1"),
        Linear(name="fc1", out_features=draw(st.integers(6, 40))),
        Elementwise(name="gelu", op="gelu"),
        Linear(name="fc2", out_features=features),
        Add(name="add2", inputs=("fc2", "norm1")),
    )
    return LayerGraph("attention", (1, draw(st.integers(1, 20))), layers, draw(st.sampled_from([1, 1, 2])))


SPARSITIES = (
    Sparsity(),
    Sparsity("gated"),
    Sparsity("compressed", "relative index", 4),
    Sparsity("n:m", n=2, m=4),
)


@st.composite
def cut(draw: st.DrawFn, net: LayerGraph, parts: int, accelerators: int) -> PartitionedGraph:
    """The linear layers of a network in parts that need not fit each other: any blocks, zeros, places and factors."""
    layers = {}
    for name in net.match("fc*"):
        inputs, outputs = net.input_shapes_of(name)[0][0], net.shapes[name][0]
        ins, outs = split_evenly(inputs, parts), split_evenly(outputs, parts)
        if draw(st.booleans()) and parts <= inputs:
            blocks = (tuple(Kept(p, ins[p]) for p in range(parts) if not p or draw(st.integers(0, 3))),)
            layers[name] = PartitionedLayer(ins, (outputs,), blocks, split="inputs")
            continue
        if parts > min(inputs, outputs):
            continue
        assignment = None
        if draw(st.booleans()):
            assignment = tuple(draw(st.permutations([p for p in range(parts) for _ in range(outs[p])])))
        sparsity = draw(st.sampled_from(SPARSITIES))
        kept = []
        for q in range(parts):
            chosen = {q} | draw(st.sets(st.integers(0, parts - 1), max_size=2))
            units = [(p, draw(st.integers(1, ins[p]))) for p in sorted(chosen)]
            zeros = sparsity.kind != "n:m"  # there, n of m are not zero
            kept.append(tuple(Kept(p, n, draw(st.integers(0, n * outs[q])) if zeros else None) for p, n in units))
        most = max(min(sum(block.units for block in blocks), size) for blocks, size in zip(kept, outs, strict=True))
        rank = draw(st.sampled_from([None, None, 1, most])) if sparsity.kind == "dense" else None
        if rank:
            kept = [tuple(Kept(block.part, block.units) for block in blocks) for blocks in kept]
        layers[name] = PartitionedLayer(ins, outs, tuple(kept), out_assignment=assignment, sparsity=sparsity, rank=rank)
    placement = tuple(draw(st.lists(st.integers(0, accelerators - 1), min_size=parts, max_size=parts)))
    return PartitionedGraph(net, parts, layers, placement)
