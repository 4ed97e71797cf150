"""Constraints: expressions over paths that are parsed and never run."""

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.explore.sweep.constraints import Constraint

LAW = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
POINT = {"array.rows": 8, "array.cols": 16, "dram.sharing": "shared", "keep": 0.25, "accelerators": 4}


def holds(text: str, point: dict[str, Any] = POINT) -> bool:
    return Constraint(text).bind(tuple(point))(point)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("array.rows * array.cols <= 128", True),
        ("rows * cols <= 127", False),
        ("rows < cols and cols % rows == 0", True),
        ("not rows == cols", True),
        ("1 < accelerators <= 4", True),
        ("1 < accelerators < 4", False),
        ("sharing == 'shared' or keep > 1", True),
        ("sharing in ['private', 'grouped']", False),
        ("rows not in (1, 2)", True),
        ("keep * accelerators == 1", True),
        ("-rows + 2 * (cols - 4) // 3 > 0 - 1", True),
        ("cols / rows == 2.0", True),
        ("keep", True),
    ],
)
def test_expressions(text: str, expected: bool) -> None:
    assert holds(text) is expected


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(list(LAW)))
def test_comparisons_are_pythons(a: int, b: int, sign: str) -> None:
    assert holds(f"a {sign} b", {"a": a, "b": b}) is LAW[sign](a, b)


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('true')", "rows.__class__()", "[r for r in rows]", "lambda: 1", "rows ** 9", "rows[0]",
     "f'{rows}'", "rows if cols else 1", "(rows := 2)", "{1: 2}", "rows << 99", "~rows", "rows is cols", "b'x' == b'x'",
     "...", "1j"],
)  # fmt: skip
def test_what_is_not_accepted(text: str) -> None:
    with pytest.raises(InputError, match="is not accepted here; accepted: numbers"):
        Constraint(text)


@pytest.mark.parametrize("text", ["", "rows <", "a b", "rows = 3", "x\0", "(" * 300 + "1" + ")" * 300, "1;2"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InputError, match="is no expression"):
        Constraint(text)


@pytest.mark.parametrize("text", ["-" * 990 + "1", "1" + "+1" * 499, "not " * 200 + "1", "a" + ".a" * 400])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(InputError, match=r"nested more than 50 deep|is no path that the sweep sets"):
        Constraint(text).bind(("b",))


def test_lengths_are_bounded() -> None:
    with pytest.raises(InputError, match="up to 1000"):
        Constraint("1+" * 1000 + "1")


def test_paths_that_are_unknown_or_short_for_several() -> None:
    with pytest.raises(InputError, match=r"'depth' is no path that the sweep sets; accepted: array\.rows, "):
        holds("depth > 1")
    with pytest.raises(InputError, match=r"'kib' is short for several paths; accepted: a\.kib, b\.kib"):
        Constraint("kib < 1").bind(("a.kib", "b.kib"))


@pytest.mark.parametrize("text", ["rows < sharing", "rows / 0 > 1", "sharing * 1000000000 == 1", "-sharing == 1"])
def test_values_that_do_not_go_together(text: str) -> None:
    with pytest.raises(InputError, match="constraints: "):
        holds(text)
