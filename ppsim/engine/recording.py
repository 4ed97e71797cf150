"""`record`: the reference engine with someone who writes down what every server does, and when.

The parts below are those of the engine and do what these do; each notes what it has just reserved. Nothing of it is in
the way of a run that nobody records.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

from ppsim.engine import trace as works
from ppsim.engine.accelerator import Accelerator
from ppsim.engine.exchange import ADDING, Exchange, ReadBack, Transit
from ppsim.engine.interpreted import reference
from ppsim.engine.kernel import Kernel
from ppsim.engine.loading import LoadStream
from ppsim.engine.servers import Channel, Link, QueueStream
from ppsim.engine.trace import Recording, Work
from ppsim.mapping.program import Program

#: whose bytes are moved: stage, nest, tile, message; -1 for what there is none of
Label = tuple[int, int, int, int]


def record(program: Program) -> Recording:
    """Simulate a Program tile by tile, as engine="reference" does, and keep every piece of work."""
    notes = _Notes(program)
    trace = reference(program, partial(_Accelerator, notes), partial(_Exchange, notes))
    for unit in notes.units:
        unit.computed.recorded = list(unit.computed.recorded)  # lets go of the accelerator
    return Recording(
        trace,
        *(tuple(map(_work, of)) for of in (notes.arrays, notes.vector_units, notes.channels, notes.links)),
    )


def _work(note: array[int]) -> Work:
    return np.array(note, dtype=np.int64).view(works.WORK)


class _Notes:
    """What is written down: for each server the fields of `WORK`, one piece after the other."""

    def __init__(self, program: Program) -> None:
        system = program.system
        self.units: list[_Accelerator] = []
        self.arrays = [array("q") for _ in range(system.accelerators)]
        self.vector_units = [array("q") for _ in range(system.accelerators)]
        self.channels = [array("q") for _ in range(system.channels)]
        self.links = [array("q") for _ in program.links]
        self.channel_of = [system.channel_of(a) for a in range(system.accelerators)]

    def quantum(self, a: int, what: int, label: Label, start: int, end: int, size: int) -> None:
        """A channel is reserved for a quantum."""
        stage, nest, tile, message = label
        self.channels[self.channel_of[a]].extend((start, end, what, a, stage, nest, tile, message, -1, size))


class _Accelerator(Accelerator):
    """An accelerator whose arrays, vector unit and streams are watched."""

    weights: _LoadStream
    inputs: _LoadStream
    outputs: _Outputs
    exchange_reads: _QueueStream
    exchange_writes: _QueueStream

    def __init__(
        self, notes: _Notes, index: int, items: list[Any], kernel: Kernel, channel: Channel, *others: Any
    ) -> None:
        super().__init__(index, items, kernel, channel, *others)
        self.notes = notes
        #: by item: its number among the nests of its stage
        self.nests = [number for _, same in groupby(items, attrgetter("stage")) for number, _ in enumerate(same)]
        self.weights = _LoadStream(works.WEIGHTS, self, kernel, channel)
        self.inputs = _LoadStream(works.INPUTS, self, kernel, channel)
        self.outputs = _Outputs(works.OUTPUTS, self, kernel, channel)
        self.exchange_reads = _QueueStream(works.EXCHANGE_READS, self, kernel, channel)
        self.exchange_writes = _QueueStream(works.EXCHANGE_WRITES, self, kernel, channel)
        self.computed.recorded = _Computed(self)
        notes.units.append(self)

    def label(self, item: int, tile: int) -> Label:
        """Label of a tile."""
        return self.items[item].stage, self.nests[item], tile, -1


class _Computed(list[int]):
    """Ends of tiles. One is appended when arrays and vector unit are reserved for the tile the accelerator is at."""

    def __init__(self, unit: _Accelerator) -> None:
        super().__init__()
        self.unit, self.array = unit, unit.notes.arrays[unit.index]
        self.vector_unit = unit.notes.vector_units[unit.index]

    def append(self, done: int, /) -> None:
        """Note the end, and the tile."""
        super().append(done)
        unit = self.unit
        item, tile = unit.items[unit.item], unit.position
        _, _, compute, vector, _, _ = item.tiles[item.kinds[tile]]
        whose = (unit.index, item.stage, unit.nests[unit.item], tile, -1, -1, 0)
        if compute:
            self.array.extend((unit.array_free - compute, unit.array_free, works.ARRAY, *whose))
        if vector:
            self.vector_unit.extend((unit.vector_free - vector, unit.vector_free, works.VECTOR, *whose))


def _quantum(stream: LoadStream | QueueStream, serve: Callable[[int], None], now: int) -> tuple[int, int, int]:
    """Let a stream's next quantum be served: from when, until when, and its bytes."""
    busy, remaining = stream.channel.busy_fs, stream.remaining
    serve(now)
    return stream.due - (stream.channel.busy_fs - busy), stream.due, remaining - stream.remaining


