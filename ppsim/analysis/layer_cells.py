"""What tables of layers show of each, in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppsim.analysis.quantities import energy, percent, si

if TYPE_CHECKING:
    from ppsim.analysis.result import LayerResult

LAYER_HEADS = ("layer", "bound by", "cycles", "utilised", "DRAM", "links", "energy")


def layer_cells(layer: LayerResult, energy_unit: str) -> tuple[str, ...]:
    """A text under each of `LAYER_HEADS`; `energy_unit` is that of the run."""
    return (
        layer.name,
        layer.bound,
        f"{layer.cycles:,}",
        percent(layer.utilisation),
        si(layer.dram_bytes, "B"),
        si(layer.link_bytes, "B"),
        energy(layer.energy_pj, energy_unit),
    )
