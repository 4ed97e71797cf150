"""Tiled products against a walk over every tile: what each loads, computes and stores, and whether it fits."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import HUGE, fold_activity, in_order, problem_of, problem_of_conv, problems, some, tilings, up, walk

import ppsim
from ppsim.hardware.array import ArraySpec
from ppsim.mapping.nests import VectorWork, gemm_nest, vector_nest
from ppsim.mapping.program import Activity
from ppsim.mapping.tiling import Problem, Tiling, candidates
from ppsim.workload.layers import Conv

many = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def check_against_the_walk(problem: Problem, tiling: Tiling) -> None:
    nest, walked = gemm_nest(problem, tiling), walk(problem, tiling)
    assert in_order(nest) == [w.tile for w in walked]
    assert nest.weights_wait == problem.weights_wait
    for name in Activity._fields:
        assert getattr(nest.activity, name) == sum(getattr(w.activity, name) for w in walked), name


@many
@given(problems(images=False), st.data())
def test_tiles_of_matrices_are_those_of_the_walk(problem, data):
    check_against_the_walk(problem, data.draw(st.sampled_from(tilings(problem).tilings)))


@many
@given(problems(images=True), st.data())
def test_tiles_of_images_are_those_of_the_walk(problem, data):
    check_against_the_walk(problem, data.draw(st.sampled_from(tilings(problem).tilings)))


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("m_outer", [False, True])
def test_tiles_of_an_image_cut_in_every_dimension(dataflow, padding, m_outer):
    """Two of three images, two of seven rows, channels and outputs cut: first, middle and last pieces of all."""
    conv = Conv(name="conv", out_channels=9, kernel=(3, 3), padding=(padding, padding))
    shape = (5, 9 - 2 * padding, 6)
    problem = problem_of_conv(
        conv,
        shape,
        3,
        ArraySpec(3, 2, dataflow=dataflow),
        groups=2,
        weight_bits=1001,
        macs=203,
        output_on_chip=False,
        burst=32,
    )
    assert problem.m // 3 // problem.window.out_width == 7
    check_against_the_walk(problem, Tiling(rows=2, images=2, k=18, n=4, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=2, images=1, k=45, n=4, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=7, images=2, k=45, n=9, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=7, images=3, k=45, n=4, m_outer=m_outer))


@many
@given(problems(), st.data())
def test_bytes_and_macs_are_conserved(problem, data):
    """To the bit, however unevenly weights and MACs are spread: all of them for each block of rows and each group."""
    tiling = data.draw(st.sampled_from(tilings(problem).tilings))
    activity, groups = gemm_nest(problem, tiling).activity, problem.groups
    assert activity.macs == groups * problem.m * problem.macs
    height = problem.window.out_height if problem.window else problem.m
    blocks = up(height, tiling.rows) * up(problem.images, tiling.images)
    again = tiling.k < problem.k or (tiling.m_outer and tiling.n < problem.n)
    loaded = 0 if problem.weights_on_chip else groups * problem.weight_bits * (blocks if again else 1)
    assert activity.weight_bits == loaded
    assert activity.output_bits == (0 if problem.output_on_chip else groups * problem.m * problem.n * problem.bits)
    if problem.input_on_chip:
        assert activity.input_bits == problem.staged_bits
    elif problem.window is None:
        again = tiling.n < problem.n and (tiling.k < problem.k or (not tiling.m_outer and blocks > 1))
        passes = groups * (up(problem.n, tiling.n) if again else 1)
        inputs = problem.m * problem.input_channels * problem.bits * passes
        if problem.k == problem.input_channels:
            assert activity.input_bits == inputs
        else:  # pieces of a shortened reduction read whole channels
            rounded = problem.m * (up(problem.k, tiling.k) - 1) * problem.bits * passes
            assert inputs <= activity.input_bits <= inputs + rounded


def test_bits_that_do_not_divide_go_to_the_last_piece():
    """Ten bits and seven MACs over 3 x 4 weights in six pieces of 1 x 2: 10 // 6 and 7 // 6 each, and what is left."""
    problem = problem_of(2, 3, 4, ArraySpec(1, 1), weight_bits=10, macs=7)
    nest = gemm_nest(problem, Tiling(rows=1, images=1, k=1, n=2, m_outer=True))
    assert [8 * tile.weight_bytes for tile in in_order(nest)] == [8] * 12
    assert nest.activity.weight_bits == 2 * 10  # once for each of two rows
    assert nest.activity.macs == 2 * 7
    whole = gemm_nest(problem, Tiling(rows=2, images=1, k=3, n=4, m_outer=True)).activity
    assert (whole.weight_bits, whole.macs) == (10, 2 * 7)
    few = problem._replace(weight_bits=5, macs=5)  # none in the first five pieces
    tiles = in_order(gemm_nest(few, Tiling(rows=1, images=1, k=1, n=2, m_outer=True)))
    assert [tile.weight_bytes for tile in tiles] == [0, 0, 0, 0, 0, 1] * 2


