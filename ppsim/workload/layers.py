"""The layers a network is made of: one frozen dataclass each, with its shape rule and its lowering.

Documents are validated against these very classes, so a new layer is one class here and one entry in `LAYER_TYPES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, MinLen

from ppsim.errors import InputError
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.gemm import Gemm, Window
from ppsim.workload.layer import Layer, PaddingPair, Pair, Positive, Shape, Shapes


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
    bias: bool = True

    def output_shape(self, shapes: Shapes) -> Shape:
        """(out_channels, height, width) after the kernel has slid."""
        channels, height, width = self._image(shapes[0])
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

    def gemm(self, shapes: Shapes, batch: int) -> Gemm:
        """One product per group."""
        _, height, width = self.output_shape(shapes)
        return Gemm(
            m=batch * height * width,
            k=shapes[0][0] // self.groups * prod(self.kernel),
            n=self.out_channels // self.groups,
            groups=self.groups,
        )

    def window(self, shapes: Shapes) -> Window:
        """Strips of input rows with a halo of kernel - stride rows."""
        _, height, width = self.output_shape(shapes)
        return Window(shapes[0][1], shapes[0][2], height, width, self.kernel, self.stride, self.padding)

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """Weights, output channels first, and a bias for each output channel."""
        weight = (self.out_channels, shapes[0][0] // self.groups, *self.kernel)
        return {"weight": weight} | ({"bias": (self.out_channels,)} if self.bias else {})


@dataclass(frozen=True, kw_only=True)
class Linear(Layer):
    """Fully connected layer, at each position of a sequence alike: m = batch x positions, k = in, n = out features.

    `tied`: its weights are another layer's (an embedding's) and are not counted again among the parameters.
    """

    type: Literal["linear"] = "linear"
    out_features: Positive
    bias: bool = True
    tied: bool = False

    def output_shape(self, shapes: Shapes) -> Shape:
        """(out_features,) from (in features,), and positions stay."""
        if len(shapes[0]) > 2:
            raise InputError(
                f"layer {self.name!r}: a linear layer needs a flat input or a (features, positions) sequence, "
                f"got {shapes[0]}; put a flatten before it"
            )
        return (self.out_features, *shapes[0][1:])

    def gemm(self, shapes: Shapes, batch: int) -> Gemm:
        """One product."""
        self.output_shape(shapes)
        return Gemm(m=batch * prod(shapes[0][1:]), k=shapes[0][0], n=self.out_features)

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """Weights, outputs first, and a bias for each output."""
        weight = (self.out_features, shapes[0][0])
        return {"weight": weight} | ({"bias": (self.out_features,)} if self.bias else {})

    def parameters(self, shapes: Shapes) -> int:
        """Weights, unless they are tied, and biases."""
        return super().parameters(shapes) - self.tied * shapes[0][0] * self.out_features


@dataclass(frozen=True, kw_only=True)
class MatMul(Layer):
    """Product of two activations, for each input and each of `groups` groups of units (attention's heads) by itself.

    The left operand is (groups x k, m). `over` names the dimension of the right operand that is summed: its units, for
    queries and keys, (groups x k, n); or its positions, for probabilities and values, (groups x n, k). The output is
    (groups x n, m). All m positions see all of the right operand: masks save nothing.
    """

    type: Literal["matmul"] = "matmul"
    groups: Positive = 1
    over: Literal["units", "positions"]
    arity: ClassVar[tuple[int, int]] = (2, 2)
    between_activations: ClassVar[bool] = True

    def output_shape(self, shapes: Shapes) -> Shape:
        """(groups x n, m)."""
        (left, m), right = self._sequence(shapes[0]), self._sequence(shapes[1])
        summed, kept = right if self.over == "units" else (right[1] * self.groups, right[0] // self.groups)
        if left % self.groups or right[0] % self.groups or left != summed:
            raise InputError(
                f"layer {self.name!r}: inputs of {shapes[0]} and {shapes[1]} do not match in {self.groups} groups "
                f"over {self.over}"
            )
        return (kept * self.groups, m)

    def gemm(self, shapes: Shapes, batch: int) -> Gemm:
        """One product for each input and group."""
        units, m = self.output_shape(shapes)
        return Gemm(m=m, k=shapes[0][0] // self.groups, n=units // self.groups, groups=self.groups * batch)


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """Maximum or average over a window, on the vector unit: one operation per window element.

    `ceil`: a last window that the end of the input cuts off counts too, as long as it begins inside. Averages are over
    what of a window lies inside.
    """

    type: Literal["pool"] = "pool"
    mode: Literal["max", "average"] = "max"
    kernel: Pair
    stride: Pair | None = None
    padding: PaddingPair = (0, 0)
    ceil: bool = False

    def output_shape(self, shapes: Shapes) -> Shape:
        """The channels stay, the window slides."""
        channels, height, width = self._image(shapes[0])
        stride = self.stride or self.kernel
        return (
            channels,
            self._slide(height, self.kernel[0], stride[0], self.padding[0]),
            self._slide(width, self.kernel[1], stride[1], self.padding[1]),
        )

    def _slide(self, size: int, kernel: int, stride: int, padding: int) -> int:
        whole = _slide(self, size, kernel, stride, padding)
        begins_inside = whole * stride < size + padding
        return whole + (self.ceil and begins_inside and (whole - 1) * stride + kernel < size + 2 * padding)

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """Output elements x window elements."""
        return batch * prod(self.output_shape(shapes)) * prod(self.kernel)


@dataclass(frozen=True, kw_only=True)
class Elementwise(Layer):
    """A function of each element alone, one operation each; done as the producer's outputs drain."""

    type: Literal["elementwise"] = "elementwise"
    op: Literal["relu", "relu6", "sigmoid", "tanh", "gelu", "identity"] = "relu"
    pointwise: ClassVar[bool] = True

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """One per element."""
        return batch * prod(shapes[0])


@dataclass(frozen=True, kw_only=True)
class PRelu(Layer):
    """x where it is positive, else x times a trained slope of its unit; done as the producer's outputs drain."""

    type: Literal["prelu"] = "prelu"
    pointwise: ClassVar[bool] = True

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """A comparison and a multiplication per element."""
        return 2 * batch * prod(shapes[0])

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """A slope for each unit."""
        return {"slope": shapes[0][:1]}


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Layer):
    """Batch normalisation at inference: a scale and a shift for each unit, done as the producer's outputs drain."""

    type: Literal["batch_norm"] = "batch_norm"
    pointwise: ClassVar[bool] = True

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """A multiplication and an addition per element."""
        return 2 * batch * prod(shapes[0])

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """A scale and a shift for each unit."""
        return {"scale": shapes[0][:1], "shift": shapes[0][:1]}


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Layer):
    """Normalisation over all units at each position.

    Six operations an element: sum, subtract the mean, square and add, divide, scale, shift. `epsilon` is added to the
    variance.
    """

    type: Literal["layer_norm"] = "layer_norm"
    operations_per_element: Positive = 6
    epsilon: Annotated[float, Gt(0)] = 1e-5

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """`operations_per_element` per element."""
        return batch * prod(shapes[0]) * self.operations_per_element

    def reduction_groups(self, shapes: Shapes) -> int:
        """Over all units."""
        return 1

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """A scale and a shift for each unit."""
        return {"scale": shapes[0][:1], "shift": shapes[0][:1]}


