"""A linear layer as two: inputs to rank, rank to outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ppsim.workload.layers import Linear
from ppsim.workload.model import Array


@dataclass(frozen=True)
class LinearFactors:
    """The weights are the matrix; those of a tied layer become its own."""

    order: tuple[int, ...] = (0, 1)
    rows: int = 1

    def layers(self, layer: Linear, low: str, rank: int) -> tuple[Linear, Linear]:
        """(inputs x rank) and (rank x outputs)."""
        first = replace(layer, name=low, out_features=rank, bias=False, tied=False)
        return first, replace(layer, inputs=(), tied=False)

    def weights(self, left: Array, right: Array) -> tuple[Array, Array]:
        """R, and L."""
        return right, left
