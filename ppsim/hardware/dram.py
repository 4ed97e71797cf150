"""DRAM channels: who shares one, and how long a request occupies it.

A request of S bytes occupies its channel for S / (peak x efficiency) and its data is there `latency` later. Requests
are served in quanta, first come first served, and a requester has one quantum waiting at a time: that is round-robin
among requesters, so a share does not depend on the size of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ppsim.specification import Specification
from ppsim.units import ceil_div, latency_fs, per_second

Efficiency = Annotated[float, Gt(0), Le(1)]


@dataclass(frozen=True)
class DramSpec(Specification):
    """A DRAM channel and how many accelerators are behind it.

    `sharing`: "private" gives each accelerator a channel of its own, "shared" puts all behind one, a number n puts
    neighbours in groups of n behind one. `bandwidth_gb_s` is the peak of ONE channel (10^9 bytes/s).
    `efficiency_streaming` is the share of the peak reached by reads alone, `efficiency_mixed` that with one write for
    two reads. `memory` names the DRAM of `load_memories` whose energy replaces that of the energy table; with None it
    is the table's.
    """

    sharing: Literal["private", "shared"] | Annotated[int, Gt(0)]
    bandwidth_gb_s: Annotated[float, Ge(1e-6), Le(1e6)]
    latency_ns: Annotated[float, Ge(0), Le(1e9)]
    efficiency_streaming: Efficiency = 1.0
    efficiency_mixed: Efficiency = 1.0
    burst_bytes: Annotated[int, Gt(0), Le(1 << 20)] = 32
    quantum_bytes: Annotated[int, Gt(0), Le(16384)] = 16384
    memory: str | None = None

    @cached_property
    def latency_fs(self) -> int:
        """Femtoseconds from the end of a request's occupation to its data."""
        return latency_fs(self.latency_ns)

    def group_size(self, accelerators: int) -> int:
        """Accelerators behind one channel."""
        if self.sharing == "private":
            return 1
        return accelerators if self.sharing == "shared" else min(accelerators, self.sharing)

    def channel_of(self, accelerator: int, accelerators: int) -> int:
        """The channel an accelerator is behind."""
        return accelerator // self.group_size(accelerators)

    def channels(self, accelerators: int) -> int:
        """Number of channels."""
        return ceil_div(accelerators, self.group_size(accelerators))

    def rounded(self, size: int) -> int:
        """`size` bytes rounded up to whole bursts."""
        return ceil_div(size, self.burst_bytes) * self.burst_bytes

    def efficiency(self, read_bytes: int, write_bytes: int) -> float:
        """Share of the peak for a mix: linear in the share of writes from none to a third, and level beyond.

        Both ends are measured by DRAMsim3 in the systems that name it; the line between them is an assumption.
        """
        if not write_bytes:
            return self.efficiency_streaming
        mixed = min(1.0, 3 * write_bytes / (read_bytes + write_bytes))
        return self.efficiency_streaming + (self.efficiency_mixed - self.efficiency_streaming) * mixed

    def rate(self, read_bytes: int, write_bytes: int) -> int:
        """Bytes/s a channel moves at that mix."""
        return max(1, int(per_second(self.bandwidth_gb_s) * self.efficiency(read_bytes, write_bytes)))
