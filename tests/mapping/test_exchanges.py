"""Exchanges carried out send by send: everyone gets what it needs, and nobody sends what it does not have yet."""

from collections import Counter
from dataclasses import replace
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_layout import as_intervals

import ppsim
from ppsim.hardware.interconnect import TOPOLOGIES, InterconnectSpec
from ppsim.mapping.communication import Plan, exchange, reduction
from ppsim.mapping.exchanges import ALL_GATHERS, BROADCASTS, REDUCES
from ppsim.mapping.exchanges.contract import NO_SENDS, Send, Sends
from ppsim.mapping.layout import Layout

LINKS = InterconnectSpec("ring", bandwidth_gb_s=1, latency_ns=1)
members_of = st.permutations(range(9)).flatmap(lambda order: st.integers(1, 9).map(lambda count: order[:count]))


@st.composite
def links(draw: st.DrawFn) -> InterconnectSpec:
    return InterconnectSpec(
        draw(st.sampled_from(["mesh", "ring", "bus", "all-to-all", "torus"])),
        bandwidth_gb_s=1,
        latency_ns=1,
        all_gather=draw(st.sampled_from([None, *ALL_GATHERS])),
        broadcast=draw(st.sampled_from([None, *BROADCASTS])),
        reduce=draw(st.sampled_from([None, *REDUCES])),
    )


def check_order(sends: Sends) -> None:
    """Nothing waits for itself or a later one, and what a send waits for ends where it begins."""
    for number, send in enumerate(sends):
        assert send.source != send.destination
        assert all(before < number and sends[before].destination == send.source for before in send.after)


def rounds(sends: Sends, busy: str) -> int:
    """Rounds they take if an accelerator is the `busy` end of one send at a time and each takes a round."""
    done: list[int] = []
    last: Counter[int] = Counter()
    for send in sends:
        end = getattr(send, busy)
        done.append(1 + max([last[end], *(done[before] for before in send.after)]))
        last[end] = done[-1]
    return max(done, default=0)


@pytest.mark.parametrize("name", ALL_GATHERS)
@given(members_of, st.data())
def test_each_chunk_of_an_all_gather_arrives_exactly_once(name, members, data):
    """Chunks of different sizes, so that a send tells what it carries; some members have nothing."""
    sizes = data.draw(st.lists(st.integers(1, 99), min_size=len(members), max_size=len(members), unique=True))
    features = [size * data.draw(st.sampled_from((0, 1, 1, 1))) for size in sizes]
    sends = ALL_GATHERS[name](members, features)
    check_order(sends)
    arrived: Counter[tuple[int, int]] = Counter()
    for send in sends:
        own = features[members.index(send.source)] == send.features
        assert own or send.features in [sends[before].features for before in send.after]
        assert not (own and send.after)
        arrived[send.destination, send.features] += 1
        assert not send.adds
    everyone = {
        (member, size) for i, member in enumerate(members) for j, size in enumerate(features) if i != j and size
    }
    assert arrived == Counter(dict.fromkeys(everyone, 1))
    if name == "ring":
        following = dict(zip(members, [*members[1:], members[0]], strict=True))
        assert all(following[send.source] == send.destination for send in sends)
        if all(features):
            assert rounds(sends, "source") == rounds(sends, "destination") == len(members) - 1


@pytest.mark.parametrize("name", BROADCASTS)
@given(members_of, st.integers(1, 50))
def test_a_broadcast_reaches_everyone_once(name, order, features):
    root, *members = order
    sends = BROADCASTS[name](root, members, features)
    check_order(sends)
    assert sorted(send.destination for send in sends) == sorted(members)
    assert {send.features for send in sends} <= {features}
    for send in sends:  # who sends on waits until it has it
        assert (send.source == root) == (not send.after)
    longest = ceil(log2(len(order))) if name == "tree" else len(members)
    assert rounds(sends, "source") == longest


