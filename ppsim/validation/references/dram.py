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
from ppsim.hardware.system import System
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
READING = LayerGraph("reading", (4096,), (Linear(name="fc", out_features=4096),), bits=16)
#: a tensor of 2 MiB and another one are added up: two are read for one that is written
MIXING = LayerGraph(
    "mixing",
    (64, 128, 128),
    (Pool(name="other", kernel=(1, 1)), Add(name="add", inputs=("input", "other"))),
    bits=16,
)


def checks() -> Iterator[Check]:
    """Efficiency of reading and of a mix, dynamic and total energy of a bit that is read."""
    rows = table("dramsim3")
    reading = [_Measured(row, READING) for row in rows]
    # of an HMC neither the peak is known nor what it draws all the time: the catalogue has all its energy by the bit
    known = [measured for measured in reading if measured.row["peak_gb_s"]]
    mixing = [_Measured(measured.row, MIXING) for measured in known]
    reads, mixes = "reading the weights of a fully connected layer at batch 1", "adding two tensors into a third"

    yield _check("streaming efficiency", reads, [m.case("streaming", m.efficiency, "of peak") for m in known])
    yield _check("efficiency, 2 reads 1 write", mixes, [m.case("mixed", m.efficiency, "of peak") for m in mixing])
    yield _check("dynamic energy", reads, [m.case("dynamic_pj", m.dynamic_pj, "pJ/bit") for m in known])
    yield _check("total energy", reads, [m.case("total_pj", m.total_pj, "pJ/bit") for m in reading])


def _check(compared: str, what: str, cases: list[Case]) -> Check:
    return Check("dramsim3", compared, tuple(cases), SOURCE, "simulated", SETTING.format(what), max_bound=0.05)


class _Measured:
    """What the last layer of a network shows of the DRAM in a row of the table."""

    def __init__(self, row: dict[str, str], net: LayerGraph) -> None:
        self.row = row
        system = system_of(row)
        layer = ppsim.simulate(net, system).layers[-1]
        bits = 8 * layer.dram_bytes
        seconds = layer.span_cycles / system.clock_hz
        self.efficiency = layer.dram_bytes / seconds / (system.dram.bandwidth_gb_s * 1e9)
        self.dynamic_pj = layer.energy["dram"] / bits
        self.total_pj = self.dynamic_pj + layer.energy["dram_background"] / bits

    def case(self, column: str, modelled: float, unit: str) -> Case:
        """A number measured back, against the one in that column."""
        return Case(self.row["standard"], float(self.row[column]), modelled, unit)


def system_of(row: dict[str, str]) -> System:
    """The DRAM of a row of the table, and an accelerator that is always faster than it and keeps nothing."""
    dram: dict[str, Any] = {"dram.memory": row["memory"], "dram.latency_ns": float(row["latency_ns"])}
    if row["peak_gb_s"]:
        dram |= {
            "dram.bandwidth_gb_s": float(row["peak_gb_s"]),
            "dram.efficiency_streaming": float(row["streaming"]),
            "dram.efficiency_mixed": float(row["mixed"]),
        }
    fast = {"array.rows": 128, "array.cols": 128, "buffer.bandwidth_bytes_per_cycle": 4096, "vector.lanes": 256}
    rest = {"dram.burst_bytes": 64, "buffer.kib": 1024, "buffer.activation_fraction": 0}
    system: System = ppsim.load_system("tetris", accelerators=1, set=dram | fast | rest)
    return system
