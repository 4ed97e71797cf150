"""Sweeps for tests of plots: the columns and attributes that `load_sweep` gives, filled by a simple law."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import Any

import pandas as pd

import ppsim
from ppsim.baselines import NETWORK, explained
from ppsim.hardware.energy import COMPONENTS

Settings = Mapping[str, Any]
#: shares of the energy, in the order of the components
SHARES = (0.09, 0.004, 0.3, 0.2, 0.25, 0.05, 0.03, 0.006, 0.02, 0.05)
GRID: Mapping[str, Sequence[Any]] = {
    "parts, accelerators": [1, 2, 4, 8, 16],
    "dram.bandwidth_gb_s": [4, 16, 64],
    "dram.sharing": ["private", "shared"],
}


def measured(point: Settings) -> dict[str, Any]:
    """Numbers that a point could have given: consistent with each other, and different in every axis."""
    count, parts = point.get("accelerators", 4), point.get("parts", point.get("accelerators", 4))
    keep = point.get("keep", 1 / parts) or 1 / parts
    rows, bandwidth = point.get("array.rows", 8), point.get("dram.bandwidth_gb_s", 16)
    shared = point.get("dram.sharing", "private") != "private"
    others = sum(len(str(value)) for path, value in point.items() if isinstance(value, str) and path != "dram.sharing")
    single = 1e-3 * (1 + 8 / rows) * (1 + 4 / bandwidth) * (1 + others / 100)
    pruning = 1 / keep**0.95
    losses = {
        "link_loss": 0.02 * (1 - 1 / count),
        "dram_loss": (0.7 if shared else -0.05) * (1 - 1 / count) / (1 + bandwidth / 100),
        "imbalance_loss": 0.05 * (1 - 1 / count) * rows / 32,
    }
    speedup = pruning * count * (1 - sum(losses.values()))
    energy = 1e9 * keep * (1 + rows / 64) * (1.1 if shared else 1.0)
    return {
        "workload": point.get("workload", "net"),
        "system": point.get("system", "tetris"),
        "scope": point.get("scope", "pruned-layers"),
        "dram": "shared" if shared else "private",
        "accelerators": count,
        "parts": parts,
        "batch": point.get("batch", 1),
        "keep": keep * 1.003,  # what is measured is not quite what was asked for
        "cycles": round(1e9 * single / speedup),
        "seconds": single / speedup,
        "energy_pj": energy,
        **{f"{name}_pj": share * energy for name, share in zip(COMPONENTS, SHARES, strict=True)},
        "energy_unit": "pJ",
        "macs": round(1e7 * keep),
        "dram_bytes": round(2e7 * keep),
        "link_bytes": 1000 * (count - 1),
        "peak_macs_per_s": 1e9 * rows * count,
        "dram_bytes_per_s": 1e9 * bandwidth,
        "area_mm2": 0.1 * rows * count,
        "bound": "DRAM" if bandwidth < 16 else "compute",
        "baseline_seconds": single,
        "baseline_energy_pj": 1e9 * (1 + rows / 64),
        "speedup": speedup,
        "energy_reduction": 1e9 * (1 + rows / 64) / energy,
        "pruning": pruning,
        **losses,
    }


@dataclass(frozen=True)
class Swept:
    """A sweep as plots need it; a point is simulated with a small network on real accelerators."""

    frame: pd.DataFrame
    points: Sequence[Settings]
    axes: Mapping[str, tuple[Any, ...]]
    spec: SimpleNamespace
    simulations: list[int] = field(default_factory=list)

    def simulated(self, point: int) -> SimpleNamespace:
        """As `SweepResults.simulated`; remembers which points were asked for."""
        self.simulations.append(point)
        count = self.points[point].get("accelerators", 4)
        net = ppsim.load_workload("lenet300")
        cut = ppsim.partition(net, count) if count > 1 else net
        settings = {"dram.sharing": self.points[point].get("dram.sharing", "private")}
        system = ppsim.load_system("tetris", accelerators=count, set=settings)
        return SimpleNamespace(nets=(cut,), system=system, comparison=explained((cut,), system, NETWORK, ()))


def swept(
    axes: Mapping[str, Sequence[Any]] = GRID,
    fail: Collection[int] = (),
    change: Callable[[pd.DataFrame], object] | None = None,
    points: Sequence[Settings] | None = None,
) -> Swept:
    """A grid of these axes, or these points of it; those that `fail` have no numbers. `change` edits the frame."""
    groups = [tuple(path.strip() for path in key.split(",")) for key in axes]
    if points is None:
        choices = product(*axes.values())
        points = [
            dict(pair for paths, value in zip(groups, choice, strict=True) for pair in _set(paths, value))
            for choice in choices
        ]
    rows = [
        {"point": number, **point, **({} if number in fail else measured(point)), "error": _error(number in fail)}
        for number, point in enumerate(points)
    ]
    frame = pd.DataFrame(rows)
    frame["error"] = frame["error"].astype(object)
    if change is not None:
        change(frame)
    values = {path: tuple(dict.fromkeys(point[path] for point in points)) for paths in groups for path in paths}
    return Swept(frame, points, values, SimpleNamespace(ordered=[SimpleNamespace(paths=paths) for paths in groups]))


def _set(paths: Sequence[str], value: Any) -> list[tuple[str, Any]]:
    values = value if isinstance(value, tuple) else [value] * len(paths)
    return list(zip(paths, values, strict=True))


def _error(fails: bool) -> str | None:
    return "array.rows=0 is out of range" if fails else None
