"""Echo: an accelerator alone behind its channel does in a stage what an equal one does, so it need not be simulated.

From the moment its inputs are delivered until it has finished the stage, nothing outside touches such an accelerator.
If another one has begun a stage with the same work ahead and in the same state relative to its beginning, everything
up to the end of the stage - task ends, what the channel serves, and the state it leaves, prefetches under way included
- is the same, only later. So one is simulated, and the others follow: what it did is copied to them when it is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ppsim.engine.accelerator import Accelerator
from ppsim.engine.kernel import Kernel
from ppsim.engine.loading import LoadStream
from ppsim.engine.servers import IDLE, Channel
from ppsim.engine.trace import Repetition

#: nests by number: which tiles in the time they take an accelerator, at which DRAM rate
Work = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Recording:
    """A stage one accelerator goes through; once it is `over`, what it did there, relative to its beginning.

    `ahead` stands for all work that was ahead of it; `looked_at` are the nests of it that it came to look at, if these
    are not all. It has loaded something of nests up to the `latest`. `started` are stages that it had started before.
    """

    unit: Accelerator
    stage: int
    ahead: int
    began: int
    item: int
    marks: list[tuple[int, int]]
    served: tuple[int, int, int]
    started: set[int]
    looked_at: Work | None = None
    latest: int = -1
    followers: list[tuple[Accelerator, int]] = field(default_factory=list)
    over: int = -1
    ends: list[tuple[list[int], list[Repetition]]] = field(default_factory=list)
    state: _State | None = None


@dataclass(slots=True)
class _State:
    """What a stage leaves behind; times count from its beginning, items from the one it began with."""

    item: int
    position: int
    turn_at: int
    array_free: int
    vector_free: int
    output_slots: list[int]
    loads: list[tuple[Any, ...]]
    pending: tuple[tuple[int, int, int, int, int], ...]
    channel_free: int


class Echo:
    """Records the stages of accelerators that have a channel to themselves, and copies them to equal ones."""

    def __init__(
        self, kernel: Kernel, accelerators: list[Accelerator], finish_later: Callable[[int, int, int], None]
    ) -> None:
        self.kernel, self.finish_later = kernel, finish_later
        #: the end of the program is part of the work: what comes after it differs too
        self.work: list[Work] = [(*((id(i.tiles), i.rate) for i in a.items), (0, 0)) for a in accelerators]
        self.ahead = _numbered(self.work)
        self.recordings: dict[Any, list[_Recording]] = {}
        self.recording: dict[int, _Recording] = {}
        self.count = 0

    def begin(self, unit: Accelerator, now: int) -> bool:
        """The unit's next stage may begin. True if it follows another one and is not to be simulated."""
        stage, ahead = unit.items[unit.item].stage, self.ahead[unit.index][unit.item]
        same = self.recordings.setdefault(self._key(unit, stage, now), [])
        for recording in same:
            if recording.over < 0:
                if recording.ahead == ahead:
                    self._withdraw(unit)
                    recording.followers.append((unit, now))
                    return True
            elif recording.ahead == ahead or self._looks_alike(unit, recording):
                self._withdraw(unit)
                self._copy(recording, unit, now)
                return True
        recording = _Recording(
            unit,
            stage,
            ahead,
            now,
            unit.item,
            [(len(e.recorded), len(e.repetitions)) for e in unit.ends()],
            _served(unit.weights.channel),
            {unit.items[n].stage for n in _loaded(unit, unit.item) if unit.started[unit.items[n].stage] >= 0},
        )
        same.append(recording)
        self.recording[unit.index] = recording
        return False

    def _withdraw(self, unit: Accelerator) -> None:
        pending = {id(stream) for stream in unit.streams if stream.state != IDLE}
        if pending:
            self.kernel.cancel(pending)

    def finished(self, unit: Accelerator, stage: int, now: int) -> None:
        """The unit has finished a stage: if it was recorded, those that followed have done the same."""
        recording = self.recording.pop(unit.index, None)
        if recording is None:
            return
        assert recording.stage == stage
        began = recording.began
        recording.over = now - began
        for end, (tasks, repetitions) in zip(unit.ends(), recording.marks, strict=True):
            recording.ends.append(
                (
                    [time - began for time in end.recorded[tasks:]],
                    [
                        Repetition(r.position - tasks, r.period, r.times, r.shift_fs)
                        for r in end.repetitions[repetitions:]
                    ],
                )
            )
        channel = unit.weights.channel
        recording.served = tuple(b - a for a, b in zip(recording.served, _served(channel), strict=True))  # type: ignore[assignment]
        recording.state = self._state(unit, recording)
        looked_at = max(unit.weights.item, unit.inputs.item, unit.item) + 1 - recording.item
        if recording.item + looked_at < len(self.work[unit.index]):
            recording.looked_at = self.work[unit.index][recording.item : recording.item + looked_at]
        recording.latest = max(recording.item, unit.weights.latest, unit.inputs.latest)
        for follower, at in recording.followers:
            self._copy(recording, follower, at)
        recording.followers.clear()

    def _looks_alike(self, unit: Accelerator, recording: _Recording) -> bool:
        seen = recording.looked_at
        return seen is not None and self.work[unit.index][unit.item : unit.item + len(seen)] == seen

    def _key(self, unit: Accelerator, stage: int, now: int) -> Any:
        """The accelerator's state, as far as it matters from `now` on."""
        loads = []
        for load in (unit.weights, unit.inputs):
            load.settle(now)
            loads.append(
                (
                    load.item - unit.item,
                    load.position,
                    load.occupied,
                    load.in_use,
                    load.loading if load.state != IDLE else 0,
                    tuple((time - now, size) for time, size in load.releases),
                    tuple((max(0, time - now), size) for time, size in load.arrivals),
                    tuple((until - now, space) for until, space in load.closing if until > now),
                )
            )
        return (
            stage,
            unit.position,
            unit.started[stage] < 0,
            max(0, unit.array_free - now),
            max(0, unit.vector_free - now),
            max(0, unit.weights.channel.free - now),
            tuple(max(0, time - now) for time in unit.output_slots),
            tuple(loads),
            _pending(unit, now),
        )

    def _state(self, unit: Accelerator, recording: _Recording) -> _State:
        began = recording.began
        return _State(
            item=unit.item - recording.item,
            position=unit.position,
            turn_at=unit.turn_at,
            array_free=unit.array_free - began,
            vector_free=unit.vector_free - began,
            output_slots=[time - began for time in unit.output_slots],
            loads=[_load_state(load, began, recording.item) for load in (unit.weights, unit.inputs)],
            pending=_pending(unit, began),
            channel_free=unit.weights.channel.free - began,
        )

    def _copy(self, recording: _Recording, unit: Accelerator, now: int) -> None:
        """Let `unit`, whose stage began at `now`, have gone through the recorded stage."""
        state = recording.state
        assert state is not None
        self.count += 1
        for end, (recorded, repetitions) in zip(unit.ends(), recording.ends, strict=True):
            tasks = len(end.recorded)
            end.recorded.extend([time + now for time in recorded])
            end.repetitions += [Repetition(r.position + tasks, r.period, r.times, r.shift_fs) for r in repetitions]
        like = recording.unit
        for number in range(recording.item, recording.latest + 1):
            stage = like.items[number].stage
            after = like.started[stage]
            known = stage in recording.started or unit.started[stage] >= 0
            if not known and 0 <= after <= recording.began + recording.over:
                unit.started[stage] = after - recording.began + now
        channel = unit.weights.channel
        channel.busy_fs += recording.served[0]
        channel.bytes += recording.served[1]
        channel.quanta += recording.served[2]
        channel.free = state.channel_free + now
        item = unit.item
        unit.item, unit.position, unit.turn_at = item + state.item, state.position, state.turn_at
        unit.array_free, unit.vector_free = state.array_free + now, state.vector_free + now
        unit.output_slots = deque(time + now for time in state.output_slots)
        for load, was in zip((unit.weights, unit.inputs), state.loads, strict=True):
            _set_load(load, was, now, item)
        self.finish_later(unit.index, recording.stage, now + recording.over)
        for stream in unit.streams:
            stream.state, stream.remaining = IDLE, 0
        for number, under_way, remaining, rate, due in state.pending:
            stream = unit.streams[number]
            stream.state, stream.remaining, stream.rate, stream.due = under_way, remaining, rate, due + now
            stream.order = self.kernel.at(stream.due, stream)


