"""Columns against the lists and records they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from ppsim.mapping.columns import Lists, ints
from ppsim.mapping.messages import Message, Messages

numbers = st.lists(st.integers(0, 9), max_size=4)
lists = st.lists(numbers, max_size=8)


def listed(found: Lists) -> list[list[int]]:
    return [list(one) for one in found.between(0, len(found.starts) - 1)]


@given(lists, lists)
def test_lists_are_what_they_are_made_of(one, other):
    assert listed(Lists.of(one)) == one
    assert listed(Lists.joined([Lists.of(one), Lists.of(other)])) == one + other
    assert listed(Lists.of(one).shifted(3)) == [[number + 3 for number in numbers] for numbers in one]
    assert Lists.of(one).lengths.tolist() == [len(numbers) for numbers in one]
    assert [Lists.of(one).at(number).tolist() for number in range(len(one))] == one


@given(lists.filter(len), st.data())
def test_lists_are_taken_by_number(found, data):
    chosen = data.draw(st.lists(st.integers(0, len(found) - 1), max_size=9))
    assert listed(Lists.of(found).taken(ints(chosen))) == [found[number] for number in chosen]


@given(lists, lists.filter(len), st.data())
def test_empty_lists_are_replaced(found, others, data):
    numbers = [data.draw(st.integers(0, len(others) - 1)) for _ in found]
    expected = [one or others[number] for one, number in zip(found, numbers, strict=True)]
    assert listed(Lists.of(found).or_else(Lists.of(others), ints(numbers))) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8), st.lists(st.integers(0, 6), max_size=12))
def test_ranges_and_groups(bounds, keys):
    found = Lists.ranges(ints(low for low, _ in bounds), ints(high for _, high in bounds))
    assert listed(found) == [list(range(low, high)) for low, high in bounds]
    groups = [[place for place, one in enumerate(keys) if one == key] for key in range(7)]
    assert listed(Lists.grouped(ints(keys), 7)) == groups


messages = st.lists(
    st.builds(
        Message,
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 100),
        st.lists(st.integers(0, 5), max_size=3).map(tuple),
        st.booleans(),
        st.lists(st.integers(0, 9), max_size=3).map(tuple),
        st.integers(0, 9),
    ),
    max_size=9,
)


@given(messages, messages)
def test_messages_are_a_sequence_of_what_they_are_made_of(one, other):
    found = Messages.of(one)
    assert list(found) == one
    assert [found[number] for number in range(len(found))] == one
    assert list(found[1:]) == one[1:]
    assert list(Messages.joined([found, Messages.of(other)])) == one + other
    assert all(type(value) is int for message in found for value in (message.source, message.bytes, message.sums))


@given(messages)
def test_totals_of_messages_are_sums_over_them(one):
    found, away = Messages.of(one), [m for m in one if m.source != m.destination]
    assert found.sent == sum(m.bytes for m in away)
    assert found.routed == sum(m.bytes * len(m.route) for m in one)
    carried = {link: sum(m.bytes * m.route.count(link) for m in one) for m in one for link in m.route}
    assert dict(found.link_bytes) == carried
    assert list(found.summed) == [(m.destination, m.sums) for m in one if m.sums]
    ends = found.at_ends(4, 32)
    for a in range(4):
        assert ends.passed[a] == sum(m.bytes * (m.source == a) + m.bytes * (m.destination == a) for m in away)
        assert ends.stored[a] == sum(-(-m.bytes // 32) * 32 for m in one if m.written and m.destination == a)


def test_many_messages_are_made_as_they_are_asked_for():
    """More than are kept: made in pieces, and one by one."""
    one = [Message(n % 3, n % 5, n, (n % 7,), n % 2 == 0, (n // 2,) if n % 3 else (), n % 4) for n in range(10_000)]
    found = Messages.of(one)
    assert list(found) == one
    assert found[9_999] == one[9_999] == found[-1]
    assert found[4_000:5_000:7] == tuple(one[4_000:5_000:7])
