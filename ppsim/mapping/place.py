"""`place`: a network on a system, as a Program. All placement decisions are made here."""

from __future__ import annotations

from dataclasses import replace

from ppsim.errors import InputError
from ppsim.hardware.accelerator import Accelerator
from ppsim.hardware.interconnect import Link
from ppsim.hardware.system import System
from ppsim.mapping.communication import Plan, exchange, reduction
from ppsim.mapping.division import steps_of
from ppsim.mapping.exchanges import check
from ppsim.mapping.exchanges.contract import Send
from ppsim.mapping.few_tilings import chosen
from ppsim.mapping.layout import Intervals, length, merged
from ppsim.mapping.nests import VectorWork, gemm_nest, vector_nest
from ppsim.mapping.program import Message, Nest, Program, Stage
from ppsim.mapping.residency import Residency, residency
from ppsim.mapping.steps import Product, Step, readers_of
from ppsim.mapping.tiling import Problem, Tiling
from ppsim.units import ceil_div
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

#: products up to this many MACs x bits fit the 64-bit integers that tilings are counted in
LARGEST = 1 << 62
#: the accelerator where the network's results and sums of partial sums end
ROOT = 0


def place(net: LayerGraph | PartitionedGraph, system: System) -> Program:
    """Lower the layers, divide them over the accelerators, decide what stays on chip, tile, and plan the exchanges.

    Raises InputError when a layer cannot run on the system.
    """
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    bits = graph.bits or system.bits
    if bits > system.bits:
        raise InputError(
            f"{graph.name}: operands of {bits} bits do not fit the {system.bits}-bit arrays of {system.name}; "
            f"load the workload with bits={system.bits} or set array.bits={bits}"
        )
    for name, layer in net.layers.items() if isinstance(net, PartitionedGraph) else ():
        if (layer.weight_bits or 0) > bits:
            raise InputError(
                f"{graph.name}: layer {name!r}: weight_bits={layer.weight_bits} do not fit operands of {bits} bits"
            )
    try:
        check(system.interconnect)
        steps = steps_of(net, system, bits)
        stays = residency(steps, system, graph.batch, bits)
    except InputError as error:
        raise InputError(f"{system.name}: {error}") from None
    return _Placement(system, steps, stays, graph.batch, bits).program()


