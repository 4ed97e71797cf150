"""Least squares on what is left: against NumPy's own, and for what it promises."""

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import input_shape, outputs_of


def inputs_for(model, count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, *input_shape(model.graph))).astype(np.float32)


def test_one_layer_against_numpy():
    """With a vanishing ridge each part is an ordinary least squares problem of its own units."""
    model = perceptron(10, 6)
    net = ppsim.partition(model, 2, layers="*", method="random", seed=4)
    mixing = np.random.default_rng(1).standard_normal((10, 10)).astype(np.float32)
    inputs = inputs_for(model, 400) @ mixing + 1
    fitted = ppsim.compensate(model, net, inputs, ridge=1e-9)
    wanted = outputs_of(model, inputs, ["fc1"])["fc1"]
    layer = net.layers["fc1"]
    for part in range(2):
        columns, rows = layer.part_of("in") == part, layer.part_of("out") == part
        design = np.column_stack((inputs[:, columns], np.ones(len(inputs))))
        best = np.linalg.lstsq(design.astype(np.float64), wanted[:, rows].astype(np.float64), rcond=None)[0]
        assert np.allclose(fitted.weight("fc1")[np.ix_(rows, columns)], best[:-1].T, atol=1e-3)
        assert np.allclose(fitted.tensors["fc1"]["bias"][rows], best[-1], atol=1e-3)


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize(("make", "layers"), [(lambda: perceptron(16, 24, 24, 5), "*"), (branches, "fc*,conv5")])
def test_it_changes_what_is_kept_alone_and_brings_outputs_nearer(make, layers, parts):
    model = make()
    net = ppsim.partition(model, parts, layers=layers)
    inputs = inputs_for(model, 600)
    calls = []
    fitted = ppsim.compensate(model, net, inputs, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, len(net.layers)) for i in range(len(net.layers))]
    cut = masked(model, masks_of(net))
    for name, mask in masks_of(net).items():
        assert not fitted.weight(name)[~mask].any()
    for layer in model.graph.layers:
        if layer.name not in net.layers:
            assert fitted.tensors.get(layer.name) == model.tensors.get(layer.name)
    (before,), (after,) = output_changes(model, cut, inputs), output_changes(model, fitted, inputs)
    if parts == 1:
        assert after.relative_error < 1e-5
        assert after.same_largest == 1
    else:
        assert after.relative_error < 0.9 * before.relative_error


def test_layers_without_a_bias_get_none():
    model = branches()
    net = ppsim.partition(model, 2, layers="conv3")
    fitted = ppsim.compensate(model, net, inputs_for(model, 50))
    assert set(fitted.tensors["conv3"]) == {"weight"}


def test_inputs_that_are_always_zero_do_no_harm():
    model = perceptron(16, 12, 4)
    inputs = inputs_for(model, 100)
    inputs[:, ::2] = 0
    fitted = ppsim.compensate(model, ppsim.partition(model, 4, layers="*"), inputs)
    assert all(np.isfinite(array).all() for tensors in fitted.tensors.values() for array in tensors.values())
    ppsim.compensate(model, ppsim.partition(model, 4, layers="*"), np.zeros_like(inputs))


@pytest.mark.parametrize("offset", [10, 1000])
def test_inputs_far_from_zero(offset):
    """What varies counts, not where it lies: the same fit as about zero."""
    model = perceptron(16, 12)
    net = ppsim.partition(model, 4, layers="*")
    inputs = inputs_for(model, 500)
    near, far = (ppsim.compensate(model, net, values).weight("fc1") for values in (inputs, inputs + np.float32(offset)))
    assert np.allclose(near, far, atol=2e-3)


def test_constant_inputs_change_biases_alone():
    model = perceptron(16, 12)
    net = ppsim.partition(model, 4, layers="*")
    inputs = np.full((50, 16), 0.1, np.float32)
    fitted = ppsim.compensate(model, net, inputs)
    assert np.allclose(fitted.weight("fc1"), masked(model, masks_of(net)).weight("fc1"), atol=1e-3)
    (change,) = output_changes(model, fitted, inputs)
    assert change.relative_error < 1e-4


@pytest.mark.parametrize(
    ("count", "ridge", "message"), [(1, 1e-3, "least squares need"), (9, 0, "ridge=0"), (9, np.inf, "ridge=inf")]
)
def test_what_cannot_be_fitted(count, ridge, message):
    model = perceptron(8, 4)
    with pytest.raises(ppsim.InputError, match=message):
        ppsim.compensate(model, ppsim.partition(model, 2, layers="*"), inputs_for(model, count), ridge=ridge)
