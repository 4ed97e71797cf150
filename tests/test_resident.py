"""Weights that are on chip from the input before: no bytes of them from DRAM where they fit, all as ever where not."""

from __future__ import annotations

from dataclasses import replace

import pytest

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.buffers import BufferSpec
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Embedding, Flatten, Linear, MatMul, Softmax
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer
from ppsim.workload.sparsity import Sparsity

Network = LayerGraph | PartitionedGraph


def system(accelerators: int, kib: float, weights: str = "resident", **settings) -> ppsim.System:
    return ppsim.load_system(
        "tetris",
        accelerators=accelerators,
        set={"buffer.kib": kib, "weights": weights, "dram.burst_bytes": 2} | settings,
    )


def both(net: Network, accelerators: int, kib: float, **settings) -> tuple[ppsim.Result, ppsim.Result]:
    cold = ppsim.simulate(net, system(accelerators, kib, "cold", **settings))
    return cold, ppsim.simulate(net, system(accelerators, kib, **settings))


def loaded(program: Program, what: str) -> list[int]:
    """Bits by accelerator."""
    accelerators = range(program.system.accelerators)
    work = [[nest for stage in program.stages for nest in stage.work[a]] for a in accelerators]
    return [sum(getattr(nest.activity, what) for nest in nests) for nests in work]


def note(result: ppsim.Result) -> list[str]:
    return [line for line in result.assumptions if line.startswith("weights resident on")]


def fits(result: ppsim.Result) -> str:
    (line,) = note(result)
    return line


def chain(units: int = 64, layers: int = 3, batch: int = 1) -> LayerGraph:
    found = []
    for number in range(layers):
        found += [Linear(name=f"fc{number}", out_features=units), Elementwise(name=f"relu{number}")]
    return LayerGraph("net", (units,), tuple(found), batch)


@pytest.mark.parametrize("accelerators", [1, 2, 4])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_fits_costs_no_weight_bytes_and_all_else_is_equal(accelerators, batch):
    net = chain(batch=batch)
    cold, warm = both(net, accelerators, 133)
    weights = 3 * 64 * 64
    assert cold.dram_bytes - warm.dram_bytes == 2 * weights
    assert warm.dram_bytes == 2 * 64 * batch * (accelerators + 1)  # the input, for each who reads it, and the results
    for same in ("macs", "link_bytes", "parts", "batch"):
        assert getattr(cold, same) == getattr(warm, same)
    for component in ("mac", "register_file", "pe_to_pe", "vector", "link", "router"):
        assert cold.energy[component] == warm.energy[component]
    per_bit = system(1, 133).energy
    assert cold.energy["dram"] - warm.energy["dram"] == pytest.approx(16 * weights * per_bit.dram_pj_per_bit.value)
    # each weight is written to the scratchpad once less
    filled = 16 * weights * per_bit.sram_pj_per_bit(133)
    assert cold.energy["sram"] - warm.energy["sram"] == pytest.approx(filled, rel=1e-9)
    assert warm.seconds < cold.seconds
    assert [layer.macs for layer in cold.layers] == [layer.macs for layer in warm.layers]


def test_the_assumptions_say_on_how_many():
    """Parts of 60 and 4 units: 2 x 60 x 60 weights take 14,400 bytes, 2 x 4 x 4 take 64."""
    layer = PartitionedLayer((60, 4), (60, 4), ((Kept(0, 60),), (Kept(1, 4),)))
    layers = (Linear(name="a", out_features=64), Linear(name="b", out_features=64))
    net = PartitionedGraph(LayerGraph("net", (64,), layers), 2, {"a": layer, "b": layer})
    for kib, count in ((10, 1), (64, 2)):
        result = ppsim.simulate(net, system(2, kib))
        assert fits(result) == f"weights resident on {count} of 2 accelerators, whose share fits; else cold"
        program = place(net, system(2, kib))
        assert program.resident == (count == 2, True)
        assert loaded(program, "weight_bits") == [0 if count == 2 else 16 * 7200, 0]
    assert any("resident where a share fits (a stream of inputs)" in line for line in result.assumptions)
    cold = ppsim.simulate(net, system(2, 64, "cold"))
    assert not note(cold)
    assert any(line.startswith("weights cold;") for line in cold.assumptions)


