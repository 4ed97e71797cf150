"""The experiment of arXiv 1901.11391: partition-pruned TinyVGG16 on 1 to 16 accelerators, against one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from csv import DictWriter
from dataclasses import asdict, dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from ppsim.baselines import NETWORK, PRUNED_LAYERS, against_baselines
from ppsim.errors import InputError
from ppsim.explore.assumptions import (
    PAPER_ENERGY_REDUCTION,
    PAPER_SPEEDUP,
    SYSTEMS,
    Explanation,
    Grid,
    explanation_tasks,
    nearest_first,
)
from ppsim.explore.executors import Progress, run_all
from ppsim.hardware.documents import load_system
from ppsim.pruning.partition import partition
from ppsim.storage import folder, json_text, write_bytes
from ppsim.workload.documents import load_workload

BASELINES = ("single-dense", "single-pruned", "multi-dense")
SCOPES = (PRUNED_LAYERS, NETWORK)
#: fields of an explanation that follow from the others
_NOT_ASSUMED = ("block_diagonal", "speedup", "energy_reduction")
#: how many of the nearest explanations `Reproduction.to_dict` lists
LISTED = 20

PAPER: Mapping[str, Any] = {
    "title": "Partition Pruning: Parallelization-Aware Pruning for Deep Neural Networks",
    "source": "arXiv 1901.11391, abstract",
    "speedup": PAPER_SPEEDUP,
    "energy_reduction": PAPER_ENERGY_REDUCTION,
    "of": "the pruned layers of TinyVGG16, against the unpruned network on a single accelerator",
    "unknown": [
        "number of parts and accelerators",
        "share of the weights that is kept, and of which layers",
        "layer sizes of TinyVGG16, and the batch",
        "arrays, their dataflow, buffers and clock",
        "DRAM bandwidth, and whether accelerators share it",
        "interconnect",
        "energy table, and whether static power is counted",
    ],
}


@dataclass(frozen=True)
class Experiment:
    """What is run: a workload whose `layers` keep 1/parts of their weights, on each system, and the grid to search.

    `parts` are also the numbers of accelerators.
    """

    workload: str = "tinyvgg16"
    layers: str = "fc*"
    parts: tuple[int, ...] = (1, 2, 3, 4, 8, 16)
    systems: tuple[str, ...] = tuple(SYSTEMS.values())
    grid: Grid = field(default_factory=Grid)

    def __post_init__(self) -> None:
        """Reject an experiment without points."""
        if not self.parts or not self.systems:
            raise InputError("experiment: parts and systems need at least one value each")

    @property
    def description(self) -> str:
        """What runs, in a line."""
        parts = ", ".join(str(count) for count in self.parts)
        return (
            f"{self.workload}, batch 1; layers {self.layers} keep the diagonal blocks, 1/P of their weights; "
            f"P parts on P accelerators, P = {parts}"
        )


@dataclass(frozen=True)
class Reproduction:
    """What the experiment gave: a row for each point and baseline; the grid's points, nearest to the paper first.

    `assumptions` are lines by system, at the largest number of accelerators.
    """

    experiment: Experiment
    assumptions: Mapping[str, tuple[str, ...]]
    rows: tuple[Mapping[str, Any], ...]
    explanations: tuple[Explanation, ...]

    def rows_against(self, baseline: str) -> list[Mapping[str, Any]]:
        """The rows that are held against one baseline."""
        return [row for row in self.rows if row["baseline"] == baseline]

    def nearest_runs(self, most: int) -> list[Explanation]:
        """The nearest of the explanations, one for each run: runs are accounted for under several energy tables."""
        nearest: dict[tuple[Any, ...], Explanation] = {}
        for point in self.explanations:
            run = (point.fc_sizes, point.batch, point.dataflow, point.parts, point.keep, point.dram)
            nearest.setdefault(run, point)
        return list(nearest.values())[:most]

    def in_common(self, within: float) -> tuple[int, dict[str, Any]]:
        """How many explanations are within a distance, and the assumptions that all of these share."""
        near = [asdict(point) for point in self.explanations if point.distance <= within]
        given = [name for name in (near[0] if near else ()) if name not in _NOT_ASSUMED]
        return len(near), {name: near[0][name] for name in given if len({point[name] for point in near}) == 1}

    def nearest_by_cut(self) -> dict[tuple[int, float], Explanation]:
        """(parts, keep) -> the nearest of the explanations with these, in ascending order."""
        nearest: dict[tuple[int, float], Explanation] = {}
        for point in self.explanations:
            nearest.setdefault((point.parts, point.keep), point)
        return dict(sorted(nearest.items()))

    def to_dict(self) -> dict[str, Any]:
        """What `reproduce.json` holds; of the explanations the nearest, and the nearest for each parts and keep."""
        return {
            "paper": dict(PAPER),
            "assumptions": [
                self.experiment.description,
                *(f"{system}: {line}" for system, lines in self.assumptions.items() for line in lines),
            ],
            "rows": [dict(row) for row in self.rows],
            "explanations": [point.to_dict() for point in self.explanations[:LISTED]],
            "nearest_by_parts_and_keep": [point.to_dict() for point in self.nearest_by_cut().values()],
            "grid": {"points": len(self.experiment.grid), "axes": self.experiment.grid.axes()},
        }


def reproduce(
    experiment: Experiment | None = None, jobs: int | None = None, progress: Progress | None = None
) -> Reproduction:
    """Run the experiment (None: the whole of it) on `jobs` processes (None: one for each processor).

    The result does not depend on `jobs`. Raises InputError when a name is unknown or a network cannot be cut so.
    """
    what = experiment or Experiment()
    points = [(scope, parts, system) for scope in SCOPES for parts in what.parts for system in what.systems]
    measure = [partial(rows_of, what.workload, what.layers, parts, system, scope) for scope, parts, system in points]
    search = explanation_tasks(what.grid)
    # the whole network takes longest, and longer on more accelerators: started first, nobody waits for it in the end
    results = run_all([*reversed(measure), *search], jobs, progress)
    return Reproduction(
        experiment=what,
        assumptions={name: load_system(name, accelerators=max(what.parts)).assumptions() for name in what.systems},
        rows=tuple(row for rows in reversed(results[: len(measure)]) for row in rows),
        explanations=tuple(nearest_first(results[len(measure) :])),
    )


def rows_of(workload: str, layers: str, parts: int, system: str, scope: str) -> list[dict[str, Any]]:
    """A row for each baseline: the pruned network, or its pruned layers alone, on as many accelerators as parts."""
    net = partition(load_workload(workload), parts, layers)
    nets = net.stretches() if scope == PRUNED_LAYERS else (net,)
    hardware = load_system(system, accelerators=parts)
    comparison = against_baselines(nets, hardware, scope, baselines=BASELINES)
    return [{**comparison.row(baseline), "workload": net.name} for baseline in BASELINES]


def save(reproduction: Reproduction, out: Path) -> tuple[Path, ...]:
    """Write reproduce.json, reproduce.csv and reproduce.png into a folder, made if missing; returns their paths.

    Raises InputError when `out` is no folder or cannot be written.
    """
    from ppsim.analysis.figures import Mark, drawn, reproduction_figure

    place = folder(out)
    paths = tuple(place / f"reproduce.{kind}" for kind in ("json", "csv", "png"))
    mark = None
    if reproduction.explanations:
        nearest = reproduction.explanations[0]
        label = f"nearest: P = {nearest.parts}, keep {nearest.keep_text}, {nearest.dram} DRAM"
        mark = Mark(nearest.parts, nearest.speedup, nearest.energy_reduction, label)
    figure = reproduction_figure(
        reproduction.rows_against("single-dense"), (PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION), mark
    )
    texts = (json_text(reproduction.to_dict()), csv_text(reproduction.rows))
    for path, content in zip(paths, (*(text.encode() for text in texts), drawn(figure, "png")), strict=True):
        write_bytes(path, content)
    return paths


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; each energy component is a column named `<component>_pj`."""
    flat = [
        {key: value for key, value in row.items() if key != "energy"}
        | {f"{component}_pj": pj for component, pj in row["energy"].items()}
        for row in rows
    ]
    text = StringIO()
    writer = DictWriter(text, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()
