"""`sweep`: measure all points of a specification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ppsim.errors import InputError
from ppsim.explore.executors import Executor, Lost, Processes, Progress
from ppsim.explore.fingerprint import fingerprint
from ppsim.explore.sweep.inputs import Inputs, check, inputs_of
from ppsim.explore.sweep.journal import POINT
from ppsim.explore.sweep.point import DESCRIPTION, MEASURED, Row, built, check_system, row_of
from ppsim.explore.sweep.spec import FORMAT, RUN_FIELDS, Settings, SweepSpec, spec_of
from ppsim.explore.sweep.store import TABLE, manifest_of, opened
from ppsim.explore.sweep.table import ERROR, LOST, belongs, columns_of, frame_of, parquet, storable, table_of
from ppsim.storage import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: points that are tried before any is measured: a specification of which none of them can run is a mistake
_TRIED = 64
#: points that differ in these alone have the unpruned baseline in common, and the pruned one too
_SAME_DENSE = ("accelerators", "dram.sharing", "parts", "keep")
_SAME_PRUNED = _SAME_DENSE[:2]


def sweep(
    spec: str | Path | Mapping[str, Any] | SweepSpec,
    out: str | Path | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """A sweep, to be iterated over: it measures the points and yields a row for each as it finishes.

    `spec` is a file, or the mapping that one would hold. With `out`, a folder, every row is on the disk before it is
    yielded; an unfinished sweep there goes on with `resume`, which yields the rows that are there first. `executor` is
    where points are measured (None: on all processors); rows do not depend on it. `progress` is called with the number
    of rows and of points. A point that cannot be measured gives a row with its `error`.

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
        return table_of(columns_of(self.spec.paths, self.points), rows)

    def to_frame(self) -> pd.DataFrame:
        """All rows in the order of the points; measures those that are missing."""
        return frame_of(self.to_table())

    def _opened(self) -> Any:
        if self.out is None:
            return nullcontext()
        manifest = manifest_of(self.spec, len(self.points), self.inputs)
        # a sweep that was left half way goes on with what it has written itself
        resume = self.resume or bool(self._rows)
        return opened(self.out, manifest, self.text, resume, belongs(self.spec.paths, self.points))

    def _done(self, row: Row) -> Row:
        self._rows[row[POINT]] = row
        self.progress(len(self._rows), len(self.points))
        return row

    def _measured(self) -> Iterator[list[Row]]:
        """Rows of the points that are missing, in the handfuls they come in."""
        left = _neighbours_together([n for n in range(len(self.points)) if n not in self._rows], self.points)
        paths, code = self.spec.paths, fingerprint()
        tasks = [partial(measured, number, self.points[number], paths, self.inputs, code) for number in left]
        for handful in self.executor.run(tasks):
            rows = []
            for task, row in handful:
                if isinstance(row, Lost):
                    row = _head(left[task], self.points[left[task]], paths) | {ERROR: row.reason, LOST: True}
                rows.append(row)
            yield rows


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
