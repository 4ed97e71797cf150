"""What layers make of inputs: against formulas for whole networks, in batches, and with what is no input refused."""

import subprocess
import sys

import numpy as np
import pytest

from ppsim.errors import InputError
from ppsim.workload import evaluation
from ppsim.workload.documents import load_workload
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Embedding, Flatten, Linear, MatMul, Pool, Softmax
from ppsim.workload.model import Model

IMAGES = LayerGraph(
    "images",
    (2, 6, 5),
    (
        Conv(name="conv", out_channels=3, kernel=(3, 3), padding=(1, 1)),
        Elementwise(name="relu"),
        Pool(name="pool", kernel=(2, 2)),
        Flatten(name="flatten"),
        Linear(name="fc", out_features=4),
    ),
)
WORDS = LayerGraph(
    "words",
    (1, 5),
    (
        Embedding(name="rows", entries=(9,), features=4),
        MatMul(name="scores", over="units", groups=2, inputs=("rows", "rows")),
        Softmax(name="softmax", groups=2),
        Linear(name="fc", out_features=3),
    ),
)


def random_model(graph: LayerGraph) -> Model:
    rng = np.random.default_rng(3)
    return Model(
        graph,
        {
            layer.name: {
                name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
                for name, shape in layer.tensors(graph.input_shapes_of(layer.name)).items()
            }
            for layer in graph.layers
        },
    )


def images(count=7):
    return np.random.default_rng(1).standard_normal((count, 2, 6, 5)).astype(np.float32)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_images_and_vectors():
    model, x = random_model(IMAGES), images()
    found = outputs_of(model, x, ["fc", "conv", "pool", "relu", "fc"])
    assert list(found) == ["fc", "conv", "pool", "relu"]
    assert {name: (array.shape, array.dtype) for name, array in found.items()} == {
        "fc": ((7, 4), np.float32),
        "conv": ((7, 3, 6, 5), np.float32),
        "pool": ((7, 3, 3, 2), np.float32),
        "relu": ((7, 3, 6, 5), np.float32),
    }
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    conv = np.einsum("nchwij,ocij->nohw", windows, model.weight("conv"))
    close(found["conv"], conv + model.tensors["conv"]["bias"][:, None, None])
    close(found["relu"], np.maximum(found["conv"], 0))
    close(found["pool"], found["relu"][:, :, :, :4].reshape(7, 3, 3, 2, 2, 2).max((3, 5)))
    close(found["fc"], found["pool"].reshape(7, -1) @ model.weight("fc").T + model.tensors["fc"]["bias"])


def test_a_shipped_network():
    model = random_model(load_workload("lenet300"))
    x = np.random.default_rng(0).random((5, 784), np.float32)
    found = outputs_of(model, x, ["relu1", "fc3", "softmax"])
    hidden = x
    for layer in ("fc1", "fc2", "fc3"):
        hidden = hidden @ model.weight(layer).T + model.tensors[layer]["bias"]
        hidden = hidden if layer == "fc3" else np.maximum(hidden, 0)
        if layer == "fc1":
            close(found["relu1"], hidden)
    close(found["fc3"], hidden)
    close(found["softmax"], np.exp(hidden) / np.exp(hidden).sum(1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_sequences_are_positions_by_features(dtype):
    model = random_model(WORDS)
    x = np.random.default_rng(2).integers(0, 9, (4, 5)).astype(dtype)
    found = outputs_of(model, x, ["rows", "scores", "softmax", "fc"])
    rows = model.tensors["rows"]["table0"][x]
    np.testing.assert_array_equal(found["rows"], rows)
    heads = rows.reshape(4, 5, 2, 2)
    scores = np.einsum("nmgk,njgk->nmgj", heads, heads)
    close(found["scores"], scores.reshape(4, 5, 10))
    powers = np.exp(scores)
    close(found["softmax"], (powers / powers.sum(-1, keepdims=True)).reshape(4, 5, 10))
    close(found["fc"], found["softmax"] @ model.weight("fc").T + model.tensors["fc"]["bias"])
    assert [input_shape(graph) for graph in (WORDS, IMAGES)] == [(5,), (2, 6, 5)]


def test_sequences_of_features():
    graph = LayerGraph("sequences", (3, 5), (Linear(name="fc", out_features=2),))
    x = np.random.default_rng(2).standard_normal((4, 5, 3))
    model = random_model(graph)
    close(outputs_of(model, x, ["fc"])["fc"], x @ model.weight("fc").T + model.tensors["fc"]["bias"])
    assert input_shape(graph) == (5, 3)


def test_batches_of_bounded_size(monkeypatch):
    model, x = random_model(IMAGES), images(20)
    whole = outputs_of(model, x, ["relu", "fc"])
    seen = []
    run = evaluation._run

    def counted(session, layers, batch, name):
        seen.append(len(batch))
        return run(session, layers, batch, name)

    monkeypatch.setattr(evaluation, "_run", counted)
    numbers = sum(int(np.prod(shape)) for shape in IMAGES.shapes.values())
    for size, batches in ((7 * 4 * numbers, [7, 7, 6]), (4 * 4 * numbers + 3, [4] * 5), (1, [1] * 20)):
        seen.clear()
        monkeypatch.setattr(evaluation, "MAX_BYTES", size)
        found = outputs_of(model, x, ["relu", "fc"])
        assert seen == batches
        for name in whole:
            close(found[name], whole[name])
    again = outputs_of(model, x, ["fc"])["fc"]
    np.testing.assert_array_equal(outputs_of(model, x, ["fc"])["fc"], again)


def test_no_inputs_and_no_layers():
    model = random_model(IMAGES)
    assert outputs_of(model, images(0), ["conv"])["conv"].shape == (0, 3, 6, 5)
    assert outputs_of(random_model(WORDS), np.zeros((0, 5), int), ["fc"])["fc"].shape == (0, 5, 3)
    assert outputs_of(model, images(2), []) == {}


def test_integers_are_taken_as_they_are():
    model = random_model(IMAGES)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 2, 6, 5)).astype(np.uint8)
    wanted = outputs_of(model, pixels.astype(np.float32), ["fc"])["fc"]
    for given in (pixels, pixels.astype(">i8"), pixels.astype(np.float64), np.asfortranarray(pixels)):
        np.testing.assert_array_equal(outputs_of(model, given, ["fc"])["fc"], wanted)
    assert outputs_of(model, pixels > 127, ["conv"])["conv"].any()


