"""The references by name, in the order of the table; a new one is a file here and a line below."""

from __future__ import annotations

from ppsim.validation.contract import Reference
from ppsim.validation.references import (
    analytic,
    contention,
    dram,
    floors,
    links,
    npu,
    pe_level,
    scalesim,
    tpu_v1,
    tpu_v4,
)

REFERENCES: dict[str, Reference] = {
    "pe-level": pe_level.checks,
    "scale-sim": scalesim.checks,
    "tpu-v4": tpu_v4.checks,
    "tpu-v1": tpu_v1.checks,
    "analytic": analytic.checks,
    "npu": npu.checks,
    "dramsim3": dram.checks,
    "astra-sim": links.checks,
    "by-hand": contention.checks,
    "floors": floors.checks,
}
