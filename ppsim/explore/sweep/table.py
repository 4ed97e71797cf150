"""The rows of a sweep as a table, in memory and as a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Any

from ppsim.explore.sweep.journal import POINT
from ppsim.explore.sweep.point import DESCRIPTION, MEASURED, Row

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: why a point gave no numbers; None where it did
ERROR = "error"
#: in a journal, marks a row with an error that says nothing of its point: a sweep that is resumed measures it again
LOST = "lost"
#: the point that beats the bounds of one that was skipped for it
BEATEN_BY = "beaten_by"
#: what screening adds, column -> type: bounds, which may be missing, and why a point was skipped
SCREENED: Mapping[str, type] = {"seconds_bound": float, "energy_pj_bound": float, BEATEN_BY: int}
NONE: Mapping[str, type] = {}
#: integers that a table can hold
WIDEST = 2**63 - 1


def columns_of(
    paths: Sequence[str], points: Sequence[Mapping[str, Any]], screened: Mapping[str, type] = NONE
) -> dict[str, type]:
    """Column -> type: the point, its axes, what it is, what was measured, what screening adds, and its error.

    An axis has integers, numbers or truth values where all of its values are, and texts otherwise.
    """
    axes = {path: _type_of({type(point[path]) for point in points}) for path in paths}
    return {POINT: int, **axes, **{name: kind for name, kind in DESCRIPTION.items() if name not in axes}, **MEASURED,
            **screened, ERROR: str}  # fmt: skip


def _type_of(kinds: set[type]) -> type:
    kinds = kinds - {type(None)}
    if len(kinds) == 1:
        return kinds.pop()
    return float if kinds and kinds <= {int, float} else str


def belongs(
    paths: Sequence[str], points: Sequence[Mapping[str, Any]], screened: Mapping[str, type] = NONE
) -> Callable[[Row], bool]:
    """Whether a row is one that a sweep with these axes and points could have written, as a function of the row."""
    columns = columns_of(paths, points, screened)
    axes = [path for path in paths if path not in DESCRIPTION]  # which say what came of a setting

    def fits(row: Row) -> bool:
        number = row[POINT]
        if not 0 <= number < len(points) or any(row.get(path) != points[number][path] for path in axes):
            return False
        if isinstance(row.get(ERROR), str):
            return set(row) <= {*columns, LOST}
        if not all(storable(row[name], kind) for name, kind in screened.items() if name in row):
            return False
        if BEATEN_BY in row:  # it was skipped
            return set(row) <= set(columns)
        return set(row) - set(screened) == set(columns) - {ERROR, *screened} and all(
            storable(row[name], kind) for name, kind in (*DESCRIPTION.items(), *MEASURED.items())
        )

    return fits


def storable(value: Any, kind: type) -> bool:
    """Whether a column of that type can hold a value."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return kind in (int, float) and abs(value) <= WIDEST
    return isinstance(value, kind) and (not isinstance(value, float) or isfinite(value))


def table_of(columns: Mapping[str, type], rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table; what a row lacks is null."""
    import pyarrow as pa

    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
    arrays = [pa.array([_as(kind, row.get(name)) for row in rows], types[kind]) for name, kind in columns.items()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _as(kind: type, value: Any) -> Any:
    return value if value is None else kind(value)


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A table for pandas: numbers that are missing are NaN, texts None."""
    frame: pd.DataFrame = table.to_pandas()
    return frame
