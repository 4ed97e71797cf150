"""Sweeps made by hand: rows as `ppsim sweep` keeps them, from a few numbers a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

import ppsim
from ppsim.analysis.comparison import Comparison
from ppsim.hardware.energy import COMPONENTS


@dataclass(frozen=True)
class Point:
    """A point that is simulated again."""

    comparison: Comparison


@dataclass(frozen=True, eq=False)
class ByHand:
    """Rows and axes that somebody wrote down."""

    rows: Sequence[Mapping[str, Any]]
    axes: Mapping[str, tuple[Any, ...]]
    provenance: Mapping[str, Any] = field(default_factory=lambda: {"ppsim": "0.1.0", "spec": {"workload": "net"}})

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame([{"point": number, **row} for number, row in enumerate(self.rows)])

    def simulated(self, point: int) -> Point:
        assert self.rows[point]["error"] is None
        return Point(small_comparison())


@lru_cache(maxsize=1)
def small_comparison() -> Comparison:
    net = ppsim.partition(ppsim.load_workload("lenet300"), 3)
    return ppsim.compare(net, ppsim.load_system("tetris", accelerators=3))


def row(count: int, seconds: float, energy_pj: float = 1e6, **more: Any) -> dict[str, Any]:
    """A point with as many parts as accelerators, whose unpruned network takes 1 s and 1e6 pJ on one of them."""
    link_loss, dram_loss, imbalance_loss = 0.01, 0.02, 0.03
    return {
        "workload": "net",
        "system": "tetris",
        "scope": "network",
        "dram": "private",
        "accelerators": count,
        "parts": count,
        "batch": 1,
        "keep": 0.125,
        "cycles": int(seconds * 5e8),
        "seconds": seconds,
        "energy_pj": energy_pj,
        **{f"{component}_pj": 0.0 for component in COMPONENTS},
        "mac_pj": 0.75 * energy_pj,
        "dram_pj": 0.25 * energy_pj,
        "energy_unit": "pJ",
        "macs": 1000,
        "dram_bytes": 2000,
        "link_bytes": 30,
        "peak_macs_per_s": 1e11 * count,
        "dram_bytes_per_s": 8e9 * count,
        "area_mm2": 0.5 * count,
        "bound": "DRAM",
        "baseline_seconds": 1.0,
        "baseline_energy_pj": 1e6,
        "speedup": 1.0 / seconds,
        "energy_reduction": 1e6 / energy_pj,
        "pruning": 1.0 / seconds / count / (1 - link_loss - dram_loss - imbalance_loss),
        "link_loss": link_loss,
        "dram_loss": dram_loss,
        "imbalance_loss": imbalance_loss,
        "error": None,
        **more,
    }


def failed(count: int, error: str, **more: Any) -> dict[str, Any]:
    """A point that could not be simulated."""
    measured = row(count, 1.0)
    kept = ("workload", "system", "scope", "accelerators", "parts", "batch")
    return {key: measured[key] if key in kept else None for key in measured} | {"error": error} | more


def over(times: Mapping[int, float], **more: Any) -> list[dict[str, Any]]:
    """A row for each count, with its seconds."""
    return [row(count, seconds, **more) for count, seconds in times.items()]


COUNTED = {"parts": (), "accelerators": ()}
