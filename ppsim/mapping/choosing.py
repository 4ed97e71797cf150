"""The choice of tiles for all products of a program at once, at a DRAM bandwidth: columns of all their tilings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ppsim.errors import InputError
from ppsim.mapping.few_tilings import tilings
from ppsim.mapping.nests import gemm_nest
from ppsim.mapping.program import Nest
from ppsim.mapping.tiling import TOLERANCE, Candidates, Problem

#: nests that are kept beside their tilings
_KEPT = 1024


class Wanted(NamedTuple):
    """A product to tile: as it is with each dataflow its arrays may have; the rest is as in `Candidates.choose`."""

    alternatives: tuple[Problem, ...]
    clock_hz: int
    prefetched: bool
    largest: bool

    def tables(self) -> list[tuple[Problem, Candidates]]:
        """The tilings of the alternatives that fit; raises the first one's InputError if none does."""
        found: list[tuple[Problem, Candidates]] = []
        impossible: list[InputError] = []
        for problem in self.alternatives:
            try:
                found.append((problem, tilings(problem)))
            except InputError as error:
                impossible.append(error)
        if not found:
            raise impossible[0]
        return found


class Choices:
    """All tilings of several products, the alternatives of one after the other."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.tables = [(number, *table) for number, one in enumerate(wanted) for table in one.tables()]
        sizes = [len(table.tiles) for _, _, table in self.tables]
        of = [wanted[number] for number, _, _ in self.tables]
        self.starts = np.cumsum([0, *sizes])[:-1]
        self.table_of = np.repeat(np.arange(len(sizes)), sizes)
        self.clock_hz = np.repeat([float(one.clock_hz) for one in of], sizes)
        self.largest = np.repeat([one.largest for one in of], sizes)
        self.prefetched = np.repeat([one.prefetched for one in of], sizes)
        columns = [table for _, _, table in self.tables]
        self.dram_bits = np.concatenate([table.dram_bits for table in columns])
        self.cycles = np.concatenate([table.cycles for table in columns])
        inputs = np.concatenate([table.first_input_bits for table in columns])
        weights = np.concatenate([table.first_weight_bits for table in columns])
        self.first_bits = np.where(self.prefetched, inputs, inputs + weights)
        self.last_cycles = np.concatenate([table.last_cycles for table in columns])
        self.tiles = np.concatenate([table.tiles for table in columns])
        self.nests: dict[int, Nest] = {}

    @property
    def bytes(self) -> int:
        """Memory that it takes, roughly."""
        return 100 * len(self.tiles)

    def nests_at(self, bits_per_s: float) -> list[Nest]:
        """The nest of each product, cut as `Candidates.choose` does at what it gets of its channel."""
        bits_per_cycle = bits_per_s / self.clock_hz
        steady = np.maximum(self.cycles, self.dram_bits / bits_per_cycle)
        estimate = steady + self.first_bits / bits_per_cycle + self.last_cycles
        time = np.where(self.largest, steady, estimate)
        most = np.minimum.reduceat(time, self.starts) * (1 + TOLERANCE)
        near = np.flatnonzero(time <= most[self.table_of])
        # of each table the nearest to the front, by tiles and then by estimate
        table = self.table_of[near]
        order = near[np.lexsort((estimate[near], self.tiles[near], table))]
        rows = order[np.searchsorted(self.table_of[order], np.arange(len(self.tables)))].tolist()
        best: dict[int, tuple[float, int, int]] = {}
        for number, (row, cycles) in enumerate(zip(rows, estimate[rows].tolist(), strict=True)):
            product = self.tables[number][0]
            if product not in best or cycles < best[product][0]:
                best[product] = cycles, number, row
        return [self._nest(number, row) for _, number, row in best.values()]

    def _nest(self, number: int, row: int) -> Nest:
        nest = self.nests.get(row)
        if nest is None:
            _, problem, table = self.tables[number]
            if len(self.nests) >= _KEPT:
                self.nests.clear()
            nest = self.nests[row] = gemm_nest(problem, table.tiling(row - int(self.starts[number])))
        return nest
