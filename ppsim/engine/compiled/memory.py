"""Tables, one behind the other in one array."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints
from ppsim.mapping.columns import Lists

#: a table by its columns, numbered from 0; an integer stands for a column of it alone
Columns = Mapping[int, Ints | int]
#: rows of a table by columns that are filled in at a time: they stay in the cache meanwhile
_BLOCK = 4096


class Memory:
    """Tables of 64-bit integers that get an address each, and may be changed until they become one array."""

    def __init__(self, begin: Ints) -> None:
        """Begin with a head, and what is one array with it already."""
        self.begin, self.head = begin, begin[: c.HEAD]
        self._tables: list[tuple[int, Ints | Columns]] = [(0, begin)]
        self._end = len(begin)

    def add(self, table: Ints) -> int:
        """The address of a table."""
        self._tables.append((self._end, table))
        return self.reserve(table.size)

    def add_columns(self, columns: Columns, rows: int) -> int:
        """The address of a table that is given by its columns: it takes the place of no other."""
        self._tables.append((self._end, columns))
        return self.reserve(rows * len(columns))

    def add_lists(self, lists: Lists) -> tuple[Ints, Ints]:
        """Where each list begins and ends."""
        address = self.add(lists.values)
        return lists.starts[:-1] + address, lists.starts[1:] + address

    def reserve(self, words: int) -> int:
        """The address of so many words of any content."""
        address = self._end
        self._end += words
        return address

    def whole(self) -> Ints:
        """One array of all tables."""
        whole = np.empty(self._end, dtype=np.int64)
        for address, table in self._tables:
            if isinstance(table, np.ndarray):
                whole[address : address + table.size] = table.ravel()
            else:
                rows = max([len(column) for column in table.values() if not isinstance(column, int)])
                _fill(rows_of(whole, address, rows, len(table)), table)
        return whole


def _fill(table: Ints, columns: Columns) -> None:
    for low in range(0, len(table), _BLOCK):
        block = slice(low, low + _BLOCK)
        for number, column in columns.items():
            table[block, number] = column if isinstance(column, int) else column[block]


def rows_of(memory: Ints, address: int, count: int, columns: int) -> Ints:
    """A table of so many rows, as it is in the memory."""
    return memory[address : address + count * columns].reshape(count, columns)
