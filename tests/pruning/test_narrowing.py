"""Fewer units: shapes, what goes together, and the same numbers as a network that does not read what is gone."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import branches, perceptron, with_weights

import ppsim
from ppsim.pruning.cost_model import CostModel, macs_cost
from ppsim.pruning.narrowing import narrowed, narrowed_model, shared_widths
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Add, BatchNorm, Concat, Conv, Elementwise, Flatten, Linear, Pool, Softmax


def gone_units(graph, kept):
    """Which units of each tensor are gone, found by walking through the layers."""
    gone = {INPUT: np.zeros(graph.input_shape[0], bool)}
    for layer in graph.layers:
        sources = [gone[source] for source in graph.sources[layer.name]]
        if layer.name in kept:
            found = np.ones(graph.shapes[layer.name][0], bool)
            found[list(kept[layer.name])] = False
        elif isinstance(layer, Flatten):
            found = np.repeat(sources[0], prod(graph.input_shapes_of(layer.name)[0][1:]))
        elif isinstance(layer, Concat):
            found = np.concatenate(sources)
        elif isinstance(layer, Linear) or (isinstance(layer, Conv) and layer.groups == 1):
            found = np.zeros(graph.shapes[layer.name][0], bool)
        elif isinstance(layer, Conv):
            found = np.repeat(sources[0].reshape(layer.groups, -1).all(axis=1), layer.out_channels // layer.groups)
        else:
            found = sources[0]
        gone[layer.name] = found
    return gone


def unread(model, kept):
    """The whole network, in which weights that read units that are gone are zero."""
    gone, changed = gone_units(model.graph, kept), {}
    for layer in model.graph.layers:
        if isinstance(layer, Linear) or (isinstance(layer, Conv) and layer.groups == 1):
            weight = model.weight(layer.name).copy()
            weight[:, gone[model.graph.sources[layer.name][0]]] = 0
            changed[layer.name] = {"weight": weight}
    return model.with_tensors(changed)


def results(model, count=4):
    inputs = np.random.default_rng(1).standard_normal((count, *input_shape(model.graph))).astype(np.float32)
    return outputs_of(model, inputs, model.graph.results)


@st.composite
def networks(draw):
    """A small convolutional network with weights and, for each width, the units to keep: layer -> kept."""
    channels = draw(st.integers(2, 6))
    layers = [Conv(name="first", out_channels=channels, kernel=(3, 3), padding=(1, 1)), BatchNorm(name="norm")]
    for number in range(draw(st.integers(1, 3))):
        before = layers[-1].name
        kind = draw(st.sampled_from(["plain", "residual", "depthwise", "grouped", "branches"]))
        name = f"{kind}{number}"
        if kind == "plain":
            channels = draw(st.integers(2, 6))
            layers.append(Conv(name=name, out_channels=channels, kernel=(3, 3), padding=(1, 1)))
        elif kind == "depthwise":
            layers.append(Conv(name=name, out_channels=channels, kernel=(3, 3), padding=(1, 1), groups=channels))
        elif kind == "grouped":
            layers.append(Conv(name=f"{name}in", out_channels=6, kernel=(1, 1)))
            layers.append(Conv(name=name, out_channels=9, kernel=(3, 3), padding=(1, 1), groups=3))
            channels = 9
        elif kind == "residual":
            layers.append(Conv(name=f"{name}a", out_channels=draw(st.integers(2, 5)), kernel=(1, 1)))
            layers.append(Conv(name=f"{name}b", out_channels=channels, kernel=(1, 1)))
            layers.append(Add(name=name, inputs=(f"{name}b", before)))
        else:
            other = draw(st.integers(2, 4))
            layers.append(Conv(name=f"{name}a", out_channels=other, kernel=(1, 1), inputs=(before,)))
            layers.append(Concat(name=name, inputs=(before, f"{name}a")))
            channels += other
        layers.append(Elementwise(name=f"relu{number}"))
    layers += [Pool(name="pool", kernel=(2, 2)), Flatten(name="flatten"), Linear(name="fc1", out_features=7)]
    layers += [Elementwise(name="last"), Linear(name="fc2", out_features=3), Softmax(name="softmax")]
    model = with_weights(LayerGraph("net", (2, 4, 4), tuple(layers)), draw(st.integers(0, 9)))
    kept = {}
    for shared in shared_widths(model.graph):
        steps = draw(st.sets(st.integers(0, shared.steps - 1), min_size=1))
        for name, units in shared.layers.items():
            kept[name] = [int(i) for i in np.arange(units).reshape(shared.steps, -1)[sorted(steps)].reshape(-1)]
    return model, kept


@settings(max_examples=60, deadline=None)
@given(networks())
def test_what_is_left_computes_what_the_network_does_without_reading_the_rest(drawn):
    model, kept = drawn
    left = narrowed_model(model, kept)
    for name, values in results(unread(model, kept)).items():
        assert np.allclose(results(left)[name], values, atol=1e-5)
    assert left.graph == narrowed(model.graph, {name: len(units) for name, units in kept.items()})
    gone = gone_units(model.graph, kept)
    assert all(left.graph.shapes[name][0] == (~gone[name]).sum() for name in gone)


@settings(max_examples=60, deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_one_layer_of_a_shared_width_is_enough(drawn, random):
    model, kept = drawn
    some = {}
    for shared in shared_widths(model.graph):
        name = random.choice(sorted(shared.layers))
        some[name] = kept[name]
    one, other = narrowed_model(model, kept), narrowed_model(model, some)
    assert one.graph == other.graph
    assert all(np.array_equal(one.weight(name), other.weight(name)) for name in one.graph.divisible)


def test_nothing_named_and_all_named_change_nothing():
    model = branches()
    units = {name: model.graph.shapes[name][0] for name in model.graph.divisible}
    for kept in ({}, {name: range(size) for name, size in units.items()}):
        left = narrowed_model(model, kept)
        assert left.graph == model.graph
        assert all(np.array_equal(left.weight(name), model.weight(name)) for name in units)
    assert narrowed(model.graph, units) == model.graph


def test_what_shares_a_width_in_networks_that_ship():
    resnet = ppsim.load_workload("resnet18")
    first = shared_widths(resnet)[0]
    assert first.steps == 64
    assert len(first.layers) == 3  # the stem and the ends of two blocks
    mobile = ppsim.load_workload("mobilenet_v1")
    half = narrowed(mobile, {name: units // 2 for w in shared_widths(mobile) for name, units in w.layers.items()})
    assert half["conv1_dw"].groups == half["conv1_dw"].out_channels == 16
    assert 0.25 < half.macs / mobile.macs < 0.3  # the first and the last layer keep a side
    gpt = ppsim.load_workload("gpt2")
    heads = narrowed(gpt, {"query_0": 192})
    assert heads["key_0"].out_features == heads["value_0"].out_features == 192
    assert {layer.groups for layer in heads.layers if hasattr(layer, "groups") and layer.name.endswith("_0")} == {3}


def test_heads_that_are_left_attend_as_they_did():
    bert = ppsim.load_workload("bert_base")
    assert narrowed(bert, {"value_3": 64}).macs < narrowed(bert, {"value_3": 128}).macs < bert.macs


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"fc9": 3}, "'fc9' is no linear layer or ungrouped convolution; there are: conv1, conv3"),
        ({"conv2": 4}, "'conv2' is no linear layer or ungrouped convolution"),
        ({"fc3": 2}, "'fc3': its 3 units cannot be fewer"),
        ({"fc1": 0}, "'fc1': 0 is out of range; accepted: whole numbers from 1 to 24"),
        ({"fc1": 25}, "'fc1': 25 is out of range"),
        ({"fc1": 0.5}, "'fc1': 0.5 is out of range"),
        ({"conv1": 4, "conv3": 5}, "'conv1' and 'conv3' share their units, and have widths 4 and 5"),
    ],
)
def test_widths_that_cannot_be(widths, message):
    with pytest.raises(ppsim.InputError, match=message):
        narrowed(branches().graph, widths)


def test_heads_cannot_part():
    with pytest.raises(ppsim.InputError, match="100 parts units that go together; accepted: multiples of 64 up to 768"):
        narrowed(ppsim.load_workload("gpt2"), {"query_0": 100})


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"fc1": []}, "'fc1': accepted: at least one unit, each once, numbered from 0 to 23"),
        ({"fc1": [1, 1]}, "each once"),
        ({"fc1": [24]}, "from 0 to 23"),
        ({"fc1": [-1]}, "from 0 to 23"),
        ({"fc1": [0.5]}, "from 0 to 23"),
        ({"fc3": [0, 1]}, "its 3 units cannot be fewer"),
        ({"conv1": [0, 1], "conv3": [0, 2]}, "'conv1' and 'conv3' share their units, and keep others"),
    ],
)
def test_units_that_cannot_stay(kept, message):
    with pytest.raises(ppsim.InputError, match=message):
        narrowed_model(branches(), kept)


def test_groups_cannot_part():
    layers = (
        Conv(name="a", out_channels=6, kernel=(1, 1)),
        Conv(name="b", out_channels=9, kernel=(1, 1), groups=3),
        Conv(name="c", out_channels=2, kernel=(1, 1)),
    )
    model = with_weights(LayerGraph("net", (2, 4, 4), layers))
    with pytest.raises(ppsim.InputError, match="parts units that go together; accepted: whole runs of 2, from 0 on"):
        narrowed_model(model, {"a": [1, 2]})
    assert narrowed_model(model, {"a": [2, 3]}).graph["b"] == Conv(name="b", out_channels=3, kernel=(1, 1), groups=1)


def test_multiply_accumulates_are_a_cost():
    net = perceptron(8, 6, 4).graph
    model: CostModel = macs_cost
    assert model(net) == 8 * 6 + 6 * 4
    assert model(narrowed(net, {"fc1": 3})) == 8 * 3 + 3 * 4
    assert model(ppsim.partition(net, 2, layers="*")) == (8 * 6 + 6 * 4) / 2
