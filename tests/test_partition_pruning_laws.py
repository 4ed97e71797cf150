"""Why P accelerators give P^2, P or something else: TinyVGG16's FC layers pruned to diagonal blocks, alone, batch 1.

A 12x14 array of 16 bit with 128 KiB asks DRAM for 28 bytes a cycle (os, ws with overlap) and gets 16: it waits for its
weights. Pruning to 1/P of them then gives P, and P private channels P times more. Behind one shared channel the
accelerators wait for one another and only the pruning is left. Plain ws takes 9.1 bytes a cycle: it computes, at 16
bytes a cycle, and what P arrays lose to it are folds that no longer fill them.
"""

import pytest

import ppsim
from ppsim.baselines import PRUNED_LAYERS, explained

DATAFLOWS = {"os": ("os", False), "ws-overlap": ("ws", True), "ws": ("ws", False)}


def hardware(accelerators: int, dataflow: str, sharing: str = "private") -> ppsim.System:
    """No latency, free links, no vector unit, 16 bytes a cycle at full efficiency."""
    name, overlap = DATAFLOWS[dataflow]
    return ppsim.load_system(
        "tetris",
        accelerators=accelerators,
        set={
            "array": {"rows": 12, "cols": 14, "dataflow": name, "overlap": overlap, "bits": 16},
            "buffer.kib": 128,
            "clock_mhz": 500,
            "dram.sharing": sharing,
            "dram.bandwidth_gb_s": 8,
            "dram.efficiency_streaming": 1,
            "dram.efficiency_mixed": 1,
            "dram.latency_ns": 0,
            "interconnect.ideal": True,
            "vector.enabled": False,
        },
    )


def alone(parts: int, dataflow: str, sharing: str = "private"):
    pruned = ppsim.partition(ppsim.load_workload("tinyvgg16"), parts, layers="fc*")
    return explained(pruned.stretches(), hardware(parts, dataflow, sharing), PRUNED_LAYERS)


@pytest.mark.parametrize("dataflow", ["os", "ws-overlap"])
@pytest.mark.parametrize(
    ("parts", "speedup", "within"), [(2, 4.00, 0.02), (4, 15.97, 0.02), (8, 63.7, 0.02), (16, 253, 0.03)]
)
def test_waiting_for_weights_private_channels_give_the_square(dataflow, parts, speedup, within):
    comparison = alone(parts, dataflow)
    assert comparison.speedup == pytest.approx(speedup, rel=within)
    assert comparison.factors.pruning == pytest.approx(parts, rel=within)
    assert all(layer.bound == "DRAM" for layer in comparison.result.layers)


@pytest.mark.parametrize("dataflow", ["os", "ws-overlap"])
@pytest.mark.parametrize("parts", [2, 4, 8, 16])
def test_waiting_for_weights_one_shared_channel_gives_the_pruning(dataflow, parts):
    comparison = alone(parts, dataflow, "shared")
    assert comparison.speedup == pytest.approx(parts, rel=0.03)
    # what is lost of parts^2 is lost to the channel
    assert comparison.factors.dram_loss == pytest.approx(1 - 1 / parts, abs=0.03)


@pytest.mark.parametrize(("parts", "speedup"), [(2, 3.97), (4, 15.7), (8, 62.4), (16, 239)])
def test_computing_private_channels_give_almost_the_square(parts, speedup):
    comparison = alone(parts, "ws")
    assert comparison.speedup == pytest.approx(speedup, rel=0.015)
    assert comparison.baselines["single-dense"].cycles == pytest.approx(5.75e6, rel=0.01)
    assert all(layer.bound == "compute" for layer in comparison.baselines["single-dense"].layers)


def test_the_line_between_waiting_and_computing():
    """The bandwidth that dataflows ask for, and on which side of it 16 bytes a cycle are."""
    lines = {name: hardware(1, name).weights_bandwidth_line() for name in DATAFLOWS}
    assert hardware(1, "os").dram_bytes_per_cycle == 16
    assert lines["ws"] == pytest.approx(9.08, abs=0.01)
    assert lines["ws"] < 16 < lines["os"] == lines["ws-overlap"] == 28


def test_alone_it_takes_as_long_as_its_weights():
    """25,985,024 weights of 2 bytes at 16 bytes a cycle are 3.25 M cycles, and little comes on top."""
    floor = 25_985_024 * 2 / 16
    for dataflow in ("os", "ws-overlap"):
        cycles = alone(2, dataflow).baselines["single-dense"].cycles
        assert floor <= cycles <= 1.01 * floor


def test_compare_reports_the_same_numbers():
    pruned = ppsim.partition(ppsim.load_workload("tinyvgg16"), 4, layers="fc*")
    comparison = ppsim.compare(pruned, hardware(4, "os"))
    assert comparison.pruned_layers.speedup == alone(4, "os").speedup
    assert 1 < comparison.speedup < comparison.pruned_layers.speedup
