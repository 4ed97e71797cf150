"""What is sent after a step: who needs what of what others made, as sends of the algorithms the interconnect uses.

Accelerators behind one DRAM channel find in it what the others stored there: they synchronise and send nothing, and
across channels one of them, the lowest numbered, sends and receives for all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ppsim.hardware.interconnect import TOPOLOGIES, InterconnectSpec
from ppsim.mapping.columns import Ints, Lists, ints
from ppsim.mapping.exchanges import ALL_GATHERS, BROADCASTS, REDUCES, algorithms, chosen
from ppsim.mapping.exchanges.contract import NO_SENDS, Sends
from ppsim.mapping.layout import Interval, Intervals, Layout, Transfers, merged, overlap, transfers
from ppsim.mapping.remembering import Memory


class Plan(NamedTuple):
    """`sends` in order; `reads[a]`: features that accelerator a sends of those it made, or made behind its channel."""

    sends: Sends
    reads: tuple[int, ...]


def exchange(
    made: Layout, needs: tuple[Intervals, ...], channel_of: tuple[int, ...] | None, links: InterconnectSpec
) -> Plan:
    """What has to be sent so that each accelerator has what it `needs`.

    `channel_of` gives the DRAM channel of each accelerator where that is where the data lies; None: it lies in the
    scratchpads, and everyone needs a copy.
    """
    if made.replicated or needs == made.made:
        return Plan(NO_SENDS, (0,) * len(needs))
    key = (made, needs, channel_of, wiring(links, len(needs)))
    return _PLANS.get(key, lambda: _exchange(made, needs, channel_of, links))


#: plans that are remembered
_PLANS: Memory[Plan] = Memory(32 << 20, lambda plan: 2000 + 40 * len(plan.reads) + plan.sends.nbytes)


def wiring(links: InterconnectSpec, accelerators: int) -> Hashable:
    """What routes and exchanges depend on: topology and algorithms, and no speeds."""
    return TOPOLOGIES[links.topology], links.plan(accelerators), algorithms(links)


def _exchange(
    made: Layout, needs: tuple[Intervals, ...], channel_of: tuple[int, ...] | None, links: InterconnectSpec
) -> Plan:
    """The same where anything may have to be sent."""
    everything = transfers(made, needs)
    if not everything:
        return Plan(NO_SENDS, (0,) * len(needs))
    if channel_of is None or len(set(channel_of)) == len(channel_of):
        return _planned(everything, made, needs, links)
    channel = ints(channel_of)
    alike = channel[everything.source] == channel[everything.destination]
    return _through_channels(made, needs, channel_of, links, everything.where(alike), everything.where(~alike))


def reduction(root: int, members: Sequence[int], features: int, links: InterconnectSpec) -> Sends:
    """Partial sums of `features` features from all members to the root."""
    return chosen(links, "reduce", REDUCES)(root, members, features)


def _planned(wanted: Transfers, made: Layout, needs: Sequence[Intervals], links: InterconnectSpec) -> Plan:
    """Sends for transfers between accelerators of which no two share a channel, by the pattern these make."""
    sizes = ints([made.features_of(a) for a in range(len(needs))])
    sources = np.unique(wanted.source).tolist()
    whole = bool((wanted.features == sizes[wanted.source]).all())
    members = set(sources).union(np.unique(wanted.destination).tolist())
    reads = [0] * len(needs)
    size = {source: int(sizes[source]) for source in sources}
    asking = None if whole else Lists.grouped(wanted.source, len(needs))
    for source in sources:
        reads[source] = size[source]
        if asking is not None:
            asked = dict.fromkeys([needs[d] for d in wanted.destination[asking.at(source)].tolist()])
            reads[source] = overlap(made.made[source], merged([interval for some in asked for interval in some]))
    if whole and len(size) > 1 and len(wanted) == len(size) * (len(members) - 1):
        order = [a for a in links.ring(len(needs)) if a in members]
        sends = chosen(links, "all_gather", ALL_GATHERS)(order, [size.get(a, 0) for a in order])
    elif whole and len(size) == 1 and len(wanted) > 1:
        ((root, features),) = size.items()
        sends = chosen(links, "broadcast", BROADCASTS)(root, wanted.destination.tolist(), features)
    else:
        sends = Sends.at_once(wanted.source, wanted.destination, wanted.features)
    return Plan(sends, tuple(reads))


def _through_channels(
    made: Layout,
    needs: Sequence[Intervals],
    channel_of: Sequence[int],
    links: InterconnectSpec,
    local: Transfers,
    remote: Transfers,
) -> Plan:
    """Synchronise behind each channel, let one accelerator of each send to the others, and synchronise again."""
    count = len(needs)
    first = {channel: number for number, channel in reversed(list(enumerate(channel_of)))}
    speaker = [first[channel] for channel in channel_of]
    has = _together(made.made, np.unique(remote.source).tolist(), speaker)
    wants = _together(needs, np.unique(remote.destination).tolist(), speaker)
    across = transfers(Layout(has), wants)
    plan = _planned(across, Layout(has), wants, links) if across else Plan(NO_SENDS, (0,) * count)

    direct, ups, downs = _synchronisations(local, remote, ints(speaker))
    before = Sends.joined([direct, ups])
    reported = Lists.grouped(ups.destination, count).shifted(len(direct))
    after = plan.sends.after.shifted(len(before)).or_else(reported, plan.sends.source)
    sends = Sends.joined([before, plan.sends.waiting(after)])
    come = Lists.grouped(sends.destination, count)
    return Plan(Sends.joined([sends, downs.waiting(come.taken(downs.source))]), plan.reads)


def _together(sets: Sequence[Intervals], accelerators: Sequence[int], speaker: Sequence[int]) -> tuple[Intervals, ...]:
    """What some accelerators have or need, all of it at those that speak for them."""
    behind: dict[int, list[Interval]] = {}
    for accelerator in accelerators:
        behind.setdefault(speaker[accelerator], []).extend(sets[accelerator])
    return tuple([merged(behind.get(accelerator, ())) for accelerator in range(len(sets))])


def _synchronisations(local: Transfers, remote: Transfers, speaker: Ints) -> tuple[Sends, Sends, Sends]:
    """Those between two accelerators directly, those that tell their speaker, and those by which it tells them.

    Where all behind a channel wait for all others, they do so through the speaker: 2 (n - 1) instead of n (n - 1).
    """
    direct, tell, told = [NO_SENDS], [remote.source], [remote.destination]
    leader = speaker[local.source]
    for one in _first_seen(leader).tolist():
        pairs = local.where(leader == one)
        members = _first_seen(np.stack((pairs.source, pairs.destination), axis=1).ravel())
        if one in members and len(pairs) == len(members) * (len(members) - 1):
            tell.append(members)
            told.append(members)
        else:
            direct.append(Sends.synchronisations(pairs.source, pairs.destination))
    ups, downs = _first_seen(np.concatenate(tell)), _first_seen(np.concatenate(told))
    ups, downs = ups[speaker[ups] != ups], downs[speaker[downs] != downs]
    return (
        Sends.joined(direct),
        Sends.synchronisations(ups, speaker[ups]),
        Sends.synchronisations(speaker[downs], downs),
    )


def _first_seen(values: Ints) -> Ints:
    """The different values in the order in which they first come."""
    different, first = np.unique(values, return_index=True)
    return different[np.argsort(first)]
