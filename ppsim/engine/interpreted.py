"""The engine in Python, event by event, with shortcuts or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from ppsim.engine.accelerator import Accelerator
from ppsim.engine.echo import Echo
from ppsim.engine.exchange import Exchange
from ppsim.engine.kernel import RANK, Kernel
from ppsim.engine.loading import Item, Timed
from ppsim.engine.loops import main_loop
from ppsim.engine.servers import Channel
from ppsim.engine.shortcuts import SteadyState
from ppsim.engine.trace import SERVERS, ChannelUse, LinkUse, Trace
from ppsim.mapping.program import LOOPS, Nest, Program, kind_of
from ppsim.units import duration_fs


def reference(
    program: Program,
    make_accelerator: Callable[..., Accelerator] = Accelerator,
    make_exchange: Callable[[Program, Kernel, list[Accelerator]], Exchange] = Exchange,
) -> Trace:
    """Simulate a Program tile by tile.

    Accelerators and exchanges that do something else besides, as those of `recording`, may be made in place of these.
    """
    return _run(program, False, make_accelerator, make_exchange)


def shortcuts(program: Program) -> Trace:
    """Simulate a Program; what is known to repeat is skipped, exactly."""
    return _run(program, True, Accelerator, Exchange)


def _run(
    program: Program,
    skip: bool,
    make_accelerator: Callable[..., Accelerator],
    make_exchange: Callable[[Program, Kernel, list[Accelerator]], Exchange],
) -> Trace:
    system = program.system
    kernel = Kernel()
    channels = [Channel(system.dram.quantum_bytes, number * RANK) for number in range(system.channels)]
    start = system.launch_fs
    accelerators: list[Accelerator] = []
    timed = [cache(partial(timed_tiles, kind.clock_hz)) for kind in system.kinds]
    exchange: Exchange | None = None

    def stage_done(accelerator: int, stage: int, time: int) -> None:
        assert exchange is not None
        exchange.finish_later(accelerator, stage, time)

    for a in range(system.accelerators):
        number = system.channel_of(a)
        accelerators.append(
            make_accelerator(
                a,
                items_of(
                    [stage.work[a] for stage in program.stages],
                    [stage.rates[number] for stage in program.stages],
                    timed[system.kind_of[a]],
                ),
                kernel,
                channels[number],
                system.dram.latency_fs,
                start,
                len(program.stages),
                stage_done,
                system.accelerator(a).vector_fs,
            )
        )
    exchange = make_exchange(program, kernel, accelerators)
    steady = echo = None
    if skip:
        steady = SteadyState(kernel, exchange, accelerators, channels)
        exchange.echo = echo = Echo(kernel, accelerators, exchange.finish_later)
    for accelerator in accelerators:
        accelerator.weights.poke(start)
    exchange.begin(start)
    kernel.run()
    _check_complete(program, exchange)
    return Trace(
        program=program,
        end_fs=max(max(times) for times in exchange.delivered),
        ends=tuple(
            dict(zip(SERVERS, (*(stream.ends for stream in a.streams), a.computed), strict=True)) for a in accelerators
        ),
        messages=tuple(tuple(times) for times in exchange.arrivals),
        started=tuple(tuple(a.started[s] for a in accelerators) for s in range(len(program.stages))),
        finished=tuple(tuple(times) for times in exchange.finished),
        delivered=tuple(tuple(times) for times in exchange.delivered),
        channels=tuple(ChannelUse(c.busy_fs, c.bytes, c.quanta) for c in channels),
        links=tuple(LinkUse(link.busy_fs, link.bytes) for link in exchange.links),
        events=kernel.events,
        shortcuts={"steady_state": steady.count, "echo": echo.count} if steady and echo else {},
    )


def items_of(
    work: Sequence[Sequence[Nest]], rates: Sequence[int], timed: Callable[[Nest], tuple[Timed, ...]]
) -> list[Item]:
    """An accelerator's nests by stage, at the DRAM rates of these, in program order.

    `timed` gives the tiles of a nest in the time they take there: the same object each time it is asked.
    """
    items = []
    for s, (nests, rate) in enumerate(zip(work, rates, strict=True)):
        for number, nest in enumerate(nests):
            items.append(
                Item(
                    stage=s,
                    nest=nest,
                    kinds=nest.kinds,
                    tiles=timed(nest),
                    length=nest.length,
                    rate=rate,
                    loads=(nest.loads_weights, nest.loads_inputs),
                    waits=(nest.weights_wait, True),
                    stores=nest.stores,
                    last=number == len(nests) - 1,
                    space=(nest.weight_space, nest.input_space),
                    loop=main_loop(nest.counts),
                )
            )
    return items


def timed_tiles(clock_hz: int, nest: Nest) -> tuple[Timed, ...]:
    """The nest's tiles by kind, in fs of an accelerator with that clock."""
    tiles: list[Timed] = [(0, 0, 0, 0, 0, False)] * 3**LOOPS
    for states, (weight_bytes, input_bytes, compute_cycles, vector_cycles, output_bytes, opens) in nest.tiles.items():
        compute, vector = duration_fs(compute_cycles, clock_hz), duration_fs(vector_cycles, clock_hz)
        tiles[kind_of(states)] = weight_bytes, input_bytes, compute, vector, output_bytes, opens
    return tuple(tiles)


def _check_complete(program: Program, exchange: Exchange) -> None:
    for stage, times in zip(program.stages, exchange.delivered, strict=True):
        if min(times) < 0:
            stuck = ", ".join(str(a) for a, time in enumerate(times) if time < 0)
            raise RuntimeError(
                f"stage {stage.name!r} never ended on accelerator(s) {stuck}: a fault in ppsim, please report"
            )
