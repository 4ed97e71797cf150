"""Screening skips points, and never one of the front."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ppsim.analysis.pareto import pareto_front
from ppsim.explore.screening.screen import Screen

coarse = st.integers(1, 6)


@settings(max_examples=200)
@given(st.data(), st.integers(1, 30), st.integers(1, 3), st.integers(0, 8))
def test_the_front_stays_as_it_is_however_late_results_come(
    data: st.DataObject, count: int, objectives: int, late: int
) -> None:
    """Small integers, so that many points have equal results; `late` is how many results are under way at a time."""
    row = st.lists(coarse, min_size=objectives, max_size=objectives)
    values = np.array(data.draw(st.lists(row, min_size=count, max_size=count)), float)
    gaps = np.array(data.draw(st.lists(row, min_size=count, max_size=count)), float)
    least = np.maximum(values - gaps + 1, 0.5)  # some bounds are what comes out
    least[np.array(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))) == 0] = np.nan
    league = data.draw(st.lists(st.sampled_from("ab"), min_size=count, max_size=count))
    screen = Screen(least, league)
    order = screen.order(range(count))
    assert sorted(order) == list(range(count))
    under_way: list[int] = []
    simulated = []
    for number in order:
        beaten_by = screen.beaten_by(number)
        if beaten_by is not None:
            assert league[beaten_by] == league[number]
            assert (values[beaten_by] <= least[number]).all()
            assert (values[beaten_by] < least[number]).any()
            continue
        simulated.append(number)
        under_way.append(number)
        if len(under_way) > late:
            first = under_way.pop(0)
            screen.saw(first, values[first].tolist())
    for name in set(league):
        every = [number for number in range(count) if league[number] == name]
        tried = [number for number in every if number in simulated]
        front = {number for number, on in zip(every, pareto_front(values[every]), strict=True) if on}
        assert {number for number, on in zip(tried, pareto_front(values[tried]), strict=True) if on} == front


def test_what_cannot_be_better_is_skipped() -> None:
    screen = Screen(np.array([[1.0, 1.0], [2.0, 2.0], [0.5, 9.0], [np.nan, np.nan], [1.0, 1.0]]), ["a"] * 5)
    assert screen.order(range(5)) == [0, 4, 2, 1, 3]
    assert [screen.beaten_by(number) for number in range(5)] == [None] * 5
    screen.saw(0, [1.0, 1.0])
    assert [screen.beaten_by(number) for number in range(5)] == [None, 0, None, None, None]


def test_leagues_do_not_meet() -> None:
    screen = Screen(np.array([[1.0], [5.0], [5.0]]), ["pJ", "pJ", "MAC"])
    screen.saw(0, [1.0])
    assert [screen.beaten_by(number) for number in range(3)] == [None, 0, None]
