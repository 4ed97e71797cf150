"""Exact balanced assignment: against scipy where it can be, by the optimality certificate where it cannot."""

import sys
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from ppsim.errors import InputError
from ppsim.pruning.transport import assign, balanced_bounds

#: kinds of scores, each from a generator of random numbers and a shape (units, parts)
KINDS = {
    "uniform": lambda rng, shape: rng.random(shape),
    "lognormal": lambda rng, shape: rng.lognormal(0, 2, shape),
    "negative": lambda rng, shape: -rng.random(shape),
    "ties": lambda rng, shape: rng.integers(-1, 2, shape).astype(float),
    "equal": lambda rng, shape: np.full(shape, 0.3),
    "alike": lambda rng, shape: rng.random((shape[0], 1)) * rng.random(shape[1]) + 1e-3 * rng.random(shape),
    "product": lambda rng, shape: rng.lognormal(0, 1, (shape[0], 1)) * rng.lognormal(0, 1, shape[1]),
    "clusters": lambda rng, shape: rng.random((4, shape[1]))[rng.integers(0, 4, shape[0])] + 0.01 * rng.random(shape),
    "biased": lambda rng, shape: rng.random(shape) + np.arange(shape[1]),
    "offset": lambda rng, shape: rng.integers(0, 9, shape) + 2.0**30 * rng.integers(-9, 9, (shape[0], 1)),
    "huge": lambda rng, shape: 1e299 * rng.normal(0, 1, shape),
    "tiny": lambda rng, shape: 1e-310 * rng.normal(0, 1, shape),
    "all magnitudes": lambda rng, shape: rng.choice([-1, 1], shape) * 10.0 ** rng.uniform(-300, 299, shape),
}
#: how far from the best a unit may be, relative to the largest difference between two scores of a unit
ROUNDING = 1e-11


def spread(scores):
    return np.ptp(scores, axis=1).max()


def total(scores, parts):
    """What an assignment gains over everyone's best, which keeps large scores that all parts share out of the sum."""
    return (scores[np.arange(len(scores)), parts] - scores.max(axis=1)).sum()


def random_bounds(rng, units, parts, width):
    """Bounds around the sizes of a random assignment, or on one side of them, so that they can be met.

    `width` 0 gives those very sizes.
    """
    sizes = np.bincount(rng.integers(0, parts, units), minlength=parts)
    below, above = [(width, width), (width, 0), (0, width)][rng.integers(0, 3)]
    lowest = np.maximum(sizes - rng.integers(0, below + 1, parts), 0)
    return tuple(lowest.tolist()), tuple((sizes + rng.integers(0, above + 1, parts)).tolist())


def assert_optimal(scores, lowest, highest, found):
    """Feasible, and no other feasible assignment is better: the prices say so (complementary slackness)."""
    units, parts = scores.shape
    sizes = np.bincount(found.parts, minlength=parts)
    assert found.parts.shape == (units,)
    assert found.prices.shape == (parts,)
    assert sizes.sum() == units
    assert sizes.size == parts
    allowed = ROUNDING * spread(scores)
    for p in range(parts):
        assert lowest[p] <= sizes[p] <= highest[p]
        assert found.prices[p] <= allowed or sizes[p] == highest[p]
        assert found.prices[p] >= -allowed or sizes[p] == lowest[p]
        chosen = scores[found.parts == p]
        # differences of scores first: prices may be far smaller than what all parts share
        assert (chosen[:, [p]] - chosen >= found.prices[p] - found.prices - allowed).all()


@st.composite
def problems(draw, most_units, most_parts, widths):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    units, parts = draw(st.integers(1, most_units)), draw(st.integers(1, most_parts))
    scores = KINDS[draw(st.sampled_from(sorted(KINDS)))](rng, (units, parts))
    return scores, *random_bounds(rng, units, parts, draw(widths))


@settings(max_examples=400)
@given(problems(14, 5, st.just(0)))
def test_exact_sizes_as_linear_sum_assignment(problem):
    scores, lowest, highest = problem
    found = assign(scores, lowest, highest)
    assert_optimal(scores, lowest, highest, found)
    places = np.repeat(np.arange(len(lowest)), lowest)
    _, columns = linear_sum_assignment(scores[:, places], maximize=True)
    assert abs(total(scores, found.parts) - total(scores, places[columns])) <= len(scores) * ROUNDING * spread(scores)


@given(
    st.integers(1, 4).flatmap(
        lambda parts: st.lists(
            st.lists(st.integers(-3, 3) | st.floats(-1e300, 1e300), min_size=parts, max_size=parts),
            min_size=1,
            max_size=8,
        )
    ),
    st.integers(0, 2**16),
)
def test_scores_of_any_magnitude(rows, seed):
    scores = np.array(rows, dtype=float)
    lowest, highest = random_bounds(np.random.default_rng(seed), *scores.shape, 0)
    found = assign(scores, lowest, highest)
    assert_optimal(scores, lowest, highest, found)
    places = np.repeat(np.arange(len(lowest)), lowest)
    _, columns = linear_sum_assignment(scores[:, places], maximize=True)
    assert abs(total(scores, found.parts) - total(scores, places[columns])) <= len(scores) * ROUNDING * spread(scores)


