"""Layers that have a price of their own: their shape, the widths they are priced at, and each of them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import lcm, prod
from typing import Literal, get_args

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.pruning.partition import partition
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Conv, Flatten, Linear
from ppsim.workload.partitioned import PartitionedGraph

Kind = Literal["conv", "linear"]
#: widths of an axis unless a step is given: multiples of the array's columns, so many of them that no axis has more
MOST_WIDTHS = 16
#: name of the one layer with weights in a network that `alone` makes
ALONE = "layer"


@dataclass(frozen=True)
class LayerShape:
    """A convolution or linear layer as it stands in its network.

    `input_shape` and `output_shape` leave the batch out, units first. `atom` is how many of its input units come from
    one unit of the layer before: the pixels of a channel behind a flatten, else 1. Of a linear layer `kernel`, `stride`
    and `padding` are (1, 1), (1, 1) and (0, 0).
    """

    name: str
    kind: Kind
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    groups: int = 1
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    atom: int = 1

    @property
    def inputs(self) -> int:
        """Input units: channels or features."""
        return self.input_shape[0]

    @property
    def outputs(self) -> int:
        """Output units: channels or features."""
        return self.output_shape[0]

    @property
    def depthwise(self) -> bool:
        """Whether each group has one input channel: it is as wide as what it reads, always."""
        return self.kind == "conv" and self.groups == self.inputs and self.groups > 1

    def own_groups(self, inputs: int) -> int:
        """Groups of the layer, uncut, when it has `inputs` input units."""
        return inputs if self.depthwise else self.groups

    def axes(self, steps: Steps) -> tuple[list[int], list[int]]:
        """The widths of input units and of output units the layer is priced at, ascending."""
        before: Kind = "conv" if self.atom > 1 else self.kind
        step = lcm(steps.of(before, self.inputs // self.atom), 1 if self.depthwise else self.groups)
        inputs = [self.atom * width for width in widths(self.inputs // self.atom, step)]
        if self.depthwise:
            return inputs, [width * (self.outputs // self.inputs) for width in inputs]
        return inputs, widths(self.outputs, lcm(steps.of(self.kind, self.outputs), self.groups))

    def pairs(self, inputs: list[int], outputs: list[int]) -> Iterator[tuple[int, int]]:
        """All (input units, output units) of two axes that go together."""
        return zip(inputs, outputs, strict=True) if self.depthwise else product(inputs, outputs)


@dataclass(frozen=True)
class Steps:
    """Units from one width to the next.

    `step` is one number, or one for each kind of layer; None: multiples of `columns`, the fewest that leave an axis
    with no more than `MOST_WIDTHS` widths.
    """

    columns: int
    step: int | Mapping[str, int] | None = None

    def of(self, kind: Kind, units: int) -> int:
        """The step of an axis of so many units."""
        if isinstance(self.step, int):
            return self.step
        if self.step is not None and kind in self.step:
            return self.step[kind]
        return self.columns * -(-units // (self.columns * MOST_WIDTHS))


def widths(units: int, step: int) -> list[int]:
    """Multiples of `step` below `units`, and `units`."""
    return [*range(step, units, step), units]


def steps_of(system: System, step: int | Mapping[str, int] | None) -> Steps:
    """Widths for arrays of accelerator 0; raises InputError for a step below 1, or of a kind that no layer is of."""
    if isinstance(step, Mapping) and (unknown := [kind for kind in step if kind not in get_args(Kind)]):
        raise InputError(f"step: {quote(unknown[0])} is no kind of layer; accepted: {', '.join(get_args(Kind))}")
    given = () if step is None else (step,) if isinstance(step, int) else tuple(step.values())
    for number in given:
        if number < 1:
            raise InputError(f"step must be at least 1, got {number}")
    return Steps(system.accelerator(0).array.cols, step)


def shapes_of(graph: LayerGraph) -> tuple[LayerShape, ...]:
    """All convolutions and linear layers of a network, in order."""
    found = []
    for layer in graph.layers:
        given, made = graph.input_shapes_of(layer.name)[0], graph.shapes[layer.name]
        if isinstance(layer, Conv):
            window = (layer.kernel, layer.stride, layer.padding)
            found.append(LayerShape(layer.name, "conv", given, made, layer.groups, *window))
        elif isinstance(layer, Linear):
            found.append(LayerShape(layer.name, "linear", given, made, atom=_atom(graph, layer.name)))
    return tuple(found)


def _atom(graph: LayerGraph, name: str) -> int:
    """Units of a layer's input that go with one unit of what made it."""
    source = graph.sources[name][0]
    while source != INPUT:
        layer = graph[source]
        if isinstance(layer, Flatten):
            return prod(graph.input_shapes_of(source)[0][1:])
        if not layer.pointwise:
            break
        source = graph.sources[source][0]
    return 1


def followers(graph: LayerGraph, name: str) -> tuple[str, ...]:
    """The pointwise layers that run as a layer's outputs drain: each the only reader of the one before it."""
    readers: dict[str, list[str]] = {}
    for reader, sources in graph.sources.items():
        for source in sources:
            readers.setdefault(source, []).append(reader)
    found: list[str] = []
    while len(after := readers.get(found[-1] if found else name, [])) == 1 and graph[after[0]].pointwise:
        found += after
    return tuple(found)


def alone(graph: LayerGraph, shape: LayerShape, inputs: int, outputs: int) -> LayerGraph:
    """A layer of other widths, uncut, with the pointwise layers behind it, as a network.

    Layers are called alike whatever network they are from, so that equal ones are equal.
    """
    layer, names = graph[shape.name], followers(graph, shape.name)
    if isinstance(layer, Conv):
        narrowed: Conv | Linear = replace(layer, out_channels=outputs, groups=shape.own_groups(inputs))
    else:
        assert isinstance(layer, Linear)
        narrowed = replace(layer, out_features=outputs)
    behind = (replace(graph[name], name=f"after{number}", inputs=()) for number, name in enumerate(names, 1))
    return LayerGraph(
        name=f"{shape.kind} {inputs}x{outputs}",
        input_shape=(inputs, *shape.input_shape[1:]),
        layers=(replace(narrowed, name=ALONE, inputs=()), *behind),
        batch=graph.batch,
        bits=graph.bits,
    )


def can_be_cut(shape: LayerShape, inputs: int, outputs: int, parts: int) -> bool:
    """Whether a layer of these widths can be cut in so many parts: by one of its sides, if it is no grouped one."""
    return shape.groups == 1 and 1 < parts <= max(inputs, outputs)


def cut(graph: LayerGraph, parts: int) -> PartitionedGraph:
    """The one layer of a network that `alone` made, block-diagonal.

    As `ppsim.partition` does it: where one side has fewer units than parts, the other is split and all is kept.
    """
    return partition(graph, parts, layers=ALONE)
