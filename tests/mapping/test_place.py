"""Programs against their networks: nothing is lost or made up between layers, accelerators, DRAM and links."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from placements import Net, as_set, graph_of, layers_of, placements

import ppsim
from ppsim.mapping.communication import exchange, reduction
from ppsim.mapping.division import steps_of
from ppsim.mapping.layout import merged
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.mapping.residency import residency
from ppsim.mapping.steps import Step
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Linear, MatMul, Pool
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

many = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def placed(net: Net, system: ppsim.System) -> Program:
    try:
        return place(net, system)
    except ppsim.InputError as error:
        assume("fits the scratchpad" not in str(error))
        raise


def readers_of(steps: list[Step], index: int) -> list[Step]:
    return [step for step in steps if index in step.sources]


def bits_of_weights(net: Net, step: Step, word: int) -> int:
    """Bits in DRAM of all weights of a product, and of what is looked up in tables."""
    if step.name not in layers_of(net):
        gemm = graph_of(net).gemm_of(step.name)
        return 0 if gemm is None or step.layer.between_activations else gemm.weights * word
    layer, taps = net.layers[step.name], net.taps(step.name)
    word, bits = layer.weight_bits or word, 0
    for q, outputs in enumerate(layer.out_sizes):
        units = sum(block.units for block in layer.kept[q])
        nonzeros = sum(
            block.units * taps * outputs if block.nonzeros is None else block.nonzeros for block in layer.kept[q]
        )
        together = [[block] for block in layer.kept[q]] if layer.split == "inputs" else [layer.kept[q]]
        if layer.rank is not None:
            bits += (units * taps + outputs) * layer.rank * word if units else 0
        elif layer.sparsity.kind == "compressed":
            bits += nonzeros * (word + layer.sparsity.index_bits)
        elif layer.sparsity.kind == "n:m":
            rows = sum(-(-sum(block.units for block in blocks) * taps * 2 // 4) for blocks in together)
            bits += rows * outputs * (word + 2)
        else:
            bits += units * taps * outputs * word
    return bits


@many
@given(placements())
def test_work_is_that_of_the_network(case):
    """MACs and operations are conserved, weights are loaded at least once unless they are on chip from the start."""
    net, system, program = case
    graph, steps = graph_of(net), steps_of(net, system, program.word_bits)
    stays = residency(steps, system, graph.batch, program.word_bits)
    assert program.word_bits == (graph.bits or 16)
    assert len(program.stages) == len(steps)
    assert sum(stage.activity.macs for stage in program.stages) == net.macs
    assert len(program.resident) == system.accelerators
    assert not any(program.resident) or system.weights == "resident"
    assert (program.stages[0].kind, program.stages[0].layers) == ("input", ("input",))
    for stage, step in zip(program.stages[1:], steps[1:], strict=True):
        assert stage.waits_for == step.sources
        assert stage.layers == (step.name, *(layer.name for layer in step.fused))
        assert stage.kind == ("product" if step.is_product else "vector")
        enabled = [kind.vector.enabled for kind in system.kinds]
        if len(set(enabled)) == 1:
            copies = system.accelerators if step.makes.replicated else 1
            assert stage.activity.vector_operations == step.vector_operations * copies * enabled[0]
        cold = [a for a in range(system.accelerators) if not program.resident[a]]
        loaded = [sum(nest.activity.weight_bits for nest in nests) for nests in stage.work]
        rows = graph.gemm_of(step.name).m if step.is_product else 1
        if step.reads and step.reads[-1].as_weights:
            # an operand that is an activation: all of it, unless it stays on chip; for each block of rows perhaps
            away = [r for r in step.reads if r.as_weights and not stays.kept[r.step]]
            right = [len(as_set(r.needs[a])) for a in range(system.accelerators) for r in away]
            once = sum(right) * graph.batch * program.word_bits
        else:
            assert all(bits == 0 for a, bits in enumerate(loaded) if a not in cold)
            if len(cold) < system.accelerators:
                continue
            once = bits_of_weights(net, step, program.word_bits)
        assert once <= sum(loaded) <= once * rows
        if once:
            assert sum(loaded) % once == 0 or system.accelerators > 1


@many
@given(placements())
def test_tiles_are_whole_bursts_and_no_array_beats_its_peak(case):
    _, system, program = case
    burst = system.dram.burst_bytes
    for stage in program.stages:
        for a, nests in enumerate(stage.work):
            for nest in nests:
                activity = nest.activity
                bits = activity.weight_bits + activity.input_bits + activity.output_bits
                assert nest.dram_bytes % burst == 0
                assert bits <= 8 * nest.dram_bytes < bits + 8 * burst * 3 * nest.length
                peak = system.accelerator(a).array.peak_macs_per_cycle
                assert nest.compute_cycles * peak >= activity.macs


@many
@given(placements())
def test_activations_go_to_dram_once_or_stay(case):
    """What leaves the chip is written once by those who make it; results end in accelerator 0's DRAM."""
    net, system, program = case
    graph, steps = graph_of(net), steps_of(net, system, program.word_bits)
    stays = residency(steps, system, graph.batch, program.word_bits)
    feature = graph.batch * program.word_bits
    for index, (stage, step) in enumerate(zip(program.stages, steps, strict=True)):
        if not index:
            assert not any(stage.work)
            continue
        made = [feature * step.makes.features_of(a) for a in range(system.accelerators)]
        written = [sum(nest.activity.output_bits for nest in nests) for nests in stage.work]
        sent = [m for m in stage.messages if m.bytes and not m.sums and m.route]
        if step.partial_on:
            assert not any(written)
            stored = [m for m in stage.messages if m.source == m.destination]
            assert [(m.source, m.written, m.sums, m.route) for m in stored] == (
                [] if stays.kept[index] else [(0, True, 0, ())]
            )
            assert all(m.bytes == -(-feature * step.features // 8) for m in stored)
            assert all(not m.written for m in stage.messages if m.sums)
        elif readers_of(steps, index):
            assert written == ([0] * len(made) if stays.kept[index] else made)
        else:
            near = [a for a in range(system.accelerators) if system.channel_of(a) == system.channel_of(0)]
            assert all(m.destination == 0 and m.written and m.source not in near for m in sent)
            for a in range(system.accelerators):  # what a far accelerator sends it holds, or reads back
                assert written[a] == (0 if a not in near and stays.held[index] else made[a])
            if not stays.held[index]:  # one of each channel sends what all behind it made
                assert 8 * sum(stage.reads) >= sum(made[a] for a in range(system.accelerators) if a not in near)
            else:
                assert not any(stage.reads)
            far = sum(made[a] for a in range(system.accelerators) if a not in near)
            assert far <= 8 * sum(m.bytes for m in sent) <= far + 7 * len(sent)
        if stays.kept[index]:
            assert not any(stage.reads)
            assert not any(m.written for m in stage.messages)
        else:
            assert all(m.written for m in sent)


@many
@given(placements())
def test_inputs_are_loaded_from_dram_unless_they_are_on_chip(case):
    """Vector layers load each feature once; products at least once what they need, staged ones exactly that."""
    net, system, program = case
    graph, steps = graph_of(net), steps_of(net, system, program.word_bits)
    stays = residency(steps, system, graph.batch, program.word_bits)
    feature = graph.batch * program.word_bits
    for index, (stage, step) in enumerate(zip(program.stages, steps, strict=True)):
        for a, nests in enumerate(stage.work):
            loaded = sum(nest.activity.input_bits for nest in nests)
            away = [as_set(r.needs[a]) for r in step.input_reads() if not stays.kept[r.step]]
            once = feature * sum(map(len, away))
            if not step.is_product:
                table = step.table_features[a] if step.table_features and nests else 0
                assert loaded == (once + feature * table if nests else 0)
            elif not nests or not away:
                assert loaded == 0
            elif stays.staged[index]:
                assert loaded == feature * sum(product.input_features for product in step.products[a])
                assert loaded >= once
            elif step.window is None:
                assert loaded >= once


@many
@given(placements())
def test_rates_are_those_of_what_moves(case):
    _, system, program = case
    for stage in program.stages:
        read, written = [0] * system.channels, [0] * system.channels
        for a, nests in enumerate(stage.work):
            read[system.channel_of(a)] += 8 * stage.reads[a]
            for nest in nests:
                read[system.channel_of(a)] += nest.activity.weight_bits + nest.activity.input_bits
                written[system.channel_of(a)] += nest.activity.output_bits
        for m in stage.messages:
            written[system.channel_of(m.destination)] += 8 * m.bytes * m.written
        assert list(stage.rates) == [system.dram.rate(r, w) for r, w in zip(read, written, strict=True)]


@many
@given(placements())
def test_messages_carry_what_is_needed_elsewhere(case):
    """As many bytes arrive behind each channel (in each scratchpad) as are needed there and made elsewhere."""
    net, system, program = case
    graph, steps = graph_of(net), steps_of(net, system, program.word_bits)
    stays = residency(steps, system, graph.batch, program.word_bits)
    feature_bits = graph.batch * program.word_bits
    everyone = range(system.accelerators)
    for index, (stage, step) in enumerate(zip(program.stages, steps, strict=True)):
        for number, m in enumerate(stage.messages):
            assert all(before < number and stage.messages[before].destination == m.source for before in m.after)
            links = [program.links[link] for link in m.route]
            assert m.bytes or not (links or m.written or m.sums)
            if m.bytes:
                assert links == list(system.interconnect.route(system.accelerators, m.source, m.destination))
        moved = [m for m in stage.messages if m.route and not m.sums]
        made = [as_set(intervals) for intervals in step.makes.made]
        readers = readers_of(steps, index)
        needs = [{f for s in readers for r in s.reads if r.step == index for f in as_set(r.needs[a])} for a in everyone]
        if not readers:
            needs[0] = set(range(step.features))
        place_of = list(everyone) if stays.kept[index] else [system.channel_of(a) for a in everyone]
        for own in set(place_of):
            behind = [a for a in everyone if place_of[a] == own]
            here = set().union(*(made[a] for a in behind))
            missing = set().union(*(needs[a] for a in behind)) - here
            come = [m for m in moved if m.destination in behind]
            assert all(m.source not in behind for m in come)
            size = len(missing) * feature_bits if not step.makes.replicated else 0
            assert size <= 8 * sum(m.bytes for m in come) <= size + 7 * len(come)
        if step.partial_on:
            sums = [m for m in stage.messages if m.sums]
            assert len(sums) == len(set(step.partial_on) - {0})
            assert {m.source for m in sums} == set(step.partial_on) - {0}
            width = system.accelerator(0).array.accumulator_bits
            for m in sums:
                assert m.sums == step.features * graph.batch
                assert m.bytes == -(-m.sums * width // 8)
            ends = {n for n, m in enumerate(stage.messages) if m.sums and m.destination == 0}
            assert all(m.after for m in stage.messages if not m.sums)  # nothing goes on before the sums are complete
            assert all(set(m.after) >= ends for m in stage.messages if m.source == 0 and not m.sums)


def single(m: int, k: int, n: int, dataflow: str, overlap: bool, rows: int, cols: int, kib: float) -> Program:
    system = ppsim.load_system(
        "tetris",
        accelerators=1,
        set={
            "array": {"rows": rows, "cols": cols, "dataflow": dataflow, "overlap": overlap},
            "buffer.kib": kib,
            "buffer.bandwidth_bytes_per_cycle": 10**9,
        },
    )
    return placed(ppsim.gemm(m, k, n), system)


@many
@given(
    st.integers(1, 30), st.integers(1, 60), st.integers(1, 60), st.sampled_from(("os", "ws", "is")), st.booleans(),
    st.integers(1, 8), st.integers(1, 8), st.sampled_from((1, 4, 128)),
)  # fmt: skip
def test_a_product_takes_at_least_the_cycles_of_the_closed_form(m, k, n, dataflow, overlap, rows, cols, kib):
    """Exactly those where the stream cannot be cut at a cost: ws for a single row, os for a single fold."""
    (nest,) = single(m, k, n, dataflow, overlap, rows, cols, kib).stages[1].work[0]
    law = ppsim.compute_cycles(m, k, n, rows, cols, dataflow, overlap=overlap and dataflow != "os")
    assert nest.compute_cycles >= law
    if (dataflow == "ws" and m == 1) or (dataflow == "os" and m <= rows and n <= cols):
        assert nest.compute_cycles == law


def test_operands_wider_than_the_arrays():
    with pytest.raises(ppsim.InputError) as caught:
        place(ppsim.gemm(1, 4, 4, bits=32), ppsim.load_system("tetris"))
    assert str(caught.value) == (
        "gemm-1x4x4: operands of 32 bits do not fit the 16-bit arrays of tetris; "
        "load the workload with bits=16 or set array.bits=32"
    )


def test_a_scratchpad_too_small_names_system_and_layer():
    system = ppsim.load_system("tetris", accelerators=1, set={"buffer.kib": 1})
    with pytest.raises(ppsim.InputError, match=r"^tetris: layer 'conv1_1': no tile of a 4096x27x64 product fits"):
        place(ppsim.load_workload("tinyvgg16"), system)


def test_merged_needs_of_two_readers():
    """Two layers read one: what either needs is sent once."""
    layers = (Linear(name="a", out_features=4), Linear(name="b", out_features=2))
    layers += (Linear(name="c", out_features=2, inputs=("a",)),)
    program = place(LayerGraph("net", (4,), layers), ppsim.load_system("tetris", accelerators=2))
    sent = {(m.source, m.destination): m.bytes for m in program.stages[1].messages}
    assert sent == {(0, 1): 4, (1, 0): 4}
    assert merged([(0, 2), (2, 4)]) == ((0, 4),)


def test_weights_that_fit_are_on_chip_from_the_start():
    """A share of all weights beside tiles and activations, for each accelerator by itself; activations come as ever."""
    layers = (Linear(name="a", out_features=64), Linear(name="b", out_features=64))
    layer = PartitionedLayer((60, 4), (60, 4), ((Kept(0, 60),), (Kept(1, 4),)))
    net = PartitionedGraph(LayerGraph("net", (64,), layers), 2, {"a": layer, "b": layer})
    settings_ = {"buffer.kib": 10, "weights": "resident"}
    program = place(net, ppsim.load_system("tetris", accelerators=2, set=settings_))
    assert program.resident == (False, True)  # 14,400 bytes do not fit, 64 do
    for stage in program.stages[1:]:
        (cold,), (resident,) = stage.work
        assert cold.activity.weight_bits == 60 * 60 * 16
        assert resident.activity.weight_bits == 0
        assert resident.weight_space < cold.weight_space + 10 * 1024
    roomy = place(net, ppsim.load_system("tetris", accelerators=2, set=settings_ | {"buffer.kib": 64}))
    assert roomy.resident == (True, True)
    assert sum(stage.activity.weight_bits for stage in roomy.stages) == 0
    assert place(net, ppsim.load_system("tetris", accelerators=2, set={"buffer.kib": 64})).resident == (False, False)


def test_exchanges_are_those_that_are_planned():
    """Ring and tree by name reach the program, with what each message waits for."""
    layers = (Linear(name="a", out_features=8), Linear(name="b", out_features=8))
    sums = PartitionedLayer((1,) * 8, (8,), (tuple(Kept(p, 1) for p in range(8)),), split="inputs")
    graph = LayerGraph("net", (8,), layers, batch=3)
    links = {"interconnect.all_gather": "ring", "interconnect.reduce": "tree"}
    system = ppsim.load_system("tetris", accelerators=8, set=links)
    steps = steps_of(graph, system, 16)
    plan = exchange(steps[1].makes, steps[2].reads[0].needs, None, system.interconnect)
    found = [(m.source, m.destination, m.after) for m in place(graph, system).stages[1].messages]
    assert found == [(s.source, s.destination, s.after) for s in plan.sends]
    assert any(after for _, _, after in found)
    messages = place(PartitionedGraph(graph, 8, {"b": sums}), system).stages[2].messages
    planned = reduction(0, range(1, 8), 8, system.interconnect)
    assert [(m.source, m.destination, m.after) for m in messages if m.sums] == [
        (s.source, s.destination, s.after) for s in planned
    ]
    assert {(m.sums, m.bytes, m.written) for m in messages if m.sums} == {(3 * 8, 3 * 8 * 4, False)}  # of 32 bit
    (stored,) = (m for m in messages if not m.sums)
    assert (stored.source, stored.destination, stored.bytes, stored.written) == (0, 0, 3 * 16, True)
    assert stored.after == tuple(n for n, s in enumerate(planned) if s.destination == 0)


@pytest.mark.parametrize("pattern", ["all_gather", "broadcast", "reduce"])
def test_an_unknown_exchange_algorithm(pattern):
    system = ppsim.load_system("tetris", accelerators=4, set={f"interconnect.{pattern}": "pigeons"})
    layers = (Linear(name="a", out_features=8), Elementwise(name="r"), Linear(name="b", out_features=8))
    graph = LayerGraph("net", (8,), layers)
    cut = PartitionedLayer((2,) * 4, (8,), (tuple(Kept(p, 2) for p in range(4)),), split="inputs")
    net = graph if pattern == "all_gather" else PartitionedGraph(graph, 4, {"a": cut})
    with pytest.raises(ppsim.InputError, match=rf"interconnect\.{pattern}: 'pigeons' is unknown; accepted: unicast, "):
        place(net, system)


def test_parts_placed_where_there_is_no_accelerator():
    layer = PartitionedLayer((2, 2), (2, 2), ((Kept(0, 2),), (Kept(1, 2),)))
    net = PartitionedGraph(LayerGraph("net", (4,), (Linear(name="a", out_features=4),)), 2, {"a": layer}, (0, 5))
    with pytest.raises(ppsim.InputError) as caught:
        place(net, ppsim.load_system("tetris", accelerators=2))
    assert str(caught.value) == (
        "tetris: net: placement: part 1 is on accelerator 5, and there are 2 (0 to 1); give at least 6 accelerators"
    )


def test_a_product_too_large_to_count():
    with pytest.raises(ppsim.InputError, match=r"^tetris: layer 'gemm': a \d+x\d+x\d+ product is too large"):
        place(ppsim.gemm(1 << 20, 1 << 19, 1 << 19), ppsim.load_system("tetris", accelerators=1))


@pytest.mark.parametrize(("fraction", "on_chip"), [(0.5, True), (0, False)])
def test_a_right_operand_that_stays_on_chip_is_not_loaded(fraction, on_chip):
    """Keys of six positions and eight features; either way they are there when the queries are, not before."""
    layers = (
        Linear(name="q", out_features=8),
        Linear(name="k", out_features=8, inputs=("input",)),
        MatMul(name="scores", over="units", inputs=("q", "k")),
    )
    settings_ = {"buffer.activation_fraction": fraction, "buffer.kib": 64}
    program = place(LayerGraph("net", (4, 6), layers), ppsim.load_system("tetris", accelerators=1, set=settings_))
    ((nest,),) = program.stages[3].work
    assert nest.activity.weight_bits == (0 if on_chip else 6 * 8 * 16)
    assert nest.weights_wait
    assert not any(stage.work[0][0].weights_wait for stage in program.stages[1:3])


def test_operations_are_shared_as_channels_are():
    """Four channels pooled on three accelerators take two, one and one shares of the operations and the time."""
    layers = (Conv(name="c", out_channels=4, kernel=(1, 1)), Pool(name="p", kernel=(2, 2)))
    net = LayerGraph("net", (3, 4, 6), layers, batch=2)
    program = place(net, ppsim.load_system("tetris", accelerators=3, set={"vector.lanes": 5}))
    found = [(nest.activity.vector_operations, nest.vector_cycles) for (nest,) in program.stages[2].work]
    assert found == [(2 * 2 * 24, 20), (2 * 24, 10), (2 * 24, 10)]


def seconds(m: int, k: int, n: int, **settings) -> float:
    system = ppsim.load_system(
        "tpu-v4", accelerators=1, set={f"array.{name}": value for name, value in settings.items()}
    )
    return ppsim.simulate(ppsim.gemm(m, k, n), system).seconds


@pytest.mark.parametrize(
    ("m", "k", "n", "best"),
    [(2048, 256, 100, "is"), (100, 256, 2048, "ws"), (1, 4096, 512, "ws"), (700, 500, 300, "is")],
)
def test_the_faster_dataflow_is_taken(m, k, n, best):
    """Few folds leave some of the four arrays idle, and edge folds of the operand that stays are as long as others."""
    each = {dataflow: seconds(m, k, n, dataflow=dataflow) for dataflow in ("ws", "is")}
    other = "is" if best == "ws" else "ws"
    assert each[best] < each[other]
    assert seconds(m, k, n) == seconds(m, k, n, dataflow="is|ws") == seconds(m, k, n, dataflow="ws|is|ws") == each[best]
    assert seconds(m, k, n, dataflow="ws|ws") == each["ws"]


@pytest.mark.parametrize("accelerators", [1, 4])
def test_the_faster_dataflow_of_depthwise_layers(accelerators):
    """A tile of one group has fewer folds than there are arrays: those left idle count in the estimate."""
    net, times = ppsim.load_workload("mobilenet_v1"), {}
    for dataflow in ("ws", "is", "ws|is"):
        system = ppsim.load_system("tpu-v4", accelerators=accelerators, set={"array.dataflow": dataflow})
        times[dataflow] = ppsim.simulate(net, system).seconds
    assert times["is"] < 0.6 * times["ws"]
    assert times["ws|is"] <= times["is"]


def test_each_of_several_dataflows_is_known():
    with pytest.raises(ppsim.InputError, match=r"array: dataflow: 'rs' is unknown; accepted: os, ws, is"):
        seconds(1, 64, 64, dataflow="ws|rs")
