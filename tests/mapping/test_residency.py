"""What stays on chip: never more than an accelerator has room for, and everything where there is room for all."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from placements import as_set, graph_of, networks, systems

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.buffers import BufferSpec
from ppsim.mapping.division import steps_of
from ppsim.mapping.place import place
from ppsim.mapping.residency import Residency, residency
from ppsim.mapping.steps import Step
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Concat, Embedding, LayerNorm, Linear, MatMul, Softmax
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

BITS = 16


def readers_of(steps: list[Step], index: int) -> list[int]:
    return [r for r, step in enumerate(steps) if index in {read.step for read in step.reads}]


def held(steps: list[Step], stays: Residency, index: int, a: int, batch: int, sum_bits: int) -> int:
    """Bytes of activations that accelerator a holds while step `index` runs, from what each step makes and needs."""
    step = steps[index]
    bits = features = 0
    if stays.staged[index]:
        features += len(set().union(*(as_set(read.needs[a]) for read in step.reads)))
    if a in step.partial_on:
        bits += step.features * batch * sum_bits
    if step.is_product and step.products[a]:
        between = [p.gemm.m * p.gemm.n for p in step.products[a] if p.chained == (False, True)]
        bits += max(between, default=0) * BITS
    for j, other in enumerate(steps):
        readers = readers_of(steps, j)
        if stays.held[j] and j == index:
            features += len(as_set(other.makes.made[a]))
        if not stays.kept[j] or j > index or max(readers) < index:
            continue
        if j == index:
            features += len(as_set(other.makes.made[a]))
        else:
            reads = [read for r in readers for read in steps[r].reads if read.step == j]
            features += max(
                len(set().union(*(as_set(read.needs[a]) for read in reads if read in steps[r].reads))) for r in readers
            )
    return (bits + features * batch * BITS) // 8


many = settings(max_examples=70, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@many
@given(systems(), st.data())
def test_what_stays_never_exceeds_the_room_of_any_kind(system, data):
    net = data.draw(networks(system.accelerators))
    steps, batch = steps_of(net, system, BITS), graph_of(net).batch
    try:
        stays = residency(steps, system, batch, BITS)
    except ppsim.InputError as error:
        assume("have to stay on chip" not in str(error))
        raise
    sum_bits = system.accelerator(0).array.accumulator_bits
    for index in range(len(steps)):
        for a, kind in enumerate(system.kind_of):
            reserved = stays.reserved_bytes[kind][index]
            assert held(steps, stays, index, a, batch, sum_bits) <= reserved
            assert reserved <= system.kinds[kind].buffer.activation_bytes
    assert not stays.kept[0]
    for index, step in enumerate(steps):
        readers = readers_of(steps, index)
        assert readers or not stays.kept[index]  # results have their place in DRAM
        assert not stays.held[index] or not readers
        assert not stays.held[index] or system.channels > 1
        if stays.staged[index]:
            assert step.is_product
            (source,) = {read.step for read in step.input_reads()}
            assert not stays.kept[source]
        if step.is_product:  # what one product reads is in one place
            for as_weights in (False, True):
                assert len({stays.kept[read.step] for read in step.reads if read.as_weights == as_weights}) <= 1


@settings(many, max_examples=40)
@given(systems(roomy=True), st.data())
def test_all_stays_with_room_and_nothing_without(system, data):
    """But for the network's input and results, and what is read together with the input."""
    net = data.draw(networks(system.accelerators))
    room = BufferSpec(kib=10**6, bandwidth_bytes_per_cycle=8, activation_fraction=0.5)
    groups = tuple(replace(group, buffer=None) for group in system.groups)
    steps = steps_of(net, system, BITS)
    stays = residency(steps, replace(system, buffer=room, groups=groups), 1, BITS)
    together = [  # groups of tensors that stay or go as one
        {read.step for read in step.reads if read.as_weights == as_weights}
        for step in steps
        if step.is_product
        for as_weights in (False, True)
    ]
    away = {0}
    for _ in steps:
        away = away.union(*(sources for sources in together if sources & away))
    for index, step in enumerate(steps):
        readers = readers_of(steps, index)
        assert stays.kept[index] == (bool(readers) and index not in away)
        result = index > 0 and not readers
        assert stays.held[index] == (result and system.channels > 1 and not step.partial_on)
        sources = [read.step for read in step.input_reads()]
        plain = step.is_product and not any(p.gemm.groups > 1 or p.chained[0] for work in step.products for p in work)
        assert stays.staged[index] == (plain and sources == [0])
    if any(step.partial_on or any(p.chained[1] for w in step.products for p in w) for step in steps):
        return
    no_room = replace(room, activation_fraction=0)
    nothing = residency(steps, replace(system, buffer=no_room, groups=groups), 1, BITS)
    assert not any((*nothing.kept, *nothing.staged, *nothing.held, *map(any, nothing.reserved_bytes)))


