"""Pareto fronts, held against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from ppsim.analysis.pareto import pareto_front

#: few different values, so that there are ties and duplicates
FEW = st.integers(0, 4).map(float)
ANY = st.floats(allow_nan=False)


def beaten(values: NDArray[np.float64], row: int) -> bool:
    """Whether another row is nowhere larger, and somewhere smaller."""
    return any((other <= values[row]).all() and (other < values[row]).any() for other in values)


@given(
    st.one_of(
        arrays(float, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12), elements=elements)
        for elements in (FEW, ANY)
    )
)
def test_the_front_is_what_no_other_row_beats(values: NDArray[np.float64]) -> None:
    assert list(pareto_front(values)) == [not beaten(values, row) for row in range(len(values))]


@given(arrays(float, st.tuples(st.integers(0, 30), st.integers(1, 3)), elements=FEW))
def test_the_order_of_rows_does_not_matter(values: NDArray[np.float64]) -> None:
    order = np.random.default_rng(7).permutation(len(values))
    assert list(pareto_front(values[order])) == list(pareto_front(values)[order])


def test_equal_rows_are_on_the_front_together() -> None:
    values = np.array([[1, 2], [2, 1], [1, 2], [2, 2], [2, 2]])
    assert list(pareto_front(values)) == [True, True, True, False, False]


def test_many_points_are_quick() -> None:
    on_the_front = np.linspace(0, 1, 50_000)
    values = np.stack([on_the_front, 1 - on_the_front], axis=1)
    assert pareto_front(values).all()
    cloud = np.random.default_rng(3).random((50_000, 3))
    assert 50 < pareto_front(cloud).sum() < 1000


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2, 2)), np.array([[1.0, np.nan]])])
def test_what_has_no_order_is_refused(values: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="values"):
        pareto_front(values)