@settings(max_examples=200)
@given(problems(14, 5, st.integers(1, 6)))
def test_any_bounds_as_a_linear_programme(problem):
    """Its corners are whole assignments. Its scores are scaled: HiGHS has absolute tolerances."""
    scores, lowest, highest = problem
    units, parts = scores.shape
    found = assign(scores, lowest, highest)
    assert_optimal(scores, lowest, highest, found)
    scale = spread(scores) or 1.0
    gain = (scores - scores.max(axis=1, keepdims=True)) / scale
    everyone, sizes = np.kron(np.eye(units), np.ones(parts)), np.kron(np.ones(units), np.eye(parts))
    yardstick = linprog(
        -gain.ravel(),
        A_ub=np.vstack([sizes, -sizes]),
        b_ub=np.concatenate([highest, -np.array(lowest)]),
        A_eq=everyone,
        b_eq=np.ones(units),
        bounds=(0, 1),
        method="highs",
    )
    assert yardstick.status == 0
    assert total(gain, found.parts) == pytest.approx(-yardstick.fun, abs=1e-6)


@settings(max_examples=150)
@given(problems(400, 12, st.integers(0, 40)))
def test_the_prices_certify_larger_ones(problem):
    assert_optimal(*problem, assign(*problem))


@settings(max_examples=60)
@given(st.sampled_from(sorted(KINDS)), st.integers(2, 300), st.integers(1, 16), st.floats(0, 0.9), st.integers(0, 99))
def test_the_prices_certify_balanced_ones(kind, units, parts, slack, seed):
    parts = min(parts, units)
    scores = KINDS[kind](np.random.default_rng(seed), (units, parts))
    bounds = balanced_bounds(units, parts, slack)
    assert_optimal(scores, *bounds, assign(scores, *bounds))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_prices_certify_a_layer(kind):
    scores = KINDS[kind](np.random.default_rng(1), (4096, 16))
    for slack in (0, 0.1):
        bounds = balanced_bounds(4096, 16, slack)
        assert_optimal(scores, *bounds, assign(scores, *bounds))


@settings(max_examples=150)
@given(problems(60, 8, st.integers(0, 9)), st.sampled_from([0.0, 1e-9, 1.0, 1e30]), st.integers(0, 99))
def test_warm_prices_do_not_change_the_optimum(problem, magnitude, seed):
    scores, lowest, highest = problem
    cold = assign(*problem)
    allowed = len(scores) * ROUNDING * spread(scores)
    strangers = magnitude * np.random.default_rng(seed).normal(0, 1, scores.shape[1])
    # so large that scores lose digits beside them
    shifted = cold.prices + 1e9 * min(spread(scores), 1e290)
    for prices in (cold.prices, -cold.prices, strangers, shifted):
        warm = assign(*problem, prices)
        assert_optimal(scores, lowest, highest, warm)
        assert abs(total(scores, warm.parts) - total(scores, cold.parts)) <= allowed


@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 20), st.integers(0, 999))
def test_planted_assignment_is_found(units, parts, width, seed):
    rng = np.random.default_rng(seed)
    planted = rng.integers(0, parts, units)
    scores = rng.random((units, parts))
    scores[np.arange(units), planted] += 1
    sizes = np.bincount(planted, minlength=parts)
    lowest, highest = (
        np.maximum(sizes - rng.integers(0, width + 1, parts), 0),
        sizes + rng.integers(0, width + 1, parts),
    )
    found = assign(scores, lowest.tolist(), highest.tolist())
    assert found.parts.tolist() == planted.tolist()


@settings(max_examples=60)
@given(problems(120, 8, st.integers(0, 9)))
def test_same_input_same_output_and_left_as_it_was(problem):
    scores, lowest, highest = problem
    given_scores, prices = scores.copy(), np.linspace(-1, 1, scores.shape[1])
    first = assign(scores, lowest, highest, prices)
    again = assign(np.asfortranarray(scores), np.array(lowest), list(highest), prices.copy())
    assert first.parts.tolist() == again.parts.tolist()
    assert first.prices.tolist() == again.prices.tolist()
    assert scores.tolist() == given_scores.tolist()
    assert prices.tolist() == np.linspace(-1, 1, scores.shape[1]).tolist()


@settings(max_examples=60)
@given(st.sampled_from(["uniform", "lognormal", "ties", "alike", "biased"]), st.integers(-200, 200), st.integers(0, 99))
def test_another_unit_of_scores_only_rescales_prices(kind, exponent, seed):
    rng = np.random.default_rng(seed)
    scores = KINDS[kind](rng, (90, 5))
    bounds = random_bounds(rng, 90, 5, 3)
    one, other = assign(scores, *bounds), assign(2.0**exponent * scores, *bounds)
    assert other.parts.tolist() == one.parts.tolist()
    assert other.prices.tolist() == (2.0**exponent * one.prices).tolist()


