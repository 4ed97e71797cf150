"""What pruning costs and saves: `cost` of a variant of a network, an `Oracle` that remembers, and `prices`."""

from ppsim.explore.cost.blocks import BlockPrice
from ppsim.explore.cost.costs import Cost, LayerCost
from ppsim.explore.cost.oracle import Measured, Oracle, cost, usual_system
from ppsim.explore.cost.prices import Prices, prices
from ppsim.explore.cost.staircases import Staircase, Step
from ppsim.explore.cost.variants import Cut, variant

__all__ = [
    "BlockPrice",
    "Cost",
    "Cut",
    "LayerCost",
    "Measured",
    "Oracle",
    "Prices",
    "Staircase",
    "Step",
    "cost",
    "prices",
    "usual_system",
    "variant",
]
