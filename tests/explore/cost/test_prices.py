"""Prices: staircases and blocks are differences of simulations, and what pays next is told truly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.explore.cost import Cost, Cut, Staircase, Step, cost, prices, variant
from ppsim.explore.cost.staircases import FEW, staircase
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, Conv, Linear
from ppsim.workload.partitioned import PartitionedGraph

SMALL = LayerGraph(
    "small",
    (60,),
    (Linear(name="fc1", out_features=40), Linear(name="fc2", out_features=24), Linear(name="fc3", out_features=8)),
)


def cut(keep: float | None = None) -> PartitionedGraph:
    return ppsim.partition(SMALL, 4, keep=keep)


def check_edges(stairs: Staircase) -> None:
    """The next step that pays does, none above it that was simulated does, and its neighbour above was simulated."""
    values = [step.value for step in stairs.steps]
    assert values == sorted(values, reverse=True)
    for found, saved in ((stairs.next_faster, "saved_seconds"), (stairs.next_cheaper, "saved_energy_pj")):
        above = [step for step in stairs.steps if found is None or step.value > found.value]
        assert all(getattr(step, saved) <= 0 for step in above)
        if found is not None:
            assert found in stairs.steps
            assert getattr(found, saved) > 0


@pytest.mark.parametrize("system", ["tetris", "shared-dram"])
def test_staircases_are_what_simulating_again_gives(system: str) -> None:
    net = cut()
    found = prices(net, system)
    assert found.cost == cost(net, system=system)
    assert [stairs.layers for stairs in found.widths] == [("fc1",), ("fc2",)]
    assert [stairs.layers for stairs in found.ranks] == [("fc1",), ("fc2",), ("fc3",)]
    assert list(found.left_out) == ["fc3"]
    for stairs in (*found.widths, *found.ranks):
        assert stairs.complete
        assert stairs.now.seconds == found.cost.seconds
        check_edges(stairs)
        (name,) = stairs.layers
        for step in stairs.steps[1::5]:
            change = {"keep" if stairs.kind == "width" else "rank": {name: step.value}}
            again = cost(net, system=system, **change)  # type: ignore[arg-type]
            assert (step.cycles, step.seconds, step.energy_pj) == (again.cycles, again.seconds, again.energy_pj)
            assert step.saved_cycles == found.cost.cycles - again.cycles
            assert step.saved_seconds == found.cost.seconds - again.seconds
            assert step.saved_energy_pj == found.cost.energy_pj - again.energy_pj
    widths = found.widths[0]
    # down to a unit for each part
    assert [step.value for step in widths.steps] == list(range(40, 3, -1))
    assert widths.one_less == widths.steps[1]


def test_blocks_are_differences_of_simulations() -> None:
    net = cut(keep=0.6)
    found = prices(net, "tetris", layers="fc2", blocks=True)
    assert len(found.blocks) == sum(len(blocks) for blocks in net.layers["fc2"].kept)
    for price in found.blocks:
        layers = dict(net.layers)
        kept = tuple(
            tuple(block for block in blocks if (q, block.part) != (price.out_part, price.in_part))
            for q, blocks in enumerate(net.layers["fc2"].kept)
        )
        layers["fc2"] = ppsim.workload.partitioned.replace(layers["fc2"], kept=kept)  # type: ignore[attr-defined]
        after = cost(PartitionedGraph(net.graph, net.parts, layers))
        assert price.saved_seconds == found.cost.seconds - after.seconds
        assert price.saved_cycles == found.cost.cycles - after.cycles
        assert price.saved_energy_pj == found.cost.energy_pj - after.energy_pj
        assert price.saved_energy_pj > 0


def test_the_only_block_of_an_output_has_no_price() -> None:
    found = prices(cut(), "tetris", layers="fc1", blocks=True)
    assert [block.saved_seconds for block in found.blocks] == [None] * 4


def test_widths_that_go_together_have_one_staircase() -> None:
    net = LayerGraph(
        "residual",
        (4, 6, 6),
        (
            Conv(name="conv1", out_channels=8, kernel=(1, 1)),
            Conv(name="conv2", out_channels=6, kernel=(3, 3), padding=(1, 1)),
            Conv(name="conv3", out_channels=8, kernel=(1, 1)),
            Add(name="add", inputs=("conv1", "conv3")),
            Conv(name="conv4", out_channels=3, kernel=(1, 1)),
        ),
    )
    found = prices(net, "tetris")
    assert [stairs.layers for stairs in found.widths] == [("conv1", "conv3"), ("conv2",)]
    both = found.widths[0]
    assert both.steps[2].seconds == cost(net, {"conv1": 6}).seconds
    assert both.steps[2].seconds == cost(net, {"conv3": 6}).seconds


def test_who_pays_first() -> None:
    found = prices(cut(), "tetris")
    each = [stairs.saved_seconds_each() for stairs in found.best()]
    assert each
    assert each == sorted(each, reverse=True)
    assert all(value > 0 for value in each)


def test_progress_ends_with_all() -> None:
    told: list[tuple[int, int]] = []
    prices(cut(), "tetris", blocks=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
    assert len(told) == 2 + 3 + 12


def test_frame_and_document() -> None:
    found = prices(cut(keep=0.5), "tetris", blocks=True)
    frame = found.to_frame()
    assert set(frame["kind"]) == {"width", "rank", "block"}
    assert len(frame) == sum(len(stairs.steps) for stairs in (*found.widths, *found.ranks)) + len(found.blocks)
    assert frame["next_faster"].eq(True).sum() == len(found.best())
    document = found.to_dict()
    assert document["widths"][0]["steps"][0]["value"] == 40
    assert document["cost"]["cycles"] == found.cost.cycles


def test_no_such_layer() -> None:
    with pytest.raises(ppsim.InputError, match="matches no"):
        prices(SMALL, "tetris", layers="conv*")


def made(seconds: float, energy: float) -> Cost:
    return Cost(round(seconds), seconds, energy, {"mac": energy}, 0, 0, 0, ())


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 400), st.data())
def test_edges_of_any_staircase(width: int, data: st.DataObject) -> None:
    """Descending stairs: the edge that is found is the first one, however long the staircase."""
    edges = sorted(data.draw(st.sets(st.integers(1, width), max_size=5)), reverse=True)
    asked: list[int] = []

    def costs(value: int) -> Cost:
        asked.append(value)
        return made(float(sum(value >= edge for edge in edges)), float(value))

    found = staircase(("layer",), "width", range(width, 0, -1), costs)
    assert isinstance(found.now, Step)
    check_edges(found)
    assert found.complete == (width <= FEW + 1)
    below = [edge for edge in edges if edge > 1]
    assert (found.next_faster and found.next_faster.value) == (below[0] - 1 if below else None)
    assert (found.next_cheaper and found.next_cheaper.value) == width - 1
    assert width <= FEW + 1 or len(asked) < 60


def test_cut_and_variant_agree() -> None:
    assert variant(SMALL, partition=Cut(4)) == cut()
