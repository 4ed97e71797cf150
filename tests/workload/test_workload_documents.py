"""Workload documents: every kind of layer from YAML, and one line for whatever is wrong."""

from dataclasses import fields

import pytest

import ppsim
from ppsim.workload.copying import Pad, Sample
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

HEAD = "format: ppsim-workload/1\nname: net\ninput: [3, 8, 8]\n"
SEQUENCE = HEAD.replace("[3, 8, 8]", "[1, 4]")
LAYERS = "layers: [{name: a, type: flatten}]\n"


def load(folder, text: str, name: str = "mine", **arguments):
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return ppsim.load_workload(str(path), **arguments)


def test_every_kind_of_layer(tmp_path):
    net = load(
        tmp_path,
        HEAD
        + """description: every kind for images
layers:
  - {name: c, type: conv, out_channels: 6, kernel: [3, 2], stride: [2, 1], padding: [1, 0], groups: 3, bias: false}
  - {name: n, type: batch_norm}
  - {name: r, type: elementwise, op: gelu}
  - {name: p, type: pool, mode: average, kernel: [2, 2], stride: [1, 1], ceil: true}
  - {name: u, type: prelu}
  - {name: a, type: add, inputs: [r, c]}
  - {name: j, type: concat, inputs: [a, n, r]}
  - {name: t, type: sample, channels: 3, kept: [0, 2, 17]}
  - {name: z, type: pad, before: 1, after: 2}
  - {name: f, type: flatten, inputs: [r]}
  - {name: l, type: linear, out_features: 5, bias: false, tied: true}
  - {name: s, type: softmax}
""",
        batch=2,
        bits=8,
    )
    assert (net.name, net.batch, net.bits) == ("net", 2, 8)
    assert net.layers == (
        Conv(name="c", out_channels=6, kernel=(3, 2), stride=(2, 1), padding=(1, 0), groups=3, bias=False),
        BatchNorm(name="n"),
        Elementwise(name="r", op="gelu"),
        Pool(name="p", mode="average", kernel=(2, 2), stride=(1, 1), ceil=True),
        PRelu(name="u"),
        Add(name="a", inputs=("r", "c")),
        Concat(name="j", inputs=("a", "n", "r")),
        Sample(name="t", channels=3, kept=(0, 2, 17)),
        Pad(name="z", before=1, after=2),
        Flatten(name="f", inputs=("r",)),
        Linear(name="l", out_features=5, bias=False, tied=True),
        Softmax(name="s"),
    )
    assert dict(net.shapes) == {
        "input": (3, 8, 8), "c": (6, 4, 7), "n": (6, 4, 7), "r": (6, 4, 7), "p": (6, 3, 6), "u": (6, 3, 6),
        "a": (6, 4, 7), "j": (18, 4, 7), "t": (3, 4, 7), "z": (6, 4, 7), "f": (168,), "l": (5,), "s": (5,),
    }  # fmt: skip
    attention = load(
        tmp_path,
        SEQUENCE
        + """layers:
  - {name: e, type: embedding, entries: [50, 9], features: 6}
  - {name: n, type: layer_norm, operations_per_element: 7}
  - {name: m, type: matmul, groups: 2, over: units, inputs: [e, n]}
  - {name: s, type: softmax, groups: 2, operations_per_element: 5}
  - {name: c, type: matmul, groups: 2, over: positions, inputs: [s, n]}
""",
        name="attention",
    )
    assert attention.layers == (
        Embedding(name="e", entries=(50, 9), features=6),
        LayerNorm(name="n", operations_per_element=7),
        MatMul(name="m", groups=2, over="units", inputs=("e", "n")),
        Softmax(name="s", groups=2, operations_per_element=5),
        MatMul(name="c", groups=2, over="positions", inputs=("s", "n")),
    )
    assert dict(attention.shapes) == {
        "input": (1, 4), "e": (6, 4), "n": (6, 4), "m": (8, 4), "s": (8, 4), "c": (6, 4),
    }  # fmt: skip
    assert {type(layer) for layer in (*net.layers, *attention.layers)} == set(LAYER_TYPES)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ("type: convolution", "layers.0: Input tag 'convolution' found using 'type' does not match any of"),
        ("out_channels: 4", "layers.0: Unable to extract tag using discriminator 'type'"),
        ("type: conv, out_channels: 4", "layers.0.conv.kernel: Field required"),
        ("type: conv, out_channels: 4, kernel: 3", "layers.0.conv.kernel: Input should be a valid array, got 3"),
        ("type: conv, out_channels: 4, kernel: [3, 3, 3]", "layers.0.conv.kernel: Tuple should have at most 2"),
        ("type: conv, out_channels: 0, kernel: [3, 3]", "layers.0.conv.out_channels: Input should be greater"),
        (
            "type: conv, out_channels: .nan, kernel: [3, 3]",
            "layers.0.conv.out_channels: Input should be a valid integer",
        ),
        ("type: conv, kernel: [3, 3], out_channels: 4, padding: [0, -1]", "layers.0.conv.padding.1: Input should"),
        ("type: conv, kernel: [3, 3], out_channels: 4, strides: [1, 1]", "layers.0.conv.strides: unknown key"),
        ("type: linear, out_features: many", "layers.0.linear.out_features: Input should be a valid integer"),
        ("type: pool, kernel: [2, 2], mode: min", "layers.0.pool.mode: Input should be 'max' or 'average'"),
        ("type: elementwise, op: sine", "layers.0.elementwise.op: Input should be 'relu', 'relu6', 'sigmoid', 't"),
        ("type: flatten, inputs: input", "layers.0.flatten.inputs: Input should be a valid array"),
        ("type: flatten, inputs: [1]", "layers.0.flatten.inputs.0: Input should be a valid string"),
        ("type: conv, kernel: [3, 3], out_channels: 4, bias: 1", "layers.0.conv.bias: Input should be a valid boolean"),
        ("type: matmul, groups: 2", "layers.0.matmul.over: Field required"),
        ("type: matmul, over: time", "layers.0.matmul.over: Input should be 'units' or 'positions', got 'time'"),
        ("type: softmax, groups: 0", "layers.0.softmax.groups: Input should be greater than 0, got 0"),
        ("type: layer_norm, eps: 1", "layers.0.layer_norm.eps: unknown key; accepted: name, inputs, type, op"),
        ("type: embedding, features: 4, entries: []", "layers.0.embedding.entries: Tuple should have at least 1"),
        ("type: add, inputs: [input]", "net: layer 'a': inputs: takes 2 to 16 inputs, got 1"),
        ("type: add, inputs: [input, b]", "net: layer 'a': inputs: 'b' is no layer; known so far: input"),
        ("type: concat, inputs: [input, a]", "net: layer 'a': inputs: 'a' stands later (no cycles, and each after"),
    ],
)
def test_a_layer_that_cannot_be_used(tmp_path, layer, says):
    with pytest.raises(ppsim.InputError) as caught:
        load(tmp_path, f"{HEAD}layers:\n  - {{name: a, {layer}}}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: {says}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "layers: Field required"),
        (HEAD + "layers: []\n", "layers: Tuple should have at least 1 item"),
        (HEAD + "layers: conv\n", "layers: Input should be a valid array"),
        (HEAD + "layers: [5]\n", "layers.0: Input should be an object"),
        (HEAD + "layers: [{type: flatten}]\n", "layers.0.flatten.name: Field required"),
        (HEAD + "layers: [{name: '', type: flatten}]\n", "layers.0.flatten.name: String should have at least 1"),
        (HEAD + LAYERS + "batch: 4\n", "batch: unknown key; accepted: name, input, layers, description"),
        (HEAD.replace("[3, 8, 8]", "[]") + LAYERS, "input: Tuple should have at least 1 item"),
        (HEAD.replace("[3, 8, 8]", "[3, 0, 8]") + LAYERS, "input.1: Input should be greater than 0, got 0"),
        (HEAD.replace("name: net\n", "") + LAYERS, "name: Field required"),
        (HEAD.replace("workload", "system") + LAYERS, "format: must be 'ppsim-workload/1'"),
        ("", "holds no mapping; a ppsim-workload/1 document is expected"),
        (HEAD + "input: [3, 8, 8]\n", "is not valid YAML: the key 'input' stands twice, again in line 4"),
    ],
)
def test_a_document_that_cannot_be_used(tmp_path, text, says):
    with pytest.raises(ppsim.InputError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: {says}")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ppsim.InputError, match=r"did you mean 'tinyvgg16'\? known: alexnet, .*, tinyvgg16, tinyvgg16-2"
    ):
        ppsim.load_workload("tinyvgg17")


