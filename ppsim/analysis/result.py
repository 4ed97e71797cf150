"""`Result`: what a simulation says, per layer and per component."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ppsim.analysis.ledger import Amounts

if TYPE_CHECKING:
    import pandas as pd

#: what may bound a layer
BOUNDS = ("compute", "DRAM", "link", "vector", "buffer", "launch")
#: started, finished and delivered, fs from the start of the run; -1 where an accelerator had nothing to do
Span = tuple[int, int, int]


@dataclass(frozen=True)
class LayerResult:
    """One layer (with the pointwise layers fused into it).

    `cycles` is its end minus the end of the layer before, in accelerator 0's clock; layers add up to the run.
    `span_cycles` goes from its first load, which may overlap the layer before, to its last delivery. `bound` names what
    was busy longest. `utilisation` is MACs over the peak of all accelerators in the time from when its inputs are first
    there to its end. `energy` is pJ by component: `amounts` at the prices of the system's energy table. `spans` are for
    a timeline, one for each accelerator: when it issued its first load or computation, when its last store or
    computation was done, and when it had all it needs of the layer's outputs. They say where in a run a layer stands,
    not what it is: two layers may be equal with different ones, and plain values and tables leave them out.
    """

    name: str
    fused: tuple[str, ...]
    cycles: int
    span_cycles: int
    macs: int
    dram_bytes: int
    link_bytes: int
    bound: str
    utilisation: float
    energy: Mapping[str, float]
    amounts: Amounts
    spans: tuple[Span, ...] = field(default=(), repr=False, compare=False)

    @property
    def energy_pj(self) -> float:
        """Energy of all components, pJ."""
        return sum(self.energy.values())

    def to_dict(self) -> dict[str, Any]:
        """Everything but amounts and spans as plain values, for JSON."""
        return {**_plain(self), "energy_pj": self.energy_pj}


@dataclass(frozen=True)
class Result:
    """A simulated run.

    `cycles` are in accelerator 0's clock, `seconds` exact to the femtosecond, energies in pJ (in multiply-accumulates
    where `energy_unit` is "MAC": a table without joules). `dram_bytes` are whole bursts on all channels; `link_bytes`
    counts a byte once per message, not per hop. `assumptions` is what the numbers rest on, one line each. `events`,
    which the engine handled, and `shortcuts`, how often each fired, differ between engines: results are compared
    without them.
    """

    workload: str
    system: str
    accelerators: int
    dram: str
    batch: int
    parts: int
    cycles: int
    seconds: float
    energy: Mapping[str, float]
    energy_unit: str
    amounts: Amounts
    macs: int
    dram_bytes: int
    link_bytes: int
    layers: tuple[LayerResult, ...]
    events: int = field(compare=False)
    shortcuts: Mapping[str, int] = field(compare=False)
    engine: str
    assumptions: tuple[str, ...]

    @property
    def energy_pj(self) -> float:
        """Energy of all components, pJ."""
        return sum(self.energy.values())

    def to_dict(self) -> dict[str, Any]:
        """Everything but amounts and spans as plain values, for JSON."""
        return {**_plain(self), "layers": [layer.to_dict() for layer in self.layers], "energy_pj": self.energy_pj}

    def to_frame(self) -> pd.DataFrame:
        """One row a layer; energies in pJ, one column a component."""
        import pandas as pd

        rows = []
        for layer in self.layers:
            row = layer.to_dict()
            energy = row.pop("energy")
            rows.append({**row, "fused": "+".join(layer.fused)} | {f"{c}_pj": e for c, e in energy.items()})
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from ppsim.analysis.notebook import result_html

        return result_html(self)


def _plain(result: LayerResult | Result) -> dict[str, Any]:
    names = (f.name for f in fields(result) if f.name not in ("amounts", "layers", "spans"))
    values = ((name, getattr(result, name)) for name in names)
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values}


def combined(results: list[Result]) -> Result:
    """Runs one after the other, as one result."""
    first = results[0]
    if len(results) == 1:
        return first
    return Result(
        workload="+".join(r.workload for r in results),
        system=first.system,
        accelerators=first.accelerators,
        dram=first.dram,
        batch=first.batch,
        parts=first.parts,
        cycles=sum(r.cycles for r in results),
        seconds=sum(r.seconds for r in results),
        energy={component: sum(r.energy[component] for r in results) for component in first.energy},
        energy_unit=first.energy_unit,
        amounts=Amounts.total([r.amounts for r in results]),
        macs=sum(r.macs for r in results),
        dram_bytes=sum(r.dram_bytes for r in results),
        link_bytes=sum(r.link_bytes for r in results),
        layers=_one_after_the_other(results),
        events=sum(r.events for r in results),
        shortcuts=dict(sum((Counter(r.shortcuts) for r in results), Counter())),
        engine=first.engine,
        assumptions=first.assumptions,
    )


def _one_after_the_other(results: list[Result]) -> tuple[LayerResult, ...]:
    """Layers of all runs, the spans of each run later by what the runs before it took."""
    layers: list[LayerResult] = []
    before_fs = 0
    for result in results:
        end_fs = max((span[2] for layer in result.layers for span in layer.spans), default=0)
        layers += (replace(layer, spans=_later(layer.spans, before_fs)) for layer in result.layers)
        before_fs += end_fs
    return tuple(layers)


def _later(spans: tuple[Span, ...], by_fs: int) -> tuple[Span, ...]:
    """Spans moved by a time; what never happened (-1) stays so."""
    started, finished, delivered = ([t + by_fs if t >= 0 else t for t in times] for times in zip(*spans, strict=True))
    return tuple(zip(started, finished, delivered, strict=True))
