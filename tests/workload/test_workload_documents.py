"""Workload documents: every kind of layer from YAML, and one line for whatever is wrong."""

from dataclasses import fields

import pytest

import ppsim
from ppsim.workload.layers import LAYER_TYPES, Conv, Elementwise, Flatten, Linear, Pool, Softmax

HEAD = "format: ppsim-workload/1\nname: net\ninput: [3, 8, 8]\n"
LAYERS = "layers: [{name: a, type: flatten}]\n"


def load(folder, text: str, **arguments):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return ppsim.load_workload(str(path), **arguments)


def test_every_kind_of_layer(tmp_path):
    net = load(
        tmp_path,
        HEAD
        + """description: every kind
layers:
  - {name: c, type: conv, out_channels: 6, kernel: [3, 2], stride: [2, 1], padding: [1, 0], groups: 3}
  - {name: r, type: elementwise, op: gelu}
  - {name: p, type: pool, mode: average, kernel: [2, 2], stride: [1, 1]}
  - {name: f, type: flatten, inputs: [r]}
  - {name: l, type: linear, out_features: 5}
  - {name: s, type: softmax}
""",
        batch=2,
        bits=8,
    )
    assert (net.name, net.batch, net.bits) == ("net", 2, 8)
    assert net.layers == (
        Conv(name="c", out_channels=6, kernel=(3, 2), stride=(2, 1), padding=(1, 0), groups=3),
        Elementwise(name="r", op="gelu"),
        Pool(name="p", mode="average", kernel=(2, 2), stride=(1, 1)),
        Flatten(name="f", inputs=("r",)),
        Linear(name="l", out_features=5),
        Softmax(name="s"),
    )
    assert {type(layer) for layer in net.layers} == set(LAYER_TYPES)
    assert dict(net.shapes) == {
        "input": (3, 8, 8), "c": (6, 4, 7), "r": (6, 4, 7), "p": (6, 3, 6), "f": (168,), "l": (5,), "s": (5,),
    }  # fmt: skip


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
        ("type: elementwise, op: sine", "layers.0.elementwise.op: Input should be 'relu', 'sigmoid'"),
        ("type: flatten, inputs: input", "layers.0.flatten.inputs: Input should be a valid array"),
        ("type: flatten, inputs: [1]", "layers.0.flatten.inputs.0: Input should be a valid string"),
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
    with pytest.raises(ppsim.InputError, match=r"did you mean 'tinyvgg16'\? known: tinyvgg16, tinyvgg16-25088, tiny"):
        ppsim.load_workload("tinyvgg17")


def test_every_layer_says_its_own_type():
    """Documents tell layers apart by `type`; two of the same type would hide one another."""
    tags = [next(f.default for f in fields(layer) if f.name == "type") for layer in LAYER_TYPES]
    assert tags == [layer.__name__.lower() for layer in LAYER_TYPES]
