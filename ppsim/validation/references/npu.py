"""A cycle-stepped NPU simulator: one fully connected layer at batch 1 on one core of 128x128.

Every weight passes through the array once, 128 rows of them in 128 cycles a fold, so the array is what the layer waits
for; what comes on top is filling, draining and the first and last DRAM access.
"""

from __future__ import annotations

from collections.abc import Iterator

from ppsim.hardware.documents import load_system
from ppsim.pipeline import simulate
from ppsim.validation.contract import Case, Check
from ppsim.workload.graph import gemm

SETTING = (
    "system tpu-v4 with one 128x128 array, overlapped ws at 1 GHz, HBM of 614 GB/s at full efficiency, no launch "
    "overhead, tiles by time: that simulator streams small ones"
)
SETTINGS = {
    "array.count": 1,
    "array.dataflow": "ws",
    "array.overlap": True,
    "clock_mhz": 1000,
    "dram.bandwidth_gb_s": 614,
    "dram.efficiency_streaming": 1,
    "dram.efficiency_mixed": 1,
    "launch_us": 0,
}
EXPECTED = 133_680


def checks() -> Iterator[Check]:
    """Cycles of a 4096 x 4096 layer."""
    case = Case("fully connected 4096x4096, batch 1, fp16", EXPECTED, cycles("fastest"), "cycles")
    source = "one run of a cycle-stepped simulator of neural processing units, which is not named"
    yield Check("npu", "cycles of a fully connected layer", (case,), source, "simulated", SETTING, max_bound=0.025)


def cycles(tiles: str) -> int:
    """Of that layer, with tiles made by a rule."""
    system = load_system("tpu-v4", accelerators=1, set=SETTINGS | {"buffer.tiles": tiles})
    return simulate(gemm(1, 4096, 4096, bits=16), system).cycles
