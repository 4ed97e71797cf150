"""The plainest assignment: the first units to the first part, and so on. An honest baseline that needs no weights."""

from __future__ import annotations

from ppsim.workload.partitioned import split_evenly


def contiguous(units: int, parts: int) -> tuple[int, ...]:
    """Sizes of the parts, as equal as they can be."""
    return split_evenly(units, parts)
