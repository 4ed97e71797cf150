"""The PE-level model computes real products, and the laws of the array hold in it; were they wrong, it would tell."""

import ast
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.array import OperandTraffic, operand_traffic
from ppsim.validation import pe_model
from ppsim.validation.pe_model import run_array
from ppsim.validation.references import pe_level

KINDS = (("os", False), ("ws", False), ("is", False), ("ws", True), ("is", True))

kinds = st.sampled_from(KINDS)
sizes = st.integers(1, 14)
sides = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


def operands(m: int, k: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(-(2**15), 2**15, (m, k)), rng.integers(-(2**15), 2**15, (k, n))


def holds(m: int, k: int, n: int, rows: int, cols: int, dataflow: str, overlap: bool, seed: int = 0) -> None:
    a, w = operands(m, k, n, seed)
    run = run_array(a, w, rows, cols, dataflow, overlap)
    assert run.product.dtype == np.int64
    np.testing.assert_array_equal(run.product, a @ w)
    assert run.cycles == ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap)
    traffic = operand_traffic(m, k, n, rows, cols, dataflow)
    assert (run.input_reads, run.weight_reads) == (traffic.input_reads, traffic.weight_reads)
    assert (run.sum_writes, run.sum_reads) == (traffic.sum_writes, traffic.sum_reads)


@settings(max_examples=300)
@given(sizes, sizes, sizes, sides, sides, kinds, seeds)
def test_the_laws_hold(m, k, n, rows, cols, kind, seed):
    holds(m, k, n, rows, cols, *kind, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [
    (1, 1, 1, 1, 1),
    (4, 3, 5, 1, 1),
    (1, 1, 1, 4, 6),
    (2, 3, 4, 9, 8),
    (8, 8, 8, 4, 4),
    (9, 8, 8, 4, 4),
    (8, 9, 8, 4, 4),
    (8, 8, 9, 4, 4),
    (9, 10, 11, 4, 4),
    (6, 7, 8, 1, 3),
    (6, 7, 8, 3, 1),
    (2, 19, 3, 6, 2),
    (19, 7, 18, 2, 3),
    (17, 33, 18, 16, 16),
])  # fmt: skip
def test_the_laws_hold_where_shapes_are_special(shape, kind):
    """One PE, arrays larger than the problem, whole and edge folds, single rows and columns, short and long streams."""
    holds(*shape, *kind)


def test_a_fold_of_ws_by_hand(monkeypatch):
    """A = [[1, 2], [3, 4]] by W = [[5, 6], [7, 8]] on 2 x 2 PEs: what enters, and the partial sum in each PE.

    cycle  top  left  PE (0,0)  PE (0,1)  PE (1,0)        PE (1,1)
    1      7 -  - -
    2      5 8  - -
    3      - 6  1 -   1*5 = 5
    4      - -  3 2   3*5 = 15  1*6 = 6   5 + 2*7 = 19
    5      - -  - 4             3*6 = 18  15 + 4*7 = 43   6 + 2*8 = 22
    6      - -  - -                                       18 + 4*8 = 50
    """
    step, sums = pe_model._OperandStationary.step, []

    def watched(array, line, load):
        step(array, line, load)
        sums.append(array.sums.ravel().tolist())

    monkeypatch.setattr(pe_model._OperandStationary, "step", watched)
    run = run_array(np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]]), 2, 2, "ws")
    assert sums == [[0, 0, 0, 0], [0, 0, 0, 0], [5, 0, 0, 0], [15, 6, 19, 0], [0, 18, 43, 22], [0, 0, 0, 50]]
    assert run.product.tolist() == [[19, 22], [43, 50]]
    assert run.cycles == 6
    assert (run.input_reads, run.weight_reads, run.sum_writes, run.sum_reads) == (4, 4, 4, 0)


def test_two_folds_of_os_by_hand():
    """[1, 2] by [[3], [4]] on one PE: 1*3, then 2*4; another column of W takes the same two cycles, and A again."""
    run = run_array(np.array([[1, 2]]), np.array([[3, 5], [4, 6]]), 1, 1, "os")
    assert run.product.tolist() == [[11, 17]]
    assert run.cycles == 4
    assert (run.input_reads, run.weight_reads, run.sum_writes, run.sum_reads) == (4, 4, 2, 0)


def test_two_overlapped_folds_by_hand():
    """[1, 2] by [[3], [4]] on one PE keeps 3, then 4; the 4 comes in while 1*3 is computed.

    cycle 1: 3 is shifted in. 2: 1*3 = 3 is written, 4 is shifted in. 3: 3 is read, 3 + 2*4 = 11 is written.
    Without overlap, 4 is shifted in in cycle 3, and 11 written in cycle 4.
    """
    a, w = np.array([[1, 2]]), np.array([[3], [4]])
    for dataflow in ("ws", "is"):
        overlapped, plain = (run_array(a, w, 1, 1, dataflow, overlap) for overlap in (True, False))
        assert (overlapped.cycles, plain.cycles) == (3, 4)
        for run in (overlapped, plain):
            assert run.product.tolist() == [[11]]
            assert (run.input_reads, run.weight_reads, run.sum_writes, run.sum_reads) == (2, 2, 2, 1)


@settings(max_examples=60)
@given(sizes, sizes, sizes, sides, sides, st.booleans(), seeds)
def test_input_stationary_is_weight_stationary_transposed(m, k, n, rows, cols, overlap, seed):
    a, w = operands(m, k, n, seed)
    one, other = run_array(a, w, rows, cols, "is", overlap), run_array(w.T, a.T, rows, cols, "ws", overlap)
    np.testing.assert_array_equal(one.product, other.product.T)
    assert (one.cycles, one.sum_writes, one.sum_reads) == (other.cycles, other.sum_writes, other.sum_reads)
    assert (one.input_reads, one.weight_reads) == (other.weight_reads, other.input_reads)


