"""What the sum of layers misses of the network."""

from __future__ import annotations

import pytest
from priced_networks import small, small_table, tetris

import ppsim
from ppsim import LayerGraph
from ppsim.explore.cost_tables.gap import gaps_of
from ppsim.workload.layers import Elementwise, Linear, Softmax


def test_shares_and_the_rest_are_the_network() -> None:
    net, system = small(), tetris(2)
    gap, result = ppsim.sum_gap(net, system), ppsim.simulate(net, system)
    assert [layer.name for layer in gap.layers] == ["conv1", "depthwise", "conv2", "fc1", "fc2"]
    assert gap.whole_cycles == result.cycles
    others = sum(layer.cycles for layer in result.layers if layer.name in ("pool", "softmax"))
    assert gap.other_seconds == pytest.approx(others / system.clock_hz)
    assert gap.share_seconds + gap.other_seconds == pytest.approx(gap.whole_seconds)
    assert gap.gap_seconds == pytest.approx(gap.alone_seconds - gap.share_seconds)
    assert gap.gap_percent == pytest.approx(100 * gap.gap_seconds / gap.share_seconds)
    assert sum(layer.gap_seconds for layer in gap.layers) == pytest.approx(gap.gap_seconds)


@pytest.mark.parametrize("accelerators", [1, 2])
def test_alone_is_what_the_table_says(accelerators: int) -> None:
    gap = ppsim.sum_gap(small(), tetris(accelerators))
    for layer in gap.layers:
        shape = small_table().shape(layer.name)
        row = small_table().lookup(layer.name, shape.inputs, shape.outputs, accelerators=accelerators)
        assert layer.alone_cycles == row.cycles


def test_a_cut_network_is_summed_as_it_is_cut() -> None:
    net = ppsim.partition(small(), 2, layers="conv2,fc1")
    gap = ppsim.sum_gap(net, tetris(2))
    found = {layer.name: layer.alone_cycles for layer in gap.layers}
    assert gap.parts == 2
    assert found["fc1"] == small_table().lookup("fc1", 80, 30, groups=2, accelerators=2).cycles
    assert found["conv1"] == small_table().lookup("conv1", 3, 16, accelerators=2).cycles


def test_a_single_layer_has_no_gap() -> None:
    net = LayerGraph("one", (40,), (Linear(name="fc", out_features=40), Elementwise(name="relu")))
    gap = ppsim.sum_gap(net, tetris(2))
    assert (gap.gap_percent, gap.other_seconds) == (0.0, 0.0)


def test_a_launch_for_each_layer_is_in_the_sum() -> None:
    """The network has one, and it is no layer's."""
    net = small()
    free, paid = (ppsim.sum_gap(net, tetris(1).with_settings({"launch_us": us})) for us in (0.0, 3.0))
    assert paid.gap_seconds - free.gap_seconds == pytest.approx(5 * 3e-6, rel=1e-3)
    assert paid.other_seconds - free.other_seconds == pytest.approx(3e-6, rel=1e-2)


def test_gaps_of_a_table_are_of_its_cuts() -> None:
    gaps = gaps_of(small_table(), small(), tetris())
    assert [(gap.accelerators, gap.parts) for gap in gaps] == [(1, 1), (2, 1), (2, 2)]
    assert gaps[1] == ppsim.sum_gap(small(), tetris(2))
    found = {layer.name: layer.alone_cycles for layer in gaps[2].layers}
    assert found["fc1"] == small_table().lookup("fc1", 80, 30, groups=2, accelerators=2).cycles


def test_as_values() -> None:
    gap = ppsim.sum_gap(small(), tetris(1))
    document = gap.to_dict()
    assert document["layers"][0] == {
        "name": "conv1",
        "alone_seconds": gap.layers[0].alone_seconds,
        "share_seconds": gap.layers[0].share_seconds,
        "gap_seconds": gap.layers[0].gap_seconds,
        "gap_percent": gap.layers[0].gap_percent,
    }
    assert list(gap.to_frame().columns) == list(document["layers"][0])


def test_a_network_without_products_has_none() -> None:
    with pytest.raises(ppsim.InputError, match="soft: has no convolution and no linear layer"):
        ppsim.sum_gap(LayerGraph("soft", (10,), (Softmax(name="softmax"),)), tetris())
