"""Tilings chosen one by one are those chosen among columns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import problem_of, problems

from ppsim.errors import InputError
from ppsim.hardware.array import ArraySpec
from ppsim.mapping.few_tilings import _rows, tilings
from ppsim.mapping.tiling import Problem, candidates


@settings(max_examples=400)
@given(problems(images=False), st.sampled_from((0.7, 8.0, 129.3, 1e6)), st.booleans(), st.booleans())
def test_the_choice_is_that_of_all_candidates(
    problem: Problem, bits_per_cycle: float, prefetched: bool, largest: bool
) -> None:
    try:
        expected = candidates(problem).choose(bits_per_cycle, prefetched, largest)
    except InputError as error:
        with pytest.raises(InputError, match=re.escape(str(error))):
            tilings(problem).choose(bits_per_cycle, prefetched, largest)
        return
    assert _rows(problem)
    assert tilings(problem).choose(bits_per_cycle, prefetched, largest) == expected


@pytest.mark.parametrize("size", [(1, 784, 512), (16, 784, 512), (1, 9000, 7000), (300, 3000, 2000)])
def test_large_ones_too(size: tuple[int, int, int]) -> None:
    problem = problem_of(*size, ArraySpec(rows=14, cols=14, dataflow="ws"), input_on_chip=False)
    for bits_per_cycle in (1.0, 100.0):
        expected = candidates(problem).choose(bits_per_cycle, False, False)
        assert tilings(problem).choose(bits_per_cycle, False, False) == expected
