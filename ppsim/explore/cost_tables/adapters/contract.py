"""What an adapter is: a file format that some program reads prices from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ppsim.explore.cost_tables.table import CostTable


class Adapter(Protocol):
    """Writes a cost table as a program wants it."""

    @property
    def suffix(self) -> str:
        """How names of its files end, as in ".csv"."""
        ...

    @property
    def step(self) -> Mapping[str, int] | None:
        """Step of the widths the program asks for, for "conv" and "linear"; None: the table's usual one."""
        ...

    @property
    def groups(self) -> Sequence[int] | None:
        """Numbers of blocks the program knows of (1: layers as they are); None: the table's usual ones."""
        ...

    def content(self, table: CostTable) -> bytes:
        """The file; the same table gives the same bytes. Raises InputError for a table the format cannot hold."""
        ...
