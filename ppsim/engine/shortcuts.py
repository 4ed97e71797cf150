"""Steady-state collapse: when the state of everything that interacts repeats, skip whole periods at once.

Accelerators behind one channel form a component; inside a stage nothing else touches it. Each time its leading
accelerator has turned its main loop once more, the state of the component is written down relative to now: positions
within the loops, slots, arrivals, pending quanta in order, and when servers are free. When the same state comes again,
everything between the two moments repeats until some accelerator leaves the middle turns of its loop; so time and
positions are moved ahead by as many whole periods as all loops still have. The moves are exact: what is skipped is
what tile-by-tile simulation would do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from ppsim.engine.accelerator import Accelerator
from ppsim.engine.exchange import Exchange
from ppsim.engine.kernel import Kernel
from ppsim.engine.loading import LoadStream
from ppsim.engine.servers import Channel
from ppsim.engine.trace import Ends, Repetition

#: states written down for one nest of the leader before its component is taken to be irregular
MOST_PROBES = 64


@dataclass(slots=True)
class _Snapshot:
    now: int
    positions: list[int]
    counts: list[int]
    channel: tuple[int, int, int]


class Component:
    """Accelerators behind one channel, watched for repetition."""

    def __init__(self, members: list[Accelerator], channel: Channel, everything: bool, run: SteadyState) -> None:
        self.members, self.channel, self.everything, self.run = members, channel, everything, run
        self.actors = {id(stream) for member in members for stream in member.streams}
        self.seen: dict[Any, _Snapshot] = {}
        self.hints: set[Any] = set()
        self.probes = 0
        self.leader = members[0]
        self.epoch: tuple[int, int, int] | None = None
        self.turned_at = 0
        for member in members:
            member.on_turn = self.turned

    def turned(self, unit: Accelerator) -> None:
        """The unit's loop turns once more: look for a repetition if it leads the component.

        It leads from its first turn in a nest until it leaves the nest.
        """
        loop = unit.items[unit.item].loop
        assert loop is not None
        low, _ = loop.middle(unit.position)
        unit.turn_at = loop.next_turn(unit.position)
        if self.epoch is None or unit is self.leader or self.leader.item != self.epoch[1]:
            epoch = (unit.index, unit.item, low)
            if epoch != self.epoch:
                self.leader, self.epoch, self.probes = unit, epoch, 0
                self.seen.clear()
                self.hints.clear()
            if self.probes < MOST_PROBES:
                self.run.kernel.defer(self._look)

    def _look(self, now: int) -> None:
        """Probe if what is cheap to compare has been seen before."""
        leader = self.leader
        weights, inputs = leader.weights, leader.inputs
        hint = (
            now - self.turned_at,
            leader.array_free - now,
            weights.occupied,
            inputs.occupied,
            # ahead of the arrays in the same nest, or at a place of its own in a later one
            weights.position - (leader.position if weights.item == leader.item else 0),
            inputs.position - (leader.position if inputs.item == leader.item else 0),
            weights.remaining,
            inputs.remaining,
            leader.outputs.remaining,
            leader.exchange_reads.remaining,
            leader.exchange_writes.remaining,
        )
        self.turned_at = now
        if hint in self.hints:
            self.probes += 1
            self.probe(now)
        else:
            self.hints.add(hint)

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
            self._skip(before, here, times)
            self.seen.clear()

    def _ends(self) -> list[Ends]:
        return [end for m in self.members for end in m.ends()]

    def _snapshot(self, now: int) -> _Snapshot:
        return _Snapshot(
            now,
            [m.position for m in self.members],
            [len(e.recorded) for e in self._ends()],
            (self.channel.busy_fs, self.channel.bytes, self.channel.quanta),
        )

    def _limits(self, before: _Snapshot, here: _Snapshot, reach: list[int]) -> list[tuple[int, int]]:
        return [(r, b - a) for r, a, b in zip(reach, before.positions, here.positions, strict=True)]

    def _state(self, now: int) -> tuple[Any, list[int]] | None:
        """The state relative to `now`, and how many tiles each member may be moved ahead; None if it cannot repeat."""
        state: list[Any] = []
        reach: list[int] = []
        pending: list[tuple[int, int]] = []
        for m in self.members:
            if self.run.exchange.busy[m.index] or m.ending:
                return None
            if not self.everything and self.run.exchange.undelivered[m.index]:
                return None  # an exchange with the rest of the system could begin at any time
            waiting = m.item >= len(m.items) or not m.ready[m.items[m.item].stage]
            if waiting:
                if not self.everything:
                    return None
                reach.append(0)
                state.append((m.item, m.position))
                low = high = unit = 0
            else:
                loop = m.items[m.item].loop
                if loop is None:
                    return None
                unit = loop.unit
                low, high = loop.middle(m.position)
                if not low <= m.position < high:
                    return None
                state.append((m.item, m.position % unit, low))
            furthest = m.position
            for load in (m.weights, m.inputs):
                inside = not waiting and load.item == m.item and low <= load.position < high
                if inside:
                    furthest = max(furthest, load.position)
                load.settle(now)
                state.append(
                    (
                        (-1, load.position - m.position) if inside else (load.item, load.position),
                        load.occupied,
                        load.in_use,
                        load.loading,
                        tuple([(time - now, size) for time, size in load.releases]),
                        tuple([(time - now if time > now else 0, size) for time, size in load.arrivals]),
                        tuple([(until - now, space) for until, space in load.closing if until > now]),
                    )
                )
            if not waiting:
                reach.append(high - 1 - furthest)
            state.append(
                (
                    max(0, m.array_free - now),
                    max(0, m.vector_free - now),
                    tuple([time - now if time > now else 0 for time in m.output_slots]),
                    tuple([(size, rate, due - now if due > now else 0) for size, rate, due, _ in m.outputs.waiting]),
                )
            )
            for number, stream in enumerate(m.streams):
                if stream.state:
                    state.append((number, stream.state, stream.remaining, stream.rate, stream.due - now))
                    pending.append((stream.order, m.index * 8 + number))
        pending.sort()
        state.append(tuple([actor for _, actor in pending]))
        state.append(max(0, self.channel.free - now))
        return tuple(state), reach

    def _skip(self, before: _Snapshot, here: _Snapshot, times: int) -> None:
        shift = times * (here.now - before.now)
        for end, old, new in zip(self._ends(), before.counts, here.counts, strict=True):
            if new > old:
                end.repetitions.append(Repetition(new, new - old, times, here.now - before.now))
        for m, old, new in zip(self.members, before.positions, here.positions, strict=True):
            advance = times * (new - old)
            for load in (m.weights, m.inputs):
                _move_load(load, m, advance, shift)
            if advance and (loop := m.items[m.item].loop):
                m.position += advance
                m.turn_at = loop.next_turn(m.position)
            m.array_free += shift
            m.vector_free += shift
            m.output_slots = deque(t + shift for t in m.output_slots)
            m.outputs.waiting = deque((size, rate, due + shift, then) for size, rate, due, then in m.outputs.waiting)
            for stream in m.streams:
                stream.due += shift
        channel, (busy, size, quanta) = self.channel, before.channel
        channel.busy_fs += times * (here.channel[0] - busy)
        channel.bytes += times * (here.channel[1] - size)
        channel.quanta += times * (here.channel[2] - quanta)
        channel.free += shift
        self.run.kernel.shift(self.actors, shift)
        self.run.count += 1


def _move_load(load: LoadStream, m: Accelerator, advance: int, shift: int) -> None:
    """Move a load stream ahead; its position too if it is among the middle turns its accelerator moves over."""
    if advance and load.item == m.item and (loop := m.items[m.item].loop):
        low, high = loop.middle(m.position)
        if low <= load.position < high:
            load.position += advance
    load.releases = deque((time + shift, size) for time, size in load.releases)
    load.arrivals = deque((time + shift, size) for time, size in load.arrivals)
    load.closing = deque((until + shift, space) for until, space in load.closing)


class SteadyState:
    """The shortcut for a whole run: one component for each channel."""

    def __init__(
        self, kernel: Kernel, exchange: Exchange, accelerators: list[Accelerator], channels: list[Channel]
    ) -> None:
        self.kernel, self.exchange = kernel, exchange
        self.count = 0
        members: list[list[Accelerator]] = [[] for _ in channels]
        for accelerator in accelerators:
            members[exchange.channel_of[accelerator.index]].append(accelerator)
        for behind, channel in zip(members, channels, strict=True):
            Component(behind, channel, len(behind) == len(accelerators), self)
