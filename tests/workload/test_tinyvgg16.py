"""The shipped networks: shapes, parameters and MACs, held to configuration D of VGG and to published totals."""

from itertools import pairwise
from math import prod

import pytest

import ppsim
from ppsim.documents import names
from ppsim.workload.gemm import Gemm
from ppsim.workload.layers import Conv, Elementwise, Linear, Pool

#: VGG configuration D: convolutions of each block
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
NETWORKS = {
    "tinyvgg16": (64, 5, (2048, 4096, 4096, 200)),
    "tinyvgg16-25088": (224, 5, (25088, 4096, 2048, 200)),
    "tinyvgg16-32768": (128, 4, (32768, 4096, 4096, 200)),
}


def test_what_is_shipped():
    assert set(NETWORKS) <= set(names("workloads"))


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes(name):
    side, blocks, fc = NETWORKS[name]
    net = ppsim.load_workload(name)
    assert net.name == name
    assert (net.input_shape, net.batch, net.bits) == ((3, side, side), 1, None)
    expected = {}
    for block, channels in enumerate(BLOCKS[:blocks], start=1):
        for number, count in enumerate(channels, start=1):
            expected[f"conv{block}_{number}"] = expected[f"relu{block}_{number}"] = (count, side, side)
        side //= 2
        expected[f"pool{block}"] = (channels[-1], side, side)
    expected["flatten"] = (fc[0],)
    assert fc[0] == prod(expected[f"pool{blocks}"])
    for number, units in zip((6, 7, 8), fc[1:], strict=True):
        expected[f"fc{number}"] = expected[f"relu{number}"] = (units,)
    expected["softmax"] = expected.pop("relu8")
    assert dict(net.shapes) == {"input": net.input_shape} | expected


@pytest.mark.parametrize(
    ("name", "expected_weights", "macs"),
    [
        # FC weights are FC MACs at batch 1; VGG-16's convolutions have 14,710,464 weights (biases not counted) and,
        # at 224x224, 15,346,630,656 MACs, a multiple of the number of pixels
        ("tinyvgg16", 40_695_488, 15_346_630_656 * 64**2 // 224**2 + 25_985_024),
        ("tinyvgg16-25088", 14_710_464 + 111_558_656, 15_346_630_656 + 111_558_656),
        ("tinyvgg16-32768", 14_710_464 - 3 * 9 * 512**2 + 151_814_144, None),
    ],
)
def test_parameters_and_macs(name, expected_weights, macs):
    net = ppsim.load_workload(name)
    assert net.weights == expected_weights
    weights, biases, total = 0, 0, 0
    channels, (side, blocks, fc) = 3, NETWORKS[name]
    for block in BLOCKS[:blocks]:
        for count in block:
            weights += 9 * channels * count
            biases += count
            total += 9 * channels * count * side**2
            channels = count
        side //= 2
    dense = sum(a * b for a, b in pairwise(fc))
    assert net.weights == weights + dense
    assert net.parameters == weights + dense + biases + sum(fc[1:])
    assert net.macs == total + dense
    assert macs in (None, net.macs)
    assert ppsim.load_workload(name, batch=7).macs == 7 * net.macs
    assert ppsim.load_workload(name, batch=7).parameters == net.parameters
    assert ppsim.load_workload(name, batch=7).weights == net.weights


def test_lowering():
    net = ppsim.load_workload("tinyvgg16", batch=2)
    assert net.gemm_of("conv1_1") == Gemm(m=2 * 64 * 64, k=27, n=64)
    assert net.gemm_of("conv5_3") == Gemm(m=2 * 4 * 4, k=9 * 512, n=512)
    assert net.gemm_of("fc6") == Gemm(m=2, k=2048, n=4096)
    assert net.gemm_of("fc8") == Gemm(m=2, k=4096, n=200)
    assert [net.gemm_of(name) for name in ("relu6", "pool1", "flatten", "softmax")] == [None] * 4


def test_every_layer_but_the_last_feeds_the_next():
    net = ppsim.load_workload("tinyvgg16")
    order = ["input", *(layer.name for layer in net.layers)]
    assert [net.sources[name] for name in order[1:]] == [(name,) for name in order[:-1]]
    kinds = [type(layer) for layer in net.layers]
    assert [kinds.count(kind) for kind in (Conv, Linear, Pool, Elementwise)] == [13, 3, 5, 15]


def test_vector_operations():
    """Pooling: one for each of the four elements of a window; ReLU: one an element; softmax: four."""
    net = ppsim.load_workload("tinyvgg16", batch=3)

    def operations(name: str) -> int:
        return net[name].vector_operations(net.input_shapes_of(name), net.batch)

    assert operations("relu1_1") == 3 * 64 * 64 * 64
    assert operations("pool1") == 3 * 64 * 64 * 64
    assert operations("softmax") == 3 * 4 * 200
    assert [operations(name) for name in ("conv1_1", "fc6", "flatten")] == [0, 0, 0]


def test_the_batch_and_the_width_are_those_asked_for():
    net = ppsim.load_workload("tinyvgg16", batch=4, bits=8)
    assert (net.batch, net.bits) == (4, 8)
    assert net.with_batch(1) == ppsim.load_workload("tinyvgg16", bits=8)
