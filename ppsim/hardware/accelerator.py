"""One accelerator: a clock, arrays, a scratchpad and a vector unit; and groups of equal ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen

from ppsim.hardware.array import CHOICE, ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.specification import Specification
from ppsim.units import FS_PER_S

ClockMhz = Annotated[float, Ge(0.001), Le(1e6)]


@dataclass(frozen=True)
class Accelerator:
    """What one accelerator is made of. `static_power` multiplies the energy table's static power of an accelerator."""

    clock_mhz: float
    array: ArraySpec
    buffer: BufferSpec
    vector: VectorSpec
    static_power: float = 1.0

    @cached_property
    def clock_hz(self) -> int:
        """Its clock, Hz."""
        return round(self.clock_mhz * 1e6)

    def cycles_fs(self, cycles: int) -> int:
        """Femtoseconds of `cycles` clock cycles, rounded up."""
        return -(-cycles * FS_PER_S // self.clock_hz)

    def vector_fs(self, operations: int) -> int:
        """Femtoseconds the vector unit takes for that many operations."""
        return self.cycles_fs(self.vector.cycles(operations))

    @property
    def peak_macs_per_s(self) -> int:
        """Multiply-accumulates per second with every processing element busy."""
        return self.array.peak_macs_per_cycle * self.clock_hz

    @lru_cache(maxsize=256)  # noqa: B019 - of a value, which every run of every system asks for
    def describe(self) -> str:
        """Clock, arrays and scratchpad in a line."""
        array, buffer, vector = self.array, self.buffer, self.vector
        overlapped = " overlapped" if any(one.overlapped for one in array.alternatives) else ""
        return (
            f"{self.clock_mhz:g} MHz, {array.count} array(s) of {array.rows}x{array.cols}, {array.bits} bit, "
            f"{array.dataflow.replace(CHOICE, ' or ')}{overlapped}; scratchpad "
            f"{buffer.kib:g} KiB, {buffer.bandwidth_bytes_per_cycle} bytes/cycle, up to "
            f"{buffer.activation_fraction:.0%} for activations that stay on chip, {buffer.tiles} tiles; "
            f"vector unit {f'{vector.lanes} lanes' if vector.enabled else 'off: no time, no energy'}"
        )


@dataclass(frozen=True)
class Group(Specification):
    """`count` equal accelerators of a heterogeneous system; what is left out is as the system has it.

    `static_power` is the static power of one of them, in those of the energy table.
    """

    name: Annotated[str, MinLen(1)]
    count: Annotated[int, Gt(0), Le(1 << 14)]
    clock_mhz: ClockMhz | None = None
    array: ArraySpec | None = None
    buffer: BufferSpec | None = None
    vector: VectorSpec | None = None
    static_power: Annotated[float, Ge(0), Le(1e6)] = 1.0