def test_a_last_piece_with_much_left_fits_too():
    """9,999 bits over 100 x 100 weights: none at all in pieces of one weight, but for the last that has them all."""
    problem = problem_of(1, 100, 100, ArraySpec(1, 1), space=600, weight_bits=9_999)
    found = candidates(problem).tilings
    assert found
    for tiling in found:
        nest = gemm_nest(problem, tiling)
        assert 2 * max(tile.weight_bytes for tile in nest.tiles.values()) <= nest.weight_space <= 600
        assert nest.activity.weight_bits == 9_999
    assert not any(tiling.k * tiling.n == 1 for tiling in found)


@many
@given(problems(), st.integers(2, 4), st.data())
def test_groups_are_the_same_product_again(problem, groups, data):
    """Tile by tile; but what is staged comes with the first tile, and overlapped folds drain after the last alone."""
    one = problem._replace(groups=1, staged_bits=0)
    tiling = data.draw(st.sampled_from(tilings(one).tilings))
    several = one._replace(groups=groups)
    single, nest = gemm_nest(one, tiling), gemm_nest(several, tiling)
    again, tiles = in_order(single), in_order(nest)
    assert nest.length == groups * single.length
    last = len(again) - 1
    for index, tile in enumerate(tiles):
        like = again[index % len(again)]
        if index % len(again) == last and index + 1 < len(tiles) and problem.array.overlapped:
            assert tile.compute_cycles <= like.compute_cycles
            tile = tile._replace(compute_cycles=like.compute_cycles)
        assert tile == like
    for name in set(Activity._fields) - {"stalled_cycles"}:
        assert getattr(nest.activity, name) == groups * getattr(single.activity, name), name
    staged = gemm_nest(several._replace(input_on_chip=True, staged_bits=800), tiling)
    assert staged.activity.input_bits == 800
    assert [tile.input_bytes > 0 for tile in in_order(staged)] == [True] + [False] * (nest.length - 1)


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4),
    st.sampled_from(("ws", "is")),
)  # fmt: skip
def test_overlapped_folds_are_one_chain_through_the_groups(m, k, n, rows, cols, groups, dataflow):
    """(F - 1) max(T, R) + T + 2R + C - 2 with the folds of all groups together."""
    problem = problem_of(m, k, n, ArraySpec(rows, cols, dataflow=dataflow, overlap=True), groups=groups)
    down, across, stream = {"ws": (k, n, m), "is": (k, m, n)}[dataflow]
    folds = up(down, rows) * up(across, cols)
    law = (groups * folds - 1) * max(stream, rows) + stream + 2 * rows + cols - 2
    for m_outer in (False, True):
        nest = gemm_nest(problem, Tiling(rows=m, images=1, k=k, n=n, m_outer=m_outer))
        assert nest.compute_cycles == law
        piecewise = gemm_nest(problem, Tiling(m, 1, min(rows, k), n, m_outer)) if dataflow == "ws" else nest
        assert piecewise.compute_cycles == law


@many
@given(problems())
def test_every_candidate_fits(problem):
    """Weights and inputs twice; outputs twice where they leave, as partial sums where those wait in the scratchpad."""
    array = problem.array
    for tiling in some(problem):
        walked = walk(problem, tiling)
        sums_here = array.accumulator_depth is None and leaves_array(problem, tiling)
        width = array.accumulator_bits if sums_here else problem.bits
        copies = (1 if sums_here else 0) if problem.output_on_chip else 2
        staged = problem.staged_bits
        weights = max(w.activity.weight_bits for w in walked)
        inputs = max(w.activity.input_bits - (staged if w is walked[0] else 0) for w in walked)
        outputs = copies * width * max(w.m * w.n for w in walked)
        assert 2 * (weights + inputs) + outputs <= 8 * problem.space

        nest = gemm_nest(problem, tiling)
        assert nest.weight_space >= 2 * max(tile.weight_bytes for tile in nest.tiles.values())
        assert nest.input_space >= 2 * max(tile.input_bytes for tile in nest.tiles.values())
        taken = nest.weight_space + (0 if problem.input_on_chip else nest.input_space) + outputs // 8
        assert taken <= problem.space + 4 * (problem.burst - 1)  # two tiles of both operands in whole bursts


@many
@given(problems())
def test_an_accumulator_bounds_the_stream(problem):
    array = problem.array
    for tiling in some(problem):
        longest = max(w.m if array.dataflow == "ws" else w.n for w in walk(problem, tiling))
        assert array.accumulator_depth is None or longest <= array.accumulator_depth


