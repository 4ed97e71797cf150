"""The published networks: their counts, how they grow with batch and sequence, what is grouped, joined and pruned."""

from dataclasses import replace
from itertools import pairwise

import pytest

import ppsim
from ppsim.documents import names, packaged, read
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.documents import FORMAT
from ppsim.workload.gemm import Gemm
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Add, BatchNorm, Conv, LayerNorm, Linear, MatMul, Pool, Softmax

#: name: (trained parameters, MACs of one input), all exact. Torchvision's documentation of its weights has the
#: parameters of these and G MACs rounded (below); the other sources stand with each.
COUNTS = {
    "vgg16": (138_357_544, 15_470_264_320),
    "alexnet": (61_100_840, 714_188_480),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    # Trainable parameters of keras.applications.MobileNet; the docstring of TF-Slim's mobilenet_v1.py adds its
    # convolutions up to 567,716,352 MACs
    "mobilenet_v1": (4_231_976, 567_716_352 + 1024 * 1000),
    # "267K parameters": Han et al., arXiv 1506.02626, table 1
    "lenet300": (266_610, 784 * 300 + 300 * 100 + 100 * 10),
    # Keras 2, examples/mnist_mlp.py
    "mlp_mnist": (669_706, 784 * 512 + 512 * 512 + 512 * 10),
    # BertModel("bert-base-uncased") of Hugging Face Transformers has 109,482,240 parameters, the pooler 590,592 of them
    "bert_base": (109_482_240 - (768 * 768 + 768), 11_173_625_856),
    # GPT2LMHeadModel("gpt2") of Hugging Face Transformers
    "gpt2": (124_439_808, 16_114_089_984),
    # not published; computed from the channels below
    "vgg16-he5x": (130_879_294, 3_515_283_520),
    "resnet50-he2x": (19_693_584, 2_599_320_244),
    # "3.8 x 10^9 FLOPs": He et al., arXiv 1512.03385, table 1, without the last layer of 1000 classes
    "resnet50-v1": (25_557_032, 3_855_925_248 + 2048 * 1000),
    # "0.85M" parameters: He et al., arXiv 1512.03385, table 6; the MACs are those that CACP's rates are for
    "resnet56": (853_018, 125_485_696),
    # computed from CACP's rates
    "resnet56-cacp30": (611_088, 88_418_944),
    "resnet56-cacp50": (382_364, 63_609_472),
    "resnet56-cacp70": (197_612, 38_154_880),
}
RESNETS_50 = ("resnet50", "resnet50-v1", "resnet50-he2x")
RESNETS_56 = ("resnet56", "resnet56-cacp30", "resnet56-cacp50", "resnet56-cacp70")
IMAGES = ("vgg16", "alexnet", "resnet18", *RESNETS_50, "mobilenet_v1", "vgg16-he5x", *RESNETS_56)
SEQUENCES = ("bert_base", "gpt2")
#: He et al., output channels of the convolutions: temp/channel_pruning.prototxt in ethanhe42/channel-pruning@1d66cff
HE_5X = (24, 22, 41, 51, 108, 89, 111, 184, 276, 228, 512, 512, 512)
#: the rates of Readme.md in liuyixin-louis/CACP for 30, 50 and 70 % fewer MACs of ResNet-56
CACP_30 = (
    0.6875, 0.6875, 0.6875, 0.6875, 0.6875, 0.6875, 0.6875, 0.625, 0.625,
    0.625, 0.8125, 0.8125, 0.78125, 0.75, 0.71875, 0.6875, 0.65625, 0.625,
    0.609375, 0.5, 0.4375, 0.4375, 0.84375, 0.890625, 0.90625, 0.90625, 0.890625,
)  # fmt: skip
CACP_50 = (
    0.5625, 0.5625, 0.5625, 0.5625, 0.5625, 0.5625, 0.5625, 0.5625, 0.5625,
    0.40625, 0.59375, 0.53125, 0.5625, 0.5625, 0.5625, 0.53125, 0.53125, 0.5,
    0.359375, 0.484375, 0.453125, 0.46875, 0.4375, 0.40625, 0.390625, 0.375, 0.359375,
)  # fmt: skip
CACP_70 = (
    0.5, 0.5, 0.4375, 0.4375, 0.4375, 0.4375, 0.375, 0.375, 0.375,
    0.40625, 0.28125, 0.28125, 0.25, 0.25, 0.25, 0.25, 0.21875, 0.21875,
    0.125, 0.171875, 0.15625, 0.171875, 0.1875, 0.203125, 0.234375, 0.265625, 0.328125,
)  # fmt: skip
EVERY_SECOND = Pool(name="pool", mode="average", kernel=(1, 1), stride=(2, 2))