class _Placement:
    """The steps of one placement with everything that is the same for all of them."""

    def __init__(self, system: System, steps: list[Step], stays: Residency, batch: int, bits: int) -> None:
        self.system, self.steps, self.stays, self.batch, self.bits = system, steps, stays, batch, bits
        self.links: dict[Link, int] = {}
        self.routes: dict[tuple[int, int], tuple[int, ...]] = {}
        #: by step, products, kind of accelerator, whether its output stays on chip, and what is resident
        self.product_nests: dict[tuple[int, tuple[Product, ...], int, bool, int | None], tuple[Nest, ...]] = {}
        #: what an accelerator gets of its channel when all behind it are busy, bits/s
        self.bits_per_s = 8 * system.dram.rate(1, 0) / system.dram.group_size(system.accelerators)
        self.channel = system.channel_of_each
        self.kind_of = system.kind_of
        self.readers = readers_of(steps)
        #: by accelerator: bytes of weights that are on chip from the start, None if they come from DRAM
        self.resident: list[int | None] = [None] * system.accelerators
        if system.weights == "resident":
            self.resident = [self._resident_share(a) for a in range(system.accelerators)]

    def program(self) -> Program:
        stages = tuple([self._stage(index) for index in range(len(self.steps))])
        resident = tuple([share is not None for share in self.resident])
        return Program(self.system, stages, tuple(self.links), self.bits, resident)

    def _stage(self, index: int) -> Stage:
        step = self.steps[index]
        work = self._work(index)
        reads, messages = self._exchange(index)
        return Stage(
            name=step.name,
            layers=(step.name, *(layer.name for layer in step.fused)),
            kind="input" if step.layer is None else "product" if step.is_product else "vector",
            waits_for=step.sources,
            work=work,
            reads=reads,
            messages=messages,
            rates=self._rates(work, reads, messages),
        )

    def _work(self, index: int) -> tuple[tuple[Nest, ...], ...]:
        """By accelerator: its nests in a step."""
        step = self.steps[index]
        if step.layer is None:
            return ((),) * self.system.accelerators
        if not step.is_product:
            return tuple([self._vector_nests(index, a) for a in range(self.system.accelerators)])
        return tuple(
            [
                self._product_nests(index, a, tuple(products), self.resident[a]) if products else ()
                for a, products in enumerate(step.products)
            ]
        )

    def _product_nests(
        self, index: int, a: int, products: tuple[Product, ...], resident: int | None
    ) -> tuple[Nest, ...]:
        kind, output_on_chip = self.kind_of[a], self._output_on_chip(index, a)
        key = (index, products, kind, output_on_chip, resident)
        nests = self.product_nests.get(key)
        if nests is None:
            nests = tuple([self._tiled(index, product, kind, output_on_chip, resident) for product in products])
            self.product_nests[key] = nests
        return nests

    def _tiled(self, index: int, product: Product, kind: int, output_on_chip: bool, resident: int | None) -> Nest:
        step, system, gemm = self.steps[index], self.system, product.gemm
        accelerator = system.kinds[kind]
        if gemm.macs * self.bits >= LARGEST:
            raise InputError(
                f"{system.name}: layer {step.name!r}: a {gemm.m}x{gemm.k}x{gemm.n} product is too large; "
                f"m x k x n x bits goes up to {LARGEST:.2g}"
            )
        staged = self.stays.staged[index]
        from_before, for_next = product.chained
        inputs_kept = all(self.stays.kept[read.step] for read in step.input_reads())
        weights_read = [read.step for read in step.reads if read.as_weights]
        problem = Problem(
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
            output_on_chip=for_next or output_on_chip,
            staged_bits=product.input_features * self.batch * self.bits if staged else 0,
            vector_operations_per_output=0 if for_next else self._operations_per_output(step),
            space=self._space(kind, index, resident),
            burst=system.dram.burst_bytes,
            array=accelerator.array,
            sram_bytes_per_cycle=accelerator.buffer.bandwidth_bytes_per_cycle,
            lanes=accelerator.vector.lanes if accelerator.vector.enabled else 0,
        )
        try:
            chosen, tiling = self._chosen(problem, accelerator, prefetched=index > 1)
        except InputError as error:
            raise InputError(f"{system.name}: layer {step.name!r}: {error}") from None
        return gemm_nest(chosen, tiling)

    def _chosen(self, problem: Problem, accelerator: Accelerator, prefetched: bool) -> tuple[Problem, Tiling]:
        """The dataflow and the tiles of a product: of the dataflows its arrays may have, the fastest by estimate."""
        best: tuple[float, Problem, Tiling] | None = None
        impossible: list[InputError] = []
        largest = accelerator.buffer.tiles == "largest"
        for array in accelerator.array.alternatives:
            tried = problem if array is problem.array else problem._replace(array=array)
            try:
                tiling, cycles = chosen(tried, self.bits_per_s / accelerator.clock_hz, prefetched, largest)
            except InputError as error:
                impossible.append(error)
                continue
            if best is None or cycles < best[0]:
                best = cycles, tried, tiling
        if best is None:
            raise impossible[0]
        return best[1], best[2]

    def _weight_bits(self, product: Product) -> int:
        """Bits of a group's weights in DRAM."""
        dense = product.gemm.k * product.gemm.n * self.bits
        return dense if product.weight_bits is None else product.weight_bits

    def _operations_per_output(self, step: Step) -> int:
        return ceil_div(step.vector_operations, step.features * self.batch)

    def _space(self, kind: int, index: int, resident: int | None) -> int:
        """Bytes for tiles during a step."""
        return self.system.kinds[kind].buffer.bytes - self.stays.reserved_bytes[kind][index] - (resident or 0)

    def _resident_share(self, a: int) -> int | None:
        """Bytes of all the weights an accelerator needs if they fit beside activations and tiles."""
        share = 0
        for step in self.steps[1:]:
            for product in step.products[a] if step.products and not any(r.as_weights for r in step.reads) else ():
                share += ceil_div(self._weight_bits(product) * product.gemm.groups, 8)
        kind = self.system.kind_of[a]
        if min(self._space(kind, index, share) for index in range(len(self.steps))) <= 0:
            return None
        try:
            for index, step in enumerate(self.steps):
                if step.products:
                    self._product_nests(index, a, tuple(step.products[a]), share)
        except InputError:
            return None
        return share

    def _vector_nests(self, index: int, a: int) -> tuple[Nest, ...]:
        step, system = self.steps[index], self.system
        made = step.makes.features_of(a)
        if not made:
            return ()
        kind = system.kind_of[a]
        vector, feature_bits = system.kinds[kind].vector, self.batch * self.bits
        operations = ceil_div(step.vector_operations * made, step.features)
        table = step.table_features[a] if step.table_features else 0
        read = table + sum(length(r.needs[a]) for r in step.reads)
        loaded = table + sum(length(r.needs[a]) for r in step.reads if not self.stays.kept[r.step])
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
            raise InputError(
                f"{system.name}: layer {step.name!r}: activations fill the scratchpad; make buffer.kib larger"
            )
        return (vector_nest(work, space, system.dram.burst_bytes),)

    def _output_on_chip(self, index: int, a: int) -> bool:
        """Whether an output needs no store: it stays, or is added up elsewhere, or is a result that waits to be sent.

        Results of the network, which end in the root's DRAM, are sent right from the scratchpad of those behind another
        channel, where it holds them.
        """
        if self.stays.kept[index] or self.steps[index].partial_on:
            return True
        return self.stays.held[index] and self.channel[a] != self.channel[ROOT]

    def _exchange(self, index: int) -> tuple[tuple[int, ...], tuple[Message, ...]]:
        """What is read back and sent after a step: activations to those that need them, results to the root."""
        step, accelerators = self.steps[index], self.system.accelerators
        in_dram, is_result = not self.stays.kept[index], not self.readers[index]
        if is_result:
            needs: tuple[Intervals, ...] = (((0, step.features),), *((),) * (accelerators - 1))
        else:
            reads = [read for r in self.readers[index] for read in self.steps[r].reads if read.step == index]
            needs = _union([read.needs for read in reads])
        if step.partial_on:
            return (0,) * accelerators, self._reduced(step, needs, in_dram)
        plan = exchange(step.makes, needs, self._found_in(index) if in_dram else None, self.system.interconnect)
        read_back = [0] * accelerators
        for a, features in enumerate(plan.reads):
            if features and in_dram and not (is_result and self._output_on_chip(index, a)):
                read_back[a] = self.system.dram.rounded(self._bytes(features))
        return tuple(read_back), tuple([self._message(send, in_dram) for send in plan.sends])

    def _found_in(self, index: int) -> tuple[int, ...]:
        """By accelerator: where what it stored is found; those that hold a result stored nothing."""
        if not self.stays.held[index]:
            return self.channel
        away = self.system.channels
        return tuple(c if c == self.channel[ROOT] else away + a for a, c in enumerate(self.channel))

    def _reduced(self, step: Step, needs: tuple[Intervals, ...], in_dram: bool) -> tuple[Message, ...]:
        """Partial sums to the root, which stores their sum unless it stays on chip, and sends it to who needs it."""
        links, root = self.system.interconnect, ROOT
        sums = reduction(root, [a for a in step.partial_on if a != root], step.features, links)
        messages = [self._message(send, False) for send in sums]
        added = tuple(number for number, send in enumerate(sums) if send.destination == root)
        stored = added
        if in_dram:
            stored = (len(messages),)
            messages.append(Message(root, root, self._bytes(step.features), (), True, added))
        plan: Plan = exchange(step.makes, needs, self.channel if in_dram else None, links)
        offset = len(messages)
        for send in plan.sends:
            # data is sent from the scratchpad; those behind the root's channel wait until it is in DRAM
            after = tuple(number + offset for number in send.after) or (added if send.features else stored)
            messages.append(self._message(replace(send, after=after), in_dram))
        return tuple(messages)

    def _bytes(self, features: int) -> int:
        return ceil_div(features * self.batch * self.bits, 8)

    def _message(self, send: Send, written: bool) -> Message:
        """A send in bytes: of words, or of partial sums that are added on arrival."""
        width = self.system.accelerator(ROOT).array.accumulator_bits if send.adds else self.bits
        numbers = send.features * self.batch
        size = ceil_div(numbers * width, 8)
        route = self._route(send.source, send.destination) if size else ()
        sums = numbers if send.adds else 0
        return Message(send.source, send.destination, size, route, written and size > 0, send.after, sums)

    def _route(self, source: int, destination: int) -> tuple[int, ...]:
        key = (source, destination)
        if key not in self.routes:
            links = self.system.interconnect.route(self.system.accelerators, source, destination)
            self.routes[key] = tuple([self.links.setdefault(link, len(self.links)) for link in links])
        return self.routes[key]

    def _rates(
        self, work: tuple[tuple[Nest, ...], ...], reads: tuple[int, ...], messages: tuple[Message, ...]
    ) -> tuple[int, ...]:
        """Bytes/s of each channel for the mix of reads and writes of this stage."""
        dram, channels = self.system.dram, self.system.channels
        read, written = [0] * channels, [0] * channels
        for nests, channel, read_back in zip(work, self.channel, reads, strict=True):
            read[channel] += read_back * 8
            for nest in nests:
                activity = nest.activity
                read[channel] += activity.weight_bits + activity.input_bits
                written[channel] += activity.output_bits
        for message in messages:
            if message.written:
                written[self.channel[message.destination]] += message.bytes * 8
        mixes = list(zip(read, written, strict=True))
        rates = {mix: dram.rate(*mix) for mix in set(mixes)}
        return tuple([rates[mix] for mix in mixes])


def _union(needs: list[tuple[Intervals, ...]]) -> tuple[Intervals, ...]:
    if len(needs) == 1:
        return needs[0]
    columns = zip(*needs, strict=True)
    return tuple(merged([interval for intervals in column for interval in intervals]) for column in columns)
