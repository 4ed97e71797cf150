"""Bounds never exceed what is simulated, to the last bit, and are close to it where nothing is in the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.systems import attention, convolutional, cut, fully_connected, systems
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim import InputError
from ppsim.explore.screening.bounds import free_paths
from ppsim.explore.screening.columns import FREE
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Linear

#: DRAM efficiencies, reading alone and mixed
EFFICIENCIES = ((1, 1), (0.97, 0.8), (0.97, 0.5), (0.9, 0.2), (0.5, 0.9))


def stack(*widths: int, batch: int = 1) -> LayerGraph:
    layers = tuple(Linear(name=f"fc{number}", out_features=width) for number, width in enumerate(widths[1:]))
    return LayerGraph("stack", (widths[0],), layers, batch)


@st.composite
def networks(draw: st.DrawFn, accelerators: int) -> Any:
    kind = draw(st.sampled_from(["linear", "images", "attention", "cut", "cut"]))
    if kind == "images":
        return draw(convolutional())
    if kind == "attention":
        return draw(attention())
    net = draw(fully_connected())
    return draw(cut(net, draw(st.integers(1, 4)), accelerators)) if kind == "cut" else net


@settings(max_examples=120)
@given(st.data(), st.integers(1, 5), st.sampled_from(EFFICIENCIES))
def test_no_run_is_below_its_bounds(data: st.DataObject, accelerators: int, efficiencies: tuple[float, float]) -> None:
    net = data.draw(networks(accelerators))
    mix = dict(zip(("dram.efficiency_streaming", "dram.efficiency_mixed"), efficiencies, strict=True))
    system = data.draw(systems(accelerators)).with_settings(mix)
    try:
        result = ppsim.simulate(net, system)
    except InputError:
        return
    least = ppsim.bounds(net, system)
    assert least.seconds.shape == ()
    assert 0 < least.seconds <= result.seconds
    assert 0 < least.energy_pj <= result.energy_pj
    assert max(least.compute_s, least.dram_s, least.link_s) <= result.seconds * (1 + 1e-12)


#: entries of an energy table but for that of scratchpads
ENTRIES = ("mac_pj", "register_file_pj_per_bit", "pe_to_pe_pj_per_bit", "accumulator_pj_per_bit", "dram_pj_per_bit",
           "dram_background_w", "link_pj_per_bit", "router_pj_per_bit", "vector_pj_per_op", "leakage_w")  # fmt: skip
NOTHING = {"value": 0, "reason": "left out", "source": "a test", "confidence": "set-by-user"}


def spent_on(system: ppsim.System, entry: str | None) -> ppsim.System:
    """The system with energy for one entry of its table alone; None: for scratchpads."""
    none = {f"energy.{name}": NOTHING for name in ENTRIES if name != entry}
    if entry is not None:
        none["energy.sram"] = [{"kib": 1, "pj_per_bit": NOTHING}]  # type: ignore[assignment]
    return system.with_settings(none)


@settings(max_examples=120)
@given(st.data(), st.integers(1, 3), st.sampled_from([None, *ENTRIES[:5]]))
def test_no_component_is_below_its_bound(data: st.DataObject, accelerators: int, entry: str | None) -> None:
    """With all others at zero, nothing hides what a bound has too much of."""
    net = data.draw(networks(accelerators))
    system = spent_on(data.draw(systems(accelerators)), entry)
    try:
        result = ppsim.simulate(net, system)
    except InputError:
        return
    assert ppsim.bounds(net, system).energy_pj <= result.energy_pj


@pytest.mark.parametrize("entry", [None, *ENTRIES[:5]])
def test_energy_of_what_is_moved_and_computed_once_is_exact(entry: str | None) -> None:
    """A product that is read once: its bound is what it takes, but for what sums in floating point may lose."""
    net, usual = stack(40, 30), {"array.dataflow": "os", "dram.burst_bytes": 1}
    system = spent_on(ppsim.load_system("tetris", accelerators=1, set=usual), entry)
    least, energy = float(ppsim.bounds(net, system).energy_pj), ppsim.simulate(net, system).energy_pj
    assert energy * (1 - 2e-12) <= least <= energy
    assert (least < energy) == (energy > 0)


def test_strips_of_an_image_shift_less_than_the_whole_of_it() -> None:
    """Seven pixels are a fold of five rows and one of two; 49 at a time are nine folds of five and one of four."""
    conv = Conv(name="conv", out_channels=4, kernel=(3, 3), padding=(1, 1))
    net = LayerGraph("image", (1, 7, 7), (conv,))
    changes = {"array.dataflow": "os", "array.rows": 5, "array.cols": 4}
    system = spent_on(ppsim.load_system("tetris", accelerators=1, set=changes), "pe_to_pe_pj_per_bit")
    energies = set()
    for kib in (0.4, 1, 8):
        one = system.with_settings({"buffer.kib": kib})
        energies.add(energy := ppsim.simulate(net, one).energy_pj)
        assert ppsim.bounds(net, one).energy_pj <= energy
    assert len(energies) > 1


#: values of every path that is evaluated as an array
VALUES: dict[str, list[float]] = {
    "clock_mhz": [100, 333, 1000.5],
    "array.rows": [1, 3, 8],
    "array.cols": [1, 4, 7],
    "array.count": [1, 3],
    "buffer.kib": [2, 3.3, 8, 64],
    "buffer.bandwidth_bytes_per_cycle": [4, 128],
    "buffer.activation_fraction": [0, 0.3, 0.7],
    "vector.lanes": [1, 9],
    "dram.bandwidth_gb_s": [0.1, 1.7, 64],
    "dram.latency_ns": [0, 43.5],
    "dram.efficiency_streaming": [0.7, 1],
    "dram.efficiency_mixed": [0.3, 0.9],
    "interconnect.bandwidth_gb_s": [0.1, 16],
    "interconnect.latency_ns": [0, 99.9],
    "launch_us": [0, 0.3],
}


@settings(max_examples=25)
@given(st.data(), st.integers(1, 4), st.sampled_from(["private", "shared"]))
def test_many_points_at_once_are_the_points_one_by_one(data: st.DataObject, accelerators: int, sharing: str) -> None:
    net = data.draw(networks(accelerators))
    system = ppsim.load_system("tetris", accelerators=accelerators, set={"dram.sharing": sharing})
    count = 5
    axes = {path: data.draw(st.lists(st.sampled_from(VALUES[path]), min_size=count, max_size=count)) for path in FREE}
    together = ppsim.bounds(net, system, axes)
    for number in range(count):
        one = system.with_settings({path: values[number] for path, values in axes.items()})
        alone = ppsim.bounds(net, one)
        for name in ("seconds", "energy_pj", "compute_s", "dram_s", "link_s"):
            here = getattr(together, name)[number]
            assert here == pytest.approx(float(getattr(alone, name)), rel=1e-13, nan_ok=True), name
        try:
            result = ppsim.simulate(net, one)
        except InputError:
            continue
        assert together.seconds[number] <= result.seconds
        assert together.energy_pj[number] <= result.energy_pj


def test_what_stays_on_chip_is_found_for_every_size_of_scratchpad() -> None:
    """Over many sizes, of which few decide differently."""
    net = ppsim.load_workload("lenet300", batch=16)
    system = ppsim.load_system("tetris", accelerators=2)
    kib = np.linspace(2, 90, 300)
    found = ppsim.bounds(net, system, {"buffer.kib": kib})
    alone = [float(ppsim.bounds(net, system.with_settings({"buffer.kib": size})).dram_s) for size in kib.tolist()]
    assert found.dram_s.tolist() == alone
    assert len(set(alone)) > 2


def test_axes_that_are_no_numbers_are_told_apart() -> None:
    net, system = stack(500, 400, 300), ppsim.load_system("tetris", accelerators=2)
    axes = {
        "array.dataflow": [["ws"], ["os"], ["ws|is"]],
        "dram.sharing": [["private"], ["shared"], ["shared"]],
        "accelerators": [[1], [2], [4]],
        "dram.bandwidth_gb_s": [[1, 16]],
    }
    found = ppsim.bounds(net, system, axes)
    assert found.seconds.shape == found.binds.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            changes = {path: np.broadcast_to(values, (3, 2))[row, column].item() for path, values in axes.items()}
            one = system.with_settings(changes)
            assert found.seconds[row, column] == ppsim.bounds(net, one).seconds
            assert found.seconds[row, column] <= ppsim.simulate(net, one).seconds


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"array.rows": [8, 0]}, "array.rows"),
        ({"array.rows": [8, 8.5, 9]}, "whole numbers"),
        ({"clock_mhz": [100, float("nan")]}, "finite"),
        ({"clock_mhz": ["fast"]}, "finite numbers"),
        ({"array.row": [8]}, "array.row"),
        ({"array.rows": [8, 9], "array.cols": [1, 2, 3]}, r"array.rows \(2,\), array.cols \(3,\)"),
    ],
)
def test_bad_axes_are_refused(axes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ppsim.bounds(stack(20, 10), ppsim.load_system("tetris", accelerators=2), axes)


def test_no_room_for_what_has_to_stay_gives_no_bound() -> None:
    net = ppsim.partition(stack(64, 3), parts=4, layers="fc*")  # fewer outputs than parts: partial sums
    system = ppsim.load_system("tetris", accelerators=4, set={"buffer.activation_fraction": 0.5})
    found = ppsim.bounds(net, system, {"buffer.kib": [0.01, 8]})
    assert np.isnan(found.seconds).tolist() == [True, False]
    with pytest.raises(InputError):
        ppsim.simulate(net, system.with_settings({"buffer.kib": 0.01}))


def test_groups_and_memories_are_evaluated_one_by_one() -> None:
    system = ppsim.load_system("tetris", accelerators=2)
    assert free_paths(system) == set(FREE)
    memory = system.with_settings({"dram.memory": "hbm2-fgdram"})
    assert "dram.bandwidth_gb_s" not in free_paths(memory)
    net, rates = stack(500, 400), [2, 32]
    found = ppsim.bounds(net, memory, {"dram.bandwidth_gb_s": rates})
    for number, rate in enumerate(rates):
        result = ppsim.simulate(net, memory.with_settings({"dram.bandwidth_gb_s": rate}))
        assert 0.95 * result.energy_pj < found.energy_pj[number] <= result.energy_pj


def test_a_layer_that_waits_for_memory_is_known_to_a_percent() -> None:
    net, system = stack(4096, 4096), ppsim.load_system("tetris", accelerators=1, set={"array.dataflow": "os"})
    least, result = ppsim.bounds(net, system), ppsim.simulate(net, system)
    assert least.binds == "DRAM"
    assert 0.99 * result.seconds < least.seconds <= result.seconds
    assert 0.99 * result.energy_pj < least.energy_pj <= result.energy_pj


def test_what_binds_is_what_is_slow() -> None:
    net, system = stack(2000, 2000, 2000), ppsim.load_system("tetris", accelerators=4)
    slow: dict[str, dict[str, float]] = {
        "compute": {"clock_mhz": 1},
        "DRAM": {"dram.bandwidth_gb_s": 0.001},
        "link": {"interconnect.bandwidth_gb_s": 0.00001},
    }
    for what, changes in slow.items():
        assert ppsim.bounds(net, system, changes).binds == what


@pytest.mark.parametrize("sharing", ["private", "shared"])
@pytest.mark.parametrize("parts", [1, 8])
def test_tinyvgg16_is_known_to_a_tenth(parts: int, sharing: str) -> None:
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), parts, layers="fc*")
    system = ppsim.load_system("tetris", accelerators=parts, set={"dram.sharing": sharing})
    least, result = ppsim.bounds(net, system), ppsim.simulate(net, system)
    assert 0.9 * result.seconds < least.seconds <= result.seconds
    assert 0.9 * result.energy_pj < least.energy_pj <= result.energy_pj


def test_networks_in_turn_add_up() -> None:
    nets, system = [stack(200, 100), stack(300, 50)], ppsim.load_system("tetris", accelerators=2)
    both, each = ppsim.bounds(nets, system), [ppsim.bounds(net, system) for net in nets]
    assert both.seconds == pytest.approx(sum(float(one.seconds) for one in each), rel=1e-12)
    assert both.energy_pj == pytest.approx(sum(float(one.energy_pj) for one in each), rel=1e-12)
