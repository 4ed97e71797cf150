"""The energy ledger against energies computed by hand, and its sums."""

from dataclasses import replace

import pytest

import ppsim
from ppsim.analysis.ledger import Amounts
from ppsim.hardware.accelerator import Group
from ppsim.hardware.buffers import VectorSpec
from ppsim.hardware.energy import COMPONENTS, EnergyTable, Entry, SramPoint
from ppsim.hardware.interconnect import Edge
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, Concat, Elementwise, Embedding, Linear, Softmax
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer
from ppsim.workload.sparsity import Sparsity

#: every action at a price of its own, so that no two can be taken for one another
PRICES = {
    "mac_pj": 3.0,
    "register_file_pj_per_bit": 0.5,
    "pe_to_pe_pj_per_bit": 0.7,
    "accumulator_pj_per_bit": 1.3,
    "dram_pj_per_bit": 11.0,
    "dram_background_w": 0.017,
    "link_pj_per_bit": 1.9,
    "router_pj_per_bit": 0.23,
    "vector_pj_per_op": 0.29,
    "leakage_w": 0.031,
}
SRAM = 0.9


def price(value: float) -> Entry:
    return Entry(value, "a test", "estimate")


TABLE = EnergyTable(
    name="prices",
    description="made up",
    node_nm=None,
    sram=(SramPoint(133, price(SRAM)),),
    **{name: price(value) for name, value in PRICES.items()},
)


def system(accelerators: int, **settings) -> ppsim.System:
    array = {"rows": 2, "cols": 2, "dataflow": "os", "bits": 16, "accumulator_bits": 32}
    fixed = {"array": array, "dram.burst_bytes": 2, "dram.efficiency_mixed": 0.92}
    return replace(ppsim.load_system("tetris", accelerators=accelerators, set=fixed | settings), energy=TABLE)


def by_hand(
    seconds: float, macs: int, registers: int, hops: int, sram: int, accumulators: int, dram_bytes: int,
    sent_bits: int = 0, operations: int = 0, accelerators: int = 1, channels: int = 1,
) -> dict[str, float]:  # fmt: skip
    """Counted bits, bytes and actions times their prices, pJ."""
    return {
        "mac": macs * 3.0,
        "register_file": registers * 0.5,
        "pe_to_pe": hops * 0.7,
        "sram": sram * 0.9 + accumulators * 1.3,
        "dram": 8 * dram_bytes * 11.0,
        "dram_background": 0.017 * channels * seconds * 1e12,
        "link": sent_bits * 1.9,
        "router": sent_bits * 0.23,
        "vector": operations * 0.29,
        "leakage": 0.031 * accelerators * seconds * 1e12,
    }


