"""What cannot run is refused before it runs, with a change that lets it; one unit less does not."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce

import placements
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine.run import run
from ppsim.hardware.accelerator import Group
from ppsim.mapping.place import place
from ppsim.mapping.remedies import remedy
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

Net = ppsim.LayerGraph | ppsim.PartitionedGraph
LARGER = re.compile(r"make ([\w.]+(?: and [\w.]+)*) larger by (\d+)")
AT_LEAST = re.compile(r"set ([\w.]+) to at least ([\d.]+)")
BOTH = re.compile(r"set ([\w.]+(?: and [\w.]+)*) to 0.5 and make ([\w.]+(?: and [\w.]+)*) larger by (\d+)")


def refusal(net: Net, system: ppsim.System) -> str:
    try:
        place(net, system)
    except ppsim.InputError as error:
        return str(error)
    return ""


def value_at(system: ppsim.System, path: str) -> float:
    steps = path.split(".")
    if steps[0] != "groups":
        return reduce(getattr, steps, system)
    (group,) = [group for group in system.groups if group.name == steps[1]]
    return reduce(getattr, steps[2:], group)


def changes(said: str, system: ppsim.System) -> list[tuple[dict[str, float], dict[str, float]]]:
    """The changes that a refusal names as settings, each with what is one unit less."""
    if both := BOTH.search(said):
        half = dict.fromkeys(both[1].split(" and "), 0.5)
        paths, more = both[2].split(" and "), int(both[3])
        return [tuple(half | {path: value_at(system, path) + n for path in paths} for n in (more, more - 1))]
    found = []
    if named := LARGER.search(said):
        paths, more = named[1].split(" and "), int(named[2])
        found.append(tuple({path: value_at(system, path) + n for path in paths} for n in (more, more - 1)))
    for path, least in AT_LEAST.findall(said):
        unit, value = (0.01, float(least)) if path.endswith("fraction") else (1, int(least))
        found.append(({path: value}, {path: round(value - unit, 2)}))
    return found


@st.composite
def tight(draw: st.DrawFn) -> ppsim.System:
    """Scratchpads and accumulators that are too small for most, bursts that are larger than they are, small quanta."""
    system = draw(placements.systems())
    sizes = {
        "buffer.kib": draw(st.sampled_from([0.05, 0.25, 1, 4])),
        "buffer.activation_fraction": draw(st.sampled_from([0, 0.01, 0.5, 0.9, 1])),
        "array.accumulator_depth": draw(st.sampled_from([None, None, 1, 2, 8])),
        "dram.burst_bytes": draw(st.sampled_from([1, 64, 4096])),
        "dram.quantum_bytes": draw(st.sampled_from([512, 16384])),
    }
    if system.groups:
        sizes |= {"groups.slow.buffer.kib": draw(st.sampled_from([0.05, 1, 64]))}
    return system.with_settings(sizes)


@given(data=st.data(), system=tight())
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_is_named_is_the_smallest_change_that_helps(data, system):
    """And what is not refused runs to its end."""
    net = data.draw(placements.networks(system.accelerators))
    said = refusal(net, system)
    event("refused" if said else "runs")
    if not said:
        program = place(net, system)
        assume(sum(nest.length for stage in program.stages for work in stage.work for nest in work) < 2_000)
        assert run(program, "reference").end_fs == run(program).end_fs
        return
    named = changes(said, system)
    assert named, said
    for enough, too_small in named:
        event(", ".join(enough))
        assert not refusal(net, system.with_settings(enough)), said
        if all(value > 0 for path, value in too_small.items() if not path.endswith("fraction")):
            assert refusal(net, system.with_settings(too_small)), said


def two_layers(units: int = 64) -> LayerGraph:
    return LayerGraph("net", (units,), (Linear(name="a", out_features=units), Linear(name="b", out_features=units)))


def test_of_accelerators_that_differ_the_one_that_is_too_small_is_named():
    system = ppsim.load_system("tetris", accelerators=2)
    small = replace(system.buffer, kib=0.125)
    one = replace(system, groups=(Group("big", 1), Group("little", 1, buffer=small)))
    assert re.search(r"; make groups\.little\.buffer\.kib larger by \d+$", refusal(two_layers(), one))
    both = replace(system, groups=(Group("big", 1, buffer=small), Group("little", 1, buffer=small)))
    said = refusal(two_layers(), both)
    assert re.search(r"; make groups\.big\.buffer\.kib and groups\.little\.buffer\.kib larger by \d+$", said)


def test_sums_that_have_to_stay_where_nothing_may():
    sums = PartitionedLayer((32, 32), (64,), ((Kept(0, 32), Kept(1, 32)),), split="inputs")
    net = PartitionedGraph(two_layers(), 2, {"a": sums})
    system = ppsim.load_system("tetris", accelerators=2, set={"buffer.kib": 8, "buffer.activation_fraction": 0})
    # 64 sums of 32 bit, and a byte
    assert refusal(net, system).endswith("set buffer.activation_fraction to at least 0.04")


def test_nothing_is_said_where_nothing_helps():
    def never(_: ppsim.System) -> None:
        raise ppsim.InputError("no")

    assert remedy(ppsim.load_system("tetris", set={"array.accumulator_depth": 4}), never) == ""
    with pytest.raises(ppsim.InputError, match=r"goes up to [\d.e+]+$"):
        place(ppsim.gemm(2**20, 2**20, 2**30), ppsim.load_system("tetris"))