@pytest.mark.parametrize("name", REDUCES)
@given(members_of, st.integers(1, 50))
def test_every_summand_reaches_the_root_exactly_once(name, order, features):
    root, *members = order
    sends = REDUCES[name](root, members, features)
    check_order(sends)
    carried: list[Counter[int]] = []
    sums = Counter([root])
    for send in sends:
        carried.append(sum((carried[before] for before in send.after), Counter([send.source])))
        coming = [n for n, other in enumerate(sends) if other.destination == send.source]
        assert sorted(send.after) == coming  # everything that is added on the way has come
        assert (send.features, send.adds) == (features, True)
        if send.destination == root:
            sums += carried[-1]
    assert sums == Counter(order)
    longest = ceil(log2(len(order))) if name == "tree" else len(members)
    assert rounds(sends, "destination") == longest
    spec = replace(LINKS, reduce=name)
    assert reduction(root, members, features, spec) == sends


def carry_out(plan: Plan, made: list[set[int]], needs: list[set[int]], channel: list[int]) -> list[set[int]]:
    """What each accelerator can read in the end; fails where a send carries something else than it claims.

    A synchronisation lets its destination find, in the DRAM of both, what its source made or what came before it. Data
    is passed on as it came, or is what the source has of what is needed behind the destination's channel.
    """
    check_order(plan.sends)
    behind = [set().union(*(n for n, c in zip(needs, channel, strict=True) if c == own)) for own in channel]
    carried: list[set[int]] = []
    found = [set(features) for features in made]
    read = [set() for _ in made]
    across = [0] * len(made)
    for send in plan.sends:
        has = made[send.source].union(*(carried[before] for before in send.after))
        forwarded = [before for before in send.after if plan.sends[before].features]
        same = channel[send.source] == channel[send.destination]
        assert same == (send.features == 0)
        if same:
            content = has
        elif forwarded:
            ((content),) = (carried[before] for before in forwarded)
        else:
            content = has & behind[send.destination]
            read[send.source] |= content
        if not same:
            assert len(content) == send.features
            across[channel.index(channel[send.destination])] += send.features
        carried.append(content)
        found[send.destination] |= content
    assert [len(features) for features in read] == list(plan.reads)
    # each feature crosses to a channel once, however many there need it
    for a, own in enumerate(channel):
        if channel.index(own) == a:
            elsewhere = set().union(*(m for m, c in zip(made, channel, strict=True) if c != own))
            assert across[a] == len(elsewhere & behind[a])
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[set[int]], list[set[int]]]:
    """What each accelerator makes and needs: anything, or the patterns that have algorithms of their own."""
    accelerators = draw(st.integers(1, 7))
    makers = draw(st.lists(st.integers(0, accelerators - 1), min_size=1, unique=True))
    owners = draw(st.lists(st.sampled_from([*makers, accelerators]), max_size=20))  # the last one stands for nobody
    made = [{f for f, owner in enumerate(owners) if owner == a} for a in range(accelerators)]
    all_made = set().union(*made)
    pattern = draw(st.sampled_from(["anything", "everyone", "some of them"]))
    if pattern == "everyone":
        return made, [all_made] * accelerators
    if pattern == "some of them":
        return made, [all_made if draw(st.booleans()) else set() for _ in range(accelerators)]
    return made, [draw(st.sets(st.integers(0, 24))) & all_made for _ in range(accelerators)]


def planned(made, needs, channel, spec) -> Plan:
    return exchange(Layout(tuple(map(as_intervals, made))), tuple(map(as_intervals, needs)), channel, spec)


