"""Assigning units to parts: what methods promise, and what alternating finds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import perceptron

import ppsim
from ppsim.pruning.methods import METHODS
from ppsim.pruning.methods.alternating import alternating, climb
from ppsim.pruning.methods.contiguous import contiguous
from ppsim.pruning.methods.contract import Coupling, Problem, by_part
from ppsim.pruning.methods.random import random

WITHOUT_A_MODEL = [name for name in METHODS if name != "output"]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A chain of axes, sometimes with one coupled with itself."""
    atoms = tuple(draw(st.lists(st.integers(4, 20), min_size=2, max_size=4)))
    numbers = np.random.default_rng(draw(st.integers(0, 99)))
    couplings = [Coupling(a + 1, a, numbers.random((atoms[a + 1], atoms[a]))) for a in range(len(atoms) - 1)]
    if draw(st.booleans()):
        couplings.append(Coupling(0, 0, numbers.random((atoms[0], atoms[0]))))
    return Problem(
        draw(st.integers(1, 4)), atoms, tuple(couplings), draw(st.sampled_from([0.0, 0.3])), draw(st.integers(0, 9))
    )


def retained(problem: Problem, assignment) -> float:
    """What Problem.retained should be, weight by weight."""
    return sum(
        float(c.saliency[np.equal.outer(assignment[c.rows], assignment[c.columns])].sum()) for c in problem.couplings
    )


@settings(max_examples=60)
@given(problems())
def test_all_methods_keep_to_the_sizes_and_repeat_themselves(problem):
    for name in WITHOUT_A_MODEL:
        found = METHODS[name](problem)
        for axis, parts in enumerate(found):
            lowest, highest = problem.bounds(axis)
            sizes = np.bincount(parts, minlength=problem.parts)
            assert len(parts) == problem.atoms[axis]
            assert (np.array(lowest) <= sizes).all()
            assert (sizes <= np.array(highest)).all()
        assert all(np.array_equal(*pair) for pair in zip(found, METHODS[name](problem), strict=True)), name


@settings(max_examples=60)
@given(problems())
def test_alternating_ends_where_no_axis_can_gain(problem):
    found = alternating(problem)
    assert problem.retained(found) == pytest.approx(retained(problem, found))
    assert problem.retained(found) >= problem.retained(contiguous(problem)) - 1e-9
    again = climb(problem, found, 5)
    assert problem.retained(again) == pytest.approx(problem.retained(found), rel=1e-5)


@given(st.integers(0, 50))
def test_sums_by_part(seed):
    draw = np.random.default_rng(seed)
    matrix, parts = draw.random((3, 7)), draw.integers(0, 4, 7)
    assert np.allclose(
        by_part(matrix, parts, 4), np.stack([matrix[:, parts == p].sum(axis=1) for p in range(4)], axis=1)
    )


def planted(sizes: tuple[int, ...], blocks: int, seed: int) -> tuple[Problem, list[np.ndarray]]:
    """Squares of normal weights, three times as large inside the blocks that units are dealt into."""
    draw = np.random.default_rng([seed, 77])  # not the numbers that a random start draws
    block = [draw.permutation(np.arange(size) * blocks // size) for size in sizes]
    couplings = []
    for axis in range(len(sizes) - 1):
        inside = np.equal.outer(block[axis + 1], block[axis])
        weights = draw.standard_normal(inside.shape, dtype=np.float32) * np.where(inside, np.float32(3), np.float32(1))
        couplings.append(Coupling(axis + 1, axis, np.square(weights)))
    return Problem(8, sizes, tuple(couplings)), block


def together(assignment, block) -> bool:
    """Whether all units of each block are in one part."""
    return all(
        len(set(parts[own == b])) == 1
        for parts, own in zip(assignment, block, strict=True)
        for b in range(own.max() + 1)
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_blocks_are_recovered_exactly(seed):
    """16 blocks in 8 parts. Of 208 outputs a block has 13; of 200 it has 12 or 13, and parts of 25 tear some apart."""
    problem, block = planted((2048, 4096, 4096, 208), 16, seed)
    found = alternating(problem)
    assert together(found, block)
    total = sum(float(coupling.saliency.sum(dtype=np.float64)) for coupling in problem.couplings)
    assert problem.retained(found) / total == pytest.approx(10 / 24, abs=0.001)  # (9 + 1) of (9 + 15)
    assert problem.retained(random(problem)) / total == pytest.approx(1 / 8, abs=0.001)


def test_planted_blocks_of_unequal_sizes_need_slack():
    problem, block = planted((512, 512, 200), 16, 1)
    assert together(alternating(replace(problem, slack=0.05)), block)


def test_no_structure_is_promised_where_there_is_none():
    draw = np.random.default_rng(0)
    noise = Coupling(1, 0, np.square(draw.standard_normal((512, 512), dtype=np.float32)))
    problem = Problem(8, (512, 512), (noise,))
    share = problem.retained(alternating(problem)) / float(noise.saliency.sum(dtype=np.float64))
    assert 1 / 8 < share < 0.2


def test_metis_finds_planted_blocks_too():
    problem, block = planted((128, 128, 128), 8, 3)
    total = sum(float(coupling.saliency.sum(dtype=np.float64)) for coupling in problem.couplings)
    assert problem.retained(METHODS["metis"](problem)) > 0.3 * total
    assert together(alternating(problem), block)


def test_methods_say_what_they_need():
    net = ppsim.load_workload("lenet300")
    with pytest.raises(ppsim.InputError, match='method "metis" cuts edges that weights give; give weights'):
        ppsim.partition(net, 2, method="metis")
    with pytest.raises(ppsim.InputError, match='method "output" runs the network on calibration inputs; give a model'):
        ppsim.partition(perceptron(8, 8, 4), 2, method="output")
    with pytest.raises(ppsim.InputError, match="slack=1 is out of range"):
        ppsim.partition(perceptron(8, 8, 4), 2, slack=1.0)
    weights = {"fc1.weight": np.ones((300, 784)), "fc2.weight": np.ones((100, 300)), "fc3.weight": np.ones((9, 100))}
    with pytest.raises(ppsim.InputError, match=r"lenet300: weights 'fc3.weight': has the shape"):
        ppsim.partition(net, 2, weights=weights)
    with pytest.raises(ppsim.InputError, match=r"lenet300: weights 'fc3.weight': is missing; the layer needs"):
        ppsim.partition(net, 2, weights={name: weights[name] for name in ("fc1.weight", "fc2.weight")})
    with pytest.raises(ppsim.InputError, match=r"'fc1.weight': floating point numbers up to 1e.15 are accepted"):
        ppsim.partition(net, 2, weights=weights | {"fc1.weight": np.full((300, 784), np.nan)})
    weights["fc3.weight"] = np.ones((10, 100))
    with pytest.raises(ppsim.InputError, match="saliency='w3' is unknown; accepted: w, w2, wx2"):
        ppsim.partition(net, 2, weights=weights, saliency="w3")
    with pytest.raises(ppsim.InputError, match='saliency "wx2" needs calibration inputs'):
        ppsim.partition(perceptron(8, 8, 4), 2, saliency="wx2")
