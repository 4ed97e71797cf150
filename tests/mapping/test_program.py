"""Nests as loops: kinds of tiles and how often they occur, and sums of activities."""

from collections import Counter
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ppsim.mapping.program import FIRST, LAST, LOOPS, MIDDLE, Activity, Nest, Tile, kind_of, state_tallies

loops = st.tuples(*(st.integers(1, 4),) * LOOPS)
activities = st.builds(Activity, *(st.integers(0, 1000),) * len(Activity._fields))


def states_in_order(counts: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The states of the loops at every turn, walked one by one."""

    def state(turn: int, turns: int) -> int:
        return FIRST if turn == 0 else LAST if turn + 1 == turns else MIDDLE

    return [
        tuple(state(turn, turns) for turn, turns in zip(turns_now, counts, strict=True))
        for turns_now in product(*(range(count) for count in counts))
    ]


def nest_of(counts: tuple[int, ...]) -> Nest:
    tiles = {states: Tile(kind_of(states), 7, 3 * kind_of(states), 2, 5, True) for states in states_in_order(counts)}
    return Nest(counts, tiles, Activity(), 0, 0)


@given(loops)
def test_kinds_are_the_states_of_the_loops(counts):
    nest, states = nest_of(counts), states_in_order(counts)
    assert nest.length == len(states)
    assert list(nest.kinds) == [kind_of(s) for s in states]
    assert [nest.kind(index) for index in range(nest.length)] == [kind_of(s) for s in states]


@given(loops)
def test_tallies_count_every_kind(counts):
    nest, states = nest_of(counts), states_in_order(counts)
    assert dict(state_tallies(counts)) == Counter(states)
    tallied = list(nest.tallies())
    assert sum(occurs for _, occurs in tallied) == nest.length
    assert Counter(dict(tallied)) == Counter(nest.tiles[s] for s in states)


@given(loops)
def test_sums_over_all_tiles(counts):
    nest = nest_of(counts)
    tiles = [nest.tiles[states] for states in states_in_order(counts)]
    assert nest.dram_bytes == sum(tile.weight_bytes + tile.input_bytes + tile.output_bytes for tile in tiles)
    assert nest.compute_cycles == sum(tile.compute_cycles for tile in tiles)
    assert nest.vector_cycles == sum(tile.vector_cycles for tile in tiles)


def test_kinds_have_numbers_of_their_own():
    assert sorted(kind_of(states) for states in product((FIRST, MIDDLE, LAST), repeat=LOOPS)) == list(range(3**LOOPS))
    assert 3**LOOPS <= 256  # a byte each


def test_the_kinds_of_a_very_long_nest_are_not_listed():
    counts = (1, 3, 2, 200_000, 2)
    nest = nest_of((1, 3, 2, 3, 2))
    long = Nest(counts, nest.tiles, Activity(), 0, 0)
    assert len(long.kinds) == long.length == 2_400_000
    assert not isinstance(long.kinds, bytes)
    for index in (0, 1, 2, 399_999, 400_000, 1_234_567, 2_399_998, 2_399_999):
        assert long.kinds[index] == long.kind(index)
    assert long.kinds[0] == kind_of((FIRST, FIRST, FIRST, FIRST, FIRST))
    assert long.kinds[400_003] == kind_of((FIRST, FIRST, LAST, MIDDLE, LAST))
    assert long.kinds[2_399_999] == kind_of((FIRST, LAST, LAST, LAST, LAST))


@given(st.lists(st.tuples(activities, st.integers(0, 9)), max_size=5))
def test_activities_add_up_field_by_field(parts):
    total = Activity.total(parts)
    for name in Activity._fields:
        assert getattr(total, name) == sum(getattr(part, name) * count for part, count in parts)
