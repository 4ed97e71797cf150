"""What the unpruned network makes of calibration inputs, layer by layer, and pruned layers fitted to it.

As in `ppsim.compensate`, but a convolution is fitted from a few places of each image, as He et al. (arXiv 1707.06168)
sample them: neighbouring places say much the same, and a design is fitted anew each time it is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ppsim.pruning.activations import Rows, by_unit
from ppsim.pruning.compensation import blocks_of
from ppsim.pruning.gathering import Order
from ppsim.pruning.least_squares import RIDGE, Block, Matrix, changed, summed
from ppsim.workload.evaluation import evaluator
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Conv
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

#: places of each image that a convolution is fitted from
PLACES = 24
#: calibration inputs that are held at once
AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Teacher:
    """The whole network on calibration inputs, (N, ...); what its layers make is computed once."""

    model: Model
    layers: tuple[str, ...]
    inputs: Array
    seed: int = 0

    @cached_property
    def places(self) -> Mapping[str, npt.NDArray[np.int64]]:
        """For each layer, the places of its output that count, (places,): all of them where there are few."""
        draw = np.random.default_rng(self.seed)
        found = {}
        for name in self.layers:
            count = int(np.prod(self.model.graph.shapes[name][1:], dtype=np.int64))
            found[name] = np.sort(draw.permutation(count)[:PLACES])
        return found

    @cached_property
    def wanted(self) -> Mapping[str, Rows]:
        """What each layer makes at its places, (N x places, outputs)."""
        evaluate = evaluator(self.model, self.layers)
        found: dict[str, list[Rows]] = {name: [] for name in self.layers}
        for first in range(0, len(self.inputs), AT_ONCE):
            for name, tensor in evaluate(self.inputs[first : first + AT_ONCE]).items():
                found[name].append(by_unit(_at(tensor, self.places[name])))
        return {name: np.concatenate(pieces) for name, pieces in found.items()}

    def rows(self, left: Model, name: str, units: Order | None) -> Iterator[tuple[Rows, Rows]]:
        """What a layer of a pruned network reads at its places, and what of its outputs it should make, in pieces."""
        source = left.graph.sources[name][0]
        evaluate = evaluator(left, [source] if source != INPUT else [])
        places, wanted = self.places[name], self.wanted[name]
        for first in range(0, len(self.inputs), AT_ONCE):
            chunk = self.inputs[first : first + AT_ONCE]
            read = _operand(left.graph, name, evaluate(chunk).get(source, chunk), places)
            made = wanted[first * len(places) : (first + len(chunk)) * len(places)]
            yield read, made if units is None else made[:, units]


def _at(tensor: Array, places: npt.NDArray[np.int64]) -> Array:
    """Some places of a tensor as ONNX lays it out; units stay where they are."""
    if tensor.ndim == 4:
        flat = tensor.reshape(*tensor.shape[:2], -1)
        return flat[:, :, places][..., None]
    return tensor[:, places] if tensor.ndim == 3 else tensor


def _operand(graph: LayerGraph, name: str, tensor: Array, places: npt.NDArray[np.int64]) -> Rows:
    """The left operand of a layer's product at some places of its output, (N x places, columns)."""
    layer = graph[name]
    if not isinstance(layer, Conv):
        return by_unit(_at(tensor, places))
    (top, left), (down, right) = layer.padding, layer.stride
    padded = np.pad(tensor, ((0, 0), (0, 0), (top, top), (left, left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(2, 3))[:, :, ::down, ::right]
    rows, columns = np.divmod(places, windows.shape[3])
    patches = windows[:, :, rows, columns].transpose(0, 2, 1, 3, 4)
    return np.asarray(patches.reshape(len(tensor) * len(places), -1), dtype=np.float32)


def fitted_layer(
    teacher: Teacher, left: Model, cut: PartitionedGraph, name: str, units: Order | None
) -> dict[str, Array]:
    """New weights and bias of a layer: of each part those nearest to what the whole network makes, of its rank if any.

    `left` is the network as it is before, `units` those of the layer's outputs that are left.
    """
    tensors = left.tensors[name]
    weight = np.asarray(tensors["weight"], dtype=np.float64).reshape(len(tensors["weight"]), -1)
    blocks = blocks_of(cut, name) if name in cut.layers else [Block.whole(weight)]
    rank = cut.layers[name].rank if name in cut.layers else None
    change = np.zeros(weight.shape)
    sums = summed(tensors, teacher.rows(left, name, units), blocks, RIDGE)
    for block in blocks:
        system, cross = block.damped(sums)
        own = weight[np.ix_(block.outputs, block.columns)]
        best = own + np.linalg.solve(system, cross).T
        if rank is not None:
            best = of_rank(best, system, rank)
        change[np.ix_(block.outputs, block.columns)] = best - own
    return changed(tensors, sums, change)


def of_rank(weight: Matrix, gram: Matrix, rank: int) -> Matrix:
    """Of all weights of a rank, (outputs, columns), those whose outputs are nearest (reduced-rank regression).

    `gram` are products of the inputs, (columns, columns).
    """
    if rank >= min(weight.shape):
        return weight
    _, axes = np.linalg.eigh(weight @ gram @ weight.T)
    principal = axes[:, -rank:]
    return np.asarray(principal @ (principal.T @ weight))