def test_output_stationary_by_hand():
    """1x4 by 4x4 on 2x2: one fold down, two across, each streams k = 4. One of the two rows is in use.

    Registers: every MAC reads and writes a 32-bit sum. Hops: every MAC passes two 16-bit operands on, and each of the 4
    sums shifts out along the 1 row it crosses. Scratchpad: the array reads the 4 inputs twice (once a fold) and the 16
    weights once; 16 weights and 4 inputs come from DRAM, 4 outputs are written and read again on their way there.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(1))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=16 * 2 * 32,
        hops=16 * 2 * 16 + 4 * 1 * 32,
        sram=(2 * 4 + 16) * 16 + (16 + 4) * 16 + (4 + 4) * 16,
        accumulators=0,
        dram_bytes=2 * (16 + 4 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)
    assert result.macs == 16
    assert result.dram_bytes == 48


def test_weight_stationary_by_hand():
    """1x4 by 4x4 on 2x2: two folds down (k), two across (n).

    Registers: every MAC reads its 16-bit weight, and each of 16 weights is written once. Hops: every MAC passes a
    16-bit input and a 32-bit sum on; a fold's 4 weights shift down one row or two: 2 (1 + 2). Partial sums: 4 outputs
    are written twice (once for each fold down) and read once; the last write is an output of 16 bits.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(1, **{"array.dataflow": "ws"}))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=(16 + 16) * 16,
        hops=16 * (16 + 32) + 4 * 2 * (1 + 2) * 16,
        sram=(2 * 4 + 16) * 16 + (16 + 4) * 16 + (4 + 4) * 16,
        accumulators=((2 * 4 - 4) + 4) * 32,
        dram_bytes=2 * (16 + 4 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_input_stationary_by_hand():
    """2x4 by 4x1 on 2x2: two folds down (k), one across (m). Eight inputs are loaded, one weight streams into each row.

    A fold's 4 inputs shift down one row or two: 2 (1 + 2). Partial sums: 2 outputs, written twice and read once.
    """
    result = ppsim.simulate(ppsim.gemm(2, 4, 1), system(1, **{"array.dataflow": "is"}))
    expected = by_hand(
        result.seconds,
        macs=8,
        registers=(8 + 8) * 16,
        hops=8 * (16 + 32) + 2 * 2 * (1 + 2) * 16,
        sram=(8 + 4) * 16 + (8 + 4) * 16 + (2 + 2) * 16,
        accumulators=((2 * 2 - 2) + 2) * 32,
        dram_bytes=2 * (8 + 4 + 2),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_two_accelerators_by_hand():
    """1x4 by 4x4 on two 2x2 os arrays, two outputs each; accelerator 1 sends its two over one link.

    What is sent is read from one scratchpad and written to another, and read there on its way to DRAM.
    """
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(2))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=16 * 2 * 32,
        hops=16 * 2 * 16 + 4 * 1 * 32,
        sram=(2 * 4 + 16) * 16 + (16 + 2 * 4) * 16 + (4 + 2) * 16 + (2 + 2 + 2) * 16,
        accumulators=0,
        dram_bytes=2 * (16 + 2 * 4 + 4),
        sent_bits=2 * 16,
        accelerators=2,
        channels=2,
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)
    assert result.link_bytes == 4


def test_a_link_is_paid_for_once_a_hop():
    """1x4 by 4x8 on four accelerators in a 2x2 mesh: 4 bytes from 1 and 2 over one hop, from 3 over two."""
    result = ppsim.simulate(ppsim.gemm(1, 4, 8), system(4))
    assert result.link_bytes == 3 * 4
    assert result.energy["link"] == pytest.approx(8 * 4 * (1 + 1 + 2) * 1.9, rel=1e-12)
    assert result.energy["router"] == pytest.approx(8 * 4 * (1 + 1 + 2) * 0.23, rel=1e-12)


def test_vector_operations_by_hand():
    """A ReLU of 4 elements and a softmax at 4 operations an element; switched off they cost nothing."""
    layers = (Linear(name="fc", out_features=4), Elementwise(name="relu"), Softmax(name="softmax"))
    net = LayerGraph("net", (4,), layers, batch=3)
    assert ppsim.simulate(net, system(1)).energy["vector"] == pytest.approx(3 * (4 + 16) * 0.29, rel=1e-12)
    assert ppsim.simulate(net, system(1, **{"vector.enabled": False})).energy["vector"] == 0


