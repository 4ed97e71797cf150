"""A system whose numbers are columns: one value, or one for each design point, of everything that may vary freely.

All columns are in floating point, which holds the integers the engine counts in up to 2^53 exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ppsim.hardware.accelerator import Accelerator
from ppsim.hardware.system import System
from ppsim.units import FS_PER_NS, FS_PER_S

Floats = npt.NDArray[np.float64]
#: one number for all points, or one for each
Column = float | Floats

#: fields of a system that differ from point to point within one evaluation, and which of them are integers
FREE: Mapping[str, type] = {
    "clock_mhz": float,
    "array.rows": int,
    "array.cols": int,
    "array.count": int,
    "buffer.kib": float,
    "buffer.bandwidth_bytes_per_cycle": int,
    "buffer.activation_fraction": float,
    "vector.lanes": int,
    "dram.bandwidth_gb_s": float,
    "dram.latency_ns": float,
    "dram.efficiency_streaming": float,
    "dram.efficiency_mixed": float,
    "interconnect.bandwidth_gb_s": float,
    "interconnect.latency_ns": float,
    "launch_us": float,
}


class Kind(NamedTuple):
    """A kind of accelerator: Hz, rows, columns and number of its arrays, KiB and bytes of its scratchpad, those for
    activations, bytes its scratchpad moves a cycle, and lanes of its vector unit.
    """

    hz: Column
    rows: Column
    cols: Column
    arrays: Column
    kib: Column
    bytes: Column
    activation_bytes: Column
    bytes_per_cycle: Column
    lanes: Column


class Columns(NamedTuple):
    """The kinds of accelerators; bytes/s and latency (s) of a DRAM channel and its efficiencies; those of a link that
    has none of its own; and the time (s) before anything runs.
    """

    kinds: tuple[Kind, ...]
    dram_rate: Column
    dram_s: Column
    streaming: Column
    mixed: Column
    link_rate: Column
    hop_s: Column
    launch_s: Column

    def of(self, points: npt.NDArray[np.intp] | slice) -> Columns:
        """The columns of some points."""
        return Columns(
            tuple([Kind(*[_some(column, points) for column in kind]) for kind in self.kinds]),
            *[_some(column, points) for column in self[1:]],
        )


@dataclass(frozen=True)
class _Reader:
    """Fields of a system by path: those of the points, or the system's own."""

    given: Mapping[str, Column]

    def __call__(self, path: str, own: float) -> Column:
        return self.given.get(path, float(own))


def columns_of(system: System, given: Mapping[str, Column]) -> Columns:
    """A system with columns in place of some of its `FREE` fields; one with groups of accelerators takes none."""
    read, dram, links = _Reader(given), system.dram, system.interconnect
    return Columns(
        kinds=tuple([_kind(kind, read) for kind in system.kinds]),
        dram_rate=np.rint(read("dram.bandwidth_gb_s", dram.bandwidth_gb_s) * 1e9),
        dram_s=_latency_s(read("dram.latency_ns", dram.latency_ns)),
        streaming=read("dram.efficiency_streaming", dram.efficiency_streaming),
        mixed=read("dram.efficiency_mixed", dram.efficiency_mixed),
        link_rate=np.rint(read("interconnect.bandwidth_gb_s", links.bandwidth_gb_s) * 1e9),
        hop_s=_latency_s(read("interconnect.latency_ns", links.latency_ns)),
        launch_s=_latency_s(read("launch_us", system.launch_us) * 1000),
    )


def _kind(kind: Accelerator, read: _Reader) -> Kind:
    kib = read("buffer.kib", kind.buffer.kib)
    size = np.floor(kib * 1024)
    return Kind(
        hz=np.rint(read("clock_mhz", kind.clock_mhz) * 1e6),
        rows=read("array.rows", kind.array.rows),
        cols=read("array.cols", kind.array.cols),
        arrays=read("array.count", kind.array.count),
        kib=kib,
        bytes=size,
        activation_bytes=np.floor(size * read("buffer.activation_fraction", kind.buffer.activation_fraction)),
        bytes_per_cycle=read("buffer.bandwidth_bytes_per_cycle", kind.buffer.bandwidth_bytes_per_cycle),
        lanes=read("vector.lanes", kind.vector.lanes),
    )


def _latency_s(nanoseconds: Column) -> Column:
    column: Column = np.rint(nanoseconds * FS_PER_NS) / FS_PER_S
    return column


def _some(column: Column, points: Any) -> Column:
    return column[points] if isinstance(column, np.ndarray) else column
