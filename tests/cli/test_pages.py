"""Pages: words wrap, numbers are never cut; and quantities as people read them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ppsim.analysis.quantities import energy, percent, short, si, times
from ppsim.cli.layout import Words, table, titled
from ppsim.cli.output import print_page, say


def console(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, markup=False, highlight=False), file


def printed(page: object, width: int) -> list[str]:
    where, file = console(width)
    print_page(where, page)  # type: ignore[arg-type]
    assert where.width == width
    return [line.rstrip() for line in file.getvalue().splitlines()]


HEADS = ("name", "cycles", "what it\nis")
ROWS = (
    ("multi-unstructured-compressed", "1,234,567,890", "words of a sentence that is long"),
    ("single-dense", "1", "short"),
)


def test_a_table_as_wide_as_it_likes() -> None:
    assert printed(table(HEADS, ROWS, words=(2,)), 80) == [
        "                                              what it",
        "name                                  cycles  is",
        "multi-unstructured-compressed  1,234,567,890  words of a sentence that is long",
        "single-dense                               1  short",
    ]


def test_words_wrap_where_a_table_is_too_wide() -> None:
    assert printed(table(HEADS, ROWS, words=(0, 2)), 54) == [
        "                                  what it",
        "name                      cycles  is",
        "multi-             1,234,567,890  words of a sentence",
        "unstructured-                     that is long",
        "compressed",
        "single-dense                   1  short",
    ]


@pytest.mark.parametrize("width", range(1, 80))
def test_numbers_and_names_are_whole_at_any_width(width: int) -> None:
    lines = printed(titled("A title", table(HEADS, ROWS, words=(2,))), width)
    text = "\n".join(lines)
    assert all(cell in text for row in ROWS for cell in row[:2])
    assert all(word in text for word in ROWS[0][2].split())


def test_columns_move_closer_together_before_lines_get_longer() -> None:
    page = table(("a", "b"), [("1" * 10, "2" * 10)])
    assert printed(page, 22) == ["a                    b", f"{'1' * 10}  {'2' * 10}"]
    assert printed(table(("a", "b"), [("1" * 10, "2" * 10)]), 21) == ["a                   b", f"{'1' * 10} {'2' * 10}"]
    assert printed(table(("a", "b"), [("1" * 10, "2" * 10)]), 5) == ["a                   b", f"{'1' * 10} {'2' * 10}"]


def test_a_number_stays_with_its_unit() -> None:
    where, file = console(20)
    say(where, "latency of exactly 43 ns, 12.5 % of 8 GB/s and 4 of 5", indent=2)
    assert file.getvalue().splitlines() == [
        "  latency of exactly", "  43 ns, 12.5 % of", "  8 GB/s and 4 of 5",
    ]  # fmt: skip


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1), max_size=12))
def test_wrapping_loses_nothing(words: list[str]) -> None:
    text = " ".join(words)
    for width in (1, 7, 30):
        lines = printed(Words(text), width)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert printed(Words(text), 10_000) == [text]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (short(0), "0"),
        (short(0.0123456), "0.0123"),
        (short(1.5e-5), "1.5e-05"),
        (short(1.234), "1.23"),
        (short(12.34), "12.3"),
        (short(99.96), "100"),
        (short(1234567.8), "1,234,568"),
        (si(0, "B"), "0 B"),
        (si(14, "B"), "14 B"),
        (si(999, "B"), "999 B"),
        (si(1000, "B"), "1.00 kB"),
        (si(14.0, "B"), "14.0 B"),
        (si(61_100_840, ""), "61.1 M"),
        (si(128, ""), "128"),
        (si(1.5e-9, "s"), "1.50 ns"),
        (si(2e-14, "s"), "0.02 ps"),
        (si(-3e-6, "J"), "-3.00 uJ"),
        (energy(1.5e9, "pJ"), "1.50 mJ"),
        (energy(1.5e9, "MAC"), "1.50 GMAC"),
        (times(0.954), "0.95x"),
        (times(9.996), "10.0x"),
        (times(253.4), "253x"),
        (percent(0.1234), "12.3 %"),
        (percent(-0.006), "-0.6 %"),
    ],
)
def test_quantities(shown: str, told: str) -> None:
    assert shown == told
