"""`place`: a network on a system, as a Program. All placement decisions are made here."""

from __future__ import annotations

from collections.abc import Iterable

from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.mapping.layout import length, merged, transfers
from ppsim.mapping.nests import gemm_nest, vector_nest
from ppsim.mapping.program import Message, Nest, Program, Stage
from ppsim.mapping.residency import Residency, residency
from ppsim.mapping.steps import Product, Step, steps_of
from ppsim.mapping.tiling import Problem, candidates
from ppsim.units import ceil_div
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

#: products up to this many MACs x bits fit the 64-bit integers that tilings are counted in
LARGEST = 1 << 62


def place(net: LayerGraph | PartitionedGraph, system: System) -> Program:
    """Lower the layers, divide them over the accelerators, decide what stays on chip, tile, and plan the exchanges.

    Raises InputError when a layer cannot run on the system.
    """
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    bits = graph.bits or system.array.bits
    if bits > system.array.bits:
        raise InputError(
            f"{graph.name}: operands of {bits} bits do not fit the {system.array.bits}-bit arrays of {system.name}; "
            f"load the workload with bits={system.array.bits} or set array.bits={bits}"
        )
    steps = steps_of(net, system.accelerators)
    stays = residency(steps, graph.batch * bits, system.buffer.activation_bytes, sends_results=system.channels > 1)
    return _Placement(system, steps, stays, graph.batch, bits).program()


