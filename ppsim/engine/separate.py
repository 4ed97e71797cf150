"""`stage_ends`: when the stages of a program end, where every accelerator has a DRAM channel to itself.

Such accelerators meet in messages alone. Each is taken through its stages by itself (`walk`), equal ones once, and the
messages of a stage are sent when all have finished it. That is what the engine does, without its event loop, and every
time comes out the same; where it would not be sure to, there is no answer, and the engine has to be asked.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache, partial
from heapq import heappop, heappush
from typing import NamedTuple

from ppsim.engine.interpreted import items_of, timed_tiles
from ppsim.engine.walk import Delivery, walk
from ppsim.mapping.program import Nest, Program, Stage
from ppsim.units import FS_PER_S

#: programs with more tiles are for the engine, which collapses loops
MOST_TILES = 2048
#: deliveries that are remembered of equal accelerators
MOST_KNOWN = 256


def stage_ends(program: Program) -> tuple[int, ...] | None:
    """By stage: when it has ended on every accelerator, fs; None if that takes the engine."""
    if not _is_simple(program):
        return None
    separate = _Separate(program)
    ends = separate.ends()
    for one in separate.classes:
        one.walkers.clear()  # they are much larger than what they found
    return ends


def _is_simple(program: Program) -> bool:
    """Whether accelerators share no channel, and no message waits for DRAM that anything else may be using."""
    system, stages = program.system, program.stages
    if system.channels != system.accelerators:
        return False
    if sum([nest.length for stage in stages for nest in stage.nests]) > MOST_TILES:
        return False
    loads_later = False
    for stage in reversed(stages):
        if any(stage.reads) or (loads_later and any(message.written for message in stage.messages)):
            return False
        loads_later = loads_later or any(nest.loads_weights for nest in stage.nests)
    return not any(message.bytes == 0 for stage in stages for message in stage.messages)


#: by stage: the DRAM rate and the nests
Work = tuple[tuple[int, tuple[Nest, ...]], ...]

#: the tiles of the last nests, in the time they take
_timed = lru_cache(maxsize=4096)(timed_tiles)


class _Memory(NamedTuple):
    """What weights come from: when the first may be asked for, fs, the DRAM's latency, fs, and its quantum, bytes."""

    start: int
    latency: int
    quantum: int


class _Class:
    """Accelerators with equal work and clocks: one is walked, and when its stages end is remembered by deliveries."""

    def __init__(self, work: Work, clock_hz: int, memory: _Memory) -> None:
        self.work, self.clock_hz, self.memory = work, clock_hz, memory
        self.last = max((number for number, (_, nests) in enumerate(work) if nests), default=-1)
        self.known: dict[tuple[Delivery, ...], int] = {}
        #: by deliveries: an accelerator that has got that far, and may have further to go
        self.walkers: dict[tuple[Delivery, ...], Generator[int, Delivery, None]] = {}

    def over(self, deliveries: tuple[Delivery, ...]) -> int:
        """When the stage of the last delivery is over."""
        end = self.known.get(deliveries)
        if end is None:
            before = deliveries[:-1]
            walker = self.walkers.pop(before) if before in self.walkers else self._walker(before)
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[deliveries] = end = walker.send(deliveries[-1])
            if deliveries[-1][0] < self.last:
                self.walkers[deliveries] = walker
        return end

    def _walker(self, deliveries: tuple[Delivery, ...]) -> Generator[int, Delivery, None]:
        """An accelerator that has got that far."""
        rates, nests = [rate for rate, _ in self.work], [nests for _, nests in self.work]
        memory, items = self.memory, items_of(nests, rates, partial(_timed, self.clock_hz))
        walker = walk(items, len(self.work), memory.start, memory.latency, memory.quantum)
        next(walker)
        for delivery in deliveries:
            walker.send(delivery)
        return walker


#: the classes of the last programs: networks that are pruned a little more have most of them in common
_class_of = lru_cache(maxsize=1024)(_Class)


def _walked(works: list[Work]) -> list[Work]:
    """The work to walk in place of each accelerator's: that of another one that does the same and then more.

    Nothing but weights is loaded ahead of its stage, so that stages without weights are not felt before they begin.
    """
    found: dict[Work, tuple[Work, Work]] = {}
    longest: dict[Work, Work] = {}
    for work in dict.fromkeys(works):
        busy = [number for number, (_, nests) in enumerate(work, start=1) if nests]
        loading = [number for number in busy if any(nest.loads_weights for nest in work[number - 1][1])]
        found[work] = whole, felt = work[: max(busy, default=0)], work[: max(loading, default=0)]
        if len(whole) >= len(longest.get(felt, ())):
            longest[felt] = whole
    return [longest[felt] if whole == felt else whole for whole, felt in map(found.__getitem__, works)]


