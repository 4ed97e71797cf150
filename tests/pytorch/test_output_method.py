"""Cuts chosen by what the network still computes."""

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.judge import output_judge
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.methods import METHODS
from ppsim.pruning.methods.contract import Problem
from ppsim.pruning.output_change import results_of
from ppsim.pruning.sides import cut_of
from ppsim.workload.evaluation import input_shape, outputs_of


def inputs_for(model, count=200):
    return np.random.default_rng(0).standard_normal((count, *input_shape(model.graph))).astype(np.float32)


def distance(model, other, inputs) -> float:
    """1 - cos of the angle between all outputs, each input's about their mean."""
    name = results_of(model.graph)[0]
    one, two = (outputs_of(m, inputs, [name])[name].astype(np.float64) for m in (model, other))
    one, two = (values - values.mean(axis=1, keepdims=True) for values in (one, two))
    return 1 - (one * two).sum() / np.linalg.norm(one) / np.linalg.norm(two)


@pytest.mark.parametrize(("make", "layers"), [(lambda: perceptron(12, 18, 12, 4), "fc1,fc2"), (branches, "fc*,conv5")])
def test_the_judge_measures_what_the_cut_network_computes(make, layers):
    model = make()
    inputs = inputs_for(model)
    names = model.graph.match(layers)
    cut = cut_of(model.graph, names, 2)
    judge = output_judge(model, cut, inputs)
    assignment = METHODS["random"](Problem(2, cut.atoms, seed=5))
    net = ppsim.partition(model, 2, layers=layers, method="random", seed=5)
    said, _ = judge(assignment)
    assert said == pytest.approx(distance(model, masked(model, masks_of(net)), inputs), abs=1e-5)


def test_the_derivative_is_that_of_a_weights_presence():
    model = perceptron(6, 8, 5)
    inputs = inputs_for(model)
    cut = cut_of(model.graph, ("fc1", "fc2"), 2)
    assignment = METHODS["random"](Problem(2, cut.atoms, seed=1))
    said, slopes = output_judge(model, cut, inputs)(assignment)
    masks = masks_of(ppsim.partition(model, 2, layers="*", method="random", seed=1))
    for name, slope in zip(masks, slopes, strict=True):
        for i, j in [(0, 0), (3, 2), (4, 5)]:
            nudged = masked(model, masks).with_tensors({})
            weight = nudged.weight(name).copy()
            weight[i, j] += 0.01 * model.weight(name)[i, j]  # a hundredth of it comes back, or is there twice
            there = distance(model, nudged.with_tensors({name: {"weight": weight}}), inputs)
            assert (there - said) / 0.01 == pytest.approx(slope[i, j], abs=2e-3)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize(
    ("make", "layers"), [(lambda: perceptron(24, 32, 32, 6), "fc1,fc2"), (branches, "fc1,fc2,conv5")]
)
def test_it_is_nearer_than_random_cuts(make, layers, parts):
    (model,) = (make(),)
    inputs = inputs_for(model)

    def measured(method, seed):
        net = ppsim.partition(model, parts, layers=layers, method=method, seed=seed, calibration=inputs)
        sizes = [np.bincount(layer.part_of("out")) for layer in net.layers.values()]
        assert all(size.max() - size.min() <= 1 for size in sizes)
        return distance(model, masked(model, masks_of(net)), inputs)

    found = measured("output", 0)
    assert found == measured("output", 0)
    assert found < 0.9 * min(measured("random", seed) for seed in range(5))
    assert found <= measured("alternating", 0)
