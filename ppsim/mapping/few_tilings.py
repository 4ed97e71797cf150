"""The tilings of products whose tilings are few and whose input is a matrix, in plain integers.

`tiling` weighs all tilings at once, as columns; what that takes does not depend on how few there are. Matrix-vector
products of pruned layers have some dozens of them. Here they are gone through one by one, by the same formulas: the
choice among them is the same (tests hold it to that).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ppsim.hardware.array import wavefront_cycles
from ppsim.mapping.tiling import (
    Candidates,
    Problem,
    candidates,
    longest_stream,
    output_slot_bits,
    rest,
    share,
    tile_sizes,
)

#: with more combinations of sizes than this, columns are faster
FEW = 400

#: rows, k, n, bits from DRAM, cycles, bits of the first weights and inputs, cycles of the last tile, tiles, m outermost
Row = tuple[int, int, int, int, int, int, int, int, int, bool]


@lru_cache(maxsize=1024)
def tilings(problem: Problem) -> Candidates:
    """The tilings worth choosing among; raises InputError when nothing fits."""
    rows = _rows(problem)
    if not rows:  # too many, or none that fits
        return candidates(problem)
    sizes = np.array([row[:3] for row in rows]).T
    # what a choice compares it compares as floating-point numbers, which have room for any
    costs = np.array([row[3:8] for row in rows], dtype=np.float64).T
    return Candidates(
        rows=sizes[0],
        images=np.ones_like(sizes[0]),
        k=sizes[1],
        n=sizes[2],
        m_outer=np.array([row[9] for row in rows]),
        dram_bits=costs[0],
        cycles=costs[1],
        first_weight_bits=costs[2],
        first_input_bits=costs[3],
        last_cycles=costs[4],
        tiles=np.array([row[8] for row in rows]),
    )


def _rows(problem: Problem) -> list[Row]:
    """The tilings that fit, in the order of `candidates`, but for those that another one before equals in every number.

    Empty if the input is an image, if there are too many, or if none fits.
    """
    if problem.window is not None:
        return []
    strips, ks, ns = tile_sizes(problem)
    if len(strips) * len(ks) * len(ns) > FEW:
        return []
    array, flow = problem.array, problem.array.flow
    height, whole_k, whole_n, groups = problem.m, problem.k, problem.n, problem.groups
    stationary, count, overlapped = flow.stationary, array.count, array.overlapped
    longest, room = longest_stream(array), problem.space * 8
    kept_slot, left_slot = output_slot_bits(problem, False), output_slot_bits(problem, True)
    extra = wavefront_cycles(array.rows, array.cols, stationary)
    weight_bits = 0 if problem.weights_on_chip else problem.weight_bits
    each, uneven = divmod(problem.weight_bits, whole_k * whole_n)
    stored = 0 if problem.output_on_chip else height * whole_n * problem.bits
    channels, bits = problem.input_channels, problem.bits
    at = "mkn".index
    on_rows, on_cols, streams = at(flow.spatial_rows), at(flow.spatial_cols), at(flow.stream)
    extents = {flow.spatial_rows: array.rows, flow.spatial_cols: array.cols, flow.stream: 1}
    k_cuts = [_cut(whole_k, k, extents["k"]) for k in ks]
    n_cuts = [_cut(whole_n, n, extents["n"]) for n in ns]
    found: list[Row] = []
    for m_cut in [_cut(height, rows, extents["m"]) for rows, _ in strips]:
        rows, m_turns, _, _, _ = m_cut
        for k_cut in k_cuts:
            k, k_turns, last_k, _, _ = k_cut
            input_tile = read = 0
            if not problem.input_on_chip:
                k_channels, last_channels = -(-k * channels // whole_k), -(-last_k * channels // whole_k)
                input_tile = rows * bits * k_channels
                read = height * bits * ((k_turns - 1) * k_channels + last_channels)
            for n_cut in n_cuts:
                cuts = (m_cut, k_cut, n_cut)
                stream, stream_turns, last_stream, _, _ = cuts[streams]
                if stream > longest:
                    continue
                n, n_turns, _, _, _ = n_cut
                _, row_turns, _, full_high, last_high = cuts[on_rows]
                _, col_turns, _, full_wide, last_wide = cuts[on_cols]
                folds = full_high * full_wide
                sums_leave = stationary or (k < whole_k and folds > count)
                if not weight_bits:
                    weight_tile = 0
                elif uneven:
                    weight_tile = max(
                        share(problem, problem.weight_bits, k, n), rest(problem, problem.weight_bits, k, n)
                    )
                else:
                    weight_tile = k * n * each
                if 2 * (weight_tile + input_tile) + (left_slot if sums_leave else kept_slot) * rows * n > room:
                    continue
                more_rows, more_cols, more = row_turns - 1, col_turns - 1, stream_turns - 1
                shares = -(-folds // count)
                all_shares = (
                    more_rows * more_cols * shares
                    + more_rows * -(-full_high * last_wide // count)
                    + more_cols * -(-last_high * full_wide // count)
                    + -(-last_high * last_wide // count)
                )
                if overlapped:
                    cycles = all_shares * (more * max(stream, array.rows) + max(last_stream, array.rows))
                    last_cycles = (shares - 1) * max(stream, array.rows) + stream + extra
                else:
                    paid = stream_turns if sums_leave else 1
                    cycles = all_shares * (more * stream + last_stream + paid * extra)
                    last_cycles = shares * (stream + extra)
                tiles = m_turns * k_turns * n_turns * groups
                orders: tuple[tuple[bool, int, int], ...]
                if k_turns > 1:
                    orders = ((True, n_turns, m_turns),)
                elif m_turns == 1 or n_turns == 1:
                    orders = ((True, 1, 1),)
                else:
                    orders = ((True, 1, m_turns), (False, n_turns, 1))
                for m_outer, input_passes, weight_passes in orders:
                    dram_bits = weight_bits * weight_passes + stored + read * input_passes
                    found.append(
                        (
                            rows,
                            k,
                            n,
                            dram_bits * groups + problem.staged_bits,
                            cycles * groups,
                            weight_tile,
                            input_tile + problem.staged_bits,
                            last_cycles,
                            tiles,
                            m_outer,
                        )
                    )
    return found


def _cut(whole: int, size: int, extent: int) -> tuple[int, int, int, int, int]:
    """A dimension in pieces of a size: that, how many, the last one's, and folds of one and of the last one."""
    turns = -(-whole // size)
    last = whole - (turns - 1) * size
    return size, turns, last, -(-size // extent), -(-last // extent)