@settings(max_examples=60)
@given(problems(80, 6, st.integers(0, 5)), st.integers(0, 99))
def test_order_of_units_and_parts_does_not_matter(problem, seed):
    scores, lowest, highest = problem
    rng = np.random.default_rng(seed)
    units, parts = rng.permutation(scores.shape[0]), rng.permutation(scores.shape[1])
    mixed = scores[np.ix_(units, parts)]
    found = assign(mixed, np.array(lowest)[parts], np.array(highest)[parts])
    allowed = len(scores) * ROUNDING * spread(scores)
    assert abs(total(mixed, found.parts) - total(scores, assign(*problem).parts)) <= allowed


def test_by_hand():
    """Both want part 0, which takes one: unit 1 loses less by leaving. The place is worth what lies between."""
    found = assign(np.array([[5.0, 1.0], [3.0, 2.0]]), (0, 0), (1, 2))
    assert found.parts.tolist() == [0, 1]
    assert found.prices[1] == 0
    assert 1 <= found.prices[0] <= 4


def test_nobody_has_to_go_where_nobody_wants_to():
    scores = np.array([[2.0, 1.0, -9.0]] * 60)
    found = assign(scores, (0, 0, 0), (sys.maxsize, 4, 6))
    assert found.parts.tolist() == [0] * 60
    assert found.prices[0] == 0
    assert_optimal(scores, (0, 0, 0), (60, 4, 6), found)


def test_ties_go_in_order_from_the_first_part():
    found = assign(np.zeros((7, 3)), (2, 2, 2), (3, 3, 3))
    assert sorted(np.bincount(found.parts).tolist()) == [2, 2, 3]
    assert found.parts.tolist() == assign(np.ones((7, 3)), (2, 2, 2), (3, 3, 3)).parts.tolist()


@given(st.integers(1, 5000), st.integers(1, 64), st.integers(0, 99))
def test_balanced_bounds_are_rounded_exactly(units, parts, percent):
    parts = min(parts, units)
    share, slack = Fraction(units, parts), Fraction(percent, 100)
    lowest, highest = balanced_bounds(units, parts, percent / 100)
    assert lowest == (max(1, floor(share * (1 - slack))),) * parts
    assert highest == (ceil(share * (1 + slack)),) * parts
    assert sum(lowest) <= units <= sum(highest)


def test_balanced_bounds_by_hand():
    assert balanced_bounds(4096, 16, 0) == ((256,) * 16, (256,) * 16)
    assert balanced_bounds(10, 4, 0) == ((2,) * 4, (3,) * 4)
    assert balanced_bounds(10, 1, 0.1) == ((9,), (11,))
    assert balanced_bounds(10, 1, 0.1 + 0.2) == ((7,), (13,))
    assert balanced_bounds(3, 3, 0.99) == ((1,) * 3, (2,) * 3)


SCORES = np.ones((4, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assign(np.ones(4), (2, 2), (2, 2)), r"shape \(4,\).*accepted: \(units, parts\)"),
        (lambda: assign(np.ones((0, 2)), (0, 0), (1, 1)), "at least one of each"),
        (lambda: assign(np.ones((4, 0)), (), ()), "at least one of each"),
        (lambda: assign(np.array([[1.0, np.nan]]), (0, 0), (1, 1)), "accepted are finite numbers"),
        (lambda: assign(np.array([[1.0, -np.inf]]), (0, 0), (1, 1)), "accepted are finite numbers"),
        (lambda: assign(np.array([[1.0, 1e301]]), (0, 0), (1, 1)), "between -1e.300 and 1e.300"),
        (lambda: assign(SCORES, (2,), (2, 2)), "1 lowest and 2 highest.*one each for 2 parts"),
        (lambda: assign(SCORES, (2, 2, 0), (2, 2, 0)), "one each for 2 parts"),
        (lambda: assign(SCORES, (0, 3), (4, 2)), "part 1 has sizes from 3 to 2.*0 <= lowest <= highest"),
        (lambda: assign(SCORES, (-1, 0), (4, 4)), "part 0 has sizes from -1 to 4"),
        (lambda: assign(SCORES, (3, 2), (4, 4)), "parts take 5 to 8 units; accepted: bounds that 4 can meet"),
        (lambda: assign(SCORES, (0, 0), (1, 2)), "parts take 0 to 3 units; accepted: bounds that 4 can meet"),
        (lambda: assign(SCORES, (2, 2), (2, 2), np.zeros(3)), "None or 2 finite numbers"),
        (lambda: assign(SCORES, (2, 2), (2, 2), np.array([0, np.nan])), "None or 2 finite numbers"),
        (lambda: balanced_bounds(4, 0, 0), "parts=0 is out of range; with 4 units it goes from 1 to 4"),
        (lambda: balanced_bounds(4, 5, 0), "parts=5 is out of range"),
        (lambda: balanced_bounds(4, 2, 1), "slack=1 is out of range; accepted: from 0 to below 1"),
        (lambda: balanced_bounds(4, 2, -0.1), "slack=-0.1 is out of range"),
        (lambda: balanced_bounds(4, 2, float("nan")), "slack=nan is out of range"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