def vector_operations(net: LayerGraph) -> int:
    return sum(layer.vector_operations(net.input_shapes_of(layer.name), net.batch) for layer in net.layers)


def convolutions(net: LayerGraph) -> list[Conv]:
    return [layer for layer in net.layers if isinstance(layer, Conv)]


@pytest.mark.parametrize("name", names("workloads"))
def test_every_shipped_network_loads_and_says_what_it_is(name):
    net = ppsim.load_workload(name)
    assert net.name == name
    assert net.macs > 0
    assert all(size > 0 for shape in net.shapes.values() for size in shape)
    description = read(packaged("workloads") / f"{name}.yaml", FORMAT)["description"]
    assert len(description) > 80
    assert "\n" not in description


def test_what_is_shipped():
    shipped = [ppsim.load_workload(name).name for name in names("workloads")]
    assert len(set(shipped)) == len(shipped)
    assert {*COUNTS, "tinyvgg16", "tinyvgg16-25088", "tinyvgg16-32768"} <= set(shipped)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_macs(name):
    net = ppsim.load_workload(name)
    assert (net.parameters, net.macs) == COUNTS[name]


@pytest.mark.parametrize(
    ("name", "published", "digits"),
    [
        ("vgg16", 15.47e9, 7),  # `_ops` of torchvision's VGG16_Weights.IMAGENET1K_V1, in G, as in the next three
        ("alexnet", 0.714e9, 6),
        ("resnet18", 1.814e9, 6),
        ("resnet50", 4.089e9, 6),  # v1.5; with the stride in the first 1x1 convolution it would be 3.86
        ("mobilenet_v1", 569e6, 6),  # Howard et al., arXiv 1704.04861, table 4
    ],
)
def test_macs_round_to_what_is_published(name, published, digits):
    assert round(ppsim.load_workload(name).macs, -digits) == published


def test_bert_is_as_large_as_published():
    """MobileBERT, arXiv 2004.02984, GLUE results: BERT-Base has 109 M parameters, 22.5 G operations at 128 positions.

    What it counts beside the products is not said there; they are 22.35 G of it.
    """
    net = ppsim.load_workload("bert_base")
    assert round((net.parameters + 768 * 769) / 1e6) == 109
    assert 2 * net.macs == pytest.approx(22.5e9, rel=0.01)


def test_gpt2_is_as_large_as_published():
    """transformer_sizing.ipynb in karpathy/nanoGPT counts 291,648,307,200 operations at 1024 positions."""
    net = ppsim.load_workload("gpt2", sequence=1024)
    assert 2 * net.macs == 291_648_307_200
    assert net.parameters == COUNTS["gpt2"][0]


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("vgg16", ((3, 224, 224), (512, 7, 7), (25088,), (1000,))),
        ("vgg16-he5x", ((3, 224, 224), (512, 7, 7), (25088,), (1000,))),
        ("alexnet", ((3, 224, 224), (256, 6, 6), (9216,), (1000,))),
        ("resnet18", ((3, 224, 224), (512, 1, 1), (512,), (1000,))),
        *((name, ((3, 224, 224), (2048, 1, 1), (2048,), (1000,))) for name in RESNETS_50),
        *((name, ((3, 32, 32), (64, 1, 1), (64,), (10,))) for name in RESNETS_56),
        ("mobilenet_v1", ((3, 224, 224), (1024, 1, 1), (1024,), (1000,))),
    ],
)
def test_shapes_at_the_ends_of_image_networks(name, ends):
    """The input, what the convolutions leave after the last pooling, as a vector, and the probabilities of classes."""
    net = ppsim.load_workload(name)
    ((pooled,),) = [net.sources[layer.name] for layer in net.layers if layer.name == "flatten"]
    assert isinstance(net.layers[-1], Softmax)
    assert (net.input_shape, net.shapes[pooled], net.shapes["flatten"], net.shapes[net.layers[-1].name]) == ends


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("lenet300", ((784,), (10,))),
        ("mlp_mnist", ((784,), (10,))),
        ("bert_base", ((1, 128), (768, 128))),
        ("gpt2", ((1, 128), (50257, 128))),
    ],
)
def test_shapes_at_the_ends_of_the_others(name, ends):
    net = ppsim.load_workload(name)
    assert (net.input_shape, net.shapes[net.layers[-1].name]) == ends
    assert isinstance(net.layers[-1], Softmax) == (name not in SEQUENCES)  # GPT-2 ends with logits


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("vgg16", ("fc6", "fc7", "fc8")),
        ("vgg16-he5x", ("fc6", "fc7", "fc8")),
        ("alexnet", ("fc6", "fc7", "fc8")),
        ("resnet18", ("fc",)),
        *((name, ("fc",)) for name in (*RESNETS_50, *RESNETS_56)),
        ("mobilenet_v1", ("fc",)),
        ("lenet300", ("fc1", "fc2", "fc3")),
        ("mlp_mnist", ("fc1", "fc2", "fc3")),
        ("bert_base", tuple(f"fc{n}_{i}" for i in range(12) for n in (1, 2))),
        ("gpt2", tuple(f"fc{n}_{i}" for i in range(12) for n in (1, 2))),
    ],
)
def test_one_glob_finds_the_fully_connected_layers(name, found):
    net = ppsim.load_workload(name)
    assert net.match("fc*") == found
    assert all(isinstance(net[layer], Linear) for layer in found)
    if name in IMAGES:
        assert net.match("conv*") == tuple(layer.name for layer in convolutions(net) if layer.groups == 1)


