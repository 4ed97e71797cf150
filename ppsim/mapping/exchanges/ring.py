"""Ring all-gather: in P - 1 rounds everyone passes on to the next what it got in the round before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppsim.mapping.columns import Lists, ints
from ppsim.mapping.exchanges.contract import Sends


def all_gather(members: Sequence[int], features: Sequence[int]) -> Sends:
    """P (P - 1) sends to the next member only, each link of the ring in use in every round."""
    count, order, amounts = len(members), ints(members), ints(features)
    # whose features the member at a place passes on in a round, a row for each round
    rounds, places = np.arange(count - 1)[:, None], np.arange(count)
    owner = (places - rounds) % count
    there = amounts[owner] > 0
    number = (np.cumsum(there) - 1).reshape(there.shape)
    before = np.roll(number, (1, 1), axis=(0, 1))  # the send that brought them there, one round and one place ago
    passed_on = np.broadcast_to(rounds > 0, there.shape)
    return Sends(
        source=np.broadcast_to(order, there.shape)[there],
        destination=np.broadcast_to(np.roll(order, -1), there.shape)[there],
        features=amounts[owner[there]],
        after=Lists.at_most_one(before[there], passed_on[there]),
        adds=np.zeros(np.count_nonzero(there), dtype=np.bool_),
    )
