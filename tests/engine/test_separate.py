"""`stage_ends`: where it has an answer, it is the engine's, stage by stage and to the femtosecond."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine import separate
from ppsim.engine.run import run
from ppsim.engine.separate import stage_ends
from ppsim.engine.walk import Delivery, walk
from ppsim.explore.cost.costs import Cost
from ppsim.explore.cost.pricing import cost_of
from ppsim.mapping.place import place
from ppsim.mapping.program import Program

from .systems import attention, convolutional, cut, fully_connected, systems
from .test_equivalence import placed


def engine_ends(program: Program, engine: str) -> tuple[int, ...]:
    ends, last = [], 0
    for times in run(program, engine).delivered:
        last = max(last, *times)
        ends.append(last)
    return tuple(ends)


anything = st.one_of(fully_connected(), fully_connected(), fully_connected(), attention(), convolutional())


@settings(max_examples=200)
@given(data=st.data(), net=anything, accelerators=st.integers(1, 6), parts=st.integers(1, 6))
def test_ends_are_those_of_the_engine(
    data: st.DataObject, net: ppsim.LayerGraph | ppsim.PartitionedGraph, accelerators: int, parts: int
) -> None:
    system = data.draw(systems(accelerators))
    system = replace(system, dram=replace(system.dram, sharing="private"))
    if data.draw(st.booleans(), label="cut"):
        net = data.draw(cut(net, parts, accelerators))
    program = placed(net, system)
    ends = stage_ends(program)
    if ends is not None:
        assert ends == engine_ends(program, "reference")
        assert ends == engine_ends(program, "shortcuts")
    assert cost_of(net, system) == Cost.of(ppsim.simulate(net, system))


@settings(max_examples=60)
@given(data=st.data(), net=anything, accelerators=st.integers(2, 6), parts=st.integers(1, 6))
def test_costs_where_channels_are_shared_are_those_of_the_engine(
    data: st.DataObject, net: ppsim.LayerGraph | ppsim.PartitionedGraph, accelerators: int, parts: int
) -> None:
    system = data.draw(systems(accelerators))
    system = replace(system, dram=replace(system.dram, sharing=data.draw(st.sampled_from(["shared", 2, 3]))))
    if data.draw(st.booleans(), label="cut"):
        net = data.draw(cut(net, parts, accelerators))
    assert stage_ends(placed(net, system)) is None
    assert cost_of(net, system) == Cost.of(ppsim.simulate(net, system, engine="reference"))


def test_stacks_of_separate_parts_have_an_answer() -> None:
    for name in ("mlp_mnist", "lenet300"):
        net = ppsim.load_workload(name)
        for cut_net in (ppsim.partition(net, 8), ppsim.partition(net, 8, reduce="fc3")):
            program = place(cut_net, ppsim.load_system("tetris", accelerators=8))
            ends = stage_ends(program)
            assert ends is not None
            assert ends == engine_ends(program, "reference")


def test_what_another_accelerator_does_too_is_not_walked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []

    def counted(*arguments: Any) -> Generator[int, Delivery, None]:
        walks.append(arguments)
        return walk(*arguments)

    monkeypatch.setattr(separate, "walk", counted)
    separate._class_of.cache_clear()
    # both compute equal parts, and the first one has a softmax besides
    net = ppsim.partition(ppsim.load_workload("mlp_mnist"), 2)
    assert stage_ends(place(net, ppsim.load_system("tetris", accelerators=2))) is not None
    assert len(walks) == 1


def test_what_shares_a_channel_is_for_the_engine() -> None:
    net = ppsim.partition(ppsim.load_workload("lenet300"), 4)
    assert stage_ends(place(net, ppsim.load_system("shared-dram", accelerators=4))) is None
