"""What happens between stages: read back, send over links, write, deliver.

An exchange is a rendezvous: a message leaves when its source has the data ready and its destination has finished the
stage too. So what goes on inside a stage never depends on another accelerator, except through a shared channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.engine.accelerator import Accelerator
from ppsim.engine.echo import Echo
from ppsim.engine.kernel import RANK, Kernel
from ppsim.engine.servers import Link
from ppsim.mapping.program import Message, Program
from ppsim.units import FS_PER_S


@dataclass(slots=True, eq=False)
class Finished:
    """The event that an accelerator has finished a stage."""

    exchange: Exchange
    accelerator: int
    stage: int
    rank: int

    def fire(self, now: int) -> None:
        """Hand over to the exchange."""
        self.exchange.finished_at(self.accelerator, self.stage, now)


@dataclass(slots=True, eq=False)
class ReadBack:
    """The event that what an accelerator sends has come back from its DRAM."""

    exchange: Exchange
    accelerator: int
    stage: int
    rank: int

    def fire(self, now: int) -> None:
        """Hand over to the exchange."""
        self.exchange.ready_to_send(self.accelerator, self.stage, now)


@dataclass(slots=True, eq=False)
class Transit:
    """A message on its way: virtual cut-through, each link reserved when the head reaches it."""

    exchange: Exchange
    message: Message
    stage: int
    number: int
    rank: int
    waiting_for: int = 2
    hop: int = 0
    tail_out: int = 0
    on_links: bool = True

    def fire(self, now: int) -> None:
        """The head reaches the next link, the tail has arrived, or the written data is complete."""
        exchange, message = self.exchange, self.message
        if self.hop < len(message.route):
            link = exchange.links[message.route[self.hop]]
            hop_fs, rate = exchange.hop_fs, exchange.link_rate
            serialise = -(-message.bytes * FS_PER_S // rate)
            head = link.free if link.free > now else now
            tail = head + serialise
            if self.hop and self.tail_out + hop_fs > tail:
                tail = self.tail_out + hop_fs
            link.busy_fs += tail - head
            link.free = tail
            link.bytes += message.bytes
            self.tail_out = tail
            self.hop += 1
            arrival = head + hop_fs if self.hop < len(message.route) else tail + hop_fs
            exchange.kernel.at(arrival, self)
        elif self.on_links:
            self.on_links = False
            exchange.arrived(self, now)
        else:
            exchange.completed(self, now)


class Exchange:
    """The exchanges of all stages."""

    def __init__(self, program: Program, kernel: Kernel, accelerators: list[Accelerator]) -> None:
        system, stages = program.system, program.stages
        self.program, self.kernel, self.accelerators = program, kernel, accelerators
        self.links = [Link() for _ in program.links]
        self.hop_fs, self.link_rate = system.interconnect.hop_fs, system.interconnect.rate
        self.ideal = system.interconnect.ideal
        self.latency = system.dram.latency_fs
        self.channel_of = [system.channel_of(a) for a in range(system.accelerators)]
        count = system.accelerators
        self.finished = [[-1] * count for _ in stages]
        self.delivered = [[-1] * count for _ in stages]
        self.arrivals = [[-1] * len(stage.messages) for stage in stages]
        self.missing = [[0] * count for _ in stages]
        self.leaving: list[list[list[Transit]]] = [[[] for _ in range(count)] for _ in stages]
        self.coming: list[list[list[Transit]]] = [[[] for _ in range(count)] for _ in stages]
        self.waiters: list[list[int]] = [[] for _ in stages]
        #: what is under way at an accelerator's channel or towards it: ends of stages, read-backs, messages
        self.busy = [0] * count
        #: stages an accelerator has finished and waits for the outputs of
        self.undelivered = [0] * count
        self.alone = [self.channel_of.count(channel) == 1 for channel in self.channel_of]
        self.echo: Echo | None = None
        rank = RANK * system.channels
        for s, stage in enumerate(stages):
            for waited in stage.waits_for:
                self.waiters[waited].append(s)
            for number, message in enumerate(stage.messages):
                transit = Transit(self, message, s, number, rank)
                rank += RANK
                self.leaving[s][message.source].append(transit)
                self.coming[s][message.destination].append(transit)
                self.missing[s][message.destination] += 1

    def _rank(self, accelerator: int) -> int:
        return RANK * self.channel_of[accelerator]

    def begin(self, start: int) -> None:
        """Start the run: stages without work at the beginning are finished at once."""
        for a in range(len(self.accelerators)):
            self._finish_idle(a, 0, start)

    def _finish_idle(self, accelerator: int, stage: int, now: int) -> None:
        """Stages an accelerator has no work in are finished when the stage before is."""
        stages = self.program.stages
        while stage < len(stages) and not stages[stage].work[accelerator]:
            self._finish(accelerator, stage, now)
            stage += 1

    def finish_later(self, accelerator: int, stage: int, time: int) -> None:
        """An accelerator will have finished a stage at `time`."""
        self.busy[accelerator] += 1
        self.kernel.at(time, Finished(self, accelerator, stage, self._rank(accelerator)))

    def finished_at(self, accelerator: int, stage: int, now: int) -> None:
        """An accelerator has finished a stage in which it had work."""
        self.busy[accelerator] -= 1
        if self.echo is not None:
            self.echo.finished(self.accelerators[accelerator], stage, now)
        self._finish(accelerator, stage, now)
        self._finish_idle(accelerator, stage + 1, now)

    def _finish(self, a: int, s: int, now: int) -> None:
        self.finished[s][a] = now
        stage = self.program.stages[s]
        if stage.reads[a]:
            self.busy[a] += 1
            unit = self.accelerators[a]
            rate = stage.rates[self.channel_of[a]]
            unit.exchange_reads.ask(stage.reads[a], rate, now, lambda at: self._read(a, s, at), now)
        else:
            self._release(self.leaving[s][a], now)
        self._release(self.coming[s][a], now)
        if self.missing[s][a]:
            self.undelivered[a] += 1
        else:
            self._deliver(a, s, now)

    def _read(self, a: int, s: int, now: int) -> None:
        self.kernel.at(now + self.latency, ReadBack(self, a, s, self._rank(a)))

    def ready_to_send(self, a: int, s: int, now: int) -> None:
        """What accelerator a sends after stage s is on chip."""
        self.busy[a] -= 1
        self._release(self.leaving[s][a], now)

    def _release(self, transits: list[Transit], now: int) -> None:
        for transit in transits:
            transit.waiting_for -= 1
            if transit.waiting_for == 0:
                message = transit.message
                self.busy[message.destination] += 1
                if self.ideal or not message.route:
                    for number in message.route:
                        self.links[number].bytes += message.bytes
                    transit.hop = len(message.route)
                transit.fire(now)

    def arrived(self, transit: Transit, now: int) -> None:
        """A message's tail is at its destination."""
        message = transit.message
        if not message.written:
            self.completed(transit, now)
            return
        unit = self.accelerators[message.destination]
        rate = self.program.stages[transit.stage].rates[self.channel_of[message.destination]]
        size = self.program.system.dram.rounded(message.bytes)

        def written(at: int) -> None:
            self.kernel.at(at + self.latency, transit)

        unit.exchange_writes.ask(size, rate, now, written, now)

    def completed(self, transit: Transit, now: int) -> None:
        """A message's data is where it is needed."""
        a, s = transit.message.destination, transit.stage
        self.busy[a] -= 1
        self.arrivals[s][transit.number] = now
        self.missing[s][a] -= 1
        if not self.missing[s][a]:
            self.undelivered[a] -= 1
            self._deliver(a, s, now)

    def _deliver(self, a: int, s: int, now: int) -> None:
        self.delivered[s][a] = now
        unit = self.accelerators[a]
        for waiter in self.waiters[s]:
            if all(self.delivered[w][a] >= 0 for w in self.program.stages[waiter].waits_for):
                unit.ready[waiter] = True
        if self.echo is not None and self._closed(unit) and self.echo.begin(unit, now):
            return
        unit.inputs.poke(now)
        unit.resolve(now)

    def _closed(self, unit: Accelerator) -> bool:
        """Whether nothing outside can touch an accelerator until it has finished the stage it is about to begin."""
        a, items = unit.index, unit.items
        if not self.alone[a] or self.busy[a] or self.undelivered[a] or unit.ending or unit.item >= len(items):
            return False
        stage = items[unit.item].stage
        if not unit.ready[stage] or unit.position or (unit.item and items[unit.item - 1].stage == stage):
            return False
        upcoming = next((item.stage for item in items[unit.item :] if item.stage != stage), None)
        return upcoming is None or stage in self.program.stages[upcoming].waits_for
