"""Files of trained numbers that are nearly right: ONNX models by their fields, archives and headers by their parts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx.parser
from hypothesis import strategies as st
from mutated_bytes import PIECES, damaged
from mutated_trees import NAMES, NUMBERS, Seeds, changed, trees
from mutated_trees import STEPS as TREE_STEPS
from onnx import numpy_helper

import ppsim

RNG = np.random.default_rng(5)
NET = ppsim.load_workload("mlp_mnist", set={"input": [8], "layers.fc1.out_features": 6, "layers.fc2.out_features": 5})
MODEL = ppsim.Model(
    NET,
    {
        layer.name: {
            name: RNG.standard_normal(shape).astype(np.float32)
            for name, shape in layer.tensors(NET.input_shapes_of(layer.name)).items()
        }
        for layer in NET.layers
        if layer.tensors(NET.input_shapes_of(layer.name))
    },
)


def saved(suffix: str) -> bytes:
    """A small model as ppsim writes it."""
    with TemporaryDirectory() as folder:
        ppsim.save_model(MODEL, Path(folder) / f"net{suffix}")
        return (Path(folder) / f"net{suffix}").read_bytes()


# ONNX

_GRAPHS = {
    "g (float[N,8] x) => (float y) { a = Gemm<transB=1>(x, w1, b1)  b = Relu(a)  y = Gemm(b, w2) }": {
        "w1": (6, 8), "b1": (6,), "w2": (6, 3),
    },
    """g (float[N,3,8,8] x) => (float y) {
        c = Conv<kernel_shape=[3,3], pads=[1,1,1,1], strides=[1,1]>(x, k, b)
        n = BatchNormalization<epsilon=0.001>(c, s, b, m, v)
        r = Clip(n, lo, hi)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        d = Conv<group=4, kernel_shape=[1,1]>(p, g)
        e = Add(d, p)
        t = Concat<axis=1>(e, d)
        a = GlobalAveragePool(t)
        f = Flatten<axis=1>(a)
        y = Gemm(f, w) }""": {
        "k": (4, 3, 3, 3), "b": (4,), "s": (4,), "m": (4,), "v": (4,), "g": (4, 1, 1, 1), "w": (8, 2),
        "lo": np.float32(0), "hi": np.float32(6),
    },
    """g (float[N,4,8] x) => (float y) {
        q = MatMul(x, wq)  k = MatMul(x, wk)  v = MatMul(x, wv)
        t = Transpose<perm=[0,2,1]>(k)
        l = MatMul(q, t)  s = Softmax<axis=-1>(l)  o = MatMul(s, v)
        u = Add(o, x)
        n = LayerNormalization<axis=-1>(u, ga, be)
        z = Reshape(n, shape)
        h = Gather<axis=0>(w, at)  e = Slice(h, from, to, ax)  i = Transpose<perm=[1,0]>(e)
        y = Gemm<transB=1>(z, i) }""": {
        "wq": (8, 8), "wk": (8, 8), "wv": (8, 8), "ga": (8,), "be": (8,), "shape": [0, 32], "w": (32, 4),
        "at": list(range(32)), "from": [1], "to": [3], "ax": [1],
    },
}  # fmt: skip


def _onnx(text: str, arrays: dict[str, Any]) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>\n{text}')
    for name, shape in arrays.items():
        array = RNG.random(shape, np.float32) if isinstance(shape, tuple) else np.asarray(shape)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


PROTOS = (*(_onnx(text, arrays) for text, arrays in _GRAPHS.items()), onnx.ModelProto.FromString(saved(".onnx")))
ONNX_FILES = tuple(proto.SerializeToString() for proto in PROTOS)
_INTS = (*(n for n in NUMBERS if isinstance(n, int) and abs(n) < 2**63), -(2**63), 10, 12, 16, 17)
_OPS = ("Relu", "Gemm", "Conv", "Reshape", "Gather", "Slice", "Expand", "Tile", "Pad", "Resize", "ConstantOfShape",
        "Range", "Split", "Squeeze", "Where", "Einsum", "If", "Loop", "Constant", "Shape", "Cast", "TopK")  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("replace", "replace", "delete", "repeat", "often", "first", "swap", "external")),
        st.integers(0, 2**16),
        st.sampled_from(_INTS),
        st.sampled_from((*NAMES, *_OPS, *"xyabcw")) | st.text(max_size=4),
        st.floats(),
    ),
    min_size=1,
    max_size=4,
)


def _fields(message: Any) -> list[tuple[Any, Any]]:
    """Each field that is set, in each message inside a message."""
    found, inside = [], [message]
    while inside:
        one = inside.pop()
        for field, value in one.ListFields():
            found.append((one, field))
            if field.message_type is not None:
                inside.extend(value if _repeated(value) else [value])
    return found


def _repeated(value: Any) -> bool:
    return hasattr(value, "append") and hasattr(value, "__len__")


def _value(field: Any, integer: int, text: str, number: float) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values[integer % len(field.enum_type.values)].number
    kinds = {field.CPPTYPE_FLOAT: number, field.CPPTYPE_DOUBLE: number, field.CPPTYPE_INT64: integer,
             field.CPPTYPE_INT32: max(-(2**31), min(integer, 2**31 - 1)), field.CPPTYPE_UINT64: abs(integer),
             field.CPPTYPE_BOOL: integer % 2 == 0}  # fmt: skip
    if field.cpp_type == field.CPPTYPE_STRING:
        plain = text.encode("utf-8", "replace")
        return plain if field.type == field.TYPE_BYTES else plain.decode()
    return kinds[field.cpp_type]


def changed_proto(proto: onnx.ModelProto, steps: Any) -> bytes:
    """A model with some of its fields changed, serialised."""
    proto = deepcopy(proto)
    for how, at, integer, text, number in steps:
        found = _fields(proto)
        if not found:
            break
        message, field = found[at % len(found)]
        value = getattr(message, field.name)
        if how == "external" and proto.graph.initializer:
            tensor = proto.graph.initializer[at % len(proto.graph.initializer)]
            tensor.data_location = 1
            for key, said in (("location", text.encode("utf-8", "replace").decode()), ("offset", str(integer))):
                tensor.external_data.add(key=key, value=said)
        elif how == "delete":
            message.ClearField(field.name)
        elif not _repeated(value):
            if field.message_type is None:
                setattr(message, field.name, _value(field, integer, text, number))
        elif how == "often":
            copies = [deepcopy(value[at % len(value)]) for _ in range(300)]
            value.extend(copies)
        elif how == "repeat":
            value.extend([deepcopy(value[at % len(value)])])
        elif how == "first" or field.message_type is not None:
            kept = [deepcopy(one) for one in value[::-1]]
            del value[:]
            value.extend(kept)
        else:
            value[at % len(value)] = _value(field, integer, text, number)
    return proto.SerializeToString()


@st.composite
def onnx_files(draw: Any) -> bytes:
    """Models changed by their fields, or by their bytes."""
    if draw(st.booleans()):
        return draw(damaged(ONNX_FILES))
    return changed_proto(draw(st.sampled_from(PROTOS)), draw(STEPS))


# .npz

NPZ = saved(".npz")
INPUTS = {"inputs": RNG.random((4, 8), np.float32), "labels": np.array([0, 1, 2, 3])}
_DTYPES = (
    "<f4",
    "<f8",
    "<f2",
    ">f4",
    "|b1",
    "<i8",
    "<u2",
    "|O",
    "<c8",
    "<U4",
    "|S4",
    "<M8[D]",
    "<f16",
    "V8",
    "i",
    "f4,f4",
)
_SHAPES = ("(4, 8)", "(6, 8)", "(8,)", "()", "(2,3,)", "(-1,)", "(4294967296, 4294967296)", "(0, 9223372036854775808)",
           "(1,)*3", "((((" * 50, "(1e3,)", "(True,)", "(" + "1," * 40 + ")", "(" + "9" * 300 + ",)")  # fmt: skip


def npz_of(arrays: dict[str, np.ndarray], packed: bool = False) -> bytes:
    """An archive as NumPy writes it."""
    content = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(content, **arrays)
    return content.getvalue()


def npz_files(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Archives that are damaged, or made of entries that are odd."""
    return _npz_files(Seeds(seeds))


