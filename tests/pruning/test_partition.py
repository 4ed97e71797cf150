"""Partition pruning: which blocks are kept, and what is left of the network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, BatchNorm, Concat, Conv, Elementwise, Flatten, Linear, Pool, Softmax
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, all_blocks, split_evenly


def refusal(make) -> str:
    with pytest.raises(ppsim.InputError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def mask(layer: PartitionedLayer) -> np.ndarray:
    """The kept weights as a matrix of input units by output units."""
    kept = np.zeros((sum(layer.in_sizes), sum(layer.out_sizes)), dtype=bool)
    first_in, first_out = np.cumsum([0, *layer.in_sizes]), np.cumsum([0, *layer.out_sizes])
    for q, blocks in enumerate(layer.kept):
        for block in blocks:
            low = first_in[block.part]
            kept[low : low + block.units, first_out[q] : first_out[q + 1]] = True
    return kept


@st.composite
def cases(draw: st.DrawFn) -> tuple[LayerGraph, int, float | None]:
    """A chain of linear layers, parts, and a share to keep."""
    units = draw(st.lists(st.integers(1, 30), min_size=2, max_size=4))
    layers = tuple(Linear(name=f"fc{i}", out_features=n) for i, n in enumerate(units[1:]))
    net = LayerGraph("net", (units[0],), layers, batch=draw(st.integers(1, 3)))
    parts = draw(st.integers(1, min(units)))
    return net, parts, draw(st.none() | st.floats(1 / parts, 1))


@given(cases())
def test_parts_make_up_the_layer_and_differ_by_one_unit_at_most(case):
    net, parts, keep = case
    pruned = ppsim.partition(net, parts, layers="*", keep=keep)
    assert pruned.parts == parts
    assert set(pruned.layers) == {layer.name for layer in net.layers}
    for name, layer in pruned.layers.items():
        product = net.gemm_of(name)
        assert layer.parts == parts
        assert (sum(layer.in_sizes), sum(layer.out_sizes)) == (product.k, product.n)
        for sizes in (layer.in_sizes, layer.out_sizes):
            assert list(sizes) == sorted(sizes, reverse=True)
            assert max(sizes) - min(sizes) <= 1


@given(cases())
def test_kept_blocks_are_the_diagonal_and_what_keep_adds(case):
    net, parts, keep = case
    for name, layer in ppsim.partition(net, parts, layers="*", keep=keep).layers.items():
        kept = mask(layer)
        first_in, first_out = np.cumsum([0, *layer.in_sizes]), np.cumsum([0, *layer.out_sizes])
        target = 0 if keep is None else round(keep * net.gemm_of(name).k)
        for q in range(parts):
            columns = kept[:, first_out[q] : first_out[q + 1]]
            assert columns[first_in[q] : first_in[q + 1]].all()  # the diagonal block
            assert (columns.sum(axis=0) == max(target, layer.in_sizes[q])).all()
            assert layer.fan_in(q) == max(target, layer.in_sizes[q])
            # beyond the diagonal: the units that follow the part's own, round the end
            order = np.roll(columns[:, 0], -first_in[q])
            whole = [Kept(p, layer.in_sizes[p]) for p in range(parts)]
            assert sum(block not in whole for block in layer.kept[q]) <= 1  # one part at most is kept in part
            assert order[: layer.fan_in(q)].all()


@given(cases())
def test_what_is_left_is_counted_exactly(case):
    net, parts, keep = case
    pruned = ppsim.partition(net, parts, layers="*", keep=keep)
    kept = sum(int(mask(layer).sum()) for layer in pruned.layers.values())
    assert pruned.macs == net.batch * kept
    assert sum(layer.weights for layer in pruned.layers.values()) == kept
    assert pruned.kept_ratio == pytest.approx(kept / net.weights, rel=1e-12)
    assert pruned.pruned == (kept < net.weights)


@given(st.integers(16, 400), st.integers(16, 400), st.integers(1, 16), st.data())
def test_the_share_kept_is_the_share_asked_for(k, n, parts, data):
    """To half an input unit, once the diagonal blocks are within it."""
    keep = data.draw(st.floats(-(-k // parts) / k, 1))
    ratio = ppsim.partition(ppsim.gemm(1, k, n), parts, layers="*", keep=keep).kept_ratio
    assert abs(ratio - keep) <= 0.5 / k + 1e-12


def test_diagonal_blocks_by_hand():
    layer = ppsim.partition(ppsim.gemm(1, 7, 5), 3, layers="gemm").layers["gemm"]
    assert (layer.in_sizes, layer.out_sizes) == ((3, 2, 2), (2, 2, 1))
    assert layer.kept == ((Kept(0, 3),), (Kept(1, 2),), (Kept(2, 2),))
    assert (layer.weights, layer.dense_weights) == (3 * 2 + 2 * 2 + 2 * 1, 35)


def test_keeping_more_by_hand():
    """Four of eight input units for each of four parts: its own two and the next part's, round the end."""
    layer = ppsim.partition(ppsim.gemm(1, 8, 8), 4, layers="gemm", keep=0.5).layers["gemm"]
    assert layer.kept == (
        (Kept(0, 2), Kept(1, 2)),
        (Kept(1, 2), Kept(2, 2)),
        (Kept(2, 2), Kept(3, 2)),
        (Kept(0, 2), Kept(3, 2)),
    )
    layer = ppsim.partition(ppsim.gemm(1, 8, 8), 4, layers="gemm", keep=3 / 8).layers["gemm"]
    assert layer.kept[2:] == ((Kept(2, 2), Kept(3, 1)), (Kept(0, 1), Kept(3, 2)))


