"""Networks read from ONNX: the layers that come out, and that they compute what ONNX Runtime computes."""

import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from evaluate import evaluate, held
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ppsim.errors import InputError
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.formats.contract import ModelFile
from ppsim.workload.formats.onnx_reading import model_from, read
from ppsim.workload.formats.onnx_reading.layout import (
    Layout,
    arranged,
    batch_axis,
    per_unit,
    permuted,
    reshaped,
    sizes,
    whole,
)
from ppsim.workload.layers import (
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

RNG = np.random.default_rng(3)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def proto(text: str, opset: int = 17, **arrays: np.ndarray) -> onnx.ModelProto:
    """A model of a graph in ONNX's own notation; __ in the name of an array stands for a dot."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {text}')
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = name.replace("__", ".")
    for name, array in arrays.items():
        model.graph.initializer.append(numpy_helper.from_array(array, name.replace("__", ".")))
    return model


def network(body: str, shape: str, opset: int = 17, **arrays: np.ndarray) -> onnx.ModelProto:
    """A model of an input `x` of a shape, and of an output `y`."""
    return proto(f"g (float[{shape}] x) => (float y) {{ {body} }}", opset, **arrays)


def run(model: onnx.ModelProto, *inputs: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    fed = {info.name: array for info, array in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, fed)[0]


def load(model: onnx.ModelProto, lenient: bool = False) -> ModelFile:
    file = model_from(model, "net", "net.onnx", lenient)
    assert all(array.dtype == np.float32 for array in file.tensors.values())
    return file


def same(model: onnx.ModelProto, x: np.ndarray, *others: np.ndarray, tolerance: float = 2e-5) -> ModelFile:
    """The model as read, which computes what the original does for an input of batch 1."""
    file = load(model)
    want = run(model, x, *others)
    got = evaluate(file.graph, file.tensors, held(file.graph.input_shape, x))
    np.testing.assert_allclose(got, held(got.shape, want), rtol=tolerance, atol=tolerance)
    return file


def layers(file: ModelFile) -> list[tuple[str, type]]:
    return [(layer.name, type(layer)) for layer in file.graph.layers]


def types(file: ModelFile) -> list[type]:
    return [type(layer) for layer in file.graph.layers]


def refusal(model: onnx.ModelProto, lenient: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        load(model, lenient)
    message = str(caught.value)
    assert message.startswith("net.onnx: ")
    assert len(message.splitlines()) == 1
    return message


# Products


@pytest.mark.parametrize("bias", [True, False])
def test_gemm_is_the_same_layer_whichever_way_its_weights_lie(bias):
    weight, shift = numbers(5, 7), numbers(5)
    reads = "x, fc1__weight, fc1__bias" if bias else "x, fc1__weight"
    arrays = {"fc1__bias": shift} if bias else {}
    one = network(f"y = Gemm<transB=1>({reads})", "N,7", fc1__weight=weight, **arrays)
    other = network(f"y = Gemm<transB=0>({reads})", "N,7", fc1__weight=np.ascontiguousarray(weight.T), **arrays)
    first, second = same(one, numbers(1, 7)), same(other, numbers(1, 7))
    assert first.graph == second.graph
    assert first.graph.layers == (Linear(name="fc1", out_features=5, bias=bias),)
    assert first.tensors.keys() == second.tensors.keys() == {"fc1.weight", *(["fc1.bias"] if bias else [])}
    for name, array in first.tensors.items():
        np.testing.assert_array_equal(array, second.tensors[name])
    np.testing.assert_array_equal(first.tensors["fc1.weight"], weight)


@pytest.mark.parametrize("shift", [numbers(5), numbers(1, 5), numbers(1), numbers(1, 1), np.float32(0.5)])
def test_alpha_and_beta_go_into_weights_and_bias(shift):
    model = network("y = Gemm<alpha=0.5, beta=2.0>(x, w, b)", "N,7", w=numbers(7, 5), b=np.asarray(shift))
    file = same(model, numbers(1, 7))
    assert file.graph.layers == (Linear(name="gemm_1", out_features=5),)


def test_a_product_at_each_position():
    model = network("h = MatMul(x, w)  y = Add(h, fc__bias)", "N,4,6", w=numbers(6, 5), fc__bias=numbers(5))
    file = same(model, numbers(1, 4, 6))
    assert file.graph.layers == (Linear(name="fc", out_features=5),)
    assert file.graph.input_shape == (6, 4)
    assert file.graph.macs == 4 * 6 * 5


def test_a_constant_on_the_left_multiplies_columns():
    body = "t = Transpose<perm=[0,2,1]>(x)  h = MatMul(w, t)  y = Transpose<perm=[0,2,1]>(h)"
    file = same(network(body, "1,4,6", w=numbers(5, 6)), numbers(1, 4, 6))
    assert file.graph.layers == (Linear(name="matmul_1", out_features=5, bias=False),)


def test_weights_that_are_transposed_keep_their_name():
    body = "t = Transpose(fc__weight)  y = MatMul(x, t)"
    file = same(network(body, "N,4,6", fc__weight=numbers(5, 6)), numbers(1, 4, 6))
    assert layers(file) == [("fc", Linear)]


@pytest.mark.parametrize(
    ("attributes", "layer"),
    [
        ("", Conv(name="c", out_channels=6, kernel=(3, 3))),
        ("strides=[2,1], pads=[1,2,1,2]", Conv(name="c", out_channels=6, kernel=(3, 3), stride=(2, 1), padding=(1, 2))),
        ('auto_pad="SAME_UPPER"', Conv(name="c", out_channels=6, kernel=(3, 3), padding=(1, 1))),
        ('auto_pad="SAME_LOWER"', Conv(name="c", out_channels=6, kernel=(3, 3), padding=(1, 1))),
        (
            'auto_pad="SAME_UPPER", strides=[2,2]',
            Conv(name="c", out_channels=6, kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
        ),
        ('auto_pad="VALID"', Conv(name="c", out_channels=6, kernel=(3, 3))),
        # 9 columns at stride 3 leave the last of the padding in no window
        ("strides=[3,3], pads=[0,0,1,2]", Conv(name="c", out_channels=6, kernel=(3, 3), stride=(3, 3))),
        ("group=2", Conv(name="c", out_channels=6, kernel=(3, 3), groups=2)),
    ],
)
def test_convolutions(attributes, layer):
    body = f"y = Conv<{attributes}>(x, c__weight, c__bias)".replace("<>", "")
    channels = 4 // layer.groups
    model = network(body, "N,4,9,9", c__weight=numbers(6, channels, 3, 3), c__bias=numbers(6))
    file = same(model, numbers(1, 4, 9, 9))
    assert file.graph.layers == (layer,)
    assert file.graph.input_shape == (4, 9, 9)


@pytest.mark.parametrize("fill", ["dilations=[2,2]", "pads=[0,0,1,1]", 'auto_pad="SAME_UPPER", strides=[2,2]'])
def test_convolutions_that_pad_unevenly_or_dilate(fill):
    message = refusal(network(f"y = Conv<{fill}>(x, w)", "N,4,8,8", w=numbers(6, 4, 3, 3)))
    assert "net.onnx: node 'conv_1' (Conv): " in message
    assert "dilations" in message or "the same padding on both sides is accepted" in message


def test_a_convolution_along_a_line_is_one_over_an_image_of_height_1():
    body = """h = Conv<strides=[2], pads=[1,1]>(x, c__weight)  p = MaxPool<kernel_shape=[2], strides=[2]>(h)
              y = GlobalAveragePool(p)"""
    file = same(network(body, "N,4,9", c__weight=numbers(6, 4, 3)), numbers(1, 4, 9))
    assert file.graph.input_shape == (4, 1, 9)
    conv, pool, whole = file.graph.layers
    assert conv == Conv(name="c", out_channels=6, kernel=(1, 3), stride=(1, 2), padding=(0, 1), bias=False)
    assert pool.kernel == (1, 2)
    assert whole.kernel == (1, 2)


def test_a_product_at_each_pixel_is_a_convolution():
    body = """t = Transpose<perm=[0,2,3,1]>(x)  n = LayerNormalization(t, s, b)  h = MatMul(n, fc__weight)
              y = Transpose<perm=[0,3,1,2]>(h)"""
    model = network(body, "N,4,3,5", s=numbers(4), b=numbers(4), fc__weight=numbers(4, 6))
    # two nodes turn the input: it is (channels, height, width) all the same, as nothing else says it is not
    model.graph.node[0].attribute[0].ints[:] = [0, 2, 3, 1]
    file = same(model, numbers(1, 4, 3, 5))
    assert types(file) == [LayerNorm, Conv]
    assert file.graph.layers[1] == Conv(name="fc", out_channels=6, kernel=(1, 1), bias=False)


# Windows


@pytest.mark.parametrize(
    ("body", "pool"),
    [
        ("y = MaxPool<kernel_shape=[2,3]>(x)", Pool(name="maxpool_1", kernel=(2, 3), stride=(1, 1))),
        (
            "y = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)",
            Pool(name="maxpool_1", kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
        ),
        (
            "y = MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)",
            Pool(name="maxpool_1", kernel=(3, 3), stride=(2, 2), ceil=True),
        ),
        (
            "y = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[0,0,1,1]>(x)",
            Pool(name="maxpool_1", kernel=(3, 3), stride=(2, 2), ceil=True),
        ),
        (
            'y = MaxPool<kernel_shape=[2,2], strides=[2,2], auto_pad="SAME_UPPER">(x)',
            Pool(name="maxpool_1", kernel=(2, 2), stride=(2, 2)),
        ),
        (
            "y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)",
            Pool(name="averagepool_1", mode="average", kernel=(2, 2), stride=(2, 2)),
        ),
        (
            "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)",
            Pool(name="averagepool_1", mode="average", kernel=(3, 3), stride=(1, 1), padding=(1, 1)),
        ),
        ("y = GlobalAveragePool(x)", Pool(name="globalaveragepool_1", mode="average", kernel=(8, 6))),
        ("y = GlobalMaxPool(x)", Pool(name="globalmaxpool_1", kernel=(8, 6))),
        ("y = ReduceMean<axes=[2,3]>(x)", Pool(name="reducemean_1", mode="average", kernel=(8, 6))),
        ("y = ReduceMean<axes=[-1]>(x)", Pool(name="reducemean_1", mode="average", kernel=(1, 6))),
        ("y = ReduceMax<axes=[2,3]>(x)", Pool(name="reducemax_1", kernel=(8, 6))),
    ],
)
def test_pools(body, pool):
    file = same(network(body, "N,3,8,6"), numbers(1, 3, 8, 6))
    assert file.graph.layers == (pool,)


def test_a_mean_that_leaves_its_axes_out_makes_a_vector():
    body = "h = ReduceMean<axes=[2,3], keepdims=0>(x)  y = Gemm(h, fc__weight)"
    file = same(network(body, "N,3,8,6", fc__weight=numbers(3, 2)), numbers(1, 3, 8, 6))
    assert types(file) == [Pool, Flatten, Linear]


def test_a_pool_that_counts_its_padding():
    model = network("y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)", "N,3,8,8")
    assert "count_include_pad=1 with padding" in refusal(model)


# Scales and shifts


STATISTICS = {"bn__weight": numbers(6), "b": numbers(6), "m": numbers(6), "v": np.abs(numbers(6)) + 0.1}


@pytest.mark.parametrize("bias", [True, False])
def test_batch_normalisation_goes_into_the_convolution_before_it(bias):
    body = f"h = Conv(x, c__weight{', c__bias' if bias else ''})  y = BatchNormalization(h, bn__weight, b, m, v)"
    arrays = {"c__weight": numbers(6, 3, 3, 3)} | ({"c__bias": numbers(6)} if bias else {})
    file = same(network(body, "N,3,8,8", **arrays, **STATISTICS), numbers(1, 3, 8, 8))
    assert file.graph.layers == (Conv(name="c", out_channels=6, kernel=(3, 3)),)


def test_batch_normalisation_goes_into_a_linear_layer():
    body = "h = Gemm(x, c__weight)  y = BatchNormalization<epsilon=0.01>(h, bn__weight, b, m, v)"
    assert layers(same(network(body, "N,4", c__weight=numbers(4, 6), **STATISTICS), numbers(1, 4))) == [("c", Linear)]


def test_batch_normalisation_stays_where_the_convolution_is_read_twice():
    body = "h = Conv(x, c__weight)  n = BatchNormalization(h, bn__weight, b, m, v)  y = Add(h, n)"
    file = same(network(body, "N,3,8,8", c__weight=numbers(6, 3, 3, 3), **STATISTICS), numbers(1, 3, 8, 8))
    assert layers(file) == [("c", Conv), ("bn", BatchNorm), ("add_1", Add)]
    assert file.graph.sources["add_1"] == ("c", "bn")


def test_batch_normalisation_stays_where_the_convolution_is_an_output():
    text = """g (float[N,3,8,8] x) => (float y, float h)
              { h = Conv(x, c__weight)  y = BatchNormalization(h, bn__weight, b, m, v) }"""
    file = load(proto(text, c__weight=numbers(6, 3, 3, 3), **STATISTICS))
    assert types(file) == [Conv, BatchNorm]


def test_the_normalisation_of_the_input_is_a_layer():
    body = "s = Sub(x, mean)  d = Div(s, deviation)  y = Conv(d, c__weight)"
    arrays = {"mean": numbers(1, 3, 1, 1), "deviation": np.abs(numbers(3, 1, 1)) + 0.5}
    file = same(network(body, "N,3,8,8", c__weight=numbers(2, 3, 3, 3), **arrays), numbers(1, 3, 8, 8))
    assert layers(file) == [("sub_1", BatchNorm), ("c", Conv)]


@pytest.mark.parametrize(
    "body", ["y = Mul(h, k)", "y = Add(k, h)", "y = Sub(h, k)", "y = Sub(k, h)", "y = Div(h, k)", "y = Sum(h, k, k)"]
)
@pytest.mark.parametrize("constant", [numbers(5), np.float32(1.5), numbers(1, 1, 5)])
def test_constants_go_into_the_layer_before_them(body, constant):
    model = network(f"h = MatMul(x, w)  {body}", "N,4,6", w=numbers(6, 5), k=np.asarray(constant))
    assert types(same(model, numbers(1, 4, 6))) == [Linear]


def test_what_changes_nothing_is_nothing():
    body = "a = Mul(x, one)  b = Add(a, zero)  c = Identity(b)  d = Dropout(c)  e = Cast<to=1>(d)  y = Relu(e)"
    file = same(network(body, "N,4", one=np.float32([1]), zero=np.zeros(4, np.float32)), numbers(1, 4))
    assert types(file) == [Elementwise]


def test_constants_that_differ_between_positions_are_no_shift():
    message = refusal(network("y = Add(x, k)", "N,4,6", k=numbers(4, 6)))
    assert "node 'add_1' (Add): a constant of (4, 6) that is not one number for each unit of (1, 4, 6)" in message


# Functions


@pytest.mark.parametrize(
    ("body", "op"),
    [
        ("y = Relu(x)", "relu"),
        ("y = Sigmoid(x)", "sigmoid"),
        ("y = Tanh(x)", "tanh"),
        ("y = Clip(x, zero, six)", "relu6"),
        ("y = Clip(x, zero)", "relu"),
        ("d = Div(x, root)  e = Erf(d)  s = Add(e, one)  m = Mul(x, s)  y = Mul(m, half)", "gelu"),
        ("h = Mul(x, half)  d = Div(x, root)  e = Erf(d)  s = Add(one, e)  y = Mul(h, s)", "gelu"),
        ("d = Mul(rest, x)  e = Erf(d)  s = Add(e, one)  h = Mul(half, s)  y = Mul(h, x)", "gelu"),
    ],
)
def test_functions(body, op):
    constants = {
        "zero": np.float32(0), "six": np.float32(6), "one": np.float32(1), "half": np.float32(0.5),
        "root": np.float32(math.sqrt(2)), "rest": np.float32(math.sqrt(0.5)),
    }  # fmt: skip
    file = same(network(body, "N,9", **constants), 4 * numbers(1, 9))
    (layer,) = file.graph.layers
    assert layer.op == op


def test_gelu_by_a_tanh_is_taken_for_gelu():
    body = """c = Pow(x, three)  a = Mul(c, k)  s = Add(x, a)  m = Mul(s, root)  t = Tanh(m)  p = Add(t, one)
              h = Mul(x, half)  y = Mul(h, p)"""
    constants = {
        "three": np.float32(3), "k": np.float32(0.044715), "root": np.float32(math.sqrt(2 / math.pi)),
        "one": np.float32(1), "half": np.float32(0.5),
    }  # fmt: skip
    file = same(network(body, "N,9", **constants), 4 * numbers(1, 9), tolerance=1e-3)
    assert file.graph.layers == (Elementwise(name="mul_4", op="gelu"),)
    newer = network('y = Gelu<approximate="tanh">(x)', "N,9", opset=20)
    assert types(same(newer, numbers(1, 9), tolerance=1e-3)) == [Elementwise]


def test_slopes():
    body = "a = LeakyRelu<alpha=0.2>(x)  y = PRelu(a, act__weight)"
    file = same(network(body, "N,3,4,4", act__weight=numbers(3, 1, 1)), numbers(1, 3, 4, 4))
    assert layers(file) == [("leakyrelu_1", PRelu), ("act", PRelu)]


@pytest.mark.parametrize("shift", [True, False])
def test_layer_normalisation(shift):
    body = f"y = LayerNormalization<epsilon=0.001>(x, norm__weight{', norm__bias' if shift else ''})"
    arrays = {"norm__weight": numbers(6)} | ({"norm__bias": numbers(6)} if shift else {})
    file = same(network(body, "N,4,6", **arrays), numbers(1, 4, 6))
    assert file.graph.layers == (LayerNorm(name="norm", epsilon=np.float32(0.001).item()),)
    assert file.tensors["norm.shift"].any() == shift


@pytest.mark.parametrize("square", ["two = Constant<value = float {2.0}>() q = Pow(d, two)", "q = Mul(d, d)"])
def test_layer_normalisation_that_is_written_out(square):
    body = f"""m = ReduceMean<axes=[-1]>(x)  d = Sub(x, m)  {square}  v = ReduceMean<axes=[-1]>(q)  e = Add(v, eps)
               r = Sqrt(e)  n = Div(d, r)  s = Mul(n, norm__weight)  y = Add(s, norm__bias)"""
    arrays = {"eps": np.float32(0.01), "norm__weight": numbers(6), "norm__bias": numbers(6)}
    file = same(network(body, "N,4,6", **arrays), numbers(1, 4, 6))
    assert file.graph.layers == (LayerNorm(name="norm", epsilon=np.float32(0.01).item()),)


@pytest.mark.parametrize(
    ("body", "shape", "opset"),
    [
        ("y = Softmax(x)", (7,), 17),
        ("y = Softmax<axis=1>(x)", (3, 4, 5), 17),
        ("y = Softmax<axis=-1>(x)", (4, 6), 17),
        ("y = Softmax<axis=2>(x)", (4, 6), 11),
        ("y = Softmax(x)", (7,), 11),
    ],
)
def test_softmax_over_features(body, shape, opset):
    model = network(body, ",".join(map(str, ("N", *shape))), opset=opset)
    assert types(same(model, numbers(1, *shape))) == [Softmax]


@pytest.mark.parametrize(("body", "opset"), [("y = Softmax<axis=1>(x)", 17), ("y = Softmax<axis=1>(x)", 11)])
def test_softmax_over_positions(body, opset):
    assert "(Softmax): softmax over " in refusal(network(body, "N,4,6", opset=opset))


# Attention


HEADS, WIDTH, POSITIONS = 3, 4, 5
UNITS = HEADS * WIDTH
SPLIT, JOINED = integers(0, POSITIONS, HEADS, WIDTH), integers(0, POSITIONS, UNITS)
SEPARATE = """
    q = MatMul(x, q__weight)  k = MatMul(x, k__weight)  v = MatMul(x, v__weight)
    qs = Reshape(q, split)  ks = Reshape(k, split)  vs = Reshape(v, split)
    qh = Transpose<perm=[0,2,1,3]>(qs)  kh = Transpose<perm=[0,2,3,1]>(ks)  vh = Transpose<perm=[0,2,1,3]>(vs)
"""
PRODUCTS = """
    scores = MatMul(qh, kh)  scaled = Div(scores, root)  p = Softmax<axis=-1>(scaled)  c = MatMul(p, vh)
    ct = Transpose<perm=[0,2,1,3]>(c)  cj = Reshape(ct, joined)  y = MatMul(cj, o__weight)
"""
PACKED = """
    a = MatMul(x, qkv__weight)  b = Add(a, qkv__bias)  parts = Reshape(b, five)
    turned = Transpose<perm=[2,0,3,1,4]>(parts)
    qh = Gather<axis=0>(turned, zero)  kp = Gather<axis=0>(turned, one)  vh = Gather<axis=0>(turned, two)
    kh = Transpose<perm=[0,1,3,2]>(kp)
"""
STRETCHES = """
    a = MatMul(x, qkv__weight)  b = Add(a, qkv__bias)  q, k, v = Split<axis=-1>(b)
    qs = Reshape(q, split)  ks = Reshape(k, split)  vs = Reshape(v, split)
    qh = Transpose<perm=[0,2,1,3]>(qs)  kh = Transpose<perm=[0,2,3,1]>(ks)  vh = Transpose<perm=[0,2,1,3]>(vs)
"""
ATTENTION = {
    "split": SPLIT, "joined": JOINED, "root": np.float32(math.sqrt(WIDTH)),
    "o__weight": numbers(UNITS, UNITS),
}  # fmt: skip
QKV = {"qkv__weight": numbers(UNITS, 3 * UNITS), "qkv__bias": numbers(3 * UNITS)}


def attention(project: str, **arrays: np.ndarray) -> onnx.ModelProto:
    used = {name: array for name, array in ATTENTION.items() if name != "split" or "split" in project}
    opset = 17 if "Split<" not in project else 11
    return network(project + PRODUCTS, f"N,{POSITIONS},{UNITS}", opset, **used, **arrays)


@pytest.mark.parametrize(
    ("project", "arrays", "names"),
    [
        (SEPARATE, {f"{name}__weight": numbers(UNITS, UNITS) for name in "qkv"}, ("q", "k", "v")),
        (
            PACKED,
            {**QKV, "five": integers(0, POSITIONS, 3, HEADS, WIDTH)}
            | {name: np.int64(number) for number, name in enumerate(("zero", "one", "two"))},
            ("qkv_0", "qkv_1", "qkv_2"),
        ),
        (STRETCHES, QKV, ("qkv_0", "qkv_1", "qkv_2")),
    ],
    ids=["separate", "packed", "split"],
)
def test_attention(project, arrays, names):
    file = same(attention(project, **{name: np.asarray(array) for name, array in arrays.items()}), numbers(1, 5, 12))
    assert types(file) == [Linear, Linear, Linear, MatMul, Softmax, MatMul, Linear]
    q, k, v, scores, softmax, context, o = file.graph.layers
    assert (q.name, k.name, v.name) == names
    assert scores == MatMul(
        name="matmul_4" if names[0] == "q" else "matmul_2", groups=3, over="units", inputs=names[:2]
    )
    assert softmax == Softmax(name="softmax_1", groups=3)
    assert (context.groups, context.over, context.inputs) == (3, "positions", ("softmax_1", names[2]))
    assert o == Linear(name="o", out_features=12, bias=False)
    assert file.graph.macs == 4 * 5 * 12 * 12 + 2 * 5 * 5 * 12


def test_the_factor_of_the_scores_goes_into_the_queries():
    arrays = {f"{name}__weight": numbers(UNITS, UNITS) for name in "qkv"}
    file = load(attention(SEPARATE, **arrays))
    np.testing.assert_allclose(file.tensors["q.weight"], arrays["q__weight"].T / 2, rtol=1e-6)
    np.testing.assert_array_equal(file.tensors["k.weight"], arrays["k__weight"].T)


def test_units_that_are_read_in_parts_and_as_a_whole():
    body = "h = MatMul(x, w)  a, b = Split<axis=-1>(h)  s = MatMul(h, u)  t = Add(a, b)  z = Add(t, s)  y = Relu(z)"
    file = same(network(body, "N,4,6", opset=11, w=numbers(6, 8), u=numbers(8, 4)), numbers(1, 4, 6))
    samples = [layer.kept for layer in file.graph.layers if isinstance(layer, Sample)]
    assert samples == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_units_that_a_branch_takes_are_a_sample():
    body = "r = Relu(x)  s = Gather<axis=1>(r, units)  h = Conv(s, w)  y = Add(h, r)"
    file = same(network(body, "N,4,5,5", units=integers(0, 2, 3), w=numbers(4, 3, 1, 1)), numbers(1, 4, 5, 5))
    assert types(file) == [Elementwise, Sample, Conv, Add]
    assert file.graph.layers[1] == Sample(name="gather_1", channels=3, kept=(0, 2, 3))


def test_units_that_are_taken_in_another_order():
    body = "r = Relu(x)  s = Gather<axis=1>(r, units)  y = Relu(s)"
    message = refusal(network(body, "N,4,5,5", units=integers(2, 0)))
    assert "(Gather): takes units in another order" in message


@pytest.mark.parametrize(
    ("shape", "pads", "layer"),
    [
        ("N,4,5,5", (0, 1, 0, 0, 0, 2, 0, 0), Pad(name="pad_1", before=1, after=2)),
        ("N,6", (0, 0, 0, 3), Pad(name="pad_1", after=3)),
        ("N,5,6", (0, 0, 2, 0, 0, 0), Pad(name="pad_1", before=2)),
    ],
)
def test_zeros_around_units_are_padding(shape, pads, layer):
    x = numbers(1, *map(int, shape.split(",")[1:]))
    file = same(network("h = Pad(x, pads)  y = Relu(h)", shape, pads=integers(*pads)), x)
    assert file.graph.layers[0] == layer
    old = network(f"h = Pad<pads={list(pads)}>(x)  y = Relu(h)", shape, opset=8)
    assert load(old).graph.layers[0] == layer
    axis = next(at for at, size in enumerate(pads) if size) % (len(pads) // 2)
    body = "h = Pad(x, pads, value, axis)  y = Relu(h)"
    some = {"pads": integers(layer.before, layer.after), "axis": integers(axis), "value": np.array(0, np.float32)}
    assert same(network(body, shape, opset=18, **some), x).graph.layers[0] == layer


@pytest.mark.parametrize(
    ("body", "pads"),
    [
        ("y = Pad(x, pads)", (0, 0, 1, 0, 0, 0, 0, 0)),
        ("y = Pad(x, pads)", (0, -1, 0, 0, 0, 0, 0, 0)),
        ("y = Pad(x, pads)", (1, 0, 0, 0, 0, 0, 0, 0)),
        ("y = Pad(x, pads)", (0, 1, 0, 1, 0, 0, 0, 0)),
        ("y = Pad(x, pads, one)", (0, 1, 0, 0, 0, 0, 0, 0)),
        ('y = Pad<mode="edge">(x, pads)', (0, 1, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_other_padding_is_refused(body, pads):
    model = network(body, "N,4,5,5", pads=integers(*pads), one=np.array(1, np.float32))
    assert "zeros around channels or features are accepted" in refusal(model)
    assert "pads (0, 1) do not fit axes (0, 1, 2, 3)" in refusal(network("y = Pad(x, p)", "N,4,5,5", p=integers(0, 1)))
    huge = network("h = Pad(x, p)  y = Relu(h)", "N,4", p=integers(0, 0, 0, 2**60))
    assert "(Pad): makes a constant of" in refusal(huge)


def test_a_batch_that_is_a_number():
    """Graphs exported for one batch have it in the shapes of their reshapes."""
    arrays = {f"{name}__weight": numbers(UNITS, UNITS) for name in "qkv"}
    model = attention(SEPARATE, **arrays)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    shapes = {"split": (8, POSITIONS, HEADS, WIDTH), "joined": (8, POSITIONS, UNITS)}
    for initialiser in model.graph.initializer:
        if initialiser.name in shapes:
            initialiser.CopyFrom(numpy_helper.from_array(integers(*shapes[initialiser.name]), initialiser.name))
    x = numbers(8, POSITIONS, UNITS)
    file = load(model)
    assert file.graph == load(attention(SEPARATE, **arrays)).graph
    want = run(model, x)
    for one, expected in zip(x, want, strict=True):
        got = evaluate(file.graph, file.tensors, one.T)
        np.testing.assert_allclose(got, expected.T, rtol=1e-4, atol=1e-4)


def test_rows_that_are_one_matrix():
    """Positions and batch as the rows of a matrix, as addmm has them."""
    body = "r = Reshape(x, rows)  h = Gemm(r, fc__weight, fc__bias)  y = Reshape(h, back)"
    arrays = {"rows": integers(-1, 6), "back": integers(-1, 4, 5), "fc__weight": numbers(6, 5), "fc__bias": numbers(5)}
    file = same(network(body, "N,4,6", **arrays), numbers(1, 4, 6))
    assert file.graph.layers == (Linear(name="fc", out_features=5),)


# Tables


def test_words():
    text = "g (int64[N,7] ids) => (float y) { y = Gather(words__weight, ids) }"
    file = same(proto(text, words__weight=numbers(20, 6)), RNG.integers(0, 20, (1, 7)))
    assert file.graph.layers == (Embedding(name="words", entries=(20,), features=6),)
    assert file.graph.input_shape == (1, 7)


def test_words_positions_and_segments():
    text = """g (int32[N,7] input_ids, int64[N,7] token_type_ids) => (float y) {
        ids = Cast<to=7>(input_ids)  w = Gather(words, ids)  s = Gather(segments, token_type_ids)  a = Add(w, s)
        p = Gather(positions, places)  b = Add(a, p)  y = LayerNormalization(b, g, h)
    }"""
    arrays = {"words": numbers(20, 6), "positions": numbers(12, 6), "segments": numbers(2, 6), "g": numbers(6),
              "h": numbers(6), "places": np.arange(7)[None]}  # fmt: skip
    ids = RNG.integers(0, 20, (1, 7)).astype(np.int32)
    file = same(proto(text, **arrays), ids, np.zeros((1, 7), np.int64))
    embedding, _ = file.graph.layers
    assert embedding == Embedding(name="gather_1", entries=(20, 12, 2), features=6)
    np.testing.assert_array_equal(file.tensors["gather_1.table1"], arrays["positions"])
    np.testing.assert_array_equal(file.tensors["gather_1.table2"], arrays["segments"])


def test_segments_without_positions_go_into_the_words():
    text = """g (int64[N,7] ids, int64[N,7] token_type_ids) => (float y)
              { w = Gather(words, ids)  s = Gather(segments, token_type_ids)  y = Add(w, s) }"""
    file = same(proto(text, words=numbers(20, 6), segments=numbers(2, 6)), RNG.integers(0, 20, (1, 7)),
                np.zeros((1, 7), np.int64))  # fmt: skip
    assert file.graph.layers[0].entries == (20,)


def test_a_scaled_embedding_with_constants_at_each_position():
    text = "g (int64[N,7] ids) => (float y) { w = Gather(words, ids)  s = Mul(w, k)  y = Add(s, sines) }"
    arrays = {"words": numbers(20, 6), "k": np.float32(math.sqrt(6)), "sines": numbers(1, 7, 6)}
    file = same(proto(text, **{name: np.asarray(array) for name, array in arrays.items()}), RNG.integers(0, 20, (1, 7)))
    assert file.graph.layers[0].entries == (20, 7)


def test_the_words_a_last_layer_shares():
    text = (
        "g (int64[N,7] ids) => (float y) { w = Gather(wte__weight, ids)  t = Transpose(wte__weight)  y = MatMul(w, t) }"
    )
    file = same(proto(text, wte__weight=numbers(20, 6)), RNG.integers(0, 20, (1, 7)))
    assert file.graph.layers[1] == Linear(name="wte_2", out_features=20, bias=False, tied=True)
    assert file.graph.parameters == 20 * 6


MASKED = """g (int64[N,5] input_ids, int64[N,5] attention_mask) => (float y) {
    x = Gather(words__weight, input_ids)
    f = Cast<to=1>(attention_mask)  u = Unsqueeze(f, axes)  i = Sub(one, u)  mask = Mul(i, low)
    t = Transpose<perm=[0,2,1]>(x)  s = MatMul(x, t)  masked = Add(s, mask)  p = Softmax<axis=-1>(masked)
    y = MatMul(p, x)
}"""


def test_a_mask_of_a_whole_sequence_is_nothing():
    arrays = {"words__weight": numbers(20, 6), "axes": integers(1), "one": np.float32(1), "low": np.float32(-1e9)}
    model = proto(MASKED, **{name: np.asarray(array) for name, array in arrays.items()})
    file = same(model, RNG.integers(0, 20, (1, 5)), np.ones((1, 5), np.int64))
    assert types(file) == [Embedding, MatMul, Softmax, MatMul]


# Names of axes, and shapes that are computed


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("h = Flatten(x)  y = Gemm(h, w)", "N,3,4,2"),
        ("h = Reshape(x, flat)  y = Gemm(h, w)", "N,3,4,2"),
        ("t = Transpose<perm=[0,2,3,1]>(x)  h = Flatten(t)  y = Gemm(h, w)", "N,3,4,2"),
        ("h = Flatten(x)  y = Gemm(h, w)", "N,6,4"),
        ("t = Transpose<perm=[0,2,1]>(x)  h = Reshape(t, flat)  y = Gemm(h, w)", "N,6,4"),
        ("s = Shape(x)  n = Gather(s, zero)  u = Unsqueeze(n, axes)  t = Concat<axis=0>(u, rest)  h = Reshape(x, t)  "
         "y = Gemm(h, w)", "N,3,4,2"),
    ],
)  # fmt: skip
def test_flat_vectors_in_whichever_order(body, shape):
    arrays = {
        "w": numbers(24, 5),
        "flat": integers(0, -1),
        "zero": np.int64(0),
        "axes": integers(0),
        "rest": integers(-1),
    }
    used = {name: np.asarray(array) for name, array in arrays.items() if f" {name})" in body or f", {name}" in body}
    x = numbers(1, *map(int, shape.split(",")[1:]))
    file = same(network(body, shape, **used), x)
    assert types(file) == [Flatten, Linear]


def test_an_image_whose_channels_come_last():
    body = """t = Transpose<perm=[0,3,1,2]>(x)  c = Conv(t, c__weight)  r = Relu(c)
              u = Transpose<perm=[0,2,3,1]>(r)  f = Flatten(u)  y = Gemm(f, w)"""
    model = network(body, "N,6,5,3", c__weight=numbers(4, 3, 3, 3), w=numbers(48, 2))
    file = load(model)
    assert file.graph.input_shape == (3, 6, 5)
    x = numbers(1, 6, 5, 3)
    got = evaluate(file.graph, file.tensors, x[0].transpose(2, 0, 1))
    np.testing.assert_allclose(got, run(model, x)[0], rtol=1e-4, atol=1e-5)


def test_axes_that_come_and_go():
    body = "a = Unsqueeze(x, axes)  b = Relu(a)  c = Squeeze(b, axes)  d = Reshape(c, same)  y = Tanh(d)"
    file = same(network(body, "N,6", axes=integers(1, 3), same=integers(-1, 6)), numbers(1, 6))
    assert types(file) == [Elementwise, Elementwise]


def test_concat_and_parts():
    body = """h = Conv(x, c__weight)  a, b = Split<axis=1, split=[4,2]>(h)  r = Relu(a)  j = Concat<axis=1>(b, r, x)
              y = Conv(j, d__weight)"""
    arrays = {"c__weight": numbers(6, 3, 1, 1), "d__weight": numbers(2, 9, 3, 3)}
    file = same(network(body, "N,3,5,5", opset=11, **arrays), numbers(1, 3, 5, 5))
    assert layers(file) == [("c_0", Conv), ("c_1", Conv), ("relu_1", Elementwise), ("concat_1", Concat), ("d", Conv)]
    assert file.graph.sources["concat_1"] == ("c_1", "relu_1", "input")
    assert [layer.inputs for layer in file.graph.layers] == [(), ("input",), ("c_0",), ("c_1", "relu_1", "input"), ()]


def test_slices():
    body = """h = MatMul(x, w)  a = Slice(h, one, far, last, two)  b = Slice(h, zero, far, last, two)
              c = Mul(a, k)  y = Add(b, c)"""
    arrays = {"one": integers(1), "zero": integers(0), "far": integers(2**62), "last": integers(-1), "two": integers(2)}
    file = same(network(body, "N,4,6", w=numbers(6, 8), k=numbers(4), **arrays), numbers(1, 4, 6))
    assert layers(file) == [("matmul_1_0", Linear), ("matmul_1_1", Linear), ("add_1", Add)]
    assert file.graph.macs == 4 * 6 * 8


def test_sequences_of_tensors():
    body = """h = MatMul(x, w)  parts = SplitToSequence<axis=-1>(h, four)  a = SequenceAt(parts, zero)
              b = SequenceAt(parts, one)  y = Add(a, b)"""
    arrays = {"four": np.int64(4), "zero": np.int64(0), "one": np.int64(1)}
    model = network(body, "N,4,6", w=numbers(6, 8), **{name: np.asarray(array) for name, array in arrays.items()})
    assert types(same(model, numbers(1, 4, 6))) == [Linear, Linear, Add]


def test_residual_sums():
    body = "a = Gemm(x, a__weight)  r = Relu(a)  s = Add(x, r)  y = Sum(s, r, x)"
    file = same(network(body, "N,6", a__weight=numbers(6, 6)), numbers(1, 6))
    assert [layer.inputs for layer in file.graph.layers] == [(), (), ("input", "relu_1"), ("add_1", "relu_1", "input")]


# Names


def test_names_come_from_weights_then_nodes_then_operators():
    body = """a = Conv(x, features__0__weight)  b = Relu(a)  c = Sigmoid(b)  d = Tanh(c)  e = Relu(d)  f = Relu(e)
              y = Conv(f, w)"""
    model = network(body, "N,3,5,5", features__0__weight=numbers(3, 3, 1, 1), w=numbers(3, 3, 1, 1))
    called = ["/net/first/Conv", "/net/act/Relu", "twice", "twice", "input", "", "conv"]
    for node, name in zip(model.graph.node, called, strict=True):
        node.name = name
    file = load(model)
    names = [layer.name for layer in file.graph.layers]
    assert names == ["features.0", "net/act/Relu", "twice", "twice_2", "input_2", "relu_1", "conv"]


def test_names_fit_a_line():
    model = network("y = Relu(x)", "N,3")
    model.graph.node[0].name = "a\nb c\u2028d" + "e" * 1000
    (layer,) = load(model).graph.layers
    assert layer.name.startswith("a_b_c_de")
    assert len(layer.name) == 200


# What else a file holds


KINDS = {"float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE, "bfloat16": TensorProto.BFLOAT16}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_in_other_precisions(kind, raw):
    weight = numbers(7, 5)
    model = network(f"h = Cast<to={KINDS[kind]}>(x)  y = Gemm(h, fc__weight)", "N,7", fc__weight=weight)
    listed = helper.make_tensor("fc.weight", KINDS[kind], weight.shape, weight.reshape(-1).tolist())
    model.graph.initializer[0].CopyFrom(listed)
    if raw:
        bits = {"float16": np.uint16, "bfloat16": np.uint16, "float64": np.float64}[kind]
        content = np.array(listed.double_data or listed.int32_data, bits).tobytes()
        model.graph.initializer[0].CopyFrom(
            TensorProto(name="fc.weight", data_type=KINDS[kind], dims=(7, 5), raw_data=content)
        )
    assert model.graph.initializer[0].HasField("raw_data") == raw
    file = load(model)
    np.testing.assert_allclose(file.tensors["fc.weight"], weight.T, rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_cast(kind):
    body = f"c = Cast<to={KINDS[kind]}>(fc__weight)  k = Cast<to=1>(c)  y = Gemm(x, k)"
    weight = numbers(7, 5)
    file = load(network(body, "N,7", fc__weight=weight))
    np.testing.assert_allclose(file.tensors["fc.weight"], weight.T, rtol=1e-2)


def test_numbers_in_typed_fields():
    model = network("y = Gemm(x, w)", "N,2", w=numbers(2, 3))
    tensor = helper.make_tensor("w", TensorProto.FLOAT, (2, 3), [1, 2, 3, 4, 5, 6])
    assert tensor.float_data
    model.graph.initializer[0].CopyFrom(tensor)
    np.testing.assert_array_equal(load(model).tensors["gemm_1.weight"], [[1, 4], [2, 5], [3, 6]])


def test_the_document_in_the_metadata():
    model = network("y = Relu(x)", "N,3")
    assert load(model).document is None
    helper.set_model_props(model, {"other": "x", "ppsim": "format: ppsim-partitioned/1\n"})
    assert load(model).document == "format: ppsim-partitioned/1\n"


def test_importing_the_reader_imports_no_package_of_the_extra():
    code = """
import sys
import ppsim.workload.formats.onnx_reading, ppsim.workload.formats.torch_reading
assert not {"onnx", "torch", "onnxruntime", "onnxscript", "google"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_the_package_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_bytes(network("y = Relu(x)", "N,3").SerializeToString())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        InputError, match=r"^.*net\.onnx: reading ONNX files needs the package 'onnx'; install it with: "
    ):
        read(tmp_path / "net.onnx", lenient=False)


def test_several_outputs_and_what_leads_nowhere():
    text = """g (float[N,6] x, float[N,4] unused) => (float a, float y)
              { a = Relu(x)  dead = Gemm(x, w)  s = Shape(x)  y = Tanh(x) }"""
    file = load(proto(text, w=numbers(6, 6)))
    assert [(layer.op, layer.inputs) for layer in file.graph.layers] == [("relu", ()), ("tanh", ("input",))]


def test_initialisers_that_are_listed_among_the_inputs():
    text = "g (float[N,6] x, float[6,2] w) => (float y) { y = Gemm(x, w) }"
    assert types(load(proto(text, w=numbers(6, 2)))) == [Linear]


def test_a_file_with_its_weights_beside_it(tmp_path: Path):
    model = network("y = Gemm(x, fc__weight, fc__bias)", "N,6", fc__weight=numbers(6, 9), fc__bias=numbers(9))
    x = numbers(1, 6)
    want = run(model, x)
    (tmp_path / "weights").mkdir()
    onnx.save_model(model, tmp_path / "tiny.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    file = read(tmp_path / "tiny.onnx", lenient=False)
    assert file.graph.name == "tiny"
    np.testing.assert_allclose(evaluate(file.graph, file.tensors, x[0]), want[0], rtol=1e-5)


# What is not read


def test_an_unsupported_node_names_what_is_supported():
    message = refusal(network("y = Softplus(x)", "N,6"))
    assert message.startswith(
        "net.onnx: node 'softplus_1' (Softplus): operator not supported; supported: Add, AveragePool, "
    )
    assert message.endswith("Unsqueeze, Where")


def test_a_lenient_reader_leaves_out_what_keeps_the_shape():
    body = "a = Gemm(x, w)  b = Softplus(a)  m = Mul(a, b)  y = Relu(m)"
    file = load(network(body, "N,6", w=numbers(6, 4)), lenient=True)
    assert types(file) == [Linear, Elementwise]
    assert [text.split(":")[0] for text in file.skipped] == ["node 'softplus_1' (Softplus)", "node 'mul_1' (Mul)"]
    assert load(network("y = Relu(x)", "N,6"), lenient=True).skipped == ()


def test_a_lenient_reader_leaves_out_masks():
    body = "m = MatMul(x, w)  a = Add(m, mask)  y = Softmax(a)"
    model = network(body, "N,4,6", w=numbers(6, 4), mask=np.triu(np.full((4, 4), -np.inf, np.float32), 1))
    assert "a constant of (4, 4) that is not one number for each unit" in refusal(model)
    file = load(model, lenient=True)
    assert types(file) == [Linear, Softmax]
    assert len(file.skipped) == 1


def test_a_lenient_reader_does_not_leave_out_what_changes_the_shape():
    message = refusal(network("y = TopK_0(x)".replace("TopK_0", "DepthToSpace<blocksize=2>"), "N,4,6,6"), lenient=True)
    assert message.endswith("; it cannot be left out, as it changes the shape (1, 4, 6, 6) to (1, 1, 12, 12)")


def test_a_lenient_reader_does_not_leave_out_products():
    body = "y = Conv<dilations=[2,2], pads=[2,2,2,2]>(x, w)"
    assert "dilations (2, 2)" in refusal(network(body, "N,4,8,8", w=numbers(4, 4, 3, 3)), lenient=True)


def test_operators_of_others():
    """ONNX's inference does not know their shapes; what the file declares is taken."""
    model = network("h = Relu(x)  y = Tanh(h)", "N,6")
    model.graph.node[0].domain = "com.microsoft"
    assert "node 'relu_1' (com.microsoft::Relu): operator not supported" in refusal(model)
    assert "as it makes a shape that is not known" in refusal(model, lenient=True)
    model.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, ["N", 6]))
    file = load(model, lenient=True)
    assert [layer.op for layer in file.graph.layers] == ["tanh"]
    assert len(file.skipped) == 1


