"""Methods that are compared, by name and in the order of their rows; a new one is one file and one line here."""

from __future__ import annotations

from ppsim.explore.methods_compared.contract import Method
from ppsim.explore.methods_compared.methods.cacp import Cacp
from ppsim.explore.methods_compared.methods.cap import Cap
from ppsim.explore.methods_compared.methods.codesign import CoDesign
from ppsim.explore.methods_compared.methods.low_rank import LowRank
from ppsim.explore.methods_compared.methods.partition import Partition
from ppsim.explore.methods_compared.methods.uniform_channels import UniformChannels
from ppsim.explore.methods_compared.methods.unstructured import Unstructured

METHODS: dict[str, Method] = {
    "partition": Partition(),
    "unstructured": Unstructured(),
    "channels-magnitude": UniformChannels("magnitude", "structure"),
    "lasso": UniformChannels("lasso", "inputs"),
    "cap": Cap(),
    "cacp": Cacp(),
    "trp-channel": LowRank("channel"),
    "trp-spatial": LowRank("spatial"),
    "codesign": CoDesign(),
}
