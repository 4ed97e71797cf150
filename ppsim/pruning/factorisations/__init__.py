"""Ways to write a convolution as two, by name; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ppsim.pruning.factorisations.channel import ChannelFactors
from ppsim.pruning.factorisations.contract import Factorisation
from ppsim.pruning.factorisations.linear import LinearFactors
from ppsim.pruning.factorisations.spatial import SpatialFactors
from ppsim.workload.layers import Conv, Linear

KINDS: Mapping[str, Factorisation[Conv]] = MappingProxyType(
    {
        "channel": ChannelFactors(),
        "spatial": SpatialFactors(),
    }
)
#: linear layers have one way
LINEAR: Factorisation[Linear] = LinearFactors()
