"""Layers that read some units of their input: the rest of their weights might as well be zero."""

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.sampling import sampled, sampled_model
from ppsim.workload.copying import Sample
from ppsim.workload.evaluation import input_shape, outputs_of

KEPT = {"conv4": (0, 3, 5), "conv5": (1, 2, 9, 13), "fc2": tuple(range(0, 24, 2))}


def test_what_is_not_read_might_as_well_be_zero():
    model = branches()
    found = sampled_model(model, KEPT)
    zeroed = {}
    for name, units in KEPT.items():
        weight = np.zeros_like(model.weight(name))
        weight[:, units] = model.weight(name)[:, units]
        zeroed[name] = {"weight": weight}
    inputs = np.random.default_rng(0).standard_normal((4, *input_shape(model.graph))).astype(np.float32)
    names = [layer.name for layer in model.graph.layers]
    got, wanted = outputs_of(found, inputs, names), outputs_of(model.with_tensors(zeroed), inputs, names)
    for name in names:
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-4, atol=1e-4)
    whole = outputs_of(model, inputs, names)["fc3"]
    assert not np.allclose(got["fc3"], whole, atol=1e-2)
    assert found.graph.macs < model.graph.macs


def test_the_structure_alone():
    net = ppsim.load_workload("resnet50-v1")
    pruned = ppsim.load_workload("resnet50-he2x")
    counts = {}
    for layer in pruned.layers:
        if isinstance(layer, Sample):
            counts[layer.name.replace("sample", "conv") + "_1"] = layer.channels
    found = sampled(net, counts)
    assert found["sample_conv2_1_1"] == Sample(name="sample_conv2_1_1", channels=35)
    assert found.sources["conv2_1_1"] == ("sample_conv2_1_1",)
    for name, count in counts.items():
        assert found.gemm_of(name).k == count
        assert found.sources[f"sample_{name}"] == net.sources[name]
    taken = sampled(sampled(net, {"fc": 9}), {"fc": 3})
    assert [layer.name for layer in taken.layers[-4:]] == ["sample_fc", "sample_fc_", "fc", "softmax"]


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        ({"relu1": 1}, "kept: 'relu1' is no linear layer or ungrouped convolution; there are: fc1, fc2"),
        ({"fc2": 0}, "kept: layer 'fc2': accepted: 1 to 6 units, or their numbers from 0 to 5, ascending"),
        ({"fc2": 7}, "kept: layer 'fc2': accepted: 1 to 6"),
        ({"fc2": ()}, "kept: layer 'fc2': accepted: 1 to 6"),
        ({"fc2": (0, 6)}, "kept: layer 'fc2': accepted: 1 to 6"),
        ({"fc2": (2, 1)}, "kept: layer 'fc2': accepted: 1 to 6"),
        ({"fc2": (1, 1)}, "kept: layer 'fc2': accepted: 1 to 6"),
    ],
)
def test_units_that_cannot_be_sampled(kept, says):
    with pytest.raises(ppsim.InputError) as caught:
        sampled(perceptron(4, 6, 3).graph, kept)
    assert says in str(caught.value)
