"""How many design points a second `ppsim.bounds` screens, and how tight its bounds are.

Four fully connected layers in 16 parts on 16 accelerators; arrays, clocks, scratchpads, memories and links are drawn at
random. One process, seconds of its processor; a plain counting loop in the same run says how fast the machine is just
now. Some points are simulated as well.

    python tests/benchmarks/screening.py [POINTS]
"""

from __future__ import annotations

import os
import sys
import time

#: one core: numpy's own threads would count as well
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear

POINTS, SIMULATED, RUNS = 1_000_000, 60, 3
PARTS = 16


def counting_loop_ms() -> float:
    began, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number & 3
    return 1e3 * (time.process_time() - began)


def stack(batch: int) -> LayerGraph:
    widths = (4096, 4096, 4096, 1024)
    made = (Linear(name=f"fc{number}", out_features=width) for number, width in enumerate(widths, start=1))
    return LayerGraph("4 fc layers", (4096,), tuple(made), batch)


def drawn(points: int) -> dict[str, np.ndarray]:
    """Values of ten paths."""
    draw = np.random.default_rng(0)
    return {
        "array.rows": draw.integers(4, 65, points),
        "array.cols": draw.integers(4, 65, points),
        "array.count": draw.choice([1, 2, 4], points),
        "clock_mhz": draw.uniform(100, 1000, points),
        "buffer.kib": draw.choice([64, 133, 256, 512], points),
        "dram.bandwidth_gb_s": draw.uniform(1, 64, points),
        "dram.latency_ns": draw.uniform(0, 100, points),
        "interconnect.bandwidth_gb_s": draw.uniform(1, 64, points),
        "interconnect.latency_ns": draw.uniform(1, 50, points),
        "launch_us": draw.uniform(0, 1, points),
    }


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    axes = drawn(points)
    cases = (
        ("cut into parts, private DRAM", 1, True, "private"),
        ("cut into parts, shared DRAM", 1, True, "shared"),
        ("cut into parts, batch 64", 64, True, "private"),
        ("unpruned, activations exchanged", 1, False, "private"),
    )
    print(f"{points:,} points each; a loop counting to a million takes {counting_loop_ms():.0f} ms")
    print(f"{'':32} {'points/s':>10}  {'latency / bound':>22}  {'energy / bound':>22}")
    for name, batch, cut, sharing in cases:
        net = ppsim.partition(stack(batch), PARTS, layers="fc*") if cut else stack(batch)
        system = ppsim.load_system("tetris", accelerators=PARTS, set={"dram.sharing": sharing})
        ppsim.bounds(net, system, {path: values[:10] for path, values in axes.items()})
        taken = []
        for _ in range(RUNS):
            began = time.process_time()
            least = ppsim.bounds(net, system, axes)
            taken.append(time.process_time() - began)
        ratios = []
        for number in range(0, points, -(-points // SIMULATED)):
            changes = {path: values[number].item() for path, values in axes.items()}
            result = ppsim.simulate(net, system.with_settings(changes))
            ratios.append((result.seconds / least.seconds[number], result.energy_pj / least.energy_pj[number]))
        assert np.min(ratios) >= 1
        middle, worst = np.median(ratios, axis=0), np.max(ratios, axis=0)
        said = [f"{m:.4f} (worst {w:.3f})" for m, w in zip(middle, worst, strict=True)]
        print(f"{name:32} {points / min(taken):10,.0f}  {said[0]:>22}  {said[1]:>22}")
    print(f"a loop counting to a million takes {counting_loop_ms():.0f} ms")


if __name__ == "__main__":
    main()
