"""Layers that copy: which units they take and where they put them, on one accelerator and on several."""

from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.workload.copying import Pad, Sample, runs_of
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, Conv, Elementwise, Pool

kept_units = st.lists(st.integers(0, 30), min_size=1, unique=True).map(sorted)


@given(kept_units)
def test_runs_are_the_units_one_after_the_other(units):
    runs = runs_of(units)
    copied = {to + unit - first: unit for first, end, to in runs for unit in range(first, end)}
    assert copied == dict(enumerate(units))
    assert len(runs) == 1 + sum(b - a > 1 for a, b in pairwise(units))


@given(st.integers(1, 60), st.data())
def test_a_sample_that_is_not_told_which_is_spread_evenly(there, data):
    count = data.draw(st.integers(1, there))
    units = Sample(name="s", channels=count).units(((there, 3),))
    assert len(set(units)) == count
    assert units[0] == 0
    gaps = np.diff([*units, there])
    assert gaps.min() >= there // count
    assert gaps.max() <= there // count + 1


def test_shapes_and_operations():
    sample, pad = Sample(name="s", channels=2, kept=(1, 4)), Pad(name="p", before=1, after=3)
    assert sample.output_shape(((5, 4, 3),)) == (2, 4, 3)
    assert pad.output_shape(((5, 4, 3),)) == (9, 4, 3)
    assert sample.vector_operations(((5, 4, 3),), 7) == 7 * 24
    assert pad.vector_operations(((5, 4, 3),), 7) == 7 * 108
    assert Elementwise(name="e").copies(((5,),)) is None


@pytest.mark.parametrize(
    "sample",
    [
        Sample(name="s", channels=6),
        Sample(name="s", channels=2, kept=(1,)),
        Sample(name="s", channels=2, kept=(1, 5)),
        Sample(name="s", channels=2, kept=(3, 1)),
        Sample(name="s", channels=2, kept=(3, 3)),
        Sample(name="s", channels=1, kept=()),
    ],
)
def test_units_that_are_not_there(sample):
    with pytest.raises(ppsim.InputError, match=r"layer 's': takes channels=\d units of 5; as many of them"):
        sample.output_shape(((5, 2, 2),))


def branch(*first: Sample) -> LayerGraph:
    """A residual branch that reads some channels of what it is added to."""
    layers = (
        Conv(name="stem", out_channels=16, kernel=(3, 3), padding=(1, 1)),
        *first,
        Conv(name="conv", out_channels=16, kernel=(3, 3), padding=(1, 1)),
        Add(name="add", inputs=("conv", "stem")),
    )
    return LayerGraph("branch", (3, 12, 12), layers)


def test_branches_and_shortcuts_through_a_file(tmp_path):
    """Written as Gather and Pad and read back, they are the layers that they were."""
    layers = (
        Elementwise(name="relu"),
        Sample(name="some", channels=2, kept=(0, 2)),
        Conv(name="conv", out_channels=7, kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
        Pool(name="every_second", mode="average", kernel=(1, 1), stride=(2, 2), inputs=("relu",)),
        Pad(name="zeros", before=1, after=2),
        Add(name="add", inputs=("conv", "zeros")),
    )
    graph = LayerGraph("net", (4, 6, 6), layers)
    draw = np.random.default_rng(0).standard_normal
    shapes = layers[2].tensors(graph.input_shapes_of("conv"))
    tensors = {name: draw(shape).astype(np.float32) for name, shape in shapes.items()}
    ppsim.save_model(ppsim.Model(graph, {"conv": tensors}), tmp_path / "net.onnx")
    found = ppsim.load_model(tmp_path / "net.onnx")
    assert found.graph.layers == graph.layers
    inputs = draw((3, 4, 6, 6)).astype(np.float32)
    outputs = outputs_of(found, inputs, ["relu", "some", "zeros", "conv", "add"])
    rectified = np.maximum(inputs, 0)
    np.testing.assert_array_equal(outputs["some"], rectified[:, [0, 2]])
    padded = np.pad(rectified[:, :, ::2, ::2], ((0, 0), (1, 2), (0, 0), (0, 0)))
    np.testing.assert_array_equal(outputs["zeros"], padded)
    np.testing.assert_allclose(outputs["add"], outputs["conv"] + padded, rtol=1e-5)


@pytest.mark.parametrize("accelerators", [1, 3])
@pytest.mark.parametrize("kept", [(0, 1, 2), (0, 7, 8, 15)])
def test_a_sampler_moves_what_it_takes_and_no_more(accelerators, kept):
    """Nothing stays on chip: it is loaded and stored once, in whole bursts, and sent to those who need it."""
    net = branch(Sample(name="sample", channels=len(kept), kept=kept))
    system = ppsim.load_system("tetris", accelerators=accelerators, set={"buffer.activation_fraction": 0})
    layers = {layer.name: layer for layer in ppsim.simulate(net, system).layers}
    taken = len(kept) * 144 * 2
    assert layers["sample"].macs == 0
    if accelerators == 1:
        assert layers["sample"].dram_bytes == 2 * taken
        assert layers["sample"].link_bytes == 0
    else:  # everyone reads all of it for the convolution, and stores what it was sent
        assert layers["sample"].link_bytes == (accelerators - 1) * taken
        assert layers["sample"].dram_bytes >= (2 + accelerators - 1) * taken
    on_chip = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=1))
    (sampled,) = [layer for layer in on_chip.layers if layer.name == "sample"]
    assert sampled.dram_bytes == 0
    assert sampled.cycles > 0


def test_a_sampler_costs_less_than_it_saves_where_it_takes_little_and_more_where_it_takes_all():
    system = ppsim.load_system("tetris", accelerators=1)
    dense = ppsim.simulate(branch(), system)
    few = ppsim.simulate(branch(Sample(name="sample", channels=4)), system)
    every = ppsim.simulate(branch(Sample(name="sample", channels=16)), system)
    assert few.seconds < dense.seconds < every.seconds
    assert few.energy_pj < dense.energy_pj < every.energy_pj
    assert every.macs == dense.macs


@pytest.mark.parametrize("accelerators", [1, 2, 5])
def test_zeros_are_shared_by_those_who_copy(accelerators):
    layers = (Conv(name="conv", out_channels=10, kernel=(1, 1)), Pad(name="pad", before=5, after=7))
    net = LayerGraph("padded", (3, 4, 4), (*layers, Conv(name="last", out_channels=4, kernel=(1, 1))))
    assert net.shapes["pad"] == (22, 4, 4)
    system = ppsim.load_system("tetris", accelerators=accelerators)
    result = ppsim.simulate(net, system)
    assert result.macs == net.macs == prod((4, 4)) * (3 * 10 + 22 * 4)
    reference = ppsim.simulate(net, system, engine="reference")
    assert reference.cycles == result.cycles
    parted = ppsim.partition(replace(net), accelerators, layers="last")
    assert ppsim.simulate(parted, system).macs <= net.macs
