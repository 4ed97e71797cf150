"""How long `assign` takes for 4096 units and 16 parts, against scipy's assignment problem with a column for each place.

Times are user seconds of this process, the median of a few calls; both find the same optimum.

    python tests/benchmarks/transport.py
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from scipy.optimize import linear_sum_assignment

from ppsim.pruning.transport import assign, balanced_bounds

CALLS = 5
UNITS, PARTS = 4096, 16


def user_ms(action) -> float:
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1e3


def kinds_of_scores(rng) -> dict[str, np.ndarray]:
    shape = (UNITS, PARTS)
    return {
        "uniform": rng.random(shape),
        "lognormal": rng.lognormal(size=shape),
        "alike": rng.random((UNITS, 1)) * rng.random(PARTS) + 0.01 * rng.random(shape),
        "product": rng.lognormal(size=(UNITS, 1)) * rng.lognormal(size=PARTS),
        "clusters": rng.random((8, PARTS))[rng.integers(0, 8, UNITS)] + 0.05 * rng.random(shape),
        "four values": rng.integers(0, 4, shape).astype(float),
        "equal": np.ones(shape),
    }


def main() -> None:
    bounds = balanced_bounds(UNITS, PARTS, 0)
    slack = balanced_bounds(UNITS, PARTS, 0.1)
    places = np.repeat(np.arange(PARTS), bounds[0])
    print(f"{'scores':12} {'cold ms':>8} {'warm ms':>8} {'slack ms':>9} {'scipy ms':>9}  difference of sums")
    for name, scores in kinds_of_scores(np.random.default_rng(0)).items():
        found = assign(scores, *bounds)
        cold, warm, loose = (
            median(user_ms(action) for _ in range(CALLS))
            for action in (
                lambda s=scores: assign(s, *bounds),
                lambda s=scores, p=found.prices: assign(s, *bounds, p),
                lambda s=scores: assign(s, *slack),
            )
        )
        columns: list[np.ndarray] = []
        scipy = user_ms(lambda s=scores, c=columns: c.append(linear_sum_assignment(s[:, places], maximize=True)[1]))
        sums = [scores[np.arange(UNITS), parts].sum() for parts in (found.parts, places[columns[0]])]
        print(f"{name:12} {cold:8.1f} {warm:8.1f} {loose:9.1f} {scipy:9.1f}  {sums[0] - sums[1]:.1e}")


if __name__ == "__main__":
    main()
