"""Ring all-gather: in P - 1 rounds everyone passes on to the next what it got in the round before."""

from __future__ import annotations

from collections.abc import Sequence

from ppsim.mapping.exchanges.contract import Send


def all_gather(members: Sequence[int], features: Sequence[int]) -> list[Send]:
    """P (P - 1) sends to the next member only, each link of the ring in use in every round."""
    count = len(members)
    sends: list[Send] = []
    arrived: dict[tuple[int, int], int] = {}  # (whose features, at whom) -> the send that brought them there
    for distance in range(count - 1):
        for place, member in enumerate(members):
            owner = (place - distance) % count
            if not features[owner]:
                continue
            before = arrived.get((owner, place))
            following = (place + 1) % count
            arrived[owner, following] = len(sends)
            sends.append(Send(member, members[following], features[owner], () if before is None else (before,)))
    return sends
