"""Blocks between parts that are kept after all: what else a budget of weights or of bytes buys.

Beyond its own block, a part may keep weights from input units of another part, which then have to be sent to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.pruning.methods.contract import by_part
from ppsim.pruning.saliency import Saliency
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

#: bits of an activation where the network leaves them to the system
USUAL_BITS = 16
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be kept: a `share` of all weights of the layers that are cut, or `moved_bytes` sent between parts."""

    share: float | None = None
    moved_bytes: int | None = None


def budget_of(keep: float | str, parts: int) -> Budget:
    """The budget that `keep` names: a share from 1/parts to 1, or bytes as in "64 KiB", for each input of the network.

    Raises InputError naming what is accepted.
    """
    if isinstance(keep, str):
        found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]iB|B)\s*", keep)
        if found:
            return Budget(moved_bytes=int(float(found[1]) * UNITS[found[2]]))
        try:
            keep = float(keep)
        except ValueError:
            raise InputError(
                f"keep={keep!r} is neither a share of weights, as in 0.25, nor bytes moved between parts, as in 64KiB "
                f"({', '.join(UNITS)})"
            ) from None
    if not 1 / parts - 1e-9 <= keep <= 1:
        raise InputError(
            f"keep={keep:g} is out of range; with parts={parts} it goes from 1/{parts} ({1 / parts:.4g}) to 1"
        )
    return Budget(share=keep)


def nearest_first(layer: PartitionedLayer, share: float) -> PartitionedLayer:
    """Where weights are unknown: each part also keeps input units of the parts after it, up to `share` of all.

    Layers that keep all their blocks, or are split by inputs, stay as they are.
    """
    if layer.split == "inputs" or layer.weights == layer.dense_weights:
        return layer
    target = round(share * sum(layer.in_sizes))
    return replace(layer, kept=tuple(_nearest_first(layer.in_sizes, part, target) for part in range(layer.parts)))


def _nearest_first(in_sizes: tuple[int, ...], part: int, target: int) -> tuple[Kept, ...]:
    """The part's own block, and units of the parts after it until `target` input units are kept."""
    kept = [Kept(part, in_sizes[part])]
    missing = target - in_sizes[part]
    for distance in range(1, len(in_sizes)):
        if missing <= 0:
            break
        other = (part + distance) % len(in_sizes)
        units = min(missing, in_sizes[other])
        kept.append(Kept(other, units))
        missing -= units
    return tuple(sorted(kept, key=lambda block: block.part))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A block between parts: `weights` it holds and `moved_bytes` of activations that keeping it sends."""

    layer: str
    into: int
    part: int
    saliency: float
    weights: int
    moved_bytes: int


def most_salient(net: PartitionedGraph, saliencies: Mapping[str, Saliency], budget: Budget) -> PartitionedGraph:
    """Keep blocks between parts, those with the most saliency for each byte moved first, as far as the budget goes.

    `saliencies[layer]` are (outputs, inputs). A block that no longer fits is passed over. One budget serves all layers;
    what several layers read counts for each of them. Raises InputError where what has to be kept is over the budget.
    """
    candidates = [found for name, saliency in saliencies.items() for found in _candidates(net, name, saliency)]
    candidates.sort(key=lambda block: (-block.saliency / block.moved_bytes, block.layer, block.into, block.part))
    if budget.moved_bytes is not None:
        fewest = sum(moved_bytes(net, name) for name in net.layers)
        left, needed = budget.moved_bytes - fewest, f"bytes moved: at least {fewest}"
    else:
        assert budget.share is not None
        # the share 1/parts is that of equal parts, and stands for the diagonal blocks where parts cannot be equal
        least = budget.share <= 1 / net.parts + 1e-9
        left = 0 if least else int(budget.share * net.dense_weights + 1e-6) - net.nonzeros
        needed = f"share of weights: at least {net.kept_ratio:.4g}"
    if left < 0:
        raise InputError(
            f"keep: the blocks from part p to part p, and layers that keep all their weights, take more; {needed}"
        )
    bought: dict[str, dict[int, list[int]]] = {}
    for block in candidates:
        price = block.weights if budget.moved_bytes is None else block.moved_bytes
        if price <= left:
            left -= price
            bought.setdefault(block.layer, {}).setdefault(block.into, []).append(block.part)
    return replace(net, layers={name: _with(layer, bought.get(name, {})) for name, layer in net.layers.items()})


def _candidates(net: PartitionedGraph, name: str, saliency: Saliency) -> list[_Candidate]:
    layer, taps = net.layers[name], net.taps(name)
    if layer.split == "inputs":
        return []
    blocks = block_saliency(layer, saliency)
    unit_bytes = _unit_bytes(net.graph, name)
    return [
        _Candidate(
            layer=name,
            into=q,
            part=p,
            saliency=float(blocks[q, p]),
            weights=layer.in_sizes[p] * layer.out_sizes[q] * taps,
            moved_bytes=layer.in_sizes[p] * unit_bytes,
        )
        for q in range(layer.parts)
        for p in sorted(set(range(layer.parts)) - {block.part for block in layer.kept[q]})
        if layer.in_sizes[p] and layer.out_sizes[q]
    ]


def block_saliency(layer: PartitionedLayer, saliency: Saliency) -> npt.NDArray[np.float64]:
    """(outputs, inputs) summed over each block: (output parts, input parts)."""
    columns = by_part(saliency, layer.part_of("in"), len(layer.in_sizes))
    return by_part(columns.T, layer.part_of("out"), len(layer.out_sizes)).T


def moved_bytes(net: PartitionedGraph, name: str) -> int:
    """Bytes that the parts of a layer are sent by other parts, for each input of the network."""
    layer = net.layers[name]
    if layer.split == "inputs":
        return 0
    units = sum(block.units for q, blocks in enumerate(layer.kept) for block in blocks if block.part != q)
    return units * _unit_bytes(net.graph, name)


def _unit_bytes(graph: LayerGraph, name: str) -> int:
    """Bytes that one input unit of a layer is sent as, for each input of the network."""
    positions = prod(graph.input_shapes_of(name)[0][1:])
    return -(-positions * (graph.bits or USUAL_BITS) // 8)


def _with(layer: PartitionedLayer, bought: Mapping[int, list[int]]) -> PartitionedLayer:
    kept = tuple(
        tuple(sorted((*blocks, *(Kept(p, layer.in_sizes[p]) for p in bought.get(q, ()))), key=lambda block: block.part))
        for q, blocks in enumerate(layer.kept)
    )
    return replace(layer, kept=kept)
