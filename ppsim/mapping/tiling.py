"""How a matrix product is cut into tiles that fit the scratchpad: candidates, what each costs, and the choice.

Loops run over m and n tiles in either order, with k innermost, so partial sums never go to DRAM. An operand is loaded
again only when its tile changes. Output-stationary arrays may cut a fold along k (a fold of a long reduction would not
fit twice). If the tile holds no more folds than there are arrays, their sums stay in the arrays meanwhile; else they
spill: each chunk of k is a fold of its own, and partial sums wait in the scratchpad.

Candidates are cached by shape; the choice takes the bandwidth into account and is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.hardware.array import ArraySpec, wavefront_cycles
from ppsim.workload.gemm import Window

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

#: estimates closer than this count as equal, and the one with fewer tiles is taken
TOLERANCE = 0.02


class Problem(NamedTuple):
    """A product on one accelerator and the room it has; the key tilings are cached by, so it has to be hashed fast.

    There are `groups` of them, one after the other, with inputs and weights of their own. `m` counts output positions
    when the input is an image (`window`), else rows of a matrix. `input_channels` is what one reduction reads of the
    input, in channels. `weight_bits` are the bits of a group's weights in DRAM, `macs` its MACs with energy for each
    row of m; they are spread evenly over its k x n weights. `space` are the bytes for double-buffered tiles.
    `staged_bits` are loaded once, before the first tile, when the whole input is kept on chip but lies in DRAM.
    `weights_wait`: the right operand is an activation.
    """

    groups: int

    m: int
    k: int
    n: int
    bits: int
    window: Window | None
    input_channels: int
    weight_bits: int
    macs: int
    input_on_chip: bool
    weights_on_chip: bool
    weights_wait: bool
    output_on_chip: bool
    staged_bits: int
    vector_operations_per_output: int
    space: int
    burst: int
    array: ArraySpec
    sram_bytes_per_cycle: int
    lanes: int

    @property
    def images(self) -> int:
        """Inputs in the batch, for an image."""
        return self.m // (self.window.out_height * self.window.out_width) if self.window else 1


class Tiling(NamedTuple):
    """Tile sizes, and whether the m loop is outside the n loop.

    `rows` are output rows of one image (or, without a window, rows of m); `images` of them lie in a tile.
    """

    rows: int
    images: int
    k: int
    n: int
    m_outer: bool


@dataclass(frozen=True, eq=False)
class Candidates:
    """Tilings of a problem that fit, as columns: their sizes, and what they cost."""

    rows: Ints
    images: Ints
    k: Ints
    n: Ints
    m_outer: npt.NDArray[np.bool_]
    dram_bits: Numbers
    cycles: Numbers
    first_weight_bits: Numbers
    first_input_bits: Numbers
    last_cycles: Numbers
    tiles: Ints

    @property
    def tilings(self) -> tuple[Tiling, ...]:
        """All of them."""
        return tuple(self.tiling(index) for index in range(len(self.tiles)))

    def tiling(self, index: int) -> Tiling:
        """The tiling in one row."""
        rows, images, k, n = (int(column[index]) for column in (self.rows, self.images, self.k, self.n))
        return Tiling(rows, images, k, n, bool(self.m_outer[index]))

    def choose(self, bits_per_cycle: float, prefetched: bool, largest: bool = False) -> tuple[Tiling, float]:
        """The fastest by estimate at a DRAM bandwidth, and the estimate; among equals, the one with the fewest tiles.

        Estimate: the longer of computing and moving, and what cannot overlap: the last tile, the first inputs, and the
        first weights unless an earlier layer gives the time to prefetch them. For `largest` tiles, what cannot overlap
        does not count.
        """
        first = self.first_input_bits if prefetched else self.first_input_bits + self.first_weight_bits
        steady = np.maximum(self.cycles, self.dram_bits / bits_per_cycle)
        estimate = steady + first / bits_per_cycle + self.last_cycles
        time = steady if largest else estimate
        near = np.flatnonzero(time <= time.min() * (1 + TOLERANCE))
        chosen = int(near[np.lexsort((estimate[near], self.tiles[near]))[0]])
        return self.tiling(chosen), float(estimate[chosen])


@lru_cache(maxsize=4096)
def _pieces(size: int, granule: int, most: int = 24) -> tuple[int, ...]:
    """Sizes to try for a dimension: the whole of it cut into 1, 2, 3, ... pieces, in multiples of `granule`."""
    whole = -(-size // granule)
    counts = sorted({min(whole, round(1.5**power)) for power in range(most)} | {1, 2, whole})
    sizes = {min(size, -(-whole // count) * granule) for count in counts}
    return tuple(sorted(sizes, reverse=True))


def strip_bits(problem: Problem, first: int, rows: int, images: int, k: int) -> int:
    """Bits of input that `rows` output rows from `first` on need, for `images` images and a reduction of k."""
    window = problem.window
    channels = -(-k * problem.input_channels // problem.k)
    if window is None:
        return rows * images * channels * problem.bits
    return window.strip_rows(first, rows) * window.in_width * channels * images * problem.bits


def m_extent(problem: Problem) -> tuple[int, int]:
    """(rows, positions in a row) of the m dimension for one image."""
    if problem.window is None:
        return problem.m, 1
    return problem.window.out_height, problem.window.out_width


@lru_cache(maxsize=1024)
def candidates(problem: Problem) -> Candidates:
    """The tilings worth choosing among; raises InputError when not even the smallest fits `problem.space`."""
    array, flow = problem.array, problem.array.flow
    height, width = m_extent(problem)
    strips, ks, ns = tile_sizes(problem)
    rows, images = (np.array(column, dtype=np.int64) for column in zip(*strips, strict=True))

    # one column entry for each combination of strip, k, n and loop order
    s, k, n, order = (
        axis.ravel() for axis in np.meshgrid(range(len(strips)), ks, ns, (False, True), indexing="ij", sparse=False)
    )
    widest = np.array([_widest_strip_bits(problem, r, i) for r, i in strips], dtype=np.int64) // problem.input_channels
    size = {"m": rows[s] * images[s] * width, "k": k, "n": n}
    folds = -(-size[flow.spatial_rows] // array.rows) * -(-size[flow.spatial_cols] // array.cols)
    input_tile = 0 * k if problem.input_on_chip else widest[s] * _channels(problem, k)
    sums_leave = np.full_like(k, flow.stationary, dtype=bool) | ((k < problem.k) & (folds > array.count))
    slots = np.where(sums_leave, output_slot_bits(problem, True), output_slot_bits(problem, False))
    weight_tile = _weight_bits(problem, k, n)
    need = 2 * (weight_tile + input_tile) + slots * size["m"] * n
    keep = np.flatnonzero((need <= problem.space * 8) & (size[flow.stream] <= longest_stream(array)))
    if not len(keep):
        raise InputError(_why_nothing_fits(problem, int(need.min()) // 8 + 1))
    m_outer = (order == 0)[keep]
    s, k, n, folds, input_tile, weight_tile, sums_leave = (
        column[keep] for column in (s, k, n, folds, input_tile, weight_tile, sums_leave)
    )

    m_count = -(-height // rows[s]) * -(-problem.images // images[s])
    k_count, n_count = -(-problem.k // k), -(-problem.n // n)
    input_passes = np.where(k_count > 1, n_count, np.where(m_outer | (m_count == 1), 1, n_count))
    weight_passes = np.where(k_count > 1, m_count, np.where(~m_outer | (n_count == 1), 1, m_count))
    dram_bits = (0 if problem.weights_on_chip else problem.weight_bits) * weight_passes
    if not problem.input_on_chip:
        pass_bits = np.array([_pass_bits(problem, r) for r, _ in strips], dtype=np.int64) // problem.input_channels
        last_k = problem.k - (k_count - 1) * k
        channels = (k_count - 1) * _channels(problem, k) + _channels(problem, last_k)
        dram_bits += pass_bits[s] * channels * input_passes
    if not problem.output_on_chip:
        dram_bits += problem.m * problem.n * problem.bits
    dram_bits = dram_bits * problem.groups + problem.staged_bits

    extra = wavefront_cycles(array.rows, array.cols, flow.stationary)
    turns = _Turns(problem, rows[s], images[s], k, n)
    all_shares = turns.shares(array)
    stream = {"m": rows[s] * images[s] * width, "k": k, "n": n}[flow.stream]
    shares = -(-folds // array.count)
    if array.overlapped:
        cycles = all_shares * turns.at_least(flow.stream, array.rows)
        last_cycles = (shares - 1) * np.maximum(stream, array.rows) + stream + extra
    else:  # a fold whose sums stay in the array pays for its wavefront once, however it is cut
        paid = np.where(sums_leave, turns.count(flow.stream), 1)
        cycles = all_shares * (turns.at_least(flow.stream, 1) + paid * extra)
        last_cycles = shares * (stream + extra)
    return Candidates(
        rows=rows[s],
        images=images[s],
        k=k,
        n=n,
        m_outer=m_outer,
        dram_bits=dram_bits,
        cycles=cycles * problem.groups,
        first_weight_bits=weight_tile,
        first_input_bits=input_tile + problem.staged_bits,
        last_cycles=last_cycles,
        tiles=m_count * k_count * n_count * problem.groups,
    )


def _weight_bits(problem: Problem, k: Ints, n: Ints) -> Ints:
    """Bits in DRAM of the largest (k x n) tile's weights, which may be the one with the rest; none if on chip."""
    if problem.weights_on_chip:
        return 0 * k
    each, uneven = divmod(problem.weight_bits, problem.k * problem.n)
    if not uneven:
        return k * n * each
    sizes, place = np.unique(np.stack((k, n)), axis=1, return_inverse=True)
    largest = [
        max(share(problem, problem.weight_bits, *size), rest(problem, problem.weight_bits, *size))
        for size in zip(*sizes.tolist(), strict=True)
    ]
    return np.array(largest, dtype=np.int64)[place.ravel()]


