"""Bus: one medium that all accelerators share, one message at a time."""

from collections.abc import Mapping
from typing import ClassVar

from ppsim.hardware.topologies.contract import Link, Node, Pattern, Plan, Position, Topology

MEDIUM = "bus"


class Bus(Topology):
    """Every route is the same single link, so that all messages contend for it."""

    # a tree saves nothing where all copies of a message take the same link
    exchanges: ClassVar[Mapping[Pattern, str]] = {"all_gather": "unicast", "broadcast": "unicast", "reduce": "unicast"}

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """The medium."""
        return ((MEDIUM, MEDIUM),)

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """The medium."""
        return ((MEDIUM, MEDIUM),)

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """Accelerators above the medium, and from eight on below it too."""
        rows = 1 if plan.accelerators < 8 else 2
        width = -(-plan.accelerators // rows)
        places: dict[Node, Position] = {
            a: (float(a % width), 1.0 if a < width else -1.0) for a in range(plan.accelerators)
        }
        return {**places, MEDIUM: ((width - 1) / 2, 0.0)}

    def describe(self, plan: Plan) -> str:
        """Its name."""
        return "bus"
