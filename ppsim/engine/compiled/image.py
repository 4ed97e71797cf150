"""A Program in the memory of the loop, before anything has happened.

The image of a program does not depend on DRAM bandwidths; it is kept for the next program that differs in these alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints
from ppsim.engine.compiled.memory import Memory, rows_of
from ppsim.engine.compiled.sending import Sending, sending
from ppsim.engine.compiled.working import Working, working
from ppsim.mapping import remembering
from ppsim.mapping.columns import Lists
from ppsim.mapping.program import Program
from ppsim.mapping.remembering import Same
from ppsim.units import FS_PER_S

#: runs that could take longer than this many fs (about 38 minutes) are left to Python's integers
LONGEST_FS = 1 << 61
#: bytes of images that are remembered, and of beginnings
_ROOM = 64 << 20


class Image(NamedTuple):
    """`memory` but for the rates of channels."""

    memory: Ints
    work: Working
    sent: Sending


class Begin(NamedTuple):
    """The part of a memory that comes first, whatever the work: places and exchanges."""

    memory: Ints
    sent: Sending


_IMAGES: remembering.Memory[Image] = remembering.Memory(_ROOM, lambda image: 2 * image.memory.nbytes)
_BEGINS: remembering.Memory[Begin] = remembering.Memory(_ROOM, lambda begin: begin.memory.nbytes)


def image_of(program: Program) -> tuple[Image, Ints]:
    """A program's image, and a memory that is ready to run; raises OverflowError for what does not fit 64 bits."""
    system = program.system
    exchanges = (
        tuple([Same(stage.messages) for stage in program.stages]),
        tuple([stage.reads for stage in program.stages]),
        Same(program.links),
        (system.channel_of_each, system.launch_fs, system.interconnect),
        (system.dram.latency_ns, system.dram.quantum_bytes, system.dram.burst_bytes),
        tuple([(kind.clock_hz, kind.vector) for kind in system.kinds]),
        system.kind_of,
    )
    key = (tuple([(Same(stage.work), stage.waits_for) for stage in program.stages]), exchanges)
    image = _IMAGES.get(key, lambda: _imaged(program, exchanges))
    memory = image.memory
    if 2 * memory.nbytes < _ROOM:  # it is remembered
        memory = memory.copy()
    rates = np.array([stage.rates for stage in program.stages], dtype=np.int64)
    _check_range(program, image, int(rates.min()))
    rows_of(memory, int(memory[c.RATES]), len(rates), rates.shape[1])[:] = rates
    items = rows_of(memory, int(memory[c.ITEMS]), len(image.work.item_channels), c.ITEM_COLUMNS)
    items[:, c.RATE] = rates[items[:, c.ITEM_STAGE], image.work.item_channels]
    return image, memory


def _imaged(program: Program, exchanges: Hashable) -> Image:
    stages, system = program.stages, program.system
    count = system.accelerators
    begin = _BEGINS.get(exchanges, lambda: _begin(program))
    sent = begin.sent
    memory = Memory(begin.memory.copy() if begin.memory.nbytes < _ROOM else begin.memory)
    head = memory.head
    places = rows_of(memory.begin, int(head[c.PLACES]), len(stages) * count, c.PLACE_COLUMNS)
    places[:, c.HAS_WORK] = [bool(nests) for stage in stages for nests in stage.work]
    work = working(program, memory, int(head[c.PLACES]))
    work.units[:, c.READ] = work.units[:, c.READS_END] = sent.reads[:-1]
    work.units[:, c.WRITE] = work.units[:, c.WRITES_END] = sent.writes[:-1]
    # room for everything that could be pending at once
    pending = c.STREAMS_EACH * count + 2 * len(places) + sent.messages
    head[c.HEAP] = memory.reserve(pending * c.EVENT_COLUMNS)
    head[c.UNITS], head[c.STREAMS] = memory.add(work.units), memory.add(work.streams)
    head[c.CHANNELS] = memory.add(np.zeros((system.channels, c.CHANNEL_COLUMNS), dtype=np.int64))
    head[c.RATES] = memory.add(np.zeros((len(stages), system.channels), dtype=np.int64))
    head[c.STAGE_TABLE] = memory.add(_stages(program, memory))
    return Image(memory.whole(), work, sent)


def _begin(program: Program) -> Begin:
    stages, system = program.stages, program.system
    memory = Memory(np.zeros(c.HEAD, dtype=np.int64))
    head = memory.head
    head[c.ACCELERATORS], head[c.STAGES], head[c.CHANNEL_COUNT] = system.accelerators, len(stages), system.channels
    head[c.LATENCY], head[c.QUANTUM] = system.dram.latency_fs, system.dram.quantum_bytes
    head[c.IDEAL] = system.interconnect.ideal
    places = np.zeros((len(stages) * system.accelerators, c.PLACE_COLUMNS), dtype=np.int64)
    places[:, [c.STARTED, c.FINISHED, c.DELIVERED]] = -1
    places[:, c.READ_BACK] = [size for stage in stages for size in stage.reads]
    head[c.PLACES] = memory.add(places)
    sent = sending(program, memory, places)
    return Begin(memory.whole(), sent)


def _stages(program: Program, memory: Memory) -> Ints:
    stages = program.stages
    waiters: list[list[int]] = [[] for _ in stages]
    for number, stage in enumerate(stages):
        for source in stage.waits_for:
            waiters[source].append(number)
    table = np.zeros((len(stages), c.STAGE_COLUMNS), dtype=np.int64)
    table[:, c.STAGE_RATES] = memory.head[c.RATES] + np.arange(len(stages)) * program.system.channels
    table[:, c.WAITERS], table[:, c.WAITERS_END] = memory.add_lists(Lists.of(waiters))
    table[:, c.SOURCES], table[:, c.SOURCES_END] = memory.add_lists(Lists.of([stage.waits_for for stage in stages]))
    return table


def _check_range(program: Program, image: Image, slowest: int) -> None:
    """Raise OverflowError where everything one after the other would take too long for 64-bit integers."""
    system, work, sent = program.system, image.work, image.sent
    moved = work.moved_bytes + sent.moved_bytes
    tasks = work.tasks + int(sent.reads[-1] - sent.reads[0] + sent.writes[-1] - sent.writes[0])
    quanta = moved / system.dram.quantum_bytes + tasks
    served = moved / slowest * FS_PER_S + quanta + tasks * float(system.dram.latency_fs)
    if system.launch_fs + work.busy_fs + sent.busy_fs + served > LONGEST_FS:
        raise OverflowError
    if system.channels + sent.messages >= c.RANKS:
        raise OverflowError
