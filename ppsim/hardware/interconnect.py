"""The interconnect: topologies as sets of directed links, routes over them, and the laws of a link.

With t_i the latency of link i, S the bytes of a message and B_i the bandwidth of link i, a message reserves each of the
h links of its route when its head reaches it; free_i is when the link is free of the messages before.

Virtual cut-through, the default: the head goes on at once.

    a_i = max(a_(i-1) + t_(i-1), free_i)            the head enters link i (a_1 is not before injection)
    e_i = max(a_i + S / B_i, e_(i-1) + t_(i-1))     the tail leaves it, and the link is free again
    done = e_h + t_h

Store-and-forward in k equal chunks: a chunk leaves link i only when the link before has delivered it whole.

    a_i = max(a_(i-1) + S / (k B_(i-1)) + t_(i-1), free_i)
    e_i = max(a_i + S / B_i, e_(i-1) + t_(i-1) + S / (k B_i))
    done = e_h + t_h

Over h equal links that nobody else uses this is h t + S / B for cut-through, and h t + (h + k - 1) S / (k B) for
store-and-forward: with k = 1 every link serialises the whole message again, with k growing it becomes cut-through.

Not modelled: back-pressure (a waiting message occupies no link behind it), adaptive routing, packets smaller than a
message except for those chunks, headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from annotated_types import Ge, Gt, Le

from ppsim.errors import InputError
from ppsim.hardware.topologies import TOPOLOGIES, Edge, Link, Node, Pattern, Plan, Topology, mesh_shape
from ppsim.specification import Specification
from ppsim.units import duration_fs, latency_fs, per_second

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["TOPOLOGIES", "Edge", "InterconnectSpec", "Link", "LinkSpec", "Node", "Pattern", "mesh_shape", "transfer_fs"]

Positive = Annotated[int, Gt(0), Le(1 << 20)]


class LinkSpec(NamedTuple):
    """One directed link: bytes/s, femtoseconds a head takes over it, energy of a bit (None: the energy table's)."""

    rate: int
    hop_fs: int
    pj_per_bit: float | None = None


@dataclass(frozen=True)
class InterconnectSpec(Specification):
    """Links between accelerators. `bandwidth_gb_s` (10^9 bytes/s), `latency_ns` and `pj_per_bit` are those of one
    directed link; an edge may have its own. No `pj_per_bit` takes the energy table's.

    `ideal` links take no time (their energy is still booked): what a run would be without communication.
    `shape` is rows and columns of a mesh or torus. `edges` are the links of the topology "edges".
    `all_gather`, `broadcast` and `reduce` name the algorithm of that exchange; None takes the topology's.
    """

    topology: str
    bandwidth_gb_s: Annotated[float, Ge(1e-6), Le(1e6)]
    latency_ns: Annotated[float, Ge(0), Le(1e9)]
    ideal: bool = False
    pj_per_bit: Annotated[float, Ge(0)] | None = None
    switching: Literal["cut-through", "store-and-forward"] = "cut-through"
    chunks: Positive = 1
    shape: tuple[Positive, Positive] | None = None
    edges: tuple[Edge, ...] = ()
    all_gather: str | None = None
    broadcast: str | None = None
    reduce: str | None = None

    def __post_init__(self) -> None:
        """Reject unknown topologies by name, and settings that the chosen one would ignore."""
        if self.topology not in TOPOLOGIES:
            raise InputError(f"interconnect.topology: {self.topology!r} is unknown; accepted: {', '.join(TOPOLOGIES)}")
        accepts = TOPOLOGIES[self.topology].accepts
        if self.shape is not None and "shape" not in accepts:
            raise InputError(f"interconnect.shape: a {self.topology} has none; accepted with: {_taking('shape')}")
        if self.edges and "edges" not in accepts:
            raise InputError(
                f"interconnect.edges: not with topology {self.topology}; accepted with: {_taking('edges')}"
            )
        if not self.edges and "edges" in accepts:
            raise InputError(
                f"interconnect.edges: topology {self.topology} needs them, as in "
                "[{a: 0, b: switch}, {a: 1, b: switch, latency_ns: 20}]"
            )
        if self.chunks != 1 and self.switching == "cut-through":
            raise InputError(
                f"interconnect.chunks: {self.chunks} needs switching: store-and-forward; accepted with cut-through: 1"
            )

    @cached_property
    def rate(self) -> int:
        """Bytes/s of one link that has no bandwidth of its own."""
        return per_second(self.bandwidth_gb_s)

    @cached_property
    def hop_fs(self) -> int:
        """Femtoseconds a head takes over one link that has no latency of its own."""
        return latency_fs(self.latency_ns)

    def route(self, accelerators: int, source: int, destination: int) -> tuple[Link, ...]:
        """The directed links from `source` to `destination`, in order; empty when they are the same."""
        if source == destination:
            return ()
        return _route(TOPOLOGIES[self.topology], self.plan(accelerators), source, destination)

    def link(self, link: Link) -> LinkSpec:
        """What one directed link is capable of: its edge's own numbers, else the interconnect's."""
        return self._overrides.get(link, self._common)

    def ring(self, accelerators: int) -> tuple[int, ...]:
        """All accelerators in the order in which ring algorithms pass data on: each is near the next."""
        return TOPOLOGIES[self.topology].ring(self.plan(accelerators))

    def exchange(self, pattern: Pattern) -> str:
        """Name of the algorithm of an exchange: as set here, else the topology's default."""
        own: str | None = getattr(self, pattern)
        return own or TOPOLOGIES[self.topology].exchanges[pattern]

    def check(self, accelerators: int) -> None:
        """Raise InputError if that many accelerators do not fit the shape or the edges."""
        TOPOLOGIES[self.topology].check(self.plan(accelerators))

    def describe(self, accelerators: int) -> str:
        """A few words such as "mesh 4x4", "ring of 8", "bus" or "explicit edges: 12 links"."""
        return TOPOLOGIES[self.topology].describe(self.plan(accelerators))

    def graph(self, accelerators: int) -> nx.DiGraph:
        """The nodes, each with `pos` (x, y) to draw it at, and directed links with `bandwidth_gb_s`, `latency_ns`.

        The edge attribute `link` names the link of routes an edge belongs to: that edge itself, or the medium it taps
        (a link from a node to itself, as a bus is, becomes a node with an edge to and from every accelerator). So a
        route is the sequence of the different `link`s along a path of the graph.
        """
        import networkx as nx

        topology, plan = TOPOLOGIES[self.topology], self.plan(accelerators)
        topology.check(plan)
        graph = nx.DiGraph()
        for node, position in topology.positions(plan).items():
            graph.add_node(node, pos=position)
        for link in topology.links(plan):
            bandwidth, latency = self._numbers.get(link, (self.bandwidth_gb_s, self.latency_ns))
            medium = link[0] == link[1]
            ends = [e for a in range(accelerators) for e in ((a, link[0]), (link[0], a))] if medium else [link]
            graph.add_edges_from(ends, bandwidth_gb_s=bandwidth, latency_ns=latency, link=link)
        return graph

    def plan(self, accelerators: int) -> Plan:
        """What the topology connects: what routes depend on, and speeds do not."""
        return Plan(accelerators, self.shape, self.edges)

    @cached_property
    def _common(self) -> LinkSpec:
        return LinkSpec(self.rate, self.hop_fs, self.pj_per_bit)

    @cached_property
    def _numbers(self) -> Mapping[Link, tuple[float, float]]:
        """(GB/s, ns) of the links of explicit edges."""
        return {
            link: (
                self.bandwidth_gb_s if edge.bandwidth_gb_s is None else edge.bandwidth_gb_s,
                self.latency_ns if edge.latency_ns is None else edge.latency_ns,
            )
            for edge in self.edges
            for link in edge.links
        }

    @cached_property
    def _overrides(self) -> Mapping[Link, LinkSpec]:
        energies = {link: edge.pj_per_bit for edge in self.edges for link in edge.links}
        return {
            link: LinkSpec(
                per_second(bandwidth),
                latency_fs(latency),
                self.pj_per_bit if energies[link] is None else energies[link],
            )
            for link, (bandwidth, latency) in self._numbers.items()
        }


def transfer_fs(hops: Sequence[LinkSpec], size: int, chunks: int | None = None) -> int:
    """Femtoseconds a message of `size` bytes takes over links that nobody else uses; `chunks` None is cut-through.

    The laws above with every free_i = 0, and each serialisation rounded up.
    """
    head = tail = latency = 0
    before = 0
    for number, hop in enumerate(hops):
        part = 0 if chunks is None else duration_fs(size, hop.rate * chunks)
        if number:
            head += before + latency
        whole = head + duration_fs(size, hop.rate)
        tail = max(whole, tail + latency + part) if number else whole
        before, latency = part, hop.hop_fs
    return tail + latency


@lru_cache(maxsize=1 << 16)
def _route(topology: Topology, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
    """Keyed by the topology itself, so that a name registered anew does not meet the routes of the old one."""
    return topology.route(plan, source, destination)


def _taking(setting: str) -> str:
    return ", ".join(name for name, topology in TOPOLOGIES.items() if setting in topology.accepts)
