"""Choosing channels: losses against NumPy's least squares, choices against all subsets and against worse methods."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppsim.pruning.channels import SELECTIONS
from ppsim.pruning.channels.compensation import eliminated
from ppsim.pruning.channels.contract import Problem, Reading
from ppsim.pruning.channels.lasso import path

RIDGE = 0.5


def drawn(seed, atoms=6, each=2, outputs=3, rows=80, sources=None):
    """What a layer reads, (rows, columns), mixed from few sources, its weights, and what it should make."""
    draw = np.random.default_rng(seed)
    sources = sources or atoms
    inputs = draw.standard_normal((rows, sources)) @ draw.standard_normal((sources, atoms * each))
    inputs += 0.1 * draw.standard_normal(inputs.shape)
    weights = draw.standard_normal((atoms * each, outputs))
    return inputs, weights, inputs @ weights + 0.1 * draw.standard_normal((rows, outputs))


def reading_of(inputs, weights, makes, ridge=RIDGE):
    hessian = inputs.T @ inputs + ridge * np.eye(inputs.shape[1])
    best = np.linalg.solve(hessian, inputs.T @ makes + ridge * weights)
    least = np.square(inputs @ best - makes).sum() + ridge * np.square(best - weights).sum()
    return Reading(hessian, best, weights, least, float(np.square(makes).sum()))


def problem_of(*parts, atoms=6, wanted=3, seed=0):
    filters = np.random.default_rng(seed).random(atoms)
    return Problem(atoms, wanted, filters, lambda: tuple(reading_of(*part) for part in parts), seed)


def direct_loss(inputs, weights, makes, kept, atoms=6):
    """The loss by NumPy's least squares: the ridge as further rows, the columns of what goes left out."""
    each = inputs.shape[1] // atoms
    columns = (np.asarray(kept)[:, None] * each + np.arange(each)).reshape(-1)
    design = np.vstack((inputs, np.sqrt(RIDGE) * np.eye(inputs.shape[1])))[:, columns]
    wanted = np.vstack((makes, np.sqrt(RIDGE) * weights))
    fitted = np.linalg.lstsq(design, wanted, rcond=None)[0]
    return np.square(design @ fitted - wanted).sum() / np.square(makes).sum()


@settings(max_examples=40)
@given(st.integers(0, 99), st.sets(st.integers(0, 5), min_size=1))
def test_the_loss_is_that_of_least_squares(seed, kept):
    one, other = drawn(seed), drawn(seed + 100, each=1, outputs=4)
    losses = [direct_loss(*part, sorted(kept)) for part in (one, other)]
    assert problem_of(one).loss(sorted(kept)) == pytest.approx(losses[0], rel=1e-6)
    assert problem_of(one, other).loss(sorted(kept)) == pytest.approx(sum(losses) / 2, rel=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(1, 2))
def test_elimination_against_all_subsets(seed, layers):
    problem = problem_of(*(drawn(seed + 100 * i, sources=4) for i in range(layers)))
    losses = eliminated(problem).losses
    assert list(losses) == sorted(losses, reverse=True)
    for wanted in range(1, 7):
        found = eliminated(problem, wanted)
        every = [problem.loss(kept) for kept in combinations(range(6), wanted)]
        loss = problem.loss(found.kept)
        assert len(found.kept) == wanted
        assert loss == pytest.approx(losses[wanted - 1], rel=1e-6)
        assert min(every) <= loss * (1 + 1e-9)
        assert loss <= max(every) * (1 + 1e-9)
        if wanted >= 5:  # a single one that goes is the best one
            assert loss == pytest.approx(min(every), rel=1e-6)


@pytest.mark.parametrize(("wanted", "times"), [(2, 2), (3, 1.05), (4, 1.05)])
def test_elimination_is_near_the_best_of_all_subsets(wanted, times):
    problems = [problem_of(drawn(seed, sources=4), wanted=wanted) for seed in range(20)]
    best = [min(problem.loss(kept) for kept in combinations(range(6), wanted)) for problem in problems]
    greedy = [problem.loss(SELECTIONS["compensation"](problem)) for problem in problems]
    assert np.mean(greedy) <= times * np.mean(best)


