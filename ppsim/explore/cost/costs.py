"""`Cost`: what a network costs on a system, in a few plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ppsim.analysis.result import Result

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class LayerCost:
    """A layer, with the pointwise layers fused into it. `cycles` add up to the run's; energies are pJ by component."""

    name: str
    cycles: int
    macs: int
    dram_bytes: int
    link_bytes: int
    energy: Mapping[str, float]

    @property
    def energy_pj(self) -> float:
        """Energy of all components, pJ."""
        return sum(self.energy.values())


@dataclass(frozen=True, slots=True)
class Cost:
    """A simulated run, as pruning looks at it.

    `cycles` are in accelerator 0's clock, `seconds` exact to the femtosecond, energies in pJ (in multiply-accumulates
    of a table without joules). `dram_bytes` are whole bursts on all channels, `link_bytes` count once a message.
    """

    cycles: int
    seconds: float
    energy_pj: float
    energy: Mapping[str, float]
    macs: int
    dram_bytes: int
    link_bytes: int
    layers: tuple[LayerCost, ...]

    @staticmethod
    def of(result: Result) -> Cost:
        """The cost in a simulation's result."""
        return Cost(
            cycles=result.cycles,
            seconds=result.seconds,
            energy_pj=result.energy_pj,
            energy=result.energy,
            macs=result.macs,
            dram_bytes=result.dram_bytes,
            link_bytes=result.link_bytes,
            layers=tuple(
                LayerCost(layer.name, layer.cycles, layer.macs, layer.dram_bytes, layer.link_bytes, layer.energy)
                for layer in result.layers
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        layers = [{**asdict(layer), "energy_pj": layer.energy_pj} for layer in self.layers]
        return {**asdict(self), "layers": layers}

    def to_frame(self) -> pd.DataFrame:
        """One row a layer; energies in pJ, one column a component."""
        import pandas as pd

        rows = []
        for layer in self.layers:
            row = {**asdict(layer), "energy_pj": layer.energy_pj}
            energy = row.pop("energy")
            rows.append(row | {f"{component}_pj": pj for component, pj in energy.items()})
        return pd.DataFrame(rows)
