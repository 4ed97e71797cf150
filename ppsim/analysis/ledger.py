"""The energy ledger: counted actions times the table, each joule booked once."""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.hardware.system import System
from ppsim.mapping.program import Activity, Stage
from ppsim.units import FS_PER_S

PJ_PER_J = 1e12


@dataclass(frozen=True, slots=True)
class Movement:
    """Bytes a stage moves: on DRAM channels, over links (once a message, once a hop), in scratchpads for messages."""

    dram_bytes: int
    link_bytes: int
    hop_bytes: int
    exchange_sram_bytes: int


def movement(stage: Stage, system: System) -> Movement:
    """What a stage's tiles and messages move; DRAM bytes are whole bursts."""
    tiles = sum(nest.dram_bytes * count for nest, count in stage.nests.items())
    written = sum(system.dram.rounded(m.bytes) for m in stage.messages if m.written)
    sent = sum(m.bytes for m in stage.messages)
    return Movement(
        dram_bytes=tiles + sum(stage.reads) + written,
        link_bytes=sent,
        hop_bytes=sum(m.bytes * len(m.route) for m in stage.messages),
        exchange_sram_bytes=2 * sent + sum(stage.reads) + written,
    )


def book(activity: Activity, moved: Movement, system: System, duration_fs: int) -> dict[str, float]:
    """Energy in pJ by component for a stage's activity and movement over `duration_fs`.

    Static power runs on every accelerator and channel. Partial sums in accumulators are booked under sram with the
    accumulators' own energy per bit.
    """
    table, seconds = system.energy, duration_fs / FS_PER_S
    sram = (activity.sram_bits + 8 * moved.exchange_sram_bytes) * table.sram_pj_per_bit(system.buffer.kib)
    return {
        "mac": activity.macs * table.mac_pj.value,
        "register_file": activity.register_bits * table.register_file_pj_per_bit.value,
        "pe_to_pe": activity.pe_hop_bits * table.pe_to_pe_pj_per_bit.value,
        "sram": sram + activity.accumulator_bits * table.accumulator_pj_per_bit.value,
        "dram": 8 * moved.dram_bytes * table.dram_pj_per_bit.value,
        "dram_background": table.dram_background_w.value * system.channels * seconds * PJ_PER_J,
        "link": 8 * moved.hop_bytes * table.link_pj_per_bit.value,
        "router": 8 * moved.hop_bytes * table.router_pj_per_bit.value,
        "vector": activity.vector_operations * table.vector_pj_per_op.value,
        "leakage": table.leakage_w.value * system.accelerators * seconds * PJ_PER_J,
    }
