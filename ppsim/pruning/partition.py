"""`partition`: cut layers into parts and prune the weights that cross between parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from ppsim.errors import InputError
from ppsim.pruning.judge import output_judge
from ppsim.pruning.keep import budget_of, most_salient, nearest_first
from ppsim.pruning.methods import METHODS
from ppsim.pruning.methods.contract import Parts, Problem
from ppsim.pruning.saliency import Saliency, saliencies_of
from ppsim.pruning.sides import Cut, cut_of
from ppsim.workload.evaluation import checked_inputs
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph, PartitionedLayer, all_blocks, default_blocks, split_evenly


def partition(
    net: LayerGraph | Model,
    parts: int,
    layers: str = "fc*",
    weights: Model | Mapping[str, Array] | None = None,
    method: str = "alternating",
    saliency: str = "w2",
    keep: float | str | None = None,
    slack: float = 0.0,
    seed: int = 0,
    calibration: Array | None = None,
    reduce: str | None = None,
) -> PartitionedGraph:
    """Assign the units of layers to `parts` parts and keep the weights inside each part.

    `layers` is a glob, or several separated by commas, over the names of linear layers and ungrouped convolutions; the
    units of a convolution are its channels. `weights` are those of a Model (which `net` may be itself), or arrays named
    "layer.weight"; without them all that is known is the structure, and "alternating" leaves parts contiguous.

    `method` assigns units to parts (`ppsim.pruning.methods.METHODS`), so that as much `saliency` as possible is kept:
    "w" (`|w|`), "w2", or "wx2", which needs `calibration` inputs, (N, ...) as ONNX lays them out. Parts differ by one
    atom at most, or by the share `slack` of their size. `seed` starts what is random.

    `keep` is the share of the cut layers' weights to keep, from 1/parts (None: the diagonal blocks alone) to 1 (nothing
    is pruned), or the bytes to send between parts for each input, as in "64KiB". With weights it buys the blocks with
    the most saliency for each byte they move. Without, each part of each layer keeps input units of the parts after it,
    nearest first.

    A layer with fewer units than parts on one side (ten classes over 16 parts) is split by the other side and keeps all
    its weights. So are those of `layers` that match the glob `reduce`: each part computes what its inputs add to all
    outputs, and the partial sums are added up. A classifier that is cut by classes instead sees of each class no more
    than one part's features.

    Raises InputError when both sides have too few units, when an argument is out of range or unknown, or when weights
    do not fit.
    """
    return partition_and_saliencies(
        net, parts, layers, weights, method, saliency, keep, slack, seed, calibration, reduce
    )[0]


def partition_and_saliencies(
    net: LayerGraph | Model,
    parts: int,
    layers: str,
    weights: Model | Mapping[str, Array] | None,
    method: str,
    saliency: str,
    keep: float | str | None,
    slack: float,
    seed: int,
    calibration: Array | None,
    reduce: str | None,
) -> tuple[PartitionedGraph, dict[str, Saliency]]:
    """`partition`, and the saliency it went by: (outputs, inputs) of each layer, none where weights are unknown."""
    if parts < 1:
        raise InputError(f"parts must be at least 1, got {parts}")
    if method not in METHODS:
        raise InputError(f"method={method!r} is unknown; accepted: {', '.join(METHODS)}")
    if not 0 <= slack < 1:
        raise InputError(f"slack={slack:g} is out of range; accepted: from 0 to below 1")
    if seed < 0:
        raise InputError(f"seed={seed} is out of range; accepted: 0 and up")
    graph = net.graph if isinstance(net, Model) else net
    if calibration is not None:
        calibration = checked_inputs(graph, calibration)
        if not len(calibration):
            raise InputError("calibration: no inputs; give some hundreds")
    known = net if weights is None and isinstance(net, Model) else weights
    budget = None if keep is None else budget_of(keep, parts)
    names = graph.match(layers)
    cut = cut_of(graph, names, parts, () if reduce is None else _reduced(graph, names, reduce, parts))
    found = {} if known is None else saliencies_of(graph, names, known, saliency, calibration)
    make_judge = None
    if calibration is not None and isinstance(known, Model):
        make_judge = partial(output_judge, known, cut, calibration)
    problem = Problem(parts, cut.atoms, cut.couplings(found), slack, seed, make_judge)
    assignment = METHODS[method](problem)
    whole = PartitionedGraph(graph, parts, {name: _layer(graph, cut, name, assignment) for name in names})
    if budget is None:
        return whole, found
    if found:
        return most_salient(whole, found, budget), found
    if budget.share is None:
        raise InputError(
            f"keep={keep!r}: bytes buy the blocks with the most saliency, which only weights tell; give a share"
        )
    share = budget.share
    kept = {name: nearest_first(layer, share) for name, layer in whole.layers.items()}
    return PartitionedGraph(graph, parts, kept), found


def _reduced(graph: LayerGraph, names: tuple[str, ...], reduce: str, parts: int) -> tuple[str, ...]:
    """The layers to be split by inputs; raises InputError for one that is not to be cut, or has too few inputs."""
    reduced = graph.match(reduce, "reduce")
    for name in reduced:
        if name not in names:
            raise InputError(f"{graph.name}: reduce={reduce!r} names {name!r}, which is not among the layers to be cut")
        if graph.input_shapes_of(name)[0][0] < parts:
            raise InputError(f"{graph.name}: reduce={reduce!r}: {name!r} has fewer inputs than parts={parts}")
    return reduced


def _layer(graph: LayerGraph, cut: Cut, name: str, assignment: tuple[Parts, ...]) -> PartitionedLayer:
    """A layer with the blocks on the diagonal, or with all of them where a side has too few units to be cut."""
    sides, parts = cut.sides[name], cut.parts
    inputs, outputs = graph.input_shapes_of(name)[0][0], graph.shapes[name][0]
    in_parts = cut.units(sides.inputs, assignment) if sides.inputs else None
    out_parts = cut.units(sides.outputs, assignment) if sides.outputs else None
    in_sizes, in_assignment = _sizes(in_parts, inputs, parts)
    if out_parts is None:
        kept = all_blocks(in_sizes, (outputs,))
        return PartitionedLayer(in_sizes, (outputs,), kept, in_assignment=in_assignment, split="inputs")
    out_sizes, out_assignment = _sizes(out_parts, outputs, parts)
    diagonal = default_blocks(in_sizes, out_sizes, "outputs")
    kept = all_blocks(in_sizes, out_sizes) if in_parts is None else diagonal
    return PartitionedLayer(in_sizes, out_sizes, kept, in_assignment, out_assignment)


def _sizes(unit_parts: Parts | None, units: int, parts: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Sizes of the parts, and the part of each unit unless they are in order."""
    if unit_parts is None:
        return split_evenly(units, parts), None
    sizes = tuple(np.bincount(unit_parts, minlength=parts).tolist())
    return sizes, tuple(unit_parts.tolist()) if (np.diff(unit_parts) < 0).any() else None
