"""Choosing one option for each variable so that the sum of losses is least and the sum of prices within a budget.

Variables are what a design is made of (the width of an axis, the form of a layer). Losses and prices come in tables,
each over the few variables that it depends on: a layer's over the widths before and after it and its form. That is a
knapsack whose items share variables. `least_loss` solves it exactly as an integer program; `every_choice` tries all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array

Losses = npt.NDArray[np.float64]
Prices = npt.NDArray[np.int64]
#: prices are scaled to this for the solver, so that its tolerances are small against a budget
SCALE = 1e4
#: times a solution that is over the budget by the solver's tolerance is cut off and the program solved again
MOST_CUTS = 20
#: the solver's word for a program without a solution
INFEASIBLE = 2


@dataclass(frozen=True, eq=False)
class Table:
    """What the options of some variables lose and cost together.

    `losses` and `prices` have a dimension for each of `variables`, in their order. An infinite loss: not possible.
    """

    variables: tuple[int, ...]
    losses: Losses
    prices: Prices


@dataclass(frozen=True, eq=False)
class Choosing:
    """`options[v]` of each variable v, the tables whose losses and prices add up, and the most that may be paid."""

    options: tuple[int, ...]
    tables: tuple[Table, ...]
    budget: int

    def loss(self, choice: Sequence[int]) -> float:
        """What a choice of an option for each variable loses."""
        return sum(float(table.losses[tuple(choice[v] for v in table.variables)]) for table in self.tables)

    def price(self, choice: Sequence[int]) -> int:
        """What it costs."""
        return sum(int(table.prices[tuple(choice[v] for v in table.variables)]) for table in self.tables)


def every_choice(choosing: Choosing) -> tuple[int, ...] | None:
    """The choice within the budget that loses least, the cheapest and first of equals, by trying all; or None."""
    found: Iterator[tuple[int, ...]] = product(*(range(count) for count in choosing.options))
    within = [choice for choice in found if choosing.price(choice) <= choosing.budget]
    possible = [choice for choice in within if choosing.loss(choice) < np.inf]
    return min(possible, key=lambda choice: (choosing.loss(choice), choosing.price(choice), choice), default=None)


def least_loss(choosing: Choosing, seconds: float = 60.0) -> tuple[int, ...] | None:
    """The choice within the budget that loses least, by an integer program; None if there is none.

    HiGHS solves it, through scipy: a binary for each option of a variable, and for each possible entry of a table over
    several; of a table's entries, as many are taken with an option as the option itself: one. After `seconds` the best
    choice found so far is given.
    """
    program = _Program(choosing)
    for _ in range(MOST_CUTS):
        choice = program.solve(seconds)
        if choice is None or choosing.price(choice) <= choosing.budget:
            return choice
        program.forbid(choice)
    return None


def lowest_loss(choosing: Choosing, seconds: float = 60.0) -> float:
    """What no choice within the budget loses less than: the program's bound, `inf` where there is no choice.

    It is the loss of the best choice but for the solver's tolerance, or less where `seconds` did not do to find it.
    """
    return _Program(choosing).bound(seconds)


class _Program:
    """The integer program of a problem, with choices cut off that the solver's tolerance lets through."""

    def __init__(self, choosing: Choosing) -> None:
        self.choosing = choosing
        self.first = np.concatenate(([0], np.cumsum(choosing.options))).tolist()
        self.losses = [0.0] * self.first[-1]
        self.prices = [0] * self.first[-1]
        self.impossible: list[int] = []
        #: rows of the constraints as ({column: coefficient}, least, most)
        self.rows: list[tuple[dict[int, float], float, float]] = []
        for v, count in enumerate(choosing.options):
            self.rows.append((dict.fromkeys(range(self.first[v], self.first[v] + count), 1.0), 1.0, 1.0))
        for table in choosing.tables:
            self._add(table)

    def _add(self, table: Table) -> None:
        if len(table.variables) == 1:
            for option, (loss, price) in enumerate(zip(table.losses.tolist(), table.prices.tolist(), strict=True)):
                column = self.first[table.variables[0]] + option
                if loss == np.inf:
                    self.impossible.append(column)
                else:
                    self.losses[column] += loss
                    self.prices[column] += price
            return
        linked: dict[int, dict[int, float]] = {
            self.first[v] + option: {} for v in table.variables for option in range(self.choosing.options[v])
        }
        for entry in np.argwhere(table.losses < np.inf).tolist():
            column = len(self.losses)
            self.losses.append(float(table.losses[tuple(entry)]))
            self.prices.append(int(table.prices[tuple(entry)]))
            for v, option in zip(table.variables, entry, strict=True):
                linked[self.first[v] + option][column] = 1.0
        for option, entries in linked.items():
            self.rows.append(({**entries, option: -1.0}, 0.0, 0.0))

    def forbid(self, choice: Sequence[int]) -> None:
        """Cut off one choice."""
        columns = [self.first[v] + option for v, option in enumerate(choice)]
        self.rows.append((dict.fromkeys(columns, 1.0), -np.inf, len(columns) - 1.0))

    def solve(self, seconds: float) -> tuple[int, ...] | None:
        """The best choice that is left, or None."""
        found = self._run(seconds)
        if found.x is None:
            return None
        options = self.choosing.options
        return tuple(int(np.argmax(found.x[self.first[v] : self.first[v] + n])) for v, n in enumerate(options))

    def bound(self, seconds: float) -> float:
        """What nothing that is left loses less than."""
        found = self._run(seconds)
        if found.status == INFEASIBLE:
            return float("inf")
        # losses are not negative
        return max(0.0, float(found.mip_dual_bound)) if found.mip_dual_bound is not None else 0.0

    def _run(self, seconds: float) -> OptimizeResult:
        count = len(self.losses)
        scale = SCALE / max(1, abs(self.choosing.budget))
        spent = {column: price * scale for column, price in enumerate(self.prices) if price}
        rows = [*self.rows, (spent, -np.inf, self.choosing.budget * scale)]
        coefficients = [(at, column, value) for at, row in enumerate(rows) for column, value in row[0].items()]
        row_of, column_of, values = zip(*coefficients, strict=True)
        matrix = csr_array((values, (row_of, column_of)), shape=(len(rows), count))
        upper = np.ones(count)
        upper[self.impossible] = 0
        # entries follow from the options: these alone need to be whole
        whole = np.zeros(count)
        whole[: self.first[-1]] = 1
        with _without_output():
            return milp(
                self.losses,
                integrality=whole,
                bounds=Bounds(0, upper),
                constraints=LinearConstraint(matrix, [row[1] for row in rows], [row[2] for row in rows]),
                options={"mip_rel_gap": 0.0, "time_limit": seconds},
            )


@contextmanager
def _without_output() -> Iterator[None]:
    """Nothing reaches the process's standard output: HiGHS prints a line there now and then, told to or not."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
