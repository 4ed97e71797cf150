"""Layers while the graph is still being read: what each reads by key, and what it may yet be folded into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading.budget import Budget
from ppsim.workload.formats.onnx_reading.layout import Layout
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.values import Activation, Constant
from ppsim.workload.layer import Layer, Shape, Shapes
from ppsim.workload.model import Array

#: ends of the names of initialisers: of PyTorch's modules, as torch.nn.utils.prune has them, and of ppsim's layers
_PARAMETER = (
    *(f"{between}{kind}{after}" for kind in ("weight", "bias") for between in "._" for after in ("", "_orig", "_mask")),
    *(f".{name}" for name in ("scale", "shift", "slope", "table0")),
)


@dataclass(frozen=True, kw_only=True)
class Selected(Layer):
    """Some units of a layer, in an order: queries out of a layer that makes queries, keys and values."""

    units: tuple[int, ...]

    def output_shape(self, shapes: Shapes) -> Shape:
        """As many units as there are picked."""
        return (len(self.units), *shapes[0][1:])


@dataclass(frozen=True, kw_only=True)
class Rows(Layer):
    """Constants added at each position, which only an embedding takes, as one more table."""

    table: Literal["positions", "segments"]


@dataclass(frozen=True)
class Draft:
    """A layer to be.

    `layer.name` is what it would be called; `parameter` is the better name that its weights give it, or None, and
    `borrowed` the one that a bias or a scale folded into it gives. Sources are keys of drafts.
    """

    key: str
    layer: Layer
    sources: tuple[str, ...]
    tensors: Mapping[str, Array]
    node: Node
    parameter: str | None = None
    borrowed: str | None = None


@dataclass
class Sketch:
    """The layers of a network in the making, in the order of their nodes."""

    budget: Budget
    drafts: list[Draft] = field(default_factory=list)

    def add(
        self,
        node: Node,
        layer: Layer,
        operands: tuple[Activation, ...],
        layout: Callable[[Shape], Layout],
        tensors: Mapping[str, Array] | None = None,
        weights: Constant | None = None,
    ) -> Activation:
        """Append a layer that reads `operands`, and return what it makes.

        `layout` gives, for the shape of the output, how the ONNX tensor holds it; `weights` is where the trained
        numbers come from. Raises InputError where the operands do not fit.
        """
        try:
            shape = layer.output_shape(tuple(operand.shape for operand in operands))
        except InputError as error:
            raise node.wrong(str(error)) from None
        trained = sum(array.size for array in (tensors or {}).values())
        self.budget.spend(node, trained, trained)  # a graph can have many layers of one array
        key = f"#{len(self.drafts)}"
        sources = tuple(operand.source for operand in operands)
        named = parameter_name(weights.origin if weights else None)
        self.drafts.append(Draft(key, layer, sources, tensors or {}, node, parameter=named))
        return Activation(key, shape, layout(shape))

    def in_place(
        self,
        node: Node,
        layer: Layer,
        operand: Activation,
        tensors: Mapping[str, Array] | None = None,
        weights: Constant | None = None,
    ) -> Activation:
        """Append a layer whose output has the shape and the layout of what it reads."""
        return self.add(node, layer, (operand,), lambda _: operand.layout, tensors, weights)

    def of(self, key: str) -> Draft | None:
        """The draft of a key; None for the network's input."""
        return self.drafts[int(key[1:])] if key.startswith("#") else None


def parameter_name(origin: str | None) -> str | None:
    """What the name of an initialiser calls its layer: fc1 for fc1.weight; None where it says nothing of the kind."""
    if origin is None:
        return None
    return next((origin.removesuffix(end) for end in _PARAMETER if origin.endswith(end) and origin != end), None)