@st.composite
def _npz_files(draw: Any, seeds: Seeds) -> bytes:
    if draw(st.booleans()):
        return draw(damaged(seeds))
    content, names = io.BytesIO(), set()
    method = draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))
    with zipfile.ZipFile(content, "w", method) as archive:
        for _ in range(draw(st.integers(0, 4))):
            name = draw(st.sampled_from(("fc1.weight", "fc1.bias", "fc2.weight", "inputs", "labels", *NAMES)))
            name = name.encode("utf-8", "replace").decode()[:9000]
            with zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(seeds)))) as whole:
                entries = whole.namelist()
                entry = whole.read(entries[draw(st.integers(0, 9)) % len(entries)])
            kind = draw(st.sampled_from(("as it is", "damaged", "header", "zeros")))
            if kind == "damaged":
                entry = draw(damaged([entry]))
            elif kind == "header":
                entry = _npy(
                    draw(st.sampled_from(_DTYPES)), draw(st.sampled_from(_SHAPES)), draw(st.binary(max_size=16))
                )
            elif kind == "zeros":
                entry = _npy("<f4", "(524288,)", bytes(2**21))
            ends = ".npy" if draw(st.integers(0, 9)) else draw(st.sampled_from((".txt", "", "/", ".npy/", ".npy\0")))
            if name not in names and name + ends:
                archive.writestr(name + ends, entry)
            names.add(name)
    return content.getvalue()


def _npy(dtype: str, shape: str, data: bytes) -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + data


# .safetensors

SAFETENSORS = saved(".safetensors")
_LENGTH = int.from_bytes(SAFETENSORS[:8], "little")
_AFTER = st.sampled_from((*[b""] * 9, *PIECES[:3]))
_HEADER = json.loads(SAFETENSORS[8 : 8 + _LENGTH])


@st.composite
def safetensors_files(draw: Any) -> bytes:
    """Files that are damaged, or whose header is changed."""
    if draw(st.booleans()):
        return draw(damaged([SAFETENSORS]))
    header = deepcopy(_HEADER)
    if draw(st.booleans()):
        document = changed(json.loads(header["__metadata__"]["ppsim"]), draw(TREE_STEPS))
        header["__metadata__"]["ppsim"] = json.dumps(document)
    else:
        header = draw(trees([header]))
    text = json.dumps(header).encode()
    length = len(text) if draw(st.integers(0, 9)) else draw(st.sampled_from((0, 1, 2**20, 2**31, 2**63, 2**64 - 1)))
    return length.to_bytes(8, "little") + text + SAFETENSORS[8 + _LENGTH :] + draw(_AFTER)
