"""Programs against their networks: nothing is lost or made up between layers, accelerators, DRAM and links."""

from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.mapping.layout import merged
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.mapping.residency import residency
from ppsim.mapping.steps import Step, steps_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Pool, Softmax
from ppsim.workload.partitioned import PartitionedGraph

Net = LayerGraph | PartitionedGraph


@st.composite
def networks(draw: st.DrawFn) -> Net:
    """Convolutions, pooling and linear layers, now and then with a branch; some of the linear layers partitioned."""
    layers = []
    shape: tuple[int, ...] = (draw(st.integers(1, 30)),)
    if draw(st.booleans()):
        groups = draw(st.sampled_from((1, 1, 2)))
        shape = (groups * draw(st.integers(1, 3)), draw(st.integers(4, 8)), draw(st.integers(4, 8)))
        layers.append(
            Conv(name="c0", out_channels=groups * draw(st.integers(1, 6)), kernel=(3, 3), padding=(1, 1), groups=groups)
        )
        if draw(st.booleans()):
            layers.append(Elementwise(name="r0"))
        if draw(st.booleans()):
            layers.append(Pool(name="p0", kernel=(2, 2)))
        if draw(st.booleans()):
            layers.append(Conv(name="c1", out_channels=draw(st.integers(1, 5)), kernel=(2, 3), stride=(2, 1)))
            assume(layers[-2].name != "p0" or min(shape[1:]) >= 6)
        layers.append(Flatten(name="flat"))
    for i in range(draw(st.integers(1, 3))):
        layers.append(Linear(name=f"fc{i}", out_features=draw(st.integers(1, 30))))
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{i}"))
    if draw(st.booleans()):
        layers.append(Softmax(name="softmax"))
    if draw(st.integers(0, 3)) == 0:
        layers.append(Linear(name="side", out_features=draw(st.integers(1, 9)), inputs=("fc0",)))
    net = LayerGraph("net", shape, tuple(layers), draw(st.integers(1, 3)), draw(st.sampled_from((None, 8))))
    if draw(st.booleans()):
        linear = [layer.name for layer in layers if isinstance(layer, Linear)]
        chosen = draw(st.lists(st.sampled_from(linear), min_size=1, unique=True))
        most = min(min(net.gemm_of(name).k, net.gemm_of(name).n) for name in chosen)
        parts = draw(st.integers(1, min(most, 7)))
        keep = draw(st.none() | st.floats(1 / parts, 1))
        return ppsim.partition(net, parts, layers=",".join(chosen), keep=keep)
    return net


@st.composite
def systems(draw: st.DrawFn) -> ppsim.System:
    system = ppsim.load_system("tetris", accelerators=draw(st.integers(1, 5)))
    return replace(
        system,
        array=ArraySpec(
            rows=draw(st.integers(1, 6)),
            cols=draw(st.integers(1, 6)),
            count=draw(st.integers(1, 2)),
            dataflow=draw(st.sampled_from(("os", "ws", "is"))),
            overlap=draw(st.booleans()),
            accumulator_depth=draw(st.sampled_from((None, 8))),
        ),
        buffer=BufferSpec(
            kib=draw(st.sampled_from((0.5, 1, 2, 64))),
            bandwidth_bytes_per_cycle=draw(st.sampled_from((8, 256))),
            activation_fraction=draw(st.sampled_from((0, 0.3, 0.7))),
        ),
        vector=VectorSpec(lanes=3, enabled=draw(st.booleans())),
        dram=replace(system.dram, sharing=draw(st.sampled_from(("private", "shared", 2)))),
    )


def placed(net: Net, system: ppsim.System) -> Program:
    try:
        return place(net, system)
    except ppsim.InputError as error:
        assume("fits the scratchpad" not in str(error))
        raise


def graph_of(net: Net) -> LayerGraph:
    return net.graph if isinstance(net, PartitionedGraph) else net


def as_set(pieces) -> set[int]:
    return {feature for low, high in pieces for feature in range(low, high)}


def results(program: Program) -> list[int]:
    read = {source for stage in program.stages for source in stage.waits_for}
    return [index for index in range(len(program.stages)) if index not in read]


