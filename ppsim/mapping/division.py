"""Who computes what: the steps of a network, divided over the accelerators of a system.

Partitioned layers go by their parts; other products are split by output units (`ownership` says which), attention by
heads; vector layers work where their input was made. Layers that need all units of a position (normalisation) run on
every accelerator, which needs all of it for the next product anyway.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise
from math import prod

from ppsim.hardware.array import compute_cycles
from ppsim.hardware.system import System
from ppsim.mapping.layout import Interval, Intervals, Layout, copied, merged, scaled, within
from ppsim.mapping.ownership import Wish, owned, wishes_of
from ppsim.mapping.remembering import Memory, Same
from ppsim.mapping.steps import (
    Divided,
    Piece,
    Product,
    Step,
    Tensor,
    input_step,
    joined,
    layout_of,
    reads_of,
    results_of,
    uses_of,
)
from ppsim.workload.gemm import Gemm
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly, starts

NOTHING: Intervals = ()


def steps_of(net: LayerGraph | PartitionedGraph, system: System, bits: int) -> list[Step]:
    """The steps of a network of `bits`-bit words on a system; step 0 is the network's input."""
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    uses, results = uses_of(graph), results_of(graph)
    wishes: dict[str, Wish] | None = None
    steps = [input_step(graph)]
    everywhere = (((0, steps[0].features),),) * system.accelerators
    steps[0].makes = Layout(everywhere, replicated=True)
    tensors: dict[str, Tensor] = {INPUT: (Piece(0, 0, steps[0].features),)}
    tail = {0: INPUT}
    for layer in graph.layers:
        inputs = [tensors[source] for source in graph.sources[layer.name]]
        if layer.free:
            tensors[layer.name] = joined(inputs)
            continue
        shapes = graph.input_shapes_of(layer.name)
        operations = layer.vector_operations(shapes, graph.batch)
        source = inputs[0][0].step
        fusible = layer.pointwise and source and len(inputs[0]) == 1 and not steps[source].partial_on
        if fusible and uses[tail[source]] == 1:
            steps[source].fused.append(layer)
            steps[source].vector_operations += operations
            tensors[layer.name], tail[source] = inputs[0], layer.name
            continue
        step = Step(layer, prod(graph.shapes[layer.name]), operations, window=layer.window(shapes))
        division = _Division(step, layer, inputs, steps, net, system, bits)
        wish = None
        if division.may_choose:
            wishes = wishes_of(net, system.accelerators) if wishes is None else wishes
            wish = wishes.get(layer.name)
        division.fill(wish, is_result=layer.name in results)
        tail[len(steps)] = layer.name
        tensors[layer.name] = (Piece(len(steps), 0, step.features),)
        steps.append(step)
    if isinstance(net, PartitionedGraph):
        _place_input(steps, net, system.accelerators)
    return steps


def divided(net: LayerGraph | PartitionedGraph, system: System, bits: int) -> Divided:
    """`steps_of`, once for a network and what division depends on of a system."""
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    cut: tuple[Hashable, ...] = ()
    if isinstance(net, PartitionedGraph):
        cut = (net.parts, net.placement, *[(name, Same(layer)) for name, layer in net.layers.items()])
    speeds = (system.kinds, system.kind_of, _share(system)) if len(system.kinds) > 1 else None
    key = (Same(graph), cut, system.accelerators, speeds, bits)
    return _DIVIDED.get(key, lambda: Divided(tuple(steps_of(net, system, bits)), graph.batch, bits))


#: networks whose division is remembered
_DIVIDED: Memory[Divided] = Memory(32 << 20, lambda found: found.bytes)


