"""A systolic array, cycle by cycle and PE by PE: what the array's laws are held against. It uses nothing of ppsim.

Operands really move: each register of the rows x cols processing elements is an entry of an array, and a step is a
cycle, in which every PE takes what its neighbour held, works on it, and holds it. Nothing is derived from sizes: cycles
are the steps taken, traffic is what passes the edges, and the product is what comes out.

At an edge, the lines of an operand enter skewed: a line's tag (its number over all folds) enters at the edge's corner
and moves on by a lane a cycle, and the lane that it comes to reads its element of that line. Tags go on through the PEs
beside their operands. Edge folds take the whole array too: tags pass all its lanes and PEs, and where they find no
element to read, 0 enters, which counts as no read.

Output stationary (os): columns of A enter from the left, rows of W from the top; PE (i, j) multiplies what meets in it,
and accumulates. When the last tag has left the last PE, the fold's outputs are taken from the PEs, and the next fold
starts. They leave on a path of their own, whose cycles are not counted.

Weight stationary (ws): W is shifted down into shadow registers, its last row first, a row a cycle and through all rows
of the array, in column j with a skew of j cycles; a shadow shifts once the new operand has come down to it, and not
before. Rows of A then enter from the left: a fold begins when its weights are in column 0 and all rows of the fold
before have entered. The first of them makes the shadow of each PE that it reaches the weight to work with. Partial sums
move down and leave at the bottom, where they are added to those of the folds before: each is written once a fold, and
what is there already is read first.

Without overlap, the next weights are shifted in when the last tag of the fold has left the last PE; a shadow is then
only the way into its PE. With overlap they come down right behind the first row of the fold, in the shadows it freed.

Input stationary (is) is the same array with the operands' roles swapped: A stays and W streams, both transposed, and
the product comes out transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.int64]
DATAFLOWS = ("os", "ws", "is")
#: the tag of a lane or a PE in which there is no line; every table indexed by tags has an idle entry at its end
IDLE = -1


@dataclass(frozen=True, slots=True, eq=False)
class ArrayRun:
    """What came out of the array, in how many cycles, and the elements that passed its edges."""

    product: Matrix
    cycles: int
    input_reads: int
    weight_reads: int
    sum_writes: int
    sum_reads: int


def run_array(a: Matrix, w: Matrix, rows: int, cols: int, dataflow: str, overlap: bool = False) -> ArrayRun:
    """Multiply a (m x k) by w (k x n) on a rows x cols array.

    `overlap` shifts the next fold's stationary operand in while a fold computes. Raises ValueError for an unknown
    dataflow, for overlap where no operand is stationary, and for sizes that make no product.
    """
    if dataflow not in DATAFLOWS:
        raise ValueError(f"dataflow={dataflow!r} is unknown; accepted: {', '.join(DATAFLOWS)}")
    if overlap and dataflow == "os":
        raise ValueError("overlap=True needs a stationary operand to shift in; os has none")
    if a.ndim != 2 or w.ndim != 2 or a.shape[1] != w.shape[0] or min(*a.shape, *w.shape, rows, cols) < 1:
        raise ValueError(f"a{a.shape} by w{w.shape} on {rows} x {cols} processing elements is no product")
    if dataflow == "os":
        return _OutputStationary(a, w, rows, cols).run()
    if dataflow == "ws":
        return _OperandStationary(a, w, rows, cols, overlap).run()
    run = _OperandStationary(w.T, a.T, rows, cols, overlap).run()
    return replace(run, product=run.product.T, input_reads=run.weight_reads, weight_reads=run.input_reads)


class _Edge:
    """One edge of the array: `length` lines a fold, each skewed over the lanes, and the real elements read so far."""

    def __init__(self, tiles: Sequence[Matrix], length: int, lanes: int, last_first: bool = False) -> None:
        shape = (len(tiles) + 1, length, lanes)
        values, real = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        for fold, tile in enumerate(tiles):
            height, width = tile.shape
            values[fold, :height, :width], real[fold, :height, :width] = tile, True
        order = slice(None, None, -1 if last_first else 1)
        self.values, self.real = values[:, order].ravel(), real[:, order].ravel()
        self.tags, self.lanes = np.full(lanes, IDLE), np.arange(lanes)
        self.reads = 0

    def step(self, tag: int) -> Matrix:
        """Move all tags on by a lane and let one in at the corner; what enters the array, by lane."""
        _shift(self.tags, tag)
        here = self.tags * len(self.lanes) + self.lanes
        self.reads += int(np.count_nonzero(self.real[here]))
        return self.values[here]


class _Sums:
    """Where partial sums go that leave the bottom of the array: a block of lines for each fold along columns.

    `widths` are the real columns of the blocks, `blocks` the block of each fold.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], length: int, cols: int) -> None:
        self.shape = (len(widths) + 1, length, cols)
        real = np.repeat(np.arange(cols) < np.array([*widths, 0])[:, None], length, axis=0)
        self.real, self.written = real.ravel(), np.zeros(real.size, dtype=np.bool_)
        self.values, self.lanes = np.zeros(real.size, dtype=np.int64), np.arange(cols)
        lines = [block * length + line for block in blocks for line in range(length)]
        self.place = np.array([*lines, IDLE]) * cols
        self.writes = self.reads = 0

    def step(self, tags: Matrix, sums: Matrix) -> None:
        """Take what leaves the columns in one cycle; `tags` say which lines it belongs to."""
        there = self.place[tags] + self.lanes
        real = self.real[there]
        self.reads += int(np.count_nonzero(self.written[there]))
        self.writes += int(np.count_nonzero(real))
        self.values[there] += sums
        self.written[there] = real

    def product(self, columns: int) -> Matrix:
        """All blocks side by side, without what idle lanes brought."""
        *blocks, _ = self.values.reshape(self.shape)
        return np.concatenate(blocks, axis=1)[:, :columns]


