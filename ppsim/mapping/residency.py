"""Which activations stay on chip: greedily, in the order they are made, up to `buffer.activation_fraction`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.mapping.layout import Intervals, length
from ppsim.mapping.steps import Step, readers_of


@dataclass(frozen=True, slots=True)
class Residency:
    """`kept[s]`: the output of step s stays on chip until its last reader is done. `staged[s]`: step s loads its whole
    input from DRAM once and keeps it for the step. `held[s]`: the result that step s makes waits on chip to be sent.
    `reserved_bytes[kind][s]`: the most that these take on an accelerator of that kind during step s.
    """

    kept: tuple[bool, ...]
    staged: tuple[bool, ...]
    held: tuple[bool, ...]
    reserved_bytes: tuple[tuple[int, ...], ...]


def residency(steps: Sequence[Step], system: System, batch: int, bits: int) -> Residency:
    """Decide for all steps; one decision holds on all accelerators, made for those of each kind that hold the most.

    Raises InputError when partial sums that are to be added up do not fit.
    """
    room = _Room(system, len(steps), batch * bits)
    kept = [False] * len(steps)
    staged = [False] * len(steps)
    held = [False] * len(steps)
    readers = readers_of(steps)
    sums_bits = batch * system.accelerator(0).array.accumulator_bits
    for index, step in enumerate(steps):  # what has to stay comes before what may
        if between := _between_factors(step, bits):
            room.take(range(index, index + 1), room.everywhere(between), must=step.name)
        if step.partial_on:
            room.take(range(index, index + 1), room.everywhere(step.features * sums_bits), must=step.name)
    for index, step in enumerate(steps[1:], start=1):
        inputs = step.input_reads()
        if _stageable(step) and not kept[inputs[0].step]:
            needed = room.largest(inputs[0].needs)
            staged[index] = room.take(range(index, index + 1), needed)
        made = room.largest(step.makes.made)
        if not readers[index] and not step.partial_on:  # a result of the network: its place is DRAM
            held[index] = system.channels > 1 and room.take(range(index, index + 1), made)
        if readers[index]:
            size = [
                max(sizes) for sizes in zip(made, *(room.needed(steps[r], index) for r in readers[index]), strict=True)
            ]
            kept[index] = room.take(range(index, max(readers[index]) + 1), size, first=made)
    _agree(steps, kept)
    return Residency(tuple(kept), tuple(staged), tuple(held), tuple(tuple(live) for live in room.live))


def _stageable(step: Step) -> bool:
    """Whether a product reads its input several times: one tensor that all its tiles need parts of."""
    inputs = step.input_reads()
    return (
        step.is_product
        and len(inputs) == 1
        and not any(product.gemm.groups > 1 or product.chained[0] for work in step.products for product in work)
    )


def _agree(steps: Sequence[Step], kept: list[bool]) -> None:
    """Tensors that a product reads as one stay on chip together or not at all (their room is left free then)."""
    changed = True
    while changed:
        changed = False
        for step in steps:
            if len(step.reads) < 2 or not step.is_product:
                continue
            for as_weights in (False, True):
                sources = {read.step for read in step.reads if read.as_weights == as_weights}
                if len({kept[source] for source in sources}) > 1:
                    for source in sources:
                        kept[source] = False
                    changed = True


def _between_factors(step: Step, bits: int) -> int:
    """Bits between the factors of a product, the largest there are."""
    chained = [product.gemm for work in step.products for product in work if product.chained[1]]
    return max([gemm.m * gemm.n * bits for gemm in chained], default=0)


class _Room:
    """Bytes in use during each step, by kind of accelerator."""

    def __init__(self, system: System, steps: int, feature_bits: int) -> None:
        self.feature_bits = feature_bits
        self.members = [[a for a, of in enumerate(system.kind_of) if of == kind] for kind in range(len(system.kinds))]
        self.budget = [kind.buffer.activation_bytes for kind in system.kinds]
        self.live = [[0] * steps for _ in system.kinds]

    def largest(self, sets: tuple[Intervals, ...]) -> list[int]:
        """By kind: bytes of the largest of its accelerators' sets of features."""
        sizes = [length(intervals) for intervals in sets]
        if len(self.members) == 1:  # all are equal
            return [self.bytes(max(sizes))]
        return [self.bytes(max([sizes[a] for a in members])) for members in self.members]

    def bytes(self, features: int) -> int:
        """Bytes of that many features, of all inputs of the batch."""
        return features * self.feature_bits // 8 + 1

    def everywhere(self, bits: int) -> list[int]:
        """By kind: the same number of bits."""
        return [bits // 8 + 1] * len(self.budget)

    def needed(self, reader: Step, source: int) -> list[int]:
        """By kind: the most that a step needs of another one's output."""
        per_read = [self.largest(read.needs) for read in reader.reads if read.step == source]
        return [max(sizes) for sizes in zip(*per_read, strict=True)]

    def take(self, span: range, size: list[int], first: list[int] | None = None, must: str | None = None) -> bool:
        """Take room over a span of steps if there is enough, `first` bytes at its first step.

        Raises InputError if it `must` be there, for the step of that name.
        """
        wanted = dict.fromkeys(span, size) | {span.start: first or size}
        for kind, live in enumerate(self.live):
            for at, sizes in wanted.items():
                if live[at] + sizes[kind] > self.budget[kind]:
                    if must is None:
                        return False
                    raise InputError(
                        f"layer {must!r}: {sizes[kind]} bytes of partial sums or factors' products have to stay on "
                        f"chip and {self.budget[kind] - live[at]} of buffer.activation_fraction are free"
                    )
        for kind, live in enumerate(self.live):
            for at, sizes in wanted.items():
                live[at] += sizes[kind]
        return True
