"""A system: accelerators, their DRAM channels, the interconnect between them and an energy table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ppsim.errors import InputError
from ppsim.hardware.accelerator import Accelerator, ClockMhz, Group
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.hardware.dram import DramSpec
from ppsim.hardware.energy import EnergyTable
from ppsim.hardware.interconnect import InterconnectSpec
from ppsim.specification import Specification
from ppsim.units import latency_fs


@dataclass(frozen=True)
class System(Specification):
    """`accelerators` accelerators, equal ones unless `groups` lists them. `launch_us` passes before anything runs.

    Accelerators are numbered through the groups in their order. `weights` "cold": all weights come from DRAM in every
    run. "resident": a stream of inputs, of which one is simulated; an accelerator whose share of all weights fits its
    scratchpad has it there from the input before. `sources` says where the numbers come from, by path. The outputs end
    in accelerator 0's DRAM; the network's input is in the DRAM of every accelerator that reads it when the run starts.
    """

    name: str
    description: str
    accelerators: Annotated[int, Gt(0), Le(1 << 14)]
    clock_mhz: ClockMhz
    array: ArraySpec
    buffer: BufferSpec
    vector: VectorSpec
    dram: DramSpec
    interconnect: InterconnectSpec
    energy: EnergyTable
    launch_us: Annotated[float, Ge(0), Le(1e9)] = 0.0
    weights: Literal["cold", "resident"] = "cold"
    groups: tuple[Group, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)

    def __post_init__(self) -> None:
        """Reject groups that are not those accelerators, and accelerators that the interconnect does not connect."""
        if self.groups:
            if sum(group.count for group in self.groups) != self.accelerators:
                raise InputError(
                    f"accelerators={self.accelerators} does not go with groups {self._group_names}; leave it out"
                )
            if len({group.name for group in self.groups}) < len(self.groups):
                raise InputError(f"groups: names must be unique, got {self._group_names}")
            if len({accelerator.array.bits for accelerator in self.kinds}) > 1:
                raise InputError("groups: array.bits must be the same in all groups: they exchange activations")
        if self.accelerators > 1:
            self.interconnect.check(self.accelerators)

    @property
    def _group_names(self) -> str:
        return ", ".join(f"{group.name} ({group.count})" for group in self.groups)

    @cached_property
    def kinds(self) -> tuple[Accelerator, ...]:
        """The different accelerators there are, in order."""
        return tuple(dict.fromkeys(accelerator for accelerator, _ in self._counted))

    @cached_property
    def kind_of(self) -> tuple[int, ...]:
        """By accelerator: its number in `kinds`."""
        numbers = [(self.kinds.index(kind), count) for kind, count in self._counted]
        return tuple([number for number, count in numbers for _ in range(count)])

    def accelerator(self, number: int) -> Accelerator:
        """What an accelerator is made of."""
        return self.kinds[self.kind_of[number]]

    @cached_property
    def _counted(self) -> tuple[tuple[Accelerator, int], ...]:
        one = Accelerator(self.clock_mhz, self.array, self.buffer, self.vector)
        if not self.groups:
            return ((one, self.accelerators),)
        return tuple(
            (
                Accelerator(
                    group.clock_mhz or one.clock_mhz,
                    group.array or one.array,
                    group.buffer or one.buffer,
                    group.vector or one.vector,
                    group.static_power,
                ),
                group.count,
            )
            for group in self.groups
        )

    def alone(self) -> System:
        """Accelerator 0 by itself: what speedups are held against."""
        if self.accelerators == 1:
            return self
        groups = tuple(replace(group, count=1) for group in self.groups[:1])
        return replace(self, accelerators=1, groups=groups)

    @cached_property
    def clock_hz(self) -> int:
        """Accelerator 0's clock, Hz."""
        return self.accelerator(0).clock_hz

    @cached_property
    def launch_fs(self) -> int:
        """Launch overhead in femtoseconds."""
        return latency_fs(self.launch_us * 1000)

    @property
    def bits(self) -> int:
        """Operand width of all arrays."""
        return self.accelerator(0).array.bits

    @cached_property
    def peak_macs_per_s(self) -> int:
        """Multiply-accumulates per second with every processing element of every accelerator busy."""
        return sum(kind.peak_macs_per_s * count for kind, count in self._counted)

    @cached_property
    def static_accelerators(self) -> float:
        """Accelerators, each counted with its static power in those of the energy table."""
        return sum(kind.static_power * count for kind, count in self._counted)

    def channel_of(self, accelerator: int) -> int:
        """The DRAM channel an accelerator is behind."""
        return self.channel_of_each[accelerator]

    @cached_property
    def channel_of_each(self) -> tuple[int, ...]:
        """By accelerator: the DRAM channel it is behind."""
        behind = self.dram.group_size(self.accelerators)
        return tuple([a // behind for a in range(self.accelerators)])

    @cached_property
    def channels(self) -> int:
        """Number of DRAM channels."""
        return self.dram.channels(self.accelerators)

    @property
    def dram_shared(self) -> bool:
        """Whether any two accelerators are behind one channel."""
        return self.dram.group_size(self.accelerators) > 1

    def weights_bandwidth_line(self) -> float:
        """Bytes per cycle of DRAM bandwidth below which accelerator 0 waits for the weights of a batch-1 FC layer."""
        array = self.accelerator(0).array
        return array.bits / 8 * array.fc_weights_per_cycle

    @property
    def dram_bytes_per_cycle(self) -> float:
        """Effective streaming bandwidth of one channel in bytes per clock cycle of accelerator 0."""
        return self.dram.rate(1, 0) / self.clock_hz

    def assumptions(self) -> tuple[str, ...]:
        """What a result on this system rests on, one line each, for printing beside it."""
        dram = self.dram
        group = dram.group_size(self.accelerators)
        if self.groups:
            counts = [(f"{g.name}: {g.count}", kind) for g, (kind, _) in zip(self.groups, self._counted, strict=True)]
        else:
            counts = [(str(self.accelerators), self.accelerator(0))]
        leak = self.energy.leakage_w.value
        power = f"{leak:g} W" if leak >= 1 else f"{leak * 1e3:g} mW"
        return (
            *(f"{count} accelerator(s): {kind.describe()}" for count, kind in counts),
            f"DRAM {f'SHARED by groups of {group}' if group > 1 else 'PRIVATE to each accelerator'}: "
            f"{dram.bandwidth_gb_s:g} GB/s a channel, efficiency {dram.efficiency_streaming:g} reading and "
            f"{dram.efficiency_mixed:g} mixed, latency {dram.latency_ns:g} ns"
            f"{f', energy of {dram.memory}' if dram.memory else ''}",
            *([self._links_line()] if self.accelerators > 1 else []),
            *([f"launch overhead {self.launch_us:g} us before anything runs"] if self.launch_us else []),
            f"energy table {self.energy.name}: {self.energy.description}",
            f"static power {power} an accelerator, idle ones too, until the run ends",
            f"weights {'resident where a share fits (a stream of inputs)' if self.weights == 'resident' else 'cold'}; "
            "the input lies in the DRAM of its owners; results end in accelerator 0's DRAM",
            *self.energy.zeros(),
        )

    def _links_line(self) -> str:
        links = self.interconnect
        return (
            f"{links.describe(self.accelerators)}: {links.bandwidth_gb_s:g} GB/s a link, {links.latency_ns:g} ns a hop"
            f", {links.switching}; all-gather {links.exchange('all_gather')}, broadcast {links.exchange('broadcast')}, "
            f"reduce {links.exchange('reduce')}{', ideal: takes no time' if links.ideal else ''}"
        )

    def with_settings(self, settings: Mapping[str, Any]) -> System:
        """A copy with fields changed by path, as in {"dram.latency_ns": 0}; raises InputError for an unknown path."""
        from ppsim.hardware.documents import system_with

        return system_with(self, settings)
