"""The rival of partition pruning: as many weights, anywhere."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.pruning.unstructured import COMPRESSED, shared_out
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Flatten, Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly
from ppsim.workload.sparsity import DENSE, Sparsity

NET = LayerGraph(
    "net",
    (6, 4, 4),
    (
        Conv(name="c", out_channels=10, kernel=(3, 3), padding=(1, 1)),
        Flatten(name="f"),
        Linear(name="fc1", out_features=30),
        Linear(name="fc2", out_features=3),
    ),
    batch=2,
)


@given(st.integers(1, 10), st.none() | st.floats(0.4, 1), st.sampled_from([DENSE, Sparsity(kind="gated"), COMPRESSED]))
def test_as_many_weights_in_each_layer_and_everywhere(parts, keep, sparsity):
    pruned = ppsim.partition(NET, parts, layers="*", keep=None if keep is None else max(keep, 1 / parts))
    rival = ppsim.unstructured(pruned, sparsity)
    assert (rival.graph, rival.parts, list(rival.layers)) == (pruned.graph, parts, list(pruned.layers))
    assert rival.nonzeros == pruned.nonzeros
    for name, layer in rival.layers.items():
        before, taps = pruned.layers[name], pruned.taps(name)
        assert layer.nonzeros(taps) == before.nonzeros(taps)
        assert layer.weights == layer.dense_weights  # every block is there
        if before.split == "inputs":
            assert layer is before
            continue
        inputs, outputs = pruned.units(name)
        assert (layer.in_sizes, layer.out_sizes) == (split_evenly(inputs, parts), split_evenly(outputs, parts))
        density = before.nonzeros(taps) / (inputs * outputs * taps)
        if density == 1:
            assert layer.sparsity == DENSE
            continue
        assert layer.sparsity == sparsity
        for q, kept in enumerate(layer.kept):
            for block in kept:
                area = block.units * layer.out_sizes[q] * taps
                assert abs(block.nonzeros - density * area) < 1 + 1e-9


def test_by_hand():
    """12 of 48 weights of 8 x 6 in two parts: four blocks of 4 x 3 get 3 each; an odd one goes to the first."""
    diagonal = PartitionedLayer((4, 4), (3, 3), ((Kept(0, 4, 6),), (Kept(1, 4, 6),)), (0, 1) * 4, weight_bits=8)
    pruned = PartitionedGraph(ppsim.gemm(5, 8, 6), 2, {"gemm": diagonal}, placement=(1, 0))
    rival = ppsim.unstructured(pruned)
    assert rival.layers["gemm"] == PartitionedLayer(
        (4, 4), (3, 3), ((Kept(0, 4, 3), Kept(1, 4, 3)),) * 2, sparsity=COMPRESSED, weight_bits=8
    )
    assert rival.placement == (1, 0)
    assert rival.macs == 5 * 48  # compressed weights are expanded on their way
    assert ppsim.unstructured(pruned, Sparsity(kind="gated")).macs == 5 * 12
    odd = replace(diagonal, kept=((Kept(0, 4, 7),), (Kept(1, 4, 6),)))
    rival = ppsim.unstructured(PartitionedGraph(ppsim.gemm(5, 8, 6), 2, {"gemm": odd}))
    assert [[block.nonzeros for block in kept] for kept in rival.layers["gemm"].kept] == [[4, 3], [3, 3]]


def test_the_compressed_format_is_that_of_eie():
    assert Sparsity(kind="compressed", format="relative index", index_bits=4) == COMPRESSED


def test_factors_become_as_many_weights():
    cut = PartitionedLayer((4, 4), (4, 4), ((Kept(0, 4),), (Kept(1, 4),)), rank=1)
    rival = ppsim.unstructured(PartitionedGraph(ppsim.gemm(1, 8, 8), 2, {"gemm": cut}))
    assert rival.nonzeros == 16
    assert rival.layers["gemm"].rank is None
    full = replace(cut, rank=4, kept=((Kept(0, 4), Kept(1, 4)),) * 2)  # more numbers than there are weights
    assert PartitionedGraph(ppsim.gemm(1, 8, 8), 2, {"gemm": full}).nonzeros == 96
    rival = ppsim.unstructured(PartitionedGraph(ppsim.gemm(1, 8, 8), 2, {"gemm": full}))
    assert rival.nonzeros == rival.dense_weights == 64


def test_a_first_layer_with_fewer_inputs_than_parts():
    pruned = ppsim.partition(NET, 10, layers="c")
    assert ppsim.unstructured(pruned).layers["c"] == pruned.layers["c"]


def test_zeros_whose_places_are_given():
    with pytest.raises(ppsim.InputError, match="sparsity 2:4 says where zeros are; accepted: dense, gated, compressed"):
        ppsim.unstructured(ppsim.partition(NET, 2, layers="*"), Sparsity(kind="n:m", n=2, m=4))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), st.data())
def test_largest_remainders(areas, data):
    total = data.draw(st.integers(0, sum(areas)))
    shares = shared_out(total, areas)
    assert sum(shares) == total
    for share, area in zip(shares, areas, strict=True):
        assert abs(share * sum(areas) - total * area) < sum(areas)
        assert 0 <= share <= area
