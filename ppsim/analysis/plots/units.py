"""One unit for a whole axis."""

from __future__ import annotations

from math import floor, log10
from typing import NamedTuple

from matplotlib.ticker import EngFormatter

from ppsim.analysis.plots.wording import name_and_unit

#: a thousand times each other
JOULES = ("pJ", "nJ", "µJ", "mJ", "J", "kJ", "MJ", "GJ", "TJ")
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
#: units that take prefixes: "ms", not "10⁻³ s"
PREFIXED = ("s", "B/s", "MAC/s")


class Unit(NamedTuple):
    """A unit: its name, and how many of the unit of the numbers it is."""

    name: str
    factor: float

    def said(self, amount: float) -> str:
        """An amount, given in the unit of the numbers, in three digits: 0.0123, 12.3, 1230."""
        amount /= self.factor
        return f"{amount:.3g}" if amount < 999.5 else f"{amount:.0f}"


def energy_unit(largest: float, unit: str) -> Unit:
    """The unit in which the largest of some energies has one to three digits before the point.

    They are in pJ; or in multiply-accumulates, for a unit "MAC".
    """
    steps = 0
    while steps < len(JOULES) - 1 and largest >= 1000.0 ** (steps + 1):
        steps += 1
    if unit == "MAC":
        return Unit(f"10{str(3 * steps).translate(SUPERSCRIPTS)} MACs" if steps else "MACs", 1000.0**steps)
    return Unit(JOULES[steps], 1000.0**steps)


def unit_of(column: str, largest: float, energies: str) -> Unit:
    """The unit for the values of a column, the largest of which is given; `energies` is the unit of energies."""
    if column.endswith("_pj"):
        return energy_unit(largest, energies)
    unit = name_and_unit(column)[1]
    power = 3 * floor(log10(largest) / 3) if largest > 0 else 0
    if unit in PREFIXED:
        prefix = EngFormatter.ENG_PREFIXES.get(power)
        return Unit(f"{prefix}{unit}", 10.0**power) if prefix else Unit(unit, 1.0)
    if power > 3 or power < -3:
        return Unit(f"10{str(power).translate(SUPERSCRIPTS)}{f' {unit}' if unit else ''}", 10.0**power)
    return Unit(unit, 1.0)
