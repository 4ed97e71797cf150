"""The interconnect: topologies as sets of directed links, routes over them, and the law of a link.

Virtual cut-through: a message reserves each link of its route when its head reaches it. With t the latency of a hop,
S the bytes and B_i the bandwidth of link i,

    a_i = max(a_(i-1) + t, free_i)     the head enters link i (a_1 is not before injection)
    e_i = max(a_i + S / B_i, e_(i-1) + t)   the tail leaves it, and the link is free again
    done = e_h + t

Not modelled: back-pressure (a waiting message occupies no link behind it), adaptive routing, packets smaller than a
message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Le

from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.units import latency_fs, per_second

Link = tuple[int, int]
#: (number of nodes, source, destination) -> the nodes passed, both ends included
Router = Callable[[int, int, int], list[int]]


@dataclass(frozen=True)
class InterconnectSpec(Specification):
    """Links between accelerators. `bandwidth_gb_s` and `latency_ns` are those of one directed link and one hop.

    `ideal` links take no time (their energy is still booked): what a run would be without communication.
    """

    topology: str
    bandwidth_gb_s: Annotated[float, Ge(1e-6), Le(1e6)]
    latency_ns: Annotated[float, Ge(0), Le(1e9)]
    ideal: bool = False

    def __post_init__(self) -> None:
        """Reject unknown topologies by name."""
        if self.topology not in TOPOLOGIES:
            raise InputError(f"interconnect.topology: {self.topology!r} is unknown; accepted: {', '.join(TOPOLOGIES)}")

    @cached_property
    def rate(self) -> int:
        """Bytes/s of one link."""
        return per_second(self.bandwidth_gb_s)

    @cached_property
    def hop_fs(self) -> int:
        """Femtoseconds a head takes for one hop."""
        return latency_fs(self.latency_ns)

    def route(self, accelerators: int, source: int, destination: int) -> tuple[Link, ...]:
        """The directed links from `source` to `destination`, in order; empty when they are the same."""
        return _route(self.topology, accelerators, source, destination)


@lru_cache(maxsize=1 << 16)
def _route(topology: str, accelerators: int, source: int, destination: int) -> tuple[Link, ...]:
    nodes = TOPOLOGIES[topology](accelerators, source, destination)
    return tuple(pairwise(nodes))


def mesh_shape(nodes: int) -> tuple[int, int]:
    """Rows and columns of the most nearly square full mesh of `nodes` nodes (a prime number makes a line)."""
    rows = max(r for r in range(1, int(nodes**0.5) + 1) if nodes % r == 0)
    return rows, nodes // rows


def mesh(nodes: int, source: int, destination: int) -> list[int]:
    """2-D mesh, numbered row by row; along the row first, then along the column."""
    cols = mesh_shape(nodes)[1]
    (row, col), (to_row, to_col) = divmod(source, cols), divmod(destination, cols)
    path = [source]
    while col != to_col:
        col += 1 if to_col > col else -1
        path.append(row * cols + col)
    while row != to_row:
        row += 1 if to_row > row else -1
        path.append(row * cols + col)
    return path


#: a new topology is one function and one line here
TOPOLOGIES: dict[str, Router] = {"mesh": mesh}
