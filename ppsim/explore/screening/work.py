"""What a network asks of each accelerator of a system at least, however its products are tiled.

Weights are read once, an input that is in DRAM once, and results are stored once. What stays on chip and what is sent
is as the mapping decides it, exactly. Accelerators with the same work are one class, of which one stands for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ppsim.hardware.system import System
from ppsim.mapping.layout import length
from ppsim.mapping.messages import Message
from ppsim.mapping.residency import Residency
from ppsim.mapping.steps import Product, Step
from ppsim.mapping.traffic import output_on_chip, traffic_of
from ppsim.units import ceil_div
from ppsim.workload.gemm import Gemm, Window


class Nest(NamedTuple):
    """A product, or a layer of the vector unit, on one accelerator.

    `rows_cut` says that tiles may cut the rows of m anywhere. `weight_bits`, `input_bits` and `output_bits` pass
    between DRAM and scratchpad; `..._bytes` are those in whole bursts. `weights_wait`: what is loaded as weights are
    activations. `staged`: the input is loaded before the first tile. `operations` are the vector unit's, `sram_bits`
    what a layer of the vector unit reads and makes.
    """

    gemm: Gemm | None
    rows_cut: bool
    macs: int
    weight_bits: int
    input_bits: int
    output_bits: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    weights_wait: bool
    staged: bool
    operations: int
    sram_bits: int


@dataclass(frozen=True, eq=False)
class StageWork:
    """A stage: nests by class, the stages it waits for, and what is read back and sent after it.

    `leading` is how many of the first stages it comes after without a gap, `reserved` the bytes that activations take,
    by kind of accelerator.
    """

    nests: tuple[tuple[Nest, ...], ...]
    waits_for: tuple[int, ...]
    leading: int
    reads: tuple[int, ...]
    messages: tuple[Message, ...]
    reserved: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Work:
    """The stages of a network on a system, for one decision on what stays on chip.

    `members[c]` are the accelerators of a class and `kind[c]` their kind; `class_of` is by accelerator. `resident[c]`
    are bytes of all weights where those may be on chip from the start, else None. `routes` names the links that routes
    number.
    """

    system: System
    bits: int
    stages: tuple[StageWork, ...]
    members: tuple[tuple[int, ...], ...]
    kind: tuple[int, ...]
    class_of: tuple[int, ...]
    resident: tuple[int | None, ...]
    links: tuple[tuple[int | str, int | str], ...]


def work_of(system: System, steps: Sequence[Step], stays: Residency, batch: int, bits: int) -> Work:
    """The work of steps, what stays on chip being decided."""
    traffic = traffic_of(steps, stays, system, batch, bits)
    lister = _Lister(system, steps, stays, batch, bits)
    by_stage = [[lister.nests(index, a) for a in range(system.accelerators)] for index in range(len(steps))]
    classes: dict[tuple[object, ...], list[int]] = {}
    for a, mine in enumerate(zip(*by_stage, strict=True)):
        classes.setdefault((system.kind_of[a], mine), []).append(a)
    members = tuple([tuple(found) for found in classes.values()])
    class_of = [0] * system.accelerators
    for number, found in enumerate(members):
        for a in found:
            class_of[a] = number
    stages: list[StageWork] = []
    after: list[set[int]] = []
    for index, step in enumerate(steps):
        waits_for = step.sources
        after.append(set(waits_for).union(*[after[w] for w in waits_for]))
        leading = next(number for number in range(index + 1) if number not in after[index])
        nests = tuple([by_stage[index][found[0]] for found in members])
        reserved = tuple([live[index] for live in stays.reserved_bytes])
        reads, messages = tuple(traffic.reads[index]), tuple(traffic.messages[index])
        stages.append(StageWork(nests, waits_for, leading, reads, messages, reserved))
    resident = tuple([lister.share(found[0]) if system.weights == "resident" else None for found in members])
    kind = tuple([system.kind_of[found[0]] for found in members])
    return Work(system, bits, tuple(stages), members, kind, tuple(class_of), resident, tuple(traffic.links))


class _Lister:
    """Makes the nests of accelerators, equal ones once."""

    def __init__(self, system: System, steps: Sequence[Step], stays: Residency, batch: int, bits: int) -> None:
        self.system, self.steps, self.stays, self.batch, self.word = system, steps, stays, batch, bits
        self.known: dict[tuple[int, tuple[Product, ...], int, bool], tuple[Nest, ...]] = {}

    def nests(self, index: int, a: int) -> tuple[Nest, ...]:
        """Those of an accelerator in a step."""
        step = self.steps[index]
        if step.layer is None:
            return ()
        if not step.is_product:
            return self._vector(index, a)
        key = (index, tuple(step.products[a]), self.system.kind_of[a], self._stays(index, a))
        if key not in self.known:
            self.known[key] = tuple([self._product(index, product, *key[2:]) for product in step.products[a]])
        return self.known[key]

    def _stays(self, index: int, a: int) -> bool:
        return output_on_chip(self.steps[index], index, a, self.stays, self.system.channel_of_each)

    def share(self, a: int) -> int:
        """Bytes of all the weights of an accelerator."""
        return sum(
            ceil_div(self._weight_bits(product) * product.gemm.groups, 8)
            for step in self.steps
            if step.products and not any(read.as_weights for read in step.reads)
            for product in step.products[a]
        )

    def _weight_bits(self, product: Product) -> int:
        return product.gemm.k * product.gemm.n * self.word if product.weight_bits is None else product.weight_bits

    def _product(self, index: int, product: Product, kind: int, output_on_chip: bool) -> Nest:
        step, gemm, kept = self.steps[index], product.gemm, self.stays.kept
        from_before, for_next = product.chained
        staged = self.stays.staged[index]
        activations = [read.step for read in step.reads if read.as_weights]
        weights = 0 if activations and all(kept[s] for s in activations) else self._weight_bits(product)
        inputs = 0
        if not (from_before or staged or all(kept[read.step] for read in step.input_reads())):
            inputs = _pass_rows(step.window, gemm.m) * product.input_channels * self.word
        staged_bits = product.input_features * self.batch * self.word if staged else 0
        outputs = 0 if for_next or output_on_chip else gemm.m * gemm.n * self.word
        each = 0 if for_next else ceil_div(step.vector_operations, step.features * self.batch)
        vector = self.system.kinds[kind].vector
        return Nest(
            gemm=gemm,
            rows_cut=step.window is not None,
            macs=gemm.m * gemm.groups * (gemm.k * gemm.n if product.macs is None else product.macs),
            weight_bits=weights * gemm.groups,
            input_bits=inputs * gemm.groups + staged_bits,
            output_bits=outputs * gemm.groups,
            weight_bytes=self._bursts(weights) * gemm.groups,
            input_bytes=self._bursts(inputs) * gemm.groups + self._bursts(staged_bits),
            output_bytes=self._bursts(outputs) * gemm.groups,
            weights_wait=bool(activations),
            staged=staged_bits > 0,
            operations=gemm.m * gemm.n * gemm.groups * each if vector.enabled else 0,
            sram_bits=0,
        )

    def _vector(self, index: int, a: int) -> tuple[Nest, ...]:
        step, kept = self.steps[index], self.stays.kept
        made = step.makes.features_of(a)
        if not made:
            return ()
        word = self.batch * self.word
        table = step.table_features[a] if step.table_features else 0
        read = table + sum(length(r.needs[a]) for r in step.reads)
        loaded = (table + sum(length(r.needs[a]) for r in step.reads if not kept[r.step])) * word
        stored = 0 if self._stays(index, a) else made * word
        enabled = self.system.kinds[self.system.kind_of[a]].vector.enabled
        operations = ceil_div(step.vector_operations * made, step.features) if enabled else 0
        moved = (0, loaded, stored, 0, self._bursts(loaded), self._bursts(stored))
        return (Nest(None, False, 0, *moved, False, False, operations, (read + made) * word),)

    def _bursts(self, bits: int) -> int:
        return self.system.dram.rounded(ceil_div(bits, 8))


def _pass_rows(window: Window | None, m: int) -> int:
    """Elements of one channel of the input that a product reads at least: each row of an image that is read, once.

    Rows between windows that are further apart than they are large need not be read.
    """
    if window is None:
        return m
    rows = min(
        window.strip_rows(0, window.out_height),
        sum(window.strip_rows(row, 1) for row in range(window.out_height)),
    )
    images = m // prod((window.out_height, window.out_width))
    return rows * window.in_width * images
