"""Partitioned layers: parts, blocks and what is counted in them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partitioned_graphs import graphs

import ppsim
from ppsim.units import ceil_div
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Flatten, Linear, Softmax
from ppsim.workload.partitioned import (
    Kept,
    PartitionedGraph,
    PartitionedLayer,
    all_blocks,
    default_blocks,
    split_evenly,
    starts,
)
from ppsim.workload.sparsity import Effect, Sparsity


def refusal(make) -> str:
    with pytest.raises(ppsim.InputError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def halves(**fields) -> PartitionedLayer:
    return PartitionedLayer((2, 2), (2, 2), ((Kept(0, 2),), (Kept(1, 2),)), **fields)


def part_of_each_unit(assignment, sizes) -> list[int]:
    return list(assignment) if assignment is not None else [part for part, n in enumerate(sizes) for _ in range(n)]


def connected(layer: PartitionedLayer) -> list[list[list[int]]]:
    """For each output unit, the input units of each part that it is connected to, unit by unit."""
    parts_in = part_of_each_unit(layer.in_assignment, layer.in_sizes)
    parts_out = part_of_each_unit(layer.out_assignment, layer.out_sizes)
    found = []
    for q in parts_out:
        found.append([[u for u, p in enumerate(parts_in) if p == kept.part][: kept.units] for kept in layer.kept[q]])
    return found


@given(graphs())
def test_runs_are_the_units_of_the_parts(graph):
    for layer in graph.layers.values():
        for side, assignment, sizes in (
            ("in", layer.in_assignment, layer.in_sizes),
            ("out", layer.out_assignment, layer.out_sizes),
        ):
            expected = part_of_each_unit(assignment, sizes)
            runs = layer.runs(side)
            assert len(runs) == len(sizes)
            for part, bounds in enumerate(runs):
                units = [unit for low, high in bounds for unit in range(low, high)]
                assert units == [unit for unit, p in enumerate(expected) if p == part]
                assert len(units) == sizes[part]
                assert all(low < high for low, high in bounds)
                # as few runs as there can be
                assert all(high < low for (_, high), (low, _) in pairwise(bounds))


@given(graphs())
def test_macs_unit_by_unit(graph):
    """What each output unit multiplies, counted one by one; factors and non-zeros as their laws say."""
    total = graph.graph.macs
    for name, layer in graph.layers.items():
        gemm = graph.graph.gemm_of(name)
        taps = graph.taps(name)
        rows = connected(layer)
        if layer.rank is not None:
            fan_ins = [sum(b.units for b in kept) * taps for kept in layer.kept]
            a_row = sum(layer.rank * (k + n) for k, n in zip(fan_ins, layer.out_sizes, strict=True))
        elif layer.sparsity.kind == "gated":
            known = all(b.nonzeros is not None for kept in layer.kept for b in kept)
            a_row = (
                sum(b.nonzeros for kept in layer.kept for b in kept)
                if known
                else sum(len(units) * taps for row in rows for units in row)
            )
        elif layer.sparsity.kind == "n:m":
            n, m = layer.sparsity.n, layer.sparsity.m
            # split by outputs, a part's blocks are one matrix; split by inputs, each is a part's own
            matrices = (
                [sum(row, [])] if layer.split == "outputs" else row  # noqa: RUF017
                for row in rows
            )
            a_row = sum(ceil_div(len(units) * taps * n, m) for row in matrices for units in row)
        else:
            a_row = sum(len(units) * taps for row in rows for units in row)
        total += gemm.m * a_row - gemm.macs
    assert graph.macs == total
    assert graph.with_batch(graph.graph.batch * 2).macs == 2 * graph.macs


@given(graphs())
def test_what_is_left_adds_up(graph):
    for name, layer in graph.layers.items():
        taps = graph.taps(name)
        assert layer.weights == sum(len(units) for row in connected(layer) for units in row)
        assert layer.weights <= layer.dense_weights
        inputs, outputs = graph.units(name)
        assert layer.dense_weights * taps == inputs * outputs * taps == graph.graph.gemm_of(name).weights
        counted = [b.nonzeros for kept in layer.kept for b in kept]
        if None not in counted:
            assert layer.nonzeros(taps) == sum(counted)
        elif layer.rank is None and layer.sparsity.kind != "n:m":
            assert layer.nonzeros(taps) == layer.weights * taps
        assert [layer.fan_in(q) for q in range(len(layer.out_sizes))] == [sum(b.units for b in k) for k in layer.kept]
    assert graph.nonzeros == sum(layer.nonzeros(graph.taps(name)) for name, layer in graph.layers.items())
    assert graph.pruned == (graph.nonzeros < graph.dense_weights)


def test_counted_by_hand():
    """A 3x3 convolution of 4 into 6 channels in two parts, at 2 x 2 pixels, batch 3; 12 rows of m."""
    net = LayerGraph("net", (4, 2, 2), (Conv(name="c", out_channels=6, kernel=(3, 3), padding=(1, 1)),), batch=3)

    def cut(*kept, **fields) -> PartitionedGraph:
        return PartitionedGraph(net, 2, {"c": PartitionedLayer((3, 1), (2, 4), kept, **fields)})

    both = ((Kept(0, 3),), (Kept(0, 1), Kept(1, 1)))
    dense = cut(*both)
    assert (dense.taps("c"), dense.units("c"), dense.dense_weights) == (9, (4, 6), 216)
    assert dense.layers["c"].weights == 3 * 2 + 2 * 4
    assert dense.nonzeros == 14 * 9 == 126
    assert dense.macs == 12 * 126
    assert dense.kept_ratio == 126 / 216
    some = ((Kept(0, 3, 50),), (Kept(0, 1, 0), Kept(1, 1, 30)))
    assert cut(*some, sparsity=Sparsity(kind="gated")).macs == 12 * 80
    assert cut(*some).macs == 12 * 126
    assert cut(*some).nonzeros == 80
    # 2:4 of 27 is 14, of 18 is 9; block by block 9 is 5, twice
    two = cut(*both, sparsity=Sparsity(kind="n:m", n=2, m=4))
    assert two.macs == 12 * (14 * 2 + 9 * 4)
    assert two.nonzeros == 14 * 2 + 5 * 4 + 5 * 4
    assert two.pruned
    low = cut(*both, rank=2)
    assert low.nonzeros == 2 * (27 + 2) + 2 * (18 + 4)
    assert low.macs == 12 * low.nonzeros
    split = PartitionedLayer((3, 1), (6,), ((Kept(0, 3), Kept(1, 1)),), split="inputs")
    assert PartitionedGraph(net, 2, {"c": split}).macs == net.macs
    assert not PartitionedGraph(net, 2, {"c": split}).pruned
    split = PartitionedLayer(
        (3, 1), (6,), ((Kept(0, 3), Kept(1, 1)),), split="inputs", sparsity=two.layers["c"].sparsity
    )
    assert PartitionedGraph(net, 2, {"c": split}).macs == 12 * 6 * (14 + 5)


def test_the_effect_of_blocks_by_hand():
    """Two blocks of 3 and 1 input channels against 5 outputs, 9 taps: 180 weights, 100 of them not zero."""
    blocks = (Kept(0, 3, 80), Kept(1, 1, 20))

    def effect(bits: int | None, **fields) -> Effect:
        layer = PartitionedLayer((3, 1), (5, 0), (blocks, ()), sparsity=Sparsity(**fields), weight_bits=bits)
        return layer.effect(blocks, 5, 9, 16)

    assert effect(None) == Effect(36, 180, 180 * 16)
    assert effect(8) == Effect(36, 180, 180 * 8)
    assert effect(8, kind="gated") == Effect(36, 100, 180 * 8)
    assert effect(None, kind="compressed", format="csr", index_bits=4) == Effect(36, 180, 100 * 20)
    assert PartitionedLayer((3, 1), (5, 0), ((Kept(0, 3, 80), Kept(1, 1)), ())).effect(
        (Kept(0, 3, 80), Kept(1, 1)), 5, 9, 16
    ) == Effect(36, 180, 180 * 16)
    halved = PartitionedLayer((3, 1), (5, 0), ((Kept(0, 3), Kept(1, 1)), ()), sparsity=Sparsity(kind="n:m", n=1, m=2))
    assert halved.effect((Kept(0, 3), Kept(1, 1)), 5, 9, 16) == Effect(18, 90, 90 * 17)


def test_where_parts_run():
    net = ppsim.gemm(1, 4, 4)
    graph = PartitionedGraph(net, 2, {"gemm": halves()})
    assert [graph.placed(p, 1) for p in range(2)] == [0, 0]
    assert [graph.placed(p, 4) for p in range(2)] == [0, 1]
    placed = PartitionedGraph(net, 2, {"gemm": halves()}, (3, 0))
    assert [placed.placed(p, 4) for p in range(2)] == [3, 0]
    assert refusal(lambda: placed.placed(0, 3)) == (
        "gemm-1x4x4: placement: part 0 is on accelerator 3, and there are 3 (0 to 2); give at least 4 accelerators"
    )


@pytest.mark.parametrize("placement", [(), (0,), (0, 1, 2), (0, -1)])
def test_a_placement_that_does_not_fit(placement):
    message = refusal(lambda: PartitionedGraph(ppsim.gemm(1, 4, 4), 2, {"gemm": halves()}, placement))
    assert message == "gemm-1x4x4: placement: give an accelerator (0 and up) for each of 2 parts"


@pytest.mark.parametrize(
    ("in_sizes", "out_sizes", "kept", "says"),
    [
        ((2, 2), (2, 2), ((Kept(0, 2),),), "2 output parts need as many lists of kept blocks"),
        ((2, 2), (4,), ((Kept(0, 2),), (Kept(1, 2),)), "as many input as output parts, got 2 and 1"),
        ((2, 2), (2, 2), ((Kept(0, 3),), (Kept(1, 2),)), "which is no block: input part 0 has 2 units"),
        ((2, 2), (2, 2), ((Kept(0, 2),), (Kept(2, 1),)), "output part 1 keeps Kept(part=2, units=1, nonzeros=None), "),
        ((2, 2), (2, 2), ((Kept(0, 2),), (Kept(2, 1),)), "which is no block: input parts go from 0 to 1"),
        ((2, 2), (2, 2), ((Kept(0, 2),), (Kept(-1, 1),)), "which is no block"),
        ((2, 2), (2, 2), ((Kept(0, 0),), (Kept(1, 2),)), "which is no block"),
        ((2, 2), (2, 2), ((Kept(0, 1), Kept(0, 2)), (Kept(1, 2),)), "output part 0 keeps input part 0 twice"),
        ((2, 2), (2, 2), ((Kept(0, 2),), ()), "output part 1 keeps no block"),
        ((2, 2), (2, 2), ((Kept(0, 2, -1),), (Kept(1, 2),)), "nonzeros of input part 0 must not be negative"),
    ],
)
def test_blocks_that_do_not_fit(in_sizes, out_sizes, kept, says):
    assert says in refusal(lambda: PartitionedLayer(in_sizes, out_sizes, kept))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"in_assignment": (0, 1, 0)}, "the assignment of input units: give each of 4 units a part from 0 to 1"),
        ({"in_assignment": ()}, "give each of 4 units a part"),
        ({"in_assignment": (0, 0, 1, 2)}, "give each of 4 units a part from 0 to 1"),
        ({"out_assignment": (0, 0, 1, -1)}, "the assignment of output units: give each of 4 units"),
        ({"out_assignment": (0, 0, 1, 10**12)}, "give each of 4 units a part from 0 to 1"),  # and not room for them
        ({"in_assignment": (0, 0, 0, 1)}, "the assignment of input units to parts does not give the sizes"),
        ({"weight_bits": 0}, "weight_bits must be at least 1, got 0"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"rank": 1, "sparsity": Sparsity(kind="gated")}, "rank=1 goes with dense factors, not with sparsity 'gated'"),
        ({"split": "inputs"}, "a layer split by inputs has one output part, got 2"),
    ],
)
def test_fields_that_do_not_fit(fields, says):
    assert says in refusal(lambda: halves(**fields))


def test_a_split_by_inputs_has_no_factors_and_no_output_parts():
    def cut(**fields) -> PartitionedLayer:
        return PartitionedLayer((2, 2), (4,), ((Kept(0, 2), Kept(1, 2)),), split="inputs", **fields)

    assert cut().parts == 2
    assert (
        refusal(lambda: cut(rank=1)) == "rank=1 goes with a split by outputs, not by inputs; leave one of the two out"
    )
    assert "its output units are assigned to none" in refusal(lambda: cut(out_assignment=(0, 0, 0, 0)))


def test_factors_have_no_zeros():
    message = refusal(lambda: PartitionedLayer((2, 2), (2, 2), ((Kept(0, 2, 3),), (Kept(1, 2),)), rank=1))
    assert message == "rank=1 goes with dense factors: leave the nonzeros of the blocks out"


def test_parts_that_do_not_fit_the_network():
    net = LayerGraph("net", (4,), (Linear(name="fc", out_features=4), Softmax(name="s")))
    assert PartitionedGraph(net, 2, {"fc": halves()}).macs == 8
    for name in ("s", "nothing"):
        assert refusal(lambda name=name: PartitionedGraph(net, 2, {name: halves()})) == (
            f"net: layer '{name}': only linear layers and ungrouped convolutions can be partitioned; there are: fc"
        )
    odd = PartitionedLayer((2, 1), (2, 2), ((Kept(0, 2),), (Kept(1, 1),)))
    assert "layer 'fc': 2 parts of 3 x 4 units do not make up 2 parts of 4 x 4" in refusal(
        lambda: PartitionedGraph(net, 2, {"fc": odd})
    )
    assert "do not make up 3 parts of 4 x 4" in refusal(lambda: PartitionedGraph(net, 3, {"fc": halves()}))
    assert refusal(lambda: PartitionedGraph(net, 0, {})) == "net: parts must be at least 1, got 0"
    assert refusal(lambda: PartitionedGraph(net, 2, {"fc": halves(rank=3)})) == (
        "net: layer 'fc': rank=3 is more than its largest block has; take at most 2"
    )
    grouped = LayerGraph("net", (4, 2, 2), (Conv(name="c", out_channels=4, kernel=(1, 1), groups=2), Flatten(name="f")))
    assert "there are: none" in refusal(lambda: PartitionedGraph(grouped, 2, {"c": halves()}))


def test_more_parts_than_units_on_the_side_that_is_split():
    net = ppsim.gemm(1, 6, 2)
    thirds = split_evenly(6, 3)
    by_outputs = PartitionedLayer(thirds, (1, 1, 0), default_blocks(thirds, (1, 1, 0), "outputs"))
    assert refusal(lambda: PartitionedGraph(net, 3, {"gemm": by_outputs})) == (
        "gemm-1x6x2: layer 'gemm': 3 parts are more than the 2 outputs it is split by; take at most 2 parts, or "
        "split by inputs"
    )
    by_inputs = PartitionedLayer(thirds, (2,), all_blocks(thirds, (2,)), split="inputs")
    assert PartitionedGraph(net, 3, {"gemm": by_inputs}).macs == net.macs


def test_more_nonzeros_than_weights():
    net = ppsim.gemm(1, 4, 4)
    cut = PartitionedLayer((2, 2), (2, 2), ((Kept(0, 2, 5),), (Kept(1, 2),)))
    assert refusal(lambda: PartitionedGraph(net, 2, {"gemm": cut})) == (
        "gemm-1x4x4: layer 'gemm': output part 0: 5 nonzeros of input part 0 are more than the 4 weights of its "
        "2 x 2 block"
    )
    cut = PartitionedLayer((2, 2), (2, 2), ((Kept(0, 2, 3),), (Kept(1, 2),)), sparsity=Sparsity(kind="n:m", n=1, m=2))
    assert "3 nonzeros of input part 0 are more than the 2 weights of its 2 x 2 block under 1:2" in refusal(
        lambda: PartitionedGraph(net, 2, {"gemm": cut})
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_default_and_all_blocks(in_sizes, out_sizes):
    whole = all_blocks(tuple(in_sizes), tuple(out_sizes))
    assert [len(kept) for kept in whole] == [bool(n) * sum(map(bool, in_sizes)) for n in out_sizes]
    assert all(block.units == in_sizes[block.part] for kept in whole for block in kept)
    if len(in_sizes) == len(out_sizes):
        diagonal = default_blocks(tuple(in_sizes), tuple(out_sizes), "outputs")
        for p, kept in enumerate(diagonal):
            assert kept == ((Kept(p, in_sizes[p]),) if in_sizes[p] and out_sizes[p] else ())
    assert default_blocks(tuple(in_sizes), (3,), "inputs") == all_blocks(tuple(in_sizes), (3,))


@given(st.integers(0, 500), st.integers(1, 40))
def test_an_even_split(units, parts):
    sizes = split_evenly(units, parts)
    assert (len(sizes), sum(sizes)) == (parts, units)
    assert max(sizes) - min(sizes) <= 1
    assert list(sizes) == sorted(sizes, reverse=True)
    assert starts(sizes) == tuple(np.cumsum([0, *sizes]))
