"""What is sent after a step: who needs what of what others made, as sends of the algorithms the interconnect uses.

Accelerators behind one DRAM channel find in it what the others stored there: they synchronise and send nothing, and
across channels one of them, the lowest numbered, sends and receives for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ppsim.hardware.interconnect import InterconnectSpec
from ppsim.mapping.exchanges import ALL_GATHERS, BROADCASTS, REDUCES, chosen
from ppsim.mapping.exchanges.contract import Send
from ppsim.mapping.layout import Intervals, Layout, merged, overlap, transfers

Transfer = tuple[int, int, int]


class Plan(NamedTuple):
    """`sends` in order; `reads[a]`: features that accelerator a sends of those it made, or made behind its channel."""

    sends: tuple[Send, ...]
    reads: tuple[int, ...]


def exchange(
    made: Layout, needs: tuple[Intervals, ...], channel_of: tuple[int, ...] | None, links: InterconnectSpec
) -> Plan:
    """What has to be sent so that each accelerator has what it `needs`.

    `channel_of` gives the DRAM channel of each accelerator where that is where the data lies; None: it lies in the
    scratchpads, and everyone needs a copy.
    """
    if made.replicated or needs == made.made:
        return Plan((), (0,) * len(needs))
    return _exchange(made, needs, channel_of, links)


@lru_cache(maxsize=1024)
def _exchange(
    made: Layout, needs: tuple[Intervals, ...], channel_of: tuple[int, ...] | None, links: InterconnectSpec
) -> Plan:
    """The same, remembered, where anything may have to be sent."""
    everything = transfers(made, needs)
    if not everything:
        return Plan((), (0,) * len(needs))
    if channel_of is None or len(set(channel_of)) == len(channel_of):
        return _planned(everything, made, needs, links)
    local = [(s, d) for s, d, _ in everything if channel_of[s] == channel_of[d]]
    remote = [(s, d) for s, d, _ in everything if channel_of[s] != channel_of[d]]
    return _through_channels(made, needs, channel_of, links, local, remote)


def reduction(root: int, members: Sequence[int], features: int, links: InterconnectSpec) -> list[Send]:
    """Partial sums of `features` features from all members to the root."""
    return chosen(links, "reduce", REDUCES)(root, members, features)


def _planned(wanted: Sequence[Transfer], made: Layout, needs: Sequence[Intervals], links: InterconnectSpec) -> Plan:
    """Sends for transfers between accelerators of which no two share a channel, by the pattern these make."""
    reads = [0] * len(needs)
    size = {source: made.features_of(source) for source, _, _ in wanted}
    whole = all(features == size[source] for source, _, features in wanted)
    members = {accelerator for source, destination, _ in wanted for accelerator in (source, destination)}
    for source in size:
        asked = (needs[d] for s, d, _ in wanted if s == source)
        reads[source] = size[source] if whole else overlap(made.made[source], merged([i for n in asked for i in n]))
    if whole and len(size) > 1 and len(wanted) == len(size) * (len(members) - 1):
        order = [a for a in links.ring(len(needs)) if a in members]
        sends = chosen(links, "all_gather", ALL_GATHERS)(order, [size.get(a, 0) for a in order])
    elif whole and len(size) == 1 and len(wanted) > 1:
        ((root, features),) = size.items()
        sends = chosen(links, "broadcast", BROADCASTS)(root, [d for _, d, _ in wanted], features)
    else:
        sends = [Send(*transfer) for transfer in wanted]
    return Plan(tuple(sends), tuple(reads))


def _through_channels(
    made: Layout,
    needs: Sequence[Intervals],
    channel_of: Sequence[int],
    links: InterconnectSpec,
    local: list[tuple[int, int]],
    remote: list[tuple[int, int]],
) -> Plan:
    """Synchronise behind each channel, let one accelerator of each send to the others, and synchronise again."""
    first = {channel: channel_of.index(channel) for channel in set(channel_of)}
    speaker = [first[channel] for channel in channel_of]
    has: list[Intervals] = [()] * len(needs)
    wants: list[Intervals] = [()] * len(needs)
    for of, sets, pairs_at in ((has, made.made, 0), (wants, needs, 1)):
        behind: dict[int, list[Intervals]] = {}
        for accelerator in dict.fromkeys(pair[pairs_at] for pair in remote):
            behind.setdefault(speaker[accelerator], []).append(sets[accelerator])
        for accelerator, found in behind.items():
            of[accelerator] = merged([interval for intervals in found for interval in intervals])
    across = [
        (s, d, shared)
        for d in range(len(needs))
        for s in range(len(needs))
        if s != d and has[s] and wants[d] and (shared := overlap(has[s], wants[d]))
    ]
    plan = _planned(across, Layout(tuple(has)), wants, links) if across else Plan((), (0,) * len(needs))

    direct, ups, downs = _synchronisations(local, remote, speaker)
    sends = [Send(s, d, 0) for s, d in (*direct, *ups)]
    reported: dict[int, list[int]] = {}
    for number, (_, destination) in enumerate(ups, start=len(direct)):
        reported.setdefault(destination, []).append(number)
    offset = len(sends)
    for send in plan.sends:
        after = tuple(number + offset for number in send.after) or tuple(reported.get(send.source, ()))
        sends.append(replace(send, after=after))
    come = {d: [n for n, send in enumerate(sends) if send.destination == d] for d in {s for s, _ in downs}}
    sends += [Send(s, d, 0, tuple(come[s])) for s, d in downs]
    return Plan(tuple(sends), plan.reads)


def _synchronisations(
    local: list[tuple[int, int]], remote: list[tuple[int, int]], speaker: Sequence[int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs that synchronise directly, and those that tell their speaker and are told by it.

    Where all behind a channel wait for all others, they do so through the speaker: 2 (n - 1) instead of n (n - 1).
    """
    ups = dict.fromkeys((s, speaker[s]) for s, _ in remote)
    downs = dict.fromkeys((speaker[d], d) for _, d in remote)
    direct: list[tuple[int, int]] = []
    for one in dict.fromkeys(speaker[s] for s, _ in local):
        pairs = [pair for pair in local if speaker[pair[0]] == one]
        members = dict.fromkeys(accelerator for pair in pairs for accelerator in pair)
        if one in members and len(pairs) == len(members) * (len(members) - 1):
            ups |= dict.fromkeys((member, one) for member in members)
            downs |= dict.fromkeys((one, member) for member in members)
        else:
            direct += pairs
    return direct, _between(ups), _between(downs)


def _between(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(s, d) for s, d in pairs if s != d]
