"""Windows that slide over images: pools, and the arithmetic of kernels, strides and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ppsim.documents import quote
from ppsim.units import ceil_div
from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.layout import BATCH, Layout, covers, whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes.shapes import as_vector
from ppsim.workload.formats.onnx_reading.values import Activation
from ppsim.workload.layer import Shape
from ppsim.workload.layers import Pool


@dataclass(frozen=True)
class Slide:
    """How a kernel slides along one axis of `size` elements, with padding before and after."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int

    def windows(self, after: int, ceil: bool) -> int:
        """How many windows there are with that padding after; with `ceil`, one that the end cuts off counts too."""
        room = self.size + self.before + after - self.kernel
        whole = room // self.stride + 1 if room >= 0 else 0
        cut = ceil and room % self.stride > 0 and whole * self.stride < self.size + self.before
        return whole + cut


def as_image(node: Node, x: Activation) -> Activation:
    """`x`, which has to be an image held as (batch, channels, height, width), or a line as (batch, channels, width)."""
    rank = len(x.outer)
    fits = (
        rank in (3, 4)
        and len(x.shape) == 3
        and all(atom.axis == BATCH for atom in x.layout[0])
        and covers(x.layout, 1, x.shape, 0)
        and covers(x.layout, rank - 1, x.shape, 2)
        and (covers(x.layout, 2, x.shape, 1) if rank == 4 else x.shape[1] == 1)
    )
    if not fits:
        raise node.wrong(
            f"its input of {x.outer}, which is {x.shape} without the batch, is not (batch, channels, height, width)"
        )
    return x


def image_layout(x: Activation, shape: Shape) -> Layout:
    """The layout of an image of `shape` held as the image `x` is."""
    return (x.layout[0], *(whole(shape, axis) for axis in ((0, 1, 2) if len(x.outer) == 4 else (0, 2))))


def slides(node: Node, x: Activation, kernel: tuple[int, ...]) -> tuple[Slide, Slide]:
    """How the kernel of a node slides over the rows and columns of the image `x`, dilated by nothing.

    From its strides, dilations, pads and auto_pad; a line is an image of height 1.
    """
    rank = len(x.outer) - 2
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    if len(kernel) != rank or len(strides) != rank or len(dilations) != rank or len(pads) != 2 * rank:
        raise node.wrong(f"kernel {kernel}, strides {strides} and pads {pads} do not fit an input of {x.outer}")
    if min(*kernel, *strides) < 1 or min(pads) < 0:
        raise node.wrong(f"kernel {kernel}, strides {strides}, pads {pads}: sizes are positive, and pads not negative")
    if any(step != 1 and size > 1 for step, size in zip(dilations, kernel, strict=True)):
        raise node.wrong(f"dilations {dilations}; 1 is accepted")
    mode = node.text("auto_pad", "NOTSET") or "NOTSET"
    found = [Slide(1, 1, 1, 0, 0)] * (2 - rank)
    for axis, (size, extent, stride) in enumerate(zip(x.outer[2:], kernel, strides, strict=True)):
        given = pads[axis], pads[axis + rank]
        found.append(Slide(size, extent, stride, *_padding(node, mode, size, extent, stride, given)))
    return found[0], found[1]


def _padding(node: Node, mode: str, size: int, kernel: int, stride: int, pads: tuple[int, int]) -> tuple[int, int]:
    """Padding before and after, as auto_pad has it."""
    if mode == "NOTSET":
        return pads
    if mode == "VALID":
        return 0, 0
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.wrong(f"auto_pad {quote(mode)}; NOTSET, VALID, SAME_UPPER and SAME_LOWER are accepted")
    both = max((ceil_div(size, stride) - 1) * stride + kernel - size, 0)
    less, more = both // 2, both - both // 2
    return (less, more) if mode == "SAME_UPPER" else (more, less)


def alike(node: Node, axes: tuple[Slide, Slide]) -> tuple[int, int]:
    """The padding of height and width that gives the same windows with as much after as before.

    Raises InputError where there is none; of padding after, the last may be in no window.
    """
    for axis in axes:
        if axis.windows(axis.after, False) != axis.windows(axis.before, False):
            raise node.wrong(
                f"padding of {axis.before} before and {axis.after} after {axis.size} elements, which a kernel of "
                f"{axis.kernel} at stride {axis.stride} sees; the same padding on both sides is accepted"
            )
    return axes[0].before, axes[1].before


