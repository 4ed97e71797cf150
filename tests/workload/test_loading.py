"""Networks with their trained numbers, from files of every format and into them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ppsim.errors import InputError
from ppsim.workload.documents import load_workload
from ppsim.workload.formats import FORMATS, is_model_file, read_model_file, write_model_file
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import BatchNorm, Conv, Elementwise, Flatten, LayerNorm, Linear, Pool
from ppsim.workload.loading import load_model, save_model
from ppsim.workload.model import Model, named_tensors
from ppsim.workload.partitioned import PartitionedGraph, PartitionedLayer, default_blocks
from ppsim.workload.partitioned_documents import partitioned_from_text, partitioned_to_text

NET = LayerGraph(
    "net",
    (2, 6, 6),
    (
        Conv(name="conv", out_channels=3, kernel=(3, 3), padding=(1, 1), bias=False),
        Elementwise(name="relu"),
        Pool(name="pool", kernel=(2, 2), stride=(2, 2)),
        Flatten(name="flatten"),
        Linear(name="fc", out_features=4),
    ),
)


def random_model(graph: LayerGraph) -> Model:
    rng = np.random.default_rng(3)
    return Model(
        graph,
        {
            layer.name: {
                name: rng.standard_normal(shape).astype(np.float32)
                for name, shape in layer.tensors(graph.input_shapes_of(layer.name)).items()
            }
            for layer in graph.layers
        },
    )


def same(found: Model, wanted: Model) -> None:
    assert found.graph == wanted.graph
    mine, theirs = named_tensors(found), named_tensors(wanted)
    assert list(mine) == list(theirs)
    for name, array in theirs.items():
        assert mine[name].dtype == np.float32
        np.testing.assert_array_equal(mine[name], array)


def refusal(*arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        load_model(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("upper", [False, True])
def test_what_is_saved_is_what_is_loaded(suffix, upper, tmp_path):
    path = tmp_path / f"net{suffix.upper() if upper else suffix}"
    model = random_model(NET)
    save_model(model, str(path))
    found = load_model(path)
    same(replace(found, graph=replace(found.graph, layers=NET.layers)), model)
    assert load_model(str(path), batch=7).graph == replace(found.graph, batch=7)
    assert f"{path}: brings its own weights; leave out the weights 'w.npz'" == refusal(path, "w.npz")
    assert "net: batch must be at least 1, got 0" in refusal(path, batch=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_every_layer_comes_back_where_the_document_holds_the_network(suffix, tmp_path):
    layers = (
        Pool(name="pool", kernel=(2, 2)),
        BatchNorm(name="norm"),
        LayerNorm(name="layer norm", epsilon=1e-6, operations_per_element=9),
        Flatten(name="flat"),
        Linear(name="fc.1", out_features=4, tied=True),
    )
    model = random_model(LayerGraph("a net", (2, 6, 6), layers))
    save_model(model, tmp_path / f"net{suffix}")
    same(load_model(tmp_path / f"net{suffix}"), model)
    shipped = random_model(load_workload("lenet300"))
    save_model(shipped, tmp_path / f"lenet{suffix}")
    same(load_model(tmp_path / f"lenet{suffix}"), shipped)
    document = read_model_file(tmp_path / f"lenet{suffix}").document
    assert '"workload": "lenet300"' in document
    assert partitioned_from_text(document, "here").layers == {}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_document_comes_along(suffix, tmp_path):
    document = partitioned_to_text(CUT, "here")
    write_model_file(tmp_path / f"net{suffix}", random_model(NET), document)
    file = read_model_file(tmp_path / f"net{suffix}")
    assert file.document == document
    assert partitioned_from_text(file.document, "here") == CUT
    assert load_model(tmp_path / f"net{suffix}").graph.layers[-1].name == "fc"


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_workload_and_a_file_of_weights(suffix, tmp_path):
    model = random_model(load_workload("lenet300", batch=2))
    weights = tmp_path / f"w{suffix}"
    write_model_file(weights, model)
    same(load_model("lenet300", weights, batch=2), model)
    assert f"{weights}: holds arrays and no network; give a workload, and this file as its weights" == refusal(weights)
    assert refusal("mlp_mnist", weights) == (
        f"{weights}: mlp_mnist: tensor 'fc1.weight': has the shape (300, 784), and the layer needs (512, 784)"
    )
    document = tmp_path / "other.yaml"
    document.write_text(
        "format: ppsim-workload/1\nname: other\ninput: [784]\nlayers:\n- {name: fc1, type: linear, out_features: 300}\n"
    )
    assert refusal(document, weights) == (
        f"{weights}: tensor 'fc2.bias' belongs to no layer of other; it has: fc1.weight, fc1.bias"
    )


def test_names_as_a_state_dict_has_them(tmp_path):
    """PyTorch's linear layers and convolutions have their weights outputs first, as ppsim has."""
    wanted = {"conv.weight": (3, 2, 3, 3), "fc.weight": (4, 27), "fc.bias": (4,)}
    arrays = {name: np.full(shape, 0.5, np.float64) for name, shape in wanted.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    document = tmp_path / "net.yaml"
    document.write_text(
        "format: ppsim-workload/1\nname: net\ninput: [2, 6, 6]\nlayers:\n"
        "- {name: conv, type: conv, out_channels: 3, kernel: [3, 3], padding: [1, 1], bias: false}\n"
        "- {name: pool, type: pool, kernel: [2, 2]}\n- {name: flatten, type: flatten}\n"
        "- {name: fc, type: linear, out_features: 4}\n"
    )
    model = load_model(document, tmp_path / "w.npz")
    assert {name: array.shape for name, array in named_tensors(model).items()} == wanted
    del arrays["fc.bias"]
    np.savez(tmp_path / "w.npz", **arrays)
    assert refusal(document, tmp_path / "w.npz") == (
        f"{tmp_path / 'w.npz'}: net: tensor 'fc.bias': is missing; it has the shape (4,)"
    )
    np.savez(tmp_path / "w.npz", **arrays, stray=np.zeros(1))
    assert refusal(document, tmp_path / "w.npz") == (
        f"{tmp_path / 'w.npz'}: tensor 'stray' belongs to no layer of net; it has: conv.weight, fc.weight, fc.bias"
    )


def test_what_is_no_file_of_numbers(tmp_path):
    assert refusal("lenet300") == (
        "lenet300: has no trained numbers; give weights too: a .onnx, .safetensors or .npz file "
        "(shipped: mlp_mnist, vgg_mnist)"
    )
    assert "workload 'lenet30' is no file and no known name; did you mean 'lenet300'?" in refusal("lenet30", "w.npz")
    assert refusal("lenet300", "w.csv") == ("w.csv: '.csv' is no known format; accepted: .onnx, .safetensors, .npz")
    assert refusal("lenet300", "weights") == (
        "weights: 'no suffix' is no known format; accepted: .onnx, .safetensors, .npz"
    )
    for suffix in (".pt", ".pth", ".PTH", ".pkl", ".ckpt", ".h5"):
        says = f"net{suffix}: pickled files are never opened; save as .safetensors or .onnx"
        assert refusal("lenet300", f"net{suffix}") == refusal(f"net{suffix}") == says
        assert is_model_file(f"net{suffix}")
        with pytest.raises(InputError, match="pickled files are never opened"):
            save_model(random_model(NET), tmp_path / f"net{suffix}")
    assert not is_model_file("net.json")
    assert not is_model_file("lenet300")
    assert refusal(tmp_path / "a\nb.npz") == f"{tmp_path / 'a b.npz'}: cannot be read: No such file or directory"
    assert not list(tmp_path.iterdir())


def test_packages_are_imported_when_they_are_needed():
    code = (
        "import sys, ppsim.workload.formats, ppsim.workload.loading, ppsim.workload.evaluation\n"
        "print(sorted({'onnx', 'onnxruntime', 'safetensors'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_packages_that_are_missing(tmp_path, monkeypatch):
    suffix, package = ".onnx", "onnx"
    save_model(random_model(NET), tmp_path / f"net{suffix}")
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    says = rf"needs the package '{package}[.\w]*'; install it with: pip install 'ppsim\[{package}\]'$"
    with pytest.raises(InputError, match=says):
        load_model(tmp_path / f"net{suffix}")
    with pytest.raises(InputError, match=says):
        save_model(random_model(NET), tmp_path / f"net{suffix}")


CUT = PartitionedGraph(NET, 2, {"fc": PartitionedLayer((20, 7), (2, 2), default_blocks((20, 7), (2, 2), "outputs"))})


def test_the_text_of_a_document():
    text = partitioned_to_text(CUT, "here")
    assert partitioned_from_text(text, "here") == CUT
    assert partitioned_from_text(text.replace("net", "né\\u0301t"), "here").name == "né\u0301t"
    shipped = PartitionedGraph(load_workload("lenet300"), 1, {})
    assert partitioned_from_text(partitioned_to_text(shipped, "here"), "here") == shipped


def test_a_text_that_is_no_document(tmp_path, monkeypatch):
    (tmp_path / "net.yaml").write_text("format: ppsim-workload/1\nname: n\ninput: [1]\nlayers: []\n")
    monkeypatch.chdir(tmp_path)
    text = partitioned_to_text(CUT, "here")
    shipped = '{"format": "ppsim-partitioned/1", "name": "n", "parts": 1, "layers": {}, "workload": "%s"}'
    refused = {
        "": "its document: is not valid JSON: Expecting value: line 1 column 1 (char 0)",
        "[]": "its document: holds no mapping; a ppsim-partitioned/1 document is expected",
        "{}": "its document: format: must be 'ppsim-partitioned/1'",
        text.replace("partitioned/1", "partitioned/2"): "its document: format: must be",
        text.replace('"parts": 2', '"parts": 9'): "layers.fc: 9 parts are more than the 4 outputs it is split by",
        text.replace('"parts": 2', '"parts": 2, "parts": 3'): "its document: is not valid JSON: the key 'parts' stands",
        text.replace(
            '"parts": 2', '"parts": 2, "x": 3'
        ): "its document: x: unknown key; accepted: format, name, workload",
        text.replace(
            '"parts": 2', f'"parts": 1{"0" * 9999}'
        ): "its document: parts: Input should be a valid integer, got inf",
        "[" * 99_999: "its document: is not valid: nested more than 32 deep",
        "[" * 33 + "]" * 33: "its document: is not valid: nested more than 32 deep",
        "[" * (2**23 + 1): "its document: 8388609 lists, mappings and keys; ppsim-partitioned/1 files go up to 8388608",
        " " * (2**26 + 1): "a document of 67108865 bytes; ppsim-partitioned/1 documents go up to 67108864",
        shipped % "net.yaml": "workload: 'net.yaml' is not shipped; a document in a file opens no other",
        shipped % "/etc/passwd": "workload: '/etc/passwd' is not shipped; a document in a file opens no other",
        shipped % "../lenet300": "workload: '../lenet300' is not shipped; a document in a file opens no other",
        shipped % "\ud800": "its document: is not UTF-8 text; a ppsim-partitioned/1 document",
    }
    for document, says in refused.items():
        with pytest.raises(InputError) as caught:
            partitioned_from_text(document, "a\nfile")
        assert str(caught.value).startswith(f"a file: {says}")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
    assert partitioned_from_text(shipped % "lenet300", "here").name == "n"
