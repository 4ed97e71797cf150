"""Layers by themselves: shapes, lowering and windows, against direct computation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.workload.gemm import Gemm, Window
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Pool, Softmax


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
    assert layer.output_shape((channels, height, width)) == (layer.out_channels, len(down), len(across))
    pool = Pool(name="pool", kernel=layer.kernel, stride=layer.stride, padding=layer.padding)
    assert pool.output_shape((channels, height, width)) == (channels, len(down), len(across))
    assert pool.vector_operations((channels, height, width), 3) == (
        3 * channels * sum(len(d) for d in down) * sum(len(a) for a in across)
    )


@given(convolutions(), st.integers(1, 3))
def test_convolution_lowers_to_the_matrix_of_its_windows(case, batch):
    """im2col, made explicitly: one row a position, one column a channel and kernel element of a group."""
    layer, (channels, height, width) = case
    image = np.zeros((channels // layer.groups, height + 2 * layer.padding[0], width + 2 * layer.padding[1]))
    windows = np.lib.stride_tricks.sliding_window_view(image, layer.kernel, axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
    rows, columns = windows.shape[1] * windows.shape[2], windows[:, 0, 0].size
    expected = Gemm(m=batch * rows, k=columns, n=layer.out_channels // layer.groups, groups=layer.groups)
    assert layer.gemm((channels, height, width), batch) == expected
    outputs = batch * layer.out_channels * rows
    assert expected.macs == outputs * columns
    assert expected.weights == layer.out_channels * columns


@given(convolutions(), st.data())
def test_a_strip_is_the_rows_between_the_first_and_the_last_that_are_read(case, data):
    layer, shape = case
    window = layer.window(shape)
    seen = positions(shape[1], layer.kernel[0], layer.stride[0], layer.padding[0])
    first = data.draw(st.integers(0, len(seen) - 1))
    rows = data.draw(st.integers(1, len(seen) - first))
    touched = {row for out in seen[first : first + rows] for row in out if 0 <= row < shape[1]}
    assert window.strip_rows(first, rows) == (max(touched) - min(touched) + 1 if touched else 0)
    if layer.stride[0] <= layer.kernel[0]:  # nothing is skipped: exactly the rows that are read
        assert window.strip_rows(first, rows) == len(touched)


def test_a_strip_by_hand():
    """3x3 with padding 1 over 64 rows: one halo row above and below, none beyond the edges."""
    window = Conv(name="c", out_channels=1, kernel=(3, 3), padding=(1, 1)).window((1, 64, 64))
    assert window == Window(64, 64, 64, 64, (3, 3), (1, 1), (1, 1))
    assert [window.strip_rows(*strip) for strip in ((0, 8), (8, 8), (56, 8), (0, 64), (63, 1))] == [9, 10, 9, 64, 2]


def test_a_strip_in_the_padding_reads_nothing():
    window = Conv(name="c", out_channels=1, kernel=(1, 1), padding=(2, 2)).window((1, 3, 3))
    assert [window.strip_rows(row, 1) for row in range(7)] == [0, 0, 1, 1, 1, 0, 0]


def test_only_convolutions_have_windows():
    layers = (Linear(name="l", out_features=2), Pool(name="p", kernel=(2, 2)), Flatten(name="f"), Softmax(name="s"))
    assert [layer.window((4,)) for layer in layers] == [None] * 4


def test_pooling_strides_by_its_kernel_unless_told():
    assert Pool(name="p", kernel=(3, 2)).output_shape((5, 9, 9)) == (5, 3, 4)
    assert Pool(name="p", kernel=(3, 2), stride=(1, 1)).output_shape((5, 9, 9)) == (5, 7, 8)


def test_shapes_that_stay_and_shapes_that_flatten():
    for shape in ((7,), (3, 4, 5)):
        assert Elementwise(name="e").output_shape(shape) == shape
        assert Softmax(name="s").output_shape(shape) == shape
    assert Flatten(name="f").output_shape((3, 4, 5)) == (60,)
    assert Softmax(name="s", operations_per_element=2).vector_operations((10,), 3) == 60


def conv(out_channels: int, kernel: tuple[int, int], **more) -> Conv:
    return Conv(name="c", out_channels=out_channels, kernel=kernel, **more)


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (Linear(name="c", out_features=2), (3, 4, 5), "a linear layer needs a flat input, got (3, 4, 5); put a f"),
        (conv(2, (1, 1)), (3,), "needs a (channels, height, width) input, got (3,)"),
        (Pool(name="c", kernel=(1, 1)), (3, 4), "needs a (channels, height, width) input, got (3, 4)"),
        (conv(2, (4, 1)), (1, 3, 3), "kernel 4 is larger than its padded input (3)"),
        (conv(2, (1, 6), padding=(0, 1)), (1, 3, 3), "kernel 6 is larger than its padded input (5)"),
        (Pool(name="c", kernel=(5, 5), padding=(0, 1)), (1, 4, 4), "kernel 5 is larger than its padded input (4)"),
        (conv(4, (1, 1), groups=2), (3, 4, 4), "groups=2 must divide 3 input and 4 output channels"),
        (conv(3, (1, 1), groups=2), (4, 4, 4), "groups=2 must divide 4 input and 3 output channels"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, says):
    with pytest.raises(ppsim.InputError) as caught:
        layer.output_shape(shape)
    assert str(caught.value).startswith(f"layer 'c': {says}")
    assert "\n" not in str(caught.value)