def max_pool(node: Node, sketch: Sketch) -> Activation:
    """MaxPool with one output."""
    if len([name for name in node.outputs if name]) > 1:
        raise node.wrong("its second output, the places of the maxima, is not available")
    return _pool(node, sketch, "max")


def average_pool(node: Node, sketch: Sketch) -> Activation:
    """AveragePool over what of a window lies inside the image."""
    return _pool(node, sketch, "average")


def _pool(node: Node, sketch: Sketch, mode: Literal["max", "average"]) -> Activation:
    x = as_image(node, node.activation(0))
    axes = slides(node, x, node.integers("kernel_shape") or ())
    rows, columns = axes
    asked = node.flag("ceil_mode", 0)
    # windows that ONNX counts, and those of a pool that pads as much after as before: with whole ones, or one cut off
    wanted = [axis.windows(axis.after, asked) for axis in axes]
    ceil = [axis.windows(axis.before, False) for axis in axes] != wanted
    if ceil and [axis.windows(axis.before, True) for axis in axes] != wanted:
        raise node.refused(f"pads rows by {rows.before}, {rows.after} and columns by {columns.before}, {columns.after}")
    padded = ceil or any(axis.before or axis.after for axis in axes)
    if mode == "average" and padded and node.flag("count_include_pad", 0):
        raise node.refused("count_include_pad=1 with padding; averages over what lies inside the image are accepted")
    layer = Pool(
        name=node.name,
        mode=mode,
        kernel=(rows.kernel, columns.kernel),
        stride=(rows.stride, columns.stride),
        padding=(rows.before, columns.before),
        ceil=ceil,
    )
    return sketch.add(node, layer, (x,), lambda shape: image_layout(x, shape))


def global_average(node: Node, sketch: Sketch) -> Activation:
    """GlobalAveragePool."""
    return _whole_image(node, sketch, "average")


def global_max(node: Node, sketch: Sketch) -> Activation:
    """GlobalMaxPool."""
    return _whole_image(node, sketch, "max")


def _whole_image(node: Node, sketch: Sketch, mode: Literal["max", "average"]) -> Activation:
    x = as_image(node, node.activation(0))
    layer = Pool(name=node.name, mode=mode, kernel=(x.shape[1], x.shape[2]))
    return sketch.add(node, layer, (x,), lambda shape: image_layout(x, shape))


def reduce_mean(node: Node, sketch: Sketch) -> Activation:
    """A mean over height or width or both: an average pool."""
    return _reduced(node, sketch, "average")


def reduce_max(node: Node, sketch: Sketch) -> Activation:
    """A maximum over height or width or both: a pool."""
    return _reduced(node, sketch, "max")


def _reduced(node: Node, sketch: Sketch, mode: Literal["max", "average"]) -> Activation:
    x = node.activation(0)
    given = node.axes(1)
    axes = {node.axis(axis, len(x.outer)) for axis in (given or ())}
    if len(x.shape) != 3 or not axes:
        raise node.refused(f"reduces axes {given} of {x.outer}; height and width of an image are accepted")
    atoms = [atom for axis in axes for atom in x.layout[axis]]
    over = {axis for axis in (1, 2) if x.shape[axis] > 1 and all(atom in atoms for atom in whole(x.shape, axis))}
    if sum(len(whole(x.shape, axis)) for axis in over) != len(atoms):
        raise node.refused(f"reduces axes {given} of {x.outer}; height and width of an image are accepted")
    kernel = (x.shape[1] if 1 in over else 1, x.shape[2] if 2 in over else 1)
    keep = node.flag("keepdims", 1)
    layout = tuple(() if axis in axes else atoms for axis, atoms in enumerate(x.layout) if keep or axis not in axes)
    pooled = sketch.add(node, Pool(name=node.name, mode=mode, kernel=kernel), (x,), lambda _: layout)
    return as_vector(node, sketch, pooled)
