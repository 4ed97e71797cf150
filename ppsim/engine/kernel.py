"""The event loop. Events are ordered by (time, sequence): ties are first come, first served, so runs are bit-identical."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Protocol


class Actor(Protocol):
    """Something an event can be for."""

    def fire(self, now: int) -> None:
        """Act at time `now` (fs)."""
        ...


class Kernel:
    """A heap of (time, sequence, actor)."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Actor]] = []
        self.sequence = 0
        self.events = 0

    def at(self, time: int, actor: Actor) -> int:
        """Let `actor` fire at `time` (fs); returns the sequence number that breaks ties."""
        self.sequence += 1
        heappush(self.heap, (time, self.sequence, actor))
        return self.sequence

    def run(self, after_event: Callable[[], None] | None = None) -> None:
        """Fire all events in order, and call `after_event` after each."""
        heap = self.heap
        while heap:
            now, _, actor = heappop(heap)
            self.events += 1
            actor.fire(now)
            if after_event is not None:
                after_event()

    def shift(self, actors: set[int], by: int) -> None:
        """Move the pending events of the actors with these ids later by `by` fs, keeping their order."""
        self.heap[:] = [(t + by, s, actor) if id(actor) in actors else (t, s, actor) for t, s, actor in self.heap]
        heapify(self.heap)
