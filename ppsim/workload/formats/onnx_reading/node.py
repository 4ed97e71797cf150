"""A node of an ONNX graph with what it reads, and what is wrong with it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from ppsim.documents import MAX_QUOTE, quote
from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading.opening import plain
from ppsim.workload.formats.onnx_reading.values import Activation, Constant, Value
from ppsim.workload.model import Array

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

#: AttributeProto.type of the kinds of attribute that are read
_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7


class UnsupportedError(InputError):
    """A node that ppsim has no layer for. It can be left out where it keeps the shape of what it reads."""


@dataclass(frozen=True)
class Node:
    """One node: its operator, its attributes and the values it reads (None for an input left out).

    `name` is never empty: a node without one is counted among those of its operator. `opset` is the version of ONNX's
    operators.
    """

    name: str
    op: str
    opset: int
    attributes: Mapping[str, AttributeProto]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operands: tuple[Value | None, ...] = ()

    def __str__(self) -> str:
        """As errors call it."""
        op = self.op if self.op.isprintable() and len(self.op) <= MAX_QUOTE else quote(self.op)
        return f"node {quote(self.name)} ({op})"

    def wrong(self, reason: str) -> InputError:
        """The error of a node that makes no sense, or stands for work that must not be left out."""
        return InputError(f"{self}: {reason}")

    def refused(self, reason: str) -> UnsupportedError:
        """The error of a node that ppsim has no layer for."""
        return UnsupportedError(f"{self}: {reason}")

    def given(self, index: int) -> bool:
        """Whether there is an operand at a place."""
        return index < len(self.operands) and self.operands[index] is not None

    def operand(self, index: int) -> Value:
        """The operand at a place; raises InputError where there is none."""
        value = self.operands[index] if index < len(self.operands) else None
        if value is None:
            raise self.wrong(f"input {index} is missing")
        return value

    def activation(self, index: int) -> Activation:
        """The operand at a place, which has to depend on the network's input."""
        value = self.operand(index)
        if not isinstance(value, Activation):
            raise self.refused(f"input {index} has to be computed from the network's input")
        return value

    def constant(self, index: int) -> Constant:
        """The operand at a place, whose numbers have to be known."""
        value = self.operand(index)
        if not isinstance(value, Constant):
            raise self.refused(f"input {index} has to be constant")
        return value

    def weights(self, index: int) -> Array:
        """The constant at a place as float32 numbers; raises InputError where they are not finite or not floats."""
        constant = self.constant(index)
        label = f"tensor {quote(constant.origin or self.inputs[index])}"
        if constant.array.dtype.kind != "f":
            raise self.wrong(f"{label} holds {constant.array.dtype}; floating point numbers are accepted as weights")
        with np.errstate(all="ignore"):
            found = np.ascontiguousarray(constant.array, np.float32)
        if not np.isfinite(found).all():
            raise self.wrong(f"{label} holds NaN or infinite numbers; trained weights are finite in float32")
        return found.reshape(constant.array.shape)

    def numbers(self, index: int) -> tuple[int, ...]:
        """The constant integers at a place: a shape, axes, places."""
        array = self.constant(index).array
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise self.wrong(f"input {index} has to be a list of integers, got {array.dtype} of shape {array.shape}")
        return tuple(int(number) for number in array.reshape(-1))

    def integer(self, name: str, default: int) -> int:
        """An attribute that is an integer."""
        found = self._attribute(name, _INT, "an integer")
        return default if found is None else int(found.i)

    def flag(self, name: str, default: int) -> bool:
        """An attribute that is 0 or 1."""
        return self.integer(name, default) != 0

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers; None where it is left out."""
        found = self._attribute(name, _INTS, "a list of integers")
        return None if found is None else tuple(found.ints)

    def number(self, name: str, default: float) -> float:
        """An attribute that is a finite number."""
        found = self._attribute(name, _FLOAT, "a number")
        value = default if found is None else float(found.f)
        if not isfinite(value):
            raise self.wrong(f"attribute {name} is {value}; a finite number is accepted")
        return value

    def text(self, name: str, default: str) -> str:
        """An attribute that is a text."""
        found = self._attribute(name, _STRING, "a text")
        return default if found is None else found.s.decode("utf-8", "replace")

    def _attribute(self, name: str, kind: int, what: str) -> AttributeProto | None:
        found = self.attributes.get(name)
        if found is not None and found.type != kind:
            raise self.wrong(f"attribute {name} has to be {what}")
        return found

    def axes(self, index: int) -> tuple[int, ...] | None:
        """Axes as newer operator sets give them, at an input, or older ones, as an attribute; None: neither."""
        return self.numbers(index) if self.given(index) else self.integers("axes")

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front; raises InputError where there is none such."""
        if not -rank <= value < rank:
            raise self.wrong(f"axis {value} of a tensor of {rank} axes")
        return value % rank


def node_of(proto: NodeProto, name: str, opset: int) -> Node:
    """A node as it stands in a graph, called `name`; raises InputError for text that is none."""
    op, domain = plain(proto.op_type, "a node's operator"), plain(proto.domain, "a node's domain")
    attributes = {plain(entry.name, "an attribute's name"): entry for entry in proto.attribute}
    return Node(
        name=name,
        op=op if domain in ("", "ai.onnx") else f"{domain}::{op}",
        opset=opset,
        attributes=attributes,
        inputs=tuple(plain(entry, "a tensor's name") for entry in proto.input),
        outputs=tuple(plain(entry, "a tensor's name") for entry in proto.output),
    )
