"""The network that `cost` is asked about: narrower, of lower rank, cut into parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.explore.cost.narrowed_cut import narrowed_cut
from ppsim.pruning.low_rank import factorised
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.pruning.partition import partition as partitioned
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

Network = LayerGraph | PartitionedGraph
#: by layer an output width, as units or as a share of those it has; or one share for all layers
Keep = float | Mapping[str, int | float]


@dataclass(frozen=True)
class Cut:
    """How layers are cut into parts: the arguments of `ppsim.partition` that need no weights."""

    parts: int
    layers: str = "fc*"
    keep: float | None = None
    reduce: str | None = None


def variant(
    graph: Network,
    keep: Keep | None = None,
    rank: Mapping[str, int] | None = None,
    partition: Cut | int | None = None,
) -> Network:
    """A network with other widths and ranks, cut or not.

    Widths change first, then the network is cut; a rank is that of each part's block where a layer is cut, and makes
    two layers of one where it is not. Raises InputError for layers, widths and ranks that do not exist, and for a
    `partition` of what is cut already.
    """
    if keep is not None:
        widths = widths_of(graph, keep)
        graph = narrowed_cut(graph, widths) if isinstance(graph, PartitionedGraph) else narrowed(graph, widths)
    if partition is not None:
        if isinstance(graph, PartitionedGraph):
            raise InputError(f"{graph.name}: is partitioned already; leave partition out")
        cut = partition if isinstance(partition, Cut) else Cut(partition)
        graph = partitioned(graph, cut.parts, layers=cut.layers, keep=cut.keep, reduce=cut.reduce)
    return with_ranks(graph, rank) if rank else graph


def widths_of(net: Network, keep: Keep) -> dict[str, int]:
    """Output widths by layer; a share is rounded to whole units, of those that go together, and leaves one of them.

    One share for all goes for every width that can be changed.
    """
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    if not isinstance(keep, Mapping):
        firsts = (next(iter(shared.layers)) for shared in shared_widths(graph))
        keep = dict.fromkeys(firsts, float(keep))
    return {name: _width(graph, name, asked) for name, asked in keep.items()}


def _width(graph: LayerGraph, name: str, asked: int | float) -> int:
    if not isinstance(asked, float):
        return asked
    check_layer(graph, name, "keep")
    if not 0 < asked <= 1:
        raise InputError(f"keep={asked:g} of layer {quote(name)} is no share; accepted: above 0, up to 1")
    width = graph.shapes[name][0]
    steps = next((shared.steps for shared in shared_widths(graph) if name in shared.layers), width)
    return max(1, round(asked * steps)) * (width // steps)


def with_ranks(net: Network, ranks: Mapping[str, int]) -> Network:
    """A network with layers of lower rank; raises InputError for a rank that a layer cannot have."""
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    for name in ranks:
        check_layer(graph, name, "rank")
    cut = net.layers if isinstance(net, PartitionedGraph) else {}
    whole = {name: rank for name, rank in ranks.items() if name not in cut}
    if whole:
        graph = factorised(graph, whole)
    if not isinstance(net, PartitionedGraph):
        return graph
    layers = dict(net.layers)
    for name, rank in ranks.items():
        if name in cut:
            try:
                layers[name] = replace(layers[name], rank=rank)
            except InputError as error:
                raise InputError(f"{net.name}: layer {quote(name)}: {error}") from None
    return replace(net, graph=graph, layers=layers)


def check_layer(graph: LayerGraph, name: str, argument: str) -> None:
    """Raise InputError if a network has no linear layer or ungrouped convolution `name`."""
    if name not in graph.divisible:
        raise InputError(
            f"{graph.name}: {argument} of {quote(name)}: there is no such linear layer or ungrouped convolution; "
            f"accepted: {', '.join(graph.divisible) or 'none'}"
        )
