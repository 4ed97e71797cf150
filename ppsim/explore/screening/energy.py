"""The least energy of a network: what is computed and moved at least, and static power for the least time."""

from __future__ import annotations

import numpy as np

from ppsim.analysis.ledger import PJ_PER_J
from ppsim.explore.screening.columns import Column
from ppsim.explore.screening.floors import Floors
from ppsim.explore.screening.latency import least
from ppsim.explore.screening.work import Nest, StageWork
from ppsim.hardware.energy import EnergyTable


def energy_pj(floors: Floors, cold: tuple[Column, ...], seconds: Column) -> Column:
    """pJ (or what the table counts in) of a run of at least so many seconds; `cold` as a `Clock` has it."""
    work, table, system = floors.work, floors.work.system.energy, floors.work.system
    static = table.dram_background_w.value * system.channels + table.leakage_w.value * system.static_accelerators
    counted = _Counted(floors, cold, table)
    found: Column = seconds * (static * PJ_PER_J)
    for stage in work.stages:
        found = found + counted.of_stage(stage)
    return found


class _Counted:
    """Energy of what is counted, with what nests have in common found once."""

    def __init__(self, floors: Floors, cold: tuple[Column, ...], table: EnergyTable) -> None:
        self.work, self.floors, self.cold, self.table = floors.work, floors, cold, table
        self.sram = [_sram_pj_per_bit(table, kind.kib) for kind in floors.columns.kinds]
        self.known: dict[tuple[int, Nest], Column] = {}

    def of_stage(self, stage: StageWork) -> Column:
        """All accelerators, and the exchange."""
        found: Column = self._exchange(stage)
        for c, members in enumerate(self.work.members):
            for nest in stage.nests[c]:
                found = found + self._nest(nest, c) * len(members)
        return found

    def _nest(self, nest: Nest, c: int) -> Column:
        kind, table = self.work.kind[c], self.table
        if (kind, nest) not in self.known:
            self.known[kind, nest] = self._computed(nest, kind)
        weights = 1.0 if nest.weights_wait else self.cold[c]
        moved_bits = nest.weight_bits * weights + nest.input_bits + nest.output_bits
        bursts = nest.weight_bytes * weights + nest.input_bytes + nest.output_bytes
        moved: Column = moved_bits * self.sram[kind] + 8 * bursts * table.dram_pj_per_bit.value
        return self.known[kind, nest] + moved

    def _computed(self, nest: Nest, kind: int) -> Column:
        """What does not depend on where its operands come from."""
        table = self.table
        vector = nest.operations * table.vector_pj_per_op.value
        if nest.gemm is None:
            return vector + nest.sram_bits * self.sram[kind]
        found = [
            floor.register_bits * table.register_file_pj_per_bit.value
            + floor.hop_bits * table.pe_to_pe_pj_per_bit.value
            + floor.sram_bits * self.sram[kind]
            + floor.accumulator_bits * table.accumulator_pj_per_bit.value
            for floor in self.floors.of(nest, kind)
        ]
        return least(*found) + nest.macs * table.mac_pj.value + vector

    def _exchange(self, stage: StageWork) -> Column:
        """What is read back, sent, added and written; every bit of it is known."""
        work, table, system = self.work, self.table, self.work.system
        found: Column = 0.0
        scratchpads: dict[int, int] = {}
        dram = hops = routed = sums = operations = 0
        own = 0.0

        def touches(a: int, size: int) -> None:
            kind = system.kind_of[a]
            scratchpads[kind] = scratchpads.get(kind, 0) + size

        for a, size in enumerate(stage.reads):
            if size:
                dram += size
                touches(a, size)
        for source, destination, size, route, written, _, added in stage.messages:
            if written:
                dram += (bursts := system.dram.rounded(size))
                touches(destination, bursts)
            if source != destination:
                touches(source, size)
                touches(destination, size)
            sums += added
            operations += added if system.accelerator(destination).vector.enabled else 0
            for number in route:
                routed += size
                pj = system.interconnect.link(work.links[number]).pj_per_bit
                hops, own = (hops + size, own) if pj is None else (hops, own + 8 * size * pj)
        for kind, size in scratchpads.items():
            found = found + 8 * size * self.sram[kind]
        sum_bits = 2 * sums * system.accelerator(0).array.accumulator_bits
        return (
            found
            + sum_bits * table.accumulator_pj_per_bit.value
            + 8 * dram * table.dram_pj_per_bit.value
            + 8 * hops * table.link_pj_per_bit.value
            + own
            + 8 * routed * table.router_pj_per_bit.value
            + operations * table.vector_pj_per_op.value
        )


def _sram_pj_per_bit(table: EnergyTable, kib: Column) -> Column:
    if not isinstance(kib, np.ndarray):
        return table.sram_pj_per_bit(float(kib))
    sizes, places = np.unique(kib, return_inverse=True)
    curve: Column = np.array([table.sram_pj_per_bit(size) for size in sizes.tolist()])[places]
    return curve
