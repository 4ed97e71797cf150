"""ONNX files that are broken, or made to do harm: one line each that names the file, and no more memory than it takes.

What the fuzzing finds is put among the examples by hand.
"""

import os
import resource
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, ModelProto, TensorProto, helper, numpy_helper

from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading import model_from, read, wire

RNG = np.random.default_rng(5)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def parsed(text: str, opset: int = 17, **arrays: np.ndarray) -> ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {text}')
    for name, array in arrays.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def valid() -> ModelProto:
    """A network with all that a reader looks at: a convolution, folding, shapes, a head, attributes of all kinds."""
    text = """g (float[N,2,6,6] x) => (float y) {
        c = Conv<pads=[1,1,1,1]>(x, cw, cb)
        n = BatchNormalization<epsilon=0.001>(c, s, b, m, v)
        r = Relu(n)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2], auto_pad="VALID">(r)
        sh = Shape(p)  batch = Slice(sh, zero, one)  rest = Constant<value = int64[1] {-1}>()
        to = Concat<axis=0>(batch, rest)  f = Reshape(p, to)
        h = Gemm<transB=1, alpha=0.5>(f, w)
        two = Constant<value_float = 2.0>()  d = Div(h, two)
        y = Softmax<axis=-1>(d)
    }"""
    return parsed(
        text, cw=numbers(3, 2, 3, 3), cb=numbers(3), s=numbers(3), b=numbers(3), m=numbers(3), v=np.ones(3, np.float32),
        zero=np.int64([0]), one=np.int64([1]), w=numbers(4, 27),
    )  # fmt: skip


VALID = valid().SerializeToString()


def refused(path: Path, lenient: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        read(path, lenient)
    return one_line(str(caught.value), path)


def one_line(message: str, path: Path | str) -> str:
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1, message
    assert message.isprintable()
    assert len(message) <= 2000
    return message.removeprefix(f"{path}: ")


def file_of(folder: Path, content: bytes | ModelProto) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def test_the_file_that_is_broken_below_is_whole(tmp_path: Path):
    graph = read(file_of(tmp_path, VALID), lenient=False).graph
    assert [layer.name for layer in graph.layers] == [
        "conv_1", "relu_1", "maxpool_1", "reshape_1", "gemm_1", "softmax_1"
    ]  # fmt: skip


# Bytes


@st.composite
def damaged(draw) -> bytes:
    """The valid file with bytes changed, put in, taken out, doubled or cut off."""
    content = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content) - 1))
        how = draw(st.sampled_from(["flip", "set", "insert", "delete", "double", "cut"]))
        if how == "flip":
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "set":
            content[place] = draw(st.sampled_from([0, 1, 127, 128, 255]))
        elif how == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=4))
        elif how == "delete":
            del content[place : place + draw(st.integers(1, 16))]
        elif how == "double":
            content[place:place] = content[place : place + draw(st.integers(1, 64))]
        elif len(content) > 1:
            del content[place:]
        if not content:
            break
    return bytes(content)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged(), st.booleans())
def test_damaged_files(tmp_path, content, lenient):
    path = file_of(tmp_path, content)
    try:
        read(path, lenient)
    except InputError as error:
        one_line(str(error), path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b"")
@example(b"\x3a\x00")
@example(b"\x80" * 20)
def test_bytes_of_any_kind(tmp_path, content):
    refused(file_of(tmp_path, content))


NUMBERS = [0, 1, -1, 2, -2, 3, 7, 64, 2**31, 2**40, 2**63 - 1, -(2**63)]