def test_every_layer_says_its_own_type():
    """Documents tell layers apart by `type`; two of the same type would hide one another."""
    tags = [next(f.default for f in fields(layer) if f.name == "type") for layer in LAYER_TYPES]
    assert [tag.replace("_", "") for tag in tags] == [layer.__name__.lower() for layer in LAYER_TYPES]
    assert tags == [
        "conv", "linear", "matmul", "pool", "elementwise", "prelu", "batch_norm", "layer_norm", "softmax", "add",
        "concat", "flatten", "sample", "pad", "embedding",
    ]  # fmt: skip


def test_the_positions_are_those_asked_for(tmp_path):
    text = SEQUENCE + "layers: [{name: l, type: linear, out_features: 3}]\n"
    assert load(tmp_path, text).input_shape == (1, 4)
    longer = load(tmp_path, text, sequence=9, batch=2, bits=8)
    assert (longer.input_shape, longer.shapes["l"], longer.batch, longer.bits) == ((1, 9), (3, 9), 2, 8)
    assert load(tmp_path, text, sequence=4) == load(tmp_path, text)  # the document's own is left as it is


@pytest.mark.parametrize("sequence", [0, -3])
def test_a_sequence_of_nothing(tmp_path, sequence):
    with pytest.raises(ppsim.InputError) as caught:
        load(tmp_path, SEQUENCE + LAYERS, sequence=sequence)
    assert str(caught.value) == f"net: sequence must be at least 1, got {sequence}"


def test_an_image_has_no_positions(tmp_path):
    with pytest.raises(ppsim.InputError) as caught:
        load(tmp_path, HEAD + LAYERS, sequence=8)
    assert str(caught.value) == "net: sequence=8: its input of (3, 8, 8) is no (features, positions)"
