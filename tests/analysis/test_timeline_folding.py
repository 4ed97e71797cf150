"""Folding: runs of equal pieces as one, patterns within patterns, and as few as asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ppsim.analysis.timeline.folding import Folds, Pieces, fair_share


def pieces(*rows: tuple[int, int, int], layer: int = 0) -> Pieces:
    """From (gap before it, duration, token)."""
    found, now = [], 0
    for gap, lasts, token in rows:
        found.append((now + gap, now + gap + lasts, token, layer))
        now += gap + lasts
    start, end, tokens, layers = np.array(found, dtype=np.int64).reshape(-1, 4).T
    return Pieces(start, end, tokens, layers)


def sizes(folds: Folds) -> list[int]:
    return (folds.beyond - folds.first).tolist()


def test_equal_pieces_at_equal_distances():
    folds = Folds.of(pieces(*[(2, 5, 1)] * 10)).repeated(1, 3)
    assert (sizes(folds), folds.period.tolist(), folds.repeats.tolist()) == ([10], [7], [10])


def test_another_distance_starts_anew():
    rows = [(2, 5, 1)] * 4 + [(3, 5, 1)] * 4
    assert sizes(Folds.of(pieces(*rows)).repeated(1, 3)) == [4, 4]
    # the fourth is as far from the fifth as that is from the sixth
    assert sizes(Folds.of(pieces(*rows)).repeated(1, 5)) == [1, 1, 1, 5]


def test_another_token_starts_anew():
    rows = [(2, 5, 1)] * 4 + [(2, 5, 2)] * 5
    assert sizes(Folds.of(pieces(*rows)).repeated(1, 3)) == [4, 5]


def test_fewer_than_asked_for_stay_apart():
    assert sizes(Folds.of(pieces(*[(0, 1, 1)] * 3)).repeated(1, 4)) == [1, 1, 1]
    assert sizes(Folds.of(pieces(*[(0, 1, 1)] * 4)).repeated(1, 4)) == [4]


def test_a_pattern_of_two():
    rows = [(0, 9, 7)] + [(1, 2, 1), (1, 4, 2)] * 6 + [(0, 9, 7)]
    folds = Folds.of(pieces(*rows)).repeated(2, 3)
    assert (sizes(folds), folds.period.tolist(), folds.repeats.tolist()) == ([1, 12, 1], [0, 8, 0], [0, 6, 0])


def test_a_loop_within_a_loop():
    """A first tile and eight others, five times over: the eight become one, then the pairs do."""
    rows = ([(0, 9, 1)] + [(0, 4, 2)] * 8) * 5
    inner = Folds.of(pieces(*rows)).repeated(1, 3)
    assert sizes(inner) == [1, 8] * 5
    outer = inner.repeated(2, 3)
    assert (sizes(outer), outer.period.tolist(), outer.repeats.tolist()) == ([45], [41], [5])


def test_loops_of_different_length_are_not_equal():
    rows = [(0, 9, 1)] + [(0, 4, 2)] * 8
    shorter = [(0, 9, 1)] + [(0, 4, 2)] * 7 + [(0, 4, 3)]
    folds = Folds.of(pieces(*(rows + shorter) * 4)).repeated(1, 3)
    assert 4 < len(folds.repeated(2, 3)) == len(folds)
    assert sizes(folds.repeated(5, 3)) == [9 * 8]


def test_folds_of_different_pieces_are_not_equal():
    """Runs of two kinds in turn, as long and as far apart as each other."""
    folds = Folds.of(pieces(*([(1, 4, 1)] * 5 + [(1, 4, 2)] * 5) * 3)).repeated(1, 3)
    assert sizes(folds) == [5] * 6
    assert sizes(folds.repeated(1, 3)) == [5] * 6
    assert sizes(folds.repeated(2, 3)) == [30]


def test_irregular_pieces_within_a_limit():
    rng = np.random.default_rng(0)
    many = pieces(*[(int(gap), int(lasts), n) for n, (gap, lasts) in enumerate(rng.integers(1, 50, (1000, 2)))])
    folds = Folds.of(many).within(40)
    assert 10 <= len(folds) <= 40
    assert set(folds.repeats.tolist()) == {0}


def test_what_is_long_stays_by_itself():
    short = [(1, 1 + n % 3, n) for n in range(200)]
    folds = Folds.of(pieces(*short, (0, 100_000, 999), *short)).within(20)
    assert 1 in sizes(folds)
    (long,) = [f for f, size in zip(folds.first.tolist(), sizes(folds), strict=True) if size == 1]
    assert long == 200


def test_layers_stay_apart_if_there_is_room():
    a = pieces(*[(1, 1 + n % 3, n) for n in range(300)])
    layers = np.repeat([0, 1, 2], 100)
    mixed = Pieces(a.start, a.end, a.token, layers)
    folds = Folds.of(mixed).within(12)
    assert len(folds) <= 12
    assert {100, 200} <= set(folds.first.tolist())
    assert len(Folds.of(mixed).within(2)) <= 2


rows = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(0, 1)), min_size=1, max_size=60)


@given(rows=rows, copies=st.integers(1, 6), limit=st.integers(1, 30))
@settings(max_examples=200)
def test_any_pieces(rows, copies, limit):
    """Folds are all the pieces in order, as few as asked for, and repeat as they say they do."""
    whole = pieces(*rows * copies)
    assert len(Folds.of(whole).within(limit)) <= limit
    for width in (1, 2, 3, 5):
        folds = Folds.of(whole).repeated(1, 3).repeated(width, 3)
        assert folds.first[0] == 0
        assert sum(sizes(folds)) == len(whole)
        columns = zip(folds.first.tolist(), sizes(folds), folds.period.tolist(), folds.repeats.tolist(), strict=True)
        for first, size, period, repeats in columns:
            if size == 1:
                assert (period, repeats) == (0, 0)
                continue
            assert repeats >= 3
            a_turn, rest = divmod(size, repeats)
            assert rest == 0
            for turn in range(1, repeats):
                here, there = slice(first, first + a_turn), slice(first + turn * a_turn, first + (turn + 1) * a_turn)
                assert (whole.start[there] == whole.start[here] + turn * period).all()
                assert (whole.token[there] == whole.token[here]).all()


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(1, 300))
def test_a_fair_share(counts, total):
    """It is all that fits, and no smaller than it has to be."""
    share = fair_share(counts, total)

    def taken(limit: int) -> int:
        return sum(min(count, limit) for count in counts)

    assert taken(share) <= max(total, len(counts))
    assert share == max(counts) or taken(share + 1) > total or share == 1
