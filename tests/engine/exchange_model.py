"""A little model of exchanges, apart from the engine's: messages one event at a time, in order of (time, number).

It takes from a trace what is not about messages - when accelerators have finished, and when a DRAM channel has served
what is read back and written - and says when every message has arrived and what every link has carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ppsim.engine.trace import Trace
from ppsim.mapping.program import Message, Program

SECOND = 10**15


def time_of(amount: int, per_second: int | Fraction) -> int:
    """Femtoseconds, rounded up."""
    return ceil(Fraction(amount) * SECOND / per_second)


class Wire:
    """A link: one message after the other."""

    def __init__(self, rate: int, latency: int) -> None:
        self.rate, self.latency = rate, latency
        self.free = self.busy = self.bytes = 0

    def carry(self, size: int, head: int, tail_there: int, chunks: int | None) -> tuple[int, int]:
        """When the head (or first chunk) and the tail are at the far end, of a message whose head is here at `head`.

        `tail_there` is when the tail came out of the wire before; in chunks, the last one has to be here as a whole.
        """
        entered = max(head, self.free)
        chunk = time_of(size, self.rate * chunks) if chunks else 0
        left = max(entered + time_of(size, self.rate), tail_there + chunk if tail_there else 0)
        self.busy += left - entered
        self.free = left
        self.bytes += size
        return entered + chunk + self.latency, left + self.latency


@dataclass
class Job:
    """A message with what it still waits for."""

    stage: int
    number: int
    message: Message
    needs: set[object]
    ready: int = 0
    hop: int = 0
    tail: int = 0
    added: bool = False


class Model:
    """All messages of a program, given the trace of its run; `arrivals` and `wires` are what should be in that."""

    def __init__(self, program: Program, trace: Trace) -> None:
        self.program, self.trace, system = program, trace, program.system
        spec = system.interconnect
        self.wires = [Wire(*spec.link(link)[:2]) for link in program.links]
        self.chunks = spec.chunks if spec.switching == "store-and-forward" else None
        self.latency = round(system.dram.latency_ns * 10**6)
        self.jobs: list[Job] = []
        #: (time, order, job or ("finished" | "read", stage, accelerator))
        self.events: list[tuple[int, tuple[int, ...], object]] = []
        self.reads = [list(ends["exchange reads"].expand()) for ends in trace.ends]
        self.writes = [list(ends["exchange writes"].expand()) for ends in trace.ends]
        self.adder_free = [0] * system.accelerators
        self.arrivals = [[-1] * len(stage.messages) for stage in program.stages]
        self.read_needs: dict[tuple[int, int], set[object]] = {}
        for s, stage in enumerate(program.stages):
            for n, m in enumerate(stage.messages):
                needs: set[object] = {("finished", s, m.source), ("finished", s, m.destination)}
                if m.bytes and stage.reads[m.source]:
                    needs.add(("read", s, m.source))
                # data may be passed on when it is there, what lies in DRAM is read when it is written
                needs |= {("there" if m.bytes else "written", s, before) for before in m.after}
                self.jobs.append(Job(s, n, m, needs))
            for a, size in enumerate(stage.reads):
                if size:
                    leaving = [m for m in stage.messages if m.source == a and m.bytes]
                    syncs = {
                        n
                        for m in leaving
                        for n in m.after
                        if stage.messages[n].bytes + len(stage.messages[n].after) == 0
                    }
                    self.read_needs[s, a] = {("finished", s, a), *(("written", s, n) for n in syncs)}
            for a, time in enumerate(trace.finished[s]):
                self.events.append((time, (0, s, a), ("finished", s, a)))

    def run(self) -> Model:
        while self.events:
            event = min(self.events, key=lambda e: e[:2])
            self.events.remove(event)
            now, _, what = event
            if isinstance(what, Job):
                self.go_on(what, now)
            else:
                self.happened(what, now)
        assert not any(job.needs for job in self.jobs)
        assert not any(self.reads)
        assert not any(self.writes)
        return self

    def happened(self, what: object, now: int) -> None:
        for (s, a), needs in self.read_needs.items():
            if what in needs:
                needs.discard(what)
                if not needs:
                    served = int(self.reads[a].pop(0))
                    floor = time_of(self.program.stages[s].reads[a], self.program.stages[s].rates[self.channel(a)])
                    assert served >= now + floor
                    self.events.append((served + self.latency, (0, s, a), ("read", s, a)))
        for job in self.jobs:
            if what in job.needs:
                job.needs.discard(what)
                if not job.needs:
                    self.events.append((now, (1, job.stage, job.number), job))

    def channel(self, accelerator: int) -> int:
        return self.program.system.channel_of(accelerator)

    def go_on(self, job: Job, now: int) -> None:
        message, at = job.message, (1, job.stage, job.number)
        route = () if self.program.system.interconnect.ideal else message.route
        if job.hop < len(route):
            head, job.tail = self.wires[route[job.hop]].carry(message.bytes, now, job.tail, self.chunks)
            job.hop += 1
            self.events.append((head if job.hop < len(route) else job.tail, at, job))
            return
        if self.program.system.interconnect.ideal and not job.added:
            for link in message.route:
                self.wires[link].bytes += message.bytes
        accelerator = self.program.system.accelerator(message.destination)
        if message.sums and accelerator.vector.enabled and not job.added:
            cycles = ceil(Fraction(message.sums, accelerator.vector.lanes))
            begins = max(now, self.adder_free[message.destination])
            self.adder_free[message.destination] = begins + time_of(cycles, round(accelerator.clock_mhz * 10**6))
            job.added = True
            self.events.append((self.adder_free[message.destination], at, job))
            return
        done = now
        self.happened(("there", job.stage, job.number), now)
        if message.written:
            served = int(self.writes[message.destination].pop(0))
            burst = self.program.system.dram.burst_bytes
            size = ceil(Fraction(message.bytes, burst)) * burst
            rate = self.program.stages[job.stage].rates[self.channel(message.destination)]
            assert served >= now + time_of(size, rate)
            done = served + self.latency
        self.arrivals[job.stage][job.number] = done
        written = ("written", job.stage, job.number)
        if done > now:
            self.events.append((done, at, written))
        else:
            self.happened(written, done)


def assert_exchanged_as_modelled(program: Program, trace: Trace) -> None:
    """Messages arrive, stages are delivered and links are busy as the little model has it."""
    model = Model(program, trace).run()
    assert trace.messages == tuple(map(tuple, model.arrivals))
    assert [(link.busy_fs, link.bytes) for link in trace.links] == [(w.busy, w.bytes) for w in model.wires]
    for s, stage in enumerate(program.stages):
        for a, time in enumerate(trace.delivered[s]):
            coming = [model.arrivals[s][n] for n, m in enumerate(stage.messages) if m.destination == a]
            assert time == max([trace.finished[s][a], *coming])
