"""Intervals of features against sets of features."""

from hypothesis import given
from hypothesis import strategies as st

from ppsim.mapping.layout import Layout, length, merged, overlap, scaled, transfers, within

intervals = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6)
feature_sets = st.sets(st.integers(0, 15))


def as_set(pieces) -> set[int]:
    return {feature for low, high in pieces for feature in range(low, high)}


def as_intervals(features: set[int]) -> tuple[tuple[int, int], ...]:
    """The maximal runs of a set."""
    lows = sorted(f for f in features if f - 1 not in features)
    highs = sorted(f + 1 for f in features if f + 1 not in features)
    return tuple(zip(lows, highs, strict=True))


@given(intervals)
def test_merged_is_the_union_in_maximal_runs(pieces):
    assert merged(pieces) == as_intervals(as_set(pieces))


@given(feature_sets)
def test_length_counts_features(features):
    assert length(as_intervals(features)) == len(features)


@given(feature_sets, feature_sets)
def test_overlap_is_the_intersection(one, other):
    assert overlap(as_intervals(one), as_intervals(other)) == len(one & other)


runs = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=30)
many_runs = st.tuples(runs, runs).map(lambda pieces: [*pieces[0], *[(1, 2), (3, 0), (2, 1)] * 25, *pieces[1]])


@given(many_runs, runs, st.integers(0, 9))
def test_overlap_of_many_intervals(one, other, shift):
    """More of them than are compared one by one, touching ones among them, from different beginnings."""
    sets = []
    for at, lengths in ((0, one), (shift, other)):
        found = []
        for size, gap in lengths:
            found.append((at, at + size))
            at += size + gap
        sets.append(tuple(found))
    shared = len(as_set(sets[0]) & as_set(sets[1]))
    assert overlap(*sets) == overlap(*reversed(sets)) == shared


@given(feature_sets, st.integers(0, 15), st.integers(0, 15))
def test_what_of_a_set_lies_within(features, low, size):
    """Counted from the lower end; pieces that touch may stay apart."""
    found = within(as_intervals(features), low, low + size)
    assert as_set(found) == {f - low for f in features if low <= f < low + size}
    assert all(a < b for a, b in found)


@given(st.lists(intervals, max_size=3), st.lists(intervals, max_size=3))
def test_overlap_of_touching_intervals(one, other):
    """Disjoint sorted intervals need not be maximal: [0, 2) and [2, 4) may stand side by side."""
    first = [(f, f + 1) for f in sorted(as_set(i for pieces in one for i in pieces))]
    second = merged([i for pieces in other for i in pieces])
    assert overlap(first, second) == overlap(second, first) == len(as_set(first) & as_set(second))


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[list[set[int]], list[set[int]]]:
    """What each accelerator makes (no feature twice) and what each needs."""
    accelerators = draw(st.integers(1, 4))
    owners = draw(st.lists(st.integers(0, accelerators), max_size=16))  # the last one stands for nobody
    made = [{f for f, owner in enumerate(owners) if owner == a} for a in range(accelerators)]
    return made, [draw(feature_sets) for _ in range(accelerators)]


@given(exchanges())
def test_transfers_are_what_is_needed_and_made_elsewhere(case):
    made, needs = case
    found = transfers(Layout(tuple(map(as_intervals, made))), tuple(map(as_intervals, needs)))
    expected = {
        (source, destination): len(made[source] & needs[destination])
        for source in range(len(made))
        for destination in range(len(made))
        if source != destination and made[source] & needs[destination]
    }
    assert {(source, destination): features for source, destination, features in found} == expected
    assert len(found) == len(expected)


@given(exchanges())
def test_what_all_make_is_not_sent(case):
    made, needs = case
    layout = Layout(tuple(map(as_intervals, made)), replicated=True)
    assert not transfers(layout, tuple(map(as_intervals, needs)))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.data())
def test_scaling_follows_whole_channels(channels, per_channel_in, per_channel_out, data):
    """A pooled layout: each channel's features shrink (or grow) together."""
    cut = data.draw(st.integers(0, channels))
    made = (((0, cut * per_channel_in),), ((cut * per_channel_in, channels * per_channel_in),))
    layout = Layout(made).scaled(channels * per_channel_out, channels * per_channel_in)
    assert layout.made == (((0, cut * per_channel_out),), ((cut * per_channel_out, channels * per_channel_out),))
    assert [layout.features_of(a) for a in (0, 1)] == [cut * per_channel_out, (channels - cut) * per_channel_out]


@given(feature_sets, st.integers(1, 4))
def test_units_as_features(units, factor):
    assert as_set(scaled(as_intervals(units), factor)) == {f for f in range(99) if f // factor in units}
