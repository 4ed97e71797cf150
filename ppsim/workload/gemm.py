"""The matrix product a layer lowers to, and what its left operand looks like in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Gemm(NamedTuple):
    """`groups` independent products of an (m x k) by a (k x n) matrix: m positions, k reduction, n output units."""

    m: int
    k: int
    n: int
    groups: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all groups together."""
        return self.m * self.k * self.n * self.groups

    @property
    def weights(self) -> int:
        """Elements of the right operand, all groups together."""
        return self.k * self.n * self.groups


@dataclass(frozen=True, slots=True)
class Window:
    """How the rows of a convolution's left operand are cut from its input image.

    A tile of whole output rows needs a strip of input rows with a halo; neighbouring tiles read the halo again.
    Padding is made on chip and is never read.
    """

    in_height: int
    in_width: int
    out_height: int
    out_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def strip_rows(self, first: int, rows: int) -> int:
        """Input rows that output rows [first, first + rows) read."""
        low = max(0, first * self.stride[0] - self.padding[0])
        high = min(self.in_height, (first + rows - 1) * self.stride[0] - self.padding[0] + self.kernel[0])
        return max(0, high - low)
