"""DRAMsim3: what a run reaches of a DRAM's peak, and what it pays for a bit, against what was put in.

Efficiencies, latencies and energies of ppsim's DRAM come from DRAMsim3, so that this says nothing about whether they
are right. It says that they arrive: a network that waits for DRAM is simulated, and the share of the peak and the
energy of a bit are measured back from when its layer begins and ends and from the energy that was booked. Bursts,
quanta, the mix of reads and writes, tiles, latency, what a layer does before its first and after its last byte, and
the units of power and energy lie between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ppsim
from ppsim.validation.contract import Case, Check
from ppsim.validation.numbers import table
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, Linear, Pool

SOURCE = "DRAMsim3, 40,000 requests of 64 bytes"
SETTING = (
    "a wiring check, not a validation of the numbers themselves: the system is given the efficiencies, the latency and "
    "the energies that are expected back. One accelerator that waits for DRAM, {}; time is the span of that layer, "
    "first load to last store"
)
#: a fully connected layer of 32 MiB of weights: reads, and 8 KiB of results
READING = LayerGraph("reading", (4096,), (Linear(name="measured", out_features=4096),), bits=16)
#: a tensor of 2 MiB and another one are added up: two are read for one that is written
MIXING = LayerGraph(
    "mixing",
    (64, 128, 128),
    (Pool(name="other", kernel=(1, 1)), Add(name="measured", inputs=("input", "other"))),
    bits=16,
)


def checks() -> Iterator[Check]:
    """Efficiency of reading and of a mix, dynamic and total energy of a bit that is read."""
    rows = table("dramsim3")
    timed = [row for row in rows if row["peak_gb_s"]]
    reading = {row["standard"]: _Measured(row, READING) for row in rows}
    mixing = {row["standard"]: _Measured(row, MIXING) for row in timed}
    reads, mixed = "reading the weights of a fully connected layer at batch 1", "adding two tensors into a third"

    yield _check(
        "streaming efficiency", "streaming", "of peak", timed, {n: m.efficiency for n, m in reading.items()}, reads
    )
    yield _check(
        "efficiency, 2 reads 1 write", "mixed", "of peak", timed, {n: m.efficiency for n, m in mixing.items()}, mixed
    )
    # what an HMC's background draws is not known apart: the catalogue has all its energy by the bit
    yield _check("dynamic energy", "dynamic_pj", "pJ/bit", timed, {n: m.dynamic_pj for n, m in reading.items()}, reads)
    yield _check("total energy", "total_pj", "pJ/bit", rows, {n: m.total_pj for n, m in reading.items()}, reads)


def _check(
    compared: str, column: str, unit: str, rows: list[dict[str, str]], measured: dict[str, float], what: str
) -> Check:
    cases = (Case(row["standard"], float(row[column]), measured[row["standard"]], unit) for row in rows)
    return Check("DRAMsim3", compared, tuple(cases), SOURCE, "simulated", SETTING.format(what), max_bound=0.05)


class _Measured:
    """What a run shows of its DRAM in the layer called "measured"."""

    def __init__(self, row: dict[str, str], net: LayerGraph) -> None:
        system = ppsim.load_system("tetris", accelerators=1, set=_settings(row))
        layer = ppsim.simulate(net, system).layers[-1]
        bits = 8 * layer.dram_bytes
        seconds = layer.span_cycles / system.clock_hz
        self.efficiency = layer.dram_bytes / seconds / (system.dram.bandwidth_gb_s * 1e9)
        self.dynamic_pj = layer.energy["dram"] / bits
        self.total_pj = self.dynamic_pj + layer.energy["dram_background"] / bits


def _settings(row: dict[str, str]) -> dict[str, Any]:
    """The DRAM of a row, and an accelerator that is always faster than it and keeps nothing."""
    dram: dict[str, Any] = {"dram.memory": row["memory"], "dram.latency_ns": float(row["latency_ns"])}
    if row["peak_gb_s"]:
        dram |= {
            "dram.bandwidth_gb_s": float(row["peak_gb_s"]),
            "dram.efficiency_streaming": float(row["streaming"]),
            "dram.efficiency_mixed": float(row["mixed"]),
        }
    fast = {"array.rows": 128, "array.cols": 128, "buffer.bandwidth_bytes_per_cycle": 4096, "vector.lanes": 256}
    return dram | fast | {"dram.burst_bytes": 64, "buffer.kib": 1024, "buffer.activation_fraction": 0}
