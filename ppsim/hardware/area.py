"""A proxy for silicon area: arrays and scratchpads alone, in one technology, to rank systems by.

Left out: control, registers, vector units, links, DRAM interfaces, wiring. Not to be read as the size of a chip.
"""

from __future__ import annotations

from collections import Counter
from math import log2

from ppsim.hardware.accelerator import Accelerator
from ppsim.hardware.system import System

#: um2 at 45 nm of integer multipliers and adders, by bits: the table of Horowitz (ISSCC 2014) with the areas that
#: Dally's NIPS 2015 tutorial gives beside its energies. These and the next are quoted from memory, not from the papers.
MULTIPLIER_UM2 = {8: 282.0, 32: 3495.0}
ADDER_UM2_PER_BIT = 137.0 / 32
#: um2 of a 6-transistor SRAM cell at 45 nm: Mistry et al., IEDM 2007
SRAM_UM2_PER_BIT = 0.346
#: how multipliers grow with their bits, through the two that are published: to the power of 1.8
_GROWTH = log2(MULTIPLIER_UM2[32] / MULTIPLIER_UM2[8]) / 2


def area_mm2(system: System) -> float:
    """Square millimetres at 45 nm of all multipliers, accumulators' adders and scratchpad cells."""
    return sum(_area_um2(system.kinds[kind]) * count for kind, count in Counter(system.kind_of).items()) / 1e6


def _area_um2(one: Accelerator) -> float:
    array = one.array
    multiplier: float = MULTIPLIER_UM2[8] * (array.bits / 8) ** _GROWTH
    elements = array.rows * array.cols * array.count
    return (
        elements * (multiplier + ADDER_UM2_PER_BIT * array.accumulator_bits) + 8 * one.buffer.bytes * SRAM_UM2_PER_BIT
    )