@settings(max_examples=500)
@given(st.data())
def test_well_formed_files_that_make_no_sense(data):
    """Numbers, names, operators and sizes are changed where they stand; what comes out is still a protobuf message."""
    model = ModelProto()
    model.ParseFromString(VALID)
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(list(graph.node)))
        kinds = ["op", "input", "output", "attribute", "dims", "more", "less", "kind", "shape"]
        what = data.draw(st.sampled_from(kinds))
        if what == "op":
            node.op_type = data.draw(st.sampled_from(sorted(OPERATORS)))
        elif what == "input" and node.input:
            node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from([*names, "", "?"]))
        elif what == "output":
            node.output[0] = data.draw(st.sampled_from([*names, ""]))
        elif what == "attribute" and node.attribute:
            attribute = data.draw(st.sampled_from(list(node.attribute)))
            attribute.i = data.draw(st.sampled_from(NUMBERS))
            attribute.f = data.draw(st.sampled_from([0.0, -1.0, float("nan"), float("inf")]))
            attribute.ints[:] = data.draw(st.lists(st.sampled_from(NUMBERS), max_size=5))
            attribute.type = data.draw(st.sampled_from([attribute.type, 1, 2, 3, 4, 5, 6, 7]))
        elif what == "dims":
            tensor = data.draw(st.sampled_from(list(graph.initializer)))
            tensor.dims[:] = data.draw(st.lists(st.sampled_from([*NUMBERS, *tensor.dims]), max_size=5))
        elif what == "kind":
            data.draw(st.sampled_from(list(graph.initializer))).data_type = data.draw(st.integers(0, 25))
        elif what == "shape":
            dims = graph.input[0].type.tensor_type.shape.dim
            dims[data.draw(st.integers(0, 3))].dim_value = data.draw(st.sampled_from(NUMBERS))
        elif what == "more":
            node.input.append(data.draw(st.sampled_from(names)))
        elif what == "less":
            graph.node.remove(node)
            if not graph.node:
                break
    for lenient in (False, True):
        try:
            model_from(model, "net", "net.onnx", lenient)
        except InputError as error:
            one_line(str(error), "net.onnx")


OPERATORS = {
    "Add", "AveragePool", "Cast", "Clip", "Concat", "ConstantOfShape", "Conv", "Div", "Expand", "Flatten", "Gather",
    "GatherElements", "GatherND", "Gelu", "Gemm", "If", "LayerNormalization", "LeakyRelu", "Loop", "MatMul", "MaxPool",
    "Mul", "NonZero", "PRelu", "Pad", "Range", "ReduceMean", "Reshape", "ScatterND", "SequenceAt", "Shape", "Slice",
    "Softmax", "Split", "SplitToSequence", "Squeeze", "Sub", "Sum", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze",
    "Where", "",
}  # fmt: skip


def test_every_beginning_of_a_file(tmp_path: Path):
    for size in range(0, len(VALID), 7):
        refused(file_of(tmp_path, VALID[:size]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no ONNX model: it holds no graph"),
        (b"name: resnet18\nlayers: []\n", "is no ONNX model"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "is no ONNX model"),
        (b"PK\x03\x04" + bytes(64), "is no ONNX model"),
        (VALID[:-5], "is no ONNX model, or ends too early"),
        (b"\x3a\xff\xff\xff\xff\x0f", "is no ONNX model, or ends too early: a part of it is longer than what is left"),
        (b"\x3b" * 300, "is no ONNX model: its bytes are no protobuf message"),
    ],
)
def test_what_is_no_onnx_file(tmp_path, content, says):
    assert refused(file_of(tmp_path, content)).startswith(says)


def test_paths_that_are_no_files(tmp_path: Path):
    assert refused(tmp_path) == "is a folder; give the name of an ONNX file"
    assert refused(tmp_path / "none.onnx") == "cannot be read: No such file or directory"
    os.mkfifo(tmp_path / "pipe.onnx")
    assert refused(tmp_path / "pipe.onnx") == "is no ordinary file; give the name of an ONNX file"
    with pytest.raises(InputError, match="cannot be read"):
        read(Path("a\0b.onnx"), lenient=False)


def test_a_file_that_is_larger_than_a_message_can_be(tmp_path: Path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(2**31 + 1)
    assert refused(path).startswith("2147483649 bytes; ONNX files go up to 2147483648")


def varint(number: int) -> bytes:
    content = b""
    while number > 127:
        content += bytes([number & 127 | 128])
        number >>= 7
    return content + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


@pytest.mark.parametrize(
    "graph",
    [
        field(1, b"") * (wire.MAX_NODES + 1),
        field(1, field(5, b"") * 2**18),
        field(1, field(1, b"") * 2**18),
        field(13, field(2, field(1, field(2, field(1, b"") * 2**18)))),
        field(5, field(7, bytes(2**21 + 8))),
    ],
    ids=["nodes", "attributes", "names", "dimensions", "packed"],
)
def test_small_files_that_would_be_large_in_memory(graph, monkeypatch):
    monkeypatch.setattr(wire, "MAX_FIELDS", 2**18)
    content = field(7, graph)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="larger models are not read"):
        wire.check(content, ModelProto.DESCRIPTOR)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_messages_within_messages(tmp_path: Path):
    content = b""
    for _ in range(5000):
        content = field(1, field(5, field(6, content)))
    assert "messages in one another; larger models" in refused(file_of(tmp_path, field(7, content)))


