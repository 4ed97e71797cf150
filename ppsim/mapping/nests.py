"""Nests of tiles: from a tiled matrix product, or from a layer of the vector unit."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ppsim.hardware.array import fold_cycles, wavefront_cycles
from ppsim.mapping.program import (
    FIRST,
    LAST,
    LOOPS,
    MIDDLE,
    Activity,
    Counts,
    Nest,
    States,
    Tile,
    state_tallies,
)
from ppsim.mapping.tiling import Problem, Tiling, m_extent, output_slot_bits, rest, share, spills, strip_bits
from ppsim.units import ceil_div


@lru_cache(maxsize=16384)
def gemm_nest(problem: Problem, tiling: Tiling) -> Nest:
    """The nest of a tiled product: what each kind of tile moves and computes, and the activity of all of them.

    Loops are (groups, images, strips, n, k) or (groups, n, images, strips, k).
    """
    height, _ = m_extent(problem)
    images, strips = ceil_div(problem.images, tiling.images), ceil_div(height, tiling.rows)
    n_count, k_count = ceil_div(problem.n, tiling.n), ceil_div(problem.k, tiling.k)
    inner = (images, strips, n_count, k_count) if tiling.m_outer else (n_count, images, strips, k_count)
    counts = (problem.groups, *inner)
    tiles: dict[States, Tile] = {}
    amounts = []
    cutter = _Cutter(problem, tiling, counts)
    for states, occurs in state_tallies(counts):
        tiles[states], each = cutter.tile(states)
        amounts.append((each, occurs))
    inputs = 2 * max([tile.input_bytes for tile in tiles.values()])
    weights = problem.space
    if not problem.input_on_chip:  # a staged input has its place among the activations kept on chip
        weights -= inputs
    rows = tiling.rows * tiling.images * m_extent(problem)[1]
    slot = output_slot_bits(problem, spills(problem, rows, tiling.k, tiling.n))
    weights -= ceil_div(slot * rows * tiling.n, 8)
    return Nest(
        counts,
        tiles,
        Activity.total(amounts),
        max(weights, 2 * max([tile.weight_bytes for tile in tiles.values()])),
        inputs,
        problem.weights_wait,
    )


class VectorWork(NamedTuple):
    """What the vector unit does of a layer on one accelerator.

    It reads `read_bits`, of which `loaded_bits` come from DRAM, and makes `made_bits`, of which `stored_bits` go there.
    `cycles` are those of the whole layer.
    """

    read_bits: int
    loaded_bits: int
    made_bits: int
    stored_bits: int
    operations: int
    cycles: int


@lru_cache(maxsize=16384)
def vector_nest(work: VectorWork, space: int, burst: int) -> Nest:
    """The nest of a layer of the vector unit, cut evenly so that what is loaded and stored fits `space` bytes twice."""
    loaded, stored = work.loaded_bits, work.stored_bits
    count = max(1, ceil_div(2 * (loaded + stored), space * 8))
    counts = (1,) * (LOOPS - 1) + (count,)
    tiles: dict[States, Tile] = {}
    for states, _ in state_tallies(counts):
        last = states[-1] == LAST
        tiles[states] = Tile(
            weight_bytes=0,
            input_bytes=_bursts(_piece(loaded, count, last), burst),
            compute_cycles=0,
            vector_cycles=_piece(work.cycles, count, last),
            output_bytes=_bursts(_piece(stored, count, last), burst),
            opens_output=True,
        )
    activity = Activity(
        vector_operations=work.operations,
        sram_bits=work.read_bits + work.made_bits + loaded + stored,
        input_bits=loaded,
        output_bits=stored,
    )
    inputs = 2 * max(tile.input_bytes for tile in tiles.values())
    outputs = 2 * max(tile.output_bytes for tile in tiles.values())
    return Nest(counts, tiles, activity, max(0, space - inputs - outputs), inputs)


def _piece(amount: int, count: int, last: bool) -> int:
    """`amount` in `count` equal pieces, the last of which takes what is left."""
    size = amount // count
    return amount - size * (count - 1) if last else size


def _bursts(bits: int, burst: int) -> int:
    return -(-bits // (8 * burst)) * burst


class _Cutter:
    """Makes the kinds of tiles of a tiled product: their sizes, what is new about each, and what it costs."""

    def __init__(self, problem: Problem, tiling: Tiling, counts: Counts) -> None:
        self.problem, self.tiling, self.counts = problem, tiling, counts
        self.order = (1, 2, 3, 4) if tiling.m_outer else (2, 3, 1, 4)  # where images, strips, n, k stand
        self.images, (self.height, self.width) = problem.images, m_extent(problem)
        array, flow = problem.array, problem.array.flow
        at = "mkn".index
        self.on_rows, self.on_cols, self.streams = at(flow.spatial_rows), at(flow.spatial_cols), at(flow.stream)
        self.wavefront = wavefront_cycles(array.rows, array.cols, flow.stationary)
        self.seen: dict[tuple[int | bool, ...], tuple[Tile, Activity]] = {}
        self.stationary, self.overlapped = flow.stationary, array.overlapped
        self.final = tuple([LAST if count > 1 else FIRST for count in counts])
        self.one_m = counts[self.order[0]] == counts[self.order[1]] == 1

    def tile(self, states: States) -> tuple[Tile, Activity]:
        """The tile at a combination of loop states, and its activity."""
        problem, tiling, counts = self.problem, self.tiling, self.counts
        image_at, strip_at, n_at, k_at = self.order
        image, strip, n_state, k_state = states[image_at], states[strip_at], states[n_at], states[k_at]
        n_count, k_count = counts[n_at], counts[k_at]
        # where k is cut, tiles before the last one of n differ in nothing but what is staged
        begins = not any(states)
        staged = begins and problem.staged_bits > 0
        last = self.overlapped and states == self.final
        n_alike = MIDDLE if k_count > 1 and n_state == FIRST and n_count > 1 else n_state
        alike = image, strip, n_alike, k_state, staged, last
        known = self.seen.get(alike)
        if known is not None:
            return known
        images = _size(self.images, tiling.images, counts[image_at], image)
        rows = _size(self.height, tiling.rows, counts[strip_at], strip)
        m, k = images * rows * self.width, _size(problem.k, tiling.k, k_count, k_state)
        n = _size(problem.n, tiling.n, n_count, n_state)
        first_m = image == FIRST and strip == FIRST
        if k_count > 1:
            new_weights = new_inputs = True
        elif tiling.m_outer:
            new_weights, new_inputs = n_count > 1 or first_m, n_state == FIRST
        else:
            new_weights, new_inputs = first_m, not self.one_m or n_state == FIRST
        opens, closes = k_state == FIRST, _closing(k_count, k_state)
        closes_all = closes and _closing(n_count, n_state)
        if closes_all:
            macs_a_row = rest(problem, problem.macs, tiling.k, tiling.n)
        else:
            macs_a_row = share(problem, problem.macs, k, n)
        if problem.weights_on_chip or not new_weights:
            weight_bits = 0
        elif closes_all:
            weight_bits = rest(problem, problem.weight_bits, tiling.k, tiling.n)
        else:
            weight_bits = share(problem, problem.weight_bits, k, n)
        input_bits = 0
        if new_inputs and not problem.input_on_chip:
            first_row = 0 if strip == FIRST else self.height - rows if strip == LAST else tiling.rows
            input_bits = strip_bits(problem, first_row, rows, images, k)
        if begins:
            input_bits += problem.staged_bits
        self.seen[alike] = self._costs((m, k, n), opens, closes, last, macs_a_row, weight_bits, input_bits)
        return self.seen[alike]

    def _costs(
        self,
        size: tuple[int, int, int],
        opens: bool,
        closes: bool,
        last: bool,
        macs_a_row: int,
        weight_bits: int,
        input_bits: int,
    ) -> tuple[Tile, Activity]:
        p, array, bits = self.problem, self.problem.array, self.problem.bits
        m, k, n = size
        high, wide, stream = size[self.on_rows], size[self.on_cols], size[self.streams]
        full_high, full_wide = -(-high // array.rows), -(-wide // array.cols)
        # a cut of k is known by the tiling's, so that the last one waits for the others' sums
        spilled = self.stationary or spills(p, m, self.tiling.k, n)
        outputs = m * n if closes else 0
        output_bits = 0 if p.output_on_chip else outputs * bits
        operations = outputs * p.vector_operations_per_output

        # the operand reads of `operand_traffic`
        folded = [1, 1, 1]
        folded[self.on_rows], folded[self.on_cols] = full_high, full_wide
        reads = folded[2] * m * k + folded[0] * k * n
        sram_bits = (reads + outputs) * bits + weight_bits + input_bits + output_bits
        accumulator_bits = 0
        if spilled:
            sums = (2 * folded[1] - 1) * m * n - outputs
            if not opens:
                sums += m * n
            accumulator_bits = sums * array.accumulator_bits
        cycles = self._cycles(stream, -(-full_high * full_wide // array.count), opens, closes, spilled, last)
        in_scratchpad = accumulator_bits if array.accumulator_depth is None else 0
        fed = -(-(sram_bits + in_scratchpad) // (8 * p.sram_bytes_per_cycle))
        register_bits, hop_bits = self._register_traffic(m * k * n, high, wide, bool(outputs) or spilled)
        tile = Tile(
            _bursts(weight_bits, p.burst),
            _bursts(input_bits, p.burst),
            max(cycles, fed),
            ceil_div(operations, p.lanes) if p.lanes else 0,
            _bursts(output_bits, p.burst),
            opens,
        )
        return tile, Activity(
            m * macs_a_row,
            register_bits,
            hop_bits,
            sram_bits,
            accumulator_bits,
            operations if p.lanes else 0,
            weight_bits,
            input_bits,
            output_bits,
            max(0, fed - cycles),
        )

    def _cycles(self, stream: int, folds: int, opens: bool, closes: bool, spilled: bool, last: bool) -> int:
        """Cycles of the arrays, by the fold law; overlapped folds do so across tiles, and a cut fold drains once."""
        array, stationary = self.problem.array, self.stationary
        if self.overlapped:
            if not last:
                return folds * max(stream, array.rows)
            return int(fold_cycles(stream, folds, array.rows, array.cols, True, True))
        if not spilled and not (opens and closes):
            return stream + (self.wavefront if closes else 0)
        return int(fold_cycles(stream, folds, array.rows, array.cols, stationary, False))

    def _register_traffic(self, macs: int, rows: int, cols: int, drains: bool) -> tuple[int, int]:
        """Bits read and written in registers, and bits passed between neighbouring processing elements.

        Per MAC, os reads and writes its sum and passes both operands on; ws and is read the stationary operand and pass
        the other one and the sum. Stationary operands and finished os sums shift along the rows they cross.
        Processing elements outside an edge fold are gated.
        """
        array, bits = self.problem.array, self.problem.bits
        full, edge = divmod(rows, array.rows)
        shifts = (full * array.rows * (array.rows + 1) + edge * (edge + 1)) // 2 * cols
        if self.stationary:
            loaded = rows * cols
            return (macs + loaded) * bits, macs * (bits + array.accumulator_bits) + shifts * bits
        drained = shifts if drains else 0
        return 2 * macs * array.accumulator_bits, 2 * macs * bits + drained * array.accumulator_bits


def _size(whole: int, piece: int, count: int, state: int) -> int:
    """Size of a dimension's tile: `piece`, or what is left for the last of them."""
    return whole - piece * (count - 1) if count == 1 or state == LAST else piece


def _closing(count: int, state: int) -> bool:
    """Whether a loop is at its last turn."""
    return count == 1 or state == LAST