@settings(max_examples=150)
@given(cases(), links(), st.data())
def test_everyone_gets_what_it_needs(case, spec, data):
    """From scratchpads, private channels, shared ones in groups, and any other sharing."""
    made, needs = case
    count = len(made)
    channel = data.draw(
        st.none()
        | st.integers(1, count).map(lambda size: tuple(a // size for a in range(count)))
        | st.tuples(*(st.integers(0, 3),) * count)
    )
    plan = planned(made, needs, channel, spec)
    found = carry_out(plan, made, needs, list(channel or range(count)))
    for has, needed in zip(found, needs, strict=True):
        assert needed <= has
    if not any(needed - own for needed, own in zip(needs, made, strict=True)):
        assert plan == Plan(NO_SENDS, (0,) * count)


@given(cases(), links(), st.booleans())
def test_what_all_have_is_not_exchanged(case, spec, shared):
    made, needs = case
    everything = (as_intervals(set().union(*made)),) * len(made)
    channel = (0,) * len(made) if shared else None
    plan = exchange(Layout(everything, replicated=True), tuple(map(as_intervals, needs)), channel, spec)
    assert plan == Plan(NO_SENDS, (0,) * len(made))


@pytest.mark.parametrize(("count", "syncs"), [(2, 2), (3, 4), (8, 14), (64, 126)])
def test_those_behind_one_channel_meet_at_one_of_them(count, syncs):
    """Two synchronisations each but for the one where they meet, and not one for each pair."""
    made, needs = [{a} for a in range(count)], [set(range(count))] * count
    plan = planned(made, needs, (0,) * count, LINKS)
    assert len(plan.sends) == syncs
    assert not any(send.features for send in plan.sends)
    assert carry_out(plan, made, needs, [0] * count) == needs


def test_only_those_that_wait_synchronise():
    """One for each pair that is not all of them; with another channel, one up to and one down from those that speak."""
    made, needs = [{0}, {1}, set(), set()], [set(), {0, 1}, {1}, set()]
    pairs = [(send.source, send.destination) for send in planned(made, needs, (0,) * 4, LINKS).sends]
    assert sorted(pairs) == [(0, 1), (1, 2)]
    made, needs = [set(), {1}, set(), set()], [set(), set(), set(), {1}]
    plan = planned(made, needs, (0, 0, 1, 1), LINKS)
    assert tuple(plan.sends) == (Send(1, 0, 0), Send(0, 2, 1, (0,)), Send(2, 3, 0, (1,)))
    assert plan.reads == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("pattern", "algorithm", "data_sends"),
    [("all_gather", "ring", 12), ("all_gather", "unicast", 12), ("broadcast", "tree", 3), ("broadcast", "unicast", 3)],
)
def test_channels_exchange_by_the_algorithm_the_links_use(pattern, algorithm, data_sends):
    """Eight accelerators behind four channels: one of each speaks, by ring and tree as if there were four."""
    made = [{a} if pattern == "all_gather" or a == 0 else set() for a in range(8)]
    needs, channel = [set().union(*made)] * 8, (0, 0, 1, 1, 2, 2, 3, 3)
    plan = planned(made, needs, channel, replace(LINKS, **{pattern: algorithm}))
    data = [send for send in plan.sends if send.features]
    assert len(data) == data_sends
    assert {send.source for send in data} | {send.destination for send in data} == {0, 2, 4, 6}
    passed_on = [send for send in data if any(plan.sends[before].features for before in send.after)]
    assert len(passed_on) == {"ring": 8, "tree": 1, "unicast": 0}[algorithm]
    carry_out(plan, made, needs, list(channel))


def test_an_algorithm_of_the_topology_unless_it_is_named():
    made, needs = [{a} for a in range(4)], [set(range(4))] * 4
    for topology in ("ring", "all-to-all"):
        spec = replace(LINKS, topology=topology)
        default = TOPOLOGIES[topology].exchanges["all_gather"]
        named = replace(spec, all_gather=default)
        assert planned(made, needs, None, spec).sends == planned(made, needs, None, named).sends
        waits = [send.after for send in planned(made, needs, None, spec).sends]
        assert any(waits) == (default == "ring")


@pytest.mark.parametrize("pattern", ["all_gather", "broadcast", "reduce"])
def test_an_unknown_algorithm_is_refused_with_those_there_are(pattern):
    spec = replace(LINKS, **{pattern: "carrier pigeon"})
    made = [{a} if pattern == "all_gather" or a == 0 else set() for a in range(3)]
    accepted = ", ".join({"all_gather": ALL_GATHERS, "broadcast": BROADCASTS, "reduce": REDUCES}[pattern])
    needs = [set().union(*made)] * 3
    with pytest.raises(ppsim.InputError) as caught:
        reduction(0, [1, 2], 4, spec) if pattern == "reduce" else planned(made, needs, None, spec)
    assert str(caught.value) == f"interconnect.{pattern}: 'carrier pigeon' is unknown; accepted: {accepted}"