def share(problem: Problem, total: int, k: int, n: int) -> int:
    """Of a total spread over all weights of a group, what falls on k x n of them, rounded down."""
    return total * k * n // (problem.k * problem.n)


def rest(problem: Problem, total: int, k: int, n: int) -> int:
    """What other (k x n) cuts leave of it for the last cut of k and n, theirs being rounded down."""
    k_others, n_others = -(-problem.k // k) - 1, -(-problem.n // n) - 1
    k_last, n_last = problem.k - k * k_others, problem.n - n * n_others
    others = ((k_others * n_others, k, n), (k_others, k, n_last), (n_others, k_last, n))
    return total - sum([times * share(problem, total, *size) for times, *size in others if times])


def _channels(problem: Problem, k: Ints) -> Ints:
    """Channels of the input that reductions of length k read."""
    return -(-k * problem.input_channels // problem.k)


def longest_stream(array: ArraySpec) -> float:
    """Steps that may stream through a fold: as many as a dedicated accumulator has rows."""
    bounded = array.flow.stationary and array.accumulator_depth is not None
    return array.accumulator_depth if bounded and array.accumulator_depth else float("inf")


def _why_nothing_fits(problem: Problem, smallest: int) -> str:
    what = f"no tile of a {problem.m}x{problem.k}x{problem.n} product fits"
    if smallest > problem.space:
        return f"{what} the scratchpad: the smallest takes {smallest} bytes and {problem.space} are free"
    depth = problem.array.accumulator_depth
    return f"{what} the accumulator of {depth} rows and the {problem.space} bytes that are free in the scratchpad"


class _Turns:
    """Turns of the loops of many tilings at once, for sums of a tile's cost over all of them."""

    def __init__(self, problem: Problem, rows: Ints, images: Ints, k: Ints, n: Ints) -> None:
        height, width = m_extent(problem)
        one = np.ones_like(k)
        self.repeats: dict[str, Ints] = {"m": -(-problem.images // images), "k": one, "n": one}
        scale: dict[str, Ints] = {"m": width * images, "k": one, "n": one}
        self.turns: dict[str, Ints] = {}
        self.piece: dict[str, Ints] = {}
        self.last: dict[str, Ints] = {}
        for dimension, whole, piece in (("m", height, rows), ("k", problem.k, k), ("n", problem.n, n)):
            turns = -(-whole // piece)
            self.turns[dimension] = turns
            self.piece[dimension] = piece * scale[dimension]
            self.last[dimension] = (whole - (turns - 1) * piece) * scale[dimension]

    def count(self, dimension: str) -> Ints:
        """Turns of a dimension's loop."""
        return self.turns[dimension] * self.repeats[dimension]

    def shares(self, array: ArraySpec) -> Ints:
        """Folds of the busiest array: each pair of pieces is rounded up to folds, and these are shared, by itself."""
        rows, cols = array.flow.spatial_rows, array.flow.spatial_cols
        total = 0 * self.last[rows]
        for row_turns, height in ((self.turns[rows] - 1, self.piece[rows]), (1, self.last[rows])):
            for col_turns, width in ((self.turns[cols] - 1, self.piece[cols]), (1, self.last[cols])):
                folds = -(-height // array.rows) * -(-width // array.cols)
                total += row_turns * col_turns * -(-folds // array.count)
        return self.repeats[rows] * self.repeats[cols] * total

    def at_least(self, dimension: str, floor: int) -> Ints:
        """Sum of the pieces, each counted as `floor` if it is smaller."""
        whole = (self.turns[dimension] - 1) * np.maximum(self.piece[dimension], floor)
        return self.repeats[dimension] * (whole + np.maximum(self.last[dimension], floor))


def tile_sizes(problem: Problem) -> tuple[list[tuple[int, int]], tuple[int, ...], tuple[int, ...]]:
    """Sizes to try: (rows, images) of a strip, k, and n; whole folds and whole channels wherever they are cut."""
    flow, array = problem.array.flow, problem.array
    granule = {flow.spatial_rows: array.rows, flow.spatial_cols: array.cols}
    height, _ = m_extent(problem)
    heights = _pieces(height, 1 if problem.window else granule.get("m", 1))
    strips = [(rows, 1) for rows in heights if _alike(problem, rows)]
    strips += [(height, images) for images in _pieces(problem.images, 1) if images > 1]
    k_granule = granule.get("k", 1)
    if problem.window is not None:
        per_channel = max(1, problem.k // problem.input_channels)
        k_granule = per_channel * max(1, k_granule // gcd(k_granule, per_channel))
    return strips, _pieces(problem.k, k_granule), _pieces(problem.n, granule.get("n", 1))


def _alike(problem: Problem, rows: int) -> bool:
    """Whether all strips but the first and the last read as many input rows: a nest has one tile for all of them.

    With wide padding, the second strip may still reach into it.
    """
    height, _ = m_extent(problem)
    if problem.window is None:
        return True
    middle = range(rows, height - rows, rows)
    return len({strip_bits(problem, first, rows, 1, problem.k) for first in middle}) <= 1


def output_slot_bits(problem: Problem, sums_leave: bool) -> int:
    """Scratchpad bits an output of a tile takes: two slots of it, or one of partial sums when the output stays here.

    `sums_leave` says whether the arrays give out partial sums (stationary dataflows always do).
    """
    array = problem.array
    sums_here = sums_leave and array.accumulator_depth is None
    if problem.output_on_chip:
        return array.accumulator_bits if sums_here else 0
    return 2 * (array.accumulator_bits if sums_here else problem.bits)


def spills(problem: Problem, m: int, k: int, n: int) -> bool:
    """Whether a tile's partial sums leave the arrays before their reduction over k is complete."""
    array, flow = problem.array, problem.array.flow
    if flow.stationary or k >= problem.k:
        return flow.stationary
    size = {"m": m, "k": k, "n": n}
    folds = -(-size[flow.spatial_rows] // array.rows) * -(-size[flow.spatial_cols] // array.cols)
    return folds > array.count


def _widest_strip_bits(problem: Problem, rows: int, images: int) -> int:
    height, _ = m_extent(problem)
    if problem.window is None:  # there may be very many strips, all alike
        return strip_bits(problem, 0, min(rows, height), images, problem.k)
    return max(strip_bits(problem, f, min(rows, height - f), images, problem.k) for f in range(0, height, rows))


def _pass_bits(problem: Problem, rows: int) -> int:
    """Bits of input read by one pass over all m tiles of `rows` rows, halos read again."""
    height, _ = m_extent(problem)
    if problem.window is None:
        return strip_bits(problem, 0, height, problem.images, problem.k)
    return sum(strip_bits(problem, f, min(rows, height - f), problem.images, problem.k) for f in range(0, height, rows))
