"""What a way to write one layer as two is: a matrix made of its weights, and the layers that the matrix's factors are.

Axes `order` of the weights, (outputs, inputs, kernel ...), the first `rows` of them as rows and the others as columns,
make the matrix. If it is L R with R of r rows, two layers with r units between them compute what the layer does; so the
best approximation of a matrix of rank r, by squared differences, is that of the layer's weights by two layers.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from ppsim.workload.layers import Conv, Linear
from ppsim.workload.model import Array

Matrix = TypeVar("Matrix", bound=Conv | Linear, contravariant=True)


class Factorisation(Protocol[Matrix]):
    """How a layer of one type becomes two."""

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of the weights, those of the matrix's rows first."""
        ...

    @property
    def rows(self) -> int:
        """How many of them are the rows."""
        ...

    def layers(self, layer: Matrix, low: str, rank: int) -> tuple[Conv | Linear, Conv | Linear]:
        """A layer called `low` with `rank` units and no bias, and one after it with the layer's name and bias."""
        ...

    def weights(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Weights of both layers from the factors L, (axes of the rows ..., rank), and R, (rank, the others ...)."""
        ...