class _Placement:
    """The steps of one placement with everything that is the same for all of them."""

    def __init__(self, system: System, steps: list[Step], stays: Residency, batch: int, bits: int) -> None:
        self.system, self.steps, self.stays, self.batch, self.bits = system, steps, stays, batch, bits
        #: bytes for tiles during each step
        self.space = [system.buffer.bytes - reserved for reserved in stays.reserved_bytes]
        self.links: dict[tuple[int, int], int] = {}
        self.routes: dict[tuple[int, int], tuple[int, ...]] = {}
        self.product_nests: dict[tuple[int, Product, bool], Nest] = {}
        #: what an accelerator gets of its channel when all behind it are busy
        self.bits_per_cycle = 8 * system.dram_bytes_per_cycle / system.dram.group_size(system.accelerators)
        self.channel = [system.channel_of(a) for a in range(system.accelerators)]

    def program(self) -> Program:
        stages = tuple(self._stage(index) for index in range(len(self.steps)))
        return Program(self.system, stages, tuple(self.links), self.bits)

    def _stage(self, index: int) -> Stage:
        step = self.steps[index]
        work = tuple(tuple(self._nests(index, a)) for a in range(self.system.accelerators))
        reads, messages = self._exchange(index)
        return Stage(
            name=step.name,
            layers=(step.name, *(layer.name for layer in step.fused)),
            kind="input" if step.layer is None else "product" if step.is_product else "vector",
            waits_for=() if index == 0 else (step.source,),
            work=work,
            reads=reads,
            messages=messages,
            rates=self._rates(work, reads, messages),
        )

    def _nests(self, index: int, a: int) -> Iterable[Nest]:
        step = self.steps[index]
        if step.layer is None:
            return ()
        if step.is_product:
            return (self._product_nest(index, a, product) for product in step.products[a])
        return self._vector_nests(index, a)

    def _product_nest(self, index: int, a: int, product: Product) -> Nest:
        key = (index, product, self._output_on_chip(index, a))
        if key not in self.product_nests:
            self.product_nests[key] = self._tiled(*key)
        return self.product_nests[key]

    def _tiled(self, index: int, product: Product, output_on_chip: bool) -> Nest:
        step, system, gemm = self.steps[index], self.system, product.gemm
        staged = self.stays.staged[index]
        if gemm.m * gemm.k * gemm.n * self.bits >= LARGEST:
            raise InputError(
                f"{system.name}: layer {step.name!r}: a {gemm.m}x{gemm.k}x{gemm.n} product is too large; "
                f"m x k x n x bits goes up to {LARGEST:.2g}"
            )
        problem = Problem(
            m=gemm.m,
            k=gemm.k,
            n=gemm.n,
            bits=self.bits,
            window=step.window,
            input_channels=product.input_channels,
            input_on_chip=self.stays.kept[step.source] or staged,
            output_on_chip=output_on_chip,
            staged_bits=product.input_features * self.batch * self.bits if staged else 0,
            vector_operations_per_output=ceil_div(step.vector_operations, step.features * self.batch),
            space=self.space[index],
            burst=system.dram.burst_bytes,
            array=system.array,
            sram_bytes_per_cycle=system.buffer.bandwidth_bytes_per_cycle,
            lanes=system.vector.lanes if system.vector.enabled else 0,
        )
        try:
            tiling = candidates(problem).choose(self.bits_per_cycle, prefetched=index > 1)
            return gemm_nest(problem, tiling)
        except InputError as error:
            raise InputError(f"{system.name}: layer {step.name!r}: {error}") from None

    def _vector_nests(self, index: int, a: int) -> Iterable[Nest]:
        step, system = self.steps[index], self.system
        made = step.makes.count(a)
        if not made:
            return
        feature_bits = self.batch * self.bits
        operations = ceil_div(step.vector_operations * made, step.features)
        yield vector_nest(
            in_bits=length(step.needs[a]) * feature_bits,
            out_bits=made * feature_bits,
            operations=operations if system.vector.enabled else 0,
            lanes_cycles=system.vector.cycles(operations),
            space=self.space[index],
            burst=system.dram.burst_bytes,
            stays=(self.stays.kept[step.source], self._output_on_chip(index, a)),
        )

    def _output_on_chip(self, index: int, a: int) -> bool:
        """Whether an output needs no store. Results of the network, which end in accelerator 0's DRAM, are sent right
        from the scratchpad of those behind another channel, where it holds them.
        """
        if self.stays.kept[index]:
            return True
        return self.stays.held[index] and self.channel[a] != self.channel[0]

    def _is_result(self, index: int) -> bool:
        return not any(step.source == index for step in self.steps[index + 1 :])

    def _exchange(self, index: int) -> tuple[tuple[int, ...], tuple[Message, ...]]:
        """What is read back and sent after a step: activations to those that need them, results to accelerator 0."""
        step, accelerators = self.steps[index], self.system.accelerators
        result = self._is_result(index)
        if result:
            needs = [((0, step.features),), *((),) * (accelerators - 1)]
        else:
            readers = [s for s in self.steps[index + 1 :] if s.source == index]
            needs = _union([reader.needs for reader in readers])
        in_dram = not self.stays.kept[index]
        reads = [0] * accelerators
        messages = []
        for source, destination, features in transfers(step.makes, tuple(needs)):
            same_dram = in_dram and self.channel[source] == self.channel[destination]
            size = 0 if same_dram else ceil_div(features * self.batch * self.bits, 8)
            messages.append(
                Message(
                    source,
                    destination,
                    size,
                    () if same_dram else self._route(source, destination),
                    in_dram and size > 0,
                )
            )
            if size and in_dram and not (result and self._output_on_chip(index, source)):
                reads[source] = self.system.dram.rounded(ceil_div(step.makes.count(source) * self.batch * self.bits, 8))
        return tuple(reads), tuple(messages)

    def _route(self, source: int, destination: int) -> tuple[int, ...]:
        key = (source, destination)
        if key not in self.routes:
            links = self.system.interconnect.route(self.system.accelerators, source, destination)
            self.routes[key] = tuple(self.links.setdefault(link, len(self.links)) for link in links)
        return self.routes[key]

    def _rates(
        self, work: tuple[tuple[Nest, ...], ...], reads: tuple[int, ...], messages: tuple[Message, ...]
    ) -> tuple[int, ...]:
        """Bytes/s of each channel for the mix of reads and writes of this stage."""
        read, written = [0] * self.system.channels, [0] * self.system.channels
        for a, nests in enumerate(work):
            channel = self.channel[a]
            read[channel] += reads[a] * 8
            for nest in nests:
                read[channel] += nest.activity.weight_bits + nest.activity.input_bits
                written[channel] += nest.activity.output_bits
        for message in messages:
            if message.written:
                written[self.channel[message.destination]] += message.bytes * 8
        return tuple(self.system.dram.rate(r, w) for r, w in zip(read, written, strict=True))


def _union(needs: list[list[tuple[tuple[int, int], ...]]]) -> list[tuple[tuple[int, int], ...]]:
    return [merged([interval for need in column for interval in need]) for column in zip(*needs, strict=True)]