# Tensors


def with_tensor(tensor: TensorProto) -> ModelProto:
    model = parsed("g (float[N,2] x) => (float y) { y = Gemm(x, w) }")
    tensor.name = "w"
    model.graph.initializer.append(tensor)
    return model


def tensor(dims: tuple[int, ...], kind: int = TensorProto.FLOAT, raw: bytes | None = None, **fields) -> TensorProto:
    found = TensorProto(dims=dims, data_type=kind, **fields)
    if raw is not None:
        found.raw_data = raw
    return found


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (tensor((2, 3), raw=bytes(20)), "tensor 'w': has 20 bytes, and its shape (2, 3) of float32 needs 24"),
        (tensor((2**40, 2**40), raw=bytes(24)), "tensor 'w': has 24 bytes, and its shape (10995"),
        (tensor((2, 3), float_data=[1.0] * 5), "tensor 'w': has 5 numbers, and its shape (2, 3) needs 6"),
        (tensor((2**62,), float_data=[]), "tensor 'w': has 0 numbers, and its shape (4611686018427387904,) needs"),
        (tensor((-2, -3), raw=bytes(24)), "tensor 'w': has the shape (-2, -3); up to 32 sizes"),
        (tensor((1,) * 40, raw=bytes(4)), "tensor 'w': has the shape (1, 1, 1, "),
        (tensor((2, 0), raw=b""), "node 'gemm_1' (Gemm): weights of (2, 0) do not fit"),
        (tensor((2, 3), 8, string_data=[b"a"] * 6), "tensor 'w': holds numbers of type 8 of ONNX's; accepted: float32"),
        (tensor((2, 3), 99, raw=bytes(24)), "tensor 'w': holds numbers of type 99 of ONNX's"),
        (tensor((2, 3), TensorProto.INT8, raw=bytes(6)), "tensor 'w' holds int8; floating point numbers are accepted"),
        (tensor((2, 3), TensorProto.INT8, int32_data=[1000] * 6), "tensor 'w'"),
        (tensor((2, 3), raw=np.full(6, np.nan, np.float32).tobytes()), "tensor 'w' holds NaN or infinite numbers"),
        (tensor((2, 3), 11, raw=np.full(6, 1e300).tobytes()), "tensor 'w' holds NaN or infinite numbers"),
        (tensor((2, 3), 10, raw=np.full(6, np.inf, np.float16).tobytes()), "tensor 'w' holds NaN or infinite numbers"),
        (tensor((2, 3), raw=bytes(24), segment=TensorProto.Segment(begin=0, end=1)), "tensor 'w': is a segment"),
        (tensor((6,), raw=bytes(24)), "node 'gemm_1' (Gemm): multiplies matrices, got (1, 2) and (6,)"),
        (tensor((3, 2), raw=bytes(24)), "node 'gemm_1' (Gemm): weights of (3, 2) do not fit 2 input features"),
    ],
)
def test_tensors(tmp_path, made, says):
    assert says in refused(file_of(tmp_path, with_tensor(made)))


def external(location: str, dims: tuple[int, ...] = (2, 3), **entries: str) -> ModelProto:
    made = tensor(dims)
    made.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        made.external_data.add(key=key, value=value)
    return with_tensor(made)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (external("/etc/passwd"), "its numbers are in '/etc/passwd'; a file below the model's folder is accepted"),
        (external("../secret.bin"), "its numbers are in '../secret.bin'; a file below the model's folder is accepted"),
        (external("a/../../secret.bin"), "a file below the model's folder is accepted"),
        (external("..\\secret.bin"), "a file below the model's folder is accepted"),
        (external("link.bin"), "its numbers are in 'link.bin', which leads out of the model's folder"),
        (external("linked/secret.bin"), "'linked/secret.bin', which leads out of the model's folder"),
        (external("loop.bin"), "its numbers are in 'loop.bin', "),
        (external(""), "its numbers are in ''; a file below the model's folder is accepted"),
        (external("."), "its numbers are in '.', and there is no such file"),
        (external("none.bin"), "its numbers are in 'none.bin', and there is no such file"),
        (external("n" * 5000), "its numbers are in 'nnn"),
        (external("w.bin", (2, 6)), "bytes 0 to 48 of 'w.bin', which has 24"),
        (external("w.bin", offset="4"), "bytes 4 to 28 of 'w.bin', which has 24"),
        (external("w.bin", offset="-4"), "external data: offset '-4' is no number of bytes"),
        (external("w.bin", offset="1e3"), "external data: offset '1e3' is no number of bytes"),
        (external("w.bin", offset="9" * 5000), "external data: offset '999"),
        (external("w.bin", length="12"), "12 bytes of 'w.bin', and its shape needs 24"),
        (external("w.bin", (2**40, 2**20)), "of 'w.bin', which has 24"),
        (external("sparse.bin", (2**40, 2**20)), "of 'sparse.bin', which has "),
    ],
)
def test_data_in_other_files(tmp_path, model, says):
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.bin").symlink_to(folder / "loop.bin")
    with (folder / "sparse.bin").open("wb") as file:
        file.truncate(2**30)
    assert says in refused(file_of(folder, model))


