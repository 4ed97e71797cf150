"""The event loop. Events are ordered by (time, rank, sequence), so runs are bit-identical.

Ties are first come, first served among actors of one rank: the accelerators behind one channel. Between ranks, which
do not touch each other at that instant, the order is fixed, so that it does not depend on how either got there.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Protocol

#: ranks are multiples of this, sequence numbers stay below it
RANK = 1 << 64


class Actor(Protocol):
    """Something an event can be for."""

    @property
    def rank(self) -> int:
        """Its place among actors with events at the same time; a multiple of `RANK`."""
        ...

    def fire(self, now: int) -> None:
        """Act at time `now` (fs)."""
        ...


class Kernel:
    """A heap of (time, rank + sequence, actor)."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Actor]] = []
        self.sequence = 0
        self.events = 0
        self.deferred: list[Callable[[int], None]] = []

    def at(self, time: int, actor: Actor) -> int:
        """Let `actor` fire at `time` (fs); returns its place among events of the same time."""
        self.sequence += 1
        order = actor.rank + self.sequence
        heappush(self.heap, (time, order, actor))
        return order

    def defer(self, action: Callable[[int], None]) -> None:
        """Call `action` with the time once the event being handled has been handled completely."""
        self.deferred.append(action)

    def run(self) -> None:
        """Fire all events in order."""
        heap, deferred = self.heap, self.deferred
        while heap:
            now, _, actor = heappop(heap)
            self.events += 1
            actor.fire(now)
            while deferred:
                deferred.pop()(now)

    def cancel(self, actors: set[int]) -> None:
        """Drop the pending events of the actors with these ids."""
        self.heap[:] = [event for event in self.heap if id(event[2]) not in actors]
        heapify(self.heap)

    def shift(self, actors: set[int], by: int) -> None:
        """Move the pending events of the actors with these ids later by `by` fs, keeping their order."""
        self.heap[:] = [(t + by, s, actor) if id(actor) in actors else (t, s, actor) for t, s, actor in self.heap]
        heapify(self.heap)
