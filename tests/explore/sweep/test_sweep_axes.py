"""Axes: lists, ranges and log ranges of one path or of several."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.explore.sweep.axes import Axis, Range, axis_of

FINITE = st.floats(-1e6, 1e6)


def values(given: Any) -> list[Any]:
    return [choice[0] for choice in axis_of("a", given).choices]


def test_ranges_written_by_hand() -> None:
    assert values({"from": 1, "to": 16, "points": 5, "scale": "log"}) == [1, 2, 4, 8, 16]
    assert values({"from": 1, "to": 10, "points": 4}) == [1, 4, 7, 10]
    assert values({"from": 0, "to": 1, "step": 0.25}) == [0, 0.25, 0.5, 0.75, 1]
    assert values({"from": 0, "to": 1, "step": 0.3}) == pytest.approx([0, 0.3, 0.6, 0.9])
    assert values({"from": 8, "to": 100, "points": 3, "scale": "log", "integers": True}) == [8, 28, 100]
    assert values({"from": 1, "to": 3, "points": 9, "integers": True}) == [1, 2, 3]
    assert values({"from": 5, "to": 5, "points": 1}) == [5]
    assert all(type(value) is int for value in values({"from": 8, "to": 64, "points": 4, "scale": "log"}))


@given(FINITE, FINITE, st.integers(2, 50))
def test_a_range_has_its_ends_and_ascends(a: float, b: float, points: int) -> None:
    low, high = min(a, b), max(a, b)
    found = Range(low, high, points=points).values()
    assert found[0] == pytest.approx(low)
    assert found[-1] == pytest.approx(high)
    assert list(found) == sorted(set(found))
    assert len(found) <= points


@given(st.floats(1e-3, 1e6), st.floats(1.1, 1e6), st.integers(3, 40))
def test_a_log_range_has_equal_ratios(low: float, ratio: float, points: int) -> None:
    found = Range(low, low * ratio, points=points, scale="log").values()
    assert len(found) == points
    ratios = [b / a for a, b in pairwise(found)]
    assert ratios == pytest.approx([ratio ** (1 / (points - 1))] * (points - 1), rel=1e-6)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 9))
def test_a_share_of_a_list_is_one_of_it(share: float, length: int) -> None:
    axis = axis_of("a", list(range(length)))
    assert axis.at(share) == (math.floor(share * length),)


def test_paths_that_go_together() -> None:
    axis = axis_of("array.rows , array.cols", [16, [12, 14]])
    assert axis == Axis(("array.rows", "array.cols"), ((16, 16), (12, 14)))
    assert axis_of("a, b", {"from": 1, "to": 2}).at(0.5) == (1.5, 1.5)


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("a", [], "give a list of values, or a range"),
        ("a", 5, "give a list of values, or a range"),
        ("a", "1, 2", "give a list of values, or a range"),
        ("a", [1, 1], "a value stands twice"),
        ("a", [[1, 2]], "2 values for 1 paths"),
        ("a", [{"b": 1}], "no single value"),
        ("a,", [1], "give a path"),
        ("a, a", [1], "give a path"),
        ("a", {"from": 2, "to": 1}, "from=2 is more than to=1"),
        ("a", {"from": 0, "to": 1, "points": 3, "scale": "log"}, "a log range begins above 0"),
        ("a", {"from": 1, "to": 2, "points": 3, "step": 1}, "give points or step"),
        ("a", {"from": 1, "to": 2, "step": -1}, "step=-1 is out of range"),
        ("a", {"from": 0, "to": 1e9, "step": 1e-3}, "step=0.001 is out of range"),
        ("a", {"from": 1, "to": 2, "points": 1}, "points=1 is one end only"),
        ("a", {"from": 1, "to": 2, "points": 10**9}, "points: Input should be less than or equal to 10000"),
        ("a", {"from": 1, "upto": 2}, "axes: a: to: Field required"),
        ("a", {"from": float("nan"), "to": 2}, "axes: a: from: Input should be a"),
        ("a", {"from": -1e308, "to": 1e308, "points": 5}, "from: Input should be greater than or equal to"),
        ("a", [float("nan")], "axes: a: nan is out of range"),
        ("a", [float("inf")], "axes: a: inf is out of range"),
        ("a", [2**63], "axes: a: 9223372036854775808 is out of range"),
    ],
)
def test_what_is_no_axis(key: str, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=r"^axes: ") as error:
        axis_of(key, given)
    assert message in str(error.value)
