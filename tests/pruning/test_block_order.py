"""Units in the order of their parts: the same function, weights in blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import branches, perceptron, with_weights

import ppsim
from ppsim.pruning.block_order import in_block_order
from ppsim.pruning.masks import mask_of, masked, masks_of
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Concat, Linear, Softmax


def inputs_for(model, count=5, seed=0):
    return np.random.default_rng(seed).standard_normal((count, *input_shape(model.graph))).astype(np.float32)


def result(model, inputs):
    name = model.graph.layers[-1].name
    return outputs_of(model, inputs, [name])[name]


@settings(max_examples=25)
@given(st.integers(2, 4), st.sampled_from(["random", "alternating"]), st.sampled_from([None, 0.6]), st.integers(0, 5))
def test_it_computes_the_same(parts, method, keep, seed):
    for model, layers in ((perceptron(12, 16, 20, 6, seed=seed), "*"), (branches(seed), "fc*,conv[345]")):
        net = ppsim.partition(model, parts, layers=layers, method=method, seed=seed, keep=keep)
        left = masked(model, masks_of(net))
        ordered = in_block_order(left, net)
        inputs = inputs_for(model)
        assert np.allclose(result(left, inputs), result(ordered.model, inputs), rtol=1e-4, atol=1e-5)
        # what the new blocks leave out is zero
        again = masked(ordered.model, masks_of(ordered.net))
        for name in net.layers:
            assert np.array_equal(again.weight(name), ordered.model.weight(name))
            assert mask_of(ordered.net.layers[name]).sum() == mask_of(net.layers[name]).sum()


def test_blocks_stand_on_the_diagonal():
    model = perceptron(12, 16, 20, 6)
    net = ppsim.partition(model, 4, layers="*", method="random")
    ordered = in_block_order(model, net)
    assert list(ordered.orders) == ["fc1", "relu1", "fc2", "relu2"]
    middle = ordered.net.layers["fc2"]
    assert middle.in_assignment is None
    assert middle.out_assignment is None
    # the network's own inputs and outputs keep their places
    assert ordered.net.layers["fc1"].in_assignment == net.layers["fc1"].in_assignment
    assert ordered.net.layers["fc3"].out_assignment == net.layers["fc3"].out_assignment
    parts = net.layers["fc1"].part_of("out")
    assert np.array_equal(parts[ordered.orders["fc1"]], np.sort(parts))


def test_units_that_are_tied_move_together():
    model = branches()
    net = ppsim.partition(model, 2, layers="fc*,conv[345]", method="random", seed=3)
    orders = in_block_order(model, net).orders
    assert {"conv1", "bn1", "conv2", "prelu2", "conv3", "add"} <= orders.keys()
    assert all(np.array_equal(orders["conv1"], orders[name]) for name in ("conv2", "conv3", "add"))
    pixels = orders["flatten"].reshape(-1, 9)
    assert np.array_equal(pixels // 9, np.repeat(orders["pool"][:, None], 9, axis=1))


def test_groups_that_reach_over_a_concatenation_stay_where_they_are():
    layers = (
        Linear(name="a", out_features=4),
        Linear(name="b", out_features=4, inputs=("input",)),
        Concat(name="c", inputs=("a", "b")),
        Softmax(name="s", groups=4),
        Linear(name="d", out_features=3),
    )
    model = with_weights(LayerGraph("net", (6,), layers))
    for seed in range(5):
        net = ppsim.partition(model, 2, layers="*", method="random", seed=seed)
        left = masked(model, masks_of(net))
        assert np.allclose(
            result(left, inputs_for(model)), result(in_block_order(left, net).model, inputs_for(model)), atol=1e-5
        )


def test_more_parts_than_atoms_tear_them_alike_for_all_who_read_them():
    """Twelve heads over 16 parts: queries and keys of a unit are in one part all the same."""
    net = ppsim.partition(ppsim.load_workload("gpt2"), 16, layers="query_0,key_0,value_0,projection_0", method="random")
    parts = [net.layers[f"{name}_0"].part_of("out") for name in ("query", "key")]
    assert np.array_equal(*parts)
    assert np.array_equal(net.layers["value_0"].part_of("out"), net.layers["query_0"].part_of("out"))


def test_layers_that_disagree_keep_their_units():
    """A file from elsewhere may cut the two sides of an axis differently: then nothing moves there."""
    model = perceptron(8, 12, 8)
    one, other = (ppsim.partition(model, 2, layers="*", method="random", seed=seed) for seed in (0, 1))
    mixed = ppsim.PartitionedGraph(model.graph, 2, {"fc1": one.layers["fc1"], "fc2": other.layers["fc2"]})
    ordered = in_block_order(masked(model, masks_of(mixed)), mixed)
    assert ordered.orders == {}
    assert ordered.net == mixed


@pytest.mark.parametrize("accelerators", [1, 4, 8])
@pytest.mark.parametrize("system", ["tetris", "shared-dram"])
def test_the_order_of_units_takes_no_time(system, accelerators):
    model = branches()
    net = ppsim.partition(model, 4, layers="fc*,conv[345]", method="random", seed=1)
    hardware = ppsim.load_system(system, accelerators=accelerators)
    before, after = (ppsim.simulate(cut, hardware) for cut in (net, in_block_order(model, net).net))
    assert (before.cycles, before.dram_bytes, before.link_bytes) == (after.cycles, after.dram_bytes, after.link_bytes)
    assert before.energy_pj == pytest.approx(after.energy_pj, rel=1e-12)
