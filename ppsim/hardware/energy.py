"""Energy tables: what each action costs, with the source of each number.

Every joule belongs to one component, named in `COMPONENTS`. A zero needs a reason, which runs print. SRAM energy is a
curve over capacity, interpolated on log-log axes and level outside its points.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from math import exp, log
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen

from ppsim.errors import InputError
from ppsim.specification import Specification

COMPONENTS = (
    "mac",
    "register_file",
    "pe_to_pe",
    "sram",
    "dram",
    "dram_background",
    "link",
    "router",
    "vector",
    "leakage",
)

Confidence = Literal[
    "measured", "quoted-in-code", "quoted-by-third-party", "computed", "estimate", "unverified", "set-by-user"
]


@dataclass(frozen=True)
class Entry(Specification):
    """A number with where it comes from; a zero says why it is zero."""

    value: Annotated[float, Ge(0)]
    source: Annotated[str, MinLen(1)]
    confidence: Confidence
    reason: str | None = None

    def __post_init__(self) -> None:
        """A silent zero would hide a component."""
        if self.value == 0 and not self.reason:
            raise InputError("a value of 0 needs a reason, as in {value: 0, reason: ...}")


@dataclass(frozen=True)
class SramPoint(Specification):
    """Energy per bit read or written, pJ, of an SRAM of `kib` KiB."""

    kib: Annotated[float, Gt(0)]
    pj_per_bit: Entry


@dataclass(frozen=True)
class EnergyTable(Specification):
    """What actions cost. Units stand in the names: pJ per action or bit, W per accelerator or channel.

    `dram_pj_per_bit` is for streaming accesses. `dram_background_w` is per channel; a table whose DRAM number contains
    it gives zero and says so. `leakage_w` is the static power of one accelerator, paid until the whole run ends.
    """

    name: str
    description: str
    node_nm: float | None
    mac_pj: Entry
    register_file_pj_per_bit: Entry
    pe_to_pe_pj_per_bit: Entry
    sram: Annotated[tuple[SramPoint, ...], MinLen(1)]
    accumulator_pj_per_bit: Entry
    dram_pj_per_bit: Entry
    dram_background_w: Entry
    link_pj_per_bit: Entry
    router_pj_per_bit: Entry
    vector_pj_per_op: Entry
    leakage_w: Entry

    def sram_pj_per_bit(self, kib: float) -> float:
        """Energy per bit of an SRAM of `kib` KiB, from the curve."""
        points = sorted((point.kib, point.pj_per_bit.value) for point in self.sram)
        if kib <= points[0][0] or len(points) == 1:
            return points[0][1]
        for (low, below), (high, above) in pairwise(points):
            if kib <= high:
                share = (log(kib) - log(low)) / (log(high) - log(low))
                if not below or not above:  # a point declared zero has no logarithm
                    return below + share * (above - below)
                return exp(log(below) + share * (log(above) - log(below)))
        return points[-1][1]

    def zeros(self) -> tuple[str, ...]:
        """The entries that are zero, with their reasons."""
        entries = [(f.name, getattr(self, f.name)) for f in fields(self)]
        entries += [(f"sram at {point.kib:g} KiB", point.pj_per_bit) for point in self.sram]
        return tuple(
            f"{name} = 0: {entry.reason}" for name, entry in entries if isinstance(entry, Entry) and not entry.value
        )
