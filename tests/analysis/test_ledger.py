"""The energy ledger against energies computed by hand, and its sums."""

from dataclasses import replace

import pytest

import ppsim
from ppsim.hardware.energy import COMPONENTS, EnergyTable, Entry, SramPoint
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear, Softmax

#: every action at a price of its own, so that no two can be taken for one another
PRICES = {
    "mac_pj": 3.0,
    "register_file_pj_per_bit": 0.5,
    "pe_to_pe_pj_per_bit": 0.7,
    "accumulator_pj_per_bit": 1.3,
    "dram_pj_per_bit": 11.0,
    "dram_background_w": 0.017,
    "link_pj_per_bit": 1.9,
    "router_pj_per_bit": 0.23,
    "vector_pj_per_op": 0.29,
    "leakage_w": 0.031,
}
SRAM = 0.9


def price(value: float) -> Entry:
    return Entry(value, "a test", "estimate")


TABLE = EnergyTable(
    name="prices",
    description="made up",
    node_nm=None,
    sram=(SramPoint(133, price(SRAM)),),
    **{name: price(value) for name, value in PRICES.items()},
)


def system(accelerators: int, **settings) -> ppsim.System:
    array = {"rows": 2, "cols": 2, "dataflow": "os", "bits": 16, "accumulator_bits": 32}
    fixed = {"array": array, "dram.burst_bytes": 2, "dram.efficiency_mixed": 0.92}
    return replace(ppsim.load_system("tetris", accelerators=accelerators, set=fixed | settings), energy=TABLE)


def by_hand(
    seconds: float, macs: int, registers: int, hops: int, sram: int, accumulators: int, dram_bytes: int,
    sent_bits: int = 0, operations: int = 0, accelerators: int = 1, channels: int = 1,
) -> dict[str, float]:  # fmt: skip
    """Counted bits, bytes and actions times their prices, pJ."""
    return {
        "mac": macs * 3.0,
        "register_file": registers * 0.5,
        "pe_to_pe": hops * 0.7,
        "sram": sram * 0.9 + accumulators * 1.3,
        "dram": 8 * dram_bytes * 11.0,
        "dram_background": 0.017 * channels * seconds * 1e12,
        "link": sent_bits * 1.9,
        "router": sent_bits * 0.23,
        "vector": operations * 0.29,
        "leakage": 0.031 * accelerators * seconds * 1e12,
    }