def check_what_candidates_move(problem: Problem) -> None:
    found = tilings(problem)
    for tiling in some(problem):
        nest, index = gemm_nest(problem, tiling), found.tilings.index(tiling)
        moved = nest.activity.weight_bits + nest.activity.input_bits + nest.activity.output_bits
        assert found.dram_bits[index] == moved
        assert found.tiles[index] == nest.length


@many
@given(problems(images=False))
def test_candidates_for_matrices_know_what_they_move(problem):
    check_what_candidates_move(problem)


@many
@given(problems(images=True))
def test_candidates_for_images_know_what_they_move(problem):
    check_what_candidates_move(problem)


@many
@given(problems(), st.data())
def test_no_tile_beats_the_peak(problem, data):
    tiling = data.draw(st.sampled_from(tilings(problem).tilings))
    for tile, walked in zip(in_order(gemm_nest(problem, tiling)), walk(problem, tiling), strict=True):
        assert tile.compute_cycles * problem.array.peak_macs_per_cycle >= walked.m * walked.k * walked.n


def leaves_array(problem: Problem, tiling: Tiling) -> bool:
    """Whether partial sums leave the arrays: always from a stationary operand, from os when several folds are cut."""
    array = problem.array
    m = tiling.rows * tiling.images * (problem.window.out_width if problem.window else 1)
    folds = up(m, array.rows) * up(tiling.n, array.cols)
    return array.dataflow != "os" or (tiling.k < problem.k and folds > array.count)


def streams_whole(problem: Problem, tiling: Tiling) -> bool:
    """Whether no fold's stream is cut, or is cut at no cost: a single fold of an os array waits for its next piece."""
    if problem.array.dataflow == "os":
        return tiling.k == problem.k or not leaves_array(problem, tiling)
    piece, whole = {"ws": (tiling.rows, problem.m), "is": (tiling.n, problem.n)}[problem.array.dataflow]
    return piece == whole


def closed_form(problem: Problem) -> int:
    array = problem.array
    """Of the chained folds of all groups, with overlap; of one group after the other without."""
    once = ppsim.compute_cycles(
        problem.m, problem.k, problem.n, array.rows, array.cols, array.dataflow, overlap=array.overlapped
    )
    if not array.overlapped:
        return problem.groups * once
    down, across, stream = {"ws": (problem.k, problem.n, problem.m), "is": (problem.k, problem.m, problem.n)}[
        array.dataflow
    ]
    folds = up(down, array.rows) * up(across, array.cols)
    return once + (problem.groups - 1) * folds * max(stream, array.rows)


def alone(problem: Problem) -> Problem:
    """The same with one array that its scratchpad never stalls."""
    return problem._replace(array=replace(problem.array, count=1), sram_bytes_per_cycle=HUGE)


@many
@given(problems(images=False).map(alone))
def test_whole_folds_take_the_cycles_of_the_closed_form(problem):
    """Cutting between folds costs nothing, with overlap too: the chain of folds goes on through the tiles. Cutting the
    stream itself costs a wavefront for each piece, which overlap may hide."""
    for tiling in some(problem):
        cycles = gemm_nest(problem, tiling).compute_cycles
        if streams_whole(problem, tiling):
            assert cycles == closed_form(problem)
        elif problem.array.overlapped or (problem.array.dataflow, problem.array.rows, problem.array.cols) == (
            "os",
            1,
            1,
        ):
            assert cycles >= closed_form(problem)
        else:
            assert cycles > closed_form(problem)


@many
@given(problems(images=True).map(alone))
def test_strips_of_images_never_beat_the_closed_form(problem):
    for tiling in some(problem):
        assert gemm_nest(problem, tiling).compute_cycles >= closed_form(problem)


@many
@given(problems(images=False))
def test_scratchpad_traffic_is_that_of_the_uncut_product(problem):
    """Operands as the array reads them, each byte from and to DRAM once more, outputs at the operands' width."""
    array = problem.array
    operands, sums_out, sums_in, _, _ = fold_activity(array, problem.m, problem.k, problem.n)
    outputs, groups = problem.m * problem.n, problem.groups
    for tiling in some(problem):
        if not streams_whole(problem, tiling):
            continue
        activity = gemm_nest(problem, tiling).activity
        moved = activity.weight_bits + activity.input_bits + activity.output_bits
        assert activity.sram_bits == groups * (operands + outputs) * problem.bits + moved
        sums = sums_out - outputs + sums_in if array.dataflow != "os" else 0
        assert activity.accumulator_bits == groups * sums * array.accumulator_bits


