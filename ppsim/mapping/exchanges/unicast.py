"""Unicast: each source sends to each destination by itself."""

from __future__ import annotations

from collections.abc import Sequence

from ppsim.mapping.exchanges.contract import Send


def all_gather(members: Sequence[int], features: Sequence[int]) -> list[Send]:
    """A send for each pair: P (P - 1) of them, over as many hops as they are apart.

    Everyone begins with the next member, so that links at one place are not asked for by all at once.
    """
    count = len(members)
    return [
        Send(member, members[(place + distance) % count], features[place])
        for distance in range(1, count)
        for place, member in enumerate(members)
        if features[place]
    ]


def broadcast(root: int, members: Sequence[int], features: int) -> list[Send]:
    """A send to each member."""
    return [Send(root, member, features) for member in members]


def reduce(root: int, members: Sequence[int], features: int) -> list[Send]:
    """A send from each member; the root adds them one by one."""
    return [Send(member, root, features, adds=True) for member in members]
