"""Layers by themselves: shapes, lowering and windows, against direct computation."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ppsim
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.gemm import Gemm, Window
from ppsim.workload.layer import Shape
from ppsim.workload.layers import (
    LAYER_TYPES,
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    PRelu,
    Softmax,
)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv, tuple[int, int, int]]:
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    groups = draw(st.integers(1, 3))
    conv = Conv(
        name="conv",
        out_channels=groups * draw(st.integers(1, 4)),
        kernel=kernel,
        stride=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        padding=(draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1))),
        groups=groups,
    )
    smallest = [max(1, k - 2 * p) for k, p in zip(kernel, conv.padding, strict=True)]
    height, width = (draw(st.integers(low, 14)) for low in smallest)
    return conv, (groups * draw(st.integers(1, 3)), height, width)


def positions(size: int, kernel: int, stride: int, padding: int) -> list[range]:
    """The input positions each output position sees, padding included as positions outside of the input."""
    found = []
    start = -padding
    while start + kernel <= size + padding:
        found.append(range(start, start + kernel))
        start += stride
    return found


@given(convolutions())
def test_convolution_shapes_are_positions_of_the_kernel(case):
    layer, (channels, height, width) = case
    down, across = (
        positions(size, *rest)
        for size, *rest in zip((height, width), layer.kernel, layer.stride, layer.padding, strict=True)
    )
    assert layer.output_shape(((channels, height, width),)) == (layer.out_channels, len(down), len(across))
    pool = Pool(name="pool", kernel=layer.kernel, stride=layer.stride, padding=layer.padding)
    assert pool.output_shape(((channels, height, width),)) == (channels, len(down), len(across))
    assert pool.vector_operations(((channels, height, width),), 3) == (
        3 * channels * sum(len(d) for d in down) * sum(len(a) for a in across)
    )


@given(convolutions())
def test_a_pool_with_ceil_counts_windows_that_the_end_cuts_off(case):
    """As long as they begin inside the input or the padding before it, and would reach something new."""
    layer, (channels, height, width) = case
    pool = Pool(name="pool", kernel=layer.kernel, stride=layer.stride, padding=layer.padding, ceil=True)
    shape = pool.output_shape(((channels, height, width),))
    for size, out, kernel, stride, padding in zip(
        (height, width), shape[1:], layer.kernel, layer.stride, layer.padding, strict=True
    ):
        whole = len(positions(size, kernel, stride, padding))
        one_more = whole * stride < size + padding and (whole - 1) * stride + kernel < size + 2 * padding
        assert out == whole + one_more
        if one_more and not padding:  # the last window ends behind the input, the one before it does not reach the end
            assert (out - 1) * stride + kernel > size > (out - 2) * stride + kernel


@given(convolutions(), st.integers(1, 3))
def test_convolution_lowers_to_the_matrix_of_its_windows(case, batch):
    """im2col, made explicitly: one row a position, one column a channel and kernel element of a group."""
    layer, (channels, height, width) = case
    image = np.zeros((channels // layer.groups, height + 2 * layer.padding[0], width + 2 * layer.padding[1]))
    windows = np.lib.stride_tricks.sliding_window_view(image, layer.kernel, axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
    rows, columns = windows.shape[1] * windows.shape[2], windows[:, 0, 0].size
    expected = Gemm(m=batch * rows, k=columns, n=layer.out_channels // layer.groups, groups=layer.groups)
    assert layer.gemm(((channels, height, width),), batch) == expected
    outputs = batch * layer.out_channels * rows
    assert expected.macs == outputs * columns
    assert expected.weights == layer.out_channels * columns
    for bias in (False, True):
        parameters = replace(layer, bias=bias).parameters(((channels, height, width),))
        assert parameters == layer.out_channels * (columns + bias)


@given(convolutions(), st.data())
def test_a_strip_is_the_rows_between_the_first_and_the_last_that_are_read(case, data):
    layer, shape = case
    window = layer.window((shape,))
    seen = positions(shape[1], layer.kernel[0], layer.stride[0], layer.padding[0])
    first = data.draw(st.integers(0, len(seen) - 1))
    rows = data.draw(st.integers(1, len(seen) - first))
    touched = {row for out in seen[first : first + rows] for row in out if 0 <= row < shape[1]}
    assert window.strip_rows(first, rows) == (max(touched) - min(touched) + 1 if touched else 0)
    if layer.stride[0] <= layer.kernel[0]:  # nothing is skipped: exactly the rows that are read
        assert window.strip_rows(first, rows) == len(touched)


def test_a_strip_by_hand():
    """3x3 with padding 1 over 64 rows: one halo row above and below, none beyond the edges."""
    window = Conv(name="c", out_channels=1, kernel=(3, 3), padding=(1, 1)).window(((1, 64, 64),))
    assert window == Window(64, 64, 64, 64, (3, 3), (1, 1), (1, 1))
    assert [window.strip_rows(*strip) for strip in ((0, 8), (8, 8), (56, 8), (0, 64), (63, 1))] == [9, 10, 9, 64, 2]


def test_a_strip_in_the_padding_reads_nothing():
    window = Conv(name="c", out_channels=1, kernel=(1, 1), padding=(2, 2)).window(((1, 3, 3),))
    assert [window.strip_rows(row, 1) for row in range(7)] == [0, 0, 1, 1, 1, 0, 0]


def test_only_convolutions_have_windows():
    layers = (Linear(name="l", out_features=2), Pool(name="p", kernel=(2, 2)), Flatten(name="f"), Softmax(name="s"))
    assert [layer.window(((4,),)) for layer in layers] == [None] * 4
    assert MatMul(name="m", over="units").window(((4, 4), (4, 4))) is None


def test_pooling_strides_by_its_kernel_unless_told():
    assert Pool(name="p", kernel=(3, 2)).output_shape(((5, 9, 9),)) == (5, 3, 4)
    assert Pool(name="p", kernel=(3, 2), stride=(1, 1)).output_shape(((5, 9, 9),)) == (5, 7, 8)


def test_shapes_that_stay_and_shapes_that_flatten():
    for shape in ((7,), (6, 5), (3, 4, 5)):
        for layer in (Elementwise(name="e"), Softmax(name="s"), BatchNorm(name="b"), LayerNorm(name="l")):
            assert layer.output_shape((shape,)) == shape
    assert Flatten(name="f").output_shape(((3, 4, 5),)) == (60,)
    assert Softmax(name="s", operations_per_element=2).vector_operations(((10,),), 3) == 60


def conv(out_channels: int, kernel: tuple[int, int], **more) -> Conv:
    return Conv(name="c", out_channels=out_channels, kernel=kernel, **more)


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (
            Linear(name="c", out_features=2),
            (3, 4, 5),
            "a linear layer needs a flat input or a (features, positions) sequence, got (3, 4, 5); put a f",
        ),
        (conv(2, (1, 1)), (3,), "needs a (channels, height, width) input, got (3,)"),
        (Pool(name="c", kernel=(1, 1)), (3, 4), "needs a (channels, height, width) input, got (3, 4)"),
        (conv(2, (4, 1)), (1, 3, 3), "kernel 4 is larger than its padded input (3)"),
        (conv(2, (1, 6), padding=(0, 1)), (1, 3, 3), "kernel 6 is larger than its padded input (5)"),
        (Pool(name="c", kernel=(5, 5), padding=(0, 1)), (1, 4, 4), "kernel 5 is larger than its padded input (4)"),
        (conv(4, (1, 1), groups=2), (3, 4, 4), "groups=2 must divide 3 input and 4 output channels"),
        (conv(3, (1, 1), groups=2), (4, 4, 4), "groups=2 must divide 4 input and 3 output channels"),
        (Softmax(name="c", groups=3), (8, 2), "groups=3 must divide 8 units"),
        (Embedding(name="c", entries=(9,), features=2), (4,), "needs a (features, positions) input, got (4,)"),
        (Embedding(name="c", entries=(9,), features=2), (2, 4), "looks up one number for each position, got (2, 4)"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, says):
    with pytest.raises(ppsim.InputError) as caught:
        layer.output_shape((shape,))
    assert str(caught.value).startswith(f"layer 'c': {says}")
    assert "\n" not in str(caught.value)


def fits(layer, expected: Shape | None, *shapes: Shape) -> None:
    """The output of a layer has the expected shape; None: its inputs are refused, in one line that names the layer."""
    if expected is not None:
        assert layer.output_shape(shapes) == expected
        return
    with pytest.raises(ppsim.InputError) as caught:
        layer.output_shape(shapes)
    assert str(caught.value).startswith(f"layer {layer.name!r}: ")
    assert "\n" not in str(caught.value)


def product(over: str, groups: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What a MatMul computes, in numpy; raises ValueError where numpy does."""
    first = left.reshape(groups, -1, left.shape[1])
    second = right.reshape(groups, -1, right.shape[1])
    if over == "units":
        second = second.swapaxes(1, 2)
    return (second @ first).reshape(-1, left.shape[1])


