"""What no design of the tables can lose less than, within a budget: their losses at the least that layers can cost.

However layers overlap, a run takes no less time than all its multiply-accumulates on all accelerators at their peak,
and no less than reading all its weights through all DRAM channels at theirs; and so no less than any mean of the two.
Energy is no less than that of the multiply-accumulates and of reading the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ppsim.explore.codesign.bench import Bench
from ppsim.explore.codesign.choosing import lowest_loss
from ppsim.explore.codesign.space import Form, Space
from ppsim.explore.cost.pricing import cost_of

#: shares of the compute floor in a mean of both floors
SHARES = (0.0, 0.5, 1.0)
#: floors are rounded down to this part of a unit of price
FINE = 1000


def loss_bound(bench: Bench, parts: Sequence[int], budget: int, energy: bool) -> float:
    """The least that any choice from the tables loses within a budget of cycles, or of thousandths of a pJ."""
    return min(_of_parts(bench, count, budget, energy) for count in parts)


def _of_parts(bench: Bench, parts: int, budget: int, energy: bool) -> float:
    of, space = bench.searched(parts, 0.0), bench.space
    best = 0.0
    for mac_floor, weight_floor in _energies(bench) if energy else _times(bench):
        prices = of.priced(partial(_floor, space, parts, mac_floor, weight_floor))
        best = max(best, lowest_loss(of.choosing(prices, budget * FINE)))
    return best


def _floor(space: Space, parts: int, mac: float, weight: float, layer: int, widths: Sequence[int], form: Form) -> int:
    macs, weights = space.macs(layer, parts, widths, form), space.weights(layer, parts, widths, form)
    return int((macs * mac + weights * weight) * FINE)


def _times(bench: Bench) -> list[tuple[float, float]]:
    """Cycles for a multiply-accumulate and for a weight, for each mean of the floors."""
    system = bench.pricing.system
    mac = system.clock_hz / system.peak_macs_per_s
    bits = bench.space.graph.bits or system.bits
    bytes_per_cycle = system.channels * system.dram.bandwidth_gb_s * 1e9 / system.clock_hz
    weight = 0.0 if system.weights == "resident" else bits / 8 / bytes_per_cycle
    return [(share * mac, (1 - share) * weight) for share in SHARES]


def _energies(bench: Bench) -> list[tuple[float, float]]:
    """Thousandths of a pJ for a multiply-accumulate and for a weight."""
    system = bench.pricing.system
    cost = cost_of(bench.space.graph, system)
    bits = bench.space.graph.bits or system.bits
    read = [layer.energy["dram"] / layer.dram_bytes for layer in cost.layers if layer.dram_bytes]
    weight = 0.0 if system.weights == "resident" else min(read, default=0.0) * bits / 8
    return [(1000 * cost.energy["mac"] / max(1, cost.macs), 1000 * weight)]