@pytest.mark.parametrize("parts", [2, 4, 8, 16])
def test_tinyvgg16_keeps_one_in_parts(parts):
    net = ppsim.load_workload("tinyvgg16")
    pruned = ppsim.partition(net, parts)
    assert list(pruned.layers) == ["fc6", "fc7", "fc8"]
    assert pruned.kept_ratio == pytest.approx(1 / parts, rel=1e-12)  # all input sizes divide
    assert net.macs - pruned.macs == 25_985_024 - sum(sum(mask(layer).sum(axis=0)) for layer in pruned.layers.values())


@pytest.mark.parametrize(("parts", "keep"), [(1, None), (1, 1.0), (4, 1.0), (3, 1.0)])
def test_nothing_is_pruned_from_one_part_or_when_all_is_kept(parts, keep):
    net = ppsim.load_workload("tinyvgg16", batch=2)
    pruned = ppsim.partition(net, parts, keep=keep)
    assert not pruned.pruned
    assert pruned.kept_ratio == 1
    assert pruned.macs == net.macs


@pytest.mark.parametrize("name", ["tinyvgg16", "tinyvgg16-25088", "tinyvgg16-32768"])
@pytest.mark.parametrize("parts", [2, 3, 7, 16])
def test_channels_stay_together_through_a_flatten(name, parts):
    """Part p of the first linear layer reads whole channels, those that would be part p of the last convolution."""
    net = ppsim.load_workload(name)
    channels, height, width = net.input_shapes_of("flatten")[0]
    assert ppsim.partition(net, parts).layers["fc6"].in_sizes == tuple(
        size * height * width for size in split_evenly(channels, parts)
    )
    assert ppsim.partition(net, parts).layers["fc7"].in_sizes == split_evenly(4096, parts)


def chain(*layers) -> LayerGraph:
    return LayerGraph("net", (4, 4, 4), layers)


@pytest.mark.parametrize(
    ("between", "parts", "sizes"),
    [
        ((Flatten(name="f"),), 3, (32, 16, 16)),
        ((Flatten(name="f"), Elementwise(name="e")), 3, (32, 16, 16)),
        ((Elementwise(name="e"), Flatten(name="f")), 3, (32, 16, 16)),
        ((Conv(name="c", out_channels=3, kernel=(2, 2)), Flatten(name="f")), 3, (9, 9, 9)),
        ((Pool(name="p", kernel=(2, 2)), Flatten(name="f")), 3, (8, 4, 4)),
        ((Flatten(name="f"), Linear(name="a", out_features=64)), 3, (22, 21, 21)),
        ((Flatten(name="f"), Softmax(name="s")), 3, (22, 21, 21)),
        ((Pool(name="p", kernel=(2, 2)), Flatten(name="f"), BatchNorm(name="b")), 3, (8, 4, 4)),
        ((Flatten(name="f"), Flatten(name="g")), 3, (32, 16, 16)),
        ((Flatten(name="f"), Elementwise(name="e"), Add(name="a", inputs=("f", "e"))), 3, (32, 16, 16)),
        # what is added moves together, so the softmax's units go with the channels'
        ((Flatten(name="f"), Softmax(name="s"), Add(name="a", inputs=("f", "s"))), 3, (32, 16, 16)),
        # a channel is in one part wherever it is read: 2, 1 and 1 channels, twice
        ((Flatten(name="f"), Concat(name="c", inputs=("f", "f"))), 3, (64, 32, 32)),
        # more parts than channels: pixels of a channel have to part
        ((Flatten(name="f"),), 5, (13, 13, 13, 13, 12)),
    ],
)
def test_what_ties_inputs_together(between, parts, sizes):
    net = chain(*between, Linear(name="fc", out_features=9))
    assert ppsim.partition(net, parts, layers="fc").layers["fc"].in_sizes == sizes