@pytest.mark.parametrize("batch", [2, 7])
@pytest.mark.parametrize("name", COUNTS)
def test_all_work_is_linear_in_the_batch_and_no_weight_is(name, batch):
    net, more = ppsim.load_workload(name), ppsim.load_workload(name, batch=batch)
    assert more.macs == batch * net.macs
    assert vector_operations(more) == batch * vector_operations(net)
    assert (more.parameters, more.weights, more.shapes) == (net.parameters, net.weights, net.shapes)
    for layer in net.layers:
        if isinstance(layer, Conv | Linear):
            one = net.gemm_of(layer.name)
            assert more.gemm_of(layer.name) == one._replace(m=batch * one.m)


@pytest.mark.parametrize(("sequence", "batch"), [(1, 1), (128, 1), (384, 2), (512, 3)])
def test_attention_is_quadratic_in_the_sequence_and_the_rest_is_linear(sequence, batch):
    """BERT: 4 matrices of 768^2 and 2 of 768 x 3072 a block and position; scores and contexts of 768 a pair of them."""
    net = ppsim.load_workload("bert_base", batch=batch, sequence=sequence)
    linear, quadratic = 12 * (4 * 768**2 + 2 * 768 * 3072), 12 * 2 * 768
    assert net.macs == batch * (linear * sequence + quadratic * sequence**2)
    assert (net.weights, net.parameters) == (linear, COUNTS["bert_base"][0])
    # two additions of embeddings; a block adds twice, normalises twice and has 3072 GELUs; 12 softmaxes of 4 a pair
    elements = 2 * 768 + 6 * 768 + 12 * (2 * 768 + 2 * 6 * 768 + 3072)
    assert vector_operations(net) == batch * (elements * sequence + 12 * 12 * 4 * sequence**2)
    assert net.shapes["norm2_11"] == (768, sequence)


@pytest.mark.parametrize(("sequence", "batch"), [(1, 4), (1024, 1)])
def test_gpt2_has_the_same_blocks_and_a_head(sequence, batch):
    net = ppsim.load_workload("gpt2", batch=batch, sequence=sequence)
    head = Gemm(m=batch * sequence, k=768, n=50257)
    assert net.gemm_of("lm_head") == head
    assert net.macs == ppsim.load_workload("bert_base", batch=batch, sequence=sequence).macs + head.macs
    assert net["lm_head"].parameters(net.input_shapes_of("lm_head")) == 0  # the embedding's


