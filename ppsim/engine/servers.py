"""What is reserved: DRAM channels and links. And the DMA streams that queue for a channel.

A server that serves first come, first served needs no queue: a reservation takes it from the later of now and the end
of the reservation before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ppsim.engine.kernel import Kernel
from ppsim.engine.trace import Ends
from ppsim.units import FS_PER_S

IDLE, WAKING, SERVING = 0, 1, 2


@dataclass(slots=True)
class Channel:
    """A DRAM channel: when it is free, and what it has served."""

    free: int = 0
    busy_fs: int = 0
    bytes: int = 0
    quanta: int = 0


@dataclass(slots=True)
class Link:
    """A directed link: when it is free, and what it has carried."""

    free: int = 0
    busy_fs: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Stream:
    """One of an accelerator's DMA engines. It has at most one quantum waiting at its channel, which makes the channel
    round-robin among streams.

    `next_request` is asked for (bytes, rate, earliest time) when the stream is idle, and `finished` is told when a
    request has been served (its data is there one DRAM latency later).
    """

    kernel: Kernel
    channel: Channel
    quantum: int
    next_request: Callable[[int], tuple[int, int, int] | None]
    finished: Callable[[int], None]
    state: int = IDLE
    remaining: int = 0
    rate: int = 1
    due: int = 0
    order: int = 0
    ends: Ends = field(default_factory=Ends)
    starts: list[int] = field(default_factory=list)

    def poke(self, now: int) -> None:
        """Start the next request if the stream is idle and there is one; wake up later if it is not due yet."""
        if self.state != IDLE:
            return
        request = self.next_request(now)
        if request is None:
            return
        size, rate, earliest = request
        if earliest > now:
            self.state = WAKING
            self.due = earliest
            self.order = self.kernel.at(earliest, self)
            return
        self.state = SERVING
        self.remaining = size
        self.rate = rate
        self._serve(now)

    def fire(self, now: int) -> None:
        """A quantum has been served, or it is time to wake."""
        if self.state == WAKING:
            self.state = IDLE
            self.poke(now)
        elif self.remaining:
            self._serve(now)
        else:
            self.state = IDLE
            self.ends.append(now)
            self.finished(now)
            self.poke(now)

    def _serve(self, now: int) -> None:
        channel = self.channel
        size = self.remaining if self.remaining < self.quantum else self.quantum
        self.remaining -= size
        duration = -(-size * FS_PER_S // self.rate)
        end = (channel.free if channel.free > now else now) + duration
        channel.free = end
        channel.busy_fs += duration
        channel.bytes += size
        channel.quanta += 1
        self.due = end
        self.order = self.kernel.at(end, self)


@dataclass(slots=True)
class RequestQueue:
    """Requests for a stream in the order they came: (bytes, rate, earliest time, what to call when served)."""

    waiting: deque[tuple[int, int, int, Callable[[int], None] | None]] = field(default_factory=deque)
    under_way: Callable[[int], None] | None = None

    def next_request(self, now: int) -> tuple[int, int, int] | None:
        """The oldest request; it stays in the queue until it may start."""
        if not self.waiting:
            return None
        size, rate, earliest, then = self.waiting[0]
        if earliest <= now:
            self.waiting.popleft()
            self.under_way = then
        return size, rate, earliest

    def finished(self, now: int) -> None:
        """Tell whoever asked."""
        then, self.under_way = self.under_way, None
        if then is not None:
            then(now)
