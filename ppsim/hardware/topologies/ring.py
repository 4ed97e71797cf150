"""Ring: every accelerator is connected to the one before and the one after, in both directions."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from ppsim.hardware.topologies.circle import circle
from ppsim.hardware.topologies.contract import Link, Node, Pattern, Plan, Position, Topology
from ppsim.hardware.topologies.torus import beside, shorter_way


class Ring(Topology):
    """The shorter way round; clockwise, which is upwards, when both are equal."""

    exchanges: ClassVar[Mapping[Pattern, str]] = {"all_gather": "ring", "broadcast": "unicast", "reduce": "unicast"}

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """Two for each accelerator."""
        count = plan.accelerators
        return tuple((a, b) for a in range(count) for b in sorted(beside(a, count)))

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """The shorter way round."""
        return tuple(pairwise([source, *shorter_way(source, destination, plan.accelerators)]))

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """Clockwise from the top."""
        return circle(range(plan.accelerators))

    def describe(self, plan: Plan) -> str:
        """Such as "ring of 8"."""
        return f"ring of {plan.accelerators}"
