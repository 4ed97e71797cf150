"""The scratchpad of an accelerator and its vector unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ppsim.specification import Specification


@dataclass(frozen=True)
class BufferSpec(Specification):
    """The on-chip scratchpad that feeds the arrays.

    At most `activation_fraction` of it holds activations that stay on chip between layers; what they leave during a
    layer is for double-buffered tiles. `bandwidth_bytes_per_cycle` covers reads and writes together; a tile that
    needs more stalls the array. `tiles` is what products are cut for: "fastest" takes the tiles with the least
    estimated time, filling and draining in it; "largest" the largest of those that keep arrays and DRAM equally busy
    between filling and draining, which is what compilers do that give an operation all the room there is: a product
    that fits is one tile, and nothing of it overlaps.
    """

    kib: Annotated[float, Gt(0), Le(1e12)]
    bandwidth_bytes_per_cycle: Annotated[int, Gt(0)]
    activation_fraction: Annotated[float, Ge(0), Le(1)] = 0.5
    tiles: Literal["fastest", "largest"] = "fastest"

    @property
    def bytes(self) -> int:
        """Capacity in bytes (1 KiB = 1024 bytes)."""
        return int(self.kib * 1024)

    @property
    def activation_bytes(self) -> int:
        """Bytes that activations kept on chip may take."""
        return int(self.bytes * self.activation_fraction)


@dataclass(frozen=True)
class VectorSpec(Specification):
    """The unit for everything that is no matrix product: `lanes` operations a cycle.

    Not `enabled`, its operations cost neither time nor energy; runs say so among their assumptions.
    """

    lanes: Annotated[int, Gt(0)]
    enabled: bool = True

    def cycles(self, operations: int) -> int:
        """Cycles for `operations` element operations."""
        return -(-operations // self.lanes) if self.enabled else 0