def test_nothing_changes_where_no_share_fits():
    net = chain(256)
    cold, warm = both(net, 2, 100)
    assert fits(warm).startswith("weights resident on 0 of 2")
    assert replace(cold, assumptions=()) == replace(warm, assumptions=())


def test_a_share_fits_to_the_byte():
    """Room for the weights of both layers beside what stays on chip and the tiles: half of it does not do."""
    net = chain(64, layers=2)
    weights = 2 * 64 * 64 * 2
    resident = {kib: place(net, system(1, kib)).resident[0] for kib in (8, 15, 16, 17, 18, 20, 24)}
    assert list(resident.values()) == sorted(resident.values())
    assert not any(fits for kib, fits in resident.items() if kib * 1024 <= weights)
    assert resident[20]
    # what is reserved for activations is beside it
    reserved = system(1, 20, **{"buffer.activation_fraction": 0.5})
    for stage in place(net, reserved).stages[1:]:
        for nest in stage.work[0]:
            assert nest.input_space + nest.weight_space <= 20 * 1024 - weights


def test_pruned_shares_fit_where_dense_ones_do_not():
    """A dense share is a quarter of the weights, a pruned one a sixteenth: four are more than four times as fast."""
    dense = chain(512, layers=2)
    pruned = ppsim.partition(dense, 4)
    cold, warm = both(pruned, 4, 133)
    rival = ppsim.simulate(dense, system(4, 133))
    alone = ppsim.simulate(pruned, system(1, 133))
    assert (fits(warm)[:27], fits(rival)[:27], fits(alone)[:27]) == (
        "weights resident on 4 of 4 ",
        "weights resident on 0 of 4 ",
        "weights resident on 0 of 1 ",
    )
    assert alone.seconds / warm.seconds > 4
    assert alone.seconds / cold.seconds < alone.seconds / warm.seconds
    assert rival.seconds / warm.seconds > 4
    comparison = ppsim.compare(pruned, system(4, 133))
    assert comparison.speedup > 4 * 4
    assert comparison.factors.loss < 0


@pytest.mark.parametrize(
    ("layer", "kib"),
    [
        (PartitionedLayer((256,), (256,), ((Kept(0, 256, 4096),),), sparsity=Sparsity("compressed", "runs", 4)), 40),
        (PartitionedLayer((256,), (256,), ((Kept(0, 256),),), sparsity=Sparsity("n:m", n=1, m=4)), 60),
        (PartitionedLayer((256,), (256,), ((Kept(0, 256),),), rank=16), 40),
        (PartitionedLayer((256,), (256,), ((Kept(0, 256),),), weight_bits=4), 60),
    ],
)
def test_a_share_is_what_is_stored(layer, kib):
    """256 x 256 weights of 16 bits take 128 KiB; few, narrow, or as factors, they fit less. Zeros alone do not help."""
    graph = LayerGraph("net", (256,), (Linear(name="a", out_features=256),))
    program = place(PartitionedGraph(graph, 1, {"a": layer}), system(1, kib))
    assert program.resident == (True,)
    assert loaded(program, "weight_bits") == [0]
    assert place(PartitionedGraph(graph, 1, {"a": layer}), system(1, kib, "cold")).resident == (False,)
    gated = PartitionedLayer((256,), (256,), ((Kept(0, 256, 4096),),), sparsity=Sparsity("gated"))
    assert place(PartitionedGraph(graph, 1, {"a": gated}), system(1, kib)).resident == (False,)


