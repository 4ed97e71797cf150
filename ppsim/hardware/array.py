"""The systolic array: its specification and the laws for its cycles, operand reads and register traffic.

A product C[m x n] = A[m x k] W[k x n] is laid out on rows x cols processing elements. Two of its dimensions are folded
over the array (spatial_rows, spatial_cols), the third streams through it (stream):

    dataflow   spatial_rows  spatial_cols  stream  cycles of a fold
    os         m             n             k       stream + rows + cols - 2
    ws         k             n             m       stream + 2 rows + cols - 2
    is         k             m             n       stream + 2 rows + cols - 2

Every fold takes the whole rows + cols wavefront, edge folds too. With `overlap`, the next fold's stationary operand is
loaded while this fold computes, as in TPUs; a chain of F folds then takes
(F - 1) max(stream, rows) + stream + 2 rows + cols - 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, Le

from ppsim.errors import InputError
from ppsim.specification import Specification

Positive = Annotated[int, Gt(0), Le(1 << 20)]
Bits = Annotated[int, Gt(0), Le(1024)]
Sizes = int | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dataflow:
    """Which dimension of the product is folded over rows and columns, and which streams; names from "mkn"."""

    name: str
    spatial_rows: str
    spatial_cols: str
    stream: str

    @property
    def stationary(self) -> bool:
        """Whether an operand is loaded into the array before a fold (and outputs leave it as partial sums)."""
        return self.stream != "k"


#: stands between the dataflows that a product may have
CHOICE = "|"
#: a new dataflow of this family is one line here, or in a program that uses ppsim
DATAFLOWS: dict[str, Dataflow] = {
    "os": Dataflow("os", spatial_rows="m", spatial_cols="n", stream="k"),
    "ws": Dataflow("ws", spatial_rows="k", spatial_cols="n", stream="m"),
    "is": Dataflow("is", spatial_rows="k", spatial_cols="m", stream="n"),
}


@dataclass(frozen=True)
class ArraySpec(Specification):
    """The arrays of one accelerator.

    `count` arrays share the folds of a product. `dataflow` is one, or several as in "ws|is": each product then has the
    one estimated to be faster. `bits` is the operand width, `accumulator_bits` that of partial sums.
    `accumulator_depth` is the number of rows a dedicated accumulator memory holds (it bounds the rows of m that stream
    through a fold); None keeps partial sums in the scratchpad.
    """

    rows: Positive
    cols: Positive
    count: Positive = 1
    dataflow: str = "ws"
    overlap: bool = False
    bits: Bits = 16
    accumulator_bits: Bits = 32
    accumulator_depth: Positive | None = None

    def __post_init__(self) -> None:
        """Reject unknown dataflows by name."""
        for name in self.dataflow.split(CHOICE):
            dataflow_called(name, "dataflow: ")

    @cached_property
    def alternatives(self) -> tuple[ArraySpec, ...]:
        """These arrays with each of the dataflows that a product may have on them."""
        if self.dataflow in DATAFLOWS:
            return (self,)
        return tuple(replace(self, dataflow=name) for name in dict.fromkeys(self.dataflow.split(CHOICE)))

    @property
    def peak_macs_per_cycle(self) -> int:
        """Multiply-accumulates per cycle with every processing element busy."""
        return self.rows * self.cols * self.count

    @property
    def flow(self) -> Dataflow:
        """The dataflow's dimensions, if there is one."""
        return DATAFLOWS[self.dataflow]

    @property
    def fc_weights_per_cycle(self) -> float:
        """Weights that the arrays take per cycle in a large fully connected layer at batch 1, never stalled.

        Where weights stream (os, is) they do so along the array's side that folds the other weight dimension: cols for
        os, rows for is. Where they are stationary, rows x cols of them take the cycles of a fold: 2 rows + cols - 1, or
        rows with overlap.
        """
        return max(array._weights_per_cycle() for array in self.alternatives)

    def _weights_per_cycle(self) -> float:
        flow = self.flow
        if flow.stream == "m":
            cycles = max(1, self.rows) if self.overlap else 2 * self.rows + self.cols - 1
            return self.count * self.rows * self.cols / cycles
        return self.count * (self.rows if flow.spatial_rows in "kn" else self.cols)

    @property
    def overlapped(self) -> bool:
        """Whether folds overlap; output-stationary arrays have no stationary operand to load ahead."""
        return self.overlap and self.flow.stationary


