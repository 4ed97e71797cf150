"""`simulate`: place, run, account. Read this first."""

from __future__ import annotations

from ppsim.analysis.account import account
from ppsim.analysis.result import Result
from ppsim.engine.run import run
from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


def simulate(net: LayerGraph | PartitionedGraph, system: System, engine: str = "auto") -> Result:
    """Simulate a network, pruned or not, on a system.

    `engine` is one of `ppsim.engine.run.ENGINES`; they give the same numbers, "reference" tile by tile in Python.
    Raises InputError when the network cannot run on the system.
    """
    check(net, system)
    program = place(net, system)
    trace = run(program, engine)
    return account(net, trace, engine)


def check(net: object, system: object) -> None:
    """Raise InputError for what is no network or no system: a name in the place of what is loaded by it, say."""
    for given, wanted, loads in (
        (net, LayerGraph | PartitionedGraph, "load_workload"),
        (system, System, "load_system"),
    ):
        if not isinstance(given, wanted):
            what = "network" if given is net else "system"
            raise InputError(f"{str(given)[:40]!r} is no {what}; give what ppsim.{loads} makes of a name or a file")
