"""`prices`: what one more channel, rank or block less is worth, layer by layer, on the whole of a system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ppsim.errors import InputError
from ppsim.explore.cost.blocks import BlockPrice, block_price, blocks_of
from ppsim.explore.cost.costs import Cost
from ppsim.explore.cost.narrowed_cut import highest_rank
from ppsim.explore.cost.oracle import Oracle, usual_system
from ppsim.explore.cost.staircases import Staircase, staircase
from ppsim.explore.cost.variants import Network, variant
from ppsim.hardware.system import System
from ppsim.pruning.low_rank import full_rank
from ppsim.pruning.narrowing import SharedWidth, shared_widths
from ppsim.workload.partitioned import PartitionedGraph

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Prices:
    """What pruning a little more saves, against the network as it is.

    `widths` and `ranks` are staircases of layers' output units and ranks; `blocks` are the kept blocks of layers that
    are cut. `left_out` says why a layer has no staircase of widths, by layer.
    """

    cost: Cost
    widths: tuple[Staircase, ...]
    ranks: tuple[Staircase, ...]
    blocks: tuple[BlockPrice, ...]
    left_out: Mapping[str, str]

    def best(self) -> tuple[Staircase, ...]:
        """The staircases that have a faster step, the most seconds for each unit given up first."""
        found = [stairs for stairs in (*self.widths, *self.ranks) if stairs.next_faster is not None]
        return tuple(sorted(found, key=Staircase.saved_seconds_each, reverse=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "cost": self.cost.to_dict(),
            "widths": [stairs.to_dict() for stairs in self.widths],
            "ranks": [stairs.to_dict() for stairs in self.ranks],
            "blocks": [asdict(block) for block in self.blocks],
            "left_out": dict(self.left_out),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a step of a staircase or a block: layer, kind, value, cost of the whole, and what it saves.

        `next_faster` and `next_cheaper` mark the steps that pay next. A block's value is its number of units; its parts
        are in `out_part` and `in_part`.
        """
        import pandas as pd

        return pd.DataFrame(list(self._rows()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for stairs in (*self.widths, *self.ranks):
            for step in stairs.steps:
                yield {
                    "layer": "+".join(stairs.layers),
                    "kind": stairs.kind,
                    **asdict(step),
                    "next_faster": step == stairs.next_faster,
                    "next_cheaper": step == stairs.next_cheaper,
                }
        for block in self.blocks:
            row = asdict(block)
            yield {"layer": row.pop("layer"), "kind": "block", "value": row.pop("units"), **row}


def prices(
    graph: Network,
    system: System | str = "tetris",
    layers: str = "*",
    blocks: bool = False,
    progress: Progress | None = None,
) -> Prices:
    """What each layer's channels and ranks, and with `blocks` each kept block, cost: by simulating without them.

    Every number is a difference of two simulations of the whole network on the whole system, contention and links
    included. `layers` is a glob, or several separated by commas. Layers whose units go together have one staircase.
    `progress(done, total)` is told how far it is.

    Raises InputError when a glob matches no layer, or the network cannot run on the system.
    """
    whole = graph.graph if isinstance(graph, PartitionedGraph) else graph
    oracle = Oracle(system if isinstance(system, System) else usual_system(system, graph))
    names = whole.match(layers)
    now = oracle(graph)
    shared = [of for of in shared_widths(whole) if any(name in names for name in of.layers)]
    ranked = [name for name in names if _may_be_factorised(graph, name)]
    kept = blocks_of(graph, names) if blocks and isinstance(graph, PartitionedGraph) else []
    told = _Told(len(shared) + len(ranked) + len(kept), progress)
    return Prices(
        cost=now,
        widths=tuple(_width_stairs(graph, of, oracle) for of in told.each(shared)),
        ranks=tuple(_rank_stairs(graph, name, oracle) for name in told.each(ranked)),
        blocks=tuple(
            block_price(graph, place, oracle) for place in told.each(kept) if isinstance(graph, PartitionedGraph)
        ),
        left_out=_left_out(names, shared),
    )


class _Told:
    """Progress through several lists, as one."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items; each has been done when the next is asked for."""
        for item in items:
            yield item
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)


def _left_out(names: Sequence[str], shared: Sequence[SharedWidth]) -> dict[str, str]:
    changeable = {name for of in shared for name in of.layers}
    why = "its units are the network's results, or cannot be taken one without all others"
    return {name: why for name in names if name not in changeable}


def _width_stairs(graph: Network, shared: SharedWidth, oracle: Oracle) -> Staircase:
    """The staircase of a width, down to the narrowest that leaves each part something."""
    name, width = next(iter(shared.layers.items()))
    unit = width // shared.steps

    def net(value: int) -> Network:
        return variant(graph, keep={name: value})

    fewest = 1
    while fewest < shared.steps and not _exists(net, fewest * unit):
        fewest += 1
    values = range(width, fewest * unit - 1, -unit)
    return staircase(tuple(shared.layers), "width", values, lambda value: oracle(net(value)))


def _exists(net: Callable[[int], Network], value: int) -> bool:
    try:
        net(value)
    except InputError:
        return False
    return True


def _rank_stairs(graph: Network, name: str, oracle: Oracle) -> Staircase:
    """The staircase of a rank. The highest stands for what there is, be it factorised or not."""
    highest = _highest(graph, name)

    def costs(rank: int) -> Cost:
        return oracle(graph if rank == highest else variant(graph, rank={name: rank}))

    return staircase((name,), "rank", range(highest, 0, -1), costs)


def _highest(graph: Network, name: str) -> int:
    """The rank that a layer has."""
    if isinstance(graph, PartitionedGraph) and name in graph.layers:
        layer = graph.layers[name]
        return layer.rank or highest_rank(layer, graph.taps(name))
    return full_rank(graph.graph if isinstance(graph, PartitionedGraph) else graph, name)


def _may_be_factorised(graph: Network, name: str) -> bool:
    """Whether a layer can have a rank: not where it is cut by inputs, or its blocks are sparse."""
    if not isinstance(graph, PartitionedGraph) or name not in graph.layers:
        return True
    layer = graph.layers[name]
    known = any(block.nonzeros is not None for blocks in layer.kept for block in blocks)
    return layer.split == "outputs" and layer.sparsity.kind == "dense" and not known