many = settings(max_examples=70, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@many
@given(networks(), systems())
def test_macs_and_vector_operations_are_those_of_the_network(net, system):
    program, graph = placed(net, system), graph_of(net)
    assert sum(stage.activity.macs for stage in program.stages) == net.macs
    operations = sum(layer.vector_operations(graph.input_shape_of(layer.name), graph.batch) for layer in graph.layers)
    assert sum(stage.activity.vector_operations for stage in program.stages) == operations * system.vector.enabled
    assert program.word_bits == (graph.bits or 16)


@many
@given(networks(), systems())
def test_every_layer_runs_once_after_what_it_reads(net, system):
    program, graph = placed(net, system), graph_of(net)
    moved = [layer.name for layer in graph.layers if not isinstance(layer, Flatten)]
    assert [name for stage in program.stages for name in stage.layers] == ["input", *moved]
    at = {name: index for index, stage in enumerate(program.stages) for name in stage.layers}
    for index, stage in enumerate(program.stages[1:], start=1):
        source = graph.sources[stage.name]
        while isinstance(graph[source] if source != "input" else None, Flatten):
            source = graph.sources[source]
        assert stage.waits_for == (at[source],)
        assert at[source] < index


@many
@given(networks(), systems())
def test_weights_are_loaded_at_least_once(net, system):
    """Exactly once for one input of linear layers; otherwise possibly again for each block of rows."""
    program, graph = placed(net, system), graph_of(net)
    partitioned = net.layers if isinstance(net, PartitionedGraph) else {}
    for stage in program.stages[1:]:
        product = graph.gemm_of(stage.name)
        kept = partitioned[stage.name].weights if stage.name in partitioned else product.weights if product else 0
        loaded = stage.activity.weight_bits
        if product is None or product.m == 1:
            assert loaded == kept * program.word_bits
        else:
            assert loaded >= kept * program.word_bits
            assert loaded % program.word_bits == 0


@many
@given(networks(), systems())
def test_arrays_never_beat_their_peak(net, system):
    for stage in placed(net, system).stages:
        for nests in stage.work:
            for nest in nests:
                assert nest.compute_cycles * system.array.peak_macs_per_cycle >= nest.activity.macs


@many
@given(networks(), systems())
def test_bursts_hold_the_bits_that_move(net, system):
    burst = system.dram.burst_bytes
    for stage in placed(net, system).stages:
        for nests in stage.work:
            for nest in nests:
                activity = nest.activity
                bits = activity.weight_bits + activity.input_bits + activity.output_bits
                assert nest.dram_bytes % burst == 0
                assert bits <= 8 * nest.dram_bytes < bits + 8 * burst * 3 * nest.length


@many
@given(networks(), systems())
def test_outputs_go_to_dram_once_or_stay(net, system):
    """An activation that leaves the chip is written once by its makers; results end in accelerator 0's DRAM."""
    program, graph = placed(net, system), graph_of(net)
    for index, stage in enumerate(program.stages[1:], start=1):
        size = prod(graph.shapes[stage.layers[-1]]) * graph.batch * program.word_bits
        written = [sum(nest.activity.output_bits for nest in nests) for nests in stage.work]
        if index in results(program):
            near = [a for a in range(system.accelerators) if system.channel_of(a) == system.channel_of(0)]
            sent = [m for m in stage.messages if m.bytes]
            assert all(m.destination == 0 and m.written and m.source not in near for m in sent)
            assert sum(written[a] for a in near) + 8 * sum(m.bytes for m in sent) == size
            for m in sent:  # what a far accelerator sends it holds, or reads back from its own DRAM
                rounded = system.dram.rounded(m.bytes)
                assert (written[m.source], stage.reads[m.source]) in ((0, 0), (8 * m.bytes, rounded))
        else:
            assert sum(written) in (0, size)
            stays = not any(written)
            assert not (stays and any(stage.reads))
            assert not any(stays and m.written for m in stage.messages)


@many
@given(networks(), systems())
def test_rates_are_those_of_what_moves(net, system):
    program = placed(net, system)
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
@given(networks(), systems())
def test_messages_carry_what_is_needed_and_made_elsewhere(net, system):
    program, steps, graph = placed(net, system), steps_of(net, system.accelerators), graph_of(net)
    feature_bits = graph.batch * program.word_bits
    assert len(program.stages) == len(steps)
    for index, (stage, step) in enumerate(zip(program.stages, steps, strict=True)):
        readers = [reader for reader in steps[index + 1 :] if reader.source == index]
        kept = not any(nest.activity.output_bits for nests in stage.work for nest in nests) and index > 0
        found = {(m.source, m.destination): m for m in stage.messages}
        assert len(found) == len(stage.messages)
        for source in range(system.accelerators):
            for destination in range(system.accelerators):
                needed = set().union(*(as_set(reader.needs[destination]) for reader in readers))
                if not readers and destination == 0:
                    needed = set(range(step.features))
                shared = as_set(step.makes.made[source]) & needed if not step.makes.replicated else set()
                message = found.pop((source, destination), None)
                if source == destination or not shared:
                    assert message is None
                    continue
                same = system.channel_of(source) == system.channel_of(destination)
                if not message.bytes:  # only a synchronisation: the data lies in a DRAM that both read
                    assert same
                    assert not kept
                    assert (message.route, message.written) == ((), False)
                    continue
                assert message.bytes == -(-len(shared) * feature_bits // 8)
                links = [program.links[link] for link in message.route]
                assert links == list(system.interconnect.route(system.accelerators, source, destination))
                assert (links[0][0], links[-1][1]) == (source, destination)
                assert all(before[1] == after[0] for before, after in pairwise(links))
        assert not found


@many
@given(networks(), st.integers(1, 5))
def test_steps_make_everything_once_and_read_all_they_need(net, accelerators):
    graph = graph_of(net)
    steps = steps_of(net, accelerators)
    partitioned = net.layers if isinstance(net, PartitionedGraph) else {}
    for step in steps[1:]:
        made = [as_set(pieces) for pieces in step.makes.made]
        assert sorted(f for features in made for f in features) == list(range(step.features))
        source = steps[step.source].features
        if step.name in partitioned:
            layer = partitioned[step.name]
            first_in, first_out = np.cumsum([0, *layer.in_sizes]), np.cumsum([0, *layer.out_sizes])
            for a in range(accelerators):
                mine = range(a, layer.parts, accelerators)  # part p runs on accelerator p mod P
                assert made[a] == as_set((first_out[p], first_out[p + 1]) for p in mine)
                kept = [(first_in[b.part], first_in[b.part] + b.units) for p in mine for b in layer.kept[p]]
                assert as_set(step.needs[a]) == as_set(kept)
                assert [(p.gemm.k, p.gemm.n) for p in step.products[a]] == [
                    (layer.fan_in(p), layer.out_sizes[p]) for p in mine
                ]
        elif isinstance(step.layer, Softmax):
            assert [len(features) for features in made] == [step.features] + [0] * (accelerators - 1)
            assert as_set(step.needs[0]) == set(range(source))
        elif isinstance(step.layer, Conv) and step.layer.groups > 1:
            per_in, per_out = source // step.layer.groups, step.features // step.layer.groups
            for a in range(accelerators):
                assert as_set(step.needs[a]) == {f for f in range(source) if f // per_in * per_out in made[a]}
        elif graph.gemm_of(step.name):
            assert max(map(len, made)) - min(map(len, made)) <= step.features // graph.gemm_of(step.name).n
            for a in range(accelerators):
                assert as_set(step.needs[a]) == (set(range(source)) if made[a] else set())
        else:  # pooling, or a pointwise layer of its own: where its inputs were made
            for a in range(accelerators):
                assert as_set(step.needs[a]) == {f for f in range(source) if f * step.features // source in made[a]}


def held(steps: list[Step], stays, index: int, a: int, feature_bits: int) -> int:
    """Bytes of activations that accelerator a holds while step `index` runs, from what each step makes and needs."""
    features = len(as_set(steps[index].needs[a])) if stays.staged[index] else 0
    for j, step in enumerate(steps):
        readers = [r for r in range(len(steps)) if r and steps[r].source == j]
        if stays.held[j] and j == index:
            features += len(as_set(step.makes.made[a]))
        if not stays.kept[j] or j > index or max(readers) < index:
            continue
        if j == index:
            features += len(as_set(step.makes.made[a]))
        else:
            features += len(set().union(*(as_set(steps[r].needs[a]) for r in readers)))
    return features * feature_bits // 8


@many
@given(networks(), st.integers(1, 5), st.integers(0, 2000), st.booleans())
def test_what_stays_on_chip_never_exceeds_its_budget(net, accelerators, budget, sends_results):
    steps, feature_bits = steps_of(net, accelerators), graph_of(net).batch * 16
    stays = residency(steps, feature_bits, budget, sends_results)
    for s, reserved in enumerate(stays.reserved_bytes):
        assert max(held(steps, stays, s, a, feature_bits) for a in range(accelerators)) <= reserved <= budget
    assert not stays.kept[0]
    for index, step in enumerate(steps):
        read = any(other.source == index for other in steps[1:])
        assert read or not stays.kept[index]  # results have their place in DRAM
        assert not stays.held[index] or (sends_results and not read)
        assert not (stays.staged[index] and stays.kept[step.source])


@given(networks(), st.integers(1, 5))
def test_all_stays_with_room_and_nothing_without(net, accelerators):
    steps = steps_of(net, accelerators)
    read = [any(other.source == index for other in steps[1:]) for index in range(len(steps))]
    stays = residency(steps, 16, 10**9, sends_results=True)
    assert list(stays.kept) == [index > 0 and read[index] for index in range(len(steps))]
    assert [step.source == 0 and index > 0 for index, step in enumerate(steps)] == list(stays.staged)
    assert list(stays.held) == [index > 0 and not read[index] for index in range(len(steps))]
    nothing = residency(steps, 16, 0, sends_results=True)
    assert not any((*nothing.kept, *nothing.staged, *nothing.held, *nothing.reserved_bytes))


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


def test_a_pointwise_layer_runs_with_its_producer_unless_another_layer_reads_that_too():
    fc, relu = Linear(name="fc", out_features=4), Elementwise(name="relu")
    system = ppsim.load_system("tetris", accelerators=2)
    after = Linear(name="after", out_features=2)
    alone = place(LayerGraph("net", (4,), (fc, relu, after)), system)
    assert [stage.layers for stage in alone.stages] == [("input",), ("fc", "relu"), ("after",)]
    both = place(LayerGraph("net", (4,), (fc, relu, replace(after, inputs=("fc",)))), system)
    assert [stage.layers for stage in both.stages] == [("input",), ("fc",), ("relu",), ("after",)]
    first = place(LayerGraph("net", (4,), (relu, fc)), system)
    assert [stage.layers for stage in first.stages] == [("input",), ("relu",), ("fc",)]
    assert [stage.kind for stage in first.stages] == ["input", "vector", "product"]
