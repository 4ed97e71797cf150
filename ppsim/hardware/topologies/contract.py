"""What a topology is: directed links, a route over them, places to draw the nodes at, and how exchanges use it best.

A new topology is one class that fulfils `Topology` (subclass it to inherit the defaults) and one line in `TOPOLOGIES`,
which a program that uses ppsim may add as well: `TOPOLOGIES["hypercube"] = Hypercube()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

from annotated_types import Ge, Le, MinLen

from ppsim.errors import InputError
from ppsim.specification import Specification

#: numbers are accelerators, counted from 0; text names switches, media and routers without an accelerator
Node = int | str
#: a directed link; one from a node to itself is a medium that all accelerators share
Link = tuple[Node, Node]
Pattern = Literal["all_gather", "broadcast", "reduce"]
#: to draw a node at: x to the right and y up, about one apart from its neighbours
Position = tuple[float, float]

Name = Annotated[int, Ge(0), Le((1 << 20) - 1)] | Annotated[str, MinLen(1)]


@dataclass(frozen=True)
class Edge(Specification):
    """A cable between two nodes, used in both directions unless `one_way`, which goes from `a` to `b`.

    What is not given here is that of the interconnect.
    """

    a: Name
    b: Name
    bandwidth_gb_s: Annotated[float, Ge(1e-6), Le(1e6)] | None = None
    latency_ns: Annotated[float, Ge(0), Le(1e9)] | None = None
    pj_per_bit: Annotated[float, Ge(0)] | None = None
    one_way: bool = False

    def __post_init__(self) -> None:
        """Refuse an edge that connects nothing, and a number in quotes, which would be a switch of that name."""
        if self.a == self.b:
            raise InputError(f"a, b: both are {self.a!r}; an edge connects two different nodes")
        for key, node in (("a", self.a), ("b", self.b)):
            if isinstance(node, str) and node.strip().isdigit():
                raise InputError(f"{key}: {node!r} is text; accelerators are numbers (without quotes), switches names")

    @property
    def links(self) -> tuple[Link, ...]:
        """The directed links it stands for."""
        return ((self.a, self.b),) if self.one_way else ((self.a, self.b), (self.b, self.a))


class Plan(NamedTuple):
    """What a topology connects: so many accelerators, on a grid of that shape or by these edges if there are any."""

    accelerators: int
    shape: tuple[int, int] | None = None
    edges: tuple[Edge, ...] = ()

    def __hash__(self) -> int:
        """Of all but the edges themselves: routes are looked up by the thousand, edges rarely differ."""
        return hash((self.accelerators, self.shape, len(self.edges)))


class Topology(Protocol):
    """One way to connect accelerators, without state: routes are cached by it and the plan."""

    #: which of `shape` and `edges` a document may give
    accepts: ClassVar[frozenset[str]] = frozenset()
    #: how exchanges go unless the document says so
    exchanges: ClassVar[Mapping[Pattern, str]] = {"all_gather": "unicast", "broadcast": "tree", "reduce": "tree"}

    def __hash__(self) -> int:
        """By identity, as equality is."""
        return object.__hash__(self)

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """All directed links, each once."""
        ...

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """The links from one accelerator to another one, in order; passes no node twice."""
        ...

    def positions(self, plan: Plan) -> Mapping[Node, Position]:
        """Where to draw every node."""
        ...

    def describe(self, plan: Plan) -> str:
        """A few words to print: its name and what is special about this plan."""
        ...

    def ring(self, plan: Plan) -> tuple[int, ...]:
        """The accelerators in an order in which each is near the next, and the last near the first."""
        return tuple(range(plan.accelerators))

    def check(self, plan: Plan) -> None:
        """Raise InputError, naming the key below `interconnect`, if the accelerators of the plan do not fit."""
        return
