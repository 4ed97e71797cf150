"""The Trace: who was busy when. Repetitions that the engine skipped are kept as periods and expanded on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ppsim.mapping.program import Program


@dataclass(frozen=True, slots=True)
class Repetition:
    """The `period` ends before `position` come `times` more, each time `shift_fs` later."""

    position: int
    period: int
    times: int
    shift_fs: int


@dataclass(slots=True)
class Ends:
    """End times of the tasks of one server, in order."""

    recorded: list[int] = field(default_factory=list)
    repetitions: list[Repetition] = field(default_factory=list)

    def append(self, end: int) -> None:
        """Record a task's end (fs)."""
        self.recorded.append(end)

    def __len__(self) -> int:
        """Number of tasks, repetitions included."""
        return len(self.recorded) + sum(r.period * r.times for r in self.repetitions)

    def expand(self) -> npt.NDArray[np.int64]:
        """All end times, int64 fs."""
        ends = np.array(self.recorded, dtype=np.int64)
        pieces, done = [], 0
        for r in self.repetitions:
            pieces.append(ends[done : r.position])
            done = r.position
            period = ends[r.position - r.period : r.position]
            shifts = np.arange(1, r.times + 1, dtype=np.int64) * r.shift_fs
            pieces.append((period[None, :] + shifts[:, None]).ravel())
        pieces.append(ends[done:])
        return np.concatenate(pieces)


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """A DRAM channel over the run: occupied time and bytes served."""

    busy_fs: int
    bytes: int
    quanta: int


@dataclass(frozen=True, slots=True)
class LinkUse:
    """A link over the run: occupied time and bytes carried."""

    busy_fs: int
    bytes: int


#: the servers of an accelerator whose task ends a trace holds
SERVERS = ("weights", "inputs", "outputs", "exchange reads", "exchange writes", "array")
#: what a piece of work is, by number: the first five move data over a DRAM channel, a message over a link
WEIGHTS, INPUTS, OUTPUTS, EXCHANGE_READS, EXCHANGE_WRITES, ARRAY, VECTOR, SUMS, MESSAGE = range(9)
#: names of them
WORKS = (*SERVERS, "vector unit", "sums", "message")


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened. Times are fs from the start of the run, launch overhead included.

    `ends[a][server]` are task ends (for loads: when the channel has served them), `started[s][a]` when accelerator a
    issued its first load or computation of stage s, `finished[s][a]` when its last store (or computation) was done and
    `delivered[s][a]` when it had all it needs of the stage's outputs; -1 where an accelerator had nothing to do.
    """

    program: Program
    end_fs: int
    ends: Sequence[Mapping[str, Ends]]
    messages: tuple[tuple[int, ...], ...]
    started: tuple[tuple[int, ...], ...]
    finished: tuple[tuple[int, ...], ...]
    delivered: tuple[tuple[int, ...], ...]
    channels: tuple[ChannelUse, ...]
    links: tuple[LinkUse, ...]
    events: int
    shortcuts: dict[str, int]


#: A piece of work on a server: from `start` to `end` (fs) it did `what` for an accelerator (of a message: its source).
#: `nest` and `tile` count within the accelerator's share of the stage; -1 for what is no tile. `message` is the number
#: of a message in the stage, -1 for what is none, and `hop` counts its links from 0. `bytes` are those moved.
WORK = np.dtype(
    [
        (name, np.int64)
        for name in ("start", "end", "what", "accelerator", "stage", "nest", "tile", "message", "hop", "bytes")
    ]
)
Work = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Recording:
    """A Trace with every piece of work behind it: an array of `WORK` for each server, in the order of time.

    `arrays[a]` and `vector_units[a]` are those of accelerator a, `channels` and `links` by their numbers. A channel's
    pieces are quanta.
    """

    trace: Trace
    arrays: tuple[Work, ...]
    vector_units: tuple[Work, ...]
    channels: tuple[Work, ...]
    links: tuple[Work, ...]
