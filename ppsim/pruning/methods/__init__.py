"""Ways to assign units to parts, by name; a new one is one file and one line here."""

from __future__ import annotations

from importlib.util import find_spec

from ppsim.pruning.methods.alternating import alternating
from ppsim.pruning.methods.contiguous import contiguous
from ppsim.pruning.methods.contract import Method
from ppsim.pruning.methods.metis import metis
from ppsim.pruning.methods.output import output
from ppsim.pruning.methods.random import random

METHODS: dict[str, Method] = {
    "contiguous": contiguous,
    "random": random,
    "alternating": alternating,
    "output": output,
    "metis": metis,
}
#: packages that some take
NEEDS = {"metis": "pymetis", "output": "torch"}
#: those that leave the units of every axis in their order where there are no couplings to go by
IN_ORDER = ("contiguous", "alternating")


def installed() -> tuple[str, ...]:
    """The methods that can be used here."""
    return tuple(name for name in METHODS if name not in NEEDS or find_spec(NEEDS[name]))
