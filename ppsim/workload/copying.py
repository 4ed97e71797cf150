"""Layers that compute nothing: their output is units of their input as they are, and zeros.

Each element of the output passes the vector unit once, on its way from where it is to where the next layer reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

from ppsim.errors import InputError
from ppsim.workload.layer import Copies, Layer, NonNegative, Positive, Shape, Shapes


@dataclass(frozen=True, kw_only=True)
class Sample(Layer):
    """Some units of the input, in their order: a residual branch whose first convolution reads fewer channels.

    He et al., arXiv 1707.06168, section 3.3. `kept` are their numbers, ascending from 0; None says how many of them
    there are alone, and takes them spread evenly over the input.
    """

    type: Literal["sample"] = "sample"
    channels: Positive
    kept: tuple[NonNegative, ...] | None = None

    def units(self, shapes: Shapes) -> tuple[int, ...]:
        """The numbers of the units of the input that are taken."""
        there = shapes[0][0]
        taken = tuple(number * there // self.channels for number in range(self.channels))
        if self.kept is not None:
            taken = self.kept
        if len(taken) != self.channels or any(low >= high for low, high in pairwise((*taken, there))):
            raise InputError(
                f"layer {self.name!r}: takes channels={self.channels} units of {there}; as many of them, and as many "
                f"numbers in `kept`, each larger than the one before and below {there}, are accepted"
            )
        return taken

    def output_shape(self, shapes: Shapes) -> Shape:
        """As many units as are taken."""
        return (len(self.units(shapes)), *shapes[0][1:])

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """One for each element taken."""
        return batch * prod(self.output_shape(shapes))

    def copies(self, shapes: Shapes) -> Copies:
        """The runs of units taken."""
        return runs_of(self.units(shapes))


@dataclass(frozen=True, kw_only=True)
class Pad(Layer):
    """Units of zeros before and after those of the input: a residual connection to more channels than there are.

    He et al., arXiv 1512.03385, section 3.3, option A.
    """

    type: Literal["pad"] = "pad"
    before: NonNegative = 0
    after: NonNegative = 0

    def output_shape(self, shapes: Shapes) -> Shape:
        """So many units more."""
        return (self.before + shapes[0][0] + self.after, *shapes[0][1:])

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """One for each element, zero or not."""
        return batch * prod(self.output_shape(shapes))

    def copies(self, shapes: Shapes) -> Copies:
        """All units, moved by those before."""
        return ((0, shapes[0][0], self.before),)


def runs_of(units: Sequence[int]) -> Copies:
    """Ascending units as runs of consecutive ones, which are put one after the other."""
    found: list[tuple[int, int, int]] = []
    for to, unit in enumerate(units):
        if found and found[-1][1] == unit:
            found[-1] = (found[-1][0], unit + 1, found[-1][2])
        else:
            found.append((unit, unit + 1, to))
    return tuple(found)
