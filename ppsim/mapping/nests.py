"""Nests of tiles: from a tiled matrix product, or from a layer of the vector unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ppsim.hardware.array import fold_cycles, operand_traffic, wavefront_cycles
from ppsim.mapping.program import FIRST, LAST, LOOPS, Activity, Counts, Nest, States, Tile, state_tallies
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
    done: list[tuple[Activity, int]] = []
    for states, occurs in state_tallies(counts):
        tiles[states], activity = _Cut.at(problem, tiling, counts, states).tile()
        done.append((activity, occurs))
    inputs = 2 * max(tile.input_bytes for tile in tiles.values())
    weights = problem.space
    if not problem.input_on_chip:  # a staged input has its place among the activations kept on chip
        weights -= inputs
    rows = tiling.rows * tiling.images * m_extent(problem)[1]
    slot = output_slot_bits(problem, spills(problem, rows, tiling.k, tiling.n))
    weights -= ceil_div(slot * rows * tiling.n, 8)
    return Nest(
        counts,
        tiles,
        Activity.total(done),
        max(weights, 2 * max(t.weight_bytes for t in tiles.values())),
        inputs,
        problem.weights_wait,
    )


@dataclass(frozen=True, slots=True)
class VectorWork:
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
    return ceil_div(bits, 8 * burst) * burst


@dataclass(frozen=True, slots=True)
class _Cut:
    """One kind of tile of a product: its sizes and what is new about it."""

    problem: Problem
    m: int
    k: int
    n: int
    strip: tuple[int, int, int]  # first row, rows, images
    new_weights: bool
    new_inputs: bool
    opens: bool
    closes: bool
    very_first: bool
    very_last: bool
    spills: bool
    spread: tuple[int, int]  # weight bits of the cut, and MACs for each row of m

    @classmethod
    def at(cls, problem: Problem, tiling: Tiling, counts: Counts, states: States) -> _Cut:
        order = (1, 2, 3, 4) if tiling.m_outer else (2, 3, 1, 4)  # where images, strips, n, k stand
        (image_count, strip_count, n_count, k_count) = (counts[i] for i in order)
        (image, strip, n_state, k_state) = (states[i] for i in order)
        height, width = m_extent(problem)
        images = _size(problem.images, tiling.images, image_count, image)
        rows = _size(height, tiling.rows, strip_count, strip)
        first_row = 0 if strip == FIRST else height - rows if strip == LAST else tiling.rows
        first_m = image == FIRST and strip == FIRST
        one_m = image_count == strip_count == 1
        if k_count > 1:
            new_weights = new_inputs = True
        elif tiling.m_outer:
            new_weights, new_inputs = n_count > 1 or first_m, n_state == FIRST
        else:
            new_weights, new_inputs = first_m, not one_m or n_state == FIRST
        k_size = _size(problem.k, tiling.k, k_count, k_state)
        n_size = _size(problem.n, tiling.n, n_count, n_state)
        if _closing(k_count, k_state) and _closing(n_count, n_state):
            spread = [rest(problem, total, tiling.k, tiling.n) for total in (problem.weight_bits, problem.macs)]
        else:
            spread = [share(problem, total, k_size, n_size) for total in (problem.weight_bits, problem.macs)]
        return cls(
            problem,
            m=images * rows * width,
            k=k_size,
            n=n_size,
            strip=(first_row, rows, images),
            new_weights=new_weights,
            new_inputs=new_inputs,
            opens=k_state == FIRST,
            closes=_closing(k_count, k_state),
            very_first=all(state == FIRST for state in states),
            very_last=all(_closing(count, state) for state, count in zip(states, counts, strict=True)),
            spills=spills(problem, images * rows * width, tiling.k, n_size),
            spread=(spread[0], spread[1]),
        )

    def tile(self) -> tuple[Tile, Activity]:
        p, array = self.problem, self.problem.array
        weight_bits, macs_a_row = self.spread
        if p.weights_on_chip or not self.new_weights:
            weight_bits = 0
        input_bits = 0
        if self.new_inputs and not p.input_on_chip:
            input_bits = strip_bits(p, *self.strip, self.k)
        if self.very_first:
            input_bits += p.staged_bits
        outputs = self.m * self.n if self.closes else 0
        output_bits = 0 if p.output_on_chip else outputs * p.bits
        operations = outputs * p.vector_operations_per_output

        traffic = operand_traffic(self.m, self.k, self.n, array.rows, array.cols, array.dataflow)
        sram_bits = (traffic.input_reads + traffic.weight_reads) * p.bits + weight_bits + input_bits
        sram_bits += outputs * p.bits + output_bits
        accumulator_bits = 0
        if self.spills:
            sums = traffic.sum_writes - outputs + traffic.sum_reads
            if not self.opens:
                sums += self.m * self.n
            accumulator_bits = sums * array.accumulator_bits
        cycles = self._cycles()
        in_scratchpad = accumulator_bits if array.accumulator_depth is None else 0
        fed = ceil_div(sram_bits + in_scratchpad, 8 * p.sram_bytes_per_cycle)
        register_bits, hop_bits = self._register_traffic(self.m * self.k * self.n, outputs)
        tile = Tile(
            weight_bytes=_bursts(weight_bits, p.burst),
            input_bytes=_bursts(input_bits, p.burst),
            compute_cycles=max(cycles, fed),
            vector_cycles=ceil_div(operations, p.lanes) if p.lanes else 0,
            output_bytes=_bursts(output_bits, p.burst),
            opens_output=self.opens,
        )
        return tile, Activity(
            macs=self.m * macs_a_row,
            register_bits=register_bits,
            pe_hop_bits=hop_bits,
            sram_bits=sram_bits,
            accumulator_bits=accumulator_bits,
            vector_operations=operations if p.lanes else 0,
            weight_bits=weight_bits,
            input_bits=input_bits,
            output_bits=output_bits,
            stalled_cycles=max(0, fed - cycles),
        )

    def _cycles(self) -> int:
        """Cycles of the arrays, by the fold law; overlapped folds do so across tiles, and a cut fold drains once."""
        array, flow = self.problem.array, self.problem.array.flow
        size = {"m": self.m, "k": self.k, "n": self.n}
        stream = size[flow.stream]
        folds = ceil_div(size[flow.spatial_rows], array.rows) * ceil_div(size[flow.spatial_cols], array.cols)
        folds = ceil_div(folds, array.count)
        if array.overlapped:
            chained = folds * max(stream, array.rows)
            if not self.very_last:
                return chained
            return int(fold_cycles(stream, folds, array.rows, array.cols, True, True))
        if not self.spills and not (self.opens and self.closes):
            return stream + (wavefront_cycles(array.rows, array.cols, False) if self.closes else 0)
        return int(fold_cycles(stream, folds, array.rows, array.cols, flow.stationary, False))

    def _register_traffic(self, macs: int, outputs: int) -> tuple[int, int]:
        """Bits read and written in registers, and bits passed between neighbouring processing elements.

        Per MAC, os reads and writes its sum and passes both operands on; ws and is read the stationary operand and pass
        the other one and the sum. Stationary operands and finished os sums shift along the rows they cross.
        Processing elements outside an edge fold are gated.
        """
        array, bits = self.problem.array, self.problem.bits
        size = {"m": self.m, "k": self.k, "n": self.n}
        rows, cols = size[array.flow.spatial_rows], size[array.flow.spatial_cols]
        full, edge = divmod(rows, array.rows)
        shifts = (full * array.rows * (array.rows + 1) + edge * (edge + 1)) // 2 * cols
        if array.flow.stationary:
            loaded = rows * cols
            return (macs + loaded) * bits, macs * (bits + array.accumulator_bits) + shifts * bits
        drained = shifts if outputs or self.spills else 0
        return 2 * macs * array.accumulator_bits, 2 * macs * bits + drained * array.accumulator_bits


def _size(whole: int, piece: int, count: int, state: int) -> int:
    """Size of a dimension's tile: `piece`, or what is left for the last of them."""
    return whole - piece * (count - 1) if count == 1 or state == LAST else piece


def _closing(count: int, state: int) -> bool:
    """Whether a loop is at its last turn."""
    return count == 1 or state == LAST