def names(pruned: PartitionedGraph) -> list[list[str]]:
    return [[layer.name for layer in stretch.graph.layers] for stretch in pruned.stretches()]


@pytest.mark.parametrize(
    ("layers", "stretches"),
    [
        ("fc*", [["fc6", "relu6", "fc7", "relu7", "fc8"]]),
        ("fc6", [["fc6", "relu6"]]),
        ("fc7,fc8", [["fc7", "relu7", "fc8"]]),
        ("fc6,fc8", [["fc6", "relu6"], ["fc8"]]),
    ],
)
def test_stretches_are_runs_of_pruned_layers(layers, stretches):
    net = ppsim.load_workload("tinyvgg16", batch=2, bits=8)
    pruned = ppsim.partition(net, 4, layers=layers)
    assert names(pruned) == stretches
    for stretch in pruned.stretches():
        linear = [name for name in pruned.layers if name in {layer.name for layer in stretch.graph.layers}]
        assert list(stretch.layers) == linear
        assert all(stretch.layers[name] == pruned.layers[name] for name in linear)
        assert stretch.graph.input_shape == net.input_shapes_of(linear[0])[0]
        assert (stretch.parts, stretch.graph.batch, stretch.graph.bits) == (4, 2, 8)
    removed = net.macs - pruned.macs
    assert sum(s.graph.macs - s.macs for s in pruned.stretches()) == removed
    assert sum(s.macs for s in pruned.stretches()) == 2 * sum(layer.weights for layer in pruned.layers.values())


def test_anything_but_a_pointwise_layer_ends_a_stretch():
    def fc(name: str, *inputs: str) -> Linear:
        return Linear(name=name, out_features=8, inputs=inputs)

    net = LayerGraph("net", (8,), (fc("a"), Softmax(name="s"), fc("b"), fc("x"), fc("c"), fc("d", "b")))
    assert names(ppsim.partition(net, 2, layers="a,b,c,d")) == [["a"], ["b"], ["c"], ["d"]]
    assert names(ppsim.partition(net, 2, layers="a,b,x,c,d")) == [["a"], ["b", "x", "c"], ["d"]]


@pytest.mark.parametrize(
    ("parts", "keep"),
    [(2, 0.49), (2, 1.01), (4, 0.2), (1, 0.99), (4, 0.0), (4, -0.5), (4, float("nan")), (4, float("inf"))],
)
def test_keep_out_of_range(parts, keep):
    message = refusal(lambda: ppsim.partition(ppsim.gemm(1, 64, 64), parts, layers="*", keep=keep))
    assert message.startswith(f"keep={keep:g} is out of range; with parts={parts} it goes from 1/{parts} ")


@pytest.mark.parametrize("parts", [7, 28, 49])
def test_keeping_one_in_parts_keeps_the_diagonal_alone(parts):
    net = ppsim.gemm(1, 980, 980)
    assert ppsim.partition(net, parts, layers="*", keep=1 / parts) == ppsim.partition(net, parts, layers="*")


@pytest.mark.parametrize("parts", [0, -2])
def test_no_parts(parts):
    assert refusal(lambda: ppsim.partition(ppsim.gemm(1, 8, 8), parts, layers="*")) == (
        f"parts must be at least 1, got {parts}"
    )