def dataflow_called(name: str, where: str = "dataflow=") -> Dataflow:
    """The dataflow of that name; raises InputError that lists the known ones."""
    if name not in DATAFLOWS:
        raise InputError(f"{where}{name!r} is unknown; accepted: {', '.join(DATAFLOWS)}")
    return DATAFLOWS[name]


def wavefront_cycles(rows: int, cols: int, stationary: bool) -> int:
    """Cycles of a fold beyond its stream: filling and draining, and loading the stationary operand."""
    return (2 * rows if stationary else rows) + cols - 2


def fold_cycles(stream: Sizes, folds: Sizes, rows: int, cols: int, stationary: bool, overlap: bool) -> Sizes:
    """Cycles of `folds` folds in a row, each streaming `stream` steps; overlap hides all loading but the first."""
    extra = wavefront_cycles(rows, cols, stationary)
    if not overlap:
        return folds * (stream + extra)
    turn: Sizes = max(stream, rows) if isinstance(stream, int) else np.maximum(stream, rows)
    return (folds - 1) * turn + stream + extra


def compute_cycles(
    M: Sizes,
    K: Sizes,
    N: Sizes,
    rows: int,
    cols: int,
    dataflow: str,
    overlap: bool = False,
) -> Sizes:
    """Compute cycles of an (M x K) by (K x N) product on one rows x cols array; memory never stalls it.

    Sizes may be int64 arrays that broadcast; plain integers give a plain integer, however large. `overlap` is for ws
    and is alone. The law is the module's table; SCALE-Sim v3 reports one cycle less, the index of the last cycle.
    Raises InputError for an unknown dataflow.
    """
    flow = dataflow_called(dataflow)
    if overlap and not flow.stationary:
        raise InputError("overlap=True needs a stationary operand to load ahead; accepted with ws and is")
    sizes = (value if isinstance(value, int) else np.asarray(value, dtype=np.int64) for value in (M, K, N))
    size: dict[str, Sizes] = dict(zip("mkn", sizes, strict=True))
    folds = -(-size[flow.spatial_rows] // rows) * -(-size[flow.spatial_cols] // cols)
    return fold_cycles(size[flow.stream], folds, rows, cols, flow.stationary, overlap)


@dataclass(frozen=True, slots=True)
class OperandTraffic:
    """Elements that cross the array's edge for one product: operand reads, partial-sum writes and reads."""

    input_reads: int
    weight_reads: int
    sum_writes: int
    sum_reads: int


def operand_traffic(m: int, k: int, n: int, rows: int, cols: int, dataflow: str) -> OperandTraffic:
    """Scratchpad traffic of an (m x k) by (k x n) product in elements, edge folds counted at their real size.

    An operand is read once for each fold along the dimension it does not have, if that one is folded: with fr and fc
    folds along rows and columns, os reads A fc times and W fr times and writes each output once; ws reads A fc times, W
    once; is reads A once, W fc times. Where k is folded, each output is written as a partial sum once a fold of k and
    read back once less: ws and is write fr partial sums per output and read back fr - 1 of them.
    """
    flow = DATAFLOWS[dataflow]
    size, folds = {"m": m, "k": k, "n": n}, {"m": 1, "k": 1, "n": 1}
    for dimension, extent in ((flow.spatial_rows, rows), (flow.spatial_cols, cols)):
        folds[dimension] = -(-size[dimension] // extent)
    return OperandTraffic(folds["n"] * m * k, folds["m"] * k * n, folds["k"] * m * n, (folds["k"] - 1) * m * n)