@pytest.mark.parametrize("name", SEQUENCES)
def test_attention_of_each_block(name):
    net = ppsim.load_workload(name, batch=2, sequence=40)
    for i in range(12):
        (read,) = net.sources[f"query_{i}"]
        assert net.sources[f"key_{i}"] == net.sources[f"value_{i}"] == (read,)
        assert isinstance(net[read], LayerNorm)
        assert net.sources[f"scores_{i}"] == (f"query_{i}", f"key_{i}")
        assert net.gemm_of(f"scores_{i}") == Gemm(m=40, k=64, n=40, groups=2 * 12)
        assert net.sources[f"softmax_{i}"] == (f"scores_{i}",)
        assert net.shapes[f"softmax_{i}"] == (12 * 40, 40)
        assert net[f"softmax_{i}"].reduction_groups(net.input_shapes_of(f"softmax_{i}")) == 12
        assert net.sources[f"context_{i}"] == (f"softmax_{i}", f"value_{i}")
        assert net.gemm_of(f"context_{i}") == Gemm(m=40, k=40, n=64, groups=2 * 12)
        assert net.sources[f"projection_{i}"] == (f"context_{i}",)
        assert net.shapes[f"projection_{i}"] == (768, 40)
    assert sum(isinstance(layer, MatMul) for layer in net.layers) == 2 * 12
    assert sum(isinstance(layer, Softmax) for layer in net.layers) == 12


def test_bert_normalises_sums_and_gpt2_what_its_layers_read():
    """Post-layer-norm: a sum is read by a norm alone, and the norm goes on. Pre-layer-norm: the sums go on."""
    bert, gpt2 = ppsim.load_workload("bert_base"), ppsim.load_workload("gpt2")
    assert sum(isinstance(layer, LayerNorm) for layer in bert.layers) == 1 + 2 * 12
    assert sum(isinstance(layer, LayerNorm) for layer in gpt2.layers) == 2 * 12 + 1
    normalised, summed = "embedding_norm", "embedding"
    for i in range(12):
        assert bert.sources[f"add1_{i}"] == (f"projection_{i}", normalised)
        assert bert.sources[f"norm1_{i}"] == (f"add1_{i}",)
        assert bert.sources[f"fc1_{i}"] == (f"norm1_{i}",)
        assert bert.sources[f"add2_{i}"] == (f"fc2_{i}", f"norm1_{i}")
        assert bert.sources[f"norm2_{i}"] == (f"add2_{i}",)
        assert gpt2.sources[f"norm1_{i}"] == (summed,)
        assert gpt2.sources[f"add1_{i}"] == (f"projection_{i}", summed)
        assert gpt2.sources[f"norm2_{i}"] == (f"add1_{i}",)
        assert gpt2.sources[f"fc1_{i}"] == (f"norm2_{i}",)
        assert gpt2.sources[f"add2_{i}"] == (f"fc2_{i}", f"add1_{i}")
        normalised, summed = f"norm2_{i}", f"add2_{i}"
    assert gpt2.sources["norm"] == ("add2_11",)
    assert gpt2.sources["lm_head"] == ("norm",)


@pytest.mark.parametrize(
    ("name", "blocks", "kernels"), [("resnet18", (2, 2, 2, 2), (3, 3)), ("resnet50", (3, 4, 6, 3), (1, 3, 1))]
)
def test_residual_blocks_add_what_they_read(name, blocks, kernels):
    """Each block adds its last normalisation and its input, or that through a 1x1 convolution if shapes differ."""
    net = ppsim.load_workload(name)
    before, joined = "pool1", []
    for stage, count in enumerate(blocks, start=2):
        for block in range(1, count + 1):
            here = f"{stage}_{block}"
            body = [net[f"conv{here}_{n}"] for n in range(1, len(kernels) + 1)]
            assert tuple(layer.kernel[0] for layer in body) == kernels
            assert net.sources[body[0].name] == (before,)
            strides = [layer.stride for layer in body if layer.kernel == (3, 3)]
            assert strides[0] == ((2, 2) if stage > 2 and block == 1 else (1, 1))
            assert {layer.stride for layer in body if layer.kernel == (1, 1)} <= {(1, 1)}
            end, shortcut = net.sources[f"add{here}"]
            assert end == f"bn{here}_{len(kernels)}"
            if net.shapes[before] == net.shapes[end]:
                assert shortcut == before
            else:
                assert block == 1
                assert shortcut == f"bn{here}_down"
                assert net.sources[shortcut] == (f"conv{here}_down",)
                assert net.sources[f"conv{here}_down"] == (before,)
                assert net[f"conv{here}_down"].kernel == (1, 1)
            joined.append(f"add{here}")
            before = f"relu{here}"
            assert net.sources[before] == (joined[-1],)
    assert net.sources["pool5"] == (before,)
    assert [layer.name for layer in net.layers if isinstance(layer, Add)] == joined


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v1"])
def test_convolutions_that_are_normalised_have_no_bias(name):
    net = ppsim.load_workload(name)
    normalised = [net.sources[layer.name][0] for layer in net.layers if isinstance(layer, BatchNorm)]
    assert normalised == [layer.name for layer in convolutions(net)]
    assert not any(layer.bias for layer in convolutions(net))
    trained = sum(2 * layer.out_channels for layer in convolutions(net)) + 1000  # scales and shifts; biases of fc
    assert net.parameters == net.weights + trained


