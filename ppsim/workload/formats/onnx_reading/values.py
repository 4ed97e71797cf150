"""What the name of a tensor in an ONNX graph stands for while the graph is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, Union

from ppsim.workload.formats.onnx_reading.layout import Layout, sizes
from ppsim.workload.layer import Shape
from ppsim.workload.model import Array


@dataclass(frozen=True)
class TableRows:
    """Rows of a table: a lookup whose places are known (positions, segments), before it was made."""

    table: Array
    places: Array


@dataclass(frozen=True)
class Constant:
    """A tensor whose numbers are known.

    `origin` is the initialiser it is, or was made from, and names the layer; `rows` says that it was looked up.
    """

    array: Array
    origin: str | None = None
    rows: TableRows | None = None


@dataclass(frozen=True)
class Activation:
    """A tensor that depends on the network's input.

    `source` is the key of the draft that makes it (graph.INPUT for the input), `shape` is its shape there, without the
    batch and units first; `layout` says how the ONNX tensor holds it.
    """

    source: str
    shape: Shape
    layout: Layout

    @property
    def outer(self) -> Shape:
        """Shape of the ONNX tensor, with the batch."""
        return sizes(self.layout)

    @property
    def units(self) -> int:
        """Channels or features."""
        return self.shape[0]


@dataclass(frozen=True)
class Pieces:
    """A sequence of tensors, as SplitToSequence makes it."""

    parts: tuple[Activation, ...]


Value: TypeAlias = Union[Constant, Activation, Pieces]  # noqa: UP007