SMALL = st.integers(1, 6)


@given(st.sampled_from(["units", "positions"]), SMALL, SMALL, SMALL, SMALL, SMALL)
def test_matmul_is_the_product_of_each_group(over, groups, m, k, n, batch):
    layer = MatMul(name="product", over=over, groups=groups)
    shapes = ((groups * k, m), (groups * k, n) if over == "units" else (groups * n, k))
    assert layer.output_shape(shapes) == product(over, groups, *map(np.zeros, shapes)).shape == (groups * n, m)
    expected = Gemm(m=m, k=k, n=n, groups=groups * batch)
    assert layer.gemm(shapes, batch) == expected
    assert expected.macs == batch * prod(layer.output_shape(shapes)) * k


@given(st.sampled_from(["units", "positions"]), SMALL, st.tuples(SMALL, SMALL), st.tuples(SMALL, SMALL))
@example("positions", 2, (6, 1), (3, 3))  # as many sums as positions, but no whole number of outputs a group
@example("units", 2, (3, 1), (3, 4))  # as many units, but no whole number a group
@example("positions", 2, (3, 1), (4, 3))  # summed once for all groups
def test_matmul_refuses_what_numpy_refuses(over, groups, left, right):
    layer = MatMul(name="product", over=over, groups=groups)
    try:
        expected = product(over, groups, np.zeros(left), np.zeros(right)).shape
    except ValueError:
        expected = None
    fits(layer, expected, left, right)