def test_channels_pay_their_background_once():
    for sharing, channels in (("private", 6), ("shared", 1), (4, 2)):
        result = ppsim.simulate(ppsim.gemm(1, 40, 60), system(6, **{"dram.sharing": sharing}))
        expected = 0.017 * channels * result.seconds * 1e12
        assert result.energy["dram_background"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("accelerators", [1, 2, 8])
def test_idle_accelerators_leak_to_the_end(accelerators):
    """One output unit keeps one accelerator busy; the others pay static power all the same."""
    result = ppsim.simulate(ppsim.gemm(1, 64, 1), system(accelerators, launch_us=3))
    assert result.seconds > 3e-6
    assert result.energy["leakage"] == pytest.approx(0.031 * accelerators * result.seconds * 1e12, rel=1e-12)
    pruned = ppsim.partition(ppsim.gemm(1, 64, 64), 2, layers="*")
    result = ppsim.simulate(pruned, system(accelerators))
    assert result.energy["leakage"] == pytest.approx(0.031 * accelerators * result.seconds * 1e12, rel=1e-12)


@pytest.mark.parametrize("name", ["tetris", "shared-dram"])
@pytest.mark.parametrize("table", ["tetris", "eyeriss-65nm"])
def test_components_add_up(name, table):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 3, keep=0.5)
    hardware = ppsim.load_system(name, accelerators=3, set={"energy": table, "launch_us": 1})
    result = ppsim.simulate(net, hardware)
    assert tuple(result.energy) == COMPONENTS
    for component in COMPONENTS:
        parts = [layer.energy[component] for layer in result.layers]
        assert all(part >= 0 for part in parts)
        assert result.energy[component] == pytest.approx(sum(parts), rel=1e-9, abs=0)
    assert result.energy_pj == pytest.approx(sum(layer.energy_pj for layer in result.layers), rel=1e-9)
    assert result.energy_pj == pytest.approx(sum(result.energy.values()), rel=1e-12)
    assert result.energy["mac"] == net.macs * hardware.energy.mac_pj.value
    assert result.energy["dram"] == pytest.approx(8 * result.dram_bytes * hardware.energy.dram_pj_per_bit.value)
    static = hardware.energy.leakage_w.value * 3 * result.seconds * 1e12
    assert result.energy["leakage"] == pytest.approx(static, rel=1e-9)


@pytest.mark.parametrize("component", sorted(PRICES))
def test_a_price_moves_its_own_component_alone(component):
    """Doubling one price doubles what it pays for and nothing else."""
    net = ppsim.gemm(2, 40, 60)
    before = ppsim.simulate(net, system(4, **{"array.dataflow": "ws"}))
    dearer = replace(TABLE, **{component: price(2 * PRICES[component])})
    after = ppsim.simulate(net, replace(system(4, **{"array.dataflow": "ws"}), energy=dearer))
    changed = {name for name in COMPONENTS if after.energy[name] != before.energy[name]}
    if component == "vector_pj_per_op":  # a product has no such operation
        assert not changed
    elif component == "accumulator_pj_per_bit":
        assert changed == {"sram"}
        assert before.energy["sram"] < after.energy["sram"] < 2 * before.energy["sram"]
    else:
        (name,) = changed
        assert component.startswith(f"{name}_")
        assert after.energy[name] == pytest.approx(2 * before.energy[name], rel=1e-12)
    assert after.cycles == before.cycles


def one_layer(layer: PartitionedLayer, inputs: int, outputs: int) -> PartitionedGraph:
    graph = LayerGraph("net", (inputs,), (Linear(name="a", out_features=outputs),))
    return PartitionedGraph(graph, layer.parts, {"a": layer})


SPLIT_BY_INPUTS = PartitionedLayer((2, 2), (4,), ((Kept(0, 2), Kept(1, 2)),), split="inputs")


def test_a_reduction_by_hand():
    """1x4 by 4x4 split by inputs over two 2x2 os arrays: each adds up 2 of the 4 products for all 4 outputs.

    Hops: 16 MACs, and all 8 partial sums leave an array over 1 row. Scratchpad: of 2 inputs each is read twice, of 8
    weights each once, and all came from DRAM; 8 sums are written. Then 4 sums of 32 bit are read, sent and written,
    added to 4 others (read and written at the accumulator's price, 4 operations), and the result's 8 bytes are read
    to be written to DRAM.
    """
    expected = {
        "macs": 16,
        "registers": 16 * 2 * 32,
        "hops": 16 * 2 * 16 + 8 * 1 * 32,
        "sram": (2 * 4 + 16) * 16 + (16 + 4) * 16 + 8 * 16 + 2 * 4 * 32 + 4 * 16,
        "accumulators": 2 * 4 * 32,
        "dram_bytes": 2 * (16 + 4 + 4),
        "sent_bits": 4 * 32,
        "operations": 4,
        "accelerators": 2,
        "channels": 2,
    }
    net = one_layer(SPLIT_BY_INPUTS, 4, 4)
    result = ppsim.simulate(net, system(2))
    assert dict(result.energy) == pytest.approx(by_hand(result.seconds, **expected), rel=1e-12)
    assert result.link_bytes == 16
    # a vector unit that is switched off costs nothing
    off = ppsim.simulate(net, system(2, **{"vector.enabled": False}))
    assert dict(off.energy) == pytest.approx(by_hand(off.seconds, **expected | {"operations": 0}), rel=1e-12)


