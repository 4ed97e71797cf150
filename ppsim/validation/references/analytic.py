"""Formulas evaluated elsewhere: fully connected layers on a TETRIS-like system, and what partition pruning saves.

At batch 1, with free links and no latency, such layers take as long as their weights: bytes over bandwidth, split over
the accelerators by output units. Pruned to diagonal blocks, P accelerators do 1/P of the work, and dynamic energy falls
nearly as much.
"""

from __future__ import annotations

from collections.abc import Iterator

from ppsim.analysis.result import Result
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.pruning.partition import partition
from ppsim.validation.contract import Case, Check
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear

SIZES = (2048, 4096, 4096, 200)
#: accelerators -> cycles of the unpruned layers
CYCLES = {1: 3_250_457, 4: 813_575, 16: 204_610}
#: parts, one to an accelerator -> dynamic energy over that of the unpruned layers on one accelerator
REDUCTION = {2: 2.00, 4: 3.99, 8: 7.96, 16: 15.8}
#: components that do not depend on what is computed, but on how long it takes
STATIC = ("dram_background", "leakage")
SETTING = (
    "fully connected 2048-4096-4096-200, 16 bit, batch 1, on tetris: os, 14x14, private DRAM of 16 bytes a cycle at "
    "full efficiency, no latency, links that take no time"
)


def checks() -> Iterator[Check]:
    """Cycles at 1, 4 and 16 accelerators; dynamic energy reduction at 2 to 16 parts."""
    net = _network()
    cases = [
        Case(f"{count} accelerator{'s' if count > 1 else ''}", cycles, _run(net, count).cycles, "cycles")
        for count, cycles in CYCLES.items()
    ]
    source = "an analytic model of TETRIS: bytes of weights and activations over bandwidth, split by outputs"
    yield Check(
        "analytic", "cycles of unpruned layers, TETRIS", tuple(cases), source, "formula", SETTING, max_bound=0.02
    )
    dense = _dynamic(_run(net, 1))
    saved = [
        Case(f"{parts} parts", saving, dense / _dynamic(_pruned(net, parts)), "x")
        for parts, saving in REDUCTION.items()
    ]
    source = "an analytic model of block-diagonal layers: actions times energies"
    yield Check(
        "analytic",
        "dynamic energy saved by diagonal blocks",
        tuple(saved),
        source,
        "formula",
        SETTING,
        max_bound=0.05,
    )


def system(accelerators: int) -> System:
    """TETRIS as the formulas have it."""
    settings = {
        "array": {"rows": 14, "cols": 14, "dataflow": "os", "bits": 16},
        "clock_mhz": 500,
        "dram.sharing": "private",
        "dram.bandwidth_gb_s": 8,
        "dram.latency_ns": 0,
        "dram.efficiency_streaming": 1,
        "dram.efficiency_mixed": 1,
        "interconnect.ideal": True,
    }
    return load_system("tetris", accelerators=accelerators, set=settings)


def _network() -> LayerGraph:
    layers = tuple(Linear(name=f"fc{number}", out_features=size) for number, size in enumerate(SIZES[1:], 1))
    return LayerGraph("fc", (SIZES[0],), layers, batch=1)


def _run(net: LayerGraph, accelerators: int) -> Result:
    return simulate(net, system(accelerators))


def _pruned(net: LayerGraph, parts: int) -> Result:
    return simulate(partition(net, parts), system(parts))


def _dynamic(result: Result) -> float:
    return sum(pj for component, pj in result.energy.items() if component not in STATIC)
