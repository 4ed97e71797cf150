"""Unicast: each source sends to each destination by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppsim.mapping.columns import ints
from ppsim.mapping.exchanges.contract import Send, Sends


def all_gather(members: Sequence[int], features: Sequence[int]) -> Sends:
    """A send for each pair: P (P - 1) of them, over as many hops as they are apart.

    Everyone begins with the next member, so that links at one place are not asked for by all at once.
    """
    count, order, amounts = len(members), ints(members), ints(features)
    places = np.flatnonzero(amounts)
    rounds = np.arange(1, count)
    return Sends.at_once(
        np.tile(order[places], len(rounds)),
        order[(places + rounds[:, None]).ravel() % count],
        np.tile(amounts[places], len(rounds)),
    )


def broadcast(root: int, members: Sequence[int], features: int) -> Sends:
    """A send to each member."""
    return Sends.of([Send(root, member, features) for member in members])


def reduce(root: int, members: Sequence[int], features: int) -> Sends:
    """A send from each member; the root adds them one by one."""
    return Sends.of([Send(member, root, features, adds=True) for member in members])
