"""Random partitioned networks, with everything that can stand in one."""

from math import prod

from hypothesis import strategies as st

from ppsim.units import ceil_div
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly
from ppsim.workload.sparsity import DENSE, Sparsity

SPARSITIES = (
    DENSE,
    Sparsity(kind="gated"),
    Sparsity(kind="compressed", format="relative index", index_bits=4),
    Sparsity(kind="compressed", format="bitmap"),
    Sparsity(kind="n:m", n=2, m=4),
    Sparsity(kind="n:m", n=1, m=3),
)


@st.composite
def networks(draw: st.DrawFn) -> LayerGraph:
    """A chain of convolutions and linear layers, of any names."""
    names = iter(draw(st.lists(st.text(min_size=1, max_size=6), min_size=9, max_size=9, unique=True)))
    names = (name for name in names if name != "input")
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    layers: list[Layer] = []
    for _ in range(draw(st.integers(0, 2))):
        kernel = (draw(st.sampled_from([1, 3])), 3)
        out = draw(st.integers(1, 6))
        layers.append(Conv(name=next(names), out_channels=out, kernel=kernel, padding=(1, 1), bias=draw(st.booleans())))
    layers.append(Flatten(name=next(names)))
    for _ in range(draw(st.integers(1, 2))):
        layers.append(Linear(name=next(names), out_features=draw(st.integers(1, 12))))
        layers.append(Elementwise(name=next(names), op=draw(st.sampled_from(["relu", "tanh"]))))
    return LayerGraph(draw(st.text(max_size=6)), shape, tuple(layers), batch=draw(st.integers(1, 3)))


@st.composite
def sides(draw: st.DrawFn, units: int, parts: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Sizes and an assignment, or None: even, contiguous, or any."""
    how = draw(st.sampled_from(["even", "sizes", "assignment"]))
    if how == "even":
        return split_evenly(units, parts), None
    assignment = draw(st.lists(st.integers(0, parts - 1), min_size=units, max_size=units))
    sizes = tuple(assignment.count(part) for part in range(parts))
    return sizes, tuple(assignment) if how == "assignment" else None


def most_nonzeros(sparsity: Sparsity, units: int, taps: int, outputs: int) -> int:
    k = units * taps
    return (ceil_div(k * sparsity.n, sparsity.m) if sparsity.kind == "n:m" else k) * outputs


@st.composite
def cuts(draw: st.DrawFn, inputs: int, outputs: int, taps: int, parts: int) -> PartitionedLayer | None:
    """A layer cut into parts in any way, or None where it has too few units."""
    split = draw(
        st.sampled_from([s for s, units in (("outputs", outputs), ("inputs", inputs)) if units >= parts] or [None])
    )
    if split is None:
        return None
    in_sizes, in_assignment = draw(sides(inputs, parts))
    out_sizes, out_assignment = draw(sides(outputs, parts)) if split == "outputs" else ((outputs,), None)
    filled = [part for part in range(parts) if in_sizes[part]]
    ranks = split == "outputs" and draw(st.booleans())
    sparsity = DENSE if ranks else draw(st.sampled_from(SPARSITIES))
    counts = not ranks and draw(st.booleans())
    kept = []
    for size in out_sizes:
        row = []
        for part in draw(st.lists(st.sampled_from(filled), min_size=bool(size), max_size=parts, unique=True)):
            units = draw(st.integers(1, in_sizes[part]))
            most = most_nonzeros(sparsity, units, taps, size)
            row.append(Kept(part, units, draw(st.integers(0, most)) if counts else None))
        kept.append(tuple(row))
    most = max(min(sum(block.units for block in row) * taps, size) for row, size in zip(kept, out_sizes, strict=True))
    return PartitionedLayer(
        in_sizes=in_sizes,
        out_sizes=out_sizes,
        kept=tuple(kept),
        in_assignment=in_assignment,
        out_assignment=out_assignment,
        split=split,
        sparsity=sparsity,
        weight_bits=draw(st.none() | st.integers(1, 32)),
        rank=draw(st.integers(1, most)) if ranks else None,
    )


@st.composite
def graphs(draw: st.DrawFn) -> PartitionedGraph:
    """A network some of whose layers are cut."""
    net = draw(networks())
    parts = draw(st.integers(1, 4))
    layers = {}
    for name in draw(st.permutations(net.divisible)):
        taps = prod(net[name].kernel) if isinstance(net[name], Conv) else 1
        cut = draw(cuts(net.input_shapes_of(name)[0][0], net.shapes[name][0], taps, parts))
        if cut is not None and draw(st.booleans()):
            layers[name] = cut
    placement = draw(st.none() | st.lists(st.integers(0, 5), min_size=parts, max_size=parts).map(tuple))
    return PartitionedGraph(net, parts, layers, placement, draw(st.text(max_size=20)))
