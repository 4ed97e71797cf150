"""Spatial-wise: a k x 1 convolution to `rank` channels, and a 1 x k convolution.

Jaderberg et al., arXiv 1405.3866; the spatial-wise decomposition of TRP, Xu et al., arXiv 2004.14566.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ppsim.workload.layers import Conv
from ppsim.workload.model import Array


@dataclass(frozen=True)
class SpatialFactors:
    """Rows are output channels and columns of the kernel; columns are input channels and rows of the kernel."""

    order: tuple[int, ...] = (0, 3, 1, 2)
    rows: int = 2

    def layers(self, layer: Conv, low: str, rank: int) -> tuple[Conv, Conv]:
        """The first one has stride and padding along the rows, the second one along the columns."""
        (high, wide), (down, along), (above, beside) = layer.kernel, layer.stride, layer.padding
        first = replace(layer, kernel=(high, 1), stride=(down, 1), padding=(above, 0), bias=False)
        first = replace(first, name=low, out_channels=rank)
        return first, replace(layer, inputs=(), kernel=(1, wide), stride=(1, along), padding=(0, beside))

    def weights(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Inputs before the kernel in both."""
        return right[:, :, :, None], left.transpose(0, 2, 1)[:, :, None, :]
