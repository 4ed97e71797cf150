"""`sweep`: measure all points of a specification."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ppsim.errors import InputError
from ppsim.explore.executors import Executor, Lost, Processes, Progress
from ppsim.explore.fingerprint import fingerprint
from ppsim.explore.screening.screen import Screen
from ppsim.explore.sweep.inputs import Inputs, check, inputs_of
from ppsim.explore.sweep.journal import POINT
from ppsim.explore.sweep.point import DESCRIPTION, MEASURED, Row, built, check_system, row_of
from ppsim.explore.sweep.screening import Screened, bounds_in, screen_of, screened, values_of
from ppsim.explore.sweep.spec import FORMAT, RUN_FIELDS, Settings, SweepSpec, spec_of
from ppsim.explore.sweep.store import TABLE, manifest_of, opened
from ppsim.explore.sweep.table import (
    BEATEN_BY,
    ERROR,
    LOST,
    NONE,
    SCREENED,
    belongs,
    columns_of,
    frame_of,
    parquet,
    storable,
    table_of,
)
from ppsim.storage import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: points that are tried before any is measured: a specification of which none of them can run is a mistake
_TRIED = 64
#: rows of skipped points that are kept at once
_TOGETHER = 256
#: points that differ in these alone have the unpruned baseline in common, and the pruned one too
_SAME_DENSE = ("accelerators", "dram.sharing", "parts", "keep")
_SAME_PRUNED = _SAME_DENSE[:2]


def sweep(
    spec: str | Path | Mapping[str, Any] | SweepSpec,
    out: str | Path | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
    screen: bool = False,
) -> Sweep:
    """A sweep, to be iterated over: it measures the points and yields a row for each as it finishes.

    `spec` is a file, or the mapping that one would hold. With `out`, a folder, every row is on the disk before it is
    yielded; an unfinished sweep there goes on with `resume`, which yields the rows that are there first. `executor` is
    where points are measured (None: on all processors); rows do not depend on it. `progress` is called with the number
    of rows and of points. A point that cannot be measured gives a row with its `error`.

    With `screen`, lower bounds of all points are found first, and the most promising are measured first. A point whose
    bounds a measured one already beats - in latency, energy and area, among those that run the same network - is
    skipped: its row has the bounds, and names the other in `beaten_by`. Which are skipped may depend on timing; the
    Pareto fronts do not, they are those of the whole sweep.

    Raises InputError for a specification that cannot be used, and, while iterating, when `out` cannot be written.
    """
    found = spec_of(spec)
    points = found.points()
    _check_some_run(points)
    text = Path(spec).read_text(encoding="utf-8") if isinstance(spec, str | Path) else _document(found)
    return Sweep(
        found,
        tuple(points),
        inputs_of(points),
        text,
        None if out is None else Path(out),
        resume,
        executor or Processes(),
        progress or (lambda done, total: None),
        screen,
    )


@dataclass(repr=False)
class Sweep:
    """The points of a specification, measured as they are asked for."""

    spec: SweepSpec
    points: Sequence[Settings]
    inputs: Inputs
    text: str
    out: Path | None
    resume: bool
    executor: Executor
    progress: Progress
    screen: bool = False
    _rows: dict[int, Row] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Not its points."""
        return f"<Sweep: {self.done:,} of {len(self):,} points done; iterate over it, or call to_frame()>"

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)

    @property
    def done(self) -> int:
        """Number of rows there are so far."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Rows that are there already, then the others as they finish."""
        yield from list(self._rows.values())
        if len(self._rows) == len(self.points):
            return
        with self._opened() as journal:
            if journal is not None:
                for row in journal.rows.values():
                    if row[POINT] not in self._rows and not row.get(LOST):
                        yield self._done(row)
            for rows in self._measured():
                if journal is not None:
                    journal.append(rows)
                for row in rows:
                    yield self._done(row)
        if self.out is not None:
            write_bytes(self.out / TABLE, parquet(self.to_table()))

    def to_table(self) -> pa.Table:
        """All rows in the order of the points, as an Arrow table; measures those that are missing."""
        if len(self._rows) < len(self.points):
            for _ in self:
                pass
        rows = [self._rows[number] for number in range(len(self.points))]
        return table_of(columns_of(self.spec.paths, self.points, self._further), rows)

    def to_frame(self) -> pd.DataFrame:
        """All rows in the order of the points; measures those that are missing."""
        return frame_of(self.to_table())

    def _opened(self) -> Any:
        if self.out is None:
            return nullcontext()
        manifest = manifest_of(self.spec, len(self.points), self.inputs, self.screen)
        # a sweep that was left half way goes on with what it has written itself
        resume = self.resume or bool(self._rows)
        return opened(self.out, manifest, self.text, resume, belongs(self.spec.paths, self.points, self._further))

    @property
    def _further(self) -> Mapping[str, type]:
        return SCREENED if self.screen else NONE

    def screened(self) -> Screened:
        """What came of screening; measures the points that are missing."""
        if len(self._rows) < len(self.points):
            self.to_table()
        return screened(list(self._rows.values()), self.points)

    def _done(self, row: Row) -> Row:
        self._rows[row[POINT]] = row
        self.progress(len(self._rows), len(self.points))
        return row

    def _measured(self) -> Iterator[list[Row]]:
        """Rows of the points that are missing, in the handfuls they come in."""
        missing = [number for number in range(len(self.points)) if number not in self._rows]
        if not self.screen:
            left = _neighbours_together(missing, self.points)
            return self._run(left, Tasks(left, self._task()))
        screen = screen_of(self.points, self.inputs)
        for row in self._rows.values():
            if values := values_of(row):
                screen.saw(row[POINT], values)
        left = screen.order(missing)
        return self._screened(screen, self._run(left, Tasks(left, self._screening_task(screen))))

    def _run(self, left: Sequence[int], tasks: Sequence[Callable[[], Row]]) -> Iterator[list[Row]]:
        for handful in self.executor.run(tasks):
            rows = []
            for task, row in handful:
                if isinstance(row, Lost):
                    number = left[task]
                    row = _head(number, self.points[number], self.spec.paths) | {ERROR: row.reason, LOST: True}
                rows.append(row)
            yield rows

    def _task(self) -> Callable[[int], Callable[[], Row]]:
        """The task that measures a point, as a function of its number."""
        paths, code = self.spec.paths, fingerprint()
        return lambda number: partial(measured, number, self.points[number], paths, self.inputs, code)

    def _screening_task(self, screen: Screen) -> Callable[[int], Callable[[], Row]]:
        """The same, unless what has been measured when it is asked for beats the bounds of the point."""
        task = self._task()

        def of(number: int) -> Callable[[], Row]:
            beaten_by = screen.beaten_by(number)
            if beaten_by is None:
                return task(number)
            return partial(_given, _head(number, self.points[number], self.spec.paths) | {BEATEN_BY: beaten_by})

        return of

    def _screened(self, screen: Screen, handfuls: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """Rows with their bounds; what they give is held against the bounds of others from then on."""
        found: list[Row] = []
        for rows in handfuls:
            found += [row | bounds_in(screen, row[POINT]) for row in rows]
            # skipping takes less time than keeping a row: together
            if len(found) < _TOGETHER and all(BEATEN_BY in row for row in rows):
                continue
            yield found
            # they are kept by now
            for row in found:
                if values := values_of(row):
                    screen.saw(row[POINT], values)
            found = []
        if found:
            yield found


class Tasks(Sequence[Callable[[], Row]]):
    """The tasks of points, each made when it is asked for."""

    def __init__(self, numbers: Sequence[int], task_of: Callable[[int], Callable[[], Row]]) -> None:
        """`numbers` are those of the points, in order."""
        self._numbers, self._task_of = numbers, task_of

    def __len__(self) -> int:
        """How many there are."""
        return len(self._numbers)

    def __getitem__(self, task: Any) -> Any:
        """One of them."""
        return self._task_of(self._numbers[task])


def _given(row: Row) -> Row:
    return row


def measured(number: int, settings: Settings, paths: Sequence[str], inputs: Inputs, code: str) -> Row:
    """The row of a point: its number and its axes, and what it gives, or the error that says why it gives nothing.

    It is measured with the `inputs`, and the `code` of ppsim, that the sweep began with, or not at all.
    """
    head = _head(number, settings, paths)
    try:
        check(inputs)
        if fingerprint() != code:
            raise InputError("this process has another ppsim than the sweep began with")
    except InputError as error:
        return head | {ERROR: str(error), LOST: True}
    try:
        row = row_of(settings, inputs)
        for name, kind in (*DESCRIPTION.items(), *MEASURED.items()):
            if not storable(row[name], kind):
                raise InputError(f"{name}={row[name]} is out of the range of a table")
        return head | row
    except InputError as error:
        return head | {ERROR: " ".join(str(error).split())}
    except (MemoryError, OSError) as error:
        return head | {ERROR: f"{type(error).__name__}: {error}", LOST: True}
    except Exception as error:
        return head | {ERROR: f"{type(error).__name__}: {error} (a fault in ppsim, please report)"}


def _head(number: int, settings: Settings, paths: Sequence[str]) -> Row:
    return {POINT: number} | {path: settings[path] for path in (*paths, *DESCRIPTION) if path in settings}


def _check_some_run(points: Sequence[Settings]) -> None:
    """Raise InputError for a path misspelt, and if of some points, from all over the sweep, none could be simulated."""
    errors = []
    tried = dict.fromkeys(round(n * (len(points) - 1) / _TRIED) for n in range(_TRIED + 1))
    for number in tried:
        try:
            built(points[number])
        except Exception as error:  # each would be a row with its error
            errors.append(error)
        else:
            return
    try:
        check_system(points[0])
    except InputError as error:
        raise InputError(f"no point of it can run: {error}; fields of a run: {', '.join(RUN_FIELDS)}") from None
    if len(tried) == len(points):
        raise InputError(f"no point of it can run: {errors[0]}")


def _neighbours_together(numbers: Sequence[int], points: Sequence[Settings]) -> list[int]:
    """Points that have baselines in common one after the other, so that whoever measures them can reuse results."""
    order: dict[Any, int] = {}

    def place(number: int, without: Sequence[str]) -> int:
        others = tuple(repr(value) for path, value in points[number].items() if path not in without)
        return order.setdefault((without, others), len(order))

    return sorted(numbers, key=lambda number: (place(number, _SAME_DENSE), place(number, _SAME_PRUNED)))


def _document(spec: SweepSpec) -> str:
    given = {key: value for key, value in spec.to_dict().items() if value not in (None, {}, [], "")}
    text: str = yaml.safe_dump({"format": FORMAT, **given}, sort_keys=False)
    return text