def test_quantised_networks():
    body = "q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Relu(d)"
    model = network(body, "N,6", s=np.float32(0.1), z=np.int8(0))
    assert "node 'quantizelinear_1' (QuantizeLinear): operator not supported" in refusal(model)
    assert types(load(model, lenient=True)) == [Elementwise]


@dataclass(frozen=True)
class Refused:
    """A graph that is not read, and a part of why."""

    text: str
    says: str


@pytest.mark.parametrize(
    "case",
    [
        Refused(
            "g (float[N,time,6] x) => (float y) { y = Relu(x) }",
            "input 'x': its dimension 'time' is open; export with all sizes fixed but the batch",
        ),
        Refused("g (float[N,6] a, float[N,6] b) => (float y) { y = Add(a, b) }", "needs one input, got 'a', 'b'"),
        Refused("g (float[N,6] a, int64[N,6] i) => (float y) { c = Cast<to=1>(i) y = Add(a, c) }", "got 'a', 'i'"),
        Refused("g (float[N] x) => (float y) { y = Relu(x) }", "input 'x': has the shape (1,); (batch, features), "),
        Refused("g (float[N,1,2,3,4] x) => (float y) { y = Relu(x) }", "input 'x': has the shape (1, 1, 2, 3, 4)"),
        Refused("g (float[N,0] x) => (float y) { y = Relu(x) }", "input 'x': its dimension 1 is 0; sizes are positive"),
        Refused("g (string[N,3] x) => (float y) { y = Identity(x) }", "holds numbers of type 8 of ONNX's"),
        Refused("g (seq(float[N,3]) x) => (float y) { y = ConcatFromSequence<axis=0>(x) }", "input 'x': is no tensor"),
        Refused("g (float[N,6] x) => (float y) { y = Identity(x) }", "layers: a network needs at least one layer"),
        Refused("g (float[N,6] x) => (float y) { y = Constant<value = float {1.0}>() }", "needs one input, got none"),
        Refused("g (float[N,6] x) => (float y) { s = Shape(x) y = Cast<to=1>(s) }", "no output depends on the"),
        Refused("g (float[N,4,6] x) => (float y) { y = ReduceMean<axes=[1]>(x) }", "reduces axes (1,) of (1, 4, 6)"),
        Refused("g (float[N,4,6] x) => (float y) { y = Mul(x, x) }", "multiplies activations element by element"),
        Refused("g (float[N,4,6] x) => (float y) { y = MatMul(x, x) }", "whose heads or sizes do not match"),
        Refused("g (float[N,4] x) => (float y) { t = Unsqueeze<axes=[1]>(x) y = MatMul(x, t) }", "(MatMul): "),
        Refused("g (float[N,4,6] x) => (float y) { y = Concat<axis=1>(x, x) }", "joins along axis 1 of (1, 4, 6)"),
        Refused("g (float[N,4,6] x) => (float y) { a, b = Split<axis=1>(x) y = Relu(a) }", "takes a part of axis 1"),
        Refused("g (float[N,6] x) => (float y) { y = Clip<min=-1.0, max=1.0>(x) }", "(Clip): clips to -1 and 1;"),
        Refused("g (float[N,6] x) => (float y) { b = Cast<to=9>(x) y = Cast<to=1>(b) }", "casts activations to"),
        Refused("g (float[N,6] x) => (float y) { y, i = MaxPool<kernel_shape=[2]>(x) }", "the places of the maxima"),
    ],
    ids=lambda case: case.says,
)
def test_graphs_that_are_no_network_of_ours(case):
    header = '<ir_version: 8, opset_import: ["" : 10]> '
    assert case.says in refusal(onnx.parser.parse_model(header + case.text))


