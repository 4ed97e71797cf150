"""Layers as two: the best of their rank, and all of the layer at full rank."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import branches, perceptron, with_weights

import ppsim
from ppsim.pruning.factorisations import KINDS
from ppsim.pruning.low_rank import energy_lost, factorised, factorised_model, full_rank, rank_of_energy
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Linear
from ppsim.workload.model import Model

CUT = ("conv1", "conv3", "conv5", "fc1", "fc3")


@st.composite
def convolutions(draw: st.DrawFn) -> Model:
    side, kernel = st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))
    layer = Conv(
        name="c",
        out_channels=draw(st.integers(1, 5)),
        kernel=draw(kernel),
        stride=(draw(side), draw(side)),
        padding=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        bias=draw(st.booleans()),
    )
    return with_weights(LayerGraph("net", (draw(st.integers(1, 4)), 5, 4), (layer,)), draw(st.integers(0, 99)))


def product(model: Model, kind: str) -> np.ndarray:
    """The weights that two layers are together, (outputs, inputs, kernel ...)."""
    first, second = model.weight("c_low"), model.weight("c")
    if kind == "spatial":
        return np.einsum("rci,orj->ocij", first[:, :, :, 0], second[:, :, 0, :])
    return np.einsum("rcij,or->ocij", first, second[:, :, 0, 0])


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.sampled_from(sorted(KINDS)), st.data())
def test_the_error_is_the_tail_of_the_singular_values(model, kind, data):
    weight = model.weight("c")
    rank = data.draw(st.integers(1, full_rank(model.graph, "c", kind)))
    outputs, inputs, high, wide = weight.shape
    if kind == "spatial":
        matrix = np.array([[weight[o, c, i, j] for c in range(inputs) for i in range(high)]
                           for o in range(outputs) for j in range(wide)])  # fmt: skip
    else:
        matrix = weight.reshape(outputs, -1)
    tail = (np.linalg.svd(matrix.astype(float), compute_uv=False)[rank:] ** 2).sum()
    found = product(factorised_model(model, {"c": rank}, kind), kind)
    assert ((found - weight) ** 2).sum() == pytest.approx(tail, rel=1e-3, abs=1e-9)
    assert energy_lost(weight, kind)[rank] == pytest.approx(tail, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(convolutions(), st.sampled_from(sorted(KINDS)), st.data())
def test_two_layers_compute_what_their_product_does(model, kind, data):
    """Strides and padding come once, whichever layer has them."""
    rank = data.draw(st.integers(1, full_rank(model.graph, "c", kind)))
    low = factorised_model(model, {"c": rank}, kind)
    assert low.graph.shapes["c"] == model.graph.shapes["c"]
    inputs = np.random.default_rng(0).standard_normal((2, *model.graph.input_shape)).astype(np.float32)
    same = model.with_tensors({"c": {"weight": product(low, kind)}})
    found, wanted = (outputs_of(one, inputs, ["c"])["c"] for one in (low, same))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_at_full_rank_a_network_computes_the_same(kind):
    model = branches()
    low = factorised_model(model, {name: full_rank(model.graph, name, kind) for name in CUT}, kind)
    inputs = np.random.default_rng(0).standard_normal((4, *input_shape(model.graph))).astype(np.float32)
    names = [layer.name for layer in model.graph.layers]
    wanted, found = outputs_of(model, inputs, names), outputs_of(low, inputs, names)
    for name in names:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-3, atol=1e-4)


def test_the_layers_that_come_of_it():
    conv = Conv(name="c", out_channels=8, kernel=(3, 5), stride=(2, 1), padding=(1, 2), inputs=("input",))
    taken = Conv(name="c_low", out_channels=4, kernel=(1, 1))
    net = LayerGraph("net", (4, 9, 9), (taken, Elementwise(name="relu"), conv))
    channel = factorised(net, {"c": 3}, "channel").layers[2:]
    bare = replace(conv, bias=False)
    assert channel == (
        replace(bare, name="c_low_", out_channels=3),
        Conv(name="c", out_channels=8, kernel=(1, 1)),
    )
    spatial = factorised(net, {"c": 3}, "spatial").layers[2:]
    assert spatial == (
        replace(bare, name="c_low_", out_channels=3, kernel=(3, 1), stride=(2, 1), padding=(1, 0)),
        Conv(name="c", out_channels=8, kernel=(1, 5), stride=(1, 1), padding=(0, 2)),
    )
    fc = LayerGraph("fc", (7,), (Linear(name="fc", out_features=5, tied=True),))
    low = (Linear(name="fc_low", out_features=2, bias=False), Linear(name="fc", out_features=5))
    assert factorised(fc, {"fc": 2}, "channel").layers == factorised(fc, {"fc": 2}, "spatial").layers == low
    assert factorised(net, {}) == net


def test_a_factorised_layer_has_the_macs_of_two():
    net = ppsim.load_workload("vgg16")
    low = factorised(net, {"conv3_2": 32, "fc6": 100}, "spatial")
    saved = 256 * 256 * 9 * 56**2 - 32 * (256 + 256) * 3 * 56**2 + 25088 * 4096 - 100 * (25088 + 4096)
    assert net.macs - low.macs == saved


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 9))
def test_the_smallest_rank_that_keeps_a_share_of_the_energy(rows, columns, share, seed):
    weight = np.random.default_rng(seed).standard_normal((rows, columns))
    rank = rank_of_energy(weight, share)
    energy = np.linalg.svd(weight, compute_uv=False) ** 2
    assert energy[:rank].sum() >= share * energy.sum() * (1 - 1e-9)
    assert rank == 1 or energy[: rank - 1].sum() < share * energy.sum() * (1 + 1e-9)


def test_ranks_of_energy_at_the_ends():
    weight = np.diag([3.0, 2.0, 0.0])
    assert [rank_of_energy(weight, share) for share in (0, 9 / 13, 0.7, 1)] == [1, 1, 2, 2]
    assert rank_of_energy(np.zeros((3, 4)), 1) == 1


@pytest.mark.parametrize(
    ("ranks", "kind", "says"),
    [
        ({"relu1": 1}, "channel", "ranks: 'relu1' is no linear layer or ungrouped convolution; there are: conv1, "),
        ({"conv2": 1}, "channel", "ranks: 'conv2' is no linear layer"),
        ({"conv1": 9}, "channel", "ranks: layer 'conv1': 9 is out of range; accepted: 1 to 8"),
        ({"conv1": 10}, "spatial", "ranks: layer 'conv1': 10 is out of range; accepted: 1 to 9"),
        ({"conv1": 0}, "channel", "ranks: layer 'conv1': 0 is out of range"),
        ({"conv1": 2.5}, "channel", "ranks: layer 'conv1': 2.5 is out of range"),
        ({"conv1": 1}, "diagonal", "kind: 'diagonal'; accepted: channel, spatial"),
    ],
)
def test_what_cannot_be_factorised(ranks, kind, says):
    with pytest.raises(ppsim.InputError) as caught:
        factorised(branches().graph, ranks, kind)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shares_that_are_none():
    with pytest.raises(ppsim.InputError, match=r"share of energy: 1\.5; accepted: from 0 to 1"):
        rank_of_energy(perceptron(3, 4).weight("fc1"), 1.5)
