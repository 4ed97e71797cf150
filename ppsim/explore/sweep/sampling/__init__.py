"""Samplings; a new one is a file beside these and a line here."""

from ppsim.explore.sweep.sampling.contract import Sampler
from ppsim.explore.sweep.sampling.grid import grid
from ppsim.explore.sweep.sampling.random import random
from ppsim.explore.sweep.sampling.sobol import sobol

SAMPLINGS: dict[str, Sampler] = {
    "grid": grid,
    "random": random,
    "sobol": sobol,
}