def test_inputs_stay_as_they_are():
    x = images()
    before = x.copy()
    outputs_of(random_model(IMAGES), x, ["fc", "relu"])
    np.testing.assert_array_equal(x, before)


NUMBERS = images(2)
REFUSED = {
    "shape": (IMAGES, NUMBERS[:, :, :, :4], "images: inputs of shape (2, 2, 6, 4); expected (N, 2, 6, 5)"),
    "no batch": (IMAGES, NUMBERS[0], "images: inputs of shape (2, 6, 5); expected (N, 2, 6, 5)"),
    "a number": (IMAGES, np.float32(3), "images: inputs of shape (); expected (N, 2, 6, 5)"),
    "channels last": (
        IMAGES,
        NUMBERS.transpose(0, 2, 3, 1),
        "images: inputs of shape (2, 6, 5, 2); expected (N, 2, 6, 5)",
    ),
    "complex": (IMAGES, NUMBERS * 1j, "images: inputs of complex64; floating point numbers and integers are accepted"),
    "text": (IMAGES, NUMBERS.astype(str), "images: inputs of <U32; floating point numbers and integers are accepted"),
    "objects": (IMAGES, NUMBERS.astype(object), "images: inputs of object; floating point numbers and integers are"),
    "NaN": (IMAGES, NUMBERS * np.float32(np.nan), "images: inputs hold NaN or infinite numbers, or some too large for"),
    "large": (
        IMAGES,
        np.full(NUMBERS.shape, 1e300),
        "images: inputs hold NaN or infinite numbers, or some too large for float32",
    ),
    "rows as floats": (
        WORDS,
        np.ones((2, 5), np.float32),
        "words: inputs of float32; integers, the rows of its embeddings, are accepted",
    ),
    "rows too many": (WORDS, np.full((2, 5), 9), "words: inputs from 9 to 9; rows go from 0 to 8"),
    "rows below": (WORDS, np.arange(-1, 9).reshape(2, 5), "words: inputs from -1 to 8; rows go from 0 to 8"),
    "rows far off": (
        WORDS,
        np.full((2, 5), 2**64 - 1, np.uint64),
        "words: inputs from 18446744073709551615 to 18446744073709551615; rows go from 0 to 8",
    ),
    "one feature": (WORDS, np.zeros((2, 5, 1), int), "words: inputs of shape (2, 5, 1); expected (N, 5)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_input(case):
    graph, inputs, says = REFUSED[case]
    with pytest.raises(InputError) as caught:
        outputs_of(random_model(graph), inputs, ["fc"])
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_what_is_no_layer():
    with pytest.raises(InputError, match=r"^images: 'fc2' is no layer whose output could be had$"):
        outputs_of(random_model(IMAGES), NUMBERS, ["fc", "fc2"])


def test_what_goes_wrong_inside(monkeypatch):
    class Broken:
        def run(self, names, inputs):
            raise RuntimeError("first line\nsecond line " + "x" * 999)

    monkeypatch.setattr(evaluation, "_session", lambda model, layers: Broken())
    with pytest.raises(InputError, match=r"^images: onnxruntime cannot run it: first line second line x{100,140}$"):
        outputs_of(random_model(IMAGES), NUMBERS, ["fc"])


def test_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    says = r"^running networks needs the package 'onnxruntime'; install it with: pip install 'ppsim\[onnx\]'$"
    with pytest.raises(InputError, match=says):
        outputs_of(random_model(IMAGES), NUMBERS, ["fc"])


def test_nothing_is_printed():
    code = """
import numpy as np
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import BatchNorm, Conv
from ppsim.workload.model import Model
graph = LayerGraph("n", (1, 4, 4), (Conv(name="c", out_channels=1, kernel=(3, 3), bias=False), BatchNorm(name="b")))
one = np.ones(1, np.float32)
model = Model(graph, {"c": {"weight": np.ones((1, 1, 3, 3), np.float32)}, "b": {"scale": one, "shift": one}})
assert (outputs_of(model, np.ones((3, 1, 4, 4)), ["b"])["b"] == 10).all()
"""
    found = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (found.stdout, found.stderr) == ("", "")
