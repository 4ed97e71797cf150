"""Positions on a circle, for topologies in which no accelerator is in a special place."""

from collections.abc import Sequence
from math import cos, pi, sin

from ppsim.hardware.topologies.contract import Node, Position


def circle(nodes: Sequence[Node], apart: float = 1.0) -> dict[Node, Position]:
    """`nodes` clockwise from the top, about `apart` from each other; the centre (0, 0) has room for one more."""
    radius = max(1.0, apart * len(nodes) / (2 * pi))
    angles = [2 * pi * index / len(nodes) for index in range(len(nodes))]
    return {node: (radius * sin(angle), radius * cos(angle)) for node, angle in zip(nodes, angles, strict=True)}