def test_sums_are_paid_by_the_one_who_adds():
    """Accelerator 0 adds; whether the other one's vector unit is on does not matter."""
    net = one_layer(SPLIT_BY_INPUTS, 4, 4)
    hardware = system(2)
    for adds, other, operations in ((True, False, 4), (False, True, 0)):
        groups = (Group("a", 1, vector=VectorSpec(1, adds)), Group("b", 1, vector=VectorSpec(1, other)))
        result = ppsim.simulate(net, replace(hardware, groups=groups))
        assert result.energy["vector"] == pytest.approx(operations * 0.29, rel=1e-12)


def test_links_with_a_price_of_their_own():
    """As in a mesh of four above: 4 bytes from 1 and 2 over one hop, from 3 over two; the router's price stays."""
    hardware = system(4)
    own = replace(hardware, interconnect=replace(hardware.interconnect, pj_per_bit=5.5))
    result = ppsim.simulate(ppsim.gemm(1, 4, 8), own)
    assert result.energy["link"] == pytest.approx(8 * 4 * 4 * 5.5, rel=1e-12)
    assert result.energy["router"] == pytest.approx(8 * 4 * 4 * 0.23, rel=1e-12)
    free = replace(own, interconnect=replace(own.interconnect, pj_per_bit=0))
    assert ppsim.simulate(ppsim.gemm(1, 4, 8), free).energy["link"] == 0
    # a star: each sends its 4 bytes in and on to 0; the cables of 0 and 1 have their own prices, the others the table's
    edges = [Edge(0, "s", pj_per_bit=7), Edge(1, "s", pj_per_bit=0.5), Edge(2, "s"), Edge(3, "s")]
    star = replace(hardware.interconnect, topology="edges", edges=tuple(edges))
    result = ppsim.simulate(ppsim.gemm(1, 4, 8), replace(hardware, interconnect=star))
    assert result.energy["link"] == pytest.approx(8 * 4 * (0.5 + 1.9 + 1.9 + 3 * 7), rel=1e-12)
    assert result.energy["router"] == pytest.approx(8 * 4 * 6 * 0.23, rel=1e-12)
    # ... or the interconnect's
    star = replace(star, pj_per_bit=2.5)
    result = ppsim.simulate(ppsim.gemm(1, 4, 8), replace(hardware, interconnect=star))
    assert result.energy["link"] == pytest.approx(8 * 4 * (0.5 + 2.5 + 2.5 + 3 * 7), rel=1e-12)


