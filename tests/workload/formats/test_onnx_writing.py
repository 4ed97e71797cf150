"""ONNX models we write: valid, and computing what each layer is said to compute, by formulas in plain NumPy."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from evaluate import LAYERS as FORMULAS
from evaluate import evaluate_all
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.documents import load_workload
from ppsim.workload.formats import onnx_writing
from ppsim.workload.formats.onnx_layers import WRITERS, onnx_shape
from ppsim.workload.formats.onnx_writing import proto_of, takes_rows, write
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer
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
from ppsim.workload.model import Model, named_tensors

RNG = np.random.default_rng(7)


def model_of(*layers: Layer, shape: tuple[int, ...], name: str = "net") -> Model:
    """A network with random numbers."""
    graph = LayerGraph(name, shape, layers)
    rng = np.random.default_rng(len(layers))
    return Model(
        graph,
        {
            layer.name: {
                tensor: rng.standard_normal(size).astype(np.float32) / math.sqrt(size[-1])
                for tensor, size in layer.tensors(graph.input_shapes_of(layer.name)).items()
            }
            for layer in layers
        },
    )


def turned(x):
    """ONNX's layout of a tensor in ppsim's, and back: the features of a sequence are last there."""
    return x.T if x.ndim == 2 else x


def evaluated(model, x):
    """Layer -> output in ONNX's layout, for the one input `x` in ONNX's layout."""
    given = x[None] if takes_rows(model.graph) else turned(x)
    return {name: turned(value) for name, value in evaluate_all(model.graph, named_tensors(model), given).items()}


def run(proto, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: x}), strict=True))


def inputs_of(graph, batch=2):
    if takes_rows(graph):
        most = min(layer.entries[0] for layer in graph.layers if isinstance(layer, Embedding))
        return RNG.integers(0, most, (batch, graph.input_shape[1]))
    return RNG.standard_normal((batch, *onnx_shape(graph.input_shape))).astype(np.float32)


def check(model, outputs=None):
    """The model is valid, and every output asked for is what the formulas say; all layers when none is given."""
    names = [layer.name for layer in model.graph.layers] if outputs is None else outputs
    proto = proto_of(model, outputs=names)
    onnx.checker.check_model(proto, full_check=True)
    x = inputs_of(model.graph)
    found = run(proto, x)
    assert set(names) <= set(found)
    for number, one in enumerate(x):
        wanted = evaluated(model, one)
        for name, values in found.items():
            np.testing.assert_allclose(values[number], wanted[name], rtol=1e-4, atol=1e-5, err_msg=name)
    return proto


IMAGE, SEQUENCE, VECTOR = (4, 7, 6), (8, 5), (6,)
BOTH = ("input", "input")
LAYERS = {
    "conv": (Conv(name="l", out_channels=3, kernel=(3, 2), stride=(2, 1), padding=(1, 0)), IMAGE),
    "conv in groups": (Conv(name="l", out_channels=6, kernel=(3, 3), groups=2, bias=False), IMAGE),
    "depthwise conv": (Conv(name="l", out_channels=4, kernel=(1, 1), groups=4, padding=(2, 3)), IMAGE),
    "linear": (Linear(name="l", out_features=3), VECTOR),
    "linear without bias": (Linear(name="l", out_features=3, bias=False), VECTOR),
    "linear at positions": (Linear(name="l", out_features=3), SEQUENCE),
    "tied linear at positions": (Linear(name="l", out_features=3, bias=False, tied=True), SEQUENCE),
    "product over units": (MatMul(name="l", over="units", inputs=BOTH), SEQUENCE),
    "product over units in groups": (MatMul(name="l", over="units", groups=4, inputs=BOTH), SEQUENCE),
    "product over positions": (MatMul(name="l", over="positions", inputs=BOTH), (5, 5)),
    "max pool": (Pool(name="l", kernel=(2, 3)), IMAGE),
    "padded max pool": (Pool(name="l", kernel=(3, 3), stride=(2, 1), padding=(1, 2)), IMAGE),
    "average pool": (Pool(name="l", mode="average", kernel=(7, 6)), IMAGE),
    "padded average pool": (Pool(name="l", mode="average", kernel=(3, 2), stride=(2, 2), padding=(2, 1)), IMAGE),
    "max pool, cut off": (Pool(name="l", kernel=(3, 4), stride=(3, 3), padding=(0, 2), ceil=True), IMAGE),
    "average pool, cut off": (Pool(name="l", mode="average", kernel=(3, 3), stride=(3, 4), ceil=True), IMAGE),
    "prelu": (PRelu(name="l"), IMAGE),
    "prelu of vectors": (PRelu(name="l"), VECTOR),
    "prelu of sequences": (PRelu(name="l"), SEQUENCE),
    "batch norm": (BatchNorm(name="l"), IMAGE),
    "batch norm of vectors": (BatchNorm(name="l"), VECTOR),
    "batch norm of sequences": (BatchNorm(name="l"), SEQUENCE),
    "layer norm": (LayerNorm(name="l", epsilon=1e-3), SEQUENCE),
    "layer norm of vectors": (LayerNorm(name="l"), VECTOR),
    "layer norm of pixels": (LayerNorm(name="l"), IMAGE),
    "softmax": (Softmax(name="l"), VECTOR),
    "softmax of sequences": (Softmax(name="l"), SEQUENCE),
    "softmax of pixels": (Softmax(name="l"), IMAGE),
    "softmax in groups": (Softmax(name="l", groups=3), VECTOR),
    "softmax of sequences in groups": (Softmax(name="l", groups=4), SEQUENCE),
    "softmax of pixels in groups": (Softmax(name="l", groups=2), IMAGE),
    "add": (Add(name="l", inputs=BOTH), IMAGE),
    "add three": (Add(name="l", inputs=(*BOTH, "input")), SEQUENCE),
    "concat": (Concat(name="l", inputs=BOTH), IMAGE),
    "concat one": (Concat(name="l"), VECTOR),
    "concat of sequences": (Concat(name="l", inputs=BOTH), SEQUENCE),
    "flatten": (Flatten(name="l"), IMAGE),
    "flatten of sequences": (Flatten(name="l"), SEQUENCE),
    "flatten of vectors": (Flatten(name="l"), VECTOR),
    "sample": (Sample(name="l", channels=2, kept=(1, 3)), IMAGE),
    "sample of sequences": (Sample(name="l", channels=3), SEQUENCE),
    "sample of vectors": (Sample(name="l", channels=6), VECTOR),
    "pad": (Pad(name="l", before=1, after=2), IMAGE),
    "pad of sequences": (Pad(name="l", after=3), SEQUENCE),
    "pad of vectors": (Pad(name="l"), VECTOR),
    "embedding": (Embedding(name="l", entries=(9,), features=4), (1, 5)),
    "embedding with positions": (Embedding(name="l", entries=(9, 5), features=4), (1, 5)),
    "embedding with segments": (Embedding(name="l", entries=(9, 7, 2), features=4), (1, 5)),
    "embedding of four tables": (Embedding(name="l", entries=(9, 7, 2, 1), features=4), (1, 5)),
} | {
    f"{op} of {what}": (Elementwise(name="l", op=op), shape)
    for op in ("relu", "relu6", "sigmoid", "tanh", "gelu", "identity")
    for what, shape in (("images", IMAGE), ("sequences", SEQUENCE), ("vectors", VECTOR), ("volumes", (2, 3, 2, 2)))
}


@pytest.mark.parametrize("case", LAYERS)
def test_each_layer_computes_its_formula(case):
    layer, shape = LAYERS[case]
    check(model_of(layer, shape=shape))


PADDED = st.integers(1, 4).flatmap(lambda kernel: st.tuples(st.just(kernel), st.integers(0, kernel - 1)))


@settings(max_examples=60)
@given(
    st.tuples(PADDED, PADDED), st.tuples(*[st.integers(1, 5)] * 2), st.tuples(*[st.integers(1, 9)] * 2), st.booleans()
)
def test_pools_of_any_kernel(sides, stride, size, average):
    """ONNX, and runtimes, round up in ways of their own."""
    kernel, padding = zip(*sides, strict=True)
    assume(all(n + 2 * p >= k for n, k, p in zip(size, kernel, padding, strict=True)))
    mode = "average" if average else "max"
    layer = Pool(name="l", mode=mode, kernel=kernel, stride=stride, padding=padding, ceil=True)
    check(model_of(layer, shape=(2, *size)))


def test_pools_that_round_up_say_so():
    def pads_of(size, **window):
        node = proto_of(model_of(Pool(name="l", ceil=True, **window), shape=(1, size, size))).graph.node[0]
        found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        return found["pads"], found.get("ceil_mode", 0)

    assert pads_of(8, kernel=(3, 3), stride=(2, 2)) == ([0, 0, 0, 0], 1)
    assert pads_of(7, kernel=(3, 3), stride=(2, 2), padding=(1, 1)) == ([1, 1, 1, 1], 1)
    # the third window in a column would begin beyond the input: none for ppsim, and one for ONNX
    assert pads_of(5, kernel=(1, 4), stride=(3, 3)) == ([0, 0, 0, 2], 0)


def test_every_layer_type_is_written_and_tested():
    assert set(WRITERS) == set(LAYER_TYPES) == set(FORMULAS) == {type(layer) for layer, _ in LAYERS.values()}


def attention(heads=2, features=8, positions=5, entries=(11, 6)):
    """A block like those of GPT-2, and a head."""
    size = {"out_features": features}
    return model_of(
        Embedding(name="embedding", entries=entries, features=features),
        LayerNorm(name="norm1"),
        Linear(name="query", **size),
        Linear(name="key", **size, inputs=("norm1",)),
        Linear(name="value", **size, inputs=("norm1",)),
        MatMul(name="scores", over="units", groups=heads, inputs=("query", "key")),
        Softmax(name="softmax", groups=heads),
        MatMul(name="context", over="positions", groups=heads, inputs=("softmax", "value")),
        Linear(name="projection", **size),
        Add(name="add1", inputs=("projection", "embedding")),
        LayerNorm(name="norm2"),
        Linear(name="fc1", out_features=2 * features),
        Elementwise(name="gelu", op="gelu"),
        Linear(name="fc2", **size),
        Add(name="add2", inputs=("fc2", "add1")),
        Linear(name="head", out_features=entries[0], bias=False, tied=True),
        shape=(1, positions),
    )


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_attention(heads):
    check(attention(heads))
    check(attention(heads), outputs=["query", "softmax"])


def test_attention_keeps_to_its_heads_between_products():
    """Reshape and transpose before the products and after them, as exporters write it, and nothing in between."""
    for heads, wanted in ((2, [2, 2]), (1, [0, 0])):
        ops = [node.op_type for node in proto_of(attention(heads)).graph.node]
        softmax = ops.index("Softmax")
        assert ops[softmax - 1] == "MatMul"
        assert [part.count("Reshape") for part in (ops[:softmax], ops[softmax:])] == wanted
    names = {node.name for node in proto_of(attention()).graph.node}
    assert {"scores", "softmax", "context", "query.product"} <= names
    assert len(names) == len(proto_of(attention()).graph.node)


def test_values_in_heads_are_read_by_layers_that_have_none():
    check(
        model_of(
            MatMul(name="scores", over="units", groups=2, inputs=BOTH),
            Elementwise(name="scaled", op="tanh"),
            Softmax(name="softmax", groups=2),
            Softmax(name="again", groups=5),
            MatMul(name="square", over="positions", groups=2, inputs=("softmax", "softmax")),
            Add(name="sum", inputs=("scores", "square")),
            shape=(8, 5),
        )
    )


def test_a_block_with_a_shortcut():
    check(
        model_of(
            Conv(name="conv1", out_channels=4, kernel=(3, 3), padding=(1, 1), bias=False),
            BatchNorm(name="bn1"),
            Elementwise(name="relu1"),
            Conv(name="conv2", out_channels=4, kernel=(3, 3), padding=(1, 1), stride=(2, 2)),
            Conv(name="down", out_channels=4, kernel=(1, 1), stride=(2, 2), bias=False, inputs=("relu1",)),
            Add(name="add", inputs=("conv2", "down")),
            Concat(name="concat", inputs=("add", "down", "add")),
            Pool(name="pool", mode="average", kernel=(4, 4)),
            Flatten(name="flatten"),
            Linear(name="fc", out_features=3),
            Softmax(name="softmax"),
            shape=(3, 8, 8),
        )
    )


@pytest.mark.parametrize("name", ["lenet300", "mlp_mnist"])
def test_shipped_networks(name):
    graph = load_workload(name)
    check(model_of(*graph.layers, shape=graph.input_shape, name=name))


def narrow(graph: LayerGraph, channels: int, shape: tuple[int, ...]) -> Model:
    """A network of the same layers with at most so many channels and features, for smaller images."""
    layers = []
    for layer in graph.layers:
        if isinstance(layer, Conv):
            groups = channels if layer.groups > 1 else 1
            layer = Conv(**{**vars(layer), "out_channels": channels, "groups": groups})
        elif isinstance(layer, Linear):
            layer = Linear(**{**vars(layer), "out_features": channels})
        elif isinstance(layer, Pool) and layer.mode == "average":
            layer = Pool(name=layer.name, mode="average", kernel=(1, 1), inputs=layer.inputs)
        layers.append(layer)
    return model_of(*layers, shape=shape, name=graph.name)


@pytest.mark.parametrize(
    ("name", "size"),
    [("tinyvgg16", 32), ("vgg16", 32), ("resnet18", 32), ("resnet50", 32), ("mobilenet_v1", 32), ("alexnet", 67)],
)
def test_shipped_networks_made_narrow(name, size):
    check(narrow(load_workload(name), 4, (3, size, size)), outputs=[])


@pytest.mark.parametrize("name", ["gpt2", "bert_base"])
def test_shipped_networks_over_sequences_made_narrow(name):
    graph = load_workload(name)
    layers = []
    for layer in graph.layers[:30]:
        changed = {
            Linear: {"out_features": 12},
            Embedding: {"features": 12, "entries": tuple(min(rows, 20) for rows in getattr(layer, "entries", ()))},
        }.get(type(layer), {})
        layers.append(type(layer)(**{**vars(layer), **changed}))
    check(model_of(*layers, shape=(1, 6), name=name), outputs=[])


def test_inputs_and_outputs_by_name():
    model = model_of(
        Linear(name="a", out_features=3),
        Linear(name="b", out_features=2),
        Linear(name="c", out_features=4, inputs=("a",)),
        shape=(5,),
    )
    proto = proto_of(model)
    assert [entry.name for entry in proto.graph.input] == ["input"]
    assert [entry.name for entry in proto.graph.output] == ["b", "c"]
    assert [dim.dim_param or dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == ["batch", 5]
    assert [dim.dim_param or dim.dim_value for dim in proto.graph.output[1].type.tensor_type.shape.dim] == ["batch", 4]
    assert [entry.name for entry in proto_of(model, outputs=["c", "a", "a"]).graph.output] == ["c", "a"]
    assert {entry.name for entry in proto.graph.initializer} == {f"{x}.{y}" for x in "abc" for y in ("weight", "bias")}
    assert (proto.producer_name, proto.ir_version, proto.opset_import[0].version) == ("ppsim", 8, 17)
    assert run(proto, np.zeros((9, 5), np.float32))["b"].shape == (9, 2)


def test_linear_layers_are_gemms_or_products():
    flat = proto_of(model_of(Linear(name="l", out_features=3), shape=(5,)))
    assert [node.op_type for node in flat.graph.node] == ["Gemm"]
    assert [list(entry.dims) for entry in flat.graph.initializer] == [[3, 5], [3]]
    positions = proto_of(model_of(Linear(name="l", out_features=3), shape=(5, 2)))
    assert [node.op_type for node in positions.graph.node] == ["MatMul", "Add"]
    assert {entry.name: list(entry.dims) for entry in positions.graph.initializer} == {
        "l.weight": [5, 3],
        "l.bias": [3],
    }


def test_the_document_is_in_the_metadata(tmp_path):
    model = model_of(Linear(name="l", out_features=3), shape=(5,))
    assert not proto_of(model).metadata_props
    (entry,) = proto_of(model, "{}\n").metadata_props
    assert (entry.key, entry.value) == ("ppsim", "{}\n")
    write(tmp_path / "a.onnx", model, "{}\n")
    write(tmp_path / "b.onnx", model, "{}\n")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert onnx.load(tmp_path / "a.onnx") == proto_of(model, "{}\n")


@settings(max_examples=40)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3), min_size=3, unique=True))
def test_layers_of_any_name(names):
    """Also of those that something inside another layer would be called."""
    names = [name for name in (*names, "q", "q.product", "q.product_", "q.bias", "q.least") if name != INPUT]
    layers = []
    for number, name in enumerate(dict.fromkeys(names)):
        layers.append(Linear(name=name, out_features=3) if number % 2 else Elementwise(name=name, op="relu6"))
    check(model_of(*layers, shape=(3, 2)))


def test_weights_of_other_widths_are_written_as_float32():
    model = model_of(Linear(name="l", out_features=3), shape=(5,))
    for dtype in (np.float16, np.float64):
        tensors = {name: array.astype(dtype) for name, array in model.tensors["l"].items()}
        check(Model(model.graph, {"l": tensors}))


@dataclass(frozen=True, kw_only=True)
class Roll(Layer):
    """A layer of no type that ONNX is told of."""

    type: Literal["roll"] = "roll"


EMBEDDING = Embedding(name="e", entries=(9, 4), features=2)
REFUSED = {
    "an unknown layer": ([Roll(name="r")], (3,), "net: layer 'r': Roll cannot stand in ONNX"),
    "padding": (
        [Pool(name="p", kernel=(2, 2), padding=(0, 2))],
        (1, 4, 4),
        "net: layer 'p': padding 2 of a pool's kernel 2: ONNX has less",
    ),
    "positions": ([EMBEDDING], (1, 5), "net: layer 'e': its table of positions has 4 rows for 5 positions"),
    "an embedding of activations": (
        [Elementwise(name="r"), EMBEDDING],
        (1, 3),
        "net: layer 'e': in ONNX an embedding reads the numbers of rows that are the network's input",
    ),
    "rows as activations": (
        [EMBEDDING, Elementwise(name="r", inputs=("input",))],
        (1, 3),
        "net: layer 'r': in ONNX a layer that is no embedding does not read the numbers of rows that are the network's "
        "input",
    ),
    "no text": (
        [Elementwise(name="\ud800")],
        (3,),
        r"'\ud800': is no text that can be written: surrogates not allowed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written(case, tmp_path):
    layers, shape, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        write(tmp_path / "net.onnx", model_of(*layers, shape=shape), None)
    assert str(caught.value) == f"{tmp_path / 'net.onnx'}: {message}"
    assert not list(tmp_path.iterdir())


def test_outputs_of_no_layer():
    model = model_of(Elementwise(name="r"), shape=(3,))
    for name in ("input", "s"):
        with pytest.raises(InputError, match=f"^net: '{name}' is no layer whose output could be had$"):
            proto_of(model, outputs=[name])


def test_numbers_too_large_for_float32():
    graph = LayerGraph("net", (1,), (Linear(name="l", out_features=1, bias=False),))
    with pytest.raises(InputError, match=r"^net: tensor 'l.weight': holds numbers too large for float32$"):
        proto_of(Model(graph, {"l": {"weight": np.array([[1e39]])}}))


def test_networks_too_large_for_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_writing, "MAX_BYTES", 60)
    model = model_of(Linear(name="l", out_features=3), shape=(4,))
    proto_of(model)
    with pytest.raises(InputError) as caught:
        write(tmp_path / "net.onnx", model, "{}")
    assert str(caught.value).endswith("net: 62 bytes; an ONNX file has up to 60: write a .safetensors file")