class _Division:
    """One step being divided."""

    def __init__(
        self,
        step: Step,
        layer: Layer,
        inputs: list[Tensor],
        steps: list[Step],
        net: LayerGraph | PartitionedGraph,
        system: System,
        bits: int,
    ) -> None:
        self.step, self.layer, self.inputs, self.steps = step, layer, inputs, steps
        self.net, self.system, self.bits = net, system, bits
        self.graph = net.graph if isinstance(net, PartitionedGraph) else net
        self.shapes = self.graph.input_shapes_of(layer.name)
        self.features = [sum([piece.features for piece in tensor]) for tensor in inputs]
        self.product = layer.gemm(self.shapes, self.graph.batch)
        self.cut = net.layers.get(layer.name) if isinstance(net, PartitionedGraph) else None

    @property
    def may_choose(self) -> bool:
        """Whether it is free which units each accelerator makes: of products that are not cut, and of tables."""
        return self.cut is None and (self.product is not None or self.layer.rows_read(self.shapes, 1) > 0)

    def fill(self, wish: Wish | None, is_result: bool) -> None:
        """Fill in products, what is made, by its `wish` where it is free, and what is read."""
        product = self.product
        if isinstance(self.net, PartitionedGraph) and self.cut is not None:
            assert product is not None
            self._parts(self.net, self.cut, product.m)
        elif product is not None and self.layer.between_activations:
            self._heads(product)
        elif product is not None:
            self._outputs(product, wish)
        elif rows := self.layer.rows_read(self.shapes, 1):
            self._table(rows, wish)
        else:
            self._vector(is_result)

    def _parts(self, net: PartitionedGraph, layer: PartitionedLayer, m: int) -> None:
        """Each part on its accelerator."""
        taps = net.taps(self.layer.name)
        in_runs, out_runs = layer.runs("in"), layer.runs("out")
        in_pixels = self.features[0] // sum(layer.in_sizes)
        out_pixels = self.step.features // sum(layer.out_sizes)
        accelerators = self.system.accelerators
        products: list[list[Product]] = [[] for _ in range(accelerators)]
        needs: list[list[Interval]] = [[] for _ in range(accelerators)]
        makes: list[list[Interval]] = [[] for _ in range(accelerators)]
        if layer.split == "inputs":
            shares: dict[int, list[Kept]] = {}
            for block in layer.kept[0]:
                shares.setdefault(net.placed(block.part, accelerators), []).append(block)
            work = [(where, 0, tuple(blocks)) for where, blocks in sorted(shares.items())]
            makes[0] = [(0, self.step.features)]
            self.step.partial_on = tuple(where for where, _, _ in work) if len(work) > 1 or work[0][0] else ()
        else:
            work = [
                (net.placed(q, accelerators), q, blocks)
                for q, blocks in enumerate(layer.kept)
                if blocks and layer.out_sizes[q]
            ]
            for where, q, _ in work:
                makes[where] += scaled(out_runs[q], out_pixels)
        # equal parts have the same products
        known: dict[tuple[tuple[tuple[int, int | None], ...], int], list[Product]] = {}
        for where, q, blocks in work:
            outputs = layer.out_sizes[q]
            key = (tuple([(units, nonzeros) for _, units, nonzeros in blocks]), outputs)
            if key not in known:
                known[key] = self._products(layer, blocks, outputs, m, taps, in_pixels)
            products[where] += known[key]
            for part, units, _ in blocks:
                runs = in_runs[part]
                if units < layer.in_sizes[part]:
                    runs = _leading(runs, units)
                needs[where] += runs if in_pixels == 1 else scaled(runs, in_pixels)
        self.step.products = products
        self.step.reads = reads_of(self.inputs[0], tuple([merged(intervals) for intervals in needs]))
        self.step.makes = Layout(tuple([merged(intervals) for intervals in makes]))

    def _products(
        self, layer: PartitionedLayer, blocks: tuple[Kept, ...], outputs: int, m: int, taps: int, pixels: int
    ) -> list[Product]:
        units = sum([block.units for block in blocks])
        if layer.rank is not None:
            stored = layer.weight_bits or self.bits
            first, second = Gemm(m, units * taps, layer.rank), Gemm(m, layer.rank, outputs)
            return [
                Product(first, units, units * pixels, first.weights * stored, chained=(False, True)),
                Product(second, layer.rank, 0, second.weights * stored, chained=(True, False)),
            ]
        # split by inputs, each part is a matrix of its own, wherever it is placed
        matrices = [(block,) for block in blocks] if layer.split == "inputs" else [blocks]
        effects = [layer.effect(matrix, outputs, taps, self.bits) for matrix in matrices]
        k, macs, weight_bits = map(sum, zip(*effects, strict=True))
        return [Product(Gemm(m, k, outputs), units, units * pixels, weight_bits, macs)]

    def _outputs(self, product: Gemm, wish: Wish | None) -> None:
        """Output units (whole groups, if there are several) are split; those with work need all that is read."""
        channels, groups, features = self.shapes[0][0], product.groups, self.features[0]
        blocks = groups if groups > 1 else product.n
        made_by_block = self.step.features // blocks
        makes: list[Intervals] = []
        needs: list[Intervals] = []
        counts = _shares(blocks, product, self.system)
        for count, mine in zip(counts, owned(counts, wish and wish.of_blocks(blocks)), strict=True):
            if not count:
                work, need = [], NOTHING
            elif groups > 1:
                gemm = Gemm(product.m, product.k, product.n, count)
                per_group = features // groups
                work, need = [Product(gemm, channels // groups, per_group * count)], scaled(mine, per_group)
            else:
                work, need = [Product(Gemm(product.m, product.k, count), channels, features)], ((0, features),)
            self.step.products.append(work)
            needs.append(need)
            makes.append(scaled(mine, made_by_block))
        self.step.reads = reads_of(self.inputs[0], tuple(needs))
        self.step.makes = Layout(tuple(makes))

    def _heads(self, product: Gemm) -> None:
        """Groups of units (heads) are split; both operands are activations."""
        batch = self.graph.batch
        groups = product.groups // batch
        heads = _shares(groups, product, self.system)
        first = starts(heads)

        def share(features: int) -> tuple[Intervals, ...]:
            each = features // groups
            return tuple(((first[a] * each, first[a + 1] * each),) if count else () for a, count in enumerate(heads))

        left = self.features[0] // groups
        self.step.products = [
            [Product(Gemm(product.m, product.k, product.n, count * batch), product.k, left * count)] if count else []
            for count in heads
        ]
        self.step.reads = reads_of(self.inputs[0], share(self.features[0]))
        self.step.reads += reads_of(self.inputs[1], share(self.features[1]), as_weights=True)
        self.step.makes = Layout(share(self.step.features))

    def _table(self, rows: int, wish: Wish | None) -> None:
        """Columns of tables are split; everyone reads all numbers to look up. `rows`: elements looked up an input."""
        columns = self.graph.shapes[self.layer.name][0]
        positions = self.step.features // columns
        counts = split_evenly(columns, self.system.accelerators)
        needs = tuple(((0, self.features[0]),) if count else () for count in counts)
        self.step.reads = reads_of(self.inputs[0], needs)
        self.step.makes = Layout(tuple(scaled(mine, positions) for mine in owned(counts, wish)))
        self.step.table_features = tuple(count * (rows // columns) for count in counts)

    def _vector(self, is_result: bool) -> None:
        """Where the (first divided) input was made, unless a reduction needs units that are elsewhere."""
        layouts = [layout_of(tensor, self.steps) for tensor in self.inputs]
        own = next((layout for layout in layouts if not layout.replicated), layouts[0])
        groups = self.layer.reduction_groups(self.shapes)
        features = self.features[0]
        if groups is not None and not own.replicated and not _whole(own, features // groups):
            own = _regrouped(groups, features, self.system.accelerators, is_result)
        elif own.replicated and is_result:
            own = _at_root(features, self.system.accelerators)
        if copies := self.layer.copies(self.shapes):
            needs, self.step.makes = copied(own, copies, features // self.shapes[0][0], self.step.features)
            self.step.reads = reads_of(self.inputs[0], needs)
            return
        for tensor, size in zip(self.inputs, self.features, strict=True):
            assert size == features
            self.step.reads += reads_of(tensor, own.made)
        self.step.makes = own.scaled(self.step.features, features)


def _whole(layout: Layout, size: int) -> bool:
    """Whether every group of `size` features is on one accelerator."""
    return all(low % size == 0 and high % size == 0 for made in layout.made for low, high in made)


def _regrouped(groups: int, features: int, accelerators: int, is_result: bool) -> Layout:
    """Whole groups on each accelerator; a single group everywhere, or where the network's results end."""
    if groups == 1:
        everywhere = Layout((((0, features),),) * accelerators, replicated=True)
        return _at_root(features, accelerators) if is_result else everywhere
    bounds = starts(split_evenly(groups, accelerators))
    each = features // groups
    return Layout(tuple(((low * each, high * each),) if high > low else () for low, high in pairwise(bounds)))


def _at_root(features: int, accelerators: int) -> Layout:
    """All of it on accelerator 0, where the network's results end."""
    return Layout((((0, features),), *((),) * (accelerators - 1)))


def _leading(runs: Intervals, units: int) -> Intervals:
    """The first `units` units of a part."""
    found = []
    for low, high in runs:
        if units <= 0:
            break
        found.append((low, min(high, low + units)))
        units -= high - low
    return tuple(found)


def _shares(units: int, product: Gemm, system: System) -> tuple[int, ...]:
    """How many of `units` units each accelerator computes: as even as possible among equals, else by speed.

    An accelerator's speed is that of the product if it had all of it: the longer of computing and loading weights.
    """
    if len(system.kinds) == 1:
        return split_evenly(units, system.accelerators)
    share = _share(system)
    speeds = []
    for kind in system.kinds:
        cycles = min(
            int(compute_cycles(product.m, product.k, product.n, a.rows, a.cols, a.dataflow, a.overlapped)) / a.count
            for a in kind.array.alternatives
        )
        seconds = max(cycles / kind.clock_hz, product.k * product.n * kind.array.bits / 8 / share)
        speeds.append(1 / seconds)
    by_accelerator = [speeds[kind] for kind in system.kind_of]
    return _proportional(units, by_accelerator)


def _share(system: System) -> float:
    """What an accelerator gets of its channel when all behind it are busy, bytes/s."""
    return system.dram.rate(1, 0) / system.dram.group_size(system.accelerators)


def _proportional(units: int, weights: list[float]) -> tuple[int, ...]:
    """Whole units in proportion to weights, the largest remainders rounded up."""
    total = sum(weights)
    exact = [units * weight / total for weight in weights]
    sizes = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda a: (sizes[a] - exact[a], a))
    for a in by_remainder[: units - sum(sizes)]:
        sizes[a] += 1
    return tuple(sizes)


def _place_input(steps: list[Step], net: PartitionedGraph, accelerators: int) -> None:
    """The network's input lies with the owners of its parts if a partitioned layer reads it."""
    readers = [step for step in steps[1:] if 0 in step.sources]
    first = next((step for step in readers if step.name in net.layers), None)
    if first is None:
        return
    layer, sources = net.layers[first.name], [read.step for read in first.reads]
    low = sum(steps[source].features for source in sources[: sources.index(0)])  # where in a concatenation it begins
    high = low + steps[0].features
    pixels = sum(steps[source].features for source in sources) // sum(layer.in_sizes)
    owned: list[list[Interval]] = [[] for _ in range(accelerators)]
    for part, runs in enumerate(layer.runs("in")):
        owned[net.placed(part, accelerators)] += within(scaled(runs, pixels), low, high)
    steps[0].makes = Layout(tuple([merged(intervals) for intervals in owned]))