class _Separate:
    """A program on its way."""

    def __init__(self, program: Program) -> None:
        system = program.system
        self.program, self.count = program, system.accelerators
        self.link_free = [0] * len(program.links)
        self.links_quiet = 0
        memory = _Memory(system.launch_fs, system.dram.latency_fs, system.dram.quantum_bytes)
        clocks = [kind.clock_hz for kind in system.kinds]
        works = zip(*[zip(stage.rates, stage.work, strict=True) for stage in program.stages], strict=True)
        walked = _walked(list(works))
        self.classes = [
            _class_of(work, clocks[kind], memory) for work, kind in zip(walked, system.kind_of, strict=True)
        ]

    def ends(self) -> tuple[int, ...] | None:
        """Go through the stages."""
        start = self.program.system.launch_fs
        before = begin = [start] * self.count
        delivered: list[list[int]] = []
        brought: list[set[int]] = []  # by stage: the accelerators that messages went to
        deliveries: list[tuple[Delivery, ...]] = [()] * self.count
        ends = []
        last = 0
        for number, stage in enumerate(self.program.stages):
            finished = list(before)
            came = [delivered[waited] for waited in stage.waits_for]
            begins = came[0] if len(came) == 1 else [max(times) for times in zip(begin, *came, strict=True)]
            told = [waited for waited in stage.waits_for if brought[waited]]
            for a, work in enumerate(stage.work):
                if not work:
                    continue
                now = begins[a]
                if now < before[a]:
                    return None  # it may begin while the stage before goes on
                late = bool(told) and now in [delivered[waited][a] for waited in told if a in brought[waited]]
                if not late and now > before[a]:
                    return None
                deliveries[a] = (*deliveries[a], (number, now, late))
                finished[a] = self.classes[a].over(deliveries[a])
            there = list(finished)
            destinations: set[int] = set()
            if stage.messages:
                if not self._send(stage, finished, there):
                    return None
                destinations.update([message.destination for message in stage.messages])
            delivered.append(there)
            brought.append(destinations)
            before = finished
            last = max(last, *there)
            ends.append(last)
        return tuple(ends)

    def _send(self, stage: Stage, finished: list[int], there: list[int]) -> bool:
        """Send a stage's messages, whose deliveries are put into `there`; False if other messages are still under way.

        Events are (time, message, phase): links are reserved in the order in which heads reach them.
        """
        program, system = self.program, self.program.system
        specs, ideal = program.link_specs, system.interconnect.ideal
        chunks = system.interconnect.chunks if system.interconnect.switching == "store-and-forward" else 0
        messages = stage.messages
        waits = [len(message.after) for message in messages]
        since = [max(finished[message.source], finished[message.destination]) for message in messages]
        followers: list[list[int]] = [[] for _ in messages]
        for number, message in enumerate(messages):
            for before in message.after:
                followers[before].append(number)
        vector_free = [0] * self.count
        channel_free = [0] * self.count
        tail_in = [0] * len(messages)
        events: list[tuple[int, int, int]] = [(since[n], n, 0) for n, left in enumerate(waits) if not left]
        if min(events, default=(0,))[0] < self.links_quiet:
            return False
        events.sort()
        while events:
            now, number, hop = heappop(events)
            self.links_quiet = max(self.links_quiet, now)
            message = messages[number]
            route = () if ideal else message.route
            if 0 <= hop < len(route):
                link = route[hop]
                spec = specs[link]
                head = max(self.link_free[link], now)
                tail = head + -(-message.bytes * FS_PER_S // spec.rate)
                chunk = -(-message.bytes * FS_PER_S // (spec.rate * chunks)) if chunks else 0
                if hop and tail_in[number] + chunk > tail:
                    tail = tail_in[number] + chunk
                self.link_free[link] = tail
                tail_in[number] = tail + spec.hop_fs
                hop += 1
                heappush(events, (head + chunk + spec.hop_fs if hop < len(route) else tail_in[number], number, hop))
                continue
            target = message.destination
            if hop >= 0 and message.sums:
                duration = system.accelerator(target).vector_fs(message.sums)
                if duration:
                    vector_free[target] = max(vector_free[target], now) + duration
                    heappush(events, (vector_free[target], number, -1))
                    continue
            for follower in followers[number]:
                waits[follower] -= 1
                since[follower] = max(since[follower], now)
                if not waits[follower]:
                    heappush(events, (since[follower], follower, 0))
            if message.written:
                now = max(channel_free[target], now)
                left = system.dram.rounded(message.bytes)
                while left:
                    size = min(left, system.dram.quantum_bytes)
                    now += -(-size * FS_PER_S // stage.rates[target])
                    left -= size
                channel_free[target] = now
                now += system.dram.latency_fs
            there[target] = max(there[target], now)
        return True
