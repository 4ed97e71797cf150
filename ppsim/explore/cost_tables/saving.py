"""`save_cost_table`: a table as a file of any of the formats there are."""

from __future__ import annotations

from pathlib import Path

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.explore.cost_tables.adapters import ADAPTERS
from ppsim.explore.cost_tables.table import CostTable
from ppsim.storage import check_file, write_bytes

#: formats that a file's name alone says
_BY_SUFFIX = {ADAPTERS[name].suffix: name for name in ("parquet", "csv")}


def format_named(path: Path, format: str | None) -> str:
    """The format of a file, checked: `format`, or what its name says (None); raises InputError where neither does."""
    if format is None:
        format = _BY_SUFFIX.get(path.suffix.lower())
        if format is None:
            raise InputError(
                f"{path}: a cost table is a .parquet or a .csv file; give it such a name, or say its format: "
                + ", ".join(ADAPTERS)
            )
    if format not in ADAPTERS:
        raise InputError(f"format {quote(format)} is unknown; accepted: {', '.join(ADAPTERS)}")
    return format


def save_cost_table(table: CostTable, path: str | Path, format: str | None = None) -> None:
    """Write a table to a file; the same table gives the same bytes.

    `format` is "parquet", "csv", "netadapt" (the pickled lookup table of NetAdapt) or "torch-pruning" (Parquet, for
    `PricedImportance`); None: Parquet or CSV, by the file's name. Raises InputError for another format, a table that
    the format cannot hold, or a file that cannot be written.
    """
    place = Path(path)
    adapter = ADAPTERS[format_named(place, format)]
    check_file(place)
    write_bytes(place, adapter.content(table))