def test_output_stationary_by_hand():
    """1x4 by 4x4 on 2x2: one fold down, two across, each streams k = 4. One of the two rows is in use.

    Registers: every MAC reads and writes a 32-bit sum. Hops: every MAC passes two 16-bit operands on, and each of the 4
    sums shifts out along the 1 row it crosses. Scratchpad: the array reads the 4 inputs twice (once a fold) and the 16
    weights once; 16 weights and 4 inputs come from DRAM, 4 outputs are written and read again on their way there.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(1))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=16 * 2 * 32,
        hops=16 * 2 * 16 + 4 * 1 * 32,
        sram=(2 * 4 + 16) * 16 + (16 + 4) * 16 + (4 + 4) * 16,
        accumulators=0,
        dram_bytes=2 * (16 + 4 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)
    assert result.macs == 16
    assert result.dram_bytes == 48


def test_weight_stationary_by_hand():
    """1x4 by 4x4 on 2x2: two folds down (k), two across (n).

    Registers: every MAC reads its 16-bit weight, and each of 16 weights is written once. Hops: every MAC passes a
    16-bit input and a 32-bit sum on; a fold's 4 weights shift down one row or two: 2 (1 + 2). Partial sums: 4 outputs
    are written twice (once for each fold down) and read once; the last write is an output of 16 bits.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(1, **{"array.dataflow": "ws"}))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=(16 + 16) * 16,
        hops=16 * (16 + 32) + 4 * 2 * (1 + 2) * 16,
        sram=(2 * 4 + 16) * 16 + (16 + 4) * 16 + (4 + 4) * 16,
        accumulators=((2 * 4 - 4) + 4) * 32,
        dram_bytes=2 * (16 + 4 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_input_stationary_by_hand():
    """2x4 by 4x1 on 2x2: two folds down (k), one across (m). Eight inputs are loaded, one weight streams into each row.

    A fold's 4 inputs shift down one row or two: 2 (1 + 2). Partial sums: 2 outputs, written twice and read once.
    """
    result = ppsim.simulate(ppsim.gemm(2, 4, 1), system(1, **{"array.dataflow": "is"}))
    expected = by_hand(
        result.seconds,
        macs=8,
        registers=(8 + 8) * 16,
        hops=8 * (16 + 32) + 2 * 2 * (1 + 2) * 16,
        sram=(8 + 4) * 16 + (8 + 4) * 16 + (2 + 2) * 16,
        accumulators=((2 * 2 - 2) + 2) * 32,
        dram_bytes=2 * (8 + 4 + 2),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_two_accelerators_by_hand():
    """1x4 by 4x4 on two 2x2 os arrays, two outputs each; accelerator 1 sends its two over one link.

    What is sent is read from one scratchpad and written to another, and read there on its way to DRAM.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(2))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=16 * 2 * 32,
        hops=16 * 2 * 16 + 4 * 1 * 32,
        sram=(2 * 4 + 16) * 16 + (16 + 2 * 4) * 16 + (4 + 2) * 16 + (2 + 2 + 2) * 16,
        accumulators=0,
        dram_bytes=2 * (16 + 2 * 4 + 4),
        sent_bits=2 * 16,
        accelerators=2,
        channels=2,
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)
    assert result.link_bytes == 4


def test_a_link_is_paid_for_once_a_hop():
    """1x4 by 4x8 on four accelerators in a 2x2 mesh: 4 bytes from 1 and 2 over one hop, from 3 over two."""
    result = ppsim.simulate(ppsim.gemm(1, 4, 8), system(4))
    assert result.link_bytes == 3 * 4
    assert result.energy["link"] == pytest.approx(8 * 4 * (1 + 1 + 2) * 1.9, rel=1e-12)
    assert result.energy["router"] == pytest.approx(8 * 4 * (1 + 1 + 2) * 0.23, rel=1e-12)


def test_vector_operations_by_hand():
    """A ReLU of 4 elements and a softmax at 4 operations an element; switched off they cost nothing."""
    layers = (Linear(name="fc", out_features=4), Elementwise(name="relu"), Softmax(name="softmax"))
    net = LayerGraph("net", (4,), layers, batch=3)
    assert ppsim.simulate(net, system(1)).energy["vector"] == pytest.approx(3 * (4 + 16) * 0.29, rel=1e-12)
    assert ppsim.simulate(net, system(1, **{"vector.enabled": False})).energy["vector"] == 0


def test_channels_pay_their_background_once():
    for sharing, channels in (("private", 6), ("shared", 1), (4, 2)):
        result = ppsim.simulate(ppsim.gemm(1, 40, 60), system(6, **{"dram.sharing": sharing}))
        expected = 0.017 * channels * result.seconds * 1e12
        assert result.energy["dram_background"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("accelerators", [1, 2, 8])
def test_idle_accelerators_leak_to_the_end(accelerators):
    """One output unit keeps one accelerator busy; the others pay static power all the same."""
    result = ppsim.simulate(ppsim.gemm(1, 64, 1), system(accelerators, launch_us=3))
    assert result.seconds > 3e-6
    assert result.energy["leakage"] == pytest.approx(0.031 * accelerators * result.seconds * 1e12, rel=1e-12)
    pruned = ppsim.partition(ppsim.gemm(1, 64, 64), 2, layers="*")
    result = ppsim.simulate(pruned, system(accelerators))
    assert result.energy["leakage"] == pytest.approx(0.031 * accelerators * result.seconds * 1e12, rel=1e-12)


@pytest.mark.parametrize("name", ["tetris", "shared-dram"])
@pytest.mark.parametrize("table", ["tetris", "eyeriss-65nm"])
def test_components_add_up(name, table):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 3, keep=0.5)
    hardware = ppsim.load_system(name, accelerators=3, set={"energy": table, "launch_us": 1})
    result = ppsim.simulate(net, hardware)
    assert tuple(result.energy) == COMPONENTS
    for component in COMPONENTS:
        parts = [layer.energy[component] for layer in result.layers]
        assert all(part >= 0 for part in parts)
        assert result.energy[component] == pytest.approx(sum(parts), rel=1e-9, abs=0)
    assert result.energy_pj == pytest.approx(sum(layer.energy_pj for layer in result.layers), rel=1e-9)
    assert result.energy_pj == pytest.approx(sum(result.energy.values()), rel=1e-12)
    assert result.energy["mac"] == net.macs * hardware.energy.mac_pj.value
    assert result.energy["dram"] == pytest.approx(8 * result.dram_bytes * hardware.energy.dram_pj_per_bit.value)
    static = hardware.energy.leakage_w.value * 3 * result.seconds * 1e12
    assert result.energy["leakage"] == pytest.approx(static, rel=1e-9)


@pytest.mark.parametrize("component", sorted(PRICES))
def test_a_price_moves_its_own_component_alone(component):
    """Doubling one price doubles what it pays for and nothing else."""
    net = ppsim.gemm(2, 40, 60)
    before = ppsim.simulate(net, system(4, **{"array.dataflow": "ws"}))
    dearer = replace(TABLE, **{component: price(2 * PRICES[component])})
    after = ppsim.simulate(net, replace(system(4, **{"array.dataflow": "ws"}), energy=dearer))
    changed = {name for name in COMPONENTS if after.energy[name] != before.energy[name]}
    if component == "vector_pj_per_op":  # a product has no such operation
        assert not changed
    elif component == "accumulator_pj_per_bit":
        assert changed == {"sram"}
        assert before.energy["sram"] < after.energy["sram"] < 2 * before.energy["sram"]
    else:
        (name,) = changed
        assert component.startswith(f"{name}_")
        assert after.energy[name] == pytest.approx(2 * before.energy[name], rel=1e-12)
    assert after.cycles == before.cycles
