"""Graphs: sources and shapes, what cannot be a graph, globs over linear layers, and one-layer networks."""

import pytest

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Pool, Softmax


def fc(name: str, units: int = 4, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def refusal(make) -> str:
    with pytest.raises(ppsim.InputError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_branch_reads_what_it_names():
    net = LayerGraph("net", (6,), (fc("a", 5), fc("b", 4, "a"), fc("c", 3, "a"), fc("d", 2), fc("e", 7, "input")))
    assert dict(net.sources) == {"a": "input", "b": "a", "c": "a", "d": "c", "e": "input"}
    assert [net.input_shape_of(name) for name in "abcde"] == [(6,), (5,), (5,), (3,), (6,)]
    assert net.macs == 6 * 5 + 5 * 4 + 5 * 3 + 3 * 2 + 6 * 7


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ((fc("a"), fc("a")), "layers: the name 'a' is taken; names must be unique"),
        ((fc("input"),), "layers: the name 'input' is taken"),
        ((fc("a"), fc("b", 4, "x")), "layer 'b': inputs: 'x' is no earlier layer; known so far: a"),
        ((fc("a", 4, "b"), fc("b")), "layer 'a': inputs: 'b' is no earlier layer; known so far: input"),
        ((fc("a", 4, "a"),), "layer 'a': inputs: 'a' is no earlier layer"),
        ((fc("a"), fc("b", 4, "a", "input")), "layer 'b': inputs: takes one input, got 2"),
        ((), "layers: a network needs at least one layer"),
    ],
)
def test_layers_that_are_no_graph(layers, says):
    message = refusal(lambda: LayerGraph("net", (6,), layers))
    assert message.startswith("net: ")
    assert says in message


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ((fc("a"),), "net: layer 'a': a linear layer needs a flat input, got (3, 8, 8); put a flatten before it"),
        ((Conv(name="c", out_channels=4, kernel=(9, 9)),), "net: layer 'c': kernel 9 is larger than its padded"),
        ((Flatten(name="f"), Pool(name="p", kernel=(2, 2))), "net: layer 'p': needs a (channels, height, width) input"),
        ((Pool(name="p", kernel=(4, 4)), Pool(name="q", kernel=(4, 4))), "net: layer 'q': kernel 4 is larger"),
    ],
)
def test_shapes_that_do_not_fit_name_network_and_layer(layers, says):
    assert refusal(lambda: LayerGraph("net", (3, 8, 8), layers)).startswith(says)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_of_nothing(batch):
    assert refusal(lambda: ppsim.load_workload("tinyvgg16", batch=batch)) == (
        f"tinyvgg16: batch must be at least 1, got {batch}"
    )


def test_globs_over_linear_layers():
    net = ppsim.load_workload("tinyvgg16")
    assert net.match("fc*") == ("fc6", "fc7", "fc8")
    assert net.match("fc8, fc6") == ("fc6", "fc8")  # in the network's order
    assert net.match(["fc[67]"]) == ("fc6", "fc7")
    assert net.match("*") == ("fc6", "fc7", "fc8")  # linear layers alone


@pytest.mark.parametrize("pattern", ["conv*", "fc9", "", "fc6,", "FC*"])
def test_a_glob_that_matches_nothing(pattern):
    message = refusal(lambda: ppsim.load_workload("tinyvgg16").match(pattern))
    assert message.endswith("matches no linear layer; linear layers: fc6, fc7, fc8")
    none = LayerGraph("net", (3,), (Softmax(name="s"),))
    assert refusal(lambda: none.match(pattern)).endswith("linear layers: none")


def test_a_stretch_reads_what_its_first_layer_read():
    net = ppsim.load_workload("tinyvgg16", batch=3, bits=8)
    stretch = net.stretch(("fc7", "relu7", "fc8"))
    assert (stretch.input_shape, stretch.batch, stretch.bits) == ((4096,), 3, 8)
    assert [layer.name for layer in stretch.layers] == ["fc7", "relu7", "fc8"]
    assert stretch.macs == 3 * (4096 * 4096 + 4096 * 200)
    named = LayerGraph("net", (6,), (fc("a", 5), fc("b", 4, "a"), Elementwise(name="r", inputs=("b",))))
    assert dict(named.stretch(("b", "r")).sources) == {"b": "input", "r": "b"}


def test_gemm_is_one_linear_layer():
    net = ppsim.gemm(3, 50, 7, bits=8)
    product = net.gemm_of(net.layers[0].name)
    assert (product.m, product.k, product.n, product.groups) == (3, 50, 7, 1)
    assert (net.macs, net.parameters, net.bits, net.batch) == (3 * 50 * 7, 350, 8, 3)
    assert ppsim.gemm(3, 50, 7).bits == 16


@pytest.mark.parametrize(("sizes", "says"), [((0, 1, 1), "M"), ((1, -1, 1), "K"), ((1, 1, 0), "N")])
def test_gemm_of_nothing(sizes, says):
    assert refusal(lambda: ppsim.gemm(*sizes)).startswith(f"gemm: {says} must be at least 1, got ")
    assert refusal(lambda: ppsim.gemm(1, 1, 1, bits=0)) == "gemm: bits must be at least 1, got 0"


def test_graphs_are_values():
    assert ppsim.gemm(1, 2, 3) == ppsim.gemm(1, 2, 3)
    assert ppsim.gemm(1, 2, 3) != ppsim.gemm(1, 3, 2)
    shapes = ppsim.gemm(1, 2, 3).shapes
    with pytest.raises(TypeError):
        shapes["gemm"] = (4,)