@many
@given(problems(), st.floats(0.1, 1000), st.booleans())
def test_the_choice(problem, bits_per_cycle, prefetched):
    """At a trickle of bandwidth the choice is within 2 % of the fewest bytes, first load included; it never depends on
    how often it is asked for."""
    found = tilings(problem)
    chosen, _ = found.choose(bits_per_cycle, prefetched)
    assert chosen in found.tilings
    assert found.choose(bits_per_cycle, prefetched)[0] == chosen
    starved = found.tilings.index(found.choose(1e-9, prefetched=True)[0])
    loads = found.dram_bits + found.first_input_bits
    assert loads[starved] <= 1.02 * loads.min() + 1e-3


@many
@given(problems(images=False).map(lambda problem: problem._replace(sram_bytes_per_cycle=HUGE)))
def test_estimated_cycles_are_those_of_the_tiles(problem):
    """But for the drain of a chain of overlapped folds, and for os folds that are cut at the edges."""
    found, array = tilings(problem), problem.array
    for index, tiling in list(enumerate(found.tilings))[:: up(len(found.tilings), 8)]:
        if array.dataflow == "os" and tiling.k < problem.k:
            continue
        nest = gemm_nest(problem, tiling)
        drain = 0
        if array.overlapped:
            last = walk(problem, tiling)[-1]
            stream = {"ws": last.m, "is": last.n}[array.dataflow]
            drain = stream + 2 * array.rows + array.cols - 2 - max(stream, array.rows)
        assert nest.compute_cycles == found.cycles[index] + drain


@many
@given(problems(), st.floats(0.1, 1000))
def test_largest_tiles(problem, bits_per_cycle):
    """They are as good between filling and draining as any, within 2 %, and none of those are fewer."""
    found = tilings(problem)
    steady = np.maximum(found.cycles, found.dram_bits / bits_per_cycle)
    tiling, cycles = found.choose(bits_per_cycle, False, largest=True)
    chosen = found.tilings.index(tiling)
    assert steady[chosen] <= 1.02 * steady.min()
    assert found.tiles[chosen] == found.tiles[steady <= 1.02 * steady.min()].min()
    assert cycles >= found.choose(bits_per_cycle, False)[1] / 1.02
    assert cycles >= steady[chosen]


def test_a_long_reduction_is_cut_so_that_it_loads_twice():
    """At K = 4096 one os fold of a 12x14 array is 114,688 bytes of weights: no two of them fit 128 KiB."""
    problem = problem_of(1, 4096, 4096, ArraySpec(12, 14, dataflow="os"), 128 * 1024)
    found = candidates(problem).tilings
    assert all(tiling.k < 4096 for tiling in found)
    assert all(tiling.k * tiling.n * 2 * 2 <= 128 * 1024 for tiling in found)
    roomy = candidates(problem._replace(space=256 * 1024)).tilings
    assert any(tiling.k == 4096 for tiling in roomy)


def test_what_does_not_fit_is_said_with_what_would():
    problem = problem_of(1, 64, 64, ArraySpec(14, 14, dataflow="ws"), 16)
    with pytest.raises(ppsim.InputError, match=r"the smallest takes \d+ bytes and 16 are free") as caught:
        candidates(problem)
    needed = int(str(caught.value).split("takes ")[1].split()[0])
    assert candidates(problem._replace(space=needed)).tilings
    with pytest.raises(ppsim.InputError):
        candidates(problem._replace(space=needed - 2))


@given(
    st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)),
    st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 9000),
    st.integers(64, 4096),
    st.sampled_from((1, 8, 32)),
    st.integers(0, 999),
)
def test_a_vector_layer_moves_each_bit_once(bits, stays, operations, space, burst, cycles):
    read, made = bits
    loaded, stored = (0 if stay else size for stay, size in zip(stays, bits, strict=True))
    nest = vector_nest(VectorWork(read, loaded, made, stored, operations, cycles), space, burst)
    tiles = in_order(nest)
    assert nest.activity == Activity(
        vector_operations=operations,
        sram_bits=read + made + loaded + stored,
        input_bits=loaded,
        output_bits=stored,
    )
    for size, moved in ((loaded, [t.input_bytes for t in tiles]), (stored, [t.output_bytes for t in tiles])):
        assert size <= 8 * sum(moved) < size + 8 * burst * len(tiles)
        assert all(bytes_ % burst == 0 for bytes_ in moved)
    assert sum(tile.vector_cycles for tile in tiles) == cycles
    assert all((tile.weight_bytes, tile.compute_cycles, tile.opens_output) == (0, 0, True) for tile in tiles)
    # equal pieces, small enough for two of each in the scratchpad
    assert len(tiles) == max(1, up(2 * (loaded + stored), 8 * space))
    for before, after in pairwise(tiles[:-1]):
        assert before == after
    assert nest.input_space >= 2 * max(tile.input_bytes for tile in tiles)
    outputs = 2 * max(tile.output_bytes for tile in tiles)
    assert nest.weight_space == max(0, space - nest.input_space - outputs)
    assert not nest.weights_wait
