"""`bounds`: exact lower bounds on latency and energy, vectorised over design points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.explore.screening.columns import FREE, Column, Columns, Floats, columns_of
from ppsim.explore.screening.energy import energy_pj
from ppsim.explore.screening.floors import Floors
from ppsim.explore.screening.latency import Clock, Plan, most, plan_of
from ppsim.explore.screening.work import Work, work_of
from ppsim.hardware.system import System
from ppsim.mapping.division import steps_of
from ppsim.mapping.residency import Residency, residency
from ppsim.mapping.steps import Step
from ppsim.pipeline import check
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

Network = LayerGraph | PartitionedGraph
#: what binds, in the order of `Bounds.binds`
BINDS = ("compute", "DRAM", "link")
#: points that are evaluated at a time: what they take stays in a processor's cache
CHUNK = 16384
#: bounds are lowered by this share, and by the second for each stage: more than sums in floating point lose
SHAVED, SHAVED_A_STAGE = 1e-12, 1e-15


@dataclass(frozen=True)
class Bounds:
    """Lower bounds of design points: no run of one takes less time (s) or energy (pJ, or what its table counts in).

    `compute_s`, `dram_s` and `link_s` are what the busiest arrays (or vector unit), the busiest DRAM channel and the
    busiest link of each exchange are busy for at least. All are arrays of one shape, a value for each point.
    """

    seconds: Floats
    energy_pj: Floats
    compute_s: Floats
    dram_s: Floats
    link_s: Floats

    @property
    def binds(self) -> npt.NDArray[np.str_]:
        """Which of "compute", "DRAM" and "link" is busiest."""
        names: npt.NDArray[np.str_] = np.array(BINDS)
        busiest: npt.NDArray[np.str_] = names[np.argmax([self.compute_s, self.dram_s, self.link_s], axis=0)]
        return busiest


def bounds(net: Network | Sequence[Network], system: System, axes: Mapping[str, npt.ArrayLike] | None = None) -> Bounds:
    """Lower bounds on what `simulate` gives for a network on a system, for many design points at once.

    `axes` are values by system path, as `load_system(set=...)` takes them: arrays that broadcast against each other,
    an element for each point; none: one point, of shape (). Paths of `screening.columns.FREE` are evaluated as arrays;
    others (dataflows, sharing, topologies, numbers of accelerators, ...) once for each combination of theirs there is.
    Of several networks, which run one after the other, bounds add up.

    Bounds are exact: sums in floating point are lowered by more than they can be off, a relative 1e-12 and 1e-15 a
    layer, so that `simulate` never gives less. They are nan where what has to stay on chip finds no room, and say
    nothing of other reasons why a network might not run. Raises InputError for a path that is none, shapes that do not
    go together and values out of range.
    """
    nets = [net] if isinstance(net, LayerGraph | PartitionedGraph | str) else list(net)
    for each in nets:
        check(each, system)
    given = {path: np.asarray(values) for path, values in (axes or {}).items()}
    try:
        arrays = dict(zip(given, np.broadcast_arrays(*given.values()), strict=True))
    except ValueError:
        shapes = ", ".join(f"{path} {values.shape}" for path, values in given.items())
        raise InputError(f"axes: shapes do not go together: {shapes}") from None
    shape = next(iter(arrays.values())).shape if arrays else ()
    flat = {path: values.ravel() for path, values in arrays.items()}
    count = int(np.prod(shape))
    found = np.zeros((5, count))
    for points, fixed in _groups(system, flat, count):
        one = system.with_settings(fixed) if fixed else system
        free = {path: column_of(one, path, flat[path][points]) for path in flat if path not in fixed}
        found[:, points] = of_group(nets, one, free, len(points))
    return Bounds(*[values.reshape(shape) for values in found])


def of_group(nets: Sequence[Network], system: System, free: Mapping[str, Column], count: int) -> Floats:
    """The columns of `Bounds`, for points of which `free` fields alone differ, with `count` values each."""
    columns, found = columns_of(system, free), np.zeros((5, count))
    for net in nets:
        graph = net.graph if isinstance(net, PartitionedGraph) else net
        bits = graph.bits or system.bits
        steps = steps_of(net, system, bits)
        for points, stays in _residencies(steps, system, columns, graph.batch, bits, count):
            if stays is None:
                found[:, points] = np.nan
                continue
            plan = plan_of(work_of(system, steps, stays, graph.batch, bits))
            for start in range(0, len(points), CHUNK):
                some = points[start : start + CHUNK]
                # all points one after the other need no copies
                where = slice(int(some[0]), int(some[-1]) + 1) if some[-1] - some[0] == len(some) - 1 else some
                for row, values in zip(found, _evaluated(plan, columns.of(where)), strict=True):
                    row[where] += values
    return found


def free_paths(system: System) -> frozenset[str]:
    """The paths whose values an evaluation on the system takes as arrays."""
    if system.groups:  # what they are divided by depends on how fast each of them is
        return frozenset()
    apart = set()
    if system.dram.memory is not None:  # which brings its power for the bandwidth
        apart.add("dram.bandwidth_gb_s")
    if system.interconnect.edges:  # which may have some numbers of their own and not others
        apart |= {"interconnect.bandwidth_gb_s", "interconnect.latency_ns"}
    return frozenset(FREE) - apart


def _groups(
    system: System, flat: Mapping[str, npt.NDArray[Any]], count: int
) -> list[tuple[npt.NDArray[np.intp], dict[str, Any]]]:
    """Points that have all but free paths in common, and what these are."""
    structural = [path for path in flat if path not in FREE]
    found = []
    for points, fixed in _alike({path: flat[path] for path in structural}, np.arange(count)):
        one = system.with_settings(fixed) if fixed else system
        apart = [path for path in flat if path in FREE and path not in free_paths(one)]
        for some, further in _alike({path: flat[path] for path in apart}, points):
            found.append((some, fixed | further))
    return found


def _alike(
    columns: Mapping[str, npt.NDArray[Any]], points: npt.NDArray[np.intp]
) -> list[tuple[npt.NDArray[np.intp], dict[str, Any]]]:
    if not columns or not len(points):
        return [(points, {})] if len(points) else []
    rows = list(zip(*[values[points].tolist() for values in columns.values()], strict=True))
    groups: dict[tuple[Any, ...], list[int]] = {}
    for point, row in zip(points.tolist(), rows, strict=True):
        groups.setdefault(row, []).append(point)
    return [(np.array(some), dict(zip(columns, row, strict=True))) for row, some in groups.items()]


def column_of(system: System, path: str, values: npt.ArrayLike) -> Column:
    """The values of a free path, of which the system checks the ends; raises InputError."""
    given = np.asarray(values)
    if not np.issubdtype(given.dtype, np.number) or not np.isfinite(given).all():
        raise InputError(f"axes: {path}: give finite numbers")
    column = given.astype(np.float64)
    ends = {float(column.min()), float(column.max())}
    whole = FREE[path] is int
    if whole and (column != np.floor(column)).any():
        raise InputError(f"axes: {path}: give whole numbers")
    for end in sorted(ends):
        system.with_settings({path: int(end) if whole else end})
    return column if len(ends) > 1 else ends.pop()


def _residencies(
    steps: Sequence[Step], system: System, columns: Columns, batch: int, bits: int, count: int
) -> list[tuple[npt.NDArray[np.intp], Residency | None]]:
    """What stays on chip, and the points where it does so; None where what has to stay finds no room.

    It depends on the bytes for activations alone, and between two numbers of them with the same outcome there is no
    other: what was accepted at the lower one fits, and what was refused at the higher one does not.
    """

    def decided(one: System) -> Residency | None:
        try:
            return residency(steps, one, batch, bits)
        except InputError:
            return None

    if system.groups:
        return [(np.arange(count), decided(system))]
    sizes, places = np.unique(np.broadcast_to(columns.kinds[0].activation_bytes, count), return_inverse=True)
    outcomes: dict[int, Residency | None] = {}

    def between(low: int, high: int) -> None:
        for number in (low, high):
            if number not in outcomes:
                outcomes[number] = decided(_with_activations(system, int(sizes[number])))
        if outcomes[low] == outcomes[high]:
            outcomes.update(dict.fromkeys(range(low + 1, high), outcomes[low]))
        elif high - low > 1:
            middle = (low + high) // 2
            between(low, middle)
            between(middle, high)

    between(0, len(sizes) - 1)
    different: list[Residency | None] = []
    which = np.empty(len(sizes), dtype=np.intp)
    for number in range(len(sizes)):
        if outcomes[number] not in different:
            different.append(outcomes[number])
        which[number] = different.index(outcomes[number])
    of_point = which[places]
    return [(np.flatnonzero(of_point == number), stays) for number, stays in enumerate(different)]


def _with_activations(system: System, size: int) -> System:
    """The system with a scratchpad of so many bytes, all for activations."""
    return replace(system, buffer=replace(system.buffer, kib=size / 1024, activation_fraction=1.0))


def _evaluated(plan: Plan, columns: Columns) -> list[Column]:
    cold = _cold(plan.work, columns)
    floors = Floors(plan.work, columns)
    times = Clock(plan, floors, cold).run()
    energy = energy_pj(floors, cold, times.seconds)
    lowered = 1 - SHAVED - SHAVED_A_STAGE * len(plan.work.stages)
    return [times.seconds * lowered, energy * lowered, times.compute, times.dram, times.link]


def _cold(work: Work, columns: Columns) -> tuple[Column, ...]:
    """By class: 0 where all weights may be on chip from the start, because they fit beside activations, else 1."""
    found: list[Column] = []
    for kind, share in zip(work.kind, work.resident, strict=True):
        if share is None:
            found.append(1.0)
            continue
        taken = most(*[float(stage.reserved[kind]) for stage in work.stages])
        found.append(np.where(columns.kinds[kind].bytes - taken - share > 0, 0.0, 1.0))
    return tuple(found)
