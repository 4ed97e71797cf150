"""What happens between stages: read back, send over links, write, deliver.

An exchange is a rendezvous: a message leaves when its source has the data ready and its destination has finished the
stage too. So what goes on inside a stage never depends on another accelerator, except through a shared channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    """What an accelerator sends, as it lies in its DRAM: read once it is there, by whoever wrote it."""

    exchange: Exchange
    accelerator: int
    stage: int
    rank: int
    waiting_for: int = 1

    def leave(self, now: int) -> None:
        """All of it is written: read it back."""
        self.exchange.read_back(self, now)

    def fire(self, now: int) -> None:
        """Hand over to the exchange."""
        self.exchange.ready_to_send(self.accelerator, self.stage, now)


#: what a message does when it fires, once it has passed all links
TRAVELLING, ADDING, WRITING = 0, 1, 2


@dataclass(slots=True, eq=False)
class Transit:
    """A message on its way: each link is reserved when the head (or the first chunk) reaches it.

    `followers` pass its data on when it has arrived, `told` find it in DRAM when it is written.
    """

    exchange: Exchange
    message: Message
    stage: int
    number: int
    rank: int
    waiting_for: int
    followers: list[Transit] = field(default_factory=list)
    told: list[Transit | ReadBack] = field(default_factory=list)
    hop: int = 0
    tail_in: int = 0
    phase: int = TRAVELLING

    def leave(self, now: int) -> None:
        """Nothing has to be waited for any more."""
        self.exchange.set_off(self, now)

    def fire(self, now: int) -> None:
        """The head reaches the next link, the tail has arrived, its data is added, or it is written."""
        exchange, message = self.exchange, self.message
        if self.hop < len(message.route):
            exchange.kernel.at(self._pass(exchange.links[message.route[self.hop]], now), self)
        elif self.phase == TRAVELLING:
            exchange.arrived(self, now)
        elif self.phase == ADDING:
            exchange.landed(self, now)
        else:
            exchange.completed(self, now)

    def _pass(self, link: Link, now: int) -> int:
        """Reserve the next link; when the head reaches the one after it, or the tail the destination."""
        size = self.message.bytes
        head = link.free if link.free > now else now
        tail = head + -(-size * FS_PER_S // link.rate)
        chunk = self.exchange.chunk_fs(size, link)
        if self.hop and self.tail_in + chunk > tail:
            tail = self.tail_in + chunk
        link.busy_fs += tail - head
        link.free = tail
        link.bytes += size
        self.tail_in = tail + link.hop_fs
        self.hop += 1
        return head + chunk + link.hop_fs if self.hop < len(self.message.route) else self.tail_in


class Exchange:
    """The exchanges of all stages."""

    #: what carries a message
    carrier: type[Transit] = Transit

    def __init__(self, program: Program, kernel: Kernel, accelerators: list[Accelerator]) -> None:
        system, stages = program.system, program.stages
        self.program, self.kernel, self.accelerators = program, kernel, accelerators
        interconnect = system.interconnect
        self.links = [Link(spec.rate, spec.hop_fs) for spec in program.link_specs]
        self.ideal = interconnect.ideal
        #: chunks a message is stored and forwarded in; none: it is cut through
        self.chunks = interconnect.chunks if interconnect.switching == "store-and-forward" else 0
        self.latency = system.dram.latency_fs
        self.channel_of = [system.channel_of(a) for a in range(system.accelerators)]
        count = system.accelerators
        self.finished = [[-1] * count for _ in stages]
        self.delivered = [[-1] * count for _ in stages]
        self.arrivals = [[-1] * len(stage.messages) for stage in stages]
        self.missing = [[0] * count for _ in stages]
        #: by stage and accelerator: messages that carry data from it, those without, and those of both kinds to it
        self.leaving: list[list[list[Transit]]] = [[[] for _ in range(count)] for _ in stages]
        self.telling: list[list[list[Transit]]] = [[[] for _ in range(count)] for _ in stages]
        self.coming: list[list[list[Transit]]] = [[[] for _ in range(count)] for _ in stages]
        self.reading: list[dict[int, ReadBack]] = []
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
            reading = {a: ReadBack(self, a, s, self._rank(a)) for a, size in enumerate(stage.reads) if size}
            self.reading.append(reading)
            transits: list[Transit] = []
            for number, message in enumerate(stage.messages):
                transit = self.carrier(self, message, s, number, rank, 2 + len(message.after))
                rank += RANK
                transits.append(transit)
                for before in message.after:
                    self._follow(transits[before], transit, reading.get(message.source))
                (self.leaving if message.bytes else self.telling)[s][message.source].append(transit)
                self.coming[s][message.destination].append(transit)
                self.missing[s][message.destination] += 1

    def _follow(self, before: Transit, transit: Transit, reading: ReadBack | None) -> None:
        """Let a message wait for one to its source; to read it back, for those that report what they have stored."""
        (before.followers if transit.message.bytes else before.told).append(transit)
        reports = not before.message.bytes and not before.message.after
        if reading and reports and transit.message.bytes and reading not in before.told:
            before.told.append(reading)
            reading.waiting_for += 1

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
        self._release([self.reading[s][a]] if stage.reads[a] else self.leaving[s][a], now)
        self._release(self.telling[s][a], now)
        self._release(self.coming[s][a], now)
        if self.missing[s][a]:
            self.undelivered[a] += 1
        else:
            self._deliver(a, s, now)

    def read_back(self, reading: ReadBack, now: int) -> None:
        """Read what an accelerator sends from its DRAM."""
        a, stage = reading.accelerator, self.program.stages[reading.stage]
        self.busy[a] += 1

        def read(at: int) -> None:
            self.kernel.at(at + self.latency, reading)

        self.accelerators[a].exchange_reads.ask(stage.reads[a], stage.rates[self.channel_of[a]], now, read, now)

    def ready_to_send(self, a: int, s: int, now: int) -> None:
        """What accelerator a sends after stage s is on chip."""
        self.busy[a] -= 1
        self._release(self.leaving[s][a], now)

    def _release(self, waiting: Sequence[Transit | ReadBack], now: int) -> None:
        for one in waiting:
            one.waiting_for -= 1
            if one.waiting_for == 0:
                one.leave(now)

    def set_off(self, transit: Transit, now: int) -> None:
        """A message leaves."""
        message = transit.message
        self.busy[message.destination] += 1
        if self.ideal or not message.route:
            for number in message.route:
                self.links[number].bytes += message.bytes
            transit.hop = len(message.route)
        # an event of its own: who comes first on a link must not depend on who finished first at this instant
        self.kernel.at(now, transit)

    def chunk_fs(self, size: int, link: Link) -> int:
        """Time a chunk takes on a link before it is forwarded; none if messages are cut through."""
        return -(-size * FS_PER_S // (link.rate * self.chunks)) if self.chunks else 0

    def arrived(self, transit: Transit, now: int) -> None:
        """A message's tail is at its destination: what is to be added is added by the vector unit."""
        message = transit.message
        unit = self.accelerators[message.destination]
        duration = unit.adding_fs(message.sums) if message.sums else 0
        if not duration:
            self.landed(transit, now)
            return
        unit.vector_free = max(unit.vector_free, now) + duration
        transit.phase = ADDING
        self.kernel.at(unit.vector_free, transit)

    def landed(self, transit: Transit, now: int) -> None:
        """A message's data can be passed on; it is written if it has to be."""
        self._release(transit.followers, now)
        message = transit.message
        if not message.written:
            self.completed(transit, now)
            return
        unit = self.accelerators[message.destination]
        rate = self.program.stages[transit.stage].rates[self.channel_of[message.destination]]
        size = self.program.system.dram.rounded(message.bytes)

        def written(at: int) -> None:
            transit.phase = WRITING
            self.kernel.at(at + self.latency, transit)

        unit.exchange_writes.ask(size, rate, now, written, now)

    def completed(self, transit: Transit, now: int) -> None:
        """A message's data is where it is needed."""
        self._release(transit.told, now)
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
        unit.weights.poke(now)
        unit.inputs.poke(now)
        unit.resolve(now)

    def _closed(self, unit: Accelerator) -> bool:
        """Whether nothing outside can touch an accelerator until it has finished the stage it is about to begin."""
        a, items = unit.index, unit.items
        if not self.alone[a] or self.busy[a] or self.undelivered[a] or unit.ending or unit.item >= len(items):
            return False
        stage = items[unit.item].stage
        if self.finished[stage - 1][a] < 0:
            return False  # idle in a stage before, which is about to be finished and may have messages for it
        if not unit.ready[stage] or unit.position or (unit.item and items[unit.item - 1].stage == stage):
            return False
        upcoming = next((items[n].stage for n in range(unit.item, len(items)) if items[n].stage != stage), None)
        return upcoming is None or stage in self.program.stages[upcoming].waits_for
