"""The integer program chooses what trying everything does."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import milp

from ppsim.explore.codesign import choosing as choosing_module
from ppsim.explore.codesign.choosing import Choosing, Table, every_choice, least_loss, lowest_loss


@st.composite
def small_problems(draw: st.DrawFn) -> Choosing:
    """A few variables, and tables over one to three of them; prices up to femtoseconds, some entries impossible."""
    options = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([3, 100, 10**12]))
    tables = []
    for _ in range(draw(st.integers(1, 6))):
        most = min(3, len(options))
        variables = tuple(draw(st.permutations(range(len(options))))[: draw(st.integers(1, most))])
        shape = tuple(options[v] for v in variables)
        losses = rng.integers(0, 50, shape) / 8.0
        losses[rng.random(shape) < draw(st.sampled_from([0.0, 0.2]))] = np.inf
        tables.append(Table(variables, losses, rng.integers(0, scale, shape)))
    highest = sum(int(table.prices.max()) for table in tables)
    return Choosing(options, tuple(tables), draw(st.integers(0, highest)))


@settings(max_examples=300, deadline=None)
@given(small_problems())
def test_the_program_equals_brute_force(choosing: Choosing) -> None:
    best, found = every_choice(choosing), least_loss(choosing)
    assert (best is None) == (found is None)
    if best is not None and found is not None:
        assert choosing.price(found) <= choosing.budget
        assert choosing.loss(found) == pytest.approx(choosing.loss(best), abs=1e-6)
        assert lowest_loss(choosing) <= choosing.loss(best) + 1e-6


def test_a_budget_met_to_the_last_unit_and_missed_by_one() -> None:
    losses, prices = np.array([0.0, 1.0]), np.array([10**15 + 1, 1])
    both = tuple(Table((v,), losses, prices) for v in range(2))
    whole = Choosing((2, 2), both, 2 * (10**15 + 1))
    assert least_loss(whole) == (0, 0)
    short = Choosing((2, 2), both, 2 * (10**15 + 1) - 1)
    assert sorted(least_loss(short) or ()) == [0, 1]


def test_the_solver_prints_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """HiGHS has lines that no option turns off; they would stand in what goes to standard output as JSON."""

    def talkative(*args: object, **kwargs: object) -> object:
        os.write(1, b"HighsMipSolverData\n")
        return milp(*args, **kwargs)

    monkeypatch.setattr(choosing_module, "milp", talkative)
    print("before")
    one = Choosing((2,), (Table((0,), np.array([1.0, 0.0]), np.array([0, 5])),), 5)
    assert least_loss(one) == (1,)
    print("after")
    assert capfd.readouterr().out == "before\nafter\n"
