"""From sends of features to messages of bytes over links, which are numbered in the order they are first used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppsim.errors import InputError
from ppsim.hardware.interconnect import InterconnectSpec, Link
from ppsim.mapping.columns import Bools, Ints, Lists
from ppsim.mapping.exchanges.contract import Sends
from ppsim.mapping.messages import Messages
from ppsim.mapping.remembering import Same

#: bytes that the messages of a layer may move, each counted for every link: 64-bit integers hold their bits
LARGEST = 1 << 59


class Router:
    """Makes the messages of one program: `values` numbers a feature, of `bits` bits, or `sum_bits` in partial sums."""

    def __init__(
        self, interconnect: InterconnectSpec, accelerators: int, values: int, bits: int, sum_bits: int
    ) -> None:
        self.interconnect, self.accelerators = interconnect, accelerators
        self.values, self.bits, self.sum_bits = values, bits, sum_bits
        self.links: dict[Link, int] = {}
        self.known: dict[tuple[Same, bool], Messages] = {}
        self.routes: dict[int, list[int]] = {}

    def messages(self, sends: Sends, written: bool) -> Messages:
        """Sends as messages, the same ones for the same sends; raises InputError if they are too large."""
        key = Same(sends), written
        if key not in self.known:
            self.known[key] = self._made(sends, written)
        return self.known[key]

    def _made(self, sends: Sends, written: bool) -> Messages:
        values, bits, sum_bits = self.values, self.bits, self.sum_bits
        if len(sends) * float(sends.features.max(initial=0)) * values * max(bits, sum_bits) >= 8 * LARGEST:
            raise InputError(f"what is sent after it is too large; messages go up to {LARGEST:.2g} bytes in all")
        numbers = sends.features * values
        size = -(-numbers * np.where(sends.adds, sum_bits, bits) // 8)
        carried = size > 0
        routes = self._routes(sends.source, sends.destination, carried)
        return Messages(
            source=sends.source,
            destination=sends.destination,
            bytes=size,
            written=carried & written,
            sums=np.where(sends.adds, numbers, 0),
            route_starts=routes.starts,
            route_links=routes.values,
            after_starts=sends.after.starts,
            after_messages=sends.after.values,
        )

    def _routes(self, source: Ints, destination: Ints, carried: Bools) -> Lists:
        """The links that each message takes; none for one that carries nothing."""
        pairs, first, place = np.unique(
            np.where(carried, source * self.accelerators + destination, -1), return_index=True, return_inverse=True
        )
        found: list[Sequence[int]] = [()] * len(pairs)
        for number in np.argsort(first).tolist():
            pair = int(pairs[number])
            if pair >= 0:
                found[number] = self._route(pair)
        return Lists.of(found).taken(place)

    def _route(self, pair: int) -> list[int]:
        if pair not in self.routes:
            taken = self.interconnect.route(self.accelerators, *divmod(pair, self.accelerators))
            self.routes[pair] = [self.links.setdefault(link, len(self.links)) for link in taken]
        return self.routes[pair]
