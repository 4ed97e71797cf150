"""Ways to choose the channels that stay, by name; a new one is one file and one line here."""

from __future__ import annotations

from ppsim.pruning.channels.compensation import compensation
from ppsim.pruning.channels.contract import Selection
from ppsim.pruning.channels.lasso import lasso
from ppsim.pruning.channels.magnitude import magnitude
from ppsim.pruning.channels.random import random

SELECTIONS: dict[str, Selection] = {
    "random": random,
    "magnitude": magnitude,
    "lasso": lasso,
    "compensation": compensation,
}
