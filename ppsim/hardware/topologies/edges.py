"""Explicit edges: any graph a document writes down, with switches between accelerators or without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

from ppsim.errors import InputError
from ppsim.hardware.topologies.circle import circle
from ppsim.hardware.topologies.contract import Link, Node, Pattern, Plan, Position, Topology

NAMED = 4


class Edges(Topology):
    """The way over the fewest links; of several, the one whose nodes come first, accelerators before switches.

    Accelerators pass on what is not for them, as routers of a mesh do.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"edges"})
    exchanges: ClassVar[Mapping[Pattern, str]] = {"all_gather": "unicast", "broadcast": "unicast", "reduce": "unicast"}

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """One or two for each edge, as they are written; one accelerator alone keeps those to no other."""
        known = range(plan.accelerators)
        return tuple(
            link
            for edge in plan.edges
            for link in edge.links
            if all(isinstance(node, str) or node in known for node in link)
        )

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """Back from the destination over what each node was first reached from."""
        reached = _reached(plan, source)
        if destination not in reached:
            raise InputError(f"interconnect.edges: no way leads from accelerator {source} to accelerator {destination}")
        path: list[Node] = [destination]
        while path[-1] != source:
            path.append(reached[path[-1]][0])
        return tuple(pairwise(reversed(path)))

    def ring(self, plan: Plan) -> tuple[int, ...]:
        """From accelerator 0 always on to the nearest one that is left, the lowest number of several."""
        order, left = [0], set(range(1, plan.accelerators))
        while left:
            reached = _reached(plan, order[-1])
            order.append(min(left, key=lambda a: (reached[a][1], a)))
            left.remove(order[-1])
        return tuple(order)

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """Accelerators in the order of the ring: on a circle, or as a line under their switches.

        A switch is as high above as it is links away from an accelerator, over the middle of what is below it.
        """
        if plan.accelerators == 1 or all(isinstance(node, int) for link in self.links(plan) for node in link):
            return _around(plan, self.ring(plan))
        near = _neighbours(plan, both_ways=True)
        levels = _levels(plan)
        places: dict[Node, Position] = {a: (float(at), 0.0) for at, a in enumerate(self.ring(plan))}
        for level in range(1, max(levels.values()) + 1):
            row = [node for node in levels if levels[node] == level]
            over = {node: _mean(places[n][0] for n in near[node] if levels[n] == level - 1) for node in row}
            places.update(_spread(over, 1.5 * level))
        return places

    def check(self, plan: Plan) -> None:
        """All named accelerators exist, and each reaches each other. One alone sends nothing: it fits any edges."""
        count = plan.accelerators
        if count == 1:
            return
        doubled = [link for link, times in Counter(link for e in plan.edges for link in e.links).items() if times > 1]
        if doubled:
            raise InputError(f"interconnect.edges: {doubled[0][0]} to {doubled[0][1]} stands twice; give it once")
        unknown = sorted({node for e in plan.edges for node in (e.a, e.b) if isinstance(node, int) and node >= count})
        if unknown:
            raise InputError(
                f"interconnect.edges: name accelerator{_several(unknown)}, but there are {count}; "
                f"accepted: 0 to {count - 1}, and names of switches"
            )
        lone = [a for a in range(count) if a not in _reached(plan, 0)]
        if lone:
            raise InputError(
                f"interconnect.edges: no way leads from accelerator 0 to accelerator{_several(lone)}; "
                "every accelerator has to reach every other"
            )
        mute = [a for a in range(count) if 0 not in _reached(plan, a)]
        if mute:
            raise InputError(
                f"interconnect.edges: no way leads to accelerator 0 from accelerator{_several(mute)}; "
                "every accelerator has to reach every other"
            )
        cut_off = sorted(_neighbours(plan).keys() - _levels(plan).keys(), key=_rank)
        if cut_off:
            raise InputError(f"interconnect.edges: {cut_off[0]!r} is connected to no accelerator")

    def describe(self, plan: Plan) -> str:
        """How many there are, and how many switches."""
        links = self.links(plan)
        switches = len({node for link in links for node in link if isinstance(node, str)})
        among = f" over {switches} switch{'es' if switches > 1 else ''}" if switches else ""
        return f"explicit edges: {len(links)} links{among}"


def _several(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:NAMED])) + (" and more" if len(numbers) > NAMED else "")
    return f"{'s' if len(numbers) > 1 else ''} {shown}"


def _rank(node: Node) -> tuple[bool, int, str]:
    """Accelerators by number, then switches by name."""
    return (False, node, "") if isinstance(node, int) else (True, 0, node)


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)


def _spread(over: Mapping[Node, float], height: float) -> dict[Node, Position]:
    """A row of switches about where each wants to be, in that order, with room for their names, and centred."""
    order = sorted(over, key=lambda node: (over[node], _rank(node)))
    xs: list[float] = []
    for node in order:
        xs.append(max(over[node], xs[-1] + 1.6) if xs else over[node])
    shift = _mean(over.values()) - _mean(xs)
    return {node: (x + shift, height) for node, x in zip(order, xs, strict=True)}


def _around(plan: Plan, order: tuple[int, ...]) -> dict[Node, Position]:
    """On a circle: accelerators in that order, then what else the links of one accelerator alone name."""
    others = sorted({node for edge in plan.edges for node in (edge.a, edge.b) if isinstance(node, str)}, key=_rank)
    return circle([*order, *others], apart=1.25)


@lru_cache(maxsize=64)
def _neighbours(plan: Plan, both_ways: bool = False) -> Mapping[Node, tuple[Node, ...]]:
    """Node -> nodes a link leads to, in the order that settles between routes of the same length."""
    found: dict[Node, set[Node]] = {}
    for start, end in Edges().links(plan):
        found.setdefault(start, set()).add(end)
        if both_ways:
            found.setdefault(end, set()).add(start)
    return {node: tuple(sorted(ends, key=_rank)) for node, ends in found.items()}


def _levels(plan: Plan) -> dict[Node, int]:
    """Node -> links to the nearest accelerator in whatever direction, the nearest nodes first."""
    near = _neighbours(plan, both_ways=True)
    levels: dict[Node, int] = dict.fromkeys(range(plan.accelerators), 0)
    queue: list[Node] = list(levels)
    for node in queue:
        for other in near.get(node, ()):
            if other not in levels:
                levels[other] = levels[node] + 1
                queue.append(other)
    return levels


@lru_cache(maxsize=1024)
def _reached(plan: Plan, source: int) -> Mapping[Node, tuple[Node, int]]:
    """Node -> (the node before it on the way from `source`, number of links), over the fewest links."""
    near = _neighbours(plan)
    reached: dict[Node, tuple[Node, int]] = {source: (source, 0)}
    queue: list[Node] = [source]
    for node in queue:
        for other in near.get(node, ()):
            if other not in reached:
                reached[other] = (node, reached[node][1] + 1)
                queue.append(other)
    return reached
