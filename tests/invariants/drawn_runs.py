"""Random runs: any network of the strategies that tests of mapping and engine share, on any of their systems."""

from __future__ import annotations

from dataclasses import dataclass

import placements
from engine.systems import attention, convolutional, cut, fully_connected, systems
from hypothesis import HealthCheck, assume, reject, settings
from hypothesis import strategies as st

import ppsim
from ppsim.mapping.place import place
from ppsim.mapping.program import Program

Net = ppsim.LayerGraph | ppsim.PartitionedGraph
#: refusals of an example that does not fit its system
NO_ROOM = ("product fits the", "have to stay on chip", "fill the")
#: longer programs take the reference engine too long
MOST_TILES = 5_000


def examples(count: int) -> settings:
    """That many examples, of which some are thrown away."""
    return settings(max_examples=count, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@dataclass(frozen=True)
class Run:
    """A network that fits a system, and its program there."""

    net: Net
    system: ppsim.System
    program: Program

    @property
    def graph(self) -> ppsim.LayerGraph:
        return placements.graph_of(self.net)


@st.composite
def networks(draw: st.DrawFn, accelerators: int) -> Net:
    """Chains, branches, convolutions and attention; two of three with some layers in parts."""
    if draw(st.booleans()):
        return draw(placements.networks(accelerators))
    net = draw(st.one_of(fully_connected(), convolutional(), attention()))
    parts = draw(st.sampled_from([0, 1, 2, 3, 4, 6]))
    return draw(cut(net, parts, accelerators)) if parts else net


def placed(net: Net, system: ppsim.System) -> Program:
    """The program of an example that runs, and within reason."""
    try:
        program = place(net, system)
    except ppsim.InputError as error:
        if not any(reason in str(error) for reason in NO_ROOM):
            raise
        reject()
    assume(sum(nest.length for stage in program.stages for nests in stage.work for nest in nests) < MOST_TILES)
    return program


@st.composite
def runs(draw: st.DrawFn) -> Run:
    accelerators = draw(st.integers(1, 6))
    system = draw(st.one_of(systems(accelerators), placements.systems()))
    net = draw(networks(system.accelerators))
    return Run(net, system, placed(net, system))
