"""Steady-state collapse: when the state of everything that interacts repeats, skip whole periods at once.

Accelerators behind one channel form a component; inside a stage nothing else touches it. Each time its leading
accelerator has turned its main loop once more, the state of the component is written down relative to now: positions
within the loops, slots, arrivals, pending quanta in order, and when servers are free. When the same state comes again,
everything between the two moments repeats until some accelerator leaves the middle turns of its loop; so time and
positions are moved ahead by as many whole periods as all loops still have. The moves are exact: what is skipped is
what tile-by-tile simulation would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ppsim.engine.accelerator import Accelerator, Item, Loader
from ppsim.engine.exchange import Exchange
from ppsim.engine.kernel import Kernel
from ppsim.engine.servers import Channel, RequestQueue
from ppsim.engine.trace import Ends, Repetition

#: a loop with fewer turns than this is simulated as it is
FEWEST_TURNS = 6
#: states written down for one nest of the leader before its component is taken to be irregular
MOST_PROBES = 64


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop of a nest to collapse: a turn has `unit` tiles; the loop's indices start again every `span` tiles."""

    unit: int
    span: int

    def middle(self, position: int) -> tuple[int, int]:
        """Tiles [low, high) of the middle turns around `position`."""
        base = position - position % self.span
        return base + self.unit, base + self.span - self.unit


def main_loop(counts: tuple[int, int, int, int]) -> Loop | None:
    """The loop whose collapse leaves the fewest tiles to simulate; None when all are short."""
    best: tuple[int, Loop] | None = None
    for level, turns in enumerate(counts):
        if turns < FEWEST_TURNS:
            continue
        unit = prod(counts[level + 1 :])
        left = prod(counts[:level]) * FEWEST_TURNS * unit
        if best is None or left < best[0]:
            best = left, Loop(unit, unit * turns)
    return best[1] if best else None


@dataclass(slots=True)
class _Snapshot:
    now: int
    positions: list[int]
    counts: list[int]
    channel: tuple[int, int, int]
    events: int


