"""What co-design tells: the design that was chosen, layer by layer, beside its rivals, and the way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ppsim.explore.codesign.bench import Bench
from ppsim.explore.codesign.proposing import Proposal, Step
from ppsim.explore.codesign.realising import Realised
from ppsim.explore.codesign.space import WHOLE
from ppsim.pipeline import simulate
from ppsim.workload.model import Model
from ppsim.workload.partitioned import PartitionedGraph

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LayerChoice:
    """A layer as it was chosen: its input and output units, those it had, in which form, and what it costs.

    `blocks` are the parts' blocks that each part keeps, of `parts`; `rank` is that of each part's block. `cycles` and
    `energy_pj` are those of the simulated layer, with what runs between it and the one before.
    """

    name: str
    inputs: int
    outputs: int
    inputs_before: int
    outputs_before: int
    form: str
    blocks: int
    rank: int | None
    cycles: int
    energy_pj: float
    loss: float


@dataclass(frozen=True)
class Chosen:
    """A design, fitted and simulated: `seconds`, `energy_pj` and `macs` are those of `ppsim.simulate(net, system)`.

    `method` is what put units into parts. `loss` is what the tables say it loses, `quality` what the judge said of it
    while searching.
    """

    name: str
    parts: int
    method: str
    seconds: float
    cycles: int
    energy_pj: float
    energy: Mapping[str, float]
    macs: int
    dram_bytes: int
    link_bytes: int
    loss: float
    quality: float | None
    layers: tuple[LayerChoice, ...]
    net: PartitionedGraph = field(repr=False)
    model: Model = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the network and its numbers as plain values, for JSON."""
        skipped = ("net", "model", "layers", "energy")
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in skipped}
        return {**plain, "energy": dict(self.energy), "layers": [asdict(layer) for layer in self.layers]}


@dataclass(frozen=True)
class Codesigned:
    """The best design within a budget, its rivals, and the designs that were tried on the way (`steps`).

    `bound` is what no design of the tables loses less than, with units in parts as the search's own method puts them.
    `judged_by` says what quality is, `fitted_to` how many
    inputs weights were fitted to.
    """

    goal_latency: float | None
    goal_energy_pj: float | None
    best: Chosen
    rivals: tuple[Chosen, ...]
    bound: float
    steps: tuple[Step, ...]
    judged_by: str | None
    fitted_to: int
    assumptions: tuple[str, ...]

    @property
    def net(self) -> PartitionedGraph:
        """The network that was chosen."""
        return self.best.net

    @property
    def model(self) -> Model:
        """Its trained numbers."""
        return self.best.model

    def to_dict(self) -> dict[str, Any]:
        """Everything but networks and their numbers as plain values, for JSON."""
        return {
            "goal_latency": self.goal_latency,
            "goal_energy_pj": self.goal_energy_pj,
            "best": self.best.to_dict(),
            "rivals": [rival.to_dict() for rival in self.rivals],
            "bound": self.bound,
            "steps": [asdict(step) for step in self.steps],
            "judged_by": self.judged_by,
            "fitted_to": self.fitted_to,
            "assumptions": list(self.assumptions),
        }


@dataclass(frozen=True)
class Front:
    """Designs for several budgets, the largest first; `missed` says which budgets nothing met."""

    designs: tuple[Codesigned, ...]
    missed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"designs": [one.to_dict() for one in self.designs], "missed": list(self.missed)}

    def to_frame(self) -> pd.DataFrame:
        """A row for each design and rival."""
        import pandas as pd

        skipped = ("energy", "layers")
        return pd.DataFrame(
            {"goal_latency": one.goal_latency, "goal_energy_pj": one.goal_energy_pj}
            | {key: value for key, value in row.to_dict().items() if key not in skipped}
            for one in self.designs
            for row in (one.best, *one.rivals)
        )


def chosen(name: str, bench: Bench, proposal: Proposal, real: Realised) -> Chosen:
    """A proposal with its numbers, simulated once more as the network that is given out."""
    design, space = proposal.design, bench.space
    result = simulate(real.net, bench.pricing.system)
    losses = bench.losses(design.parts, design.method)
    costs = bench.pricing.grouped([layer.cycles for layer in result.layers], [layer.name for layer in result.layers])
    joules = bench.pricing.grouped(
        [layer.energy_pj for layer in result.layers], [layer.name for layer in result.layers]
    )
    layers = []
    for at, (layer, form) in enumerate(zip(space.layers, design.forms, strict=True)):
        inputs, outputs = space.units(at, design.widths)
        before = space.units(at, space.atoms)
        layers.append(
            LayerChoice(
                name=layer,
                inputs=inputs,
                outputs=outputs,
                inputs_before=before[0],
                outputs_before=before[1],
                form=form.describe(),
                blocks=1 + form.others if form.cut == "parts" else design.parts,
                rank=real.net.layers[layer].rank if form != WHOLE else None,
                cycles=costs[at],
                energy_pj=joules[at],
                loss=losses.loss(at, design.widths, form),
            )
        )
    return Chosen(
        name=name,
        parts=design.parts,
        method=design.method or bench.method,
        seconds=result.seconds,
        cycles=result.cycles,
        energy_pj=result.energy_pj,
        energy=result.energy,
        macs=result.macs,
        dram_bytes=result.dram_bytes,
        link_bytes=result.link_bytes,
        loss=proposal.loss,
        quality=proposal.quality,
        layers=tuple(layers),
        net=real.net,
        model=real.model,
    )