def test_depthwise_convolutions_have_a_group_for_each_channel():
    net = ppsim.load_workload("mobilenet_v1", batch=3)
    depthwise = [layer for layer in convolutions(net) if layer.name.endswith("_dw")]
    assert [layer.name for layer in depthwise] == [f"conv{n}_dw" for n in range(1, 14)]
    for layer in depthwise:
        channels, height, width = net.shapes[layer.name]
        assert net.input_shapes_of(layer.name)[0][0] == channels == layer.groups == layer.out_channels
        assert net.gemm_of(layer.name) == Gemm(m=3 * height * width, k=9, n=1, groups=channels)
        assert net.gemm_of(layer.name).weights == 9 * channels
    rest = [layer for layer in convolutions(net) if layer not in depthwise]
    assert [layer.name for layer in rest] == ["conv0", *(f"conv{n}_pw" for n in range(1, 14))]
    assert {(layer.groups, layer.kernel) for layer in rest[1:]} == {(1, (1, 1))}
    assert set(net.match("*")) == {layer.name for layer in rest} | {"fc"}


def test_he_prunes_channels_and_nothing_else():
    dense, pruned = ppsim.load_workload("vgg16"), ppsim.load_workload("vgg16-he5x")
    channels = iter(HE_5X)
    assert pruned.layers == tuple(
        replace(layer, out_channels=next(channels)) if isinstance(layer, Conv) else layer for layer in dense.layers
    )
    assert next(channels, None) is None
    kernels = [9 * a * b for a, b in pairwise((3, *HE_5X))]
    sides = [224] * 2 + [112] * 2 + [56] * 3 + [28] * 3 + [14] * 3
    fc = 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    assert pruned.weights == sum(kernels) + fc
    assert pruned.parameters == sum(kernels) + fc + sum(HE_5X) + 2 * 4096 + 1000
    assert pruned.macs == sum(weights * side**2 for weights, side in zip(kernels, sides, strict=True)) + fc


@pytest.mark.parametrize(
    ("side", "plain", "overlapped"),
    [(16, 3.956, 4.13), (32, 3.652, 3.95), (64, 2.978, 3.29), (128, 2.452, 2.68), (256, 2.070, 2.15)],
)
def test_channel_pruning_pays_less_on_larger_arrays(side, plain, overlapped):
    """He et al. remove 78 % of the MACs of VGG-16's convolutions; folds of a large array stay, only emptier."""

    def cycles(name: str, overlap: bool) -> int:
        net = ppsim.load_workload(name)
        products = [net.gemm_of(layer.name) for layer in convolutions(net)]
        return sum(ppsim.compute_cycles(p.m, p.k, p.n, side, side, "ws", overlap=overlap) for p in products)

    assert cycles("vgg16", False) / cycles("vgg16-he5x", False) == pytest.approx(plain, abs=0.0005)
    assert cycles("vgg16", True) / cycles("vgg16-he5x", True) == pytest.approx(overlapped, rel=0.01)


@pytest.mark.parametrize("name", ["lenet300", "mlp_mnist"])
def test_perceptrons_are_their_sizes(name):
    net = ppsim.load_workload(name)
    sizes = [net.input_shape[0], *(layer.out_features for layer in net.layers if isinstance(layer, Linear))]
    assert sizes == {"lenet300": [784, 300, 100, 10], "mlp_mnist": [784, 512, 512, 10]}[name]
    assert vector_operations(net) == sum(sizes[1:-1]) + 4 * 10  # ReLU, and a softmax of 4 an element
    assert net.parameters == net.weights + sum(sizes[1:])
    assert net.macs == net.weights == sum(a * b for a, b in pairwise(sizes))