class _LoadStream(LoadStream):
    unit: _Accelerator

    def _serve(self, now: int) -> None:
        start, end, size = _quantum(self, super()._serve, now)
        # the stream is already at the tile after the one it loads
        label = self.unit.label(self.item, self.position - 1)
        self.unit.notes.quantum(self.unit.index, self.operand, label, start, end, size)


class _QueueStream(QueueStream):
    """A stream that is told, before it is asked for anything, what the request is for."""

    def __init__(self, what: int, unit: _Accelerator, kernel: Kernel, channel: Channel) -> None:
        super().__init__(kernel, channel)
        self.what, self.unit = what, unit
        self.labels: deque[Label] = deque()
        self.label: Label = (-1, -1, -1, -1)

    def start(self, now: int) -> int:
        if size := super().start(now):
            self.label = self.labels.popleft()
        return size

    def _serve(self, now: int) -> None:
        start, end, size = _quantum(self, super()._serve, now)
        self.unit.notes.quantum(self.unit.index, self.what, self.label, start, end, size)


class _Outputs(_QueueStream):
    def ask(self, size: int, rate: int, earliest: int, follows: Callable[[int], None], now: int) -> None:
        # the accelerator asks for the tile before the one it is at
        self.labels.append(self.unit.label(self.unit.item, self.unit.position - 1))
        super().ask(size, rate, earliest, follows, now)


class _Transit(Transit):
    exchange: _Exchange

    def _pass(self, link: Link, now: int) -> int:
        hop, busy = self.hop, link.busy_fs
        head = super()._pass(link, now)
        message = self.message
        whose = (message.source, self.stage, -1, -1, self.number, hop, message.bytes)
        note = self.exchange.notes.links[message.route[hop]]
        note.extend((link.free - (link.busy_fs - busy), link.free, works.MESSAGE, *whose))
        return head


class _Exchange(Exchange):
    carrier = _Transit

    def __init__(self, notes: _Notes, program: Program, kernel: Kernel, accelerators: list[Accelerator]) -> None:
        super().__init__(program, kernel, accelerators)
        self.notes = notes

    def read_back(self, reading: ReadBack, now: int) -> None:
        self.notes.units[reading.accelerator].exchange_reads.labels.append((reading.stage, -1, -1, -1))
        super().read_back(reading, now)

    def arrived(self, transit: Transit, now: int) -> None:
        super().arrived(transit, now)
        if transit.phase == ADDING:
            unit, message = self.notes.units[transit.message.destination], transit.message
            whose = (message.destination, transit.stage, -1, -1, transit.number, -1, 0)
            start = unit.vector_free - unit.adding_fs(message.sums)
            self.notes.vector_units[message.destination].extend((start, unit.vector_free, works.SUMS, *whose))

    def landed(self, transit: Transit, now: int) -> None:
        message = transit.message
        if message.written:
            label = (transit.stage, -1, -1, transit.number)
            self.notes.units[message.destination].exchange_writes.labels.append(label)
        super().landed(transit, now)
