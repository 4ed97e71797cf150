"""The shipped systems: what their descriptions promise, and that each runs at any number of accelerators."""

import pytest

import ppsim
from ppsim.documents import names

SHIPPED = ("chiplets", "edge", "gemmini", "shared-dram", "tetris", "tpu-v1", "tpu-v4")


def peak_tops(system: ppsim.System) -> float:
    """Peak 10^12 operations per second of one accelerator, two for a multiply-accumulate."""
    return 2 * system.array.peak_macs_per_cycle * system.clock_mhz * 1e6 / 1e12


def test_what_is_shipped():
    assert names("accelerators") == SHIPPED


def test_peaks_are_the_published_ones():
    assert peak_tops(ppsim.load_system("tpu-v1")) == pytest.approx(92, rel=0.01)  # ISCA 2017
    assert peak_tops(ppsim.load_system("tpu-v4")) == pytest.approx(275 / 2, rel=0.01)  # half a chip of two cores
    assert peak_tops(ppsim.load_system("chiplets")) == pytest.approx(4, rel=0.03)  # MICRO 2019, a chiplet
    assert peak_tops(ppsim.load_system("gemmini")) == pytest.approx(0.512)


def test_accumulators_are_as_large_as_published():
    for name, kib in (("tpu-v1", 4 * 1024), ("gemmini", 64), ("chiplets", 16 * 3), ("edge", 64)):
        array = ppsim.load_system(name).array
        bits = array.accumulator_depth * array.cols * array.count * array.accumulator_bits
        assert bits / 8 / 1024 == kib


@pytest.mark.parametrize("name", SHIPPED)
def test_the_scratchpad_keeps_up_with_the_arrays_and_the_dram(name):
    """Per cycle: inputs along the rows, weights and outputs along the columns, partial sums both ways, a DRAM fill."""
    system = ppsim.load_system(name)
    array, operand = system.array, system.array.bits / 8
    inputs, weights = array.rows * operand, array.cols * operand
    outputs = array.cols * operand
    if array.accumulator_depth is None:  # partial sums go through the scratchpad
        outputs = 2 * array.cols * array.accumulator_bits / 8
    fill = system.dram.bandwidth_gb_s * 1e9 / (system.clock_mhz * 1e6)
    assert system.buffer.bandwidth_bytes_per_cycle >= array.count * (inputs + weights + outputs) + fill


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("accelerators", [1, 2, 5, 16])
def test_any_number_of_accelerators_runs(name, accelerators):
    system = ppsim.load_system(name, accelerators=accelerators)
    result = ppsim.simulate(ppsim.gemm(8, 300, 400, bits=system.array.bits), system)
    assert result.macs == 8 * 300 * 400
    assert result.cycles > 0
    assert all(pj >= 0 for pj in result.energy.values())
    assert min(result.energy[part] for part in ("mac", "sram", "dram", "leakage")) > 0


def test_who_shares_a_channel():
    groups = {name: ppsim.load_system(name).dram.sharing for name in SHIPPED}
    assert groups == {
        "chiplets": 6,
        "edge": 2,
        "gemmini": "shared",
        "shared-dram": "shared",
        "tetris": "private",
        "tpu-v1": "private",
        "tpu-v4": "private",
    }


def test_energy_tables_fit_the_operands_and_nodes():
    for name in SHIPPED:
        system = ppsim.load_system(name)
        assert ("int8" in system.energy.name) == (system.array.bits == 8)
        assert system.energy.unit == "pJ"
    nodes = {name: ppsim.load_system(name).energy.node_nm for name in SHIPPED}
    assert (nodes["tpu-v1"], nodes["tpu-v4"], nodes["chiplets"]) == (28, 7, 16)


def test_energies_that_belong_to_one_system():
    """Static power of the chips; links between chiplets; the memory in place of the table's DRAM."""
    tpu_v1, tpu_v4, chiplets = map(ppsim.load_system, ("tpu-v1", "tpu-v4", "chiplets"))
    assert (tpu_v1.energy.leakage_w.value, tpu_v1.energy.leakage_w.confidence) == (28, "unverified")
    assert tpu_v4.energy.leakage_w.value == 90 / 2
    assert chiplets.interconnect.pj_per_bit == 1.17
    assert tpu_v1.energy.dram_pj_per_bit.value == 6.3
    assert tpu_v1.energy.dram_background_w.value == pytest.approx(0.894976 * 34 / 12.8)
    assert tpu_v4.energy.dram_pj_per_bit.value == 7.03
    assert chiplets.energy.dram_background_w.value == pytest.approx(8.8e-12 * 8 * 25.4e9 * 0.94, rel=1e-5)


def test_static_power_of_estimated_systems_goes_with_on_chip_memory():
    """6.25 mW for 133 KB (TETRIS) to 30 mW for 108 KB (Eyeriss)."""
    for name in ("gemmini", "chiplets", "edge"):
        system = ppsim.load_system(name)
        array, leakage = system.array, system.energy.leakage_w
        accumulators = array.accumulator_depth * array.cols * array.count * array.accumulator_bits / 8 / 1024
        kib = system.buffer.kib + accumulators
        assert leakage.value == pytest.approx(0.00625 * kib / 133, rel=1e-3)
        assert (leakage.low, leakage.high) == pytest.approx((leakage.value, 0.03 * kib / 108), rel=1e-3)
        assert leakage.confidence == "estimate"
