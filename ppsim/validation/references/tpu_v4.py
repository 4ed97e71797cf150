"""A TPU v4: seconds of matrix products measured on one device, from 32 to 4096 in every dimension.

The model is the shipped system `tpu-v4` with one accelerator: `simulate`, and nothing else. Its parameters are those of
the system's file, each with its source there; one of them is fitted, the launch overhead. A product then takes

* the launch overhead,
* loading the first tile from HBM, at the efficiency of the layer's mix of reads and writes,
* the longer of computing and moving the rest: four arrays share the folds, so edges are padded to 128, and keep the
  operand with which that is estimated to take less time,
* and storing the last results.

Tiles are the largest that fit the vector memory twice: a product whose inputs and twice its outputs take up to 8 MiB is
one, and nothing of it overlaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.validation.contract import Case, Check
from ppsim.validation.numbers import table
from ppsim.workload.graph import gemm

NAME = "tpu-v4"
SOURCE = (
    "f16 products timed on one TPU v4 device, medians of 10 or 20 runs, or one cold run; believed to be those of "
    "SCALE-Sim TPU (Dang et al., arXiv 2603.22535), not compared with it"
)
SETTING = "system tpu-v4, 1 accelerator; one set of parameters for all sizes"


@dataclass(frozen=True, slots=True)
class Timed:
    """A product that was timed, and in how many runs."""

    sizes: str
    m: int
    k: int
    n: int
    runs: int
    us: float


def checks() -> Iterator[Check]:
    """Repeated runs together and by set, held to bounds; cold ones apart, reported."""
    system = device()
    repeated: dict[str, list[Case]] = {}
    cold: dict[str, list[Case]] = {}
    for row in timed():
        (repeated if row.runs > 1 else cold).setdefault(row.sizes, []).append(_case(row, system))
    yield _check("repeated runs, all sizes", [case for cases in repeated.values() for case in cases], 0.07)
    for sizes, cases in repeated.items():
        yield _check(f"repeated runs, {sizes}", cases, 0.10)
    for sizes, cases in cold.items():
        yield _check(f"one cold run, {sizes}", cases)


def device() -> System:
    """What was measured, as ppsim has it."""
    return load_system("tpu-v4", accelerators=1)


@lru_cache(maxsize=1)
def timed() -> tuple[Timed, ...]:
    """All that was timed."""
    return tuple(
        Timed(_sizes(row["set"]), int(row["M"]), int(row["K"]), int(row["N"]), int(row["runs"]), float(row["us"]))
        for row in table("tpu_v4")
    )


def mean_error(system: System) -> float:
    """Mean error of a system over all repeated runs."""
    return _check("", [_case(row, system) for row in timed() if row.runs > 1]).mean


@lru_cache(maxsize=8192)  # all rows on a handful of systems, which several lines of the page look at again
def microseconds(row: Timed, system: System) -> float:
    """What a product takes on a system."""
    return simulate(gemm(row.m, row.k, row.n, bits=16), system).seconds * 1e6


def _case(row: Timed, system: System) -> Case:
    return Case(f"{row.m}x{row.k}x{row.n}", row.us, microseconds(row, system), "us")


def _check(compared: str, cases: list[Case], mean_bound: float | None = None) -> Check:
    return Check(NAME, compared, tuple(cases), SOURCE, "measured", SETTING, mean_bound=mean_bound)


def _sizes(name: str) -> str:
    """The sizes in the name of a set, "m2_32to128_rep20", in words."""
    return name.split("_")[1].replace("to", " to ")