@pytest.mark.parametrize(
    ("sparsity", "macs", "weight_bytes"),
    [
        (Sparsity(), 2 * 16, 32),
        (Sparsity("gated"), 2 * 8, 32),
        (Sparsity("compressed", "runs", 8), 2 * 16, 8 * 24 // 8),
        (Sparsity("n:m", n=8, m=16), 2 * 8, 8 * 20 // 8),
    ],
)
def test_zeros_by_hand(sparsity, macs, weight_bytes):
    """2x4 by 4x4, 8 of 16 weights not zero; 8 inputs and 8 outputs of 2 bytes."""
    nonzeros = 8 if sparsity.kind != "n:m" else None
    layer = PartitionedLayer((4,), (4,), ((Kept(0, 4, nonzeros),),), sparsity=sparsity)
    result = ppsim.simulate(one_layer(layer, 4, 4).with_batch(2), system(1, **{"dram.burst_bytes": 1}))
    assert result.macs == macs
    assert result.energy["mac"] == pytest.approx(macs * 3.0, rel=1e-12)
    assert result.dram_bytes == weight_bytes + 2 * (8 + 8)
    assert result.energy["dram"] == pytest.approx(8 * result.dram_bytes * 11.0, rel=1e-12)
    # registers and hops are paid for what is computed, zero or not
    computed = 2 * 16 if sparsity.kind != "n:m" else 2 * 8
    assert result.energy["register_file"] == pytest.approx(computed * 2 * 32 * 0.5, rel=1e-12)


def test_low_rank_by_hand():
    """1x6 by 6x4 as 6x2 and 2x4 on 2x2 os: what is between the factors, 2 numbers, is written and read on chip alone.

    First factor: a fold of k = 6 reads 6 inputs and 12 weights; second: two folds of k = 2 read 2 inputs twice and 8
    weights.
    """
    layer = PartitionedLayer((6,), (4,), ((Kept(0, 6),),), rank=2)
    result = ppsim.simulate(one_layer(layer, 6, 4), system(1))
    expected = by_hand(
        result.seconds,
        macs=20,
        registers=20 * 2 * 32,
        hops=20 * 2 * 16 + (2 + 4) * 1 * 32,
        sram=(6 + 12 + 2 * 2 + 8) * 16 + (12 + 8 + 6) * 16 + 2 * 16 + (4 + 4) * 16,
        accumulators=0,
        dram_bytes=2 * (12 + 8 + 6 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reads", [2, 3])
def test_several_reads_of_a_vector_layer(reads):
    """The sum of 5 inputs with itself: each is read once as each operand, an operation for each but the first."""
    net = LayerGraph("net", (5,), (Add(name="add", inputs=("input",) * reads),))
    result = ppsim.simulate(net, system(1))
    expected = by_hand(
        result.seconds, macs=0, registers=0, hops=0,
        sram=(2 * 5 * reads + 2 * 5) * 16,
        accumulators=0, dram_bytes=2 * 5 * (reads + 1), operations=5 * (reads - 1),
    )  # fmt: skip
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_rows_of_an_embedding():
    """3 positions look up 4 numbers in each of 2 tables: 24 read from DRAM beside the 3 inputs, 12 made and stored."""
    net = LayerGraph("net", (1, 3), (Embedding(name="e", entries=(100, 7), features=4),))
    result = ppsim.simulate(net, system(1))
    expected = by_hand(
        result.seconds, macs=0, registers=0, hops=0,
        sram=(2 * (24 + 3) + 2 * 12) * 16,
        accumulators=0, dram_bytes=2 * (24 + 3 + 12), operations=12,
    )  # fmt: skip
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


def test_a_concatenation_moves_nothing():
    """Two halves of a layer joined are read as the whole would be: the same bytes, bits and operations."""
    halves = (
        Linear(name="a", out_features=4),
        Linear(name="b", out_features=4, inputs=("input",)),
        Concat(name="c", inputs=("a", "b")),
        Linear(name="d", out_features=2),
    )
    result = ppsim.simulate(LayerGraph("net", (4,), halves), system(1))
    assert [layer.name for layer in result.layers] == ["a", "b", "d"]
    assert result.dram_bytes == 2 * (4 + 16 + 4 + 16 + 16 + 2)  # the input is read for each half, 8 stay on chip
    whole = (Linear(name="a", out_features=8), Linear(name="d", out_features=2))
    other = ppsim.simulate(LayerGraph("net", (4,), whole), system(1))
    assert result.dram_bytes == other.dram_bytes + 2 * 4
    for component in ("mac", "register_file", "pe_to_pe", "vector", "link"):
        assert result.energy[component] == pytest.approx(other.energy[component], rel=1e-12)


def test_resident_weights_cost_no_dram_and_no_fill():
    """As the first test here but for 16 weights that neither leave DRAM nor are written to the scratchpad."""
    result = ppsim.simulate(ppsim.gemm(1, 4, 4), system(1, weights="resident"))
    expected = by_hand(
        result.seconds,
        macs=16,
        registers=16 * 2 * 32,
        hops=16 * 2 * 16 + 4 * 1 * 32,
        sram=(2 * 4 + 16) * 16 + 4 * 16 + (4 + 4) * 16,
        accumulators=0,
        dram_bytes=2 * (4 + 4),
    )
    assert dict(result.energy) == pytest.approx(expected, rel=1e-12)


CURVE = replace(TABLE, sram=(SramPoint(10, price(1.0)), SramPoint(1000, price(100.0))))


def test_each_scratchpad_at_the_price_of_its_own_capacity():
    """1x4 by 4x4 on two accelerators, as above: 1 pJ a bit at 10 KiB, 100 at 1000, and 10 between them, at 100 KiB.

    Of two outputs each, 1 sends its own: 4 bytes read there, written at 0 and read again on their way to DRAM.
    """
    hardware = replace(system(2), energy=CURVE)
    small, large = (replace(hardware.buffer, kib=kib) for kib in (10, 100))
    own = 2 * (2 * 2 + 8) * 16 // 2 + (8 + 4) * 16 + 2 * 16  # operands read, filled, outputs written
    for first, second, prices in ((small, large, (1, 10)), (large, small, (10, 1))):
        pair = replace(hardware, groups=(Group("a", 1, buffer=first), Group("b", 1, buffer=second)))
        result = ppsim.simulate(ppsim.gemm(1, 4, 4), pair)
        at_zero = own + 2 * 16 + (2 + 2) * 16  # its outputs on their way to DRAM; what comes, in and out
        at_one = own + 2 * 16
        assert result.energy["sram"] == pytest.approx(at_zero * prices[0] + at_one * prices[1], rel=1e-12)


def everything() -> list[tuple[str, LayerGraph | PartitionedGraph, ppsim.System]]:
    """Networks and systems that between them have all that costs something."""
    mlp, vgg = ppsim.load_workload("mlp_mnist"), ppsim.load_workload("tinyvgg16")
    first = next(layer for layer in mlp.match("*"))
    shape = mlp.input_shapes_of(first)[0][0], mlp.shapes[first][0]
    halves = (shape[0] // 2, shape[0] - shape[0] // 2)
    cut = PartitionedLayer(halves, (shape[1],), (tuple(Kept(p, n) for p, n in enumerate(halves)),), split="inputs")
    summed = PartitionedGraph(mlp, 2, {first: cut})
    chiplets = ppsim.load_system("chiplets", accelerators=4, set={"dram.sharing": 2})
    mixed = replace(
        ppsim.load_system("edge", accelerators=3),
        groups=(
            Group("a", 1, static_power=0.5),
            Group("b", 2, clock_mhz=123, buffer=replace(ppsim.load_system("edge").buffer, kib=300)),
        ),
    )
    return [
        ("sums", summed, chiplets),
        ("mixed", ppsim.partition(vgg, 3, keep=0.5), mixed),
        ("resident", ppsim.partition(mlp, 4, layers="*"), ppsim.load_system("tetris", set={"weights": "resident"})),
        ("attention", ppsim.load_workload("bert_base").for_run(1, 8, 4), chiplets),
    ]


@pytest.mark.parametrize(("net", "hardware"), [pytest.param(*rest, id=name) for name, *rest in everything()])
def test_every_joule_is_booked_once(net, hardware):
    """A result is the sum of its layers; amounts at the table's prices are its energy again."""
    result = ppsim.simulate(net, hardware)
    assert tuple(result.energy) == COMPONENTS
    priced = result.amounts.energy(hardware.energy)
    for component in COMPONENTS:
        parts = sum(layer.energy[component] for layer in result.layers)
        assert result.energy[component] == pytest.approx(parts, rel=1e-12, abs=0)
        assert result.energy[component] == pytest.approx(priced[component], rel=1e-12, abs=0)
        assert all(
            layer.energy[component] == layer.amounts.energy(hardware.energy)[component] for layer in result.layers
        )
    assert result.amounts == Amounts.total([layer.amounts for layer in result.layers])
    assert sum(result.amounts.sram_bits.values()) == sum(
        bits for layer in result.layers for bits in layer.amounts.sram_bits.values()
    )
    assert result.amounts.dram_bits == 8 * result.dram_bytes
    assert result.amounts.macs == result.macs
    assert result.amounts.channel_seconds == pytest.approx(result.seconds * hardware.channels, rel=1e-12)
    power = sum(hardware.accelerator(a).static_power for a in range(hardware.accelerators))
    assert result.amounts.accelerator_seconds == pytest.approx(result.seconds * power, rel=1e-12)