class Component:
    """Accelerators behind one channel, watched for repetition."""

    def __init__(self, members: list[Accelerator], channel: Channel, everything: bool, run: SteadyState) -> None:
        self.members, self.channel, self.everything, self.run = members, channel, everything, run
        self.leader: Accelerator | None = None
        self.seen: dict[Any, _Snapshot] = {}
        self.probes = 0
        self.epoch: tuple[int, int] | None = None
        for member in members:
            member.on_resolve = self.resolved
        self.actors = {id(stream) for member in members for stream in member.streams}

    def resolved(self, unit: Accelerator, now: int) -> None:
        """Probe when the leader starts another turn of its loop."""
        if self.leader is None or self.leader.item >= len(self.leader.items):
            self.leader = unit
        if unit is not self.leader:
            if self.leader.ready[self.leader.items[self.leader.item].stage]:
                return
            self.leader = unit  # the old leader waits for an exchange
        if unit.item >= len(unit.items):
            return
        loop = self.run.loop_of(unit.items[unit.item])
        if loop is None:
            return
        low, high = loop.middle(unit.position)
        if not low <= unit.position < high or unit.position % loop.unit:
            return
        epoch = (unit.index, unit.item, low)
        if epoch != self.epoch:
            self.epoch, self.probes = epoch, 0
            self.seen.clear()
        if self.probes < MOST_PROBES:
            self.probes += 1
            self.run.pending.append((self, now))

    def probe(self, now: int) -> None:
        """Compare the state with those seen; on a repetition, move ahead."""
        found = self._state(now)
        if found is None:
            return
        state, reach = found
        before = self.seen.get(state)
        here = self._snapshot(now)
        if before is None:
            self.seen[state] = here
            return
        times = min(
            (limit // advance for limit, advance in self._limits(before, here, reach) if advance > 0), default=0
        )
        if times > 0:
            self._skip(before, here, times, reach)
            self.seen.clear()

    def _ends(self) -> list[Ends]:
        return [e for m in self.members for e in (m.computed, *(s.ends for s in m.streams))]

    def _snapshot(self, now: int) -> _Snapshot:
        return _Snapshot(
            now,
            [m.position for m in self.members],
            [len(e.recorded) for e in self._ends()],
            (self.channel.busy_fs, self.channel.bytes, self.channel.quanta),
            self.run.kernel.events,
        )

    def _limits(self, before: _Snapshot, here: _Snapshot, reach: list[int]) -> list[tuple[int, int]]:
        return [(r, b - a) for r, a, b in zip(reach, before.positions, here.positions, strict=True)]

    def _state(self, now: int) -> tuple[Any, list[int]] | None:
        """The state relative to `now`, and how many tiles each member may be moved ahead; None if it cannot repeat."""
        state: list[Any] = []
        reach: list[int] = []
        pending: list[tuple[int, int]] = []
        for m in self.members:
            if self.run.exchange.busy[m.index]:
                return None
            waiting = m.item >= len(m.items) or not m.ready[m.items[m.item].stage]
            if waiting:
                if not self.everything:
                    return None  # an exchange with the rest of the system could begin at any time
                reach.append(0)
                state.append((m.item, m.position))
                low = high = unit = 0
            else:
                loop = self.run.loop_of(m.items[m.item])
                if loop is None:
                    return None
                unit = loop.unit
                low, high = loop.middle(m.position)
                if not low <= m.position < high:
                    return None
                state.append((m.item, m.position % unit, low))
            furthest = m.position
            for loader in m.loaders:
                inside = not waiting and loader.item == m.item and low <= loader.position < high
                if inside:
                    furthest = max(furthest, loader.position)
                    state.append(loader.position - m.position)
                else:
                    state.append((loader.item, loader.position))
                loader.settle(now)
                state.append(
                    (
                        loader.occupied,
                        loader.in_use,
                        tuple((time - now, size) for time, size in loader.releases),
                        tuple((max(0, time - now), size) for time, size in loader.arrivals),
                    )
                )
            if not waiting:
                reach.append(high - 1 - furthest)
            state.append(
                (
                    max(0, m.array_free - now),
                    max(0, m.vector_free - now),
                    _ahead(m.output_slots, now),
                    tuple((until - now, space) for until, space in m.closing if until > now),
                    tuple((size, rate, max(0, due - now)) for size, rate, due, _ in m.stores.waiting),
                    m.stores.under_way is not None,
                )
            )
            for number, stream in enumerate(m.streams):
                state.append((stream.state, stream.remaining, stream.rate))
                if stream.state:
                    state.append(stream.due - now)
                    pending.append((stream.order, m.index * 8 + number))
        pending.sort()
        state.append(tuple(actor for _, actor in pending))
        state.append(max(0, self.channel.free - now))
        return tuple(state), reach

    def _skip(self, before: _Snapshot, here: _Snapshot, times: int, reach: list[int]) -> None:
        shift = times * (here.now - before.now)
        for end, old, new in zip(self._ends(), before.counts, here.counts, strict=True):
            if new > old:
                end.repetitions.append(Repetition(new, new - old, times, here.now - before.now))
        for m, old, new in zip(self.members, before.positions, here.positions, strict=True):
            advance = times * (new - old)
            for loader in m.loaders:
                self._move_loader(loader, m, advance, shift)
            m.position += advance
            m.array_free += shift
            m.vector_free += shift
            m.output_slots = type(m.output_slots)(t + shift for t in m.output_slots)
            m.closing = type(m.closing)((t + shift, space) for t, space in m.closing)
            _move_queue(m.stores, shift)
            for stream in m.streams:
                stream.due += shift
        channel, (busy, size, quanta) = self.channel, before.channel
        channel.busy_fs += times * (here.channel[0] - busy)
        channel.bytes += times * (here.channel[1] - size)
        channel.quanta += times * (here.channel[2] - quanta)
        channel.free += shift
        self.run.kernel.shift(self.actors, shift)
        self.run.count += 1
        self.run.skipped_events += times * (here.events - before.events)

    def _move_loader(self, loader: Loader, m: Accelerator, advance: int, shift: int) -> None:
        if advance and loader.item == m.item:
            loop = self.run.loop_of(m.items[m.item])
            assert loop is not None
            low, high = loop.middle(m.position)
            if low <= loader.position < high:
                loader.position += advance
        loader.releases = type(loader.releases)((t + shift, size) for t, size in loader.releases)
        loader.arrivals = type(loader.arrivals)((t + shift, size) for t, size in loader.arrivals)


def _ahead(times: Any, now: int) -> tuple[int, ...]:
    return tuple(max(0, t - now) for t in times)


def _move_queue(queue: RequestQueue, shift: int) -> None:
    queue.waiting = type(queue.waiting)((size, rate, due + shift, then) for size, rate, due, then in queue.waiting)


class SteadyState:
    """The shortcut for a whole run: one component for each channel."""

    def __init__(self, kernel: Kernel, exchange: Exchange, accelerators: list[Accelerator], channels: list[Channel]) -> None:
        self.kernel, self.exchange = kernel, exchange
        self.count = 0
        self.skipped_events = 0
        self.pending: list[tuple[Component, int]] = []
        self._loops: dict[int, Loop | None] = {}
        for number, channel in enumerate(channels):
            members = [a for a in accelerators if exchange.channel_of[a.index] == number]
            Component(members, channel, len(members) == len(accelerators), self)

    def loop_of(self, item: Item) -> Loop | None:
        """The loop of an item's nest to collapse."""
        key = id(item.nest)
        if key not in self._loops:
            self._loops[key] = main_loop(item.nest.counts)
        return self._loops[key]

    def after_event(self) -> None:
        """Probe what the event that has just been handled gave reason to."""
        for component, now in self.pending:
            component.probe(now)
        self.pending.clear()
