"""Messages of a stage: activations and partial sums that accelerators send one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ppsim.mapping.columns import Bools, Ints, Lists, Records, ints


class Message(NamedTuple):
    """Activations or partial sums sent from one accelerator to another.

    It leaves when both have finished the stage that made them, and when the messages `after` (numbers in the same
    stage) have arrived at its source. `route` are the links taken. On arrival the destination adds `sums` numbers to
    its own, and writes the data to its DRAM if it is `written`. A message of no bytes tells that data lies in DRAM that
    both read, and leaves when it is written there. One to its own source is a write alone.
    """

    source: int
    destination: int
    bytes: int
    route: tuple[int, ...]
    written: bool
    after: tuple[int, ...] = ()
    sums: int = 0


class Ends(NamedTuple):
    """By accelerator: bytes written to its DRAM, in whole bursts, and bytes it sends to others and gets from them."""

    stored: tuple[int, ...]
    passed: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Messages(Records[Message]):
    """Messages in order, as columns of int64 with an entry for each (`written`: bool).

    Message i takes the links `route_links[route_starts[i] : route_starts[i + 1]]` and waits for the messages
    `after_messages[after_starts[i] : after_starts[i + 1]]`.
    """

    source: Ints
    destination: Ints
    bytes: Ints
    written: Bools
    sums: Ints
    route_starts: Ints
    route_links: Ints
    after_starts: Ints
    after_messages: Ints

    @staticmethod
    def of(messages: Sequence[Message]) -> Messages:
        """These messages."""
        routes = Lists.of([message.route for message in messages])
        after = Lists.of([message.after for message in messages])
        return Messages(
            ints(message.source for message in messages),
            ints(message.destination for message in messages),
            ints(message.bytes for message in messages),
            np.array([message.written for message in messages], dtype=np.bool_),
            ints(message.sums for message in messages),
            *routes,
            *after,
        )

    @staticmethod
    def joined(parts: Sequence[Messages]) -> Messages:
        """The messages of all parts; what they wait for is numbered as it is."""
        routes = Lists.joined([Lists(part.route_starts, part.route_links) for part in parts])
        after = Lists.joined([Lists(part.after_starts, part.after_messages) for part in parts])
        return Messages(
            np.concatenate([part.source for part in parts]),
            np.concatenate([part.destination for part in parts]),
            np.concatenate([part.bytes for part in parts]),
            np.concatenate([part.written for part in parts]),
            np.concatenate([part.sums for part in parts]),
            *routes,
            *after,
        )

    @cached_property
    def sent(self) -> int:
        """Bytes from one accelerator to another, each once."""
        return int(self.bytes[self.source != self.destination].sum())

    @cached_property
    def summed(self) -> tuple[tuple[int, int], ...]:
        """(destination, numbers) of the messages whose data is added up."""
        adds = self.sums > 0
        return tuple(zip(self.destination[adds].tolist(), self.sums[adds].tolist(), strict=True))

    @cached_property
    def hop_bytes(self) -> Ints:
        """Bytes of each message for each link it takes, in the order of `route_links`."""
        return np.repeat(self.bytes, np.diff(self.route_starts))

    @cached_property
    def link_bytes(self) -> tuple[tuple[int, int], ...]:
        """(link, bytes over it) of the links that are used."""
        links, place = np.unique(self.route_links, return_inverse=True)
        carried = np.zeros(len(links), dtype=np.int64)
        np.add.at(carried, place, self.hop_bytes)
        return tuple(zip(links.tolist(), carried.tolist(), strict=True))

    @cached_property
    def routed(self) -> int:
        """Bytes of all messages for each link they take."""
        return int(self.hop_bytes.sum())

    def at_ends(self, accelerators: int, burst: int) -> Ends:
        """What accelerators send, get and store; remembered, as every run asks."""
        key = accelerators, burst
        if key not in self._ends_known:
            away, written = self.source != self.destination, self.written
            stored, passed = np.zeros((2, accelerators), dtype=np.int64)
            np.add.at(stored, self.destination[written], -(-self.bytes[written] // burst) * burst)
            np.add.at(passed, self.source[away], self.bytes[away])
            np.add.at(passed, self.destination[away], self.bytes[away])
            self._ends_known[key] = Ends(tuple(stored.tolist()), tuple(passed.tolist()))
        return self._ends_known[key]

    @cached_property
    def _ends_known(self) -> dict[tuple[int, int], Ends]:
        return {}

    @property
    def nbytes(self) -> int:
        """Memory that the columns take."""
        columns = (self.source, self.route_starts, self.route_links, self.after_starts, self.after_messages)
        return sum([column.nbytes for column in columns]) + 4 * self.source.nbytes

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self.source)

    def _between(self, low: int, high: int) -> Iterator[Message]:
        def column(values: Ints | Bools) -> list[int]:
            return values[low:high].tolist()  # type: ignore[no-any-return]

        return map(
            Message,
            column(self.source),
            column(self.destination),
            column(self.bytes),
            Lists(self.route_starts, self.route_links).between(low, high),
            column(self.written),
            Lists(self.after_starts, self.after_messages).between(low, high),
            column(self.sums),
        )


NO_MESSAGES = Messages.of(())