def fc(name: str, units: int, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def small(kib: float, **changes) -> ppsim.System:
    return ppsim.load_system("tetris", accelerators=2, set={"buffer.kib": kib} | changes)


def test_a_result_held_for_sending_fits_beside_what_is_still_read():
    net = LayerGraph("net", (64,), (fc("a", 2048), fc("b", 2048)))
    system = small(10)
    program, stays = place(net, system), residency(steps_of(net, system, BITS), system, 1, BITS)
    assert stays.kept == (False, True, False)
    inputs, made = 2048 * 2, 1024 * 2
    stored = sum(nest.activity.output_bits for nest in program.stages[-1].work[1]) // 8
    assert inputs + (made - stored) <= stays.reserved_bytes[0][-1]


def test_the_smallest_buffer_decides_for_all():
    """A kind that has no room keeps every accelerator's share off the chip; each kind's own room is counted."""
    net = LayerGraph("net", (64,), (fc("a", 2048), fc("b", 2048)))
    tiny = BufferSpec(kib=1, bandwidth_bytes_per_cycle=64, activation_fraction=0.5)
    system = replace(small(64), groups=(Group(name="large", count=1), Group(name="small", count=1, buffer=tiny)))
    stays = residency(steps_of(net, system, BITS), system, 1, BITS)
    assert (stays.kept, stays.held) == ((False,) * 3, (False,) * 3)
    assert stays.staged == (False, True, False)  # 64 features take 128 bytes of the 512
    assert all(reserved <= 512 for kind in stays.reserved_bytes for reserved in kind)


def test_a_product_of_a_concatenation_finds_all_of_it_in_one_place():
    """`a` alone would stay, but `b` has no room: both go to DRAM, and another reader of `a` finds it there."""
    layers = (fc("a", 40), fc("b", 4000, "input"), Concat(name="c", inputs=("a", "b")), fc("d", 8), fc("e", 8, "a"))
    stays_of = {}
    for kib in (4, 64):
        system = small(kib)
        steps = steps_of(LayerGraph("net", (8,), layers), system, BITS)
        stays_of[kib] = residency(steps, system, 1, BITS).kept
    assert stays_of == {4: (False,) * 5, 64: (False, True, True, False, False)}


def test_the_operands_of_a_product_of_activations_may_be_in_different_places():
    layers = (fc("a", 8), fc("b", 8, "input"), MatMul(name="c", over="units", inputs=("a", "input")))
    system = small(64)
    stays = residency(steps_of(LayerGraph("net", (8, 6), layers), system, BITS), system, 1, BITS)
    assert stays.kept == (False, True, False, False)


def test_only_products_load_their_input_once_to_read_it_again():
    """Layers of the vector unit read theirs once anyway, and take no room for it."""
    for layers, shape in (
        ((Softmax(name="s"), LayerNorm(name="n", inputs=("input",))), (8, 4)),
        ((Embedding(name="e", entries=(4,), features=8),), (1, 4)),
    ):
        system = small(64)
        stays = residency(steps_of(LayerGraph("net", shape, layers), system, BITS), system, 1, BITS)
        assert not any(stays.staged)


@pytest.mark.parametrize(("rank", "split"), [(None, "inputs"), (4, "outputs")])
def test_what_has_to_stay_says_how_much_room_it_takes(rank, split):
    """Partial sums of 8 units or 4 between factors, for 100 inputs: as many bytes as stated are enough."""
    outputs = (8,) if split == "inputs" else (4, 4)
    kept = ((Kept(0, 4), Kept(1, 4)),) * len(outputs)
    layer = PartitionedLayer((4, 4), outputs, kept, split=split, rank=rank)
    net = PartitionedGraph(LayerGraph("net", (8,), (fc("a", 8),), batch=100), 2, {"a": layer})
    system = small(1, **{"buffer.activation_fraction": 0.1})
    steps = steps_of(net, system, BITS)
    with pytest.raises(ppsim.InputError, match=r"^layer 'a': \d+ bytes of partial sums .* are free$") as caught:
        residency(steps, system, 100, BITS)
    wanted = 100 * 8 * 4 if split == "inputs" else 100 * 4 * 2
    assert int(str(caught.value).split()[2]) == wanted + 1
    with pytest.raises(ppsim.InputError, match=r"^tetris: layer 'a': "):
        place(net, system)
    enough = replace(system, buffer=replace(system.buffer, kib=(wanted + 2) / 1024, activation_fraction=1))
    assert residency(steps, enough, 100, BITS).reserved_bytes[0][1] >= wanted
    with pytest.raises(ppsim.InputError):
        residency(steps, replace(enough, buffer=replace(enough.buffer, kib=wanted / 1024)), 100, BITS)
