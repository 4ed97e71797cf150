"""Technology scaling: an energy table at another process node.

Dynamic energy of logic, on-chip SRAM and on-chip wires follows the polynomials of Stillmaker and Baas ("Scaling
equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58, 2017), each node
at its default supply voltage. The factors are read off one multiply-accumulate that the Aladdin model (Shao, ISCA 2014)
gives at six nodes with those polynomials; between two of them energy is a power of the node, a straight line on log-log
axes.

Not scaled, because the node of the logic does not decide it: DRAM and its background power, links between accelerators
(set by signalling, distance and package), and static power. Static power follows threshold voltage, temperature and
power gating; the sources have no factor for it, so it stays that of the table, and a system that knows its own gives
it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import exp, log

from ppsim.errors import InputError
from ppsim.hardware.energy import EnergyTable, Entry

#: node in nm -> pJ of a 16x16-bit multiplication with 32-bit addition: Aladdin's 40 nm table (Shao, ISCA 2014), scaled
#: with Stillmaker and Baas 2017 at default voltage
MAC_PJ = {65.0: 4.8257, 45.0: 3.8896, 40.0: 3.38, 32.0: 2.5646, 16.0: 0.67504, 7.0: 0.36683}
SMALLEST_NM, LARGEST_NM = min(MAC_PJ), max(MAC_PJ)

#: entries of an energy table that go with the node; the others stay
SCALED = (
    "mac_pj",
    "register_file_pj_per_bit",
    "pe_to_pe_pj_per_bit",
    "sram",
    "accumulator_pj_per_bit",
    "router_pj_per_bit",
    "vector_pj_per_op",
)


def energy_factor(from_nm: float, to_nm: float) -> float:
    """Dynamic energy of on-chip logic at `to_nm` over that at `from_nm`.

    Raises InputError outside the nodes the factors are known for.
    """
    return _mac_pj(to_nm) / _mac_pj(from_nm)


def scale(table: EnergyTable, node_nm: float) -> EnergyTable:
    """The table at another node: the entries of `SCALED` and their ranges times `energy_factor`, all else as it was.

    The name says the node ("tetris@16nm"), the description what it comes from, and each scaled number counts as
    computed. Raises InputError for a table without a node, and for nodes outside 7 to 65 nm.
    """
    if table.node_nm is None:
        raise InputError(f"energy table {table.name}: node_nm: has no node to scale from")
    if node_nm == table.node_nm:
        return table
    try:
        factor = energy_factor(table.node_nm, node_nm)
    except InputError as error:
        raise InputError(f"energy table {table.name}: {error}") from None
    why = f"x {factor:.4g} from {table.node_nm:g} to {node_nm:g} nm (Stillmaker and Baas 2017)"

    def scaled(name: str, entry: Entry) -> Entry:
        return entry.times(factor, why) if name in SCALED else entry

    return replace(
        table.changed(scaled),
        name=f"{table.name.split('@')[0]}@{node_nm:g}nm",
        description=f"{table.description}; scaled: on-chip dynamic energy {why}; DRAM, links, static power as before",
        node_nm=float(node_nm),
    )


def _mac_pj(node_nm: float) -> float:
    """The multiply-accumulate at any node between the smallest and the largest."""
    if not SMALLEST_NM <= node_nm <= LARGEST_NM:
        raise InputError(f"node {node_nm:g} nm: factors are known from {SMALLEST_NM:g} to {LARGEST_NM:g} nm")
    if node_nm in MAC_PJ:
        return MAC_PJ[node_nm]
    for small, large in pairwise(sorted(MAC_PJ)):
        if node_nm < large:
            share = log(node_nm / small) / log(large / small)
            return exp(log(MAC_PJ[small]) + share * log(MAC_PJ[large] / MAC_PJ[small]))
    raise AssertionError("unreachable: the largest node is in the table")
