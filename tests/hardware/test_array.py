"""The laws of the array: against SCALE-Sim v3, against an explicit walk over folds, and as properties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.array import ArraySpec, operand_traffic
from ppsim.validation.numbers import table

DATAFLOWS = ("os", "ws", "is")

sizes = st.integers(1, 200)
sides = st.integers(1, 20)
dataflows = st.sampled_from(DATAFLOWS)
stationary = st.sampled_from(("ws", "is"))


def scalesim() -> list[dict[str, str]]:
    return table("scalesim_v3")


def shape(row: dict[str, str]) -> tuple[int, int, int, int, int]:
    return int(row["M"]), int(row["K"]), int(row["N"]), int(row["rows"]), int(row["cols"])


def name(row: dict[str, str]) -> str:
    return f"{row['first_layer']}-{row['rows']}x{row['cols']}-{row['dataflow']}"


def test_the_table_is_whole():
    rows = scalesim()
    assert len(rows) == 72
    assert {row["dataflow"] for row in rows} == set(DATAFLOWS)
    assert {row["kind"] for row in rows} == {"conv", "gemm"}


@pytest.mark.parametrize("row", scalesim(), ids=name)
def test_scalesim_cycles_and_traffic(row):
    assert ppsim.compute_cycles(*shape(row), row["dataflow"]) == int(row["total_cycles"]) + 1
    traffic = operand_traffic(*shape(row), row["dataflow"])
    assert traffic.input_reads == int(row["sram_ifmap_reads"])
    assert traffic.weight_reads == int(row["sram_filter_reads"])
    # SCALE-Sim also counts rows + cols idle addresses of the wavefront in each os fold; nothing is written there
    m, _, n, rows, cols = shape(row)
    idle = -(-m // rows) * -(-n // cols) * (rows + cols) if row["dataflow"] == "os" else 0
    assert traffic.sum_writes == int(row["sram_ofmap_writes"]) - idle


def test_scalesim_in_one_call():
    """The closed form takes columns: whole tables at once, as int64."""
    for dataflow, (rows, cols) in product(DATAFLOWS, ((128, 128), (32, 32))):
        chosen = [r for r in scalesim() if r["dataflow"] == dataflow and shape(r)[3:] == (rows, cols)]
        m, k, n = (np.array(column, dtype=np.int64) for column in list(zip(*map(shape, chosen), strict=True))[:3])
        cycles = ppsim.compute_cycles(m, k, n, rows, cols, dataflow)
        assert cycles.dtype == np.int64
        assert cycles.tolist() == [int(r["total_cycles"]) + 1 for r in chosen]


def pieces(size: int, side: int) -> list[int]:
    return [min(side, size - start) for start in range(0, size, side)]


def folds(m: int, k: int, n: int, rows: int, cols: int, dataflow: str) -> list[tuple[int, int]]:
    """(rows used, columns used) of every fold, one after the other."""
    down, across = {"os": (m, n), "ws": (k, n), "is": (k, m)}[dataflow]
    return list(product(pieces(down, rows), pieces(across, cols)))


@given(sizes, sizes, sizes, sides, sides, dataflows)
def test_cycles_are_the_sum_over_folds(m, k, n, rows, cols, dataflow):
    """A fold fills the array (stationary operands: rows cycles), streams, and drains its wavefront."""
    stream = {"os": k, "ws": m, "is": n}[dataflow]
    total = 0
    for _ in folds(m, k, n, rows, cols, dataflow):
        total += 0 if dataflow == "os" else rows  # load the stationary operand
        total += stream  # the first element of the last step enters
        total += (rows - 1) + (cols - 1)  # the last of them crosses the array
    assert ppsim.compute_cycles(m, k, n, rows, cols, dataflow) == total


@given(sizes, sizes, sizes, sides, sides, stationary)
def test_overlapped_cycles_are_a_two_stage_pipeline(m, k, n, rows, cols, dataflow):
    """One fold's stationary operand loads while the fold before streams; each waits for the slower of the two."""
    stream = m if dataflow == "ws" else n
    loaded, streamed = rows, 0
    for _ in folds(m, k, n, rows, cols, dataflow):
        start = max(loaded, streamed)
        streamed = start + stream
        loaded = start + rows  # the next fold's operand
    assert ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=True) == streamed + rows + cols - 2


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), sides, sides, dataflows)
def test_operand_traffic_is_the_sum_over_folds(m, k, n, rows, cols, dataflow):
    """Each fold reads the operands that enter it at their real size, edges too; partial sums come back for the next."""
    inputs = weights = writes = reads = 0
    written: set[tuple[int, int]] = set()
    downs, acrosses = {"os": (m, n), "ws": (k, n), "is": (k, m)}[dataflow]
    for i, down in enumerate(pieces(downs, rows)):
        for j, across in enumerate(pieces(acrosses, cols)):
            if dataflow == "os":
                inputs, weights, sums = inputs + down * k, weights + k * across, down * across
            elif dataflow == "ws":
                inputs, weights, sums = inputs + m * down, weights + down * across, m * across
            else:
                inputs, weights, sums = inputs + down * across, weights + down * n, across * n
            writes += sums
            place = (i, j) if dataflow == "os" else (0, j)
            if place in written:
                reads += sums
            written.add(place)
    traffic = operand_traffic(m, k, n, rows, cols, dataflow)
    assert (traffic.input_reads, traffic.weight_reads) == (inputs, weights)
    assert (traffic.sum_writes, traffic.sum_reads) == (writes, reads)


