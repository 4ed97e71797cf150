"""The PE-level model: an array that moves every operand, on shapes of all kinds, for all dataflows.

Nothing is corrected: cycles, reads and partial sums that are counted there are those that the closed forms say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ppsim.hardware.array import compute_cycles, operand_traffic
from ppsim.validation.contract import Case, Check
from ppsim.validation.pe_model import run_array

SOURCE = "counted by a cycle-by-cycle model of the PEs, which computes the real product"
SETTING = "the closed forms for one array: os, ws, is, and ws and is with overlap, each on shapes of all kinds"
#: dataflow, overlap
KINDS = (("os", False), ("ws", False), ("is", False), ("ws", True), ("is", True))
#: m, k, n, rows, cols: what random shapes may miss
CHOSEN = (
    (1, 1, 1, 1, 1),
    (5, 4, 3, 1, 1),
    (1, 1, 1, 5, 3),  # an array larger than the problem
    (2, 3, 4, 7, 6),
    (8, 12, 16, 4, 4),  # whole folds
    (9, 13, 17, 4, 4),  # edge folds of a single row or column
    (8, 11, 12, 4, 4),  # edge folds along k alone
    (7, 6, 5, 1, 4),  # a row of PEs
    (7, 6, 5, 4, 1),  # a column of PEs
    (3, 20, 2, 6, 2),  # fewer lines stream than the array has rows
    (20, 9, 18, 2, 3),  # and more
    (6, 20, 6, 6, 4),  # and as many
)
RANDOM = 40


def checks() -> Iterator[Check]:
    """Cycles, operand reads, partial-sum traffic and the product of every shape and dataflow."""
    runs = list(_runs())
    quantities: dict[str, tuple[str, Callable[[_Run], tuple[int, int]]]] = {
        "compute cycles": ("cycles", _Run.cycles),
        "input reads": ("elements", _Run.inputs),
        "weight reads": ("elements", _Run.weights),
        "partial-sum writes": ("elements", _Run.writes),
        "partial-sum reads": ("elements", _Run.reads),
    }
    for name, (unit, of) in quantities.items():
        cases = tuple(Case(run.name, *of(run), unit) for run in runs)
        yield Check("pe-level", name, cases, SOURCE, "computed", SETTING, max_bound=0)
    right = tuple(Case(run.name, *run.right(), "elements") for run in runs)
    source, setting = "elements of the product", "elements that leave the PEs of the model and equal those of A @ W"
    yield Check("pe-level", "right elements of the product", right, source, "computed", setting, max_bound=0)


def _runs() -> Iterator[_Run]:
    rng = np.random.default_rng(2024)
    sizes, sides = rng.integers(1, 25, (RANDOM, 3)), rng.integers(1, 9, (RANDOM, 2))
    for m, k, n, rows, cols in (*CHOSEN, *np.hstack((sizes, sides)).tolist()):
        for dataflow, overlap in KINDS:
            yield _Run((m, k, n), (rows, cols), dataflow, overlap, rng)


class _Run:
    """A product of random operands: what the model of the PEs says, and what ppsim says, in that order."""

    def __init__(
        self,
        size: tuple[int, int, int],
        side: tuple[int, int],
        dataflow: str,
        overlap: bool,
        rng: np.random.Generator,
    ) -> None:
        (m, k, n), (rows, cols) = size, side
        self.name = f"{m}x{k}x{n} on {rows}x{cols} {dataflow}{', overlapped' if overlap else ''}"
        a, w = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
        self.run, self.product = run_array(a, w, rows, cols, dataflow, overlap), a @ w
        self.law = int(compute_cycles(m, k, n, rows, cols, dataflow, overlap))
        self.traffic = operand_traffic(m, k, n, rows, cols, dataflow)

    def cycles(self) -> tuple[int, int]:
        return self.run.cycles, self.law

    def inputs(self) -> tuple[int, int]:
        return self.run.input_reads, self.traffic.input_reads

    def weights(self) -> tuple[int, int]:
        return self.run.weight_reads, self.traffic.weight_reads

    def writes(self) -> tuple[int, int]:
        return self.run.sum_writes, self.traffic.sum_writes

    def reads(self) -> tuple[int, int]:
        return self.run.sum_reads, self.traffic.sum_reads

    def right(self) -> tuple[int, int]:
        return self.product.size, int(np.count_nonzero(self.run.product == self.product))