class _OutputStationary:
    """An array whose PEs keep the outputs of a fold."""

    def __init__(self, a: Matrix, w: Matrix, rows: int, cols: int) -> None:
        self.m, self.k, self.n = a.shape[0], a.shape[1], w.shape[1]
        self.corners = [(top, left) for top in range(0, self.m, rows) for left in range(0, self.n, cols)]
        self.left = _Edge([a[top : top + rows].T for top, _ in self.corners], self.k, rows)
        self.top = _Edge([w[:, left : left + cols] for _, left in self.corners], self.k, cols)
        self.tags = np.full((rows, cols), IDLE)
        self.inputs, self.weights, self.outputs = np.zeros((3, rows, cols), dtype=np.int64)

    def run(self) -> ArrayRun:
        """All folds, one after the other."""
        product = np.zeros((self.m, self.n), dtype=np.int64)
        rows, cols = self.outputs.shape
        cycles = writes = 0
        for fold, (top, left) in enumerate(self.corners):
            self.outputs[:] = 0
            cycles += self.fold(fold * self.k)
            tile = product[top : top + rows, left : left + cols]
            tile[:] = self.outputs[: tile.shape[0], : tile.shape[1]]
            writes += tile.size
        return ArrayRun(product, cycles, self.left.reads, self.top.reads, writes, 0)

    def fold(self, first: int) -> int:
        """Let the fold's lines in, and wait until the last has left the last PE: the cycles of that."""
        last, cycles = first + self.k - 1, 0
        while self.tags[-1, -1] != last:
            tag = first + cycles
            self.step(tag if tag <= last else IDLE)
            cycles += 1
        return cycles

    def step(self, tag: int) -> None:
        """One cycle; the line of that tag enters."""
        _shift(self.inputs.T, self.left.step(tag))
        _shift(self.tags.T, self.left.tags)
        _shift(self.weights, self.top.step(tag))
        self.outputs += self.inputs * self.weights


class _OperandStationary:
    """An array whose PEs keep an operand (k x c) while the lines of the other (t x k) pass."""

    def __init__(self, stream: Matrix, kept: Matrix, rows: int, cols: int, overlap: bool) -> None:
        (self.length, k), self.columns, self.rows, self.overlap = stream.shape, kept.shape[1], rows, overlap
        lefts, tops = range(0, self.columns, cols), range(0, k, rows)
        corners = [(block, top, left) for block, left in enumerate(lefts) for top in tops]
        self.lines, self.loads = len(corners) * self.length, len(corners) * rows
        self.left = _Edge([stream[:, top : top + rows] for _, top, _ in corners], self.length, rows)
        kept_tiles = [kept[top : top + rows, left : left + cols] for _, top, left in corners]
        self.top = _Edge(kept_tiles, rows, cols, last_first=True)
        widths = [min(cols, self.columns - left) for left in lefts]
        self.bottom = _Sums(widths, [block for block, _, _ in corners], self.length, cols)
        #: by tag: whether a line is the first of its fold, and the row that a line of the kept operand has come to
        self.first = np.array([tag % self.length == 0 for tag in range(self.lines)] + [False])
        self.front = np.array([tag % rows for tag in range(self.loads)] + [IDLE])
        self.row = np.arange(rows)[:, None]
        self.tags = np.full((rows, cols), IDLE)
        self.streaming, self.sums, self.kept, self.shadow = np.zeros((4, rows, cols), dtype=np.int64)
        #: lines of the kept operand and of the stream that have entered, and those that have left the last PE
        self.loaded = self.entered = self.passed = 0

    def run(self) -> ArrayRun:
        """Step until the last line has left the last PE."""
        cycles = 0
        while self.passed < self.lines:
            line = self.next_line()
            self.step(line, self.next_load())
            cycles += 1
        product, writes, reads = self.bottom.product(self.columns), self.bottom.writes, self.bottom.reads
        return ArrayRun(product, cycles, self.left.reads, self.top.reads, writes, reads)

    def next_line(self) -> int:
        """The line that streams into the corner, if column 0 has its fold's operand by now."""
        if self.entered // self.length >= self.loaded // self.rows:
            return IDLE
        self.entered += 1
        return self.entered - 1

    def next_load(self) -> int:
        """The line of the kept operand to shift into the corner, if the shadow there is free for its fold."""
        # folds that need the shadow no more: those that have begun, or, where none may load ahead, those that are over
        done = -(-self.entered // self.length) if self.overlap else self.passed // self.length
        if self.loaded == self.loads or self.loaded // self.rows > done:
            return IDLE
        self.loaded += 1
        return self.loaded - 1

    def step(self, line: int, load: int) -> None:
        """One cycle; a line of either operand enters."""
        _shift(self.streaming.T, self.left.step(line))
        _shift(self.tags.T, self.left.tags)
        np.copyto(self.kept, self.shadow, where=self.first[self.tags])
        _shift(self.sums, 0)
        self.sums += self.streaming * self.kept
        self.bottom.step(self.tags[-1], self.sums[-1])
        if self.tags[-1, -1] != IDLE:
            self.passed = int(self.tags[-1, -1]) + 1
        self.shift_down(load)

    def shift_down(self, load: int) -> None:
        """Shift the shadows of the columns that are loading, down to the row that the new operand has come to."""
        above = self.shadow.copy()
        _shift(above, self.top.step(load))
        np.copyto(self.shadow, above, where=self.row <= self.front[self.top.tags])


def _shift(registers: Matrix, entering: Matrix | int) -> None:
    """Move all registers on by one along the first axis; what was in the last is gone."""
    registers[1:] = registers[:-1]
    registers[0] = entering
