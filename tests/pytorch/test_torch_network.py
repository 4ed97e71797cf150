"""A network in PyTorch computes what it computes in onnxruntime."""

import numpy as np
import pytest
import torch
from models import branches, perceptron, with_weights

import ppsim
from ppsim.pruning.finetune import Schedule
from ppsim.pruning.torch_network import OPERATIONS, forward, needed, numbers_of, unchanged_inputs
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Concat, Conv, Elementwise, Flatten, Linear, Pool, Softmax

KINDS = LayerGraph(
    "kinds",
    (4, 9, 9),
    (
        Conv(name="c", out_channels=6, kernel=(3, 2), stride=(2, 1), padding=(1, 0), groups=2),
        Pool(name="max", kernel=(2, 2), stride=(1, 1), padding=(1, 1), ceil=True),
        Pool(name="mean", mode="average", kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
        *(Elementwise(name=op, op=op) for op in ("relu6", "sigmoid", "tanh", "identity")),
        Softmax(name="grouped", groups=3),
        Concat(name="both", inputs=("grouped", "mean")),
        Sample(name="some", channels=3, kept=(0, 4, 11)),
        Pad(name="more", before=1, after=2),
        Conv(name="last", out_channels=2, kernel=(1, 1)),
    ),
)
SEQUENCE = LayerGraph(
    "sequence",
    (6, 5),
    (
        Linear(name="a", out_features=8),
        Elementwise(name="g", op="gelu"),
        Linear(name="b", out_features=3),
        Sample(name="some", channels=2),
        Pad(name="more", before=2, after=1),
        Flatten(name="f"),
        Linear(name="c", out_features=4),
    ),
)


@pytest.mark.parametrize("model", [perceptron(7, 9, 4), branches(), with_weights(KINDS), with_weights(SEQUENCE)])
def test_outputs(model):
    inputs = np.random.default_rng(0).standard_normal((3, *input_shape(model.graph))).astype(np.float32)
    names = [layer.name for layer in model.graph.layers]
    numbers, wanted = numbers_of(model), outputs_of(model, inputs, names)
    for name in names:
        found = forward(model.graph, numbers, {INPUT: torch.tensor(inputs)}, name)
        assert np.allclose(found.numpy(), wanted[name], atol=1e-4), name


def test_only_what_is_needed_is_computed():
    model = branches()
    assert [layer.name for layer in needed(model.graph, {"flatten"}, "fc2")] == ["fc1", "norm", "fc2"]
    assert unchanged_inputs(model.graph, {"conv3", "fc1"}, "fc3") == ["prelu2", "relu1", "conv4"]
    assert unchanged_inputs(model.graph, {"fc2"}, "fc3") == ["norm"]


def test_layers_without_a_derivative_are_named():
    net = ppsim.load_workload("gpt2", sequence=4)
    with pytest.raises(
        ppsim.InputError, match="gpt2: layer 'embedding': no derivatives of a Embedding; there are: Conv"
    ):
        forward(net, {}, {INPUT: torch.zeros(1, 4)}, "norm1_0")
    assert len(OPERATIONS) == 13


def test_what_cannot_be_judged_or_tuned():
    model = perceptron(8, 12, 1)
    inputs = np.ones((9, 8), np.float32)
    with pytest.raises(ppsim.InputError, match="goes by the result 'fc2', which has one unit"):
        ppsim.partition(model, 2, layers="fc1", method="output", calibration=inputs)
    with pytest.raises(ppsim.InputError, match="'fc2' has one alone"):
        ppsim.finetune(model, ppsim.partition(model, 2, layers="fc1"), model, inputs)
    nothing = ppsim.PartitionedGraph(model.graph, 1, {})
    assert ppsim.finetune(model, nothing, model, inputs) is model
    # nothing is cut on both sides, so there is nothing to search
    assert ppsim.partition(model, 8, layers="fc2", method="output", calibration=inputs).layers["fc2"].split == "inputs"
    with pytest.raises(ppsim.InputError, match="schedule: epochs=0"):
        Schedule(epochs=0)
    pool = LayerGraph("net", (2, 6, 6), (Pool(name="p", kernel=(2, 2), padding=(1, 2)),))
    with pytest.raises(ppsim.InputError, match="layer 'p': padding"):
        forward(pool, {}, {INPUT: torch.zeros(1, 2, 6, 6)}, "p")