@dataclass(frozen=True, kw_only=True)
class Softmax(Layer):
    """Softmax over the units of each of `groups` groups (attention's heads), at each position.

    Four operations an element: maximum, subtract and exponentiate, sum, divide.
    """

    type: Literal["softmax"] = "softmax"
    groups: Positive = 1
    operations_per_element: Positive = 4

    def output_shape(self, shapes: Shapes) -> Shape:
        """Unchanged."""
        if shapes[0][0] % self.groups:
            raise InputError(f"layer {self.name!r}: groups={self.groups} must divide {shapes[0][0]} units")
        return shapes[0]

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """`operations_per_element` per element."""
        return batch * prod(shapes[0]) * self.operations_per_element

    def reduction_groups(self, shapes: Shapes) -> int:
        """Over the units of each group."""
        return self.groups


@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """Sum of inputs of one shape (a residual connection), an operation for each element added."""

    type: Literal["add"] = "add"
    arity: ClassVar[tuple[int, int]] = (2, 16)

    def output_shape(self, shapes: Shapes) -> Shape:
        """That of each input."""
        if len(set(shapes)) > 1:
            raise InputError(f"layer {self.name!r}: adds inputs of one shape, got {', '.join(map(str, shapes))}")
        return shapes[0]

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """One per element and input but the first."""
        return batch * prod(shapes[0]) * (len(shapes) - 1)


@dataclass(frozen=True, kw_only=True)
class Concat(Layer):
    """Inputs joined along their units: those who read it read its inputs where they are, and nothing moves."""

    type: Literal["concat"] = "concat"
    arity: ClassVar[tuple[int, int]] = (1, 64)
    free: ClassVar[bool] = True

    def output_shape(self, shapes: Shapes) -> Shape:
        """Units add up."""
        if len({shape[1:] for shape in shapes}) > 1:
            raise InputError(
                f"layer {self.name!r}: joins inputs that differ in units alone, got {', '.join(map(str, shapes))}"
            )
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """(channels, height, width) to (features,), channel-major: a renaming, nothing moves."""

    type: Literal["flatten"] = "flatten"
    free: ClassVar[bool] = True

    def output_shape(self, shapes: Shapes) -> Shape:
        """The product of the sizes."""
        return (prod(shapes[0]),)


@dataclass(frozen=True, kw_only=True)
class Embedding(Layer):
    """A row of `features` numbers for each position, looked up in each of several tables in DRAM and added up.

    `entries` are the rows of the tables (words, positions, segments). The input is (1, positions).
    """

    type: Literal["embedding"] = "embedding"
    entries: Annotated[tuple[Positive, ...], MinLen(1)]
    features: Positive

    def output_shape(self, shapes: Shapes) -> Shape:
        """(features, positions)."""
        units, positions = self._sequence(shapes[0])
        if units != 1:
            raise InputError(f"layer {self.name!r}: looks up one number for each position, got {shapes[0]}")
        return (self.features, positions)

    def rows_read(self, shapes: Shapes, batch: int) -> int:
        """A row of each table for each position of each input."""
        return batch * prod(self.output_shape(shapes)) * len(self.entries)

    def vector_operations(self, shapes: Shapes, batch: int) -> int:
        """An addition for each element of each row but the first."""
        return batch * prod(self.output_shape(shapes)) * (len(self.entries) - 1)

    def tensors(self, shapes: Shapes) -> dict[str, Shape]:
        """A row for each entry of each table."""
        return {f"table{number}": (rows, self.features) for number, rows in enumerate(self.entries)}


LAYER_TYPES: tuple[type[Layer], ...] = (
    Conv,
    Linear,
    MatMul,
    Pool,
    Elementwise,
    PRelu,
    BatchNorm,
    LayerNorm,
    Softmax,
    Add,
    Concat,
    Flatten,
    Sample,
    Pad,
    Embedding,
)