@pytest.mark.parametrize("version", [6, 99])
def test_operators_of_another_age(version):
    model = network("y = Relu(x)", "N,3")
    model.opset_import[0].version = version
    assert f"opset_import: version {version} of ONNX's operators; 7 to " in refusal(model)
    del model.opset_import[:]
    assert "opset_import: names 0 versions" in refusal(model)


# Where the elements are


@st.composite
def renamings(draw):
    """A ppsim shape, the batch, and reshapes and transposes of the tensor that ONNX begins with."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=3)))
    batch = draw(st.sampled_from([1, 2]))
    steps, size = [], (batch, *shape)
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            order = draw(st.permutations(range(len(size))))
            size = tuple(size[axis] for axis in order)
            steps.append(("transpose", tuple(order)))
        else:
            target = _another_shape(draw, math.prod(size))
            size = target
            steps.append(("reshape", target))
    return shape, batch, steps


def _another_shape(draw, elements: int) -> tuple[int, ...]:
    target = []
    while elements > 1 and len(target) < 4:
        target.append(draw(st.sampled_from([size for size in range(1, elements + 1) if elements % size == 0])))
        elements //= target[-1]
    return (*target, elements)


def _elements(layout: Layout, shape: tuple[int, ...]) -> np.ndarray:
    """For each element of an ONNX tensor, where it is in the ppsim tensor, with the batch in front."""
    strides = [math.prod(shape), *(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))]
    where = np.zeros((), np.int64)
    for axis in layout:
        steps = np.zeros(1, np.int64)
        for atom in axis:
            steps = (steps[:, None] + np.arange(atom.size) * atom.stride * strides[atom.axis + 1]).reshape(-1)
        where = where[..., None] + steps
    return where


@given(renamings())
def test_a_layout_says_where_each_element_is(case):
    shape, batch, steps = case
    tensor = np.arange(batch * math.prod(shape)).reshape(batch, *shape)
    layout: Layout | None = (batch_axis(batch), *(whole(shape, axis) for axis in range(len(shape))))
    for kind, how in steps:
        tensor = tensor.transpose(how) if kind == "transpose" else tensor.reshape(how)
        layout = permuted(layout, how) if kind == "transpose" else reshaped(layout, how)
        if layout is None:
            return  # an axis that is no union of pieces of axes: such a graph is refused
        assert sizes(layout) == tensor.shape
        np.testing.assert_array_equal(_elements(layout, shape), tensor)


@given(renamings(), st.data())
def test_a_constant_beside_a_tensor_is_arranged_as_the_tensor_is(case, data):
    shape, batch, steps = case
    layout: Layout | None = (batch_axis(batch), *(whole(shape, axis) for axis in range(len(shape))))
    for kind, how in steps:
        layout = permuted(layout, how) if kind == "transpose" else reshaped(layout, how)
        if layout is None:
            return
    outer = tuple(data.draw(st.sampled_from([1, size])) for size in sizes(layout))
    constant = np.arange(math.prod(outer)).reshape(outer)
    found = arranged(constant, layout, shape)
    everywhere = np.broadcast_to(constant, sizes(layout))
    expected = np.empty(batch * math.prod(shape), np.int64)
    expected[_elements(layout, shape)] = everywhere
    expected = expected.reshape(batch, *shape)
    if found is None:
        assert (expected != expected[:1]).any()
    else:
        np.testing.assert_array_equal(np.broadcast_to(found, expected.shape), expected)
    vector = per_unit(constant, layout, shape)
    same_everywhere = expected == expected[:1].reshape(1, shape[0], -1)[..., :1].reshape(
        1, shape[0], *(1,) * (len(shape) - 1)
    )
    assert (vector is not None) == same_everywhere.all()
    if vector is not None:
        np.testing.assert_array_equal(vector, expected[0].reshape(shape[0], -1)[:, 0])
