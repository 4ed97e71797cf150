"""Which activations stay on chip: greedily, in the order they are made, up to `buffer.activation_fraction`."""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.mapping.layout import length
from ppsim.mapping.steps import Step


@dataclass(frozen=True, slots=True)
class Residency:
    """`kept[s]`: the output of step s stays on chip until its last reader is done. `staged[s]`: step s loads its whole
    input from DRAM once and keeps it for the step. `held[s]`: the result that step s makes waits on chip to be sent.
    `reserved_bytes[s]`: the most that these take on an accelerator during step s.
    """

    kept: tuple[bool, ...]
    staged: tuple[bool, ...]
    held: tuple[bool, ...]
    reserved_bytes: tuple[int, ...]


def residency(steps: list[Step], feature_bits: int, budget_bytes: int, sends_results: bool) -> Residency:
    """Decide for all steps; one decision holds on all accelerators, made for the one that holds the most.

    `sends_results` says whether some accelerators have to send their share of the network's results.
    """
    accelerators = len(steps[0].needs)
    needed = [
        max((length(step.needs[a]) for a in range(accelerators)), default=0) * feature_bits // 8 + 1 for step in steps
    ]
    made = [max(step.makes.count(a) for a in range(accelerators)) * feature_bits // 8 + 1 for step in steps]
    readers: list[list[int]] = [[] for _ in steps]
    for index, step in enumerate(steps):
        if index:
            readers[step.source].append(index)
    live = [0] * len(steps)
    kept = [False] * len(steps)
    staged = [False] * len(steps)
    held = [False] * len(steps)
    for index in range(1, len(steps)):
        source = steps[index].source
        if not kept[source] and live[index] + needed[index] <= budget_bytes:
            staged[index] = True
            live[index] += needed[index]
        if not readers[index]:  # a result of the network: its place is DRAM
            if sends_results and live[index] + made[index] <= budget_bytes:
                held[index] = True
                live[index] += made[index]
            continue
        size = max(made[index], *(needed[reader] for reader in readers[index]))
        span = range(index, max(readers[index]) + 1)
        if all(live[at] + (made[index] if at == index else size) <= budget_bytes for at in span):
            kept[index] = True
            for at in span:
                live[at] += made[index] if at == index else size
    return Residency(tuple(kept), tuple(staged), tuple(held), tuple(live))
