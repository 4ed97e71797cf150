"""Each row is that layer, alone, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from priced_networks import small, small_table, tetris

import ppsim
from ppsim import LayerGraph
from ppsim.explore.cost_tables.shapes import MOST_WIDTHS, Steps, widths
from ppsim.explore.cost_tables.table import system_hash
from ppsim.workload.layers import BatchNorm, Conv, Elementwise, Linear, Softmax


def test_the_grid() -> None:
    table = small_table()
    assert {shape.name: (shape.inputs, shape.outputs, shape.atom) for shape in table.origin.layers} == {
        "conv1": (3, 16, 1), "depthwise": (16, 16, 1), "conv2": (16, 20, 1), "fc1": (80, 30, 4), "fc2": (30, 10, 1),
    }  # fmt: skip
    pairs = {
        name: sorted({(row.inputs, row.outputs) for row in table.rows if row.layer == name})
        for name in ("conv1", "depthwise", "conv2", "fc1", "fc2")
    }
    assert pairs["conv1"] == [(3, 8), (3, 16)]
    assert pairs["depthwise"] == [(8, 8), (16, 16)]
    assert pairs["conv2"] == [(i, o) for i in (8, 16) for o in (8, 16, 20)]
    # whole channels of four pixels each
    assert pairs["fc1"] == [(i, o) for i in (32, 64, 80) for o in (10, 20, 30)]
    assert pairs["fc2"] == [(10, 10), (20, 10), (30, 10)]
    cuts = {(row.layer, row.groups, row.accelerators) for row in table.rows}
    assert {(g, p) for layer, g, p in cuts if layer == "conv1"} == {(1, 1), (1, 2), (2, 2)}
    assert {(g, p) for layer, g, p in cuts if layer == "depthwise"} == {(8, 1), (16, 1), (8, 2), (16, 2)}


@pytest.mark.parametrize("accelerators", [1, 2])
def test_rows_are_layers_simulated_alone(accelerators: int) -> None:
    table, system = small_table(), tetris(accelerators)
    alone = {
        ("conv1", 3, 8): ((3, 8, 8), (Conv(name="c", out_channels=8, kernel=(3, 3), padding=(1, 1)),
                                      BatchNorm(name="b"), Elementwise(name="e"))),
        ("depthwise", 8, 8): ((8, 8, 8), (Conv(name="c", out_channels=8, kernel=(3, 3), padding=(1, 1), stride=(2, 2),
                                               groups=8),)),
        ("conv2", 16, 16): ((16, 4, 4), (Conv(name="c", out_channels=16, kernel=(1, 1)),
                                         Elementwise(name="e", op="relu6"))),
        ("fc1", 64, 30): ((64,), (Linear(name="l", out_features=30), Elementwise(name="e"))),
        ("fc2", 20, 10): ((20,), (Linear(name="l", out_features=10),)),
    }  # fmt: skip
    for (layer, inputs, outputs), (shape, layers) in alone.items():
        row = table.lookup(layer, inputs, outputs, accelerators=accelerators)
        result = ppsim.simulate(LayerGraph("by hand", shape, layers), system)
        assert (row.cycles, row.seconds, row.energy) == (result.cycles, result.seconds, result.energy)
        assert (row.macs, row.dram_bytes, row.link_bytes) == (result.macs, result.dram_bytes, result.link_bytes)


def test_a_cut_row_is_block_diagonal() -> None:
    row = small_table().lookup("fc1", 80, 30, groups=2, accelerators=2)
    net = LayerGraph("by hand", (80,), (Linear(name="fc", out_features=30), Elementwise(name="e")))
    result = ppsim.simulate(ppsim.partition(net, 2, layers="fc"), tetris(2))
    assert (row.cycles, row.energy, row.macs) == (result.cycles, result.energy, 80 * 30 // 2)
    assert row.cycles < small_table().lookup("fc1", 80, 30, accelerators=2).cycles


def test_full_width_is_the_layer_in_its_network() -> None:
    net = small()
    for name, after in (("conv1", ("bn1", "relu1")), ("fc1", ("relu3",)), ("fc2", ())):
        shape = small_table().shape(name)
        row = small_table().lookup(name, shape.inputs, shape.outputs)
        assert row.cycles == ppsim.simulate(net.stretch((name, *after)), tetris(1)).cycles


def test_what_cannot_be_cut_has_no_row() -> None:
    table = ppsim.cost_table(small(), tetris(), accelerators=[1], groups=[1, 12, 40], layers="fc2,depthwise", step=50)
    assert {(row.layer, row.groups) for row in table.rows} == {("depthwise", 16), ("fc2", 1), ("fc2", 12)}
    # ten classes in twelve blocks: cut by inputs, and everything is kept
    assert table.lookup("fc2", 30, 10, groups=12).macs == 300
    with pytest.raises(ppsim.InputError, match="no layer can be cut into 40 parts"):
        ppsim.cost_table(small(), tetris(), groups=[40], layers="fc2")


def test_equal_arguments_give_equal_tables() -> None:
    net, system = small(), tetris()
    tables = [
        ppsim.cost_table(net, system, layers="fc*", step=10, jobs=jobs, progress=progress)
        for jobs, progress in ((1, None), (2, lambda done, total: calls.append((done, total))))
        if (calls := []) is not None
    ]
    assert tables[0] == tables[1]
    assert "4 layers" not in repr(tables[0])
    assert repr(tables[0]) == f"CostTable(small on tetris: 2 layers, {len(tables[0].rows)} rows)"


def test_equal_layers_are_simulated_once() -> None:
    twins = LayerGraph("twins", (20,), tuple(Linear(name=f"fc{n}", out_features=20) for n in range(3)))
    seen: list[tuple[int, int]] = []
    table = ppsim.cost_table(twins, tetris(), accelerators=[1], step=10, progress=lambda *done: seen.append(done))
    assert len(table.rows) == 12
    assert seen[-1] == (4, 4)
    assert {(r.inputs, r.outputs, r.cycles) for r in table.rows if r.layer == "fc0"} == {
        (r.inputs, r.outputs, r.cycles) for r in table.rows if r.layer == "fc2"
    }


def test_frame() -> None:
    table = small_table()
    frame = table.frame
    assert list(frame.columns[:13]) == [
        "network", "layer", "kind", "in", "out", "groups", "accelerators", "cycles", "seconds", "energy_pj", "macs",
        "dram_bytes", "link_bytes",
    ]  # fmt: skip
    assert len(frame) == len(table.rows)
    components = list(frame.columns[13:])
    assert {"mac_pj", "dram_pj", "leakage_pj"} <= set(components)
    assert frame[components].sum(axis=1).to_numpy() == pytest.approx(frame["energy_pj"].to_numpy())
    row = table.lookup("fc2", 20, 10, accelerators=2)
    there = frame.query("layer == 'fc2' and `in` == 20 and out == 10 and groups == 1 and accelerators == 2")
    assert there["cycles"].tolist() == [row.cycles]


def test_covering_is_the_staircase() -> None:
    table = small_table()
    for width, held in ((1, 10), (10, 10), (11, 20), (30, 30)):
        assert table.covering("fc2", width, 7) == table.lookup("fc2", held, 10)
    assert table.covering("depthwise", 5, 5) == table.lookup("depthwise", 8, 8)
    with pytest.raises(ppsim.InputError, match="'fc2' has 30 x 10 units at most, got 31 x 10"):
        table.covering("fc2", 31, 10)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("fc9", 1, 1), "'fc9' has no price; there are: conv1, depthwise, conv2, fc1, fc2"),
        (("fc2", 21, 10), "no row with in=21; there are: 10, 20, 30"),
        (("fc2", 20, 9), "no row with out=9; there are: 10"),
        (("fc2", 20, 10, 3), "no row with groups=3; there are: 1, 2"),
        (("fc2", 20, 10, 1, 5), "no row with accelerators=5; there are: 1, 2"),
        (("fc2", 20, 10, 2, 1), "no row of 20 x 10 units in 2 groups on 1 accelerators"),
    ],
)
def test_what_is_not_there_is_explained(asked: tuple[str, int, int], said: str) -> None:
    with pytest.raises(ppsim.InputError, match=said):
        small_table().lookup(*asked)


def test_a_layer_that_no_row_is_left_of() -> None:
    cut = small_table().only(accelerators=2, groups=2)
    with pytest.raises(ppsim.InputError, match="'depthwise' has no rows"):
        cut.covering("depthwise", 8, 8)
    with pytest.raises(ppsim.InputError, match="'depthwise' has no row with accelerators=2; there are: none"):
        cut.lookup("depthwise", 8, 8, accelerators=2)


def test_only() -> None:
    table = small_table()
    assert {row.accelerators for row in table.only(accelerators=2).rows} == {2}
    uncut = table.only(groups=1)
    assert all(table.uncut(row) for row in uncut.rows)
    assert {row.layer for row in uncut.rows} == {shape.name for shape in table.origin.layers}
    assert {(row.layer, row.groups) for row in table.only(2, 2).rows} == {
        (name, 2) for name in ("conv1", "conv2", "fc1", "fc2")
    }
    with pytest.raises(ppsim.InputError, match="no rows with accelerators=3"):
        table.only(accelerators=3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layers": "pool"}, "layers='pool' matches no linear layer or convolution; there are: conv1, depthwise"),
        ({"step": 0}, "step must be at least 1, got 0"),
        ({"step": {"conv": 4, "linear": -1}}, "step must be at least 1, got -1"),
        ({"step": {"dense": 4}}, "step: 'dense' is no kind of layer; accepted: conv, linear"),
        ({"accelerators": [0]}, "accelerators: numbers from 1 up"),
        ({"groups": []}, "groups: numbers from 1 up are accepted, got none"),
    ],
)
def test_refusals(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ppsim.InputError, match=said):
        ppsim.cost_table(small(), tetris(), **arguments)  # type: ignore[arg-type]


def test_a_table_has_a_largest_size() -> None:
    wide = LayerGraph("wide", (5000,), (Linear(name="fc", out_features=5000),))
    with pytest.raises(ppsim.InputError, match="'fc': 25,000,000 rows up to it; up to 1,000,000 are made: widen step"):
        ppsim.cost_table(wide, tetris(1), step=1)


def test_nothing_without_weights_has_a_price() -> None:
    net = LayerGraph("soft", (10,), (Softmax(name="softmax"),))
    with pytest.raises(ppsim.InputError, match="there are: none"):
        ppsim.cost_table(net, tetris())


def test_a_branch_is_no_follower() -> None:
    """A pointwise layer whose input is also read by another layer does not run as its producer drains."""
    first = Linear(name="fc1", out_features=8)
    layers = (first, Elementwise(name="relu"), Linear(name="fc2", out_features=8, inputs=("fc1",)))
    table = ppsim.cost_table(LayerGraph("branch", (8,), layers), tetris(1), layers="fc1")
    alone = ppsim.simulate(LayerGraph("one", (8,), (first,)), tetris(1))
    assert table.lookup("fc1", 8, 8).energy == alone.energy


@given(units=st.integers(1, 300), step=st.integers(1, 400))
def test_widths_are_multiples_and_the_full_width(units: int, step: int) -> None:
    found = widths(units, step)
    assert found == sorted(set(found))
    assert found[-1] == units
    assert all(width % step == 0 for width in found[:-1])
    assert len(found) == -(-units // step)


@given(units=st.integers(1, 100_000), columns=st.integers(1, 256))
def test_the_usual_step_is_the_smallest_that_is_short_enough(units: int, columns: int) -> None:
    step = Steps(columns).of("conv", units)
    assert step % columns == 0
    assert len(widths(units, step)) <= MOST_WIDTHS
    assert step == columns or len(widths(units, step - columns)) > MOST_WIDTHS


def test_the_hash_is_of_what_the_system_is() -> None:
    system = tetris(1)
    assert system_hash(system) == system_hash(tetris(8)) == small_table().origin.system_hash
    assert system_hash(system) != system_hash(system.with_settings({"dram.latency_ns": 1}))
    assert system_hash(system) != system_hash(replace(system, launch_us=1.0))
    assert system_hash(system) != system_hash(ppsim.load_system("edge", accelerators=1))
