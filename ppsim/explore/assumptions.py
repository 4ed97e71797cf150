"""Which assumptions give the paper's two numbers? A search over a grid of disclosed ones; nothing is tuned.

arXiv 1901.11391 states a speedup and an energy reduction of the pruned layers and not what they were measured on. Each
point of the grid fills in all that is missing; its distance says how far its two ratios are from the paper's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import product
from math import hypot, log
from typing import Any

from ppsim.analysis.result import combined
from ppsim.errors import InputError
from ppsim.explore.executors import Progress, run_all
from ppsim.hardware.documents import load_energy_table, load_system
from ppsim.hardware.energy import EnergyTable
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.pruning.partition import partition
from ppsim.workload.documents import load_workload
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

#: what the paper states, and all that it states
PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION = 7.72, 2.73

#: DRAM sharing -> the system that has it
SYSTEMS = {"private": "tetris", "shared": "shared-dram"}
#: dataflow -> the settings of a system that make it
DATAFLOWS: Mapping[str, Mapping[str, Any]] = {
    "os": {"array.dataflow": "os", "array.overlap": False},
    "ws-overlap": {"array.dataflow": "ws", "array.overlap": True},
    "ws": {"array.dataflow": "ws", "array.overlap": False},
}
#: components that grow with time instead of with actions
STATIC = ("dram_background", "leakage")


def distance(speedup: float, energy_reduction: float) -> float:
    """How far two ratios are from the paper's: sqrt(ln(speedup / 7.72)^2 + ln(energy_reduction / 2.73)^2).

    Being off by a factor counts the same whichever way and in either ratio; 0.1 is about 10 % off in one of them.
    """
    return hypot(log(speedup / PAPER_SPEEDUP), log(energy_reduction / PAPER_ENERGY_REDUCTION))


@dataclass(frozen=True)
class Stack:
    """The layers that are pruned and what they run on, whatever the number of parts: points with one dense baseline."""

    workload: str
    layers: str
    batch: int
    dataflow: str


@dataclass(frozen=True)
class Explanation:
    """A point of the grid and what it gives for the pruned layers alone, against them unpruned on one accelerator.

    `keep` is the share of each layer's weights that is kept, `block_diagonal` says that it is 1/parts. `static_power`
    says whether leakage and DRAM background are counted.
    """

    workload: str
    fc_sizes: tuple[int, ...]
    layers: str
    batch: int
    dataflow: str
    parts: int
    keep: float
    block_diagonal: bool
    dram: str
    energy_table: str
    static_power: bool
    speedup: float
    energy_reduction: float

    @property
    def keep_text(self) -> str:
        """`keep` as people write it: 3/8."""
        return str(Fraction(self.keep).limit_denominator(128))

    @property
    def distance(self) -> float:
        """Distance from the paper's two numbers."""
        return distance(self.speedup, self.energy_reduction)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {**asdict(self), "fc_sizes": list(self.fc_sizes), "distance": self.distance}


@dataclass(frozen=True)
class Grid:
    """The axes of the search; every combination is a point.

    `keeps` are shares of the weights, None standing for 1/parts; those below 1/parts are left out. (Half of the weights
    is searched for two parts alone: it halves the energy at best, and the paper's went down by more.) Raises InputError
    for an axis without values or an unknown value where the values are known.
    """

    workloads: tuple[str, ...] = ("tinyvgg16", "tinyvgg16-25088", "tinyvgg16-32768")
    layers: tuple[str, ...] = ("fc*", "fc6,fc7", "fc7")
    batches: tuple[int, ...] = (1, 16)
    dataflows: tuple[str, ...] = tuple(DATAFLOWS)
    parts: tuple[int, ...] = (2, 3, 4, 8, 16)
    keeps: tuple[float | None, ...] = (None, 1 / 4, 3 / 8)
    drams: tuple[str, ...] = tuple(SYSTEMS)
    energy_tables: tuple[str, ...] = ("tetris", "eyeriss-65nm")
    static_power: tuple[bool, ...] = (True, False)

    def __post_init__(self) -> None:
        """Reject what would fail in the middle of the search."""
        for name, values in self.axes().items():
            if not values:
                raise InputError(f"grid: {name} needs at least one value")
        for name, known in (("dataflows", DATAFLOWS), ("drams", SYSTEMS)):
            if unknown := set(getattr(self, name)) - set(known):
                raise InputError(f"grid: {name}: {unknown.pop()!r} is unknown; accepted: {', '.join(known)}")

    def axes(self) -> dict[str, list[Any]]:
        """The values on each axis, as plain values; 1/parts is written out."""
        values = {name: list(axis) for name, axis in asdict(self).items()}
        return {**values, "keeps": ["1/parts" if keep is None else keep for keep in self.keeps]}

    def stacks(self) -> tuple[Stack, ...]:
        """What is pruned and what it runs on, in the order of the axes; layers of the same sizes once."""
        pruned: dict[tuple[int, ...], tuple[str, str]] = {}
        for workload, layers in product(self.workloads, self.layers):
            pruned.setdefault(fc_sizes(load_workload(workload), layers), (workload, layers))
        points = product(pruned.values(), self.batches, self.dataflows)
        return tuple(Stack(workload, layers, batch, flow) for (workload, layers), batch, flow in points)

    def cuts(self) -> Iterator[tuple[int, float, bool]]:
        """Parts, keep, and whether that is 1/parts: each pair once, none below 1/parts."""
        for parts in self.parts:
            keeps = dict.fromkeys(1 / parts if keep is None else keep for keep in self.keeps)
            yield from ((parts, keep, keep == 1 / parts) for keep in keeps if keep >= 1 / parts)

    def __len__(self) -> int:
        """Number of points."""
        accounts = len(self.energy_tables) * len(self.static_power)
        return len(self.stacks()) * len(list(self.cuts())) * len(self.drams) * accounts


