"""One part on one accelerator is the single accelerator that speedups are held against."""

from __future__ import annotations

from dataclasses import replace

import placements
import pytest
from drawn_runs import examples, networks, placed
from engine.systems import convolutional, fully_connected, systems
from hypothesis import assume, given
from hypothesis import strategies as st

import ppsim


def numbers(result: ppsim.Result) -> dict:
    """A result without what it is called and what it rests on."""
    named = ("workload", "system", "parts", "dram", "assumptions")
    return {key: value for key, value in result.to_dict().items() if key not in named}


@examples(60)
@given(data=st.data(), net=st.one_of(fully_connected(), convolutional()), accelerators=st.integers(1, 6))
def test_one_part_is_the_network_as_it_is(data, net, accelerators):
    system = data.draw(st.one_of(systems(accelerators), placements.systems())).alone()
    placed(net, system)
    one = ppsim.partition(net, 1, layers="*")
    assert numbers(ppsim.simulate(one, system)) == numbers(ppsim.simulate(net, system))
    comparison = ppsim.compare(one, system)
    assert comparison.speedup == comparison.energy_reduction == 1
    assert comparison.pruned_layers.speedup == comparison.pruned_layers.energy_reduction == 1
    factors = comparison.factors
    assert (factors.pruning, factors.parallelism) == (1, 1)
    assert factors.link_loss == factors.dram_loss == factors.imbalance_loss == 0


@examples(60)
@given(data=st.data(), accelerators=st.integers(2, 6))
def test_alone_it_does_not_matter_how_accelerators_are_connected(data, accelerators):
    """Nor who would share its channel."""
    system = data.draw(systems(accelerators))
    net = data.draw(networks(1))
    alone = system.alone()
    placed(net, alone)
    bus = ppsim.load_system("tetris", set={"interconnect": {"topology": "bus", "bandwidth_gb_s": 1, "latency_ns": 1}})
    result = numbers(ppsim.simulate(net, alone))
    for sharing in ("private", "shared", 2):
        other = replace(alone, interconnect=bus.interconnect, dram=replace(alone.dram, sharing=sharing))
        assert numbers(ppsim.simulate(net, other)) == result
    assert result["link_bytes"] == 0


@examples(30)
@given(data=st.data(), net=fully_connected(), accelerators=st.integers(2, 6))
def test_the_baseline_is_the_first_accelerator_by_itself(data, net, accelerators):
    system = data.draw(systems(accelerators))
    placed(net, system)
    parts = data.draw(st.integers(1, 6), label="parts")
    assume(all(parts <= max(net.shapes[name][0], net.input_shapes_of(name)[0][0]) for name in net.match("fc*")))
    try:
        comparison = ppsim.compare(ppsim.partition(net, parts), system, baselines=())
    except ppsim.InputError as error:
        assume("product fits" not in str(error) and "have to stay" not in str(error))
        raise
    alone = ppsim.simulate(net, system.alone())
    assert numbers(comparison.baselines["single-dense"]) == numbers(alone)
    assert comparison.speedup == pytest.approx(alone.seconds / comparison.result.seconds, rel=1e-12)
