"""Screening a sweep: bounds of all its points, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from ppsim.analysis.pareto import pareto_front
from ppsim.errors import InputError
from ppsim.explore.screening.bounds import column_of, free_paths, of_group
from ppsim.explore.screening.columns import FREE, Floats
from ppsim.explore.screening.screen import Screen
from ppsim.explore.sweep.inputs import Inputs
from ppsim.explore.sweep.journal import POINT
from ppsim.explore.sweep.point import OF_WORKLOAD, Row, built
from ppsim.explore.sweep.spec import Settings
from ppsim.explore.sweep.table import BEATEN_BY
from ppsim.hardware.area import area_mm2
from ppsim.hardware.system import System

#: what is minimised, and the columns with the bounds of what is not known before
OBJECTIVES = ("seconds", "energy_pj", "area_mm2")
BOUNDS = ("seconds_bound", "energy_pj_bound")
#: settings that make another network of it, with which there is no comparison
_OF_NETWORK = ("workload", "scope", "sequence", "batch", "layers", "keep")
#: free paths that a system's area depends on
_OF_AREA = ("array.rows", "array.cols", "array.count", "buffer.kib")


def screen_of(points: Sequence[Settings], inputs: Inputs) -> Screen:
    """Bounds of all points of a sweep. There are none where a point cannot be built, which simulating it will explain.

    Points compete if they run the same network and count energy in the same unit.
    """
    least = np.full((len(points), len(OBJECTIVES)), np.nan)
    units = [""] * len(points)
    for numbers in _alike(range(len(points)), points, lambda path: path not in FREE):
        _bound(numbers, points, inputs, least, units)
    return Screen(least, list(zip(networks(points), units, strict=True)))


def networks(points: Sequence[Settings]) -> list[Hashable]:
    """By point: what tells its network from others.

    More parts prune more; they are part of a way to use more accelerators, unless a number of accelerators occurs with
    several numbers of parts.
    """
    parts: dict[Any, set[Any]] = {}
    for point in points:
        parts.setdefault(point.get("accelerators"), set()).add(point.get("parts"))
    given = [count for count in parts if count is not None]
    named = (*_OF_NETWORK, "parts") if any(len(parts[count]) > 1 for count in given) else _OF_NETWORK
    return [
        (
            *[point.get(name) for name in named],
            *[repr(item) for item in point.items() if item[0].startswith(OF_WORKLOAD)],
        )
        for point in points
    ]


def _alike(numbers: Iterable[int], points: Sequence[Settings], counts: Callable[[str], bool]) -> list[list[int]]:
    """Points that have the same value of each path that counts."""
    found: dict[Any, list[int]] = {}
    for number in numbers:
        key = tuple([(path, repr(value)) for path, value in points[number].items() if counts(path)])
        found.setdefault(key, []).append(number)
    return list(found.values())


def _bound(numbers: list[int], points: Sequence[Settings], inputs: Inputs, least: Floats, units: list[str]) -> None:
    """Bounds of points that differ in free paths alone; those that cannot be built are found by halving."""
    try:
        nets, system = built(points[numbers[0]], inputs)
        free = free_paths(system)
        apart = _alike(numbers, points, lambda path: path in FREE and path not in free)
        if len(apart) > 1:
            for some in apart:
                _bound(some, points, inputs, least, units)
            return
        varying = {path: [points[number][path] for number in numbers] for path in points[numbers[0]] if path in free}
        columns = {path: column_of(system, path, values) for path, values in varying.items() if _several(values)}
        found = of_group(nets, system, columns, len(numbers))
    except (InputError, OverflowError):
        if len(numbers) > 1:
            half = len(numbers) // 2
            _bound(numbers[:half], points, inputs, least, units)
            _bound(numbers[half:], points, inputs, least, units)
        return
    least[numbers, 0], least[numbers, 1] = found[0], found[1]
    least[numbers, 2] = _areas(system, [points[number] for number in numbers])
    for number in numbers:
        units[number] = system.energy.unit


def _several(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _areas(system: System, points: Sequence[Settings]) -> list[float]:
    """The areas of points that differ in free paths alone, as their rows have them."""
    known: dict[tuple[Any, ...], float] = {}
    found = []
    for point in points:
        key = tuple([point.get(path) for path in _OF_AREA])
        if key not in known:
            rows, cols, count, kib = key
            array, buffer = system.array, system.buffer
            array = replace(array, rows=rows or array.rows, cols=cols or array.cols, count=count or array.count)
            known[key] = area_mm2(replace(system, array=array, buffer=replace(buffer, kib=kib or buffer.kib)))
        found.append(known[key])
    return found


def values_of(row: Row) -> tuple[float, ...] | None:
    """What a row has of the objectives; None where its point was not simulated, or failed."""
    if any(row.get(name) is None for name in OBJECTIVES):
        return None
    return tuple([float(row[name]) for name in OBJECTIVES])


def bounds_in(screen: Screen, number: int) -> Row:
    """The bounds of a point as its row has them; none if there are none."""
    seconds, energy_pj, _ = screen.least[number].tolist()
    return dict(zip(BOUNDS, (seconds, energy_pj), strict=True)) if seconds == seconds else {}


@dataclass(frozen=True)
class Screened:
    """What came of screening a sweep: how many points were simulated, failed and were skipped, how many of those that
    were tried had no bounds, and how many are on the Pareto fronts of latency, energy and area.

    `latency` and `energy` are simulated over bound: the median, and the worst; None where no point has both.
    """

    simulated: int
    failed: int
    skipped: int
    unbounded: int
    front: int
    latency: tuple[float, float] | None
    energy: tuple[float, float] | None

    def lines(self) -> tuple[str, ...]:
        """What to print of it."""
        unbounded = f" ({self.unbounded:,} without bounds)" if self.unbounded else ""
        said = (
            f"Screened: {self.simulated + self.failed:,} simulated{unbounded}, {self.skipped:,} skipped; "
            f"{self.front:,} on the front of latency, energy and area"
        )
        if self.latency is None or self.energy is None:
            return (said,)
        ratios = (("latency", *self.latency), ("energy", *self.energy))
        tight = "; ".join([f"{name} {middle:.3f}x (median), {worst:.3f}x (worst)" for name, middle, worst in ratios])
        return said, f"Simulated over bound: {tight}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, by name."""
        return {
            "simulated": self.simulated,
            "failed": self.failed,
            "skipped": self.skipped,
            "unbounded": self.unbounded,
            "front": self.front,
            "latency_over_bound": _named(self.latency),
            "energy_over_bound": _named(self.energy),
        }


def screened(rows: Sequence[Row], points: Sequence[Settings]) -> Screened:
    """What came of screening, from the rows of a sweep."""
    leagues: dict[Hashable, list[tuple[float, ...]]] = {}
    network = networks(points)
    ratios: dict[str, list[float]] = {bound: [] for bound in BOUNDS}
    for row in rows:
        if (values := values_of(row)) is None:
            continue
        leagues.setdefault((network[row[POINT]], row["energy_unit"]), []).append(values)
        for bound, value in zip(BOUNDS, values[:-1], strict=True):
            if row.get(bound):
                ratios[bound].append(value / row[bound])
    simulated = sum(map(len, leagues.values()))
    skipped = sum(row.get(BEATEN_BY) is not None for row in rows)
    return Screened(
        simulated,
        len(rows) - simulated - skipped,
        skipped,
        sum(row.get(BOUNDS[0]) is None for row in rows),
        sum(int(pareto_front(np.array(values)).sum()) for values in leagues.values()),
        *[(median(found), max(found)) if found else None for found in ratios.values()],
    )


def _named(ratios: tuple[float, float] | None) -> dict[str, float] | None:
    return None if ratios is None else {"median": ratios[0], "worst": ratios[1]}
