"""Constraints on design points: "rows * cols <= 4096", over the paths that a point sets.

Expressions are parsed, never run: arithmetic, comparisons, and, or, not, in, over numbers, texts and paths.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ppsim.documents import quote
from ppsim.errors import InputError

#: characters of an expression
LONGEST = 1000
#: how deep an expression may be nested
DEEPEST = 50
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, among: value in among,
    ast.NotIn: lambda value, among: value not in among,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
ACCEPTED = "numbers, texts, paths, + - * / // %, comparisons, in, and, or, not, and parentheses"


@dataclass(frozen=True)
class Constraint:
    """An expression that holds for a point or does not."""

    text: str

    def __post_init__(self) -> None:
        """Reject what is no such expression."""
        if len(self.text) > LONGEST:
            raise InputError(f"constraints: {quote(self.text)}: {len(self.text)} characters; up to {LONGEST}")
        _check(self._tree(), self.text, DEEPEST)

    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise InputError(f"constraints: {quote(self.text)} is no expression; accepted: {ACCEPTED}") from None

    def bind(self, paths: tuple[str, ...]) -> Callable[[Mapping[str, Any]], bool]:
        """Whether the constraint holds, as a function of a point's values by path.

        A path may be shortened to its end ("rows") where only one of `paths` ends so. Raises InputError for a path that
        is not among them, and, when called, for values that do not go together ("ws" * 2).
        """
        tree = self._tree()
        names = {name: _resolve(name, paths, self.text) for name in _paths_in(tree)}

        def holds(values: Mapping[str, Any]) -> bool:
            try:
                return bool(_value(tree, {name: values[path] for name, path in names.items()}))
            except (TypeError, ZeroDivisionError, OverflowError) as error:
                raise InputError(f"constraints: {quote(self.text)}: {error}") from None

        return holds


def _resolve(name: str, paths: tuple[str, ...], text: str) -> str:
    if name in paths:
        return name
    ending = [path for path in paths if path.endswith(f".{name}")]
    if len(ending) == 1:
        return ending[0]
    known = ", ".join(ending or paths)
    problem = "is short for several paths" if ending else "is no path that the sweep sets"
    raise InputError(f"constraints: {quote(text)}: {name!r} {problem}; accepted: {known}")


def _path(node: ast.expr) -> str | None:
    """The path that names and dots spell: a.b.c; None for anything else."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else None


def _paths_in(node: ast.expr) -> set[str]:
    if path := _path(node):
        return {path}
    return set().union(*(_paths_in(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))


def _check(node: ast.expr, text: str, depth: int) -> None:
    if not depth:
        raise InputError(f"constraints: {quote(text)}: nested more than {DEEPEST} deep")
    if _path(node):
        return
    fine = (
        (isinstance(node, ast.BinOp) and type(node.op) in _BINARY)
        or (isinstance(node, ast.Compare) and all(type(sign) in _COMPARE for sign in node.ops))
        or (isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY)
        or isinstance(node, ast.BoolOp | ast.List | ast.Tuple)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool | None))
    )
    if not fine:
        what = ast.get_source_segment(text, node)
        raise InputError(f"constraints: {quote(text)}: {quote(what)} is not accepted here; accepted: {ACCEPTED}")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check(child, text, depth - 1)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if path := _path(node):
        return values[path]
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(element, values) for element in node.elts]
        case ast.UnaryOp():
            return _UNARY[type(node.op)](_value(node.operand, values))
        case ast.BinOp():
            left, right = _value(node.left, values), _value(node.right, values)
            if isinstance(left, str | list) or isinstance(right, str | list):
                raise TypeError("arithmetic is for numbers")
            return _BINARY[type(node.op)](left, right)
        case ast.BoolOp():
            every = isinstance(node.op, ast.And)
            found = (_value(value, values) for value in node.values)
            return all(found) if every else any(found)
        case ast.Compare():
            sides = [_value(side, values) for side in (node.left, *node.comparators)]
            pairs = zip(sides, node.ops, sides[1:], strict=False)
            return all(_COMPARE[type(sign)](left, right) for left, sign, right in pairs)
    raise AssertionError(node)  # _check has seen it
