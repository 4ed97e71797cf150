"""A network as a graph of layers, with every shape inferred and checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType

from ppsim.errors import InputError
from ppsim.workload.gemm import Gemm
from ppsim.workload.layers import Layer, Linear, Shape

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
        if self.batch < 1:
            raise InputError(f"{self.name}: batch must be at least 1, got {self.batch}")
        if self.bits is not None and self.bits < 1:
            raise InputError(f"{self.name}: bits must be at least 1, got {self.bits}")
        if not self.layers:
            raise InputError(f"{self.name}: layers: a network needs at least one layer")
        _ = self.shapes

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """Layer name -> the layer it reads (`INPUT` for the network's input)."""
        found: dict[str, str] = {}
        before = INPUT
        for layer in self.layers:
            if layer.name in found or layer.name == INPUT:
                raise InputError(f"{self.name}: layers: the name {layer.name!r} is taken; names must be unique")
            if len(layer.inputs) > 1:
                raise InputError(f"{self.name}: layer {layer.name!r}: inputs: takes one input, got {len(layer.inputs)}")
            source = layer.inputs[0] if layer.inputs else before
            if source != INPUT and source not in found:
                raise InputError(
                    f"{self.name}: layer {layer.name!r}: inputs: {source!r} is no earlier layer; known so far: "
                    + (", ".join(found) or INPUT)
                )
            found[layer.name] = source
            before = layer.name
        return MappingProxyType(found)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Layer name -> shape of its output; `INPUT` -> shape of the network's input."""
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        sources = self.sources
        for layer in self.layers:
            try:
                shapes[layer.name] = layer.output_shape(shapes[sources[layer.name]])
            except InputError as error:
                raise InputError(f"{self.name}: {error}") from None
        return MappingProxyType(shapes)

    def __getitem__(self, name: str) -> Layer:
        """The layer called `name`; raises KeyError."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def input_shape_of(self, name: str) -> Shape:
        """Shape of what the layer called `name` reads."""
        return self.shapes[self.sources[name]]

    def gemm_of(self, name: str) -> Gemm | None:
        """The product a layer lowers to at this graph's batch, or None."""
        return self[name].gemm(self.input_shape_of(name), self.batch)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network at this batch."""
        return sum(gemm.macs for layer in self.layers if (gemm := self.gemm_of(layer.name)))

    @cached_property
    def parameters(self) -> int:
        """Weights of all layers (biases are not modelled)."""
        return sum(gemm.weights for layer in self.layers if (gemm := self.gemm_of(layer.name)))

    def match(self, patterns: str | Iterable[str]) -> tuple[str, ...]:
        """Names of the linear layers that match a glob, a comma-separated list of globs, or a sequence of them.

        Raises InputError when a pattern matches none.
        """
        globs = [p.strip() for p in patterns.split(",")] if isinstance(patterns, str) else list(patterns)
        linear = [layer.name for layer in self.layers if isinstance(layer, Linear)]
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in linear):
                raise InputError(
                    f"{self.name}: layers={glob!r} matches no linear layer; "
                    f"linear layers: {', '.join(linear) or 'none'}"
                )
        return tuple(name for name in linear if any(fnmatchcase(name, glob) for glob in globs))

    def with_batch(self, batch: int) -> LayerGraph:
        """The same network for another batch."""
        return replace(self, batch=batch)

    def stretch(self, names: tuple[str, ...]) -> LayerGraph:
        """The sub-network of consecutive layers `names`, fed with what the first of them read."""
        first = self[names[0]]
        kept = tuple(replace(self[name], inputs=()) if name == first.name else self[name] for name in names)
        return replace(
            self, name=f"{self.name}[{names[0]}..{names[-1]}]", input_shape=self.input_shape_of(first.name), layers=kept
        )


def gemm(m: int, k: int, n: int, bits: int = 16) -> LayerGraph:
    """A network of one linear layer: an (m x k) activation matrix times (k x n) weights of `bits` bits each."""
    for label, size in (("M", m), ("K", k), ("N", n), ("bits", bits)):
        if size < 1:
            raise InputError(f"gemm: {label} must be at least 1, got {size}")
    return LayerGraph(
        name=f"gemm-{m}x{k}x{n}", input_shape=(k,), layers=(Linear(name="gemm", out_features=n),), batch=m, bits=bits
    )
