"""What every layer of a network is: its name, what it reads, its shape rule, its lowering and its trained numbers.

Shapes leave the batch out and name units first: (channels, height, width) for images, (features, positions) for
sequences, (features,) for vectors. A method takes the shapes of all inputs of a layer, most layers have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, MinLen

from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.workload.gemm import Gemm, Window

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]
Positive = Annotated[int, Gt(0)]
NonNegative = Annotated[int, Ge(0)]
Pair = tuple[Positive, Positive]
PaddingPair = tuple[NonNegative, NonNegative]
#: runs of units, ascending: (first, the one after the last, where in the output the first of them goes)
Copies = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Layer(Specification):
    """What every layer has. `inputs` names the layers it reads; none: the layer before it, or the network's input."""

    name: Annotated[str, MinLen(1)]
    inputs: tuple[str, ...] = ()

    #: how many inputs it takes, at least and at most
    arity: ClassVar[tuple[int, int]] = (1, 1)
    #: computes each output element from the element at the same place, so it can run as its producer drains
    pointwise: ClassVar[bool] = False
    #: only renames or joins positions: no bytes move and no time passes
    free: ClassVar[bool] = False
    #: the second operand of its product is an activation too, not weights
    between_activations: ClassVar[bool] = False

    def output_shape(self, shapes: Shapes) -> Shape:
        """Shape of the output for inputs of `shapes`; raises InputError when they do not fit."""
        return shapes[0]

    def gemm(self, shapes: Shapes, batch: int) -> Gemm | None:
        """The matrix product the layer lowers to, or None for a layer of the vector unit."""
        return None

    def window(self, shapes: Shapes) -> Window | None:
        """How the product's left operand is cut from the input image; None when it is the input itself."""
        return None

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """Operations the vector unit does; an operation handles one element."""
        return 0

    def reduction_groups(self, shapes: Shapes) -> int | None:
        """In how many equal groups of units the layer reduces over all units of a group; None: it does not."""
        return None

    def copies(self, shapes: Shapes) -> Copies | None:
        """The units of the input that the output has as they are, zeros elsewhere; None: it is computed."""
        return None

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """Name -> shape of each array of trained numbers the layer has, as ONNX and PyTorch lay them out."""
        return {}

    def parameters(self, shapes: Shapes) -> int:
        """Trained numbers of the layer, as published counts have them: weights, biases, scales and shifts, tables."""
        return sum(prod(shape) for shape in self.tensors(shapes).values())

    def rows_read(self, shapes: Shapes, batch: int) -> int:
        """Elements of a table in DRAM that the layer looks up."""
        return 0

    def _image(self, shape: Shape) -> tuple[int, int, int]:
        if len(shape) != 3:
            raise InputError(f"layer {self.name!r}: needs a (channels, height, width) input, got {shape}")
        return shape[0], shape[1], shape[2]

    def _sequence(self, shape: Shape) -> tuple[int, int]:
        if len(shape) != 2:
            raise InputError(f"layer {self.name!r}: needs a (features, positions) input, got {shape}")
        return shape[0], shape[1]
