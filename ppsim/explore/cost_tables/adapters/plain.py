"""The table itself as a file, all of it: what `load_cost_table` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ppsim.explore.cost_tables.storing import csv, parquet
from ppsim.explore.cost_tables.table import CostTable


@dataclass(frozen=True)
class Plain:
    """A file that has every row and column."""

    suffix: str
    write: Callable[[CostTable], bytes]
    step: None = None
    groups: tuple[int, ...] | None = None

    def content(self, table: CostTable) -> bytes:
        """All of the table."""
        return self.write(table)


PARQUET = Plain(".parquet", parquet)
CSV = Plain(".csv", csv)
