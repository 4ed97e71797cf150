"""What a timeline consists of: slices in rows, and counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppsim.units import FS_PER_S


@dataclass(frozen=True, slots=True)
class Slice:
    """Work on a server from `start_fs` to `end_fs`: one piece of it, or `count` pieces that are told apart no further.

    Of the time between, the server was busy for `busy_fs`: all of it, if it is one piece. `work` names what kinds of
    work it is, `args` are plain values.
    """

    name: str
    work: tuple[str, ...]
    start_fs: int
    end_fs: int
    busy_fs: int
    count: int
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """The slices of one server, in the order of time; none overlaps another one. `group` is what it is part of."""

    group: str
    name: str
    slices: tuple[Slice, ...]

    @property
    def busy_fs(self) -> int:
        """Time the server was busy, exactly."""
        return sum(one.busy_fs for one in self.slices)


@dataclass(frozen=True, slots=True)
class Counter:
    """What changes over time, in `unit`: `values[i]`, one for each of `series`, hold from `times_fs[i]` to the next.

    The first time is the start of the run, the last its end, where all values are 0. They are means over the time they
    hold for.
    """

    group: str
    name: str
    unit: str
    series: tuple[str, ...]
    times_fs: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]

    def integral(self) -> dict[str, float]:
        """By series: the values times the seconds they hold for."""
        seconds = [(b - a) / FS_PER_S for a, b in zip(self.times_fs, self.times_fs[1:], strict=False)]
        return {
            name: sum(values[number] * held for values, held in zip(self.values, seconds, strict=False))
            for number, name in enumerate(self.series)
        }
