"""A system: accelerators of one kind, their DRAM channels, the interconnect between them and an energy table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.hardware.dram import DramSpec
from ppsim.hardware.energy import EnergyTable
from ppsim.hardware.interconnect import InterconnectSpec, mesh_shape
from ppsim.specification import Specification
from ppsim.units import FS_PER_S, latency_fs


@dataclass(frozen=True)
class System(Specification):
    """`accelerators` equal accelerators. `launch_us` passes before anything runs.

    `sources` says where the numbers come from, by path. The outputs end in accelerator 0's DRAM; the network's input
    is in the DRAM of every accelerator that reads it when the run starts.
    """

    name: str
    description: str
    accelerators: Annotated[int, Gt(0), Le(1 << 20)]
    clock_mhz: Annotated[float, Ge(0.001), Le(1e6)]
    array: ArraySpec
    buffer: BufferSpec
    vector: VectorSpec
    dram: DramSpec
    interconnect: InterconnectSpec
    energy: EnergyTable
    launch_us: Annotated[float, Ge(0), Le(1e9)] = 0.0
    sources: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)

    @cached_property
    def clock_hz(self) -> int:
        """The accelerators' clock, Hz."""
        return round(self.clock_mhz * 1e6)

    @cached_property
    def launch_fs(self) -> int:
        """Launch overhead in femtoseconds."""
        return latency_fs(self.launch_us * 1000)

    def cycles_fs(self, cycles: int) -> int:
        """Femtoseconds of `cycles` clock cycles, rounded up."""
        return -(-cycles * FS_PER_S // self.clock_hz)

    def channel_of(self, accelerator: int) -> int:
        """The DRAM channel an accelerator is behind."""
        return self.dram.channel_of(accelerator, self.accelerators)

    @property
    def channels(self) -> int:
        """Number of DRAM channels."""
        return self.dram.channels(self.accelerators)

    @property
    def dram_shared(self) -> bool:
        """Whether any two accelerators are behind one channel."""
        return self.dram.group_size(self.accelerators) > 1

    def weights_bandwidth_line(self) -> float:
        """Bytes per cycle of DRAM bandwidth below which a batch-1 FC layer waits for its weights.

        With b bytes a weight, os and overlapped ws consume b cols bytes per cycle, is b rows, and plain ws
        b rows cols / (2 rows + cols - 1), on each array of an accelerator.
        """
        array = self.array
        weight_bytes = array.bits / 8 * array.count
        if array.dataflow == "is":
            return weight_bytes * array.rows
        if array.dataflow == "os" or array.overlapped:
            return weight_bytes * array.cols
        return weight_bytes * array.rows * array.cols / (2 * array.rows + array.cols - 1)

    @property
    def dram_bytes_per_cycle(self) -> float:
        """Effective streaming bandwidth of one channel in bytes per clock cycle."""
        return self.dram.rate(1, 0) / self.clock_hz

    def assumptions(self) -> tuple[str, ...]:
        """What a result on this system rests on, one line each, for printing beside it."""
        array, buffer, dram, links = self.array, self.buffer, self.dram, self.interconnect
        group = dram.group_size(self.accelerators)
        lines = [
            f"{self.accelerators} accelerator(s) at {self.clock_mhz:g} MHz, each {array.count} array(s) of "
            f"{array.rows}x{array.cols}, {array.bits} bit, {array.dataflow}{' overlapped' if array.overlapped else ''}",
            f"scratchpad {buffer.kib:g} KiB, {buffer.bandwidth_bytes_per_cycle} bytes/cycle, up to "
            f"{buffer.activation_fraction:.0%} for activations that stay on chip",
            f"DRAM {f'SHARED by groups of {group}' if group > 1 else 'PRIVATE to each accelerator'}: "
            f"{dram.bandwidth_gb_s:g} GB/s a channel, efficiency {dram.efficiency_streaming:g} reading and "
            f"{dram.efficiency_mixed:g} mixed, latency {dram.latency_ns:g} ns",
            f"{links.topology} {'x'.join(map(str, mesh_shape(self.accelerators)))}: "
            f"{links.bandwidth_gb_s:g} GB/s a link, {links.latency_ns:g} ns a hop, cut-through, unicast"
            f"{', ideal: takes no time' if links.ideal else ''}",
            f"energy table {self.energy.name}: {self.energy.description}",
            f"static power {self.energy.leakage_w.value * 1e3:g} mW an accelerator, idle ones too, until the run ends",
            f"vector unit {f'{self.vector.lanes} lanes' if self.vector.enabled else 'off: no time, no energy'}",
            "weights cold in DRAM; the input lies in the DRAM of its owners; results end in accelerator 0's DRAM",
        ]
        return (*lines, *self.energy.zeros())

    def with_settings(self, settings: Mapping[str, Any]) -> System:
        """A copy with fields changed by path, as in {"dram.latency_ns": 0}; raises InputError for an unknown path."""
        from ppsim.hardware.documents import system_with

        return system_with(self, settings)
