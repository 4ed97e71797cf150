"""A sweep as it is reported on: its points, what runs in them, how many accelerators they have and what else varies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from ppsim.analysis.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

SHARING = "dram.sharing"
#: in a screened sweep: the point that beats the bounds of one that was skipped for it
BEATEN_BY = "beaten_by"
#: what may be counted, the first of which varies is
COUNTS = ("accelerators", "parts")
#: axes of what runs rather than of what it runs on, and those below "workload."
RUNS = ("scope", "workload", "sequence", "batch", "layers", "keep", "parts")
OF_WORKLOAD = "workload."
#: cases up to which axes of what runs are told apart
MOST_CASES = 12


class Point(Protocol):
    """A design point that is simulated again."""

    @property
    def comparison(self) -> Comparison:
        """The point against the unpruned network on one accelerator."""
        ...


class Sweep(Protocol):
    """The results of a sweep: a row for each point, the values of its axes, and where they come from."""

    @property
    def frame(self) -> pd.DataFrame:
        """A row a point."""
        ...

    @property
    def axes(self) -> Mapping[str, tuple[Any, ...]]:
        """Path -> its values."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, hashes and the specification, as plain values."""
        ...

    def simulated(self, point: int) -> Point:
        """Simulate a point again."""
        ...


Setting = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Measured:
    """A point that ran: how many accelerators (or parts) it has, its case, its setting of the other axes, its row."""

    number: int
    count: int
    case: Setting
    setting: Setting
    row: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """Latency, s."""
        return float(self.row["seconds"])

    @property
    def energy_pj(self) -> float:
        """Energy, pJ (or multiply-accumulates, where the table counts these)."""
        return float(self.row["energy_pj"])

    @property
    def speedup(self) -> float:
        """Over the unpruned network on one accelerator."""
        return float(self.row["speedup"])

    @property
    def energy_reduction(self) -> float:
        """Over the unpruned network on one accelerator."""
        return float(self.row["energy_reduction"])

    @property
    def loss(self) -> float:
        """Share of pruning x accelerators that is lost."""
        return float(self.row["link_loss"] + self.row["dram_loss"] + self.row["imbalance_loss"])


@dataclass(frozen=True)
class Failed:
    """A point that did not run, its axes, and why."""

    number: int
    setting: Setting
    error: str


@dataclass(frozen=True)
class Study:
    """The points of a sweep.

    `counted` is the column that is asked about ("accelerators", "parts", or None where neither varies). A case is what
    runs, and how DRAM is shared: answers are given for each. `others` are the axes that are left: a setting of them is
    a choice the designer is free in. `skipped` points of a screened sweep were not simulated and have no row here.
    """

    sweep: Sweep
    rows: tuple[Mapping[str, Any], ...]
    counted: str | None
    cased: tuple[str, ...]
    others: tuple[str, ...]
    skipped: int = 0

    @cached_property
    def points(self) -> tuple[Measured, ...]:
        """The points that ran, in the order of the sweep."""
        return tuple(
            Measured(
                int(row["point"]),
                int(row[self.counted]) if self.counted else 1,
                tuple((path, row[path]) for path in self.cased),
                tuple((path, row[path]) for path in self.others),
                row,
            )
            for row in self.rows
            if row["error"] is None
        )

    @cached_property
    def failed(self) -> tuple[Failed, ...]:
        """The points that did not."""
        return tuple(
            Failed(int(row["point"]), tuple((path, row[path]) for path in self.sweep.axes), str(row["error"]))
            for row in self.rows
            if row["error"] is not None
        )

    @cached_property
    def cases(self) -> dict[Setting, tuple[Measured, ...]]:
        """The points of each case, cases in the order they first come in."""
        found: dict[Setting, list[Measured]] = {}
        for point in self.points:
            found.setdefault(point.case, []).append(point)
        return {case: tuple(points) for case, points in found.items()}

    @cached_property
    def unit(self) -> str | None:
        """What energies are counted in ("pJ" or "MAC"); None where points differ in it."""
        units = {str(point.row["energy_unit"]) for point in self.points}
        return units.pop() if len(units) == 1 else None

    @cached_property
    def pruned(self) -> bool:
        """Whether any point is partitioned."""
        return any(point.row["parts"] > 1 for point in self.points)

    def only(self, column: str) -> Any:
        """The value of a column where it is the same in all points that ran, else None."""
        values = {point.row[column] for point in self.points}
        return values.pop() if len(values) == 1 else None


def study(sweep: Sweep) -> Study:
    """A sweep's rows, and what its axes are for."""
    frame = sweep.frame
    columns = {name: [_plain(value) for value in frame[name].tolist()] for name in frame.columns}
    rows = tuple(dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    skipped = sum(row.get(BEATEN_BY) is not None for row in rows)
    rows = tuple(row for row in rows if row.get(BEATEN_BY) is None)
    ran = [row for row in rows if row["error"] is None]
    counted = next((name for name in COUNTS if len({row[name] for row in ran}) > 1), None)
    free = [path for path in sweep.axes if path not in COUNTS[:1] and not _follows(path, counted, ran)]
    shared = SHARING if SHARING in free else "dram"
    cased: list[str] = [shared]
    for path in sorted((path for path in free if _is_run(path)), key=_order):
        if prod(len({row[name] for row in ran}) for name in (*cased, path)) <= MOST_CASES:
            cased.append(path)
    others = tuple(path for path in free if path not in cased)
    return Study(sweep, rows, counted, tuple(cased), others, skipped)


def _is_run(path: str) -> bool:
    return path in RUNS or path.startswith(OF_WORKLOAD)


def _order(path: str) -> int:
    return RUNS.index(path) if path in RUNS else len(RUNS)


def _follows(path: str, counted: str | None, rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an axis is the counted one, or is set together with it: one value for each count, and not one for all."""
    if counted is None:
        return False
    found: dict[Any, set[Any]] = {}
    for row in rows:
        found.setdefault(row[counted], set()).add(row[path])
    different = {value for values in found.values() for value in values}
    return all(len(values) == 1 for values in found.values()) and len(different) > 1


def _plain(value: Any) -> Any:
    """A cell as plain Python has it; what is missing is None."""
    if value is None or value != value:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
