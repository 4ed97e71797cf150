"""Trained numbers and calibration inputs in NumPy's archives."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ppsim.errors import InputError
from ppsim.workload.formats import arrays, npz
from ppsim.workload.formats.npz import read, read_arrays, write, write_arrays
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear
from ppsim.workload.model import Model, model_of, named_tensors
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import partitioned_to_text

GRAPH = LayerGraph(
    "net", (4,), (Linear(name="fc1", out_features=3), Elementwise(name="relu"), Linear(name="fc2", out_features=2))
)
DOCUMENT = partitioned_to_text(PartitionedGraph(GRAPH, 1, {}), "here")
KINDS = ("?", "<f2", "<f4", "<f8", ">f4", "|i1", "<i2", "<i4", "<i8", "|u1", ">u2", "<u4", "<u8")


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


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "net.npz"
    write(path, model(), DOCUMENT)
    file = read(path, lenient=False)
    same(file.tensors, named_tensors(model()))
    assert (file.graph, file.document, file.skipped) == (GRAPH, DOCUMENT, ())
    write(path, model(), None)
    file = read(path, lenient=True)
    assert (file.graph, file.document) == (None, None)
    same(file.tensors, named_tensors(model()))
    assert model_of(GRAPH, file.tensors, "here").graph == GRAPH


def test_numpy_reads_what_is_written(tmp_path):
    write(tmp_path / "net.npz", model(), DOCUMENT)
    with np.load(tmp_path / "net.npz") as found:
        for name, array in named_tensors(model()).items():
            np.testing.assert_array_equal(found[name], array)
        assert found["ppsim.json"].decode() == DOCUMENT


def test_equal_models_give_equal_bytes(tmp_path, monkeypatch):
    write(tmp_path / "a.npz", model(), DOCUMENT)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 0, 138, 0))
    turned = {
        layer: {name: np.asfortranarray(array).astype(">f4") for name, array in reversed(tensors.items())}
        for layer, tensors in reversed(model().tensors.items())
    }
    write(tmp_path / "b.npz", Model(GRAPH, turned), DOCUMENT)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        names = [entry.filename for entry in archive.infolist()]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == ["fc1.bias.npy", "fc1.weight.npy", "fc2.bias.npy", "fc2.weight.npy", "ppsim.json"]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f8"])
def test_other_widths_become_float32(tmp_path, dtype):
    arrays = {name: array.astype(dtype) for name, array in named_tensors(model()).items()}
    np.savez_compressed(tmp_path / "net.npz", **arrays)
    same(read(tmp_path / "net.npz", False).tensors, {name: array.astype(np.float32) for name, array in arrays.items()})


@settings(max_examples=80)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8),
        st.sampled_from(KINDS).flatmap(
            lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_arrays_of_any_numbers(tmp_path_factory, arrays, compressed):
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    saved = {name: np.asfortranarray(array) if array.ndim > 1 else array for name, array in arrays.items()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, array in saved.items():
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            archive.writestr(f"{name}.npy", entry.getvalue())
    path.write_bytes(content.getvalue())
    found = read_arrays(str(path))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert isinstance(found[name], np.ndarray)
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_arrays_as_numpy_saves_them(tmp_path):
    x = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.savez(tmp_path / "a.npz", x, labels=[1, 2, 3], scalar=2.5)
    found = read_arrays(tmp_path / "a.npz")
    assert set(found) == {"arr_0", "labels", "scalar"}
    np.testing.assert_array_equal(found["arr_0"], x)
    assert (found["arr_0"].dtype, found["labels"].dtype, found["scalar"].shape) == (np.uint8, np.int64, ())
    found["arr_0"][0] = 7  # one's own to change


def test_arrays_that_are_written(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"x/../y": np.arange(6, dtype=">i2").reshape(2, 3).T, "mask": np.array([True, False]), "n": np.array(2.5)}
    write_arrays(str(path), arrays)
    found = read_arrays(path)
    assert list(found) == ["mask", "n", "x/../y"]
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)
    content = path.read_bytes()
    write_arrays(path, {name: np.asfortranarray(array) if array.ndim else array for name, array in arrays.items()})
    assert path.read_bytes() == content
    for wrong, kind in ((np.array(["a"]), "<U1"), (np.array([None]), "object"), (np.array([1j]), "complex128")):
        with pytest.raises(InputError) as caught:
            write_arrays(path, {"x": wrong})
        assert str(caught.value) == (
            f"{path}: array 'x': holds {kind}; booleans, integers and floating point numbers are accepted"
        )
    with pytest.raises(InputError, match=r"array '\\ud800': names in .npz files are text of up to 448 bytes$"):
        write_arrays(path, {"\ud800": np.ones(1)})
    assert path.read_bytes() == content


def test_an_array_of_zeros_may_be_compressed_well(tmp_path):
    """NumPy's own files of arrays that are pruned away altogether stay below the limit, while they are small."""
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros(200_000, np.float32))
    assert not read_arrays(tmp_path / "a.npz")["zeros"].any()


