"""What the exchange after a stage takes at least, for each class of accelerators and for the last accelerator of all.

A message leaves when its source and its destination have finished the stage, passes the links of its route, and is
added or written. So an accelerator waits for all whose messages, directly or through others, come to it; what comes
over its busiest last link comes one after the other, and so do messages that pass data on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from ppsim.explore.screening.columns import Column, Columns
from ppsim.explore.screening.work import StageWork, Work
from ppsim.hardware.interconnect import LinkSpec
from ppsim.units import FS_PER_S


class Way(NamedTuple):
    """Time over links: hops and bytes of links that have no numbers of their own, and seconds of those that have."""

    bytes: float = 0.0
    hops: float = 0.0
    seconds: float = 0.0

    def plus(self, other: Way) -> Way:
        """One after the other."""
        return Way(self.bytes + other.bytes, self.hops + other.hops, self.seconds + other.seconds)

    def least(self, other: Way) -> Way:
        """No longer than either."""
        return Way(*map(min, zip(self, other, strict=True)))

    def time(self, columns: Columns) -> Column:
        """Seconds it takes."""
        return self.bytes / columns.link_rate + self.hops * columns.hop_s + self.seconds


@dataclass(frozen=True)
class Arrival:
    """What a class of accelerators waits for, each of its `members` at least.

    `waits_for` are classes that have finished the stage before. `ways` begin when a member has finished itself,
    `chains` when the first accelerator of all has; `written` bytes are written, and `sums` added, once the member has
    finished. `behind_all` is what a message to a member takes at least, and `written_behind` what is written of it,
    where the member waits for all accelerators; else None.
    """

    waits_for: frozenset[int]
    ways: tuple[Way, ...]
    chains: tuple[Way, ...]
    written: int
    sums: int
    behind_all: Way | None
    written_behind: int


@dataclass(frozen=True)
class Exchange:
    """Arrivals by class; of single accelerators that may be the last of all, with their class; and what the last
    message of all takes after the first accelerator has finished.

    `read` bytes are read back before any message that carries data leaves. `carried` is the busiest link by itself.
    """

    arrivals: tuple[Arrival, ...]
    late: tuple[tuple[int, Arrival], ...]
    last: tuple[Way, ...]
    carried: tuple[Way, ...]
    read: int


def exchange_of(work: Work, stage: StageWork) -> Exchange | None:
    """The exchange after a stage; None where nothing is sent, nor told."""
    if not stage.messages:
        return None
    return _Summary(work, stage).exchange()


class _Summary:
    """Ways of the messages of a stage, and what accelerators wait for because of them."""

    def __init__(self, work: Work, stage: StageWork) -> None:
        self.work, self.stage = work, stage
        links = work.system.interconnect
        self.specs = [links.link(link) for link in work.links]
        self.common = LinkSpec(links.rate, links.hop_fs, links.pj_per_bit)
        self.ideal = links.ideal
        #: of links that are passed whole one after the other, the share of a message after the first
        self.repeats = 1 / links.chunks if links.switching == "store-and-forward" else 0.0
        count = work.system.accelerators
        self.needed: list[set[int]] = [{a} for a in range(count)]
        self.chains: list[list[Way]] = [[] for _ in range(count)]
        self.direct: list[list[Way]] = [[] for _ in range(count)]
        self.written, self.sums = [0] * count, [0] * count
        #: what any message to an accelerator takes at least, and what is written of it
        self.shortest: list[Way] = [Way()] * count
        self.least_written = [0] * count
        self.last_links: list[dict[int, int]] = [{} for _ in range(count)]
        self.load: dict[int, int] = {}
        self._follow()

    def _follow(self) -> None:
        """Go through the messages, those they come after first."""
        needs: list[set[int]] = []
        ways: list[tuple[Way, ...]] = []
        reached: set[int] = set()
        for source, destination, size, route, written, after, sums in self.stage.messages:
            need = {source, destination}.union(*[needs[number] for number in after])
            own = self._way(route, size)
            before = _longest([way for number in after for way in ways[number]])
            here = tuple(_longest([way.plus(own) for way in [Way(), *before]]))
            needs.append(need)
            ways.append(here)
            self.needed[destination] |= need
            self.chains[destination] = _longest([*self.chains[destination], *here])
            self.direct[destination] = _longest([*self.direct[destination], own])
            self.sums[destination] += sums
            bursts = self.work.system.dram.rounded(size) if written else 0
            self.written[destination] += bursts
            first = destination not in reached
            reached.add(destination)
            self.shortest[destination] = own if first else self.shortest[destination].least(own)
            self.least_written[destination] = bursts if first else min(self.least_written[destination], bursts)
            for link in route:
                self.load[link] = self.load.get(link, 0) + size
            if route:
                arriving = self.last_links[destination]
                arriving[route[-1]] = arriving.get(route[-1], 0) + size

    def _way(self, route: Sequence[int], size: int) -> Way:
        """What a message takes by itself."""
        if self.ideal or not route:
            return Way()
        own = [self.specs[link] for link in route if self.specs[link] != self.common]
        common = len(route) - len(own)
        whole = 1 + (common - 1) * self.repeats if common else 0.0
        slowest = max([size / spec.rate for spec in own], default=0.0)
        return Way(
            size * whole,
            common,
            sum(spec.hop_fs for spec in own) / FS_PER_S + (0.0 if common else slowest),
        )

    def _busiest(self, loads: dict[int, int]) -> list[Way]:
        """The link that takes longest for what passes it, its last hop included: of common links, and of others."""
        if self.ideal:
            return []
        found = _longest(Way(size, 1) for link, size in loads.items() if self.specs[link] == self.common)
        own = [(size, self.specs[link]) for link, size in loads.items() if self.specs[link] != self.common]
        if own:
            found.append(Way(seconds=max(size / spec.rate + spec.hop_fs / FS_PER_S for size, spec in own)))
        return found

    def exchange(self) -> Exchange:
        """The summary."""
        for ways, loads in zip(self.direct, self.last_links, strict=True):
            ways += self._busiest(loads)
        senders = {message.source for message in self.stage.messages if message.bytes}
        busiest = self._busiest(self.load)
        accelerators = range(self.work.system.accelerators)
        late = {
            max(accelerators, key=self.written.__getitem__),
            max(accelerators, key=lambda a: max(self.chains[a], default=Way())),
        }
        return Exchange(
            arrivals=tuple([self._arrival(members) for members in self.work.members]),
            late=tuple([(self.work.class_of[a], self._arrival([a])) for a in sorted(late)]),
            last=(*_longest(way for ways in self.chains for way in ways), *busiest),
            carried=tuple(busiest),
            read=min([self.stage.reads[a] for a in senders], default=0),
        )

    def _arrival(self, members: Sequence[int]) -> Arrival:
        class_of, count = self.work.class_of, self.work.system.accelerators
        needed = [frozenset([class_of[a] for a in self.needed[member]]) for member in members]
        all_needed = count > 1 and all(len(self.needed[member]) == count for member in members)
        return Arrival(
            waits_for=needed[0].intersection(*needed),
            ways=_common_ways([self.direct[member] for member in members]),
            chains=_common_ways([self.chains[member] for member in members]),
            written=min([self.written[member] for member in members]),
            sums=min([self.sums[member] for member in members]),
            behind_all=reduce(Way.least, [self.shortest[member] for member in members]) if all_needed else None,
            written_behind=min([self.least_written[member] for member in members]),
        )


def _longest(ways: Iterable[Way]) -> list[Way]:
    """Of several ways those that may be the longest: with most bytes, most hops, most seconds; each once."""
    found = [way for way in dict.fromkeys(ways) if any(way)]
    if len(found) < 2:
        return found
    by_hops = max(found, key=lambda way: (way.hops, way.bytes))
    by_seconds = max(found, key=lambda way: (way.seconds, way.bytes))
    return list(dict.fromkeys([max(found), by_hops, by_seconds]))


def _common_ways(by_member: Sequence[list[Way]]) -> tuple[Way, ...]:
    """Ways that no member of a class is faster than."""
    if not all(by_member):
        return ()
    found = []
    for key in (lambda way: way, lambda way: (way.hops, way.bytes), lambda way: (way.seconds, way.bytes)):
        least = max(by_member[0], key=key)
        for ways in by_member[1:]:
            least = least.least(max(ways, key=key))
        found.append(least)
    return tuple([way for way in dict.fromkeys(found) if any(way)])
