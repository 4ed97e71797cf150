"""How much may be made that is not in the file: computed constants, numbers repeated for each unit.

A few bytes can ask for a tensor that fills any memory, so what is made is counted before it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.workload.formats.onnx_reading.node import Node

#: elements of one tensor that is made, and of all together for a graph that holds none
MAX_ELEMENTS = 2**26
#: elements that may be made for each element of a graph's own constants
_EACH = 16


@dataclass
class Budget:
    """Elements that may still be made; more for a graph that holds more."""

    left: int = MAX_ELEMENTS

    def spend(self, node: Node, made: int, held: int = 0) -> None:
        """Take what a node makes of constants of up to `held` elements; raises InputError where that is too much."""
        if made > max(MAX_ELEMENTS, held):
            raise node.wrong(f"makes a constant of {made} numbers; constants go up to {MAX_ELEMENTS}")
        self.left -= max(made, 1)
        if self.left < 0:
            raise node.wrong("the constants computed, and the layers of one array, take too much memory together")

    def grow(self, elements: int) -> None:
        """Allow for more, for a constant of the graph's own."""
        self.left += _EACH * elements
