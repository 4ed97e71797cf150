"""The topologies, one file each. `TOPOLOGIES` is what documents may name; a program may add to it at any time."""

from ppsim.hardware.topologies.all_to_all import AllToAll
from ppsim.hardware.topologies.bus import Bus
from ppsim.hardware.topologies.contract import Edge, Link, Node, Pattern, Plan, Position, Topology
from ppsim.hardware.topologies.crossbar import Crossbar
from ppsim.hardware.topologies.edges import Edges
from ppsim.hardware.topologies.grid import mesh_shape
from ppsim.hardware.topologies.mesh import Mesh
from ppsim.hardware.topologies.ring import Ring
from ppsim.hardware.topologies.torus import Torus

#: a new topology is one file and one line here
TOPOLOGIES: dict[str, Topology] = {
    "mesh": Mesh(),
    "torus": Torus(),
    "ring": Ring(),
    "bus": Bus(),
    "crossbar": Crossbar(),
    "all-to-all": AllToAll(),
    "edges": Edges(),
}

__all__ = ["TOPOLOGIES", "Edge", "Link", "Node", "Pattern", "Plan", "Position", "Topology", "mesh_shape"]
