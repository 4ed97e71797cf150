"""DRAM channels: who shares one, how fast it is for a mix, and how bytes are rounded."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.dram import DramSpec

VAULT = DramSpec(sharing="private", bandwidth_gb_s=8, latency_ns=43, efficiency_streaming=0.92, efficiency_mixed=0.66)


@pytest.mark.parametrize(
    ("sharing", "channels", "of"),
    [
        ("private", 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("shared", 1, [0] * 8),
        (1, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (2, 4, [0, 0, 1, 1, 2, 2, 3, 3]),
        (3, 3, [0, 0, 0, 1, 1, 1, 2, 2]),
        (8, 1, [0] * 8),
        (20, 1, [0] * 8),
    ],
)
def test_eight_accelerators_behind_channels(sharing, channels, of):
    system = ppsim.load_system("tetris", accelerators=8, set={"dram.sharing": sharing})
    assert system.channels == channels
    assert [system.channel_of(a) for a in range(8)] == of
    assert system.dram_shared == (len(set(of)) < 8)


def test_shipped_systems_differ_in_their_channels_alone():
    private, shared = ppsim.load_system("tetris"), ppsim.load_system("shared-dram")
    assert (private.channels, shared.channels) == (16, 1)
    renamed = replace(shared, name=private.name, description=private.description)
    assert replace(renamed, dram=replace(shared.dram, sharing="private")) == private


@given(st.integers(0, 10**9), st.integers(1, 4096))
def test_bytes_round_up_to_whole_bursts(size, burst):
    rounded = replace(VAULT, burst_bytes=burst).rounded(size)
    assert rounded % burst == 0
    assert size <= rounded < size + burst


def test_efficiency_at_the_measured_mixes():
    assert VAULT.efficiency(0, 0) == 0.92
    assert VAULT.efficiency(1000, 0) == 0.92
    assert VAULT.efficiency(2000, 1000) == pytest.approx(0.66, rel=1e-12)  # one write to two reads
    assert VAULT.efficiency(5000, 1000) == pytest.approx((0.92 + 0.66) / 2, rel=1e-12)  # half the way: a sixth writes


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_efficiency_lies_between_the_measured_ends(read, write):
    efficiency = VAULT.efficiency(read, write)
    assert 0.66 - 1e-12 <= efficiency <= 0.92
    if 2 * write >= read:
        assert efficiency == pytest.approx(0.66, rel=1e-12)  # level beyond a third writes
    assert VAULT.efficiency(read, 2 * write) <= efficiency


def test_rate_is_peak_times_efficiency():
    assert VAULT.rate(1, 0) == 7_360_000_000
    assert VAULT.rate(2, 1) == 5_280_000_000
    assert replace(VAULT, efficiency_streaming=1.0).rate(1, 0) == 8_000_000_000


def test_bytes_per_cycle_of_a_vault():
    system = ppsim.load_system("tetris", set={"dram.efficiency_streaming": 1.0})
    assert system.dram_bytes_per_cycle == 16.0  # 8 GB/s at 500 MHz
    assert ppsim.load_system("tetris").dram_bytes_per_cycle == pytest.approx(16 * 0.92, rel=1e-9)


def test_latency_is_an_integer_number_of_femtoseconds():
    assert VAULT.latency_fs == 43_000_000
    assert replace(VAULT, latency_ns=0.0000005).latency_fs == 0
    assert replace(VAULT, latency_ns=12.345678).latency_fs == 12_345_678


def test_lines_between_compute_bound_and_dram_bound():
    """Bytes a cycle that a 12x14 array takes at batch 1: the numbers of the design."""

    def line(dataflow: str, overlap: bool = False) -> float:
        array = {"rows": 12, "cols": 14, "bits": 16, "dataflow": dataflow, "overlap": overlap}
        return ppsim.load_system("tetris", set={"array": array}).weights_bandwidth_line()

    assert line("os") == 28
    assert line("ws", overlap=True) == 28
    assert line("is") == 24
    assert line("ws") == pytest.approx(2 * 12 * 14 / (2 * 12 + 14 - 1), rel=1e-12)  # 9.1
