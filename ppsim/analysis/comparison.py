"""`Comparison`: a result held against its baselines, and what the speedup is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ppsim.analysis.result import Result


@dataclass(frozen=True)
class Factors:
    """speedup over single-dense = pruning x parallelism x (1 - loss).

    `pruning` is what pruning alone gives on one accelerator, `parallelism` the number of accelerators. The loss is the
    sum of `link_loss` (gone with links that take no time), `dram_loss` (gone with private channels as well) and
    `imbalance_loss` (the rest). A loss may be negative, and is then a gain.
    """

    pruning: float
    parallelism: int
    link_loss: float
    dram_loss: float
    imbalance_loss: float

    @property
    def loss(self) -> float:
        """Share of pruning x parallelism that is lost."""
        return self.link_loss + self.dram_loss + self.imbalance_loss

    @property
    def speedup(self) -> float:
        """What the factors multiply to."""
        return self.pruning * self.parallelism * (1 - self.loss)


@dataclass(frozen=True)
class Comparison:
    """A result against its baselines.

    `factors` is what the speedup is made of, if that was asked for, and `pruned_layers` the same comparison for the
    pruned layers alone, if there are any.
    """

    result: Result
    baselines: Mapping[str, Result]
    scope: str
    factors: Factors | None = None
    pruned_layers: Comparison | None = None

    def speedup_over(self, baseline: str) -> float:
        """Seconds of a baseline over seconds of the result."""
        return self.baselines[baseline].seconds / self.result.seconds

    def energy_reduction_over(self, baseline: str) -> float:
        """Energy of a baseline over energy of the result."""
        return self.baselines[baseline].energy_pj / self.result.energy_pj

    def speedup_of(self, baseline: str) -> float:
        """Seconds of the unpruned network on one accelerator over seconds of a baseline."""
        return self.baselines["single-dense"].seconds / self.baselines[baseline].seconds

    def energy_reduction_of(self, baseline: str) -> float:
        """Energy of the unpruned network on one accelerator over energy of a baseline."""
        return self.baselines["single-dense"].energy_pj / self.baselines[baseline].energy_pj

    @property
    def speedup(self) -> float:
        """Against the unpruned network on one accelerator."""
        return self.speedup_over("single-dense")

    @property
    def energy_reduction(self) -> float:
        """Against the unpruned network on one accelerator."""
        return self.energy_reduction_over("single-dense")

    def row(self, baseline: str = "single-dense") -> dict[str, Any]:
        """The row `reproduce.json` and `run --json` hold: the result, and its ratios to a baseline."""
        result = self.result
        return {
            "workload": result.workload,
            "system": result.system,
            "dram": result.dram,
            "parts": result.parts,
            "accelerators": result.accelerators,
            "scope": self.scope,
            "baseline": baseline,
            "cycles": result.cycles,
            "seconds": result.seconds,
            "energy_pj": result.energy_pj,
            "energy": dict(result.energy),
            "speedup": self.speedup_over(baseline),
            "energy_reduction": self.energy_reduction_over(baseline),
            "dram_bytes": result.dram_bytes,
            "link_bytes": result.link_bytes,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {
            "scope": self.scope,
            "speedup": self.speedup,
            "energy_reduction": self.energy_reduction,
            "factors": {**asdict(self.factors), "loss": self.factors.loss} if self.factors else None,
            "result": self.result.to_dict(),
            "baselines": {name: result.to_dict() for name, result in self.baselines.items()},
            "pruned_layers": self.pruned_layers.to_dict() if self.pruned_layers else None,
        }

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from ppsim.analysis.notebook import comparison_html

        return comparison_html(self)