@dataclass(frozen=True)
class _Measured:
    """Seconds of a run, and its energy in pJ by component under each energy table."""

    seconds: float
    energy: Mapping[str, Mapping[str, float]]

    def energy_pj(self, table: str, static_power: bool) -> float:
        """Energy under one table; without static power the components that grow with time are left out."""
        components = self.energy[table].items()
        return sum(pj for component, pj in components if static_power or component not in STATIC)


def explain(grid: Grid, jobs: int | None = None, progress: Progress | None = None) -> list[Explanation]:
    """Simulate every point of the grid; nearest to the paper first, equally near ones in the order of the axes.

    Raises InputError when a network or layer of the grid does not exist, or cannot be cut into that many parts.
    """
    return nearest_first(run_all(explanation_tasks(grid), jobs, progress))


def explanation_tasks(grid: Grid) -> list[partial[list[Explanation]]]:
    """The search as independent tasks for `run_all`, one for each dense baseline."""
    return [partial(explain_stack, stack, grid) for stack in grid.stacks()]


def nearest_first(found: Sequence[Sequence[Explanation]]) -> list[Explanation]:
    """The explanations of all tasks, sorted by distance; ties keep their order."""
    return sorted((point for points in found for point in points), key=lambda point: point.distance)


def explain_stack(stack: Stack, grid: Grid) -> list[Explanation]:
    """The points of a grid that share a dense baseline, which is simulated once.

    Energy tables and static power do not change what happens when, so a run is accounted again instead of repeated.
    """
    net = load_workload(stack.workload, batch=stack.batch)
    systems = {dram: load_system(SYSTEMS[dram], set=DATAFLOWS[stack.dataflow]) for dram in grid.drams}
    tables = {name: load_energy_table(name) for name in grid.energy_tables}
    dense = [cut.graph for cut in partition(net, 1, stack.layers).stretches()]
    single = _measured(dense, systems[grid.drams[0]].alone(), tables)
    sizes = fc_sizes(net, stack.layers)
    found = []
    for (parts, keep, block_diagonal), dram in product(grid.cuts(), grid.drams):
        pruned = partition(net, parts, stack.layers, keep=None if block_diagonal else keep).stretches()
        many = _measured(pruned, replace(systems[dram], accelerators=parts), tables)
        found += [
            Explanation(
                workload=stack.workload,
                fc_sizes=sizes,
                layers=stack.layers,
                batch=stack.batch,
                dataflow=stack.dataflow,
                parts=parts,
                keep=keep,
                block_diagonal=block_diagonal,
                dram=dram,
                energy_table=table,
                static_power=static,
                speedup=single.seconds / many.seconds,
                energy_reduction=single.energy_pj(table, static) / many.energy_pj(table, static),
            )
            for table, static in product(grid.energy_tables, grid.static_power)
        ]
    return found


def fc_sizes(net: LayerGraph, layers: str) -> tuple[int, ...]:
    """Units of the linear layers that match: inputs of the first, then outputs of each."""
    names = net.match(layers)
    products = [gemm for name in names if (gemm := net.gemm_of(name))]
    return (products[0].k, *(gemm.n for gemm in products))


def _measured(
    nets: Sequence[LayerGraph | PartitionedGraph], system: System, tables: Mapping[str, EnergyTable]
) -> _Measured:
    """Simulate networks one after the other, each once, and account for them under every table."""
    result = combined([simulate(net, system) for net in nets])
    return _Measured(result.seconds, {name: result.amounts.energy(table) for name, table in tables.items()})