def test_rows_of_embeddings_still_come_from_dram():
    layers = (Embedding(name="e", entries=(1000, 16), features=8), Linear(name="fc", out_features=8))
    net = LayerGraph("net", (1, 5), layers)
    cold, warm = both(net, 2, 133)
    rows = 5 * 8 * 2
    assert fits(warm).startswith("weights resident on 2 of 2")
    for result in (cold, warm):
        first = result.layers[0]
        assert first.name == "e"
        assert first.dram_bytes == 2 * (rows + 2 * 5)  # each of the two reads the 5 numbers to look up
    assert cold.dram_bytes - warm.dram_bytes == 2 * 8 * 8


def test_activations_as_weights_are_not_resident():
    """What attention multiplies by is made anew; a system without room for it on chip loads it from DRAM."""
    layers = (
        Linear(name="q", out_features=8),
        Linear(name="k", out_features=8, inputs=("input",)),
        MatMul(name="scores", groups=2, over="units", inputs=("q", "k")),
        Softmax(name="s", groups=2),
    )
    net = LayerGraph("net", (8, 6), layers)
    for fraction, loads in ((0.5, 0), (0, 8 * 6 * 16)):
        settings = {"buffer.activation_fraction": fraction}
        cold, warm = (place(net, system(2, 16, weights, **settings)) for weights in ("cold", "resident"))
        assert warm.resident == (True, True)
        at = [stage.name for stage in warm.stages].index("scores")
        assert warm.stages[at].activity.weight_bits == cold.stages[at].activity.weight_bits == loads
        assert [stage.activity.weight_bits for stage in warm.stages[1:3]] == [0, 0]
        assert all(stage.activity.weight_bits for stage in cold.stages[1:3])


def test_groups_of_channels_and_halos():
    layers = (
        Conv(name="c", out_channels=8, kernel=(3, 3), padding=(1, 1)),
        Conv(name="d", out_channels=8, kernel=(3, 3), padding=(1, 1), groups=8),
        Flatten(name="f"),
        Linear(name="fc", out_features=10),
    )
    net = LayerGraph("net", (4, 10, 10), layers)
    cold, warm = both(net, 2, 133)
    assert fits(warm).startswith("weights resident on 2 of 2")
    # ... of which the convolutions' are loaded at least once
    assert cold.dram_bytes - warm.dram_bytes >= 2 * (4 * 8 * 9 + 8 * 9 + 800 * 10)
    assert warm.dram_bytes < cold.dram_bytes / 10


def test_a_share_has_the_weights_of_all_groups():
    """Four groups of 64 x 64 weights take 32 KiB, and 24 are not enough for them."""
    conv = Conv(name="c", out_channels=256, kernel=(1, 1), groups=4)
    net = LayerGraph("net", (256, 2, 2), (conv,))
    assert [place(net, system(1, kib)).resident for kib in (24, 64)] == [(False,), (True,)]


def test_each_accelerator_by_its_own_scratchpad():
    """The first has no room for its share of 32 KiB, the second has; sharing the channel, it saves the first's time."""
    small, large = BufferSpec(24, 256), BufferSpec(133, 256)
    base = system(2, 133)
    hardware = replace(base, groups=(Group("small", 1, buffer=small), Group("large", 1, buffer=large)))
    net = chain(128, layers=2)
    program = place(net, hardware)
    assert program.resident == (False, True)
    assert loaded(program, "weight_bits") == [2 * 64 * 128 * 16, 0]
    result = ppsim.simulate(net, hardware)
    assert fits(result).startswith("weights resident on 1 of 2")
    assert result.dram_bytes == ppsim.simulate(net, replace(hardware, weights="cold")).dram_bytes - 2 * 64 * 128 * 2


def test_both_engines_agree():
    net = chain(200, batch=5)
    for kib in (24, 64, 300):
        auto, reference = (ppsim.simulate(net, system(3, kib), engine) for engine in ("shortcuts", "reference"))
        assert (auto.seconds, auto.energy, auto.dram_bytes) == (
            reference.seconds,
            reference.energy,
            reference.dram_bytes,
        )
