"""How layers lie on the axes: where units stay in their order, sizes of parts need no assignment unit by unit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ppsim.pruning.methods import IN_ORDER, METHODS
from ppsim.pruning.methods.contract import Problem
from ppsim.pruning.sides import cut_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Concat, Conv, Flatten, Linear


@st.composite
def networks(draw: st.DrawFn) -> LayerGraph:
    """Channels, their pixels behind a flatten, two layers side by side, and a layer that reads both."""
    channels, one, other, last = (draw(st.integers(1, 40)) for _ in range(4))
    layers = (
        Conv(name="conv", out_channels=channels, kernel=(1, 1)),
        Flatten(name="flatten"),
        Linear(name="one", out_features=one),
        Linear(name="other", out_features=other, inputs=("flatten",)),
        Concat(name="both", inputs=("one", "other")),
        Linear(name="last", out_features=last),
        Linear(name="result", out_features=draw(st.integers(8, 12))),
    )
    return LayerGraph("net", (3, *draw(st.sampled_from([(1, 1), (2, 3)]))), layers)


@given(networks(), st.integers(1, 8), st.sampled_from(IN_ORDER))
def test_sizes_in_order_are_those_of_the_assignment(net: LayerGraph, parts: int, method: str) -> None:
    names = [n for n in net.divisible if max(net.input_shapes_of(n)[0][0], net.shapes[n][0]) >= parts]
    cut = cut_of(net, names, parts)
    assignment = METHODS[method](Problem(parts, cut.atoms))
    sides = {spans for both in cut.sides.values() for spans in (both.inputs, both.outputs)}
    assert set(cut.in_order()) == {spans for spans in sides if len(spans) == 1}
    for spans, sizes in cut.in_order().items():
        units = cut.units(spans, assignment)
        assert tuple(np.bincount(units, minlength=parts).tolist()) == sizes
        assert (np.diff(units) >= 0).all()
