"""Training towards low rank: steps that lower the nuclear norm, and weights that lose little when truncated."""

import numpy as np
import pytest
import torch
from models import branches, perceptron

import ppsim
from ppsim.pruning.finetune import Schedule
from ppsim.pruning.low_rank import as_matrix, factorisation_of, factorised_model, rank_of_energy
from ppsim.pruning.nuclear_norm import nuclear_norm, nuclear_step, train_low_rank, truncate
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.layers import Conv, Linear

LAYERS = [
    (Linear(name="l", out_features=6), (6, 9), "channel"),
    (Conv(name="l", out_channels=6, kernel=(3, 2)), (6, 4, 3, 2), "channel"),
    (Conv(name="l", out_channels=6, kernel=(3, 2)), (6, 4, 3, 2), "spatial"),
]


def drawn(shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape), dtype=torch.float32)


@pytest.mark.parametrize(("layer", "shape", "kind"), LAYERS)
def test_a_step_lowers_every_singular_value(layer, shape, kind):
    weight = drawn(shape)
    before = nuclear_norm(weight, layer, kind)
    values = np.linalg.svd(as_matrix(weight.numpy(), factorisation_of(layer, kind)), compute_uv=False)
    assert float(before) == pytest.approx(values.sum(), rel=1e-5)
    nuclear_step(weight, layer, 0.1, kind)
    after = np.linalg.svd(as_matrix(weight.numpy(), factorisation_of(layer, kind)), compute_uv=False)
    np.testing.assert_allclose(after, values - 0.1, atol=1e-4)
    assert nuclear_norm(weight, layer, kind) < before


@pytest.mark.parametrize(("layer", "shape", "kind"), LAYERS)
def test_a_step_is_against_the_gradient_of_the_norm(layer, shape, kind):
    weight = drawn(shape).requires_grad_()
    nuclear_norm(weight, layer, kind).backward()
    moved = weight.detach().clone()
    nuclear_step(moved, layer, 0.25, kind)
    np.testing.assert_allclose(moved.numpy(), (weight - 0.25 * weight.grad).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(("layer", "shape", "kind"), LAYERS)
def test_truncation_is_by_rank_or_by_energy(layer, shape, kind):
    for rank in (2, 0.8, 1.0):
        weight = drawn(shape)
        wanted = rank if isinstance(rank, int) else rank_of_energy(weight.numpy(), rank, kind)
        assert truncate(weight, layer, rank, kind) == wanted
        assert np.linalg.matrix_rank(as_matrix(weight.numpy(), factorisation_of(layer, kind)), 1e-4) == wanted
    nuclear_step(weight := drawn(shape), layer, 0, kind)
    assert torch.equal(weight, drawn(shape))
    truncate(weight, layer, 2, kind)
    nuclear_step(weight, layer, 0.1, kind)  # zero singular values stay zero
    assert np.linalg.matrix_rank(as_matrix(weight.numpy(), factorisation_of(layer, kind)), 1e-4) == 2


@pytest.mark.parametrize(
    ("make", "ranks", "kind"),
    [
        (lambda: perceptron(16, 32, 32, 5), {"fc1": 6, "fc2": 6}, "channel"),
        (branches, {"conv5": 2, "fc1": 4}, "channel"),
        (branches, {"conv5": 4, "fc1": 4}, "spatial"),
    ],
)
def test_training_loses_less_than_one_truncation(make, ranks, kind):
    model = make()
    inputs = np.random.default_rng(0).standard_normal((1200, *input_shape(model.graph))).astype(np.float32)
    calls = []
    plan = Schedule(epochs=6, rate=5e-3, batch=50)
    found = train_low_rank(model, ranks, inputs, kind, plan, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, 144) for i in range(144)]
    assert dict(found.ranks) == ranks
    trained, once = (factorised_model(one, ranks, kind) for one in (found.model, model))
    assert trained.graph == once.graph
    last = model.graph.layers[-1].name
    for name in (last, *ranks):  # truncated at the end, so that two layers compute what one did
        wanted = outputs_of(found.model, inputs[:50], [name])[name]
        np.testing.assert_allclose(outputs_of(trained, inputs[:50], [name])[name], wanted, rtol=1e-3, atol=1e-3)
    fresh = np.random.default_rng(1).standard_normal((500, *input_shape(model.graph))).astype(np.float32)
    (change,), (was,) = output_changes(model, trained, fresh), output_changes(model, once, fresh)
    assert change.same_largest > was.same_largest + 0.02
    wanted, learnt, cut = (outputs_of(one, fresh, [last])[last] for one in (model, trained, once))

    def divergence(outputs):
        first, second = (torch.tensor(values).log_softmax(1) for values in (wanted, outputs))
        return float((first.exp() * (first - second)).sum(1).mean())

    assert divergence(learnt) < 0.7 * divergence(cut)


def test_a_share_of_energy_finds_the_ranks_and_a_stronger_norm_lower_ones():
    model = perceptron(12, 24, 24, 4)
    inputs = np.random.default_rng(0).standard_normal((600, 12)).astype(np.float32)
    plan = Schedule(epochs=3, rate=1e-2, batch=50)
    weak, strong = (
        train_low_rank(model, {"fc1": 0.9, "fc2": 0.9}, inputs, schedule=plan, strength=strength, period=9)
        for strength in (0.0, 1.0)
    )
    for name in ("fc1", "fc2"):
        assert np.linalg.matrix_rank(weak.model.weight(name), 1e-4) == weak.ranks[name] < 24
        assert strong.ranks[name] <= weak.ranks[name]
        norms = [np.linalg.svd(one.model.weight(name), compute_uv=False).sum() for one in (strong, weak)]
        assert norms[0] < norms[1]
    assert sum(strong.ranks.values()) < sum(weak.ranks.values())


@pytest.mark.parametrize(
    ("ranks", "more", "says"),
    [
        ({"fc1": 9}, {}, "ranks: layer 'fc1': 9 is out of range; accepted: 1 to 8"),
        ({"fc1": 1.5}, {}, "ranks: layer 'fc1': 1.5; accepted: ranks, and shares of energy as floats to 1.0"),
        ({"relu1": 2}, {}, "ranks: 'relu1' is no linear layer"),
        ({}, {}, "ranks: layers that 'fc2' depends on are accepted, got none"),
        ({"fc1": 2}, {"period": 0}, "period=0, strength=0.0003; accepted: period from 1, strength from 0"),
    ],
)
def test_what_cannot_be_trained(ranks, more, says):
    with pytest.raises(ppsim.InputError) as caught:
        train_low_rank(perceptron(8, 8, 4), ranks, np.ones((9, 8), np.float32), **more)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
