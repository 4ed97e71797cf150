"""`cost` and `Oracle`: they say what `simulate` says of the variant that is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.explore.cost import Cost, Cut, Oracle, cost, variant
from ppsim.pruning.narrowing import narrowed
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Pool
from ppsim.workload.partitioned import Kept, PartitionedGraph

STACK = LayerGraph(
    "stack",
    (200,),
    (
        Linear(name="fc1", out_features=96),
        Elementwise(name="relu1", op="relu"),
        Linear(name="fc2", out_features=64),
        Linear(name="fc3", out_features=10),
    ),
)
IMAGES = LayerGraph(
    "images",
    (3, 10, 10),
    (
        Conv(name="conv1", out_channels=12, kernel=(3, 3)),
        Pool(name="pool", kernel=(2, 2), stride=(2, 2)),
        Flatten(name="flatten"),
        Linear(name="fc1", out_features=40),
        Linear(name="fc2", out_features=10),
    ),
)


def expected(net: LayerGraph | PartitionedGraph, accelerators: int) -> Cost:
    return Cost.of(ppsim.simulate(net, ppsim.load_system("tetris", accelerators=accelerators)))


@settings(deadline=None, max_examples=25)
@given(st.integers(4, 96), st.integers(4, 64), st.sampled_from([None, 1, 2, 4]), st.data())
def test_cost_is_a_simulation_of_the_variant(one: int, two: int, parts: int | None, data: st.DataObject) -> None:
    widths = {"fc1": one, "fc2": two}
    net: LayerGraph | PartitionedGraph = narrowed(STACK, widths)
    rank = None
    if parts is not None:
        net = ppsim.partition(net, parts)
        rank = {"fc2": data.draw(st.integers(1, min(one, two) // parts))}
        net = replace(net, layers={**net.layers, "fc2": replace(net.layers["fc2"], rank=rank["fc2"])})
    assert cost(STACK, widths, rank, parts) == expected(net, parts or 1)


def test_energy_and_bytes_are_conserved() -> None:
    found = cost(STACK, partition=Cut(4, keep=0.5))
    assert sum(layer.cycles for layer in found.layers) == found.cycles
    assert sum(layer.dram_bytes for layer in found.layers) == found.dram_bytes
    assert sum(layer.link_bytes for layer in found.layers) == found.link_bytes
    assert sum(layer.macs for layer in found.layers) == found.macs
    assert sum(found.energy.values()) == pytest.approx(found.energy_pj, rel=1e-12)
    for component, energy in found.energy.items():
        assert sum(layer.energy[component] for layer in found.layers) == pytest.approx(energy, rel=1e-12)
    frame = found.to_frame()
    assert list(frame["name"]) == [layer.name for layer in found.layers]
    assert frame["energy_pj"].sum() == pytest.approx(found.energy_pj, rel=1e-12)
    assert found.to_dict()["layers"][0]["energy_pj"] == found.layers[0].energy_pj


def test_a_cut_is_that_of_partition() -> None:
    cut = Cut(4, "fc1,fc2", keep=0.4)
    assert variant(STACK, partition=cut) == ppsim.partition(STACK, 4, layers="fc1,fc2", keep=0.4)
    assert variant(STACK, partition=Cut(4, reduce="fc3")) == ppsim.partition(STACK, 4, reduce="fc3")


def test_shares_are_rounded_to_units() -> None:
    assert variant(STACK, keep=0.5) == narrowed(STACK, {"fc1": 48, "fc2": 32})
    assert variant(STACK, keep={"fc1": 0.26}) == narrowed(STACK, {"fc1": 25})
    assert variant(STACK, keep={"fc1": 1e-9}) == narrowed(STACK, {"fc1": 1})


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 96), st.integers(8, 64), st.sampled_from([2, 4, 8]))
def test_narrowing_a_cut_network_is_cutting_a_narrow_one(one: int, two: int, parts: int) -> None:
    widths = {"fc1": one, "fc2": two}
    later = variant(ppsim.partition(STACK, parts), widths)
    assert later == ppsim.partition(narrowed(STACK, widths), parts)


@pytest.mark.parametrize("channels", [11, 8, 4, 3])
def test_pixels_of_a_channel_go_together(channels: int) -> None:
    later = variant(ppsim.partition(IMAGES, 3, layers="*"), {"conv1": channels})
    assert isinstance(later, PartitionedGraph)
    sizes = later.layers["conv1"].out_sizes
    assert sum(sizes) == channels
    assert max(sizes) - min(sizes) <= 1
    assert later.layers["fc1"].in_sizes == tuple(16 * size for size in sizes)


def test_units_that_go_are_the_last_of_their_parts() -> None:
    net = ppsim.partition(STACK, 2, layers="fc1,fc2")
    mixed = tuple(unit % 2 for unit in range(96))
    layers = {
        "fc1": replace(net.layers["fc1"], out_assignment=mixed),
        "fc2": replace(net.layers["fc2"], in_assignment=mixed, kept=((Kept(0, 48, 700),), (Kept(1, 20),))),
    }
    later = variant(replace(net, layers=layers), {"fc1": 93})
    assert isinstance(later, PartitionedGraph)
    assert later.layers["fc1"].out_sizes == later.layers["fc2"].in_sizes == (47, 46)
    assert later.layers["fc1"].out_assignment == later.layers["fc2"].in_assignment == (*mixed[:92], 0)
    # a whole block stays whole and keeps its share of nonzeros; half a block stays as it is
    assert later.layers["fc2"].kept == ((Kept(0, 47, 700 * 47 // 48),), (Kept(1, 20),))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"keep": {"fc9": 3}}, "fc9"),
        ({"keep": {"fc9": 0.5}}, "fc9"),
        ({"keep": {"fc1": 97}}, "97"),
        ({"keep": {"fc1": 1.5}}, "keep=1.5"),
        ({"keep": {"fc3": 4}}, "fc3"),
        ({"rank": {"fc9": 3}}, "rank of 'fc9'"),
        ({"rank": {"fc2": 0}, "partition": 4}, "rank must be at least 1"),
        ({"rank": {"fc2": 17}, "partition": 4}, "take at most 16"),
        ({"partition": 0}, "parts"),
        ({"system": "nope"}, "nope"),
    ],
)
def test_what_does_not_exist_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ppsim.InputError, match=words) as refusal:
        cost(STACK, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_what_is_cut_is_not_cut_again() -> None:
    with pytest.raises(ppsim.InputError, match="partitioned already"):
        cost(ppsim.partition(STACK, 4), partition=4)


def test_an_oracle_remembers_and_forgets() -> None:
    system = ppsim.load_system("tetris", accelerators=4)
    oracle = Oracle(system, most=2)
    nets = [ppsim.partition(narrowed(STACK, {"fc1": width}), 4) for width in (96, 80, 64)]
    assert [oracle(net) for net in nets] == [expected(net, 4) for net in nets]
    assert oracle(replace(nets[2], description="another")) == expected(nets[2], 4)
    assert (oracle.asked, oracle.simulated) == (4, 3)
    oracle(nets[0])
    assert oracle.simulated == 4
    assert oracle.measured("seconds")(nets[0]) == oracle(nets[0]).seconds
    assert oracle.measured("energy_pj")(nets[1]) == oracle(nets[1]).energy_pj


def test_a_name_has_an_accelerator_for_each_part() -> None:
    assert cost(STACK, partition=4) == cost(STACK, partition=4, system=ppsim.load_system("tetris", accelerators=4))


def test_a_layer_that_is_not_cut_becomes_two() -> None:
    from ppsim.pruning.low_rank import factorised

    assert variant(STACK, rank={"fc2": 5}) == factorised(STACK, {"fc2": 5})
    mixed = variant(STACK, {"fc1": 40}, {"fc1": 4, "fc3": 2}, Cut(2, "fc1,fc2"))
    assert isinstance(mixed, PartitionedGraph)
    assert mixed.layers["fc1"].rank == 4
    assert mixed.graph == factorised(narrowed(STACK, {"fc1": 40}), {"fc3": 2})
