"""All-to-all: a direct link for every ordered pair of accelerators."""

from itertools import permutations

from ppsim.hardware.topologies.circle import circle
from ppsim.hardware.topologies.contract import Link, Node, Plan, Position, Topology


class AllToAll(Topology):
    """One link, used by nobody else."""

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """All ordered pairs."""
        return tuple(permutations(range(plan.accelerators), 2))

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """The direct one."""
        return ((source, destination),)

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """Clockwise from the top."""
        return circle(range(plan.accelerators), apart=1.25)

    def describe(self, plan: Plan) -> str:
        """Its name."""
        return "all-to-all"