def test_tensors_that_share_the_bytes_of_a_file(tmp_path: Path):
    """The same region twice is one tensor; regions that overlap add up to more than the file."""
    (tmp_path / "w.bin").write_bytes(np.arange(6, dtype=np.float32).tobytes())

    def model(second: str) -> ModelProto:
        made = parsed("g (float[N,1] x) => (float y) { a = Gemm(x, u)  b = Gemm(x, v)  y = Add(a, b) }")
        for name, offset in (("u", "0"), ("v", second)):
            one = tensor((1, 4), name=name)
            one.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "w.bin"), ("offset", offset), ("length", "16")):
                one.external_data.add(key=key, value=value)
            made.graph.initializer.append(one)
        return made

    file = read(file_of(tmp_path, model("0")), lenient=False)
    np.testing.assert_array_equal(file.tensors["gemm_1.weight"], file.tensors["gemm_2.weight"])
    assert "parts of 'w.bin' overlap: tensors need more bytes than it has" in refused(file_of(tmp_path, model("8")))


def test_data_beside_a_model_that_is_in_no_folder():
    with pytest.raises(InputError, match="and the model is in no folder"):
        model_from(external("w.bin"), "net", "net", lenient=False)


def test_a_model_that_is_reached_through_a_link(tmp_path: Path):
    """Its folder is the one that its name stands in."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "w.bin").write_bytes(bytes(24))
    model = file_of(tmp_path / "there", external("w.bin"))
    assert read(model, lenient=False).graph is not None
    (tmp_path / "here.onnx").symlink_to(model)
    assert "there is no such file" in refused(tmp_path / "here.onnx")


# Constants that are computed


BOMB = np.int64([2**20, 2**20])


@pytest.mark.parametrize(
    "body",
    [
        "c = ConstantOfShape(big)",
        "c = Expand(one, big)",
        "c = Tile(row, big)",
        "c = Range(zero, many, step)",
        "c = Range(nought, many, nought)",
        "i = ConstantOfShape(some)  j = Cast<to=7>(i)  c = Gather<axis=0>(table, j)",
        "a = ConstantOfShape(some)  b = ConstantOfShape(turned)  c = Add(a, b)",
        "a = ConstantOfShape(some)  b = ConstantOfShape(turned)  c = MatMul(a, b)",
        "a = ConstantOfShape(million)  b = Concat<axis=0>(a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a)  "
        "c = Concat<axis=0>(b, b, b, b, b, b, b, b, b, b)",
    ],
)
def test_constants_that_would_fill_the_memory(body):
    arrays = {
        "big": BOMB, "one": np.float32([[1]]), "row": np.float32([[1]]), "zero": np.int64(0), "many": np.int64(2**50),
        "step": np.int64(1), "nought": np.int64(0), "some": np.int64([2**20, 1]), "turned": np.int64([1, 2**20]),
        "table": numbers(2, 128), "million": np.int64([2**20]),
    }  # fmt: skip
    if "nought" in body:
        arrays["many"] = np.int64(1)
    model = parsed(f"g (float[N,2] x) => (float y) {{ {body}  s = Shape(c)  y = Add(x, c) }}", **arrays)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as caught:
        model_from(model, "net", "net", lenient=False)
    assert "constant" in one_line(str(caught.value), "net") or "(Range)" in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB


def test_many_constants_that_would_fill_the_memory_together():
    body = "  ".join(f"c{number} = ConstantOfShape(size)" for number in range(100))
    total = " ".join(f"s{n} = Add({f's{n - 1}' if n else 'x'}, c{n})" for n in range(100))
    model = parsed(f"g (float[N,2] x) => (float s99) {{ {body} {total} }}", size=np.int64([2**22]))
    with pytest.raises(InputError, match="take too much memory together"):
        model_from(model, "net", "net", lenient=False)


def test_many_layers_of_one_array():
    body = "  ".join(f"v{number + 1} = Gemm(v{number}, w)" for number in range(200))
    model = parsed(f"g (float[N,1024] v0) => (float v200) {{ {body} }}", w=np.ones((1024, 1024), np.float32))
    with pytest.raises(
        InputError, match=r"\(Gemm\): the constants computed, and the layers of one array, take too much"
    ):
        model_from(model, "net", "net", lenient=False)


@pytest.mark.parametrize(
    "body",
    [
        "y = LeakyRelu(x)",
        "y = Add(x, k)",
        "y = LayerNormalization(x, k)",
        "a = Slice(x, k0, k9, k1)  y = Relu(a)",
        "s = SplitToSequence<axis=1>(x, k1)  a = SequenceAt(s, k1)  y = Relu(a)",
    ],
)
def test_inputs_of_more_units_than_there_is_memory(body):
    arrays = {"k": np.float32([2]), "k0": np.int64([1]), "k9": np.int64([2**62]), "k1": np.int64(1)}
    if "Slice" in body:
        arrays["k1"] = np.int64([1])
    model = parsed(f"g (float[N,{2**40}] x) => (float y) {{ {body} }}", **arrays)
    with pytest.raises(InputError) as caught:
        model_from(model, "net", "net", lenient=False)
    one_line(str(caught.value), "net")


def test_parts_of_more_units_than_there_is_memory():
    text = f"g (float[N,4,{2**34}] x) => (float y) {{ r = Reshape(x, s)  a = Gather<axis=2>(r, i)  y = Relu(a) }}"
    model = parsed(text, s=np.int64([0, 0, 4, -1]), i=np.int64(1))
    with pytest.raises(InputError, match=r"\(Gather\): makes a constant of"):
        model_from(model, "net", "net", lenient=False)


def test_tables_of_more_positions_than_there_is_memory():
    text = f"g (int64[N,{2**18}] ids) => (float y) {{ w = Gather(words, ids)  y = Add(w, k) }}"
    model = parsed(text, words=np.ones((2, 2**12), np.float32), k=np.arange(2**18, dtype=np.float32)[:, None])
    with pytest.raises(InputError, match=r"\(Add\): makes a constant of"):
        model_from(model, "net", "net", lenient=False)


def test_what_cannot_be_computed():
    text = "g (float[N,2] x) => (float y) { c = Reshape(w, s)  y = Gemm(x, c) }"
    model = parsed(text, w=numbers(2, 3), s=np.int64([7]))
    with pytest.raises(InputError, match=r"^net: node 'reshape_1' \(Reshape\): cannot be computed: "):
        model_from(model, "net", "net", lenient=False)


# Graphs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ a = Relu(b)  b = Relu(a)  y = Add(x, a) }", "'relu_1' (Relu): reads 'b', which no node before it makes"),
        ("{ y = Relu(y) }", "node 'relu_1' (Relu): reads 'y', which no node before it makes"),
        ("{ y = Gemm(x, none) }", "node 'gemm_1' (Gemm): reads 'none', which no node before it makes"),
        ("{ y = Relu(x)  y = Tanh(x) }", "node 'tanh_1' (Tanh): makes 'y', which is made twice"),
        ("{ x = Relu(x)  y = Relu(x) }", "node 'relu_1' (Relu): makes 'x', which is made twice"),
        ("{ z = Relu(x) }", "output 'y' is made by no node"),
        ("{ z = Relu()  y = Add(x, z) }", "node 'relu_1' (Relu): input 0 is missing"),
        ("{ y = Conv(x) }", "node 'conv_1' (Conv): "),
        ("{ y = Gemm(x, x) }", "node 'gemm_1' (Gemm): input 1 has to be constant"),
        ("{ y, z = Dropout(x)  q = Relu(z) }", "layers: a network needs at least one layer"),
        ("{ a, z = Dropout(x)  y = Relu(z) }", "'z' is an output of a node that does not make it here"),
        ("{ y = Softmax<axis=9>(x) }", "node 'softmax_1' (Softmax): axis 9 of a tensor of 2 axes"),
        ("{ y = Softmax<axis=1.5>(x) }", "node 'softmax_1' (Softmax): attribute axis has to be an integer"),
        ("{ y = Transpose<perm=[0,0]>(x) }", "node 'transpose_1' (Transpose): perm (0, 0) is no order of the axes"),
        ("{ y = LayerNormalization<epsilon=-1.0>(x) }", "epsilon -1.0; a positive number is accepted"),
        ("{ z = Concat<axis=1>()  y = Add(x, z) }", "node 'concat_1' (Concat): cannot be computed"),
        ("{ y = If(x) }", "node 'if_1' (If): operator not supported"),
    ],
)
def test_graphs_that_make_no_sense(text, says):
    model = parsed(f"g (float[N,2] x) => (float y) {text}")
    with pytest.raises(InputError) as caught:
        model_from(model, "net", "net.onnx", lenient=False)
    assert says in one_line(str(caught.value), "net.onnx")


def test_names_that_would_break_a_line():
    model = parsed("g (float[N,2] x) => (float y) { y = Softplus(x) }")
    model.graph.node[0].name = "a\nb\r\u2028" + "c" * 10000
    model.graph.node[0].op_type = "Odd\n" + "d" * 10000
    model.graph.node[0].domain = "e\x1b[31m"
    with pytest.raises(InputError) as caught:
        model_from(model, "net", "net.onnx", lenient=False)
    one_line(str(caught.value), "net.onnx")


def test_text_that_is_none(tmp_path: Path):
    for place in (3, 4, 7, 1, 2):  # name, operator, domain, input, output of a node
        content = field(7, field(1, field(place, b"\xff\xfe")) + field(11, field(1, b"x")))
        assert "UTF-8" in refused(file_of(tmp_path, content + field(8, varint(16) + varint(17))))


def test_a_deep_graph():
    model = parsed("g (float[N,2] x) => (float y) { y = Relu(x) }")
    del model.graph.node[:]
    names = ["x", *(f"v{number}" for number in range(5000)), "y"]
    for source, made in pairwise(names):
        model.graph.node.append(helper.make_node("Add", [source, "one"], [made]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32([1, 2]), "one"))
    file = model_from(model, "net", "net.onnx", lenient=False)
    (layer,) = file.graph.layers
    np.testing.assert_array_equal(file.tensors[f"{layer.name}.shift"], [5001, 10002])


def test_more_nodes_than_are_read():
    model = parsed("g (float[N,2] x) => (float y) { y = Relu(x) }")
    model.graph.node.extend([model.graph.node[0]] * wire.MAX_NODES)
    with pytest.raises(InputError, match="has 100001 nodes; up to 100000 are read"):
        model_from(model, "net", "net.onnx", lenient=False)


def test_attributes_of_a_wrong_kind():
    model = parsed("g (float[N,2] x) => (float y) { y = Flatten(x) }")
    model.graph.node[0].attribute.append(AttributeProto(name="axis", type=AttributeProto.STRING, s=b"\xff"))
    with pytest.raises(InputError, match="attribute axis has to be an integer"):
        model_from(model, "net", "net.onnx", lenient=False)


def test_sparse_tensors_and_tensors_of_one_name():
    model = parsed("g (float[N,2] x) => (float y) { y = Relu(x) }", w=numbers(2))
    model.graph.initializer.append(model.graph.initializer[0])
    with pytest.raises(InputError, match="net: the name 'w' is taken by two tensors"):
        model_from(model, "net", "net", lenient=False)
    del model.graph.initializer[:]
    model.graph.sparse_initializer.add()
    with pytest.raises(InputError, match="net: has sparse initialisers; dense ones are accepted"):
        model_from(model, "net", "net", lenient=False)


@pytest.mark.parametrize("size", [0, -1, 2**62])
def test_sizes_of_inputs(size):
    model = parsed("g (float[N,2] x) => (float y) { y = Relu(x) }")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size
    with pytest.raises(InputError, match=f"net: input 'x': its dimension 1 is {size}; sizes are positive"):
        model_from(model, "net", "net", lenient=False)


def test_numbers_that_overflow_when_they_are_folded():
    arrays = {"w": np.full((2, 2), 1e38, np.float32), "k": np.float32([1e30, 1])}
    model = parsed("g (float[N,2] x) => (float y) { h = Gemm(x, w)  y = Mul(h, k) }", **arrays)
    with pytest.raises(InputError, match=r"^net: net: tensor 'gemm_1\.weight': holds NaN or infinite numbers"):
        model_from(model, "net", "net", lenient=False)