@given(st.lists(sizes, min_size=1, max_size=4), st.lists(sizes, min_size=1, max_size=3), sizes, sides, sides, dataflows)
def test_sizes_broadcast(ms, ks, n, rows, cols, dataflow):
    cycles = ppsim.compute_cycles(np.array(ms)[:, None], np.array(ks)[None, :], n, rows, cols, dataflow)
    assert isinstance(cycles, np.ndarray)
    assert cycles.dtype == np.int64
    assert cycles.shape == (len(ms), len(ks))
    one_by_one = [[ppsim.compute_cycles(m, k, n, rows, cols, dataflow) for k in ks] for m in ms]
    assert cycles.tolist() == one_by_one


def test_narrow_integers_do_not_overflow():
    """2^16 folds of 65,789 cycles are more than an int32 holds."""
    cycles = ppsim.compute_cycles(np.array([65535], dtype=np.int32), np.int32(32768), np.int32(32768), 128, 128, "ws")
    assert cycles.tolist() == [65536 * (65535 + 2 * 128 + 128 - 2)]


def test_scalars_give_a_plain_int():
    for overlap in (False, True):
        assert type(ppsim.compute_cycles(3, 4, 5, 2, 2, "ws", overlap=overlap)) is int


@given(sizes, sides, sides, stationary, st.data())
def test_overlap_hides_nothing_in_a_single_fold(stream, rows, cols, dataflow, data):
    k, other = data.draw(st.integers(1, rows)), data.draw(st.integers(1, cols))
    m, n = (stream, other) if dataflow == "ws" else (other, stream)
    plain = ppsim.compute_cycles(m, k, n, rows, cols, dataflow)
    assert ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=True) == plain
    assert plain == stream + 2 * rows + cols - 2


@given(sizes, sizes, sizes, sides, sides, stationary)
def test_overlap_is_never_slower_and_hides_at_most_all_but_the_stream(m, k, n, rows, cols, dataflow):
    plain = ppsim.compute_cycles(m, k, n, rows, cols, dataflow)
    overlapped = ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=True)
    count = len(folds(m, k, n, rows, cols, dataflow))
    assert count * (m if dataflow == "ws" else n) < overlapped <= plain
    if count > 1:
        assert overlapped < plain


@given(sizes, sizes, sizes, sides, sides, dataflows, st.booleans())
def test_cycles_never_beat_the_peak(m, k, n, rows, cols, dataflow, overlap):
    cycles = ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=overlap and dataflow != "os")
    assert cycles * rows * cols >= m * k * n


@given(sizes, sizes, sizes, sides, sides, dataflows, st.booleans(), st.integers(0, 2), st.integers(1, 50))
def test_cycles_never_fall_when_a_size_grows(m, k, n, rows, cols, dataflow, overlap, which, more):
    overlap = overlap and dataflow != "os"
    grown = [m, k, n]
    grown[which] += more
    before = ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=overlap)
    assert ppsim.compute_cycles(*grown, rows, cols, dataflow, overlap=overlap) >= before


@pytest.mark.parametrize("dataflow", ["rs", "OS", "", "output-stationary"])
def test_an_unknown_dataflow_is_named_with_those_accepted(dataflow):
    with pytest.raises(ppsim.InputError, match=r"accepted: os, ws, is$") as caught:
        ppsim.compute_cycles(1, 1, 1, 2, 2, dataflow)
    assert repr(dataflow) in str(caught.value)


def test_overlap_needs_a_stationary_operand():
    with pytest.raises(ppsim.InputError, match="overlap"):
        ppsim.compute_cycles(1, 1, 1, 2, 2, "os", overlap=True)


def test_overlap_in_a_specification_of_an_os_array_is_without_effect():
    assert not ArraySpec(12, 14, dataflow="os", overlap=True).overlapped
    assert ArraySpec(12, 14, dataflow="is", overlap=True).overlapped
    assert not ArraySpec(12, 14, dataflow="ws").overlapped


def test_peak_counts_every_array():
    assert ArraySpec(12, 14).peak_macs_per_cycle == 168
    assert ArraySpec(12, 14, count=3).peak_macs_per_cycle == 504
