"""Crossbar: every accelerator has a port into a switch and one out of it; nothing else is ever contended for."""

from ppsim.hardware.topologies.circle import circle
from ppsim.hardware.topologies.contract import Link, Node, Plan, Position, Topology

SWITCH = "crossbar"


class Crossbar(Topology):
    """In by the source's port, out by the destination's: two links."""

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """Two ports for each accelerator."""
        return tuple(link for a in range(plan.accelerators) for link in ((a, SWITCH), (SWITCH, a)))

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """In and out."""
        return (source, SWITCH), (SWITCH, destination)

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """The switch in the middle."""
        return {**circle(range(plan.accelerators)), SWITCH: (0.0, 0.0)}

    def describe(self, plan: Plan) -> str:
        """Its name."""
        return "crossbar"
