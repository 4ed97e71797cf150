"""`partition`: cut layers into parts and prune the weights that cross between parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from numbers import Integral

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.axes import Span
from ppsim.pruning.judge import output_judge
from ppsim.pruning.keep import budget_of, most_salient, nearest_first
from ppsim.pruning.methods import IN_ORDER, METHODS
from ppsim.pruning.methods.contract import Parts, Problem
from ppsim.pruning.saliency import Saliency, saliencies_of
from ppsim.pruning.sides import Cut, cut_of
from ppsim.workload.evaluation import checked_inputs
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph, PartitionedLayer, all_blocks, default_blocks, split_evenly

#: spans -> sizes of the parts of what lies there, and the part of each unit unless they are in order
Known = dict[tuple[Span, ...], tuple[tuple[int, ...], tuple[int, ...] | None]]
#: the part of each atom of each axis, found when it is asked for
Assigned = Callable[[], tuple[Parts, ...]]


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
    if not isinstance(parts, Integral):
        raise InputError(f"parts has to be a whole number, got {quote(parts)}")
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
    assigned = cache(partial(METHODS[method], problem))
    sizes: Known = {}
    if method in IN_ORDER and not found:  # then most sides need no assignment unit by unit
        sizes = {spans: (in_order, None) for spans, in_order in cut.in_order().items()}
    layers_cut = {name: _layer(graph, cut, name, assigned, sizes) for name in names}
    whole = PartitionedGraph(graph, parts, layers_cut)
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


def _layer(graph: LayerGraph, cut: Cut, name: str, assigned: Assigned, known: Known) -> PartitionedLayer:
    """A layer with the blocks on the diagonal, or with all of them where a side has too few units to be cut.

    `known` remembers how what lies on some spans is cut: one layer's outputs are the next one's inputs.
    """
    sides = cut.sides[name]
    inputs, outputs = graph.input_shapes_of(name)[0][0], graph.shapes[name][0]
    in_sizes, in_assignment = _sizes(cut, sides.inputs, inputs, assigned, known)
    if not sides.outputs:
        kept = all_blocks(in_sizes, (outputs,))
        return PartitionedLayer(in_sizes, (outputs,), kept, in_assignment=in_assignment, split="inputs")
    out_sizes, out_assignment = _sizes(cut, sides.outputs, outputs, assigned, known)
    kept = default_blocks(in_sizes, out_sizes, "outputs") if sides.inputs else all_blocks(in_sizes, out_sizes)
    return PartitionedLayer(in_sizes, out_sizes, kept, in_assignment, out_assignment)


def _sizes(
    cut: Cut, spans: tuple[Span, ...], units: int, assigned: Assigned, known: Known
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Sizes of the parts of what lies on some spans, and the part of each unit unless they are in order."""
    if not spans:
        return split_evenly(units, cut.parts), None
    if spans not in known:
        unit_parts = cut.units(spans, assigned())
        sizes = tuple(np.bincount(unit_parts, minlength=cut.parts).tolist())
        known[spans] = sizes, tuple(unit_parts.tolist()) if (unit_parts[1:] < unit_parts[:-1]).any() else None
    return known[spans]