@settings(max_examples=60)
@given(st.integers(0, 99), st.sampled_from([3, 5, 8]))
def test_the_lasso_is_solved_along_its_path(seed, sources):
    """Subgradients: each factor that is not zero pulls with the penalty, the others with no more."""
    inputs, _, _ = drawn(seed, atoms=8, each=1, sources=sources)
    inputs[:, 0] = 0
    draw = np.random.default_rng(seed)
    products, wants = inputs.T @ inputs / 80, inputs.T @ draw.standard_normal(80) / 8
    found = list(path(products, wants))
    penalties = [penalty for penalty, _ in found]
    assert penalties == sorted(penalties, reverse=True)
    assert penalties[-1] == 0
    between = [((a + b) / 2, (one + other) / 2) for (a, one), (b, other) in pairwise(found)]
    for penalty, factors in found + between:
        pull, used = wants - products @ factors, factors != 0
        assert factors[0] == 0
        assert (np.abs(pull) <= penalty + 1e-6).all()
        assert np.allclose(pull[used], penalty * np.sign(factors[used]), atol=1e-6)
    best = np.linalg.lstsq(products[1:, 1:], wants[1:], rcond=None)[0]
    assert np.allclose(products[1:, 1:] @ found[-1][1][1:], products[1:, 1:] @ best, atol=1e-5)


@settings(max_examples=40)
@given(st.integers(0, 99), st.sampled_from(sorted(SELECTIONS)), st.integers(1, 6))
def test_so_many_are_kept_as_are_wanted(seed, method, wanted):
    inputs, weights, _ = drawn(seed)
    inputs[:, 6:8] = inputs[:, 2:4]  # a channel twice
    weights[6:8] = weights[2:4]
    inputs[:, 8:] = 0  # two that say nothing
    problem = problem_of((inputs, weights, inputs @ weights), wanted=wanted, seed=seed)
    kept = SELECTIONS[method](problem)
    assert len(kept) == wanted
    assert (np.diff(kept) > 0).all()
    assert 0 <= kept[0] <= kept[-1] < 6
    assert np.array_equal(kept, SELECTIONS[method](problem))


@pytest.mark.parametrize("method", ["lasso", "compensation"])
def test_channels_that_say_nothing_go_first(method):
    inputs, weights, _ = drawn(3)
    weights[[2, 3, 8, 9]] = 0
    assert SELECTIONS[method](problem_of((inputs, weights, inputs @ weights), wanted=4)).tolist() == [0, 2, 3, 5]


def test_nothing_at_all_is_read():
    nothing = (np.zeros((9, 12)), np.zeros((12, 3)), np.zeros((9, 3)))
    assert all(len(select(problem_of(nothing, wanted=2))) == 2 for select in SELECTIONS.values())


def test_of_channels_that_are_alike_compensation_keeps_one_each():
    """Pairs of equal channels: with least squares to follow, one of each pair is enough."""
    inputs, weights, _ = drawn(1, rows=200)
    inputs[:, 6:] = inputs[:, :6]
    problem = problem_of((inputs, weights, inputs @ weights), wanted=3)
    kept = SELECTIONS["compensation"](problem)
    assert sorted(kept % 3) == [0, 1, 2]
    assert problem.loss(kept) < 0.01


def test_what_sees_inputs_beats_what_does_not():
    """Channels mixed from few sources, as behind a trained layer; means over twenty problems."""
    problems = [
        problem_of(drawn(seed, atoms=16, each=3, sources=12), atoms=16, wanted=6, seed=seed) for seed in range(20)
    ]
    mean = {
        method: np.mean([problem.loss(select(problem)) for problem in problems])
        for method, select in SELECTIONS.items()
    }
    assert mean["compensation"] < 0.9 * mean["lasso"]
    assert mean["lasso"] < 0.95 * min(mean["magnitude"], mean["random"])
