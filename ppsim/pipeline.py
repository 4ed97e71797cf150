"""`simulate`: place, run, account. Read this first."""

from __future__ import annotations

from ppsim.analysis.account import account
from ppsim.analysis.result import Result
from ppsim.engine.run import run
from ppsim.hardware.system import System
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


def simulate(net: LayerGraph | PartitionedGraph, system: System, engine: str = "auto") -> Result:
    """Simulate a network, pruned or not, on a system.

    `engine` is one of `ppsim.engine.run.ENGINES`; they give the same numbers, "reference" tile by tile in Python.
    Raises InputError when the network cannot run on the system.
    """
    program = place(net, system)
    trace = run(program, engine)
    return account(net, trace, engine)
