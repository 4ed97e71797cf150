"""What is remembered is what was made, within its room; and what is remembered of networks changes no Program."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from placements import networks, systems

from ppsim.errors import InputError
from ppsim.mapping import communication, division, outline
from ppsim.mapping.place import place
from ppsim.mapping.program import Program
from ppsim.mapping.remembering import Memory, Same


def test_an_object_is_the_same_as_itself_alone():
    one, equal = [1], [1]
    assert Same(one) == Same(one)
    assert hash(Same(one)) == hash(Same(one))
    assert Same(one) != Same(equal)
    assert Same(one) != one


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=30))
def test_the_latest_values_that_fit_are_remembered(asked):
    """Against a list of keys, the latest last; the size of a value is what is drawn with the first asking."""
    room, memory = 10, Memory(10, lambda value: value)
    known: list[tuple[int, int]] = []
    for key, size in asked:
        made = []
        value = memory.get(key, lambda size=size, made=made: made.append(size) or size)
        before = [kept for kept in known if kept[0] == key]
        assert value == (before[0][1] if before else size)
        assert bool(made) == (not before)
        known = [kept for kept in known if kept[0] != key] + [(key, value)]
        while sum(kept for _, kept in known) > room:
            known.pop(0)


def test_what_takes_all_the_room_is_not_kept():
    memory = Memory(10, len)
    assert memory.get("large", lambda: "x" * 10) == "x" * 10
    assert memory.get("large", lambda: "other") == "other"


def values(program: Program) -> list[object]:
    """Everything a Program says."""
    nests = [
        [(n.counts, dict(n.tiles), n.activity, n.weight_space, n.input_space, n.weights_wait) for n in mine]
        for stage in program.stages
        for mine in stage.work
    ]
    stages = [(s.name, s.layers, s.kind, s.waits_for, s.reads, list(s.messages), s.rates) for s in program.stages]
    return [nests, stages, program.links, program.resident, program.word_bits]


def forget() -> None:
    for memory in (communication._PLANS, division._DIVIDED, outline._OUTLINES, outline._TRAFFIC):
        memory.forget()


@settings(max_examples=60)
@given(st.data())
def test_a_program_does_not_depend_on_those_before(data):
    """Systems that differ in one thing each, in any order, against each of them alone."""
    system = data.draw(systems())
    net = data.draw(networks(system.accelerators))
    dram, links = system.dram, system.interconnect
    variants = [
        system,
        replace(system, dram=replace(dram, bandwidth_gb_s=dram.bandwidth_gb_s * 7)),
        replace(system, dram=replace(dram, sharing="shared")),
        replace(system, dram=replace(dram, burst_bytes=64)),
        replace(system, interconnect=replace(links, all_gather="ring", reduce="unicast")),
        replace(system, interconnect=replace(links, bandwidth_gb_s=3, ideal=True)),
        replace(system, weights="resident"),
        replace(system, clock_mhz=77),
        replace(system, buffer=replace(system.buffer, kib=3)),
        replace(system, array=replace(system.array, rows=5, accumulator_bits=24)),
    ]
    alone = []
    for variant in variants:
        forget()
        alone.append(outcome(net, variant))
    forget()
    for number in data.draw(st.lists(st.integers(0, len(variants) - 1), max_size=20)):
        assert outcome(net, variants[number]) == alone[number]


def outcome(net: object, system: object) -> object:
    try:
        return values(place(net, system))
    except InputError as error:
        return str(error)
