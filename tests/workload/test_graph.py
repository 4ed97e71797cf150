"""Graphs: sources and shapes, what cannot be a graph, globs over divisible layers, and one-layer networks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Add, Concat, Conv, Elementwise, Flatten, Linear, MatMul, Pool, Softmax


def fc(name: str, units: int = 4, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def refusal(make) -> str:
    with pytest.raises(ppsim.InputError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_branch_reads_what_it_names():
    net = LayerGraph("net", (6,), (fc("a", 5), fc("b", 4, "a"), fc("c", 3, "a"), fc("d", 2), fc("e", 7, "input")))
    assert dict(net.sources) == {"a": ("input",), "b": ("a",), "c": ("a",), "d": ("c",), "e": ("input",)}
    assert [net.input_shapes_of(name) for name in "abcde"] == [((6,),), ((5,),), ((5,),), ((3,),), ((6,),)]
    assert net.macs == 6 * 5 + 5 * 4 + 5 * 3 + 3 * 2 + 6 * 7


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ((fc("a"), fc("a")), "layers: the name 'a' is taken; names must be unique"),
        ((fc("input"),), "layers: the name 'input' is taken"),
        ((fc("a"), fc("b", 4, "x")), "layer 'b': inputs: 'x' is no layer; known so far: input, a"),
        (
            (fc("a", 4, "b"), fc("b")),
            "layer 'a': inputs: 'b' stands later (no cycles, and each after what it reads); known so far: input",
        ),
        ((fc("a", 4, "a"),), "layer 'a': inputs: 'a' stands later (no cycles, and each after what it reads)"),
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
        (
            (fc("a"),),
            "net: layer 'a': a linear layer needs a flat input or a (features, positions) sequence, got (3, 8, 8); "
            "put a flatten before it",
        ),
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


def test_globs_over_divisible_layers():
    net = ppsim.load_workload("tinyvgg16")
    assert net.match("fc*") == ("fc6", "fc7", "fc8")
    assert net.match("fc8, fc6") == ("fc6", "fc8")  # in the network's order
    assert net.match(["fc[67]"]) == ("fc6", "fc7")
    assert net.match("conv5_*, fc8") == ("conv5_1", "conv5_2", "conv5_3", "fc8")
    assert net.match("*") == tuple(  # linear layers and ungrouped convolutions alone
        layer.name for layer in net.layers if layer.name.startswith(("conv", "fc"))
    )
    grouped = LayerGraph(
        "net", (4, 3, 3), tuple(Conv(name=f"g{n}", out_channels=4, kernel=(1, 1), groups=n) for n in (1, 2, 4))
    )
    assert grouped.match("*") == ("g1",)


@pytest.mark.parametrize("pattern", ["pool*", "relu6", "fc9", "", "fc6,", "FC*"])
def test_a_glob_that_matches_nothing(pattern):
    net = ppsim.load_workload("tinyvgg16").stretch(
        ("conv5_3", "relu5_3", "pool5", "flatten", "fc6", "relu6", "fc7", "fc8")
    )
    message = refusal(lambda: net.match(pattern))
    assert message.endswith("matches no linear layer or ungrouped convolution; there are: conv5_3, fc6, fc7, fc8")
    none = LayerGraph("net", (3,), (Softmax(name="s"),))
    assert refusal(lambda: none.match(pattern)).endswith("there are: none")


def test_a_stretch_reads_what_its_first_layer_read():
    net = ppsim.load_workload("tinyvgg16", batch=3, bits=8)
    stretch = net.stretch(("fc7", "relu7", "fc8"))
    assert (stretch.input_shape, stretch.batch, stretch.bits) == ((4096,), 3, 8)
    assert [layer.name for layer in stretch.layers] == ["fc7", "relu7", "fc8"]
    assert stretch.macs == 3 * (4096 * 4096 + 4096 * 200)
    named = LayerGraph("net", (6,), (fc("a", 5), fc("b", 4, "a"), Elementwise(name="r", inputs=("b",))))
    assert dict(named.stretch(("b", "r")).sources) == {"b": ("input",), "r": ("b",)}


def test_gemm_is_one_linear_layer():
    net = ppsim.gemm(3, 50, 7, bits=8)
    product = net.gemm_of(net.layers[0].name)
    assert (product.m, product.k, product.n, product.groups) == (3, 50, 7, 1)
    assert (net.macs, net.weights, net.parameters, net.bits, net.batch) == (3 * 50 * 7, 350, 350, 8, 3)
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


def test_layers_of_several_inputs_read_them_in_order():
    """Two branches of six positions: their product over units, joined with a sum of three."""
    net = LayerGraph(
        "net",
        (4, 6),
        (
            fc("a", 8),
            fc("b", 8, "input"),
            MatMul(name="product", over="units", groups=2, inputs=("a", "b")),
            Add(name="sum", inputs=("a", "b", "a")),
            Concat(name="joined", inputs=("product", "sum")),
        ),
        batch=3,
    )
    assert dict(net.sources) == {
        "a": ("input",), "b": ("input",), "product": ("a", "b"), "sum": ("a", "b", "a"), "joined": ("product", "sum"),
    }  # fmt: skip
    assert net.input_shapes_of("joined") == ((12, 6), (8, 6))
    assert net.shapes["joined"] == (20, 6)
    assert net.macs == 3 * (2 * 6 * 4 * 8 + 6 * 8 * 6)


def test_weights_are_those_of_products_and_parameters_all_that_is_trained():
    """Biases are trained but no product loads them; the product of two activations has no weights."""
    layers = (fc("a", 4), fc("b", 4, "input"), MatMul(name="c", over="units", inputs=("a", "b")))
    net = LayerGraph("net", (6, 5), layers)
    assert net.weights == 6 * 4 + 6 * 4
    assert net.parameters == net.weights + 4 + 4
    assert net.macs == 5 * net.weights + 5 * 4 * 5
    tied = LayerGraph("net", (6, 5), (*layers, Linear(name="d", out_features=7, bias=False, tied=True)))
    assert (tied.weights, tied.parameters) == (net.weights + 5 * 7, net.parameters)


def of_several(kind: type[Layer], inputs: tuple[str, ...]) -> Layer:
    return kind(name="x", inputs=inputs, **({"over": "units"} if kind is MatMul else {}))


@given(
    st.sampled_from([(Add, 2, 16, "2 to 16"), (Concat, 1, 64, "1 to 64"), (MatMul, 2, 2, "2"), (Softmax, 1, 1, "one")]),
    st.one_of(st.integers(1, 4), st.integers(14, 18), st.integers(62, 66)),
)
def test_a_layer_takes_as_many_inputs_as_it_can_use(case, count):
    kind, fewest, most, says = case

    def make() -> LayerGraph:
        return LayerGraph("net", (2, 2), (of_several(kind, ("input",) * count),))

    if fewest <= count <= most:
        assert make().sources["x"] == ("input",) * count
    else:
        noun = "input" if says == "one" else "inputs"
        assert refusal(make) == f"net: layer 'x': inputs: takes {says} {noun}, got {count}"


@pytest.mark.parametrize(("kind", "says"), [(Add, "2 to 16"), (MatMul, "2")])
def test_the_layer_before_is_one_input_and_not_enough_for_two(kind, says):
    message = refusal(lambda: LayerGraph("net", (2, 2), (Softmax(name="s"), of_several(kind, ()))))
    assert message == f"net: layer 'x': inputs: takes {says} inputs, got 1"


@given(st.data())
def test_a_layer_that_reads_itself_or_a_later_one(data):
    """Whatever reads what, an order in which each comes after what it reads is a graph, and any other is refused."""
    names = [f"l{n}" for n in range(data.draw(st.integers(1, 5)))]
    reads = [
        tuple(data.draw(st.lists(st.sampled_from(["input", *names]), min_size=2, max_size=3), label=name))
        for name in names
    ]
    layers = tuple(Add(name=name, inputs=inputs) for name, inputs in zip(names, reads, strict=True))
    wrong = next(
        (
            (name, source)
            for position, (name, inputs) in enumerate(zip(names, reads, strict=True))
            for source in inputs
            if source in names[position:]
        ),
        None,
    )
    if wrong is None:
        net = LayerGraph("net", (3,), layers)
        assert dict(net.sources) == dict(zip(names, reads, strict=True))
        assert set(net.shapes.values()) == {(3,)}
    else:
        assert refusal(lambda: LayerGraph("net", (3,), layers)).startswith(
            f"net: layer {wrong[0]!r}: inputs: {wrong[1]!r} stands later (no cycles, and each after what it reads); "
            "known so far: input"
        )


def test_what_is_known_is_told_in_brief():
    """The last eight layers, so that the message stays a line."""
    layers = (*(fc(f"l{n}") for n in range(20)), fc("m", 4, "x"))
    assert refusal(lambda: LayerGraph("net", (6,), layers)).endswith(
        "'x' is no layer; known so far: input, " + ", ".join(f"l{n}" for n in range(12, 20))
    )


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Add(name="x", inputs=("a", "b")), "adds inputs of one shape, got (4, 6), (5, 6)"),
        (Concat(name="x", inputs=("a", "p")), "joins inputs that differ in units alone, got (4, 6), (24,)"),
        (
            MatMul(name="x", over="units", inputs=("a", "b")),
            "inputs of (4, 6) and (5, 6) do not match in 1 groups over units",
        ),
        (MatMul(name="x", over="units", inputs=("a", "p")), "needs a (features, positions) input, got (24,)"),
    ],
)
def test_inputs_that_do_not_go_together(layer, says):
    layers = (fc("a", 4), fc("b", 5, "input"), Flatten(name="p", inputs=("a",)), layer)
    assert refusal(lambda: LayerGraph("net", (3, 6), layers)) == f"net: layer 'x': {says}"
