"""What a mean error on measured products is worth: its spread, that of the measurements, and a fit of three numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ppsim.validation.references import tpu_v4
from ppsim.validation.references.tpu_v4 import Timed
from ppsim.validation.wording import percent

Floats = npt.NDArray[np.float64]
#: random halves of the measurements, one to fit the launch overhead to and one to test it on
HALVES = 50


def yardsticks() -> Iterator[tuple[str, str]]:
    """(what, how much) of the repeated products."""
    rows = [row for row in tpu_v4.timed() if row.runs > 1]
    system = tpu_v4.device()
    measured = np.array([row.us for row in rows])
    modelled = np.array([tpu_v4.microseconds(row, system) for row in rows])
    errors = modelled / measured - 1
    sizes = np.abs(errors)
    yield "mean error", percent(float(sizes.mean()))
    yield "median", percent(float(np.median(sizes)))
    yield "nine of ten are within", percent(float(np.quantile(sizes, 0.9)))
    yield "bias, the mean of signed errors", percent(float(errors.mean()))
    yield "largest", percent(float(sizes.max()))
    pairs = _measured_twice(rows)
    text = f"{percent(float(pairs.mean()))} in the mean, {percent(float(pairs.max()))} at most"
    yield f"{len(pairs)} products timed in two sets: they differ by", text
    held_out = _held_out(modelled - system.launch_us, measured)
    text = f"{percent(float(held_out.min()))} to {percent(float(held_out.max()))}"
    yield f"mean error on one half, the launch overhead fitted to the other, {HALVES} random halves", text
    yield "mean error of a fit of three numbers to all, a + b MACs + c bytes", percent(_simple_fit(rows, measured))


def _measured_twice(rows: list[Timed]) -> Floats:
    first: dict[tuple[int, int, int], float] = {}
    found = []
    for row in rows:
        shape = row.m, row.k, row.n
        if shape in first:
            found.append(abs(row.us / first[shape] - 1))
        first.setdefault(shape, row.us)
    return np.array(found)


def _held_out(without_launch: Floats, measured: Floats) -> Floats:
    rng = np.random.default_rng(0)
    tried = np.arange(0.3, 1.0, 0.01)
    errors = np.abs((without_launch[:, None] + tried) / measured[:, None] - 1)
    found = []
    for _ in range(HALVES):
        order = rng.permutation(len(measured))
        fitted, tested = np.split(order, [len(order) // 2])
        found.append(errors[tested, errors[fitted].mean(axis=0).argmin()].mean())
    return np.array(found)


def _simple_fit(rows: list[Timed], measured: Floats) -> float:
    """Least absolute relative errors, by least squares with weights that are made anew."""
    bytes_moved = [2.0 * (row.m * row.k + row.k * row.n + row.m * row.n) for row in rows]
    columns = np.array([np.ones(len(rows)), [float(row.m * row.k * row.n) for row in rows], bytes_moved]).T
    scaled = columns / measured[:, None]
    scaled /= scaled.max(axis=0)
    weights = np.ones(len(rows))
    for _ in range(100):
        fit, *_ = np.linalg.lstsq(scaled * weights[:, None], weights, rcond=None)
        errors = np.abs(scaled @ fit - 1)
        weights = 1 / np.sqrt(np.maximum(errors, 1e-3))
    return float(errors.mean())