def channels_only(dense: LayerGraph, pruned: LayerGraph) -> bool:
    """Whether networks differ in output channels of convolutions alone, and in samplers before them."""

    def bare(net: LayerGraph) -> list[Layer]:
        found = [layer for layer in net.layers if not isinstance(layer, Sample)]
        return [replace(layer, out_channels=1) if isinstance(layer, Conv) else layer for layer in found]

    return bare(dense) == bare(pruned)


@pytest.mark.parametrize(
    ("name", "removed", "rates"),
    [
        ("resnet56-cacp30", 29.5, CACP_30),
        ("resnet56-cacp50", 49.3, CACP_50),
        ("resnet56-cacp70", 69.6, CACP_70),
    ],
)
def test_cacp_prunes_the_first_convolution_of_each_block(name, removed, rates):
    dense, pruned = ppsim.load_workload("resnet56"), ppsim.load_workload(name)
    widths = [layer.out_channels for layer in convolutions(dense) if layer.name.endswith("_1")]
    found = [layer.out_channels for layer in convolutions(pruned) if layer.name.endswith("_1")]
    assert widths == [16] * 9 + [32] * 9 + [64] * 9
    assert found == [round(rate * width) for rate, width in zip(rates, widths, strict=True)]
    others = [layer for layer in convolutions(pruned) if not layer.name.endswith("_1")]
    assert others == [layer for layer in convolutions(dense) if not layer.name.endswith("_1")]
    assert channels_only(dense, pruned)
    assert round(100 * (1 - pruned.macs / dense.macs), 1) == removed


def test_shortcuts_of_resnet56_have_no_convolutions():
    """Option A: every second pixel of every second row, and zeros for the channels that are new."""
    net = ppsim.load_workload("resnet56")
    assert len(convolutions(net)) == 55
    pads = [layer for layer in net.layers if isinstance(layer, Pad)]
    assert [(pad.name, net.shapes[pad.name]) for pad in pads] == [("pad3_1", (32, 16, 16)), ("pad4_1", (64, 8, 8))]
    for pad in pads:
        ((source,),) = [net.sources[pad.name]]
        assert net[source] == replace(EVERY_SECOND, name=source, inputs=net.sources[source])
        (channels, *_) = net.shapes[source]
        assert pad.after == channels


def test_resnet50_has_its_strides_in_other_convolutions_than_its_first_version():
    later, first = ppsim.load_workload("resnet50"), ppsim.load_workload("resnet50-v1")
    strides = [{layer.name[4:]: layer.stride for layer in convolutions(net)} for net in (first, later)]
    assert strides[0] != strides[1]
    for stage in (3, 4, 5):
        assert strides[0][f"{stage}_1_1"] == strides[1][f"{stage}_1_2"] == (2, 2)
    widths = [[layer.out_channels for layer in convolutions(net)] for net in (first, later)]
    assert widths[0] == widths[1]
    assert first.parameters == later.parameters


def test_channel_pruned_resnet50_has_1_485_times_fewer_macs():
    """Not 2, which is what its authors set out for. Samplers stand where a branch reads some channels alone."""
    dense, pruned = ppsim.load_workload("resnet50-v1"), ppsim.load_workload("resnet50-he2x")
    assert channels_only(dense, pruned)
    fc = 2048 * 1000
    assert (dense.macs - fc) / (pruned.macs - fc) == pytest.approx(1.485, abs=0.0005)
    samples = {layer.name: layer for layer in pruned.layers if isinstance(layer, Sample)}
    assert len(samples) == 16
    for name, sample in samples.items():
        (there, *_), *_ = pruned.input_shapes_of(name)
        assert sample.channels < there
        conv = name.replace("sample", "conv") + "_1"
        assert pruned.sources[conv] == (name,)
        assert dense.sources[conv] == pruned.sources[name]
    # the channels that the first convolutions of the stages read, and those of the second ones of a stage's first block
    assert [samples[f"sample{stage}_1"].channels for stage in (2, 3, 4, 5)] == [35, 144, 278, 606]
    assert [pruned[f"conv{stage}_1_2"].out_channels for stage in (2, 3, 4, 5)] == [55, 106, 225, 433]