def test_matmul_needs_to_be_told_what_it_sums():
    with pytest.raises(TypeError, match="over"):
        MatMul(name="m")


@given(SMALL, SMALL, SMALL, SMALL)
def test_attention_gives_a_row_of_values_for_each_query(heads, width, queries, keys):
    """Each head's scores are (keys, queries), and the probabilities of a query sum over the keys of one head."""
    query, key = (heads * width, queries), (heads * width, keys)
    scores = MatMul(name="scores", over="units", groups=heads).output_shape((query, key))
    assert scores == (heads * keys, queries)
    softmax = Softmax(name="softmax", groups=heads)
    assert softmax.output_shape((scores,)) == scores
    assert scores[0] // softmax.reduction_groups((scores,)) == keys
    assert MatMul(name="context", over="positions", groups=heads).output_shape((scores, key)) == query


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
#: shapes that often go together: one drawn, and others that differ from it in a size or not at all
families = shapes.flatmap(
    lambda shape: st.lists(
        st.one_of(
            st.just(shape),
            st.integers(1, 3).map(lambda units: (units, *shape[1:])),
            st.integers(1, 3).map(lambda last: (*shape[:-1], last)),
            shapes,
        ),
        min_size=2,
        max_size=5,
    )
)


@given(families, st.integers(1, 3))
def test_add_takes_inputs_of_one_shape(family, batch):
    layer = Add(name="sum")
    fits(layer, family[0] if len(set(family)) == 1 else None, *family)
    alike = (family[0],) * len(family)
    elements = np.zeros((batch, *family[0])).size
    assert layer.output_shape(alike) == family[0]
    assert layer.vector_operations(alike, batch) == elements * (len(family) - 1)


@given(families)
def test_concat_joins_what_numpy_joins(family):
    try:
        expected = np.concatenate([np.zeros(shape) for shape in family]).shape
    except ValueError:
        expected = None
    fits(Concat(name="joined"), expected, *family)


@given(SMALL, st.integers(1, 24), SMALL, SMALL)
def test_softmax_reduces_over_equal_groups_of_units(groups, units, positions, batch):
    layer = Softmax(name="softmax", groups=groups)
    shape = (units, positions)
    fits(layer, None if units % groups else shape, shape)
    assert layer.reduction_groups((shape,)) == groups
    assert layer.vector_operations((shape,), batch) == 4 * batch * units * positions


