"""`cost_table`: simulate each layer of a network alone, at many widths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

import ppsim
from ppsim.analysis.result import Result
from ppsim.errors import InputError
from ppsim.explore.cost.oracle import check_size
from ppsim.explore.cost_tables.shapes import LayerShape, Steps, alone, can_be_cut, cut, shapes_of, steps_of
from ppsim.explore.cost_tables.table import CostTable, Origin, Price, system_hash
from ppsim.explore.executors import Progress, run_all
from ppsim.explore.fingerprint import fingerprint
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer, Shape

_Fields = tuple[str, Shape, tuple[Layer, ...], int, int | None]
#: rows of a table; more take hours
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class _Point:
    """A row that is not simulated yet; `parts` 1: the layer as it is."""

    shape: LayerShape
    inputs: int
    outputs: int
    parts: int
    accelerators: int


def cost_table(
    net: LayerGraph,
    system: System | str = "tetris",
    accelerators: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    layers: str = "*",
    step: int | Mapping[str, int] | None = None,
    jobs: int | None = 1,
    progress: Progress | None = None,
) -> CostTable:
    """What each convolution and linear layer costs by itself, over its widths, its cut and the number of accelerators.

    A row is a layer simulated alone, as a network of its own, with the pointwise layers that run on its outputs.
    `layers` is a glob, or several with commas. `accelerators` None: as many as the system has. `groups` are the numbers
    of blocks on the diagonal that a layer is cut into: 1 is the layer as it is, with its own groups if it has some;
    None: 1, and as many as there are accelerators in the row. A layer with fewer units than groups on one side is split
    by the other and keeps all its weights, as in `ppsim.partition`; where it has fewer on both, or is grouped itself,
    there is no such row.

    Widths are the multiples of a step and the full width. `step` is a number, or one for "conv" and one for "linear".
    None: the columns of accelerator 0's array, or the smallest multiple of them that leaves 16 widths an axis at most.
    Inputs of a linear layer behind a flatten go in whole channels. A depthwise layer is as wide as what it reads.

    `jobs` processes share the rows (None: one for each processor). The same arguments give the same table. Raises
    InputError for a number below 1, layers that are none, or too many rows.
    """
    shapes = _matching(net, layers)
    system = load_system(system) if isinstance(system, str) else system
    counts = _numbers("accelerators", (system.accelerators,) if accelerators is None else accelerators)
    parts = None if groups is None else _numbers("groups", groups)
    systems = {count: with_accelerators(system, count) for count in counts}
    for one in systems.values():
        check_size(one)
    points = _points(shapes, counts, parts, steps_of(system, step))
    found = _simulated(net, points, systems, jobs, progress)
    origin = Origin(
        ppsim=ppsim.__version__,
        code_sha256=fingerprint(),
        network=net.name,
        batch=net.batch,
        bits=net.bits,
        system=system.name,
        system_hash=system_hash(system),
        energy_unit=found[0].energy_unit,
        layers=shapes,
    )
    return CostTable(origin, tuple(_price(point, result) for point, result in zip(points, found, strict=True)))


def _matching(net: LayerGraph, layers: str) -> tuple[LayerShape, ...]:
    known = shapes_of(net)
    globs = [glob.strip() for glob in layers.split(",")]
    for glob in globs:
        if not any(fnmatchcase(shape.name, glob) for shape in known):
            raise InputError(
                f"{net.name}: layers={glob!r} matches no linear layer or convolution; "
                f"there are: {', '.join(shape.name for shape in known) or 'none'}"
            )
    return tuple(shape for shape in known if any(fnmatchcase(shape.name, glob) for glob in globs))


def _numbers(name: str, given: Sequence[int]) -> tuple[int, ...]:
    if not given or min(given) < 1:
        raise InputError(f"{name}: numbers from 1 up are accepted, got {', '.join(map(str, given)) or 'none'}")
    return tuple(sorted(set(given)))


def with_accelerators(system: System, count: int) -> System:
    """The system with so many accelerators; raises InputError where it is made of groups of other numbers of them."""
    return system if count == system.accelerators else system.with_settings({"accelerators": count})


def _points(
    shapes: Sequence[LayerShape], counts: Sequence[int], groups: Sequence[int] | None, steps: Steps
) -> list[_Point]:
    found: list[_Point] = []
    cuts = {count: tuple(dict.fromkeys((1, count))) if groups is None else groups for count in counts}
    for shape in shapes:
        axes = shape.axes(steps)
        pairs = len(axes[0]) * (1 if shape.depthwise else len(axes[1]))
        rows = len(found) + pairs * sum(map(len, cuts.values()))
        if rows > MOST_ROWS:
            raise InputError(f"layer {shape.name!r}: {rows:,} rows up to it; up to {MOST_ROWS:,} are made: widen step")
        for count in counts:
            for inputs, outputs in shape.pairs(*axes):
                for parts in cuts[count]:
                    if parts == 1 or can_be_cut(shape, inputs, outputs, parts):
                        found.append(_Point(shape, inputs, outputs, parts, count))
    if not found:
        raise InputError(f"groups: no layer can be cut into {', '.join(map(str, groups or ()))} parts")
    return found


def _simulated(
    net: LayerGraph,
    points: Sequence[_Point],
    systems: Mapping[int, System],
    jobs: int | None,
    progress: Progress | None,
) -> list[Result]:
    """The result of each point; points that are alike, as in a stack of equal layers, are simulated once."""
    keys = list(_keys(net, points))
    distinct = list(dict.fromkeys(keys))
    # the widest come last, and a long task at the end leaves processes idle
    distinct.sort(key=lambda key: -key[0].macs)
    tasks = [partial(_run, _fields(graph), parts, systems[count]) for graph, parts, count in distinct]
    results = dict(zip(distinct, run_all(tasks, jobs, progress), strict=True))
    return [results[key] for key in keys]


def _keys(net: LayerGraph, points: Sequence[_Point]) -> Iterator[tuple[LayerGraph, int, int]]:
    made: dict[tuple[str, int, int], LayerGraph] = {}
    for point in points:
        where = (point.shape.name, point.inputs, point.outputs)
        if where not in made:
            made[where] = alone(net, point.shape, point.inputs, point.outputs)
        yield made[where], point.parts, point.accelerators


def _fields(graph: LayerGraph) -> _Fields:
    """What a network is made from: one that has its shapes cannot be sent to another process."""
    return graph.name, graph.input_shape, graph.layers, graph.batch, graph.bits


def _run(fields: _Fields, parts: int, system: System) -> Result:
    graph = LayerGraph(*fields)
    return simulate(graph if parts == 1 else cut(graph, parts), system)


def _price(point: _Point, result: Result) -> Price:
    return Price(
        layer=point.shape.name,
        kind=point.shape.kind,
        inputs=point.inputs,
        outputs=point.outputs,
        groups=point.shape.own_groups(point.inputs) if point.parts == 1 else point.parts,
        accelerators=point.accelerators,
        cycles=result.cycles,
        seconds=result.seconds,
        macs=result.macs,
        dram_bytes=result.dram_bytes,
        link_bytes=result.link_bytes,
        energy=dict(result.energy),
    )
