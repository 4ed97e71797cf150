"""Pareto fronts, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pareto_front(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows of `values` (n, d) no other row beats: is nowhere larger than, and somewhere smaller.

    Every column is minimised; negate one to maximise it. Equal rows do not beat each other: all of them are on the
    front, or none is. O(n log n) for d <= 2, else n times the rows of the front. Raises ValueError for values that are
    not (n, d) or hold nan.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"values must be (n, d), got {values.ndim} dimension(s)")
    if np.isnan(values).any():
        raise ValueError("values hold nan: nothing is smaller or larger than that")
    rows, of = np.unique(values, axis=0, return_inverse=True)
    # in this order no row is beaten by a later one, and rows differ
    if rows.shape[1] == 2:
        best = np.minimum.accumulate(rows[:, 1]) if len(rows) else rows[:, 1]
        on = np.ones(len(rows), bool)
        on[1:] = rows[1:, 1] < best[:-1]
    else:
        on = np.zeros(len(rows), bool)
        front = np.empty_like(rows)
        count = 0
        for number, row in enumerate(rows):
            if not (front[:count] <= row).all(axis=1).any():
                front[count] = row
                count += 1
                on[number] = True
    found: NDArray[np.bool_] = on[of.reshape(-1)]
    return found
