"""The least that a product takes on an array, whatever tiles it is cut into: the laws of the array, for many at once.

Tiles cut what is folded over the array at whole folds, so that cutting never saves a fold; what streams through it may
be cut, and then pays the wavefront again. Folds shared among several arrays are rounded up tile by tile. So the law of
the whole product is below the sum over any tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppsim.explore.screening.columns import Column, Columns, Kind
from ppsim.explore.screening.work import Nest, Work
from ppsim.hardware.array import ArraySpec


class Floor(NamedTuple):
    """Cycles of the arrays, those of the last tile at least; and bits in registers, between processing elements, in the
    scratchpad (but for what is moved from or to DRAM) and in accumulators.
    """

    cycles: Column
    last_cycles: Column
    register_bits: Column
    hop_bits: Column
    sram_bits: Column
    accumulator_bits: Column


class Floors:
    """The floors of the products of a network, each found once; by the dataflows that it may have."""

    def __init__(self, work: Work, columns: Columns) -> None:
        self.work, self.columns = work, columns
        self._known: dict[tuple[int, Nest], tuple[Floor, ...]] = {}

    def of(self, nest: Nest, kind: int) -> tuple[Floor, ...]:
        """Those of a product on a kind of accelerator."""
        if (kind, nest) not in self._known:
            on, arrays = self.columns.kinds[kind], self.work.system.kinds[kind].array.alternatives
            self._known[kind, nest] = tuple([product_floor(nest, on, array, self.work.bits) for array in arrays])
        return self._known[kind, nest]


def product_floor(nest: Nest, kind: Kind, array: ArraySpec, bits: int) -> Floor:
    """The floor of a product on arrays with one dataflow; `bits` are those of a word."""
    assert nest.gemm is not None
    flow, (m, k, n, groups) = array.flow, nest.gemm
    size = {"m": m, "k": k, "n": n}
    rows, cols = kind.rows, kind.cols
    high, wide, stream = size[flow.spatial_rows], size[flow.spatial_cols], size[flow.stream]
    folded: dict[str, Column] = {"m": 1.0, "k": 1.0, "n": 1.0}
    folded[flow.spatial_rows] = full_high = np.ceil(high / rows)
    folded[flow.spatial_cols] = full_wide = np.ceil(wide / cols)
    shares = np.ceil(full_high * full_wide / kind.arrays) * groups
    wavefront = rows * (2 if flow.stationary else 1) + cols - 2
    if array.overlapped:
        cycles = (shares - 1) * np.maximum(stream, rows) + stream + wavefront
    else:
        depth = array.accumulator_depth if flow.stationary else None
        pieces = -(-stream // depth) if depth else 1
        cycles = shares * (stream + pieces * wavefront)
    products = m * k * n * groups
    reads = (folded["n"] * (m * k) + folded["m"] * (k * n)) * groups
    # what is shifted in or out crosses the rows below it; cut anywhere, it may be just its own
    shifts: Column = float(high * wide * groups)
    if not (nest.rows_cut and flow.spatial_rows == "m"):
        shifts = _crossed(high, rows) * (wide * groups)
    if flow.stationary:
        registers = (products + high * wide * groups) * bits
        hops = products * (bits + array.accumulator_bits) + shifts * bits
        sums = (2 * folded["k"] - 2) * (m * n * groups) * array.accumulator_bits
    else:
        registers = 2 * products * array.accumulator_bits
        hops = 2 * products * bits + shifts * array.accumulator_bits
        sums = 0.0
    return Floor(cycles, wavefront + 1, registers, hops, (reads + m * n * groups) * bits, sums)


def fed_cycles(floor: Floor, nest: Nest, kind: Kind, array: ArraySpec) -> Column:
    """Cycles that the scratchpad takes for what a product reads and writes."""
    moved = floor.sram_bits + (nest.weight_bits + nest.input_bits + nest.output_bits)
    if array.accumulator_depth is None:
        moved = moved + floor.accumulator_bits
    return moved / (8 * kind.bytes_per_cycle)


def _crossed(high: int, rows: Column) -> Column:
    """Rows that `high` elements of a column cross altogether, folded over so many rows."""
    full = np.floor(high / rows)
    edge = high - full * rows
    return (full * rows * (rows + 1) + edge * (edge + 1)) / 2
