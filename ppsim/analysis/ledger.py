"""The energy ledger: counted actions times the table, each joule booked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ppsim.hardware.energy import EnergyTable
from ppsim.mapping.program import Messages, Program, Stage
from ppsim.units import FS_PER_S

PJ_PER_J = 1e12


class Movement(NamedTuple):
    """Bytes a stage moves: on DRAM channels, over links (once a message), in scratchpads for messages; and its sums.

    `router_bytes` are counted once a hop, `hop_bytes` too but on links alone whose energy is the table's; `own_link_pj`
    is the energy of the others. `exchange_sram_bytes` are by accelerator. `sums` are numbers added up on arrival, and
    `sum_operations` those of them that a vector unit is paid for.
    """

    dram_bytes: int
    link_bytes: int
    hop_bytes: int
    router_bytes: int
    own_link_pj: float
    exchange_sram_bytes: tuple[int, ...]
    sums: int
    sum_operations: int


def movement(stage: Stage, program: Program) -> Movement:
    """What a stage's tiles and messages move; DRAM bytes are whole bursts."""
    system, messages = program.system, stage.messages
    tiles, reads = sum(stage.work.dram_bytes), sum(stage.reads)
    if not len(messages):
        return Movement(tiles + reads, 0, 0, 0, 0.0, stage.reads, 0, 0)
    stored, passed = messages.at_ends(system.accelerators, system.dram.burst_bytes)
    hops, routed, own = messages.routed, messages.routed, 0.0
    if program.links_have_prices:
        hops, own = _priced(messages, [spec.pj_per_bit for spec in program.link_specs])
    return Movement(
        dram_bytes=tiles + reads + sum(stored),
        link_bytes=messages.sent,
        hop_bytes=hops,
        router_bytes=routed,
        own_link_pj=own,
        exchange_sram_bytes=tuple(map(sum, zip(stage.reads, stored, passed, strict=True))),
        sums=sum([count for _, count in messages.summed]),
        sum_operations=sum([count for a, count in messages.summed if system.accelerator(a).vector.enabled]),
    )


def _priced(messages: Messages, prices: Sequence[float | None]) -> tuple[int, float]:
    """Bytes over links without a price of their own, once a hop, and the energy of the others, message by message."""
    price = np.array([np.nan if one is None else one for one in prices])[messages.route_links]
    own = ~np.isnan(price)
    paid = 8 * messages.hop_bytes[own] * price[own]
    # one after the other: a sum in pairs would round differently
    return int(messages.hop_bytes[~own].sum()), float(np.cumsum(paid)[-1]) if len(paid) else 0.0


class Amounts(NamedTuple):
    """What an energy table prices: counts, bits, and seconds times channels or accelerators.

    `sram_bits` are by capacity of the scratchpad in KiB. `accelerator_seconds` are weighted with the static power of
    each accelerator in those of the table. `link_bits` are those of links without a price of their own, which is in
    `own_link_pj`.
    """

    macs: int = 0
    register_bits: int = 0
    pe_hop_bits: int = 0
    sram_bits: Mapping[float, int] = MappingProxyType({})
    accumulator_bits: int = 0
    dram_bits: int = 0
    channel_seconds: float = 0.0
    link_bits: int = 0
    router_bits: int = 0
    own_link_pj: float = 0.0
    vector_operations: int = 0
    accelerator_seconds: float = 0.0

    def energy(self, table: EnergyTable) -> dict[str, float]:
        """Energy in pJ by component. Partial sums in accumulators are booked under sram with their own energy."""
        sram = sum([bits * table.sram_pj_per_bit(kib) for kib, bits in self.sram_bits.items()])
        return {
            "mac": self.macs * table.mac_pj.value,
            "register_file": self.register_bits * table.register_file_pj_per_bit.value,
            "pe_to_pe": self.pe_hop_bits * table.pe_to_pe_pj_per_bit.value,
            "sram": sram + self.accumulator_bits * table.accumulator_pj_per_bit.value,
            "dram": self.dram_bits * table.dram_pj_per_bit.value,
            "dram_background": table.dram_background_w.value * self.channel_seconds * PJ_PER_J,
            "link": self.link_bits * table.link_pj_per_bit.value + self.own_link_pj,
            "router": self.router_bits * table.router_pj_per_bit.value,
            "vector": self.vector_operations * table.vector_pj_per_op.value,
            "leakage": table.leakage_w.value * self.accelerator_seconds * PJ_PER_J,
        }

    @staticmethod
    def total(parts: Sequence[Amounts]) -> Amounts:
        """The sum."""
        sram: dict[float, int] = {}
        for part in parts:
            for kib, bits in part.sram_bits.items():
                sram[kib] = sram.get(kib, 0) + bits
        columns = zip(*parts, strict=True) if parts else [()] * len(Amounts._fields)
        named = zip(Amounts._fields, columns, strict=True)
        return Amounts(sram_bits=sram, **{name: sum(column) for name, column in named if name != "sram_bits"})


def amounts(stage: Stage, moved: Movement, program: Program, duration_fs: int) -> Amounts:
    """What is to be paid for a stage that took `duration_fs`: static power runs on every accelerator and channel."""
    system, activity, seconds = program.system, stage.activity, duration_fs / FS_PER_S
    if len(system.kinds) == 1:
        sram = {system.kinds[0].buffer.kib: activity.sram_bits + 8 * sum(moved.exchange_sram_bytes)}
    else:
        sram = dict.fromkeys([kind.buffer.kib for kind in system.kinds], 0)
        for bits, exchanged, kind in zip(stage.work.sram_bits, moved.exchange_sram_bytes, system.kind_of, strict=True):
            sram[system.kinds[kind].buffer.kib] += bits + 8 * exchanged
    sum_bits = 2 * moved.sums * system.accelerator(0).array.accumulator_bits
    return Amounts(
        macs=activity.macs,
        register_bits=activity.register_bits,
        pe_hop_bits=activity.pe_hop_bits,
        sram_bits=sram,
        accumulator_bits=activity.accumulator_bits + sum_bits,
        dram_bits=8 * moved.dram_bytes,
        channel_seconds=seconds * system.channels,
        link_bits=8 * moved.hop_bytes,
        router_bits=8 * moved.router_bytes,
        own_link_pj=moved.own_link_pj,
        vector_operations=activity.vector_operations + moved.sum_operations,
        accelerator_seconds=seconds * system.static_accelerators,
    )
