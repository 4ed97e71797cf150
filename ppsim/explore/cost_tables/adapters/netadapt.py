"""The latency lookup table of NetAdapt (Yang et al., arXiv 1804.03230), as its authors' code keeps it.

That code (github.com/denru01/netadapt: `build_latency_lookup_table` and `compute_latency_from_lookup_table` in
functions.py, names in constants.py) pickles an OrderedDict: name of a layer -> what it is, and under "latency" a
dictionary (input channels, output channels) -> seconds. It sums latencies over layers, and interpolates widths that
are not there. It asks for multiples of 8 channels, and of 64 features in its examples. ppsim writes pickles of plain
values, and never reads one.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ppsim.errors import InputError
from ppsim.explore.cost_tables.shapes import LayerShape
from ppsim.explore.cost_tables.table import CostTable

#: the pickle protocol of Python 3.4 and up: NetAdapt is from the days of 3.6
PROTOCOL = 4
#: what PyTorch calls the layers
_TYPES = {"conv": "Conv2d", "linear": "Linear"}


@dataclass(frozen=True)
class NetAdapt:
    """Latencies of uncut layers on one number of accelerators."""

    suffix: str = ".pkl"
    step: Mapping[str, int] = field(default_factory=lambda: {"conv": 8, "linear": 64})
    groups: tuple[int, ...] = (1,)

    def content(self, table: CostTable) -> bytes:
        """The pickle; raises InputError for a table of several numbers of accelerators, or of cut layers."""
        counts = sorted({row.accelerators for row in table.rows})
        if len(counts) > 1:
            raise InputError(
                f"netadapt: has one latency for each (in, out), and the table is for {', '.join(map(str, counts))} "
                "accelerators; take one of them: table.only(accelerators=...)"
            )
        if not all(table.uncut(row) for row in table.rows):
            raise InputError("netadapt: knows no cut layers; take those that are not: table.only(groups=1)")
        layers = OrderedDict((shape.name, _properties(shape)) for shape in table.origin.layers)
        for row in reversed(table.rows):  # the widest first, as its own code measures
            layers[row.layer]["latency"][(row.inputs, row.outputs)] = row.seconds
        return pickle.dumps(layers, protocol=PROTOCOL)


def _properties(shape: LayerShape) -> dict[str, Any]:
    """What NetAdapt's code keeps of a layer. Its feature maps are (1, C, H, W), (1, features) of linear layers have
    H = W = 1; any grouped convolution is depthwise to it.
    """
    sizes = shape.input_shape if shape.kind == "conv" else (shape.inputs, 1, 1)
    return {
        "is_depthwise": shape.groups > 1,
        "num_in_channels": shape.inputs,
        "num_out_channels": shape.outputs,
        "kernel_size": shape.kernel,
        "stride": shape.stride,
        "padding": shape.padding,
        "groups": shape.groups,
        "layer_type_str": _TYPES[shape.kind],
        "input_feature_map_size": [1, *sizes],
        "latency": {},
    }
