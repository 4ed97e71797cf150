"""The layers of a network as steps: pointwise layers fused into what they follow, renamings dissolved.

Each step knows, for every accelerator, the products it computes, the features it makes and the features it needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ppsim.mapping.layout import Interval, Layout, merged
from ppsim.workload.gemm import Gemm, Window
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Layer
from ppsim.workload.partitioned import PartitionedGraph, split_evenly, starts


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product one accelerator computes, with the features of the input it reads."""

    gemm: Gemm
    input_channels: int
    input_features: int


@dataclass(slots=True)
class Step:
    """A layer with what is fused into it. `source` is the step it reads (the network's input is step 0).

    `makes` lays out the output; `needs[a]` are the features of the source's output that accelerator a reads.
    """

    layer: Layer | None
    source: int
    features: int
    vector_operations: int = 0
    fused: list[Layer] = field(default_factory=list)
    window: Window | None = None
    products: list[list[Product]] = field(default_factory=list)
    makes: Layout = field(default_factory=lambda: Layout(()))
    needs: list[tuple[Interval, ...]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name if self.layer else INPUT

    @property
    def is_product(self) -> bool:
        """Whether it runs on the arrays."""
        return any(self.products)


def steps_of(net: LayerGraph | PartitionedGraph, accelerators: int) -> list[Step]:
    """The steps of a network on `accelerators` accelerators; step 0 is the network's input."""
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    readers: dict[str, int] = {}
    for name in graph.sources.values():
        readers[name] = readers.get(name, 0) + 1
    steps = [Step(layer=None, source=0, features=prod(graph.input_shape))]
    made_by = {INPUT: 0}
    for layer in graph.layers:
        source_name = graph.sources[layer.name]
        source = made_by[source_name]
        if layer.free:
            made_by[layer.name] = source
            readers[layer.name] = readers.get(layer.name, 0)
            continue
        shape = graph.input_shape_of(layer.name)
        operations = layer.vector_operations(shape, graph.batch)
        if layer.pointwise and source and readers[source_name] == 1:
            steps[source].fused.append(layer)
            steps[source].vector_operations += operations
            made_by[layer.name] = source
            continue
        step = Step(layer, source, prod(graph.shapes[layer.name]), operations, window=layer.window(shape))
        _divide(step, steps[source], net, graph, accelerators)
        made_by[layer.name] = len(steps)
        steps.append(step)
    _place_input(steps, net, accelerators)
    return steps


def _divide(step: Step, source: Step, net: LayerGraph | PartitionedGraph, graph: LayerGraph, accelerators: int) -> None:
    """Fill in who computes what of a step."""
    layer = step.layer
    assert layer is not None
    product = layer.gemm(graph.input_shape_of(layer.name), graph.batch)
    if isinstance(net, PartitionedGraph) and layer.name in net.layers:
        _divide_parts(step, net, graph.batch, accelerators)
    elif product is not None:
        _divide_outputs(step, product, graph.input_shape_of(layer.name), source.features, accelerators)
    else:
        _divide_vector(step, source, layer, accelerators)


def _divide_parts(step: Step, net: PartitionedGraph, batch: int, accelerators: int) -> None:
    """Part p runs on accelerator p mod P."""
    layer = net.layers[step.name]
    first_in, first_out = starts(layer.in_sizes), starts(layer.out_sizes)
    step.products = [[] for _ in range(accelerators)]
    needs: list[list[Interval]] = [[] for _ in range(accelerators)]
    makes: list[list[Interval]] = [[] for _ in range(accelerators)]
    for part in range(net.parts):
        where = part % accelerators
        fan_in = layer.fan_in(part)
        step.products[where].append(Product(Gemm(batch, fan_in, layer.out_sizes[part]), fan_in, fan_in))
        needs[where] += [(first_in[b.part], first_in[b.part] + b.units) for b in layer.kept[part]]
        makes[where].append((first_out[part], first_out[part + 1]))
    step.needs = [merged(intervals) for intervals in needs]
    step.makes = Layout(tuple(merged(intervals) for intervals in makes))


def _divide_outputs(step: Step, product: Gemm, shape: tuple[int, ...], features: int, accelerators: int) -> None:
    """Output units (whole groups, if there are several) are split evenly; those with work need all that is read."""
    channels, groups = shape[0], product.groups
    pixels = step.features // (product.n * groups)
    units = split_evenly(groups if groups > 1 else product.n, accelerators)
    first = starts(units)
    makes, step.needs, step.products = [], [], []
    for a, count in enumerate(units):
        if groups > 1:
            one = Product(Gemm(product.m, product.k, product.n), channels // groups, features // groups)
            step.products.append([one] * count)
            makes.append(((first[a] * product.n * pixels, first[a + 1] * product.n * pixels),) if count else ())
            per_group = features // groups
            step.needs.append(((first[a] * per_group, first[a + 1] * per_group),) if count else ())
        else:
            step.products.append([Product(Gemm(product.m, product.k, count), channels, features)] if count else [])
            makes.append(((first[a] * pixels, first[a + 1] * pixels),) if count else ())
            step.needs.append(((0, features),) if count else ())
    step.makes = Layout(tuple(makes))


def _divide_vector(step: Step, source: Step, layer: Layer, accelerators: int) -> None:
    """Each accelerator works on what it has made itself; a reduction over units runs on accelerator 0 alone."""
    if source.makes.made and not layer.reduces_units and not source.makes.replicated:
        step.needs = list(source.makes.made)
        step.makes = source.makes.scaled(step.features, source.features)
    else:
        step.needs = [((0, source.features),), *((),) * (accelerators - 1)]
        step.makes = Layout((((0, step.features),), *((),) * (accelerators - 1)))


def _place_input(steps: list[Step], net: LayerGraph | PartitionedGraph, accelerators: int) -> None:
    """The network's input lies with the owners of its parts if a partitioned layer reads it, else with all readers."""
    start = steps[0]
    start.needs = [()] * accelerators
    readers = [step for step in steps[1:] if step.source == 0]
    first = next((s for s in readers if isinstance(net, PartitionedGraph) and s.name in net.layers), None)
    if first is None:
        start.makes = Layout((((0, start.features),),) * accelerators, replicated=True)
        return
    assert isinstance(net, PartitionedGraph)
    bounds = starts(net.layers[first.name].in_sizes)
    owned: list[list[Interval]] = [[] for _ in range(accelerators)]
    for part in range(net.parts):
        owned[part % accelerators].append((bounds[part], bounds[part + 1]))
    start.makes = Layout(tuple(merged(intervals) for intervals in owned))
