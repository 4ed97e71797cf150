"""Documents that are nearly right: mappings and lists of a valid one, changed in a few places.

A change is drawn as a small tuple (what to do, where, with what), so that Hypothesis shrinks it to little.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Place = tuple[Any, Any]  # a mapping or a list, and the key or the number of what stands in it

LONG = "x" * 10_000
NAMES = (
    "", " ", ".", "..", "../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x", "~", "a\nb", "a\u2028b", "a\0b",
    "\x1b[31m", "\ud800", "é", "\U0001f600", "nan", "1e9", "null", "tetris", "tinyvgg16", "fc1", "input", "*", "fc*",
    "%s%n", "{0}", "__class__", "$(id)", LONG,
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 255, 4096, 2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**18,
    10**30, -(2**63), -(10**30), 0.0, -0.0, 0.5, 1.0, 1.5, -0.5, 1e-300, 5e-324, 1e15, 1e300, 1.8e308, -1.8e308,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
KEYS = st.sampled_from(NAMES) | st.text(max_size=8)
SCALARS = st.sampled_from((*NUMBERS, *NAMES, None, True, False)) | st.integers() | st.floats() | st.text(max_size=12)
VALUES = (
    SCALARS
    | st.sampled_from(([], {}, [[]], [None], {"": 1}, {"from": 1, "to": 2}, [0] * 3000, ["a"] * 40))
    | (st.lists(SCALARS, max_size=3) | st.dictionaries(KEYS, SCALARS, max_size=3))
)


class Seeds(tuple[Any, ...]):
    """Files or documents to begin with; a strategy that has them is still short to print."""

    def __repr__(self) -> str:
        return f"<{len(self)} seeds>"


def places(tree: Any) -> list[Place]:
    """Everything that stands in a mapping or a list, however deep."""
    return list(_places(tree))


def _places(tree: Any) -> Iterator[Place]:
    inside = [tree]
    while inside:
        around = inside.pop()
        pairs = around.items() if isinstance(around, dict) else enumerate(around) if isinstance(around, list) else ()
        for key, value in pairs:
            yield around, key
            if isinstance(value, dict | list):
                inside.append(value)


def _replace(around: Any, key: Any, value: Any) -> None:
    around[key] = value


def _delete(around: Any, key: Any, value: Any) -> None:
    del around[key]


def _rename(around: Any, key: Any, value: Any) -> None:
    found = around.pop(key)
    if isinstance(around, dict):
        around[str(value)[:40] if value is not None else f"{key}s"] = found
    else:
        around.insert(0, found)


def _add(around: Any, key: Any, value: Any) -> None:
    if isinstance(around, dict):
        around[f"{key}x"] = value
    else:
        around.insert(key, value)


def _repeat(around: Any, key: Any, value: Any) -> None:
    """An element of a list stands twice, and a mapping's value in a list."""
    if isinstance(around, dict):
        around[key] = [around[key], deepcopy(around[key])]
    else:
        around.insert(key, deepcopy(around[key]))


def _repeat_often(around: Any, key: Any, value: Any) -> None:
    times = min(400, 200_000 // len(as_json(around[key])))
    if isinstance(around, dict):
        around[key] = [around[key]] * times
    else:
        around[key:key] = [around[key]] * times


def _nest(around: Any, key: Any, value: Any) -> None:
    found = around[key]
    for _ in range(3 if value is None else 40):
        found = [found] if value is None else {"a": found}
    around[key] = found


def _scale(around: Any, key: Any, value: Any) -> None:
    found = around[key]
    if isinstance(found, int | float) and not isinstance(found, bool):
        by = value if isinstance(value, int | float) else -1
        try:
            around[key] = found * by
        except OverflowError:
            around[key] = -found
    else:
        around[key] = str(found)[:200]


def _swap(around: Any, key: Any, value: Any) -> None:
    keys = list(around) if isinstance(around, dict) else range(len(around))
    other = next(iter(keys))
    around[key], around[other] = around[other], around[key]


def _near(around: Any, key: Any, value: Any) -> None:
    """A number becomes another that it might well have been, a text that of another place, a list is shorter."""
    found = around[key]
    by = value if isinstance(value, int) and 0 <= value < 300 else 2
    if isinstance(found, bool):
        around[key] = not found
    elif isinstance(found, int):
        around[key] = by if by % 2 else found * by
    elif isinstance(found, float):
        around[key] = found * (by + 1) / 4
    elif isinstance(found, str) and isinstance(around, dict):
        around[key] = next((other for other in around.values() if isinstance(other, str) and other != found), found)
    elif isinstance(found, list) and len(found) > 1:
        del found[by % len(found)]
    elif isinstance(around, dict):
        around[key] = None


CHANGES: tuple[Callable[[Any, Any, Any], None], ...] = (
    _replace, _replace, _replace, _delete, _rename, _add, _repeat, _repeat_often, _nest, _scale, _swap,
)  # fmt: skip
_WHERE = st.integers(0, 2**16)
_FAR = st.tuples(st.sampled_from(CHANGES), _WHERE, VALUES)
_CLOSE = st.tuples(st.just(_near), _WHERE, st.integers(0, 299))
#: many of what is near, or few of anything
STEPS = st.lists(_CLOSE, min_size=1, max_size=5) | st.lists(_FAR, min_size=1, max_size=2) | st.lists(_FAR, max_size=5)


def changed(tree: Any, steps: Any) -> Any:
    """A copy of a document with changes made to it, one after the other."""
    tree = deepcopy(tree)
    for change, at, value in steps:
        found = places(tree)
        if not found:
            return value
        change(*found[at % len(found)], deepcopy(value))
        tree = json.loads(as_json(tree)) if change in (_repeat_often, _swap) else tree  # nothing stands in itself
    return tree


def trees(seeds: Sequence[Any], steps: Any = STEPS) -> st.SearchStrategy[Any]:
    """One of the documents `seeds`, changed; now and then it is something else altogether."""
    return _trees(Seeds(seeds), steps)


@st.composite
def _trees(draw: Any, seeds: Seeds, steps: Any) -> Any:
    if draw(st.integers(0, 19)) == 7:
        return draw(VALUES)
    return changed(seeds[draw(st.integers(0, len(seeds) - 1))], draw(steps))


def as_json(tree: Any) -> str:
    """A document as JSON, which is YAML too; numbers that JSON does not know are written as Python does."""
    return json.dumps(tree)


def as_yaml(tree: Any) -> str:
    """A document as JSON whose numbers are those of YAML."""
    return as_json(tree).replace("NaN", ".nan").replace("Infinity", ".inf")
