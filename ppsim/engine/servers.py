"""What is reserved - DRAM channels and links - and the DMA streams that queue for a channel.

A server that serves first come, first served needs no queue: a reservation takes it from the later of now and the end
of the reservation before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappush

from ppsim.engine.kernel import Kernel
from ppsim.engine.trace import Ends
from ppsim.units import FS_PER_S

IDLE, WAKING, SERVING = 0, 1, 2


class Channel:
    """A DRAM channel: when it is free, and what it has served."""

    __slots__ = ("busy_fs", "bytes", "free", "quanta", "quantum", "rank")

    def __init__(self, quantum: int, rank: int) -> None:
        self.quantum, self.rank = quantum, rank
        self.free = self.busy_fs = self.bytes = self.quanta = 0


class Link:
    """A directed link: its bytes/s and the time of a hop, when it is free, and what it has carried."""

    __slots__ = ("busy_fs", "bytes", "free", "hop_fs", "rate")

    def __init__(self, rate: int, hop_fs: int) -> None:
        self.rate, self.hop_fs = rate, hop_fs
        self.free = self.busy_fs = self.bytes = 0


class Stream:
    """One of an accelerator's DMA engines, the base of all of them.

    It has at most one quantum waiting at its channel, which makes the channel round-robin among streams. A subclass
    says what to move next (`start`) and what follows when a request has been served (`served`); its data is there one
    DRAM latency later.
    """

    __slots__ = ("channel", "due", "ends", "kernel", "order", "rank", "rate", "remaining", "state")

    def __init__(self, kernel: Kernel, channel: Channel) -> None:
        self.kernel, self.channel, self.rank = kernel, channel, channel.rank
        self.state, self.remaining, self.rate = IDLE, 0, 1
        #: when the pending event is due, and its place among events due at the same time
        self.due = self.order = 0
        self.ends = Ends()

    def start(self, now: int) -> int:
        """Begin the next request: set `rate` and return its bytes. 0 if there is none to begin now; a request that may
        begin at a known later time calls `wake_at`.
        """
        raise NotImplementedError

    def served(self, now: int) -> None:
        """The request has left the channel."""
        raise NotImplementedError

    def poke(self, now: int) -> None:
        """Begin the next request if the stream is idle and there is one."""
        if self.state == IDLE and (size := self.start(now)):
            self.state = SERVING
            self.remaining = size
            self._serve(now)

    def wake_at(self, time: int) -> None:
        """Try again at `time`."""
        self.state = WAKING
        self.due = time
        self.order = self.kernel.at(time, self)

    def fire(self, now: int) -> None:
        """A quantum has been served, or it is time to wake."""
        if self.remaining:
            self._serve(now)
            return
        if self.state == SERVING:
            self.ends.recorded.append(now)
            self.state = IDLE
            self.served(now)
        else:
            self.state = IDLE
        if self.state == IDLE:
            self.poke(now)

    def _serve(self, now: int) -> None:
        channel, kernel, size = self.channel, self.kernel, self.remaining
        if size > channel.quantum:
            size = channel.quantum
        self.remaining -= size
        duration = -(-size * FS_PER_S // self.rate)
        self.due = end = (channel.free if channel.free > now else now) + duration
        channel.free = end
        channel.busy_fs += duration
        channel.bytes += size
        channel.quanta += 1
        kernel.sequence += 1
        self.order = order = self.rank + kernel.sequence
        heappush(kernel.heap, (end, order, self))


class QueueStream(Stream):
    """A stream that serves requests in the order they were asked for: (bytes, rate, earliest time, what follows)."""

    __slots__ = ("follows", "waiting")

    def __init__(self, kernel: Kernel, channel: Channel) -> None:
        super().__init__(kernel, channel)
        self.waiting: deque[tuple[int, int, int, Callable[[int], None]]] = deque()
        self.follows: Callable[[int], None] | None = None

    def ask(self, size: int, rate: int, earliest: int, follows: Callable[[int], None], now: int) -> None:
        """Queue a request."""
        self.waiting.append((size, rate, earliest, follows))
        if self.state == IDLE:
            self.poke(now)

    def start(self, now: int) -> int:
        """The oldest request; it stays in the queue until it may start."""
        if not self.waiting:
            return 0
        size, rate, earliest, follows = self.waiting[0]
        if earliest > now:
            self.wake_at(earliest)
            return 0
        self.waiting.popleft()
        self.rate, self.follows = rate, follows
        return size

    def served(self, now: int) -> None:
        """Tell whoever asked."""
        follows, self.follows = self.follows, None
        assert follows is not None
        follows(now)
