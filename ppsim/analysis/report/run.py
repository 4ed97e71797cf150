"""A run as it is reported on: made of a comparison, or read from the file that `ppsim run --json` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen

from ppsim.analysis.comparison import Comparison, Factors
from ppsim.analysis.result import Result
from ppsim.documents import quote, read_json, validate
from ppsim.errors import InputError
from ppsim.hardware.energy import COMPONENTS

FORMAT = "ppsim-result/1"
MAX_BYTES = 64 * 1024 * 1024
#: accelerators whose spans are kept for a timeline
MOST_ACCELERATORS = 64
MOST_LAYERS = 10_000
LONGEST_FS = 10**18

Name = Annotated[str, MaxLen(300)]
Line = Annotated[str, MaxLen(5_000)]
Count = Annotated[int, Ge(0)]
Positive = Annotated[int, Gt(0), Le(1_000_000)]
Amount = Annotated[float, Ge(0)]
Duration = Annotated[float, Gt(0)]
Time = Annotated[int, Ge(-1)]
Spans = tuple[tuple[Time, Time, Time], ...]
Energy = Mapping[Name, Amount]


class Saved:
    """What a file holds of a value; a file may hold more, and numbers are finite."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "ignore", "allow_inf_nan": False}


@dataclass(frozen=True)
class Layer(Saved):
    """A layer as `LayerResult` has it; `spans` are those of the first `MOST_ACCELERATORS` accelerators, fs."""

    name: Name
    cycles: Count
    macs: Count
    dram_bytes: Count
    link_bytes: Count
    bound: Name
    utilisation: Amount
    energy: Energy
    energy_pj: Amount
    spans: Annotated[Spans, MaxLen(MOST_ACCELERATORS)] = ()
    fused: tuple[Name, ...] = ()


@dataclass(frozen=True)
class SavedFactors(Saved, Factors):
    """What a speedup is made of, as a comparison has it."""

    parallelism: Positive


@dataclass(frozen=True, kw_only=True)
class Outcome(Saved):
    """What something took, and its ratios to the unpruned network on one accelerator."""

    scope: Name
    cycles: Count
    seconds: Duration
    energy_pj: Amount
    speedup: Amount
    energy_reduction: Amount
    energy: Energy = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Baseline(Outcome):
    """What a run is held against."""

    baseline: Name


@dataclass(frozen=True, kw_only=True)
class Run(Outcome):
    """A run against its baselines. `pruned_layers` are the pruned layers alone, if there are any."""

    workload: Name
    system: Name
    dram: Literal["private", "shared"]
    parts: Positive
    accelerators: Positive
    batch: Positive
    dram_bytes: Count
    link_bytes: Count
    macs: Count
    energy_unit: Literal["pJ", "MAC"]
    layers: Annotated[tuple[Layer, ...], MaxLen(MOST_LAYERS)]
    baselines: Annotated[tuple[Baseline, ...], MaxLen(1_000)]
    factors: Mapping[Name, SavedFactors | None]
    engine: Name
    assumptions: Annotated[tuple[Line, ...], MaxLen(1_000)]
    pruned_layers: Outcome | None = None
    provenance: Mapping[Name, Any] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[Outcome, ...]:
        """The run, and its pruned layers alone if there are any."""
        return (self, *([self.pruned_layers] if self.pruned_layers else []))

    def against(self, scope: str) -> tuple[Baseline, ...]:
        """The baselines of a scope."""
        return tuple(baseline for baseline in self.baselines if baseline.scope == scope)


def document_of(comparison: Comparison) -> dict[str, Any]:
    """What `ppsim run --json` writes of a run that a report needs, as plain values."""
    result = comparison.result
    scopes = [comparison, *([comparison.pruned_layers] if comparison.pruned_layers else [])]
    return {
        "format": FORMAT,
        **comparison.row(),
        "energy_unit": result.energy_unit,
        "batch": result.batch,
        "macs": result.macs,
        "layers": layers_of(result),
        "pruned_layers": scopes[1].row() if len(scopes) > 1 else None,
        "comparisons": [scope.row(baseline) for scope in scopes for baseline in scope.baselines],
        "baselines": [
            {
                "scope": scope.scope,
                "baseline": name,
                "cycles": run.cycles,
                "seconds": run.seconds,
                "energy_pj": run.energy_pj,
                "energy": dict(run.energy),
                "speedup": scope.speedup_of(name),
                "energy_reduction": scope.energy_reduction_of(name),
            }
            for scope in scopes
            for name, run in scope.baselines.items()
        ],
        "factors": {scope.scope: scope.to_dict()["factors"] for scope in scopes},
        "engine": result.engine,
        "events": result.events,
        "shortcuts": dict(result.shortcuts),
        "assumptions": list(result.assumptions),
    }


def layers_of(result: Result) -> list[dict[str, Any]]:
    """Layers as plain values, with the spans of the first `MOST_ACCELERATORS` accelerators.

    A run of a quarter of an hour or more has none: its times, in fs, are longer than integers in a document may be.
    """
    kept = MOST_ACCELERATORS if all(span[2] < LONGEST_FS for layer in result.layers for span in layer.spans) else 0
    return [{**layer.to_dict(), "spans": [list(span) for span in layer.spans[:kept]]} for layer in result.layers]


def run_of(comparison: Comparison) -> Run:
    """A comparison as a run to report on."""
    return _checked(document_of(comparison), comparison.result.workload)


def read_run(path: Path) -> Run:
    """The run in a file that `ppsim run --json` wrote; raises InputError naming the file and the key."""
    return _checked(read_json(path, FORMAT, MAX_BYTES), str(path))


def _checked(document: Mapping[str, Any], where: str) -> Run:
    run = validate(Run, {key: value for key, value in document.items() if key != "format"}, where)
    for number, layer in enumerate(run.layers):
        _check_layer(layer, run, f"{where}: layers.{number}")
    outcomes: list[Outcome] = [*run.scopes, *run.baselines]
    for outcome in outcomes:
        _check_energy(outcome.energy, where)
    return run


def _check_layer(layer: Layer, run: Run, where: str) -> None:
    """Spans that a timeline can draw, as many in each layer, and energy by known components."""
    expected = min(run.accelerators, MOST_ACCELERATORS)
    if len(layer.spans) not in (0, expected):
        raise InputError(f"{where}.spans: {len(layer.spans)} spans; accepted: {expected}, one an accelerator, or none")
    for started, finished, delivered in layer.spans:
        if not started <= finished <= delivered:
            raise InputError(
                f"{where}.spans: started {started}, finished {finished} and delivered {delivered} are out of order"
            )
    _check_energy(layer.energy, where)


def _check_energy(energy: Mapping[str, float], where: str) -> None:
    unknown = [name for name in energy if name not in COMPONENTS]
    if unknown:
        raise InputError(f"{where}: energy: {quote(unknown[0])} is no component; accepted: {', '.join(COMPONENTS)}")
