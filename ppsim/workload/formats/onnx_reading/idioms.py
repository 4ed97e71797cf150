"""Functions that exporters write out as several nodes, put back as the one node they stand for.

A pattern is a tree that is matched backwards from the node that makes the result. Sums and products match in either
order. A new idiom is a pattern and an entry of `IDIOMS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose, pi, sqrt
from typing import Protocol, TypeAlias, Union

from ppsim.extras import needs
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.opening import EXTRA, READING

#: constants in half precision have three digits
_TOLERANCE = 2e-3
#: nodes between a constant and where it is used that leave a single number as it is
_HOPS = 8
_CARRIERS = {"Cast", "CastLike", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


class Numbers(Protocol):
    """Single numbers among a graph's constants."""

    def single(self, name: str) -> float | None:
        """The number a tensor is; None where it is not a single constant number."""
        ...


@dataclass(frozen=True)
class Tensor:
    """Any tensor; all in a pattern that are called the same have to be the same."""

    name: str


@dataclass(frozen=True)
class Number:
    """A constant of about this value; None: of any value, which is kept under `name`."""

    value: float | None
    name: str = ""


@dataclass(frozen=True)
class Call:
    """The result of an operator, kept as `called`; with `along_axis` along one axis, which is kept."""

    op: str
    operands: tuple[Pattern, ...]
    along_axis: bool = False
    called: str = ""


@dataclass(frozen=True)
class OneOf:
    """What matches one of several patterns."""

    choices: tuple[Pattern, ...]


Pattern: TypeAlias = Union[Tensor, Number, Call, OneOf]  # noqa: UP007
Found: TypeAlias = dict[str, Union[str, float]]  # noqa: UP007


def _call(op: str, *operands: Pattern) -> Call:
    return Call(op, operands)


def _product(*factors: Pattern) -> Pattern:
    """Two or three factors, in whichever order they are multiplied."""
    if len(factors) == 2:
        return _call("Mul", *factors)
    first, second, third = factors
    return OneOf(
        tuple(
            _call("Mul", one, _call("Mul", *others))
            for one, others in ((first, (second, third)), (second, (first, third)), (third, (first, second)))
        )
    )


X, D = Tensor("x"), Tensor("d")
_ROOT = sqrt(2 / pi)
_ERF = _call("Erf", OneOf((_call("Div", X, Number(sqrt(2))), _call("Mul", X, Number(sqrt(0.5))))))
_CUBE = OneOf((_call("Pow", X, Number(3.0)), _product(X, X, X)))
_SQUARE = OneOf((_call("Mul", X, X), _call("Pow", X, Number(2.0))))
_TANH = _call(
    "Tanh",
    OneOf(
        (
            _product(Number(_ROOT), _call("Add", X, _product(Number(0.044715), _CUBE))),
            _product(X, Number(_ROOT), _call("Add", Number(1.0), _product(Number(0.044715), _SQUARE))),
            _product(X, Number(_ROOT), _call("Add", Number(1.0), _product(Number(0.044715), X, X))),
        )
    ),
)
GELU = _product(X, Number(0.5), _call("Add", OneOf((_ERF, _TANH)), Number(1.0)))


def _mean(of: Pattern) -> Call:
    return Call("ReduceMean", (of,), along_axis=True)


_CENTRED = Call("Sub", (X, _mean(X)), called="d")
_VARIANCE = _mean(OneOf((_call("Pow", D, Number(2.0)), _call("Mul", D, D))))
NORMALISED = _call("Div", _CENTRED, _call("Sqrt", _call("Add", _VARIANCE, Number(None, "epsilon"))))
#: what a softmax is wrapped in so that rows that are masked throughout come out as zeros
SAFE = _call("Where", _call("IsNaN", X), Number(0.0), X)

#: the operator a pattern stands for, and the pattern; scale and shift of a normalisation are multiplied and added after
IDIOMS: tuple[tuple[str, Pattern], ...] = (("Gelu", GELU), ("LayerNormalization", NORMALISED), ("Identity", SAFE))


@dataclass(frozen=True)
class Idiom:
    """A node that stands for several: its operator, what it reads, and its attributes."""

    op: str
    reads: str
    attributes: Mapping[str, float]

    def node(self, root: Node) -> Node:
        """The node that takes the place of `root`, the last of several."""
        with needs(EXTRA, READING):
            from onnx import helper
        attributes = {name: helper.make_attribute(name, value) for name, value in self.attributes.items()}
        return replace(root, op=self.op, inputs=(self.reads,), attributes=attributes)


def found_at(node: Node, makers: Mapping[str, Node], numbers: Numbers) -> Idiom | None:
    """The idiom whose result `node` makes, or None. `makers` has the node that makes each tensor."""
    if not node.outputs or node.op not in ("Mul", "Div", "Where"):
        return None
    for op, pattern in IDIOMS:
        match = next(_matches(pattern, node.outputs[0], {}, makers, numbers), None)
        if match is not None:
            numbers_found = {name: found for name, found in match.items() if not isinstance(found, str)}
            return Idiom(op, str(match["x"]), numbers_found)
    return None


def _matches(
    pattern: Pattern, name: str, known: Found, makers: Mapping[str, Node], numbers: Numbers
) -> Iterator[Found]:
    """Each way in which a tensor matches a pattern, as what the names in it stand for."""
    if isinstance(pattern, Tensor):
        if known.get(pattern.name, name) == name:
            yield {**known, pattern.name: name}
    elif isinstance(pattern, Number):
        value = _number(name, makers, numbers)
        if value is not None and (pattern.value is None or isclose(value, pattern.value, rel_tol=_TOLERANCE)):
            yield {**known, pattern.name: value} if pattern.name else known
    elif isinstance(pattern, OneOf):
        for choice in pattern.choices:
            yield from _matches(choice, name, known, makers, numbers)
    else:
        node = makers.get(name)
        if node is None or node.op != pattern.op:
            return
        if pattern.called:
            known = {**known, pattern.called: name}
        if pattern.along_axis:
            axis = _single_axis(node, makers, numbers)
            if axis is None or known.get("axis", axis) != axis:
                return
            known = {**known, "axis": axis}
        reads = node.inputs[: len(pattern.operands)]
        if len(reads) < len(pattern.operands) or (not pattern.along_axis and len(node.inputs) > len(reads)):
            return
        orders = (reads, reads[::-1]) if pattern.op in ("Add", "Mul") and reads[0] != reads[1] else (reads,)
        for order in orders:
            yield from _all_match(pattern.operands, order, known, makers, numbers)


def _all_match(
    patterns: Sequence[Pattern], names: Sequence[str], known: Found, makers: Mapping[str, Node], numbers: Numbers
) -> Iterator[Found]:
    if not patterns:
        yield known
        return
    for found in _matches(patterns[0], names[0], known, makers, numbers):
        yield from _all_match(patterns[1:], names[1:], found, makers, numbers)


def _number(name: str, makers: Mapping[str, Node], numbers: Numbers) -> float | None:
    for _ in range(_HOPS):
        value = numbers.single(name)
        node = makers.get(name)
        if value is not None or node is None or node.op not in _CARRIERS or not node.inputs:
            return value
        name = node.inputs[0]
    return None


def _single_axis(node: Node, makers: Mapping[str, Node], numbers: Numbers) -> int | None:
    """The one axis a reduction works along, which it keeps; None for several."""
    if not node.flag("keepdims", 1):
        return None
    if len(node.inputs) > 1:
        value = _number(node.inputs[1], makers, numbers)
        return None if value is None else int(value)
    axes = node.integers("axes")
    return axes[0] if axes is not None and len(axes) == 1 else None
