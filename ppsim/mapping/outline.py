"""What of a Program does not depend on how fast its DRAM is: products to tile, nests of the vector unit, messages."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.mapping.choosing import Choices, Wanted
from ppsim.mapping.communication import wiring
from ppsim.mapping.layout import length
from ppsim.mapping.messages import Messages
from ppsim.mapping.nests import VectorWork, vector_nest
from ppsim.mapping.program import Nest, Work
from ppsim.mapping.remembering import Memory
from ppsim.mapping.residency import Residency, residency
from ppsim.mapping.steps import Divided, Product, Step
from ppsim.mapping.tiling import Problem
from ppsim.mapping.traffic import Traffic, output_on_chip, traffic_of
from ppsim.units import ceil_div

#: products up to this many MACs x bits fit the 64-bit integers that tilings are counted in
LARGEST = 1 << 62
#: cuts of a stage that are kept
_KEPT = 64

#: nests in the order of work, or numbers of products to tile
Share = tuple[Nest, ...] | tuple[int, ...]
#: (bits read, bits written) on a channel in a stage
Mix = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Cut:
    """A stage whose products are tiled: its work, the different mixes on channels, and which each channel has."""

    work: Work
    mixes: tuple[Mix, ...]
    mix_of: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StageOutline:
    """A stage without tiles. `different[share_of[a]]` is the work of accelerator a: what it is, or is to be tiled."""

    name: str
    layers: tuple[str, ...]
    kind: str
    waits_for: tuple[int, ...]
    different: tuple[Share, ...]
    share_of: tuple[int, ...]
    reads: tuple[int, ...]
    messages: Messages
    channel_of: tuple[int, ...]
    cuts: dict[tuple[Nest, ...], Cut] = field(default_factory=dict)

    def cut(self, nests: Sequence[Nest]) -> Cut:
        """The stage with these nests for the products to tile, by number."""
        if self.kind != "product":
            mine: tuple[Nest, ...] = ()
        else:
            mine = tuple([nests[number] for share in self.different for number in share])  # type: ignore[index]
        found = self.cuts.get(mine)
        if found is None:
            if len(self.cuts) >= _KEPT:
                self.cuts.clear()
            found = self.cuts[mine] = self._cut(nests)
        return found

    def _cut(self, nests: Sequence[Nest]) -> Cut:
        shares = [tuple([nests[one] if isinstance(one, int) else one for one in share]) for share in self.different]
        work = Work([shares[number] for number in self.share_of])
        channels = max(self.channel_of) + 1
        read, written = [0] * channels, [0] * channels
        moved = [
            (
                sum([nest.activity.weight_bits + nest.activity.input_bits for nest in share]),
                sum([nest.activity.output_bits for nest in share]),
            )
            for share in shares
        ]
        for number, channel, read_back in zip(self.share_of, self.channel_of, self.reads, strict=True):
            read[channel] += moved[number][0] + read_back * 8
            written[channel] += moved[number][1]
        sent = self.messages.written
        destinations, sizes = self.messages.destination[sent].tolist(), self.messages.bytes[sent].tolist()
        for destination, size in zip(destinations, sizes, strict=True):
            written[self.channel_of[destination]] += size * 8
        number_of: dict[Mix, int] = {}
        mix_of = tuple([number_of.setdefault(mix, len(number_of)) for mix in zip(read, written, strict=True)])
        return Cut(work, tuple(number_of), mix_of)


@dataclass(frozen=True, eq=False)
class Outline:
    """All stages, the products to tile, and `resident[a]`: whether accelerator a has its weights on chip."""

    stages: tuple[StageOutline, ...]
    choices: Choices | None
    traffic: Traffic
    resident: tuple[bool, ...]

    @property
    def bytes(self) -> int:
        """Memory that it takes, roughly, with the cuts that are kept."""
        each = [4000 + 40 * len(stage.share_of) * 16 for stage in self.stages]
        return sum(each) + self.traffic.bytes + (self.choices.bytes if self.choices else 0)


def outline_of(steps: Divided, system: System) -> Outline:
    """The outline of a network divided for a system, once for what it depends on; raises InputError."""
    used: Hashable = (
        (system.kinds, system.kind_of, system.dram.sharing, system.dram.burst_bytes, system.weights),
        wiring(system.interconnect, system.accelerators),
    )
    return _OUTLINES.get((steps, used), lambda: _Outliner(steps, system).outline())


#: outlines and traffic that are remembered: what the largest systems send takes some 80 MB
_OUTLINES: Memory[Outline] = Memory(128 << 20, lambda outline: outline.bytes)
_TRAFFIC: Memory[Traffic] = Memory(128 << 20, lambda traffic: traffic.bytes)


def _traffic(divided: Divided, stays: Residency, system: System) -> Traffic:
    used: Hashable = (
        (system.accelerators, system.dram.sharing, system.dram.burst_bytes),
        system.accelerator(0).array.accumulator_bits,
        wiring(system.interconnect, system.accelerators),
    )
    key = (divided, stays.kept, stays.held, used)
    return _TRAFFIC.get(key, lambda: traffic_of(divided.steps, stays, system, divided.batch, divided.bits))


class _Outliner:
    """Makes one outline."""

    def __init__(self, divided: Divided, system: System) -> None:
        self.divided, self.system = divided, system
        self.steps, self.batch, self.bits = divided.steps, divided.batch, divided.bits
        try:
            self.stays = residency(self.steps, system, self.batch, self.bits)
        except InputError as error:
            raise InputError(f"{system.name}: {error}") from None
        self.channel, self.kind_of = system.channel_of_each, system.kind_of
        #: the products to tile, each once
        self.wanted: dict[Wanted, int] = {}
        #: by step, products, kind of accelerator, whether its output stays on chip, and what is resident
        self.shares: dict[tuple[int, tuple[Product, ...], int, bool, int | None], tuple[int, ...]] = {}
        #: by accelerator: bytes of weights that are on chip from the start, None if they come from DRAM
        self.resident: list[int | None] = [None] * system.accelerators
        if system.weights == "resident":
            self.resident = [self._resident_share(a) for a in range(system.accelerators)]

    def outline(self) -> Outline:
        work = [self._work(index) for index in range(len(self.steps))]
        traffic = _traffic(self.divided, self.stays, self.system)
        stages = []
        for step, shares, reads, messages in zip(self.steps, work, traffic.reads, traffic.messages, strict=True):
            different: dict[Share, int] = {}
            share_of = tuple([different.setdefault(share, len(different)) for share in shares])
            kind = "input" if step.layer is None else "product" if step.is_product else "vector"
            stages.append(
                StageOutline(
                    step.name,
                    (step.name, *[layer.name for layer in step.fused]),
                    kind,
                    step.sources,
                    tuple(different),
                    share_of,
                    reads,
                    messages,
                    self.channel,
                )
            )
        choices = Choices(tuple(self.wanted)) if self.wanted else None
        return Outline(tuple(stages), choices, traffic, tuple([share is not None for share in self.resident]))

    def _work(self, index: int) -> list[Share]:
        """By accelerator: its work in a step."""
        step = self.steps[index]
        if step.layer is None:
            return [()] * self.system.accelerators
        if not step.is_product:
            return [self._vector_nests(index, a) for a in range(self.system.accelerators)]
        return [
            self._product_share(index, a, tuple(products), self.resident[a]) if products else ()
            for a, products in enumerate(step.products)
        ]

    def _product_share(
        self, index: int, a: int, products: tuple[Product, ...], resident: int | None
    ) -> tuple[int, ...]:
        kind, on_chip = self.kind_of[a], self._output_on_chip(index, a)
        key = (index, products, kind, on_chip, resident)
        share = self.shares.get(key)
        if share is None:
            share = tuple([self._number(index, product, kind, on_chip, resident) for product in products])
            self.shares[key] = share
        return share

    def _number(self, index: int, product: Product, kind: int, on_chip: bool, resident: int | None) -> int:
        """The number of a product to tile; raises InputError if no tiles of it fit."""
        system, gemm, where = self.system, product.gemm, f"{self.system.name}: layer {self.steps[index].name!r}"
        if gemm.macs * self.bits >= LARGEST:
            raise InputError(
                f"{where}: a {gemm.m}x{gemm.k}x{gemm.n} product is too large; m x k x n x bits goes up to {LARGEST:.2g}"
            )
        accelerator, problem = system.kinds[kind], self._problem(index, product, kind, on_chip, resident)
        wanted = Wanted(
            tuple([problem._replace(array=array) for array in accelerator.array.alternatives]),
            accelerator.clock_hz,
            prefetched=index > 1,
            largest=accelerator.buffer.tiles == "largest",
        )
        try:
            wanted.tables()
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        return self.wanted.setdefault(wanted, len(self.wanted))

    def _problem(self, index: int, product: Product, kind: int, on_chip: bool, resident: int | None) -> Problem:
        step, gemm, accelerator = self.steps[index], product.gemm, self.system.kinds[kind]
        staged = self.stays.staged[index]
        from_before, for_next = product.chained
        inputs_kept = all(self.stays.kept[read.step] for read in step.input_reads())
        weights_read = [read.step for read in step.reads if read.as_weights]
        return Problem(
            groups=gemm.groups,
            m=gemm.m,
            k=gemm.k,
            n=gemm.n,
            bits=self.bits,
            window=step.window,
            input_channels=product.input_channels,
            weight_bits=self._weight_bits(product),
            macs=gemm.k * gemm.n if product.macs is None else product.macs,
            input_on_chip=from_before or inputs_kept or staged,
            weights_on_chip=all(self.stays.kept[s] for s in weights_read) if weights_read else resident is not None,
            weights_wait=bool(weights_read),
            output_on_chip=for_next or on_chip,
            staged_bits=product.input_features * self.batch * self.bits if staged else 0,
            vector_operations_per_output=0 if for_next else self._operations_per_output(step),
            space=self._space(kind, index, resident),
            burst=self.system.dram.burst_bytes,
            array=accelerator.array,
            sram_bytes_per_cycle=accelerator.buffer.bandwidth_bytes_per_cycle,
            lanes=accelerator.vector.lanes if accelerator.vector.enabled else 0,
        )

    def _weight_bits(self, product: Product) -> int:
        """Bits of a group's weights in DRAM."""
        dense = product.gemm.k * product.gemm.n * self.bits
        return dense if product.weight_bits is None else product.weight_bits

    def _operations_per_output(self, step: Step) -> int:
        return ceil_div(step.vector_operations, step.features * self.batch)

    def _space(self, kind: int, index: int, resident: int | None) -> int:
        """Bytes for tiles during a step."""
        return self.system.kinds[kind].buffer.bytes - self.stays.reserved_bytes[kind][index] - (resident or 0)

    def _output_on_chip(self, index: int, a: int) -> bool:
        return output_on_chip(self.steps[index], index, a, self.stays, self.channel)

    def _resident_share(self, a: int) -> int | None:
        """Bytes of all the weights an accelerator needs if they fit beside activations and tiles."""
        share = 0
        for step in self.steps[1:]:
            for product in step.products[a] if step.products and not any(r.as_weights for r in step.reads) else ():
                share += ceil_div(self._weight_bits(product) * product.gemm.groups, 8)
        kind = self.kind_of[a]
        if min(self._space(kind, index, share) for index in range(len(self.steps))) <= 0:
            return None
        try:
            for index, step in enumerate(self.steps):
                if step.products:
                    self._product_share(index, a, tuple(step.products[a]), share)
        except InputError:
            return None
        return share

    def _vector_nests(self, index: int, a: int) -> tuple[Nest, ...]:
        step, system = self.steps[index], self.system
        made = step.makes.features_of(a)
        if not made:
            return ()
        kind = self.kind_of[a]
        vector, feature_bits = system.kinds[kind].vector, self.batch * self.bits
        operations = ceil_div(step.vector_operations * made, step.features)
        table = step.table_features[a] if step.table_features else 0
        read = table + sum([length(r.needs[a]) for r in step.reads])
        loaded = table + sum([length(r.needs[a]) for r in step.reads if not self.stays.kept[r.step]])
        work = VectorWork(
            read_bits=read * feature_bits,
            loaded_bits=loaded * feature_bits,
            made_bits=made * feature_bits,
            stored_bits=0 if self._output_on_chip(index, a) else made * feature_bits,
            operations=operations if vector.enabled else 0,
            cycles=vector.cycles(operations),
        )
        space = self._space(kind, index, self.resident[a])
        if space <= 0:
            raise InputError(f"{system.name}: layer {step.name!r}: activations fill the scratchpad")
        return (vector_nest(work, space, system.dram.burst_bytes),)
