"""Which of equal accelerators a part is on does not matter, where each is linked to each other.

Accelerator 0, where results end, has a part: any of those that do as much as each other, else the same. Parts that do
not are behind channels of their own, as who comes first at a shared one at the same instant is decided by number.
"""

from __future__ import annotations

from dataclasses import replace

from drawn_runs import examples, placed
from engine.systems import systems
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.engine.run import run
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer


@st.composite
def in_equal_parts(draw: st.DrawFn, parts: int, symmetric: bool) -> PartitionedGraph:
    """Chains of layers in equal parts, of which each reads some units of any; `symmetric`: as many as the others."""
    layers, cut = [], {}
    inputs = features = parts * draw(st.integers(1, 40))
    for number in range(draw(st.integers(1, 4))):
        name, outputs = f"fc{number}", parts * draw(st.integers(1, 40))
        layers.append(Linear(name=name, out_features=outputs))
        ins, outs = inputs // parts, outputs // parts
        units = st.integers(1, ins)
        own, others = draw(units), draw(st.sampled_from([0, 0, 1, ins]))
        kept = []
        for q in range(parts):
            read = [own if p == q else others for p in range(parts)]
            if not symmetric:
                read = [draw(units) if p == q or draw(st.booleans()) else 0 for p in range(parts)]
            kept.append(tuple(Kept(p, count) for p, count in enumerate(read) if count))
        cut[name] = PartitionedLayer((ins,) * parts, (outs,) * parts, tuple(kept))
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{number}"))
        inputs = outputs
    graph = LayerGraph("net", (features,), tuple(layers), draw(st.sampled_from([1, 3, 16])))
    return PartitionedGraph(graph, parts, cut, tuple(range(parts)))


def numbers(result: ppsim.Result) -> dict:
    """A result without what it rests on, which names the placement, and without how the engine got there."""
    return {key: value for key, value in result.to_dict().items() if key not in ("assumptions", "events", "shortcuts")}


@examples(150)
@given(data=st.data(), accelerators=st.integers(2, 8), symmetric=st.booleans())
def test_relabelling_equal_accelerators_changes_nothing(data, accelerators, symmetric):
    parts = data.draw(st.integers(2, accelerators))
    net = data.draw(in_equal_parts(parts, symmetric))
    system = replace(data.draw(systems(accelerators)), groups=())
    links = replace(system.interconnect, topology="all-to-all", edges=())
    sharing = data.draw(st.sampled_from(["private", "shared"])) if symmetric else "private"
    system = replace(system, interconnect=links, dram=replace(system.dram, sharing=sharing))
    others = data.draw(st.permutations(range(1, accelerators)))[: parts - 1]
    places = data.draw(st.permutations([0, *others])) if symmetric else [0, *others]
    other = replace(net, placement=tuple(places))
    programs = [placed(graph, system) for graph in (net, other)]
    for before, after in zip(*[program.stages for program in programs], strict=True):
        assert sorted(m.bytes for m in before.messages) == sorted(m.bytes for m in after.messages)
    one, relabelled = map(run, programs)
    for before, after in zip(one.delivered, relabelled.delivered, strict=True):
        assert sorted(before) == sorted(after)
    assert numbers(ppsim.simulate(net, system)) == numbers(ppsim.simulate(other, system))
