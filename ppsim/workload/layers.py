"""The layers a network is made of: one frozen dataclass each, with its shape rule and its lowering.

Shapes leave the batch out: (channels, height, width) for images, (features,) for vectors. Documents are validated
against these very classes, so a new layer is one class here and one entry in `LAYER_TYPES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, MinLen

from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.workload.gemm import Gemm, Window

Shape = tuple[int, ...]
Positive = Annotated[int, Gt(0)]
NonNegative = Annotated[int, Ge(0)]
Pair = tuple[Positive, Positive]
PaddingPair = tuple[NonNegative, NonNegative]


@dataclass(frozen=True, kw_only=True)
class Layer(Specification):
    """What every layer has. `inputs` names the layers it reads; none: the layer before it, or the network's input."""

    name: Annotated[str, MinLen(1)]
    inputs: tuple[str, ...] = ()

    #: computes each output element from the element at the same place, so it can run as its producer drains
    pointwise: ClassVar[bool] = False
    #: only renames positions: no bytes move and no time passes
    free: ClassVar[bool] = False
    #: needs every unit of its input in one place
    reduces_units: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for an input of `shape`; raises InputError when they do not fit."""
        raise NotImplementedError

    def gemm(self, shape: Shape, batch: int) -> Gemm | None:
        """The matrix product the layer lowers to for an input of `shape`, or None for a layer of the vector unit."""
        return None

    def window(self, shape: Shape) -> Window | None:
        """How the product's left operand is cut from the input image; None when it is the input itself."""
        return None

    def vector_operations(self, shape: Shape, batch: int) -> int:
        """Operations the vector unit does for an input of `shape`; an operation handles one element."""
        return 0

    def _image(self, shape: Shape) -> tuple[int, int, int]:
        if len(shape) != 3:
            raise InputError(f"layer {self.name!r}: needs a (channels, height, width) input, got {shape}")
        return shape[0], shape[1], shape[2]


def _slide(layer: Layer, size: int, kernel: int, stride: int, padding: int) -> int:
    if size + 2 * padding < kernel:
        raise InputError(
            f"layer {layer.name!r}: kernel {kernel} is larger than its padded input ({size + 2 * padding})"
        )
    return (size + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True, kw_only=True)
class Conv(Layer):
    """2-D convolution: m = batch x output pixels, k = channels/groups x kernel, n = out_channels/groups."""

    type: Literal["conv"] = "conv"
    out_channels: Positive
    kernel: Pair
    stride: Pair = (1, 1)
    padding: PaddingPair = (0, 0)
    groups: Positive = 1

    def output_shape(self, shape: Shape) -> Shape:
        """(out_channels, height, width) after the kernel has slid."""
        channels, height, width = self._image(shape)
        if channels % self.groups or self.out_channels % self.groups:
            raise InputError(
                f"layer {self.name!r}: groups={self.groups} must divide {channels} input "
                f"and {self.out_channels} output channels"
            )
        return (
            self.out_channels,
            _slide(self, height, self.kernel[0], self.stride[0], self.padding[0]),
            _slide(self, width, self.kernel[1], self.stride[1], self.padding[1]),
        )

    def gemm(self, shape: Shape, batch: int) -> Gemm:
        """One product per group."""
        _, height, width = self.output_shape(shape)
        return Gemm(
            m=batch * height * width,
            k=shape[0] // self.groups * prod(self.kernel),
            n=self.out_channels // self.groups,
            groups=self.groups,
        )

    def window(self, shape: Shape) -> Window:
        """Strips of input rows with a halo of kernel - stride rows."""
        _, height, width = self.output_shape(shape)
        return Window(shape[1], shape[2], height, width, self.kernel, self.stride, self.padding)


@dataclass(frozen=True, kw_only=True)
class Linear(Layer):
    """Fully connected layer: m = batch, k = in features, n = out features."""

    type: Literal["linear"] = "linear"
    out_features: Positive

    def output_shape(self, shape: Shape) -> Shape:
        """(out_features,) from (in features,)."""
        if len(shape) != 1:
            raise InputError(
                f"layer {self.name!r}: a linear layer needs a flat input, got {shape}; put a flatten before it"
            )
        return (self.out_features,)

    def gemm(self, shape: Shape, batch: int) -> Gemm:
        """One product."""
        self.output_shape(shape)
        return Gemm(m=batch, k=shape[0], n=self.out_features)


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """Maximum or average over a window, on the vector unit: one operation per window element."""

    type: Literal["pool"] = "pool"
    mode: Literal["max", "average"] = "max"
    kernel: Pair
    stride: Pair | None = None
    padding: PaddingPair = (0, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """The channels stay, the window slides."""
        channels, height, width = self._image(shape)
        stride = self.stride or self.kernel
        return (
            channels,
            _slide(self, height, self.kernel[0], stride[0], self.padding[0]),
            _slide(self, width, self.kernel[1], stride[1], self.padding[1]),
        )

    def vector_operations(self, shape: Shape, batch: int) -> int:
        """Output elements x window elements."""
        return batch * prod(self.output_shape(shape)) * prod(self.kernel)


@dataclass(frozen=True, kw_only=True)
class Elementwise(Layer):
    """A function of each element alone, one operation each; done as the producer's outputs drain."""

    type: Literal["elementwise"] = "elementwise"
    op: Literal["relu", "sigmoid", "tanh", "gelu", "identity"] = "relu"
    pointwise: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Unchanged."""
        return shape

    def vector_operations(self, shape: Shape, batch: int) -> int:
        """One per element."""
        return batch * prod(shape)


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """(channels, height, width) to (features,), channel-major: a renaming, nothing moves."""

    type: Literal["flatten"] = "flatten"
    free: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """The product of the sizes."""
        return (prod(shape),)


@dataclass(frozen=True, kw_only=True)
class Softmax(Layer):
    """Softmax over all units: maximum, subtract and exponentiate, sum, divide - four operations an element."""

    type: Literal["softmax"] = "softmax"
    operations_per_element: Positive = field(default=4)
    reduces_units: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Unchanged."""
        return shape

    def vector_operations(self, shape: Shape, batch: int) -> int:
        """`operations_per_element` per element."""
        return batch * prod(shape) * self.operations_per_element


LAYER_TYPES: tuple[type[Layer], ...] = (Conv, Linear, Pool, Elementwise, Flatten, Softmax)