def _numbered(works: list[Work]) -> list[list[int]]:
    """A number for everything that is ahead from each nest on: the same for the same."""
    numbers: dict[tuple[tuple[int, int], int], int] = {}
    found = []
    for work in works:
        ahead = [0]
        for nest in reversed(work):
            ahead.append(numbers.setdefault((nest, ahead[-1]), len(numbers) + 1))
        found.append(ahead[:0:-1])
    return found


def _loaded(unit: Accelerator, item: int) -> range:
    """The nests from this one on that anything may have been loaded of."""
    return range(item, max(unit.weights.latest, unit.inputs.latest) + 1)


def _pending(unit: Accelerator, since: int) -> tuple[tuple[int, int, int, int, int], ...]:
    """The streams with an event to come, in that order: which one, its state, bytes left, rate, and when."""
    streams = sorted((s.order, n) for n, s in enumerate(unit.streams) if s.state != IDLE)
    return tuple((n, (s := unit.streams[n]).state, s.remaining, s.rate, s.due - since) for _, n in streams)


def _served(channel: Channel) -> tuple[int, int, int]:
    return channel.busy_fs, channel.bytes, channel.quanta


def _load_state(load: LoadStream, began: int, item: int) -> tuple[Any, ...]:
    return (
        load.item - item,
        load.latest - item,
        load.position,
        load.occupied,
        load.in_use,
        load.loading,
        [(time - began, size) for time, size in load.releases],
        [(time - began, size) for time, size in load.arrivals],
        [(until - began, space) for until, space in load.closing],
    )


def _set_load(load: LoadStream, was: tuple[Any, ...], now: int, item: int) -> None:
    offset, latest, load.position, load.occupied, load.in_use, load.loading, releases, arrivals, closing = was
    load.item, load.latest = item + offset, item + latest
    load.releases = deque((time + now, size) for time, size in releases)
    load.arrivals = deque((time + now, size) for time, size in arrivals)
    load.closing = deque((until + now, space) for until, space in closing)
