"""Which units move together."""

import numpy as np
import pytest

import ppsim
from ppsim.pruning.axes import Span, axes_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import (
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
    Softmax,
)


def fc(name: str, units: int, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def axis(axes, name: str) -> int:
    (span,) = axes.spans[name]
    return span.axis


def test_a_chain_has_an_axis_between_each_two_layers():
    net = LayerGraph("net", (6,), (fc("a", 8), Elementwise(name="r"), fc("b", 4), BatchNorm(name="n")))
    axes = axes_of(net)
    assert axes.atoms == (6, 8, 4)
    assert (axis(axes, "a"), axis(axes, "r"), axis(axes, "b"), axis(axes, "n")) == (1, 1, 2, 2)
    assert axes.movable == (False, True, False)  # the network's input and result stay as they are


def test_pixels_of_a_channel_are_one_atom():
    net = LayerGraph(
        "net",
        (3, 8, 8),
        (Conv(name="c", out_channels=6, kernel=(1, 1)), Pool(name="p", kernel=(2, 2)), Flatten(name="f"), fc("a", 5)),
    )
    axes = axes_of(net)
    assert axes.spans["c"] == axes.spans["p"] == (Span(1, 6),)
    assert axes.spans["f"] == (Span(1, 96),)
    assert axes.atoms[1] == 6


def test_both_sides_of_a_residual_add_are_one_axis():
    net = LayerGraph(
        "net",
        (8,),
        (
            fc("a", 8),
            LayerNorm(name="n"),
            fc("up", 32),
            fc("down", 8),
            Add(name="add", inputs=("down", "a")),
            fc("z", 2),
        ),
    )
    axes = axes_of(net)
    assert len({axis(axes, name) for name in ("a", "n", "down", "add")}) == 1
    assert axis(axes, "up") != axis(axes, "a")  # hidden units are free
    assert axes.movable[axis(axes, "a")]
    net = LayerGraph("net", (8,), (fc("a", 8), Add(name="add", inputs=("a", INPUT)), fc("z", 2)))
    assert not axes_of(net).movable[axis(axes_of(net), "a")]  # tied to the network's input


def test_heads_of_attention_stay_whole():
    net = ppsim.load_workload("gpt2")
    axes = axes_of(net)
    heads = {axis(axes, f"{name}_3") for name in ("query", "key", "value", "scores", "softmax", "context")}
    assert len(heads) == 1
    assert axes.atoms[heads.pop()] == 12
    residual = {axis(axes, name) for name in ("embedding", "projection_3", "add1_3", "norm1_3", "fc2_3", "add2_11")}
    assert len(residual) == 1
    assert axes.atoms[residual.pop()] == 768
    assert axes.atoms[axis(axes, "fc1_3")] == 3072


def test_groups_of_a_convolution_stay_whole():
    depthwise = Conv(name="d", out_channels=8, kernel=(3, 3), padding=(1, 1), groups=8)
    grouped = Conv(name="g", out_channels=16, kernel=(1, 1), groups=4)
    net = LayerGraph(
        "net",
        (3, 4, 4),
        (Conv(name="c", out_channels=8, kernel=(1, 1)), depthwise, grouped, Flatten(name="f"), fc("a", 2)),
    )
    axes = axes_of(net)
    assert axis(axes, "c") == axis(axes, "d") == axis(axes, "g")
    assert axes.atoms[axis(axes, "c")] == 4
    assert axes.spans["f"] == (Span(axis(axes, "c"), 256),)


def test_pieces_of_a_concatenation_keep_their_axes():
    layers = (fc("a", 4), fc("b", 6, INPUT), Concat(name="c", inputs=("a", "b")), fc("d", 3))
    axes = axes_of(LayerGraph("net", (5,), layers))
    assert axes.spans["c"] == (*axes.spans["a"], *axes.spans["b"])
    # sums of pieces that do not match tie nothing, and nothing may move
    layers = (*layers[:3], fc("e", 10, INPUT), Add(name="s", inputs=("c", "e")), fc("d", 3))
    axes = axes_of(LayerGraph("net", (5,), layers))
    assert not any(axes.movable[axis(axes, name)] for name in ("a", "b", "e", "s"))


def test_a_softmax_over_all_units_ties_nothing():
    axes = axes_of(LayerGraph("net", (5,), (fc("a", 6), Softmax(name="s"), fc("b", 2))))
    assert axis(axes, "a") != axis(axes, "s")
    assert not axes.movable[axis(axes, "a")]


def test_products_of_activations_in_pieces():
    """Groups that reach over the pieces of a concatenation cannot be tied to them."""
    layers = (
        Embedding(name="e", entries=(9,), features=4),
        fc("a", 2),
        fc("b", 2, "e"),
        Concat(name="c", inputs=("a", "b")),
        MatMul(name="m", over="units", groups=2, inputs=("c", "e")),
        fc("z", 2),
    )
    axes = axes_of(LayerGraph("net", (1, 6), layers))
    assert not any(axes.movable[axis(axes, name)] for name in ("a", "b", "m"))


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v1", "bert_base", "gpt2", "alexnet", "vgg16"])
def test_atoms_divide_the_units_of_every_tensor(name):
    net = ppsim.load_workload(name)
    axes = axes_of(net)
    for tensor, spans in axes.spans.items():
        assert sum(span.units for span in spans) == net.shapes[tensor][0]
        assert not np.any([span.units % axes.atoms[span.axis] for span in spans])