def test_more_parts_than_units():
    net = ppsim.load_workload("tinyvgg16")
    assert ppsim.partition(net, 200).layers["fc8"].out_sizes == (1,) * 200
    assert ppsim.partition(net, 201, layers="fc6,fc7").parts == 201
    message = refusal(lambda: ppsim.partition(net, 4097))
    assert message.startswith("tinyvgg16: layer 'fc6' has 2048 input and 4096 output units, too few for parts=4097; ")
    assert "take at most 4096 parts or leave the layer out with layers=..." in message
    message = refusal(lambda: ppsim.partition(ppsim.gemm(1, 3, 9), 10, layers="*"))
    assert message.startswith("gemm-1x3x9: layer 'gemm' has 3 input and 9 output units")


def test_ten_classes_over_sixteen_parts():
    """Each part takes its inputs to all classes, and nothing is pruned from that layer, whatever is kept elsewhere."""
    layers = (Linear(name="fc1", out_features=64), Elementwise(name="relu"), Linear(name="fc2", out_features=10))
    net = LayerGraph("net", (32,), layers, batch=3)
    for keep in (None, 0.5, 1.0):
        pruned = ppsim.partition(net, 16, keep=keep)
        last = pruned.layers["fc2"]
        assert (last.split, last.parts, last.in_sizes, last.out_sizes) == ("inputs", 16, (4,) * 16, (10,))
        assert last.kept == (tuple(Kept(p, 4) for p in range(16)),)
        assert last.weights == last.dense_weights == 640
        assert pruned.layers["fc1"].split == "outputs"
        assert pruned.macs == 3 * (pruned.layers["fc1"].weights + 640)
    assert ppsim.partition(net, 10).layers["fc2"].split == "outputs"


def test_three_channels_over_eight_parts():
    """A first convolution has too few inputs to cut: parts take outputs and read all of them."""
    net = LayerGraph("net", (3, 8, 8), (Conv(name="c", out_channels=20, kernel=(3, 3)),))
    for keep in (None, 0.5):
        layer = ppsim.partition(net, 8, layers="c", keep=keep).layers["c"]
        assert layer.split == "outputs"
        assert layer.in_sizes == (1, 1, 1, 0, 0, 0, 0, 0)
        assert layer.out_sizes == split_evenly(20, 8)
        assert layer.kept == ((Kept(0, 1), Kept(1, 1), Kept(2, 1)),) * 8


def test_convolutions_are_cut_by_channels():
    net = LayerGraph("net", (8, 6, 6), (Conv(name="c", out_channels=12, kernel=(3, 3), padding=(1, 1)),), batch=2)
    diagonal = ppsim.partition(net, 4, layers="c")
    assert diagonal.layers["c"] == PartitionedLayer((2,) * 4, (3,) * 4, tuple((Kept(p, 2),) for p in range(4)))
    assert diagonal.macs == net.macs // 4 == 2 * 36 * 8 * 12 * 9 // 4
    assert diagonal.kept_ratio == 1 / 4
    half = ppsim.partition(net, 4, layers="c", keep=0.5).layers["c"]
    assert half.kept[3] == (Kept(0, 2), Kept(3, 2))
    whole = ppsim.partition(net, 4, layers="c", keep=1).layers["c"]
    assert whole.kept == all_blocks((2,) * 4, (3,) * 4)


@pytest.mark.parametrize("parts", [1, 2, 3, 8, 16, 64, 200, 256])
def test_a_whole_network_can_be_cut(parts):
    """Every layer of VGG-16 on its own terms: cut on both sides where it can be, else kept whole."""
    net = ppsim.load_workload("tinyvgg16")
    pruned = ppsim.partition(net, parts, layers="fc*,conv[345]*")
    for name, layer in pruned.layers.items():
        inputs, outputs = pruned.units(name)
        assert layer.split == ("inputs" if outputs < parts else "outputs")
        if parts > min(inputs, outputs):
            assert layer.weights == layer.dense_weights
        elif parts > 1:
            assert layer.weights < layer.dense_weights
    assert pruned.pruned == (parts > 1)


def test_a_method_that_is_unknown_and_layers_that_match_none():
    net = ppsim.load_workload("tinyvgg16")
    assert refusal(lambda: ppsim.partition(net, 2, method="magic")).startswith(
        "method='magic' is unknown; accepted: contiguous"
    )
    assert "matches no linear layer" in refusal(lambda: ppsim.partition(net, 2, layers="pool*"))
