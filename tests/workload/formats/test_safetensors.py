"""Trained numbers in .safetensors files."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from ppsim.errors import InputError
from ppsim.workload.formats import safetensors as ours
from ppsim.workload.formats.safetensors import read, write
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear
from ppsim.workload.model import Model, named_tensors
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import partitioned_to_text

GRAPH = LayerGraph(
    "net",
    (2, 3, 3),
    (
        Conv(name="conv", out_channels=3, kernel=(2, 2), bias=False),
        Elementwise(name="relu"),
        Flatten(name="flatten"),
        Linear(name="fc", out_features=2),
    ),
)
DOCUMENT = partitioned_to_text(PartitionedGraph(GRAPH, 1, {}, description="Ümlaut\n"), "here")


def model(graph: LayerGraph = GRAPH, dtype=np.float32) -> Model:
    rng = np.random.default_rng(5)
    tensors = {
        layer.name: {
            name: rng.standard_normal(shape).astype(dtype)
            for name, shape in layer.tensors(graph.input_shapes_of(layer.name)).items()
        }
        for layer in graph.layers
    }
    return Model(graph, tensors)


def same(found, wanted) -> None:
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array)


def file_of(tensors: dict[str, tuple[str, list[int], bytes]], metadata: dict[str, str] | None = None) -> bytes:
    """A file of stored tensors: name -> (type, shape, bytes)."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at, content = 0, b""
    for name, (kind, shape, numbers) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(numbers)]}
        at, content = at + len(numbers), content + numbers
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "net.safetensors"
    write(path, model(), DOCUMENT)
    file = read(path, lenient=False)
    same(file.tensors, named_tensors(model()))
    assert (file.graph, file.document, file.skipped) == (GRAPH, DOCUMENT, ())
    write(path, model(), None)
    file = read(path, lenient=True)
    assert (file.graph, file.document) == (None, None)
    same(file.tensors, named_tensors(model()))


def test_the_library_reads_what_is_written(tmp_path):
    write(tmp_path / "net.safetensors", model(), DOCUMENT)
    same(safetensors.numpy.load_file(tmp_path / "net.safetensors"), named_tensors(model()))
    with safetensors.safe_open(tmp_path / "net.safetensors", framework="np") as opened:
        assert opened.metadata() == {"ppsim": DOCUMENT}


def test_equal_models_give_equal_bytes(tmp_path):
    turned = {
        layer: {name: np.asfortranarray(array).astype(">f4") for name, array in reversed(tensors.items())}
        for layer, tensors in reversed(model().tensors.items())
    }
    write(tmp_path / "a.safetensors", model(), DOCUMENT)
    write(tmp_path / "b.safetensors", Model(GRAPH, turned), DOCUMENT)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_other_widths_become_float32(tmp_path):
    path = tmp_path / "net.safetensors"
    exact = np.array([[1.0, -0.5, 0.0], [3.0, 2.0**-20, 65504.0]])
    half = exact.astype("<f4").view("<u4") >> 16  # what bfloat16 keeps of a number, cut off
    path.write_bytes(
        file_of(
            {
                "d": ("F64", [2, 3], exact.tobytes()),
                "b": ("BF16", [3, 2], half.astype("<u2").tobytes()),
                "h": ("F16", [6], exact.astype("<f2").tobytes()),
                "s": ("F32", [], b"\0\0\x80\x3f"),
                "none": ("BF16", [0, 5], b""),
            }
        )
    )
    found = read(path, False).tensors
    cut = exact.copy()
    cut[1, 2] = 65280.0
    np.testing.assert_array_equal(found["d"], exact.astype(np.float32))
    np.testing.assert_array_equal(found["b"], cut.reshape(3, 2).astype(np.float32))
    np.testing.assert_array_equal(found["h"], exact.reshape(6).astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(found["s"], np.float32(1))
    assert found["none"].shape == (0, 5)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert found["s"].shape == ()


def test_files_of_the_library(tmp_path):
    """Also in an order of its own, and with metadata of others."""
    arrays = {"z.weight": np.ones((2, 3), np.float16), "a.bias": np.arange(3.0), "m": np.zeros(1, np.float32)}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", metadata={"format": "pt"})
    file = read(tmp_path / "a.safetensors", False)
    same(file.tensors, {name: array.astype(np.float32) for name, array in arrays.items()})
    assert file.document is None


def refusal(path, text: str | None = None, net: Model | None = None) -> str:
    with pytest.raises(InputError) as caught:
        write(path, net or model(), text)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_what_would_not_be_read_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    assert refusal(path, "") == "a document is a text of 1 to 67108864 bytes, got 0"
    bad = model(LayerGraph("net", (2,), (Linear(name="\udfff", out_features=1),)))
    assert refusal(path, None, bad) == r"tensor '\udfff.weight': the name is no text that can be written"
    monkeypatch.setattr(ours, "MAX_HEADER", 200)
    assert refusal(path, DOCUMENT) == "names and document take more than the 200 bytes of a header"
    monkeypatch.setattr(ours, "MAX_FILE", 210)
    assert refusal(path) == "more than 10 bytes of numbers; a file has up to 210"
    assert not list(tmp_path.iterdir())


def test_names_of_any_text(tmp_path):
    for name in ("../../x", "a\0b", "ä€", "a\nb", "__metadata__"):
        net = model(LayerGraph("net", (2,), (Linear(name=name, out_features=1, bias=False),)))
        write(tmp_path / "net.safetensors", net, None)
        assert list(read(tmp_path / "net.safetensors", False).tensors) == [f"{name}.weight"]
        assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
