"""What is left learns, what is pruned stays at zero."""

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.finetune import Schedule
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import input_shape


@pytest.mark.parametrize(("make", "layers"), [(lambda: perceptron(16, 32, 32, 5), "fc1,fc2"), (branches, "fc*,conv5")])
def test_it_learns_with_the_weights_that_are_left(make, layers):
    model = make()
    inputs = np.random.default_rng(0).standard_normal((1500, *input_shape(model.graph))).astype(np.float32)
    net = ppsim.partition(model, 2, layers=layers)
    before = masked(model, masks_of(net))
    calls = []
    plan = Schedule(epochs=4, rate=5e-3, batch=50)
    tuned = ppsim.finetune(before, net, model, inputs, plan, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, 120) for i in range(120)]
    for name, mask in masks_of(net).items():
        assert not tuned.weight(name)[~mask].any()
        assert (
            tuned.weight(name)[mask] != before.weight(name)[mask]
        ).mean() > 0.5  # units that never fire learn nothing
    if "conv1" in model.tensors:  # lies before the first layer that is cut
        assert tuned.tensors["conv1"] == before.tensors["conv1"]
    (change,), (was,) = output_changes(model, tuned, inputs), output_changes(model, before, inputs)
    assert change.same_largest > was.same_largest + 0.02
    again = ppsim.finetune(before, net, model, inputs, plan)
    assert all(np.array_equal(again.weight(name), tuned.weight(name)) for name in net.layers)
    other = ppsim.finetune(before, net, model, inputs, plan, seed=1)
    assert not np.array_equal(other.weight("fc1"), tuned.weight("fc1"))


def test_it_needs_inputs():
    model = perceptron(8, 8, 4)
    with pytest.raises(ppsim.InputError, match="fine-tuning: 1 inputs"):
        ppsim.finetune(model, ppsim.partition(model, 2), model, np.zeros((1, 8)))
