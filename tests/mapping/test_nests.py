"""Tiled products against a walk over every tile: what each loads, computes and stores, and whether it fits."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.array import ArraySpec
from ppsim.mapping.nests import gemm_nest, vector_nest
from ppsim.mapping.program import FIRST, LAST, MIDDLE, Activity, Nest, Tile
from ppsim.mapping.tiling import Candidates, Problem, Tiling, candidates
from ppsim.workload.gemm import Window
from ppsim.workload.layers import Conv

HUGE = 10**9


def cut(whole: int, piece: int) -> list[tuple[int, int]]:
    """(start, size) of pieces, the last one what is left."""
    return [(start, min(piece, whole - start)) for start in range(0, whole, piece)]


def up(amount: int, step: int) -> int:
    return -(-amount // step)


@st.composite
def arrays(draw: st.DrawFn) -> ArraySpec:
    dataflow = draw(st.sampled_from(("os", "ws", "is")))
    return ArraySpec(
        rows=draw(st.integers(1, 4)),
        cols=draw(st.integers(1, 4)),
        count=draw(st.sampled_from((1, 1, 2, 3))),
        dataflow=dataflow,
        overlap=draw(st.booleans()),
        bits=16,
        accumulator_bits=32,
        accumulator_depth=draw(st.sampled_from((None, None, 3, 8))) if dataflow != "os" else None,
    )


@st.composite
def problems(draw: st.DrawFn, images: bool | None = None, array: ArraySpec | None = None) -> Problem:
    """A product of a linear layer, or of a convolution with padding of at most one."""
    batch, bits = draw(st.integers(1, 3)), draw(st.sampled_from((8, 16)))
    channels, n = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    if draw(st.booleans()) if images is None else images:
        kernel = draw(st.sampled_from(((3, 3), (3, 2), (2, 3), (1, 1))))
        conv = Conv(
            name="conv",
            out_channels=n,
            kernel=kernel,
            stride=draw(st.sampled_from(((1, 1), (2, 2), (1, 3), (3, 1)))),
            padding=(0, 0) if kernel == (1, 1) else draw(st.sampled_from(((1, 1), (1, 0), (0, 1), (0, 0)))),
        )
        shape = (channels, draw(st.integers(3, 9)), draw(st.integers(3, 6)))
        gemm, window, features = conv.gemm(shape, batch), conv.window(shape), shape[0] * shape[1] * shape[2]
        m, k = gemm.m, gemm.k
    else:
        m, k, window = draw(st.integers(1, 20)), draw(st.integers(1, 24)), None
        channels = features = k
        batch = m
    on_chip = draw(st.sampled_from((False, False, True)))
    return Problem(
        m=m,
        k=k,
        n=n,
        bits=bits,
        window=window,
        input_channels=channels,
        input_on_chip=on_chip,
        output_on_chip=draw(st.booleans()),
        staged_bits=features * batch * bits if on_chip and draw(st.booleans()) else 0,
        vector_operations_per_output=draw(st.integers(0, 2)),
        space=draw(st.sampled_from((256, 512, 1024, 2048, 4096, 65536))),
        burst=draw(st.sampled_from((1, 2, 32))),
        array=array or draw(arrays()),
        sram_bytes_per_cycle=draw(st.sampled_from((4, 32, HUGE))),
        lanes=draw(st.sampled_from((0, 1, 4))),
    )


@dataclass
class Walked:
    """A tile as the walk finds it: its own sizes, and the tile and the activity it should amount to."""

    m: int
    k: int
    n: int
    tile: Tile
    activity: Activity


def some(problem: Problem) -> tuple[Tiling, ...]:
    """Up to eight of the candidates, from the first to the last."""
    found = tilings(problem).tilings
    return found[:: up(len(found), 8)]


def tilings(problem: Problem) -> Candidates:
    try:
        return candidates(problem)
    except ppsim.InputError:
        assume(False)
        raise


@lru_cache(maxsize=100_000)
def strip_rows(window: Window, first: int, rows: int) -> int:
    """Input rows that a strip of output rows reads, counted one by one."""
    read = {
        out * window.stride[0] - window.padding[0] + tap
        for out in range(first, first + rows)
        for tap in range(window.kernel[0])
    } & set(range(window.in_height))
    return max(read) - min(read) + 1


@lru_cache(maxsize=100_000)
def fold_activity(array: ArraySpec, m: int, k: int, n: int) -> tuple[int, int, int, int, int]:
    """Operand elements read, partial sums written and read, what shifts along the rows of the array, and folds."""
    operands, writes, reads, shifts = 0, 0, 0, 0
    down, across, stream = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[array.dataflow]
    for i, (_, height) in enumerate(cut(down, array.rows)):
        for _, width in cut(across, array.cols):
            shifts += sum(range(1, height + 1)) * width
            if array.dataflow == "os":
                operands += height * stream + stream * width
                continue
            operands += stream * height + height * width
            writes += stream * width
            reads += stream * width if i else 0
    folds = up(down, array.rows) * up(across, array.cols)
    return operands, writes, reads, shifts, folds


def walk(problem: Problem, tiling: Tiling) -> list[Walked]:
    """Every tile in order. An operand is loaded when it is another piece than the tile before had."""
    array, bits, window = problem.array, problem.bits, problem.window
    height, width = (window.out_height, window.out_width) if window else (problem.m, 1)
    image_count = problem.m // (height * width)
    rows = list(product(cut(image_count, tiling.images), cut(height, tiling.rows)))
    ns, ks = cut(problem.n, tiling.n), cut(problem.k, tiling.k)
    order = product(rows, ns, ks) if tiling.m_outer else ((r, n, k) for n, r, k in product(ns, rows, ks))
    found: list[Walked] = []
    before_weights = before_inputs = None
    places = list(order)
    for index, (((image, images), (row, strip)), (n0, n), (k0, k)) in enumerate(places):
        m = images * strip * width
        weights, inputs = (k0, n0), (image, row, k0)
        weight_bits = k * n * bits if weights != before_weights else 0
        input_bits = 0
        if inputs != before_inputs and not problem.input_on_chip:
            elements = k * m
            if window:
                elements = images * strip_rows(window, row, strip) * window.in_width
                elements *= k * problem.input_channels // problem.k
            input_bits = elements * bits
        input_bits += 0 if index else problem.staged_bits
        before_weights, before_inputs = weights, inputs
        closes = k0 + k == problem.k
        outputs = m * n if closes else 0
        stored = 0 if problem.output_on_chip else outputs * bits
        operations = outputs * problem.vector_operations_per_output if problem.lanes else 0

        operands, sums_out, sums_in, shifts, folds = fold_activity(array, m, k, n)
        sram = operands * bits + weight_bits + input_bits + outputs * bits + stored
        stream = {"os": k, "ws": m, "is": n}[array.dataflow]
        turns, fill = up(folds, array.count), array.rows + array.cols - 2
        # os keeps the sums of a cut fold in the array, as far as there are arrays for the tile's folds
        waits = array.dataflow == "os" and len(ks) > 1 and folds <= array.count
        leaves = array.dataflow != "os" or (len(ks) > 1 and not waits)
        accumulators = 0
        if leaves:  # the last write has the outputs' width; a later piece of k reads the earlier sums
            sums = (m * n if array.dataflow == "os" else sums_out) - outputs + sums_in + (0 if k0 == 0 else m * n)
            accumulators = sums * array.accumulator_bits
        if waits:
            cycles = stream + (fill if closes else 0)
        elif array.dataflow == "os":
            cycles = turns * (stream + fill)
        elif array.overlap:  # the last fold of all drains, every other one is hidden behind the next
            slowest = max(stream, array.rows)
            cycles = turns * slowest
            cycles += stream + array.rows + fill - slowest if index + 1 == len(places) else 0
        else:
            cycles = turns * (stream + array.rows + fill)
        moved = sram + (accumulators if array.accumulator_depth is None else 0)
        fed = up(moved, 8 * problem.sram_bytes_per_cycle)
        macs = m * k * n
        if array.dataflow == "os":
            registers = 2 * macs * array.accumulator_bits
            hops = 2 * macs * bits + (shifts * array.accumulator_bits if closes or leaves else 0)
        else:
            registers = (macs + (k * n if array.dataflow == "ws" else k * m)) * bits
            hops = macs * (bits + array.accumulator_bits) + shifts * bits
        found.append(
            Walked(
                m,
                k,
                n,
                Tile(
                    weight_bytes=up(weight_bits, 8 * problem.burst) * problem.burst,
                    input_bytes=up(input_bits, 8 * problem.burst) * problem.burst,
                    compute_cycles=max(cycles, fed),
                    vector_cycles=up(operations, problem.lanes) if problem.lanes else 0,
                    output_bytes=up(stored, 8 * problem.burst) * problem.burst,
                    opens_output=k0 == 0,
                ),
                Activity(
                    macs=macs,
                    register_bits=registers,
                    pe_hop_bits=hops,
                    sram_bits=sram,
                    accumulator_bits=accumulators,
                    vector_operations=operations,
                    weight_bits=weight_bits,
                    input_bits=input_bits,
                    output_bits=stored,
                    stalled_cycles=max(0, fed - cycles),
                ),
            )
        )
    return found


def in_order(nest: Nest) -> list[Tile]:
    def states(kind: int) -> tuple[int, ...]:
        digits = []
        for _ in range(4):
            kind, digit = divmod(kind, 3)
            digits.append(digit)
        return tuple(reversed(digits))

    assert {FIRST, MIDDLE, LAST} == {0, 1, 2}
    return [nest.tiles[states(kind)] for kind in nest.kinds]


many = settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def check_against_the_walk(problem: Problem, tiling: Tiling) -> None:
    nest, walked = gemm_nest(problem, tiling), walk(problem, tiling)
    assert in_order(nest) == [w.tile for w in walked]
    for name in (field.name for field in fields(Activity)):
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
    gemm = conv.gemm(shape, 3)
    assert gemm.m // 3 // conv.window(shape).out_width == 7
    problem = replace(
        whole(gemm.m, gemm.k, gemm.n, ArraySpec(3, 2, dataflow=dataflow), 65536),
        window=conv.window(shape),
        input_channels=5,
        input_on_chip=False,
        output_on_chip=False,
    )
    check_against_the_walk(problem, Tiling(rows=2, images=2, k=18, n=4, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=2, images=1, k=45, n=4, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=7, images=2, k=45, n=9, m_outer=m_outer))
    check_against_the_walk(problem, Tiling(rows=7, images=3, k=45, n=4, m_outer=m_outer))


@many
@given(problems(), st.data())
def test_bytes_and_macs_are_conserved(problem, data):
    tiling = data.draw(st.sampled_from(tilings(problem).tilings))
    activity = gemm_nest(problem, tiling).activity
    assert activity.macs == problem.m * problem.k * problem.n
    weights = problem.k * problem.n * problem.bits
    height = problem.window.out_height if problem.window else problem.m
    blocks = up(height, tiling.rows) * up(problem.images, tiling.images)
    again = tiling.k < problem.k or (tiling.m_outer and tiling.n < problem.n)
    assert activity.weight_bits == weights * (blocks if again else 1)
    assert activity.output_bits == (0 if problem.output_on_chip else problem.m * problem.n * problem.bits)
    if problem.input_on_chip:
        assert activity.input_bits == problem.staged_bits
    elif problem.window is None:
        inputs = problem.m * problem.k * problem.bits
        again = tiling.n < problem.n and (tiling.k < problem.k or (not tiling.m_outer and blocks > 1))
        assert activity.input_bits == inputs * (up(problem.n, tiling.n) if again else 1)


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
    return ppsim.compute_cycles(
        problem.m, problem.k, problem.n, array.rows, array.cols, array.dataflow, overlap=array.overlapped
    )


def alone(problem: Problem) -> Problem:
    """The same with one array that its scratchpad never stalls."""
    return replace(problem, array=replace(problem.array, count=1), sram_bytes_per_cycle=HUGE)


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
    outputs = problem.m * problem.n
    for tiling in some(problem):
        if not streams_whole(problem, tiling):
            continue
        activity = gemm_nest(problem, tiling).activity
        moved = activity.weight_bits + activity.input_bits + activity.output_bits
        assert activity.sram_bits == (operands + outputs) * problem.bits + moved
        sums = sums_out - outputs + sums_in if array.dataflow != "os" else 0
        assert activity.accumulator_bits == sums * array.accumulator_bits


@many
@given(problems(), st.floats(0.1, 1000), st.booleans())
def test_the_choice(problem, bits_per_cycle, prefetched):
    """At a trickle of bandwidth the choice is within 2 % of the fewest bytes, first load included; it never depends on
    how often it is asked for."""
    found = tilings(problem)
    chosen = found.choose(bits_per_cycle, prefetched)
    assert chosen in found.tilings
    assert found.choose(bits_per_cycle, prefetched) == chosen
    starved = found.tilings.index(found.choose(1e-9, prefetched=True))
    loads = found.dram_bits + found.first_input_bits
    assert loads[starved] <= 1.02 * loads.min() + 1e-3


def whole(m: int, k: int, n: int, array: ArraySpec, space: int) -> Problem:
    return Problem(
        m=m,
        k=k,
        n=n,
        bits=16,
        window=None,
        input_channels=k,
        input_on_chip=True,
        output_on_chip=True,
        staged_bits=0,
        vector_operations_per_output=0,
        space=space,
        burst=32,
        array=array,
        sram_bytes_per_cycle=HUGE,
        lanes=0,
    )


def test_a_long_reduction_is_cut_so_that_it_loads_twice():
    """At K = 4096 one os fold of a 12x14 array is 114,688 bytes of weights: no two of them fit 128 KiB."""
    problem = whole(1, 4096, 4096, ArraySpec(12, 14, dataflow="os"), 128 * 1024)
    found = candidates(problem).tilings
    assert all(tiling.k < 4096 for tiling in found)
    assert all(tiling.k * tiling.n * 2 * 2 <= 128 * 1024 for tiling in found)
    roomy = candidates(replace(problem, space=256 * 1024)).tilings
    assert any(tiling.k == 4096 for tiling in roomy)


def test_what_does_not_fit_is_said_with_what_would():
    problem = whole(1, 64, 64, ArraySpec(14, 14, dataflow="ws"), 16)
    with pytest.raises(ppsim.InputError, match=r"the smallest takes \d+ bytes and 16 are free") as caught:
        candidates(problem)
    needed = int(str(caught.value).split("takes ")[1].split()[0])
    assert candidates(replace(problem, space=needed)).tilings
    with pytest.raises(ppsim.InputError):
        candidates(replace(problem, space=needed - 2))


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.integers(0, 9000),
    st.integers(64, 4096),
    st.sampled_from((1, 8, 32)),
    st.integers(0, 999),
    st.tuples(st.booleans(), st.booleans()),
)
def test_a_vector_layer_moves_each_bit_once(in_bytes, out_bytes, operations, space, burst, cycles, stays):
    nest = vector_nest(8 * in_bytes, 8 * out_bytes, operations, space, burst, cycles, stays)
    tiles = in_order(nest)
    loaded, stored = (0 if stay else 8 * size for stay, size in zip(stays, (in_bytes, out_bytes), strict=True))
    assert nest.activity == Activity(
        vector_operations=operations,
        sram_bits=8 * (in_bytes + out_bytes) + loaded + stored,
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
