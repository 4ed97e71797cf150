"""Binomial trees: a broadcast or a reduction over P accelerators takes log2(P) rounds.

Members are numbered from the root's 0; number i > 0 hangs on i without its highest bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from ppsim.mapping.exchanges.contract import Send, Sends


def _parent(number: int) -> int:
    return number - (1 << (number.bit_length() - 1))


def broadcast(root: int, members: Sequence[int], features: int) -> Sends:
    """Everyone who has the data passes it on to the members that hang on it, in order."""
    order = [root, *members]
    sends = []
    for number in range(1, len(order)):
        parent = _parent(number)
        after = (parent - 1,) if parent else ()  # the send to number p is the one at p - 1
        sends.append(Send(order[parent], order[number], features, after))
    return Sends.of(sends)


def reduce(root: int, members: Sequence[int], features: int) -> Sends:
    """Everyone adds what comes from the members that hang on it, then sends the sum on."""
    order = [root, *members]
    sends: list[Send] = []
    coming: dict[int, list[int]] = {}
    for number in range(len(order) - 1, 0, -1):
        parent = _parent(number)
        coming.setdefault(parent, []).append(len(sends))
        sends.append(Send(order[number], order[parent], features, tuple(coming.get(number, ())), adds=True))
    return Sends.of(sends)
