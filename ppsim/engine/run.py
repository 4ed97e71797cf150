"""`run`: simulate a Program."""

from __future__ import annotations

from collections.abc import Callable

from ppsim.engine.accelerator import Accelerator
from ppsim.engine.echo import Echo
from ppsim.engine.exchange import Exchange
from ppsim.engine.kernel import RANK, Kernel
from ppsim.engine.loading import Item, Timed
from ppsim.engine.loops import main_loop
from ppsim.engine.servers import Channel
from ppsim.engine.shortcuts import SteadyState
from ppsim.engine.trace import SERVERS, ChannelUse, LinkUse, Trace
from ppsim.errors import InputError
from ppsim.hardware import accelerator as hardware
from ppsim.mapping.program import LOOPS, Nest, Program, kind_of

ENGINES = ("auto", "reference")


def run(
    program: Program,
    engine: str = "auto",
    make_accelerator: Callable[..., Accelerator] = Accelerator,
    make_exchange: Callable[[Program, Kernel, list[Accelerator]], Exchange] = Exchange,
) -> Trace:
    """Simulate a Program. `engine` is "auto" (with exact shortcuts) or "reference" (tile by tile).

    Accelerators and exchanges that do something else besides, as those of `recording`, may be made in place of these.
    """
    if engine not in ENGINES:
        raise InputError(f"engine={engine!r} is unknown; accepted: {', '.join(ENGINES)}")
    system = program.system
    kernel = Kernel()
    channels = [Channel(system.dram.quantum_bytes, number * RANK) for number in range(system.channels)]
    start = system.launch_fs
    accelerators: list[Accelerator] = []
    timed: dict[tuple[int, int], list[Timed]] = {}
    exchange: Exchange | None = None

    def stage_done(accelerator: int, stage: int, time: int) -> None:
        assert exchange is not None
        exchange.finish_later(accelerator, stage, time)

    for a in range(system.accelerators):
        number = system.channel_of(a)
        accelerators.append(
            make_accelerator(
                a,
                _items(program, a, number, timed),
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
    if engine == "auto":
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


def _items(program: Program, a: int, channel: int, timed: dict[tuple[int, int], list[Timed]]) -> list[Item]:
    system, items = program.system, []
    for s, stage in enumerate(program.stages):
        nests = stage.work[a]
        for number, nest in enumerate(nests):
            key = id(nest), system.kind_of[a]
            if key not in timed:
                timed[key] = _timed(system.accelerator(a), nest)
            tiles = nest.tiles.values()
            items.append(
                Item(
                    stage=s,
                    nest=nest,
                    kinds=nest.kinds,
                    tiles=timed[key],
                    length=nest.length,
                    rate=stage.rates[channel],
                    loads=(any(t.weight_bytes for t in tiles), any(t.input_bytes for t in tiles)),
                    waits=(nest.weights_wait, True),
                    stores=any(t.output_bytes for t in tiles),
                    last=number == len(nests) - 1,
                    space=(nest.weight_space, nest.input_space),
                    loop=main_loop(nest.counts),
                )
            )
    return items


def _timed(accelerator: hardware.Accelerator, nest: Nest) -> list[Timed]:
    """The nest's tiles by kind, in fs of an accelerator's clock."""
    cycles_fs = accelerator.cycles_fs
    tiles: list[Timed] = [(0, 0, 0, 0, 0, False)] * 3**LOOPS
    for states, t in nest.tiles.items():
        tiles[kind_of(states)] = (
            t.weight_bytes,
            t.input_bytes,
            cycles_fs(t.compute_cycles),
            cycles_fs(t.vector_cycles),
            t.output_bytes,
            t.opens_output,
        )
    return tiles


def _check_complete(program: Program, exchange: Exchange) -> None:
    for stage, times in zip(program.stages, exchange.delivered, strict=True):
        if min(times) < 0:
            stuck = ", ".join(str(a) for a, time in enumerate(times) if time < 0)
            raise RuntimeError(
                f"stage {stage.name!r} never ended on accelerator(s) {stuck}: a fault in ppsim, please report"
            )
