"""A network as a graph of layers, with every shape inferred and checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from numbers import Integral
from types import MappingProxyType

from ppsim.errors import InputError
from ppsim.workload.gemm import Gemm
from ppsim.workload.layer import Layer, Shape, Shapes
from ppsim.workload.layers import Conv, Linear

INPUT = "input"


@dataclass(frozen=True)
class LayerGraph:
    """Layers in an order in which each comes after what it reads.

    `input_shape` leaves the batch out. `bits` is the width of a weight and an activation; None takes the width the
    arrays of the system are built for.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    batch: int = 1
    bits: int | None = None

    def __post_init__(self) -> None:
        """Infer all shapes now, so that a graph that exists is a graph that fits."""
        for what, count in (("batch", self.batch), ("bits", 1 if self.bits is None else self.bits)):
            if not isinstance(count, Integral):
                raise InputError(f"{self.name}: {what} must be a whole number, got {count!r}")
            if count < 1:
                raise InputError(f"{self.name}: {what} must be at least 1, got {count}")
        if not self.layers:
            raise InputError(f"{self.name}: layers: a network needs at least one layer")
        _ = self.shapes

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Layer name -> the layers it reads, in order (`INPUT` for the network's input)."""
        found: dict[str, tuple[str, ...]] = {}
        before = INPUT
        later = {layer.name for layer in self.layers}
        for layer in self.layers:
            if layer.name in found or layer.name == INPUT:
                raise InputError(f"{self.name}: layers: the name {layer.name!r} is taken; names must be unique")
            inputs = layer.inputs or (before,)
            fewest, most = layer.arity
            if not fewest <= len(inputs) <= most:
                takes = (
                    "one input" if most == 1 else f"{fewest} to {most} inputs" if most > fewest else f"{most} inputs"
                )
                raise InputError(f"{self.name}: layer {layer.name!r}: inputs: takes {takes}, got {len(inputs)}")
            for source in inputs:
                if source != INPUT and source not in found:
                    what = (
                        "stands later (no cycles, and each after what it reads)" if source in later else "is no layer"
                    )
                    raise InputError(
                        f"{self.name}: layer {layer.name!r}: inputs: {source!r} {what}; known so far: "
                        + (", ".join([INPUT, *list(found)[-8:]]))
                    )
            found[layer.name] = inputs
            before = layer.name
        return MappingProxyType(found)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Layer name -> shape of its output; `INPUT` -> shape of the network's input."""
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        sources = self.sources
        for layer in self.layers:
            try:
                shapes[layer.name] = layer.output_shape(tuple([shapes[source] for source in sources[layer.name]]))
            except InputError as error:
                raise InputError(f"{self.name}: {error}") from None
        return MappingProxyType(shapes)

    @cached_property
    def results(self) -> tuple[str, ...]:
        """The layers nobody reads, in order."""
        read = {source for sources in self.sources.values() for source in sources}
        return tuple(layer.name for layer in self.layers if layer.name not in read)

    def __getitem__(self, name: str) -> Layer:
        """The layer called `name`; raises KeyError."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def input_shapes_of(self, name: str) -> Shapes:
        """Shapes of what the layer called `name` reads."""
        return self._input_shapes[name]

    @cached_property
    def _input_shapes(self) -> dict[str, Shapes]:
        shapes = self.shapes
        return {name: tuple([shapes[source] for source in sources]) for name, sources in self.sources.items()}

    def gemm_of(self, name: str) -> Gemm | None:
        """The product a layer lowers to at this graph's batch, or None."""
        return self[name].gemm(self.input_shapes_of(name), self.batch)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network at this batch."""
        return sum(gemm.macs for layer in self.layers if (gemm := self.gemm_of(layer.name)))

    @cached_property
    def weights(self) -> int:
        """Weights of all matrix products: what arrays load."""
        return sum(
            gemm.weights
            for layer in self.layers
            if not layer.between_activations and (gemm := self.gemm_of(layer.name))
        )

    @cached_property
    def parameters(self) -> int:
        """Trained numbers of all layers, as published counts have them: weights, biases, normalisation, embeddings."""
        return sum(layer.parameters(self.input_shapes_of(layer.name)) for layer in self.layers)

    @cached_property
    def divisible(self) -> tuple[str, ...]:
        """Names of the layers that can be cut into parts: linear ones, and convolutions that are not grouped."""
        return tuple(
            layer.name
            for layer in self.layers
            if isinstance(layer, Linear) or (isinstance(layer, Conv) and layer.groups == 1)
        )

    @cached_property
    def _divisible(self) -> frozenset[str]:
        return frozenset(self.divisible)

    def is_divisible(self, name: str) -> bool:
        """Whether there is a layer `name` that can be cut into parts."""
        return name in self._divisible

    def match(self, patterns: str | Iterable[str], argument: str = "layers") -> tuple[str, ...]:
        """Names of the divisible layers that match a glob, a comma-separated list of globs, or a sequence of them.

        Raises InputError, which names the argument that the patterns are, when a pattern matches none.
        """
        globs = [p.strip() for p in patterns.split(",")] if isinstance(patterns, str) else list(patterns)
        found: set[str] = set()
        for glob in globs:
            matching = [name for name in self.divisible if fnmatchcase(name, glob)]
            if not matching:
                raise InputError(
                    f"{self.name}: {argument}={glob!r} matches no linear layer or ungrouped convolution; "
                    f"there are: {', '.join(self.divisible) or 'none'}"
                )
            found.update(matching)
        return tuple([name for name in self.divisible if name in found])

    def with_batch(self, batch: int) -> LayerGraph:
        """The same network for another batch."""
        return replace(self, batch=batch)

    def for_run(self, batch: int, bits: int | None, sequence: int | None) -> LayerGraph:
        """The same network for `batch` inputs of `bits`-bit words, with `sequence` positions (None: as it is).

        Raises InputError for a sequence where the input is none.
        """
        shape = self.input_shape
        if sequence is not None:
            if len(shape) != 2:
                raise InputError(f"{self.name}: sequence={sequence}: its input of {shape} is no (features, positions)")
            if sequence < 1:
                raise InputError(f"{self.name}: sequence must be at least 1, got {sequence}")
            shape = (shape[0], sequence)
        return replace(self, input_shape=shape, batch=batch, bits=bits)

    def stretch(self, names: tuple[str, ...]) -> LayerGraph:
        """The sub-network of consecutive layers `names`, fed with what the first of them read."""
        first = self[names[0]]
        kept = tuple(replace(self[name], inputs=()) if name == first.name else self[name] for name in names)
        return replace(
            self,
            name=f"{self.name}[{names[0]}..{names[-1]}]",
            input_shape=self.input_shapes_of(first.name)[0],
            layers=kept,
        )


def gemm(m: int, k: int, n: int, bits: int = 16) -> LayerGraph:
    """A network of one linear layer: an (m x k) activation matrix times (k x n) weights of `bits` bits each."""
    for label, size in (("M", m), ("K", k), ("N", n), ("bits", bits)):
        if size < 1:
            raise InputError(f"gemm: {label} must be at least 1, got {size}")
    return LayerGraph(
        name=f"gemm-{m}x{k}x{n}",
        input_shape=(k,),
        layers=(Linear(name="gemm", out_features=n, bias=False),),
        batch=m,
        bits=bits,
    )
