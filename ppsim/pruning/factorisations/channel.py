"""Channel-wise: a convolution of the whole kernel to `rank` channels, and a 1 x 1 convolution.

Zhang et al., arXiv 1505.06798; the channel-wise decomposition of TRP, Xu et al., arXiv 2004.14566.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ppsim.workload.layers import Conv
from ppsim.workload.model import Array


@dataclass(frozen=True)
class ChannelFactors:
    """Rows are output channels; columns input channels and the kernel."""

    order: tuple[int, ...] = (0, 1, 2, 3)
    rows: int = 1

    def layers(self, layer: Conv, low: str, rank: int) -> tuple[Conv, Conv]:
        """The first one has the stride and the padding."""
        first = replace(layer, name=low, out_channels=rank, bias=False)
        return first, replace(layer, inputs=(), kernel=(1, 1), stride=(1, 1), padding=(0, 0))

    def weights(self, left: Array, right: Array) -> tuple[Array, Array]:
        """R as it is, and L for each pixel."""
        return right, left[:, :, None, None]