@given(SMALL, SMALL, SMALL, SMALL)
def test_linear_maps_each_position_alike(features, out, positions, batch):
    layer = Linear(name="l", out_features=out)
    weights, sequence = np.zeros((out, features)), np.zeros((features, positions))
    assert layer.output_shape((sequence.shape,)) == (weights @ sequence).shape
    assert layer.gemm((sequence.shape,), batch) == Gemm(m=batch * positions, k=features, n=out)
    assert layer.gemm(((features,),), batch) == Gemm(m=batch, k=features, n=out)
    for shape in (sequence.shape, (features,)):
        assert layer.parameters((shape,)) == weights.size + out
        assert replace(layer, bias=False).parameters((shape,)) == weights.size
        assert replace(layer, tied=True).parameters((shape,)) == out
        assert replace(layer, tied=True).gemm((shape,), batch) == layer.gemm((shape,), batch)


def test_an_embedding_adds_a_row_of_each_table():
    """Tables of 9, 5 and 2 rows of 4 numbers; 2 inputs of 3 positions."""
    layer = Embedding(name="e", entries=(9, 5, 2), features=4)
    tables = [np.zeros((rows, 4)) for rows in layer.entries]
    looked_up = [table[np.zeros((2, 3), dtype=int)] for table in tables]
    assert layer.output_shape(((1, 3),)) == (4, 3)
    assert layer.parameters(((1, 3),)) == sum(table.size for table in tables) == 64
    assert layer.rows_read(((1, 3),), 2) == sum(rows.size for rows in looked_up) == 72
    assert layer.vector_operations(((1, 3),), 2) == 2 * 24  # two additions for each of 2 x 3 x 4 elements
    assert replace(layer, entries=(9,)).vector_operations(((1, 3),), 2) == 0


def test_normalisation_by_hand():
    """A scale and a shift for each of 5 units; over 2 inputs of 4x3 pixels, or of 7 positions."""
    batch_norm, layer_norm = BatchNorm(name="b"), LayerNorm(name="l")
    assert (batch_norm.parameters(((5, 4, 3),)), layer_norm.parameters(((5, 7),))) == (10, 10)
    assert batch_norm.vector_operations(((5, 4, 3),), 2) == 2 * 2 * 60
    assert layer_norm.vector_operations(((5, 7),), 2) == 6 * 2 * 35
    assert replace(layer_norm, operations_per_element=8).vector_operations(((5, 7),), 2) == 8 * 2 * 35
    assert (batch_norm.reduction_groups(((5, 7),)), layer_norm.reduction_groups(((5, 7),))) == (None, 1)


EXAMPLES = (
    Conv(name="x", out_channels=2, kernel=(1, 1)),
    Linear(name="x", out_features=2),
    MatMul(name="x", over="units"),
    Pool(name="x", kernel=(1, 1)),
    Elementwise(name="x"),
    PRelu(name="x"),
    BatchNorm(name="x"),
    LayerNorm(name="x"),
    Softmax(name="x"),
    Add(name="x"),
    Concat(name="x"),
    Flatten(name="x"),
    Sample(name="x", channels=2),
    Pad(name="x", after=1),
    Embedding(name="x", entries=(3,), features=2),
)
FED = {Conv: ((1, 2, 2),), Pool: ((1, 2, 2),), MatMul: ((4, 2), (4, 3)), Add: ((4, 2), (4, 2)), Embedding: ((1, 2),)}


def test_a_layer_is_a_product_or_work_of_the_vector_unit_or_free():
    assert tuple(map(type, EXAMPLES)) == LAYER_TYPES
    kinds = {"product": [], "vector": [], "free": []}
    for layer in EXAMPLES:
        inputs = FED.get(type(layer), ((4, 2),))
        operations = layer.vector_operations(inputs, 1) + layer.rows_read(inputs, 1)
        kind = "product" if layer.gemm(inputs, 1) else "vector" if operations else "free"
        kinds[kind].append(type(layer))
        assert (kind == "product") <= (operations == 0)
        assert (kind == "free") == layer.free
    assert kinds["product"] == [Conv, Linear, MatMul]
    assert kinds["free"] == [Concat, Flatten]
    assert [type(layer) for layer in EXAMPLES if layer.between_activations] == [MatMul]
    assert [type(layer) for layer in EXAMPLES if layer.pointwise] == [Elementwise, PRelu, BatchNorm]
