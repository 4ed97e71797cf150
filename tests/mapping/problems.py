"""Problems to tile, and a walk over every tile of one: what each loads, computes and stores."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from hypothesis import assume
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.array import ArraySpec
from ppsim.mapping.program import FIRST, LAST, LOOPS, MIDDLE, Activity, Nest, Tile
from ppsim.mapping.tiling import Candidates, Problem, Tiling, candidates
from ppsim.workload.gemm import Window
from ppsim.workload.layers import Conv

HUGE = 10**9


def problem_of(m: int, k: int, n: int, array: ArraySpec, space: int = 10**6, **changes) -> Problem:
    """One dense product of 16-bit matrices whose weights alone are in DRAM; `changes` are what is different."""
    bits = changes.get("bits", 16)
    as_usual = {
        "groups": 1,
        "bits": bits,
        "window": None,
        "input_channels": k,
        "weight_bits": k * n * bits,
        "macs": k * n,
        "input_on_chip": True,
        "weights_on_chip": False,
        "weights_wait": False,
        "output_on_chip": True,
        "staged_bits": 0,
        "vector_operations_per_output": 0,
        "burst": 1,
        "sram_bytes_per_cycle": HUGE,
        "lanes": 0,
    }
    return Problem(m=m, k=k, n=n, array=array, space=space, **(as_usual | changes))


def problem_of_conv(conv: Conv, shape: tuple[int, int, int], batch: int, array: ArraySpec, **changes) -> Problem:
    """A convolution whose input is in DRAM."""
    gemm, window = conv.gemm((shape,), batch), conv.window((shape,))
    rest = {"window": window, "input_channels": shape[0] // conv.groups, "input_on_chip": False} | changes
    return problem_of(gemm.m, gemm.k, gemm.n, array, **rest)


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
def problems(draw: st.DrawFn, images: bool | None = None, dense: bool = False) -> Problem:
    """Products of a linear layer, or of a convolution with padding of at most one, one or several groups of them.

    Unless `dense`, there may be fewer weight bits and MACs than weights would have, and with n:m sparsity a reduction
    that is shorter than what it reads.
    """
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
        gemm, window, features = conv.gemm((shape,), batch), conv.window((shape,)), shape[0] * shape[1] * shape[2]
        m, k = gemm.m, gemm.k
    else:
        m, k, window = draw(st.integers(1, 20)), draw(st.integers(1, 24)), None
        channels = features = k
        batch = m
    if not dense and draw(st.integers(0, 4)) == 0:
        k = up(k, draw(st.sampled_from((2, 4))))
    weight_bits, macs = k * n * bits, k * n
    if not dense and draw(st.booleans()):
        weight_bits, macs = draw(st.integers(0, k * n * (bits + 4))), draw(st.integers(0, k * n))
    on_chip = draw(st.sampled_from((False, False, True)))
    return Problem(
        groups=draw(st.sampled_from((1, 1, 2, 3))),
        m=m,
        k=k,
        n=n,
        bits=bits,
        window=window,
        input_channels=channels,
        weight_bits=weight_bits,
        macs=macs,
        input_on_chip=on_chip,
        weights_on_chip=draw(st.sampled_from((False, False, True))),
        weights_wait=draw(st.booleans()),
        output_on_chip=draw(st.booleans()),
        staged_bits=features * batch * bits if on_chip and draw(st.booleans()) else 0,
        vector_operations_per_output=draw(st.integers(0, 2)),
        space=draw(st.sampled_from((256, 512, 1024, 2048, 4096, 65536))),
        burst=draw(st.sampled_from((1, 2, 32))),
        array=draw(arrays()),
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
    """Every tile in order, group by group. An operand is loaded when it is another piece than the tile before had.

    Weight bits and MACs fall on a piece in proportion, rounded down, and the last one of k and n has what is left.
    """
    array, bits, window = problem.array, problem.bits, problem.window
    height, width = (window.out_height, window.out_width) if window else (problem.m, 1)
    image_count = problem.m // (height * width)
    rows = list(product(cut(image_count, tiling.images), cut(height, tiling.rows)))
    ns, ks = cut(problem.n, tiling.n), cut(problem.k, tiling.k)
    whole = problem.k * problem.n
    spread = {
        (k0, n0): [total * k * n // whole for total in (problem.weight_bits, problem.macs)]
        for (k0, k), (n0, n) in product(ks, ns)
    }
    last = (ks[-1][0], ns[-1][0])
    others = [amounts for place, amounts in spread.items() if place != last]
    spread[last] = [problem.weight_bits - sum(w for w, _ in others), problem.macs - sum(m for _, m in others)]
    order = product(rows, ns, ks) if tiling.m_outer else ((r, n, k) for n, r, k in product(ns, rows, ks))
    found: list[Walked] = []
    before_weights = before_inputs = None
    places = list(product(range(problem.groups), order))
    for index, (group, (((image, images), (row, strip)), (n0, n), (k0, k))) in enumerate(places):
        m = images * strip * width
        weights, inputs = (group, k0, n0), (group, image, row, k0)
        weight_bits, macs_a_row = spread[k0, n0]
        if weights == before_weights or problem.weights_on_chip:
            weight_bits = 0
        input_bits = 0
        if inputs != before_inputs and not problem.input_on_chip:
            elements = images * strip_rows(window, row, strip) * window.in_width if window else m
            input_bits = elements * up(k * problem.input_channels, problem.k) * bits  # whole channels
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
                    macs=m * macs_a_row,
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
        for _ in range(LOOPS):
            kind, digit = divmod(kind, 3)
            digits.append(digit)
        return tuple(reversed(digits))

    assert {FIRST, MIDDLE, LAST} == {0, 1, 2}
    return [nest.tiles[states(kind)] for kind in nest.kinds]
