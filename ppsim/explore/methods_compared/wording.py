"""Settings of methods in a few words."""

from __future__ import annotations

from collections.abc import Mapping

from ppsim.analysis.quantities import percent
from ppsim.pruning.narrowing import shared_widths
from ppsim.workload.graph import LayerGraph

#: layers whose widths are named one by one
SHOWN = 3


def widths_in_words(graph: LayerGraph, widths: Mapping[str, int]) -> str:
    """Widths by layer where there are few, else the least and the largest share that layers keep."""
    whole = {one.first: one.layers[one.first] for one in shared_widths(graph)}
    narrower = {name: width for name, width in widths.items() if width < whole[name]}
    if len(whole) <= SHOWN:
        return "widths " + ", ".join(f"{name} {widths.get(name, whole[name])}" for name in whole)
    shares = [width / whole[name] for name, width in widths.items()]
    return f"{percent(min(shares))} to {percent(max(shares))} of channels, {len(narrower)} of {len(whole)} widths fewer"