def test_headers_of_other_versions_and_writers(tmp_path):
    for version, header in (
        ((1, 0), None),
        ((2, 0), None),
        ((3, 0), None),
        ((1, 0), b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"),
        ((1, 0), b"{'descr':'<f4','fortran_order':False,'shape':(2,)}\n"),
    ):
        entry = io.BytesIO()
        if header is None:
            np.lib.format.write_array(entry, np.ones(2, np.float32), version=version)
        else:
            entry.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + np.ones(2, "<f4").tobytes())
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", entry.getvalue())
        np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz")["x"], [1, 1])


def named(name: str) -> Model:
    return model(LayerGraph("net", (2,), (Linear(name=name, out_features=1, bias=False),)))


def test_names_of_any_text(tmp_path):
    for name in ("../../etc/x", "/a", "a/b/c", "ppsim", "ä€", "a\n", "a.npy", "C:\\x", "x" * 300):
        write(tmp_path / "net.npz", named(name), "{}")
        assert list(read_arrays(tmp_path / "net.npz")) == [f"{name}.weight"]
        assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a\0b", r"array 'a\x00b.weight': names in .npz files are text of up to 448 bytes"),
        ("ä" * 230, f"array '{'ä' * 76}...: names in .npz files are text of up to 448 bytes"),
        ("\ud800", r"tensor '\ud800.weight': the name is no text that can be written"),
    ],
)
def test_names_that_cannot_be_written(tmp_path, name, says):
    with pytest.raises(InputError) as caught:
        write(tmp_path / "net.npz", named(name), None)
    assert str(caught.value) == f"{tmp_path / 'net.npz'}: {says}"
    assert not list(tmp_path.iterdir())


def refusal(path: Path, text: str | None = None, net: Model | None = None) -> str:
    with pytest.raises(InputError) as caught:
        write(path, net or model(), text)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_what_would_not_be_read_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    assert refusal(path, "") == "a document is a text of 1 to 67108864 bytes, got 0"
    assert refusal(path, "\ud800") == "a document is a text of 1 to 67108864 bytes, got 0"
    monkeypatch.setattr(arrays, "MAX_BYTES", 5)
    assert refusal(path, "123456") == "a document is a text of 1 to 5 bytes, got 6"
    monkeypatch.setattr(npz, "MAX_ENTRIES", 3)
    assert refusal(path) == "4 arrays; an .npz file has up to 3"
    monkeypatch.setattr(npz, "MAX_ENTRIES", 4)
    monkeypatch.setattr(npz, "MAX_FILE", 40_000)
    assert "an .npz file has up to 40000 in all" in refusal(path)
    monkeypatch.setattr(npz, "MAX_ENTRY", 10_040)
    assert refusal(path) == "an array of 10048 bytes; an .npz file has arrays of up to 10040"
    large = Model(GRAPH, {name: {key: array + 1e39 for key, array in tensors.items()}
                          for name, tensors in model(dtype=np.float64).tensors.items()})  # fmt: skip
    assert refusal(path, None, large) == "tensor 'fc1.weight': holds numbers too large for float32"
    assert (
        refusal(tmp_path / "nowhere" / "net.npz") == "an array of 10048 bytes; an .npz file has arrays of up to 10040"
    )
    monkeypatch.undo()
    assert refusal(tmp_path / "nowhere" / "net.npz") == f"there is no folder {tmp_path / 'nowhere'}"
    assert not list(tmp_path.iterdir())