@pytest.mark.parametrize(("dataflow", "overlap", "message"), [
    ("rs", False, "'rs' is unknown; accepted: os, ws, is"),
    ("OS", False, "'OS' is unknown"),
    ("", True, "'' is unknown"),
    ("os", True, "overlap"),
])  # fmt: skip
def test_what_no_array_does_is_refused(dataflow, overlap, message):
    with pytest.raises(ValueError, match=message):
        run_array(*operands(2, 3, 4), 2, 2, dataflow, overlap)


@pytest.mark.parametrize(("a", "w", "rows", "cols"), [
    ((2, 3), (4, 2), 2, 2),
    ((2, 3), (3,), 2, 2),
    ((6,), (3, 2), 2, 2),
    ((0, 3), (3, 2), 2, 2),
    ((2, 0), (0, 2), 2, 2),
    ((2, 3), (3, 2), 0, 2),
    ((2, 3), (3, 2), 2, -1),
])  # fmt: skip
def test_sizes_that_make_no_product_are_refused(a, w, rows, cols):
    with pytest.raises(ValueError, match="is no product"):
        run_array(np.ones(a, dtype=np.int64), np.ones(w, dtype=np.int64), rows, cols, "ws")


def test_a_run_is_not_changed():
    run = run_array(*operands(2, 3, 4), 2, 2, "ws")
    with pytest.raises(FrozenInstanceError):
        run.cycles = 0


def test_the_model_imports_numpy_and_the_standard_library_alone():
    """By its text, and in an interpreter where ppsim cannot be imported."""
    with open(pe_model.__file__, encoding="utf-8") as file:
        nodes = list(ast.walk(ast.parse(file.read())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert not node.level
            imported.add(node.module)
    others = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert others == {"numpy"}
    code = f"""
import runpy, sys
sys.modules["ppsim"] = None
import numpy as np
run = runpy.run_path({pe_model.__file__!r})["run_array"](np.array([[1, 2]]), np.array([[3], [4]]), 2, 2, "ws")
print(run.product.item(), run.cycles)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["11", "5"]


# what would not be noticed is not tested: the laws, the schedule and the wiring, each made wrong


@settings(max_examples=60)
@given(sizes, sizes, sizes, sides, sides)
def test_a_law_of_one_cycle_more_would_be_noticed(m, k, n, rows, cols):
    folds = -(-m // rows) * -(-n // cols)
    assert run_array(*operands(m, k, n), rows, cols, "os").cycles == folds * (k + rows + cols - 2)
    assert run_array(*operands(m, k, n), rows, cols, "os").cycles != folds * (k + rows + cols - 1)


def test_the_reference_holds_and_would_notice_other_laws(monkeypatch):
    traffic = ["input reads", "weight reads", "partial-sum writes", "partial-sum reads"]
    checks = list(pe_level.checks())
    assert [check.compared for check in checks] == ["compute cycles", *traffic, "right elements of the product"]
    for check in checks:
        assert check.holds
        assert check.max == check.max_bound == 0
        assert len({case.name for case in check.cases}) == len(check.cases) >= 200

    def one_more(*shape):
        found = operand_traffic(*shape)
        return replace(found, **{name: getattr(found, name) + 1 for name in asdict(found)})

    monkeypatch.setattr(pe_level, "compute_cycles", lambda *shape: ppsim.compute_cycles(*shape) - 1)
    monkeypatch.setattr(pe_level, "operand_traffic", one_more)
    *wrong, right = pe_level.checks()
    assert right.holds
    assert all(case.error > 0 for check in wrong for case in check.cases)


def test_the_reference_would_notice_counts_that_are_exchanged(monkeypatch):
    def exchanged(*shape):
        found = operand_traffic(*shape)
        return OperandTraffic(found.weight_reads, found.input_reads, found.sum_reads, found.sum_writes)

    monkeypatch.setattr(pe_level, "operand_traffic", exchanged)
    assert [check.holds for check in pe_level.checks()] == [True, False, False, False, False, True]


def wrong_products(kinds: tuple[tuple[str, bool], ...]) -> list[tuple[str, bool]]:
    """Those of the kinds that get a product of several folds wrong."""
    a, w = operands(9, 10, 11)
    return [kind for kind in kinds if not np.array_equal(run_array(a, w, 4, 3, *kind).product, a @ w)]


def test_no_fold_could_begin_sooner(monkeypatch):
    """A cycle sooner, it meets weights that have not arrived."""
    patient = pe_model._OperandStationary.next_line

    def hasty(array):
        array.loaded += 1
        line = patient(array)
        array.loaded -= 1
        return line

    assert wrong_products(KINDS) == []
    monkeypatch.setattr(pe_model._OperandStationary, "next_line", hasty)
    assert wrong_products(KINDS) == list(KINDS[1:])


def test_operands_could_not_be_shifted_in_sooner(monkeypatch):
    """A cycle sooner, they overwrite shadows that the fold before has not taken yet."""
    patient = pe_model._OperandStationary.next_load

    def hasty(array):
        array.entered += 1
        load = patient(array)
        array.entered -= 1
        return load

    monkeypatch.setattr(pe_model._OperandStationary, "next_load", hasty)
    assert wrong_products(KINDS) == [("ws", True), ("is", True)]


def test_without_skew_there_is_no_product(monkeypatch):
    """Operands really meet in the PEs: lines that enter all lanes at once meet others than their own."""

    def at_once(edge, tag):
        edge.tags[:] = tag
        return edge.values[edge.tags * len(edge.lanes) + edge.lanes]

    monkeypatch.setattr(pe_model._Edge, "step", at_once)
    assert wrong_products(KINDS) == list(KINDS)
