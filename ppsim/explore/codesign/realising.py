"""The trained network of a design: the units that stay, and the weights that parts keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppsim.explore.codesign.arrangement import Arrangement
from ppsim.explore.codesign.building import built, samples
from ppsim.explore.codesign.fitting import Teacher, fitted_layer, of_rank
from ppsim.explore.codesign.space import Design, Space
from ppsim.pruning.block_order import in_block_order
from ppsim.pruning.compensation import blocks_of
from ppsim.pruning.gathering import reads_all
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.narrowing import kept_units, narrowed_model
from ppsim.pruning.sampling import sampled_model
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph


@dataclass(frozen=True, eq=False)
class Realised:
    """A design's numbers and its network, units in the order of their parts."""

    model: Model
    net: PartitionedGraph


def realised(model: Model, space: Space, design: Design, arrangement: Arrangement, teacher: Teacher | None) -> Realised:
    """A design with trained numbers.

    With a teacher, the layers that read fewer units than they did, or are cut, are fitted by least squares, from the
    first to the last, to what they make in the whole network. Without, what is left stays as it was.
    """
    staying = {
        maker: _units(space, axis, design.widths[axis], arrangement)
        for axis, maker in enumerate(space.makers)
        if maker is not None and design.widths[axis] < space.atoms[axis]
    }
    cut = built(space, design, arrangement)
    units = kept_units(model.graph, staying)
    taken = samples(space, design, arrangement)
    left = masked(sampled_model(narrowed_model(model, staying), taken), masks_of(cut))
    for layer in cut.graph.layers:
        name = layer.name
        fewer = reads_all(layer) and (name in taken or cut.graph.sources[name][0] in units)
        if teacher is not None and (fewer or name in cut.layers):
            left = left.with_tensors({name: fitted_layer(teacher, left, cut, name, units.get(name))})
        elif name in cut.layers:
            left = left.with_tensors({name: {"weight": _of_its_rank(left, cut, name)}})
    ordered = in_block_order(left, cut)
    return Realised(ordered.model, ordered.net)


def _units(space: Space, axis: int, width: int, arrangement: Arrangement) -> list[int]:
    maker = space.makers[axis]
    assert maker is not None
    each = space.ends[space.layers.index(maker)].units_made
    atoms = arrangement.kept(axis, width)
    return [int(unit) for unit in (atoms[:, None] * each + np.arange(each)).reshape(-1)]


def _of_its_rank(left: Model, cut: PartitionedGraph, name: str) -> Array:
    """The weights of a layer, those of each part nearest to what they were of the layer's rank."""
    weight, rank = left.weight(name), cut.layers[name].rank
    if rank is None:
        return weight
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    for block in blocks_of(cut, name):
        place = np.ix_(block.outputs, block.columns)
        flat[place] = of_rank(flat[place], np.eye(len(block.columns)), rank)
    return flat.reshape(weight.shape).astype(np.float32)
