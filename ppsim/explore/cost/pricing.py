"""`cost_of`: the cost of one network on one system, as `simulate` has it, without what else a simulation tells."""

from __future__ import annotations

from ppsim.analysis.account import account
from ppsim.analysis.ledger import amounts, movement
from ppsim.engine.run import run
from ppsim.engine.separate import stage_ends
from ppsim.explore.cost.costs import Cost, LayerCost
from ppsim.explore.cost.variants import Network
from ppsim.hardware.energy import COMPONENTS
from ppsim.hardware.system import System
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.units import FS_PER_S, cycles_in


def cost_of(net: Network, system: System) -> Cost:
    """The cost that `simulate` gives, number by number; raises InputError when the network cannot run on the system.

    Where the ends of the stages are all that is needed of the engine, and can be had without its event loop, they are.
    """
    program = place(net, system)
    ends = stage_ends(program)
    if ends is None:
        return Cost.of(account(net, run(program), "auto"))
    return _booked(program, ends)


def _booked(program: Program, ends: tuple[int, ...]) -> Cost:
    """What `account` books for stages that end at `ends`."""
    system = program.system
    clock, table = system.clock_hz, system.energy
    layers = []
    before_fs = 0
    for stage, end_fs in zip(program.stages, ends, strict=True):
        moved = movement(stage, program)
        if stage.kind != "input" or end_fs or moved.dram_bytes or moved.link_bytes:
            layers.append(
                LayerCost(
                    name=stage.name,
                    cycles=cycles_in(end_fs, clock) - cycles_in(before_fs, clock),
                    macs=stage.activity.macs,
                    dram_bytes=moved.dram_bytes,
                    link_bytes=moved.link_bytes,
                    energy=amounts(stage, moved, program, end_fs - before_fs).energy(table),
                )
            )
        before_fs = end_fs
    energy = {component: sum([layer.energy[component] for layer in layers]) for component in COMPONENTS}
    return Cost(
        cycles=cycles_in(before_fs, clock),
        seconds=before_fs / FS_PER_S,
        energy_pj=sum(energy.values()),
        energy=energy,
        macs=sum([layer.macs for layer in layers]),
        dram_bytes=sum([layer.dram_bytes for layer in layers]),
        link_bytes=sum([layer.link_bytes for layer in layers]),
        layers=tuple(layers),
    )
