"""What units are numbered by changes nothing: a network whose parts are scattered costs what it does in order.

Layers that are not partitioned compute the units that partitioned ones want where they are; how many each accelerator
computes does not depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from placements import Draw, as_set, networks, systems

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.mapping.division import steps_of
from ppsim.mapping.layout import transfers
from ppsim.mapping.ownership import Wish, owned, wishes_of
from ppsim.mapping.place import place
from ppsim.mapping.steps import Step
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    Pool,
)  # fmt: skip
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, all_blocks, split_evenly

many = settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
SYSTEMS = ("tetris", "shared-dram", "chiplets")

Assignment = tuple[int, ...]


def fc(name: str, units: int, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def conv(name: str, channels: int, *inputs: str, groups: int = 1) -> Conv:
    return Conv(name=name, out_channels=channels, kernel=(3, 3), padding=(1, 1), inputs=inputs, groups=groups)


def chain(draw: Draw) -> list[Layer]:
    """Linear layers, some with a ReLU, one perhaps added to the one before."""
    layers: list[Layer] = []
    width = draw.number(3, 9)
    for number in range(draw.number(2, 4)):
        width = width if draw.coin() else draw.number(3, 9)
        layers.append(fc(f"fc{number}", width))
        if draw.coin():
            layers.append(Elementwise(name=f"relu{number}"))
        if draw.number(0, 2) == 0:
            before = layers[-1].name
            layers += [fc(f"around{number}", width), Add(name=f"add{number}", inputs=(f"around{number}", before))]
    return layers


def image(draw: Draw, multiplier: int) -> list[Layer]:
    """A convolution or two, perhaps a depthwise one and a residual block, pooled and flattened for linear layers."""
    layers: list[Layer] = [conv("stem", draw.number(3, 9))]
    if draw.coin():
        layers.append(Elementwise(name="relu"))
    if draw.coin():
        channels = layers[0].out_channels * draw.number(1, multiplier)
        layers.append(conv("depthwise", channels, groups=layers[0].out_channels))
    if draw.coin():
        before, channels = layers[-1].name, max(getattr(layer, "out_channels", 0) for layer in layers)
        layers += [conv("around", channels), BatchNorm(name="norm"), Add(name="add", inputs=(before, "norm"))]
    if draw.coin():
        layers.append(conv("last", draw.number(3, 9)))
    layers += [Pool(name="pool", kernel=(2, 2)), Flatten(name="flatten")]
    return [*layers, *chain(draw)] if draw.coin() else [*layers, fc("fc", draw.number(3, 9))]


def channels_of(graph: LayerGraph) -> tuple[dict[str, str], dict[str, int]]:
    """Tensor -> the tensor that has the same units, and its number of units; flattened ones have its channels."""
    same, units = {INPUT: INPUT}, {INPUT: graph.input_shape[0]}
    for layer in graph.layers:
        sources = [same[source] for source in graph.sources[layer.name]]
        if isinstance(layer, Linear | Conv) and getattr(layer, "groups", 1) == 1:
            same[layer.name] = layer.name
            units[layer.name] = graph.shapes[layer.name][0]
        elif isinstance(layer, Conv):  # a group is a unit
            same[layer.name] = sources[0]
        else:
            # an addition makes the units of all it adds the same
            first = INPUT if INPUT in sources else sources[0]
            same = {name: first if of in sources else of for name, of in same.items()} | {layer.name: first}
    return same, units


@st.composite
def partitioned(draw: st.DrawFn, pixelwise: bool = False) -> PartitionedGraph:
    """A small network, some of its layers in balanced parts of units assigned in any order.

    Mostly a layer reads the parts that the one before makes. `pixelwise`: linear layers alone are in parts, which may
    have any pixels of a channel, and everything is kept.
    """
    cheap = Draw(draw)
    kind = "image" if pixelwise else cheap.pick(("image", "chain"))
    shape = (cheap.number(1, 4), 4, 4) if kind == "image" else (cheap.number(4, 9),)
    # channels of one group are no longer free to move each by itself
    layers = image(cheap, 1 if pixelwise else 2) if kind == "image" else chain(cheap)
    graph = LayerGraph("net", shape, tuple(layers), cheap.number(1, 2))
    same, units = channels_of(graph)
    parts = cheap.number(2, 4)
    of_units: dict[str, Assignment] = {}
    readers: dict[str, int] = {}

    def shuffled(count: int) -> Assignment:
        even = [part for part, size in enumerate(split_evenly(count, parts)) for _ in range(size)]
        return tuple(draw(st.permutations(even)))

    def assigned(tensor: str, count: int) -> Assignment:
        """Usually the same for the same units: as many consecutive ones as a channel has pixels go together."""
        name = same[tensor]
        if pixelwise and count > units[name]:
            return shuffled(count)
        if name not in of_units or cheap.number(0, 3) == 0:
            drawn = shuffled(units[name])
            of_units.setdefault(name, drawn)
        else:
            drawn = of_units[name]
        return tuple(part for part in drawn for _ in range(count // units[name]))

    cuttable = [name for name in graph.divisible if graph.shapes[name][0] >= parts]
    if pixelwise:
        cuttable = [name for name in cuttable if isinstance(graph[name], Linear)]
    chosen = {cuttable[0] if pixelwise else cheap.pick(cuttable)} if cuttable else set()
    chosen |= {name for name in cuttable if cheap.coin()}
    for layer in graph.layers:
        if layer.name in chosen:
            tensor = same[graph.sources[layer.name][0]]
            readers[tensor] = readers.get(tensor, 0) + 1
    found = {}
    for name in (name for name in graph.divisible if name in chosen):
        tensor = graph.sources[name][0]
        ins, outs = graph.shapes[tensor][0], graph.shapes[name][0]
        in_assignment, out_assignment = assigned(tensor, ins), assigned(name, outs)
        in_sizes = tuple(in_assignment.count(part) for part in range(parts))
        out_sizes = tuple(out_assignment.count(part) for part in range(parts))
        # the first units of a part stay the first where units are sorted by that very assignment
        some = not pixelwise and (readers[same[tensor]] == 1 or same[tensor] == INPUT)
        if cheap.number(0, 5) == 0 and ins >= parts:
            kept = all_blocks(in_sizes, (outs,))
            found[name] = PartitionedLayer(in_sizes, (outs,), kept, in_assignment, split="inputs")
            continue
        kept = tuple(kept_of(cheap, q, in_sizes, some) for q in range(parts))
        found[name] = PartitionedLayer(in_sizes, out_sizes, kept, in_assignment, out_assignment)
    return PartitionedGraph(graph, parts, found)


def kept_of(draw: Draw, q: int, in_sizes: tuple[int, ...], some: bool) -> tuple[Kept, ...]:
    """A part's own block or another one, and perhaps others, some of their units if that is all right."""
    own = in_sizes[q] or not draw.coin()
    parts = [p for p, size in enumerate(in_sizes) if size and ((p == q and own) or draw.number(0, 2) == 0)]
    parts = parts or [p for p, size in enumerate(in_sizes) if size][:1]
    return tuple(Kept(p, draw.number(1, in_sizes[p]) if some else in_sizes[p]) for p in parts)


def relabelled(net: PartitionedGraph, order: Mapping[str, np.ndarray]) -> PartitionedGraph:
    """The network whose unit i is unit order[i] of the same tensor now; parts in order have no assignment."""
    same, units = channels_of(net.graph)

    def moved(tensor: str, assignment: Assignment | None) -> Assignment | None:
        if assignment is None or same[tensor] not in order:
            return assignment
        pixels = len(assignment) // units[same[tensor]]
        new = np.array(assignment).reshape(-1, pixels)[order[same[tensor]]].reshape(-1).tolist()
        return None if new == sorted(new) else tuple(new)

    layers = {
        name: replace(
            layer,
            in_assignment=moved(net.graph.sources[name][0], layer.in_assignment),
            out_assignment=moved(name, layer.out_assignment),
        )
        for name, layer in net.layers.items()
    }
    return replace(net, layers=layers)


def in_order(net: PartitionedGraph, other: np.random.Generator) -> PartitionedGraph:
    """Units sorted by the part that the first layer reads them in, or that made them; others in any order."""
    same, units = channels_of(net.graph)
    order = {}
    for name in units:
        if name == INPUT:
            continue
        cut = net.layers.items()
        reads = [(x, c.in_assignment) for x, c in cut if same[net.graph.sources[x][0]] == name]
        makes = [(x, c.out_assignment) for x, c in cut if same[x] == name and c.out_assignment]
        if reads or makes:
            parts = np.array((reads + makes)[0][1]).reshape(units[name], -1)[:, 0]
            order[name] = np.argsort(parts, kind="stable")
        else:
            order[name] = other.permutation(units[name])
    return relabelled(net, order)


def hardware(draw: Draw, parts: int) -> ppsim.System:
    """1, P, 2P, or fewer accelerators than parts, with scratchpads that hold activations or do not."""
    accelerators = draw.pick((1, parts, 2 * parts, draw.number(1, parts)))
    held = draw.pick(({}, {"buffer.activation_fraction": 0}, {"buffer.kib": 2}))
    return ppsim.load_system(draw.pick(SYSTEMS), accelerators=accelerators, set=held)


def assert_alike(one: PartitionedGraph, other: PartitionedGraph, system: ppsim.System) -> None:
    """The same messages in the same order, and all that a result holds; or the same reason why there is none."""
    try:
        place(one, system)
    except ppsim.InputError as error:
        with pytest.raises(ppsim.InputError, match=re.escape(str(error))):
            place(other, system)
        return
    for before, after in zip(place(one, system).stages, place(other, system).stages, strict=True):
        assert before.messages == after.messages, before.name
        assert (before.reads, before.rates) == (after.reads, after.rates)
    for engine in ("shortcuts", "reference"):
        assert ppsim.simulate(one, system, engine=engine) == ppsim.simulate(other, system, engine=engine)


def test_relabelling_units_changes_nothing():
    seen: set[str] = set()

    @many
    @given(partitioned(), st.data())
    def check(net, data):
        cheap = Draw(data.draw)
        system = hardware(cheap, net.parts)
        ordered = in_order(net, np.random.default_rng(cheap.number(0, 99)))
        seen.update(f"{type(layer).__name__} {layer.name in net.layers}" for layer in net.graph.layers)
        moved = any(net.layers[name] != layer for name, layer in ordered.layers.items())
        seen.add(f"moved {moved}")
        seen.add(f"in order {all(c.in_assignment is c.out_assignment is None for c in ordered.layers.values())}")
        seen.add(f"accelerators {np.sign(system.accelerators - net.parts)}")
        assert_alike(net, ordered, system)

    check()
    assert {"Conv True", "Conv False", "Linear True", "Linear False", "Add False", "moved True"} <= seen
    assert {"in order True", "in order False", "accelerators -1", "accelerators 0", "accelerators 1"} <= seen


@many
@given(partitioned(pixelwise=True), st.data())
def test_relabelling_channels_whose_pixels_are_in_several_parts_changes_nothing(net, data):
    """In any order, as the layer that reads them keeps them all."""
    same, units = channels_of(net.graph)
    channels = same["flatten"]
    order = {channels: np.array(data.draw(st.permutations(range(units[channels]))))}
    assert_alike(net, relabelled(net, order), hardware(Draw(data.draw), net.parts))


def scattered(units: int, parts: int, seed: int = 1, pixels: int = 1) -> Assignment:
    """Balanced parts of units in random order, the pixels of a channel together."""
    parts_of = np.random.default_rng(seed).permutation(np.arange(units) % parts)
    return tuple(np.repeat(parts_of, pixels).tolist())


def cut(layer_in: Assignment, layer_out: Assignment, parts: int) -> PartitionedLayer:
    """Each part keeps its own block."""
    ins, outs = (tuple(side.count(part) for part in range(parts)) for side in (layer_in, layer_out))
    kept = tuple((Kept(part, size),) for part, size in enumerate(ins))
    return PartitionedLayer(ins, outs, kept, layer_in, layer_out)


def steps_by_name(net: LayerGraph | PartitionedGraph, system: ppsim.System) -> dict[str, Step]:
    return {step.name: step for step in steps_of(net, system, 16)}


def sent(net: PartitionedGraph, system: ppsim.System, name: str) -> int:
    """Bytes sent after a layer."""
    stages = {stage.name: stage for stage in place(net, system).stages}
    return sum(message.bytes for message in stages[name].messages)


def counts(step: Step) -> list[int]:
    return [len(as_set(made)) for made in step.makes.made]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("placement", [None, (2, 0, 3, 1)])
def test_nothing_is_sent_between_a_convolution_and_the_parts_that_read_it(system, placement):
    """Through pooling and flatten; each accelerator makes as many channels as it would without partitions."""
    parts, channels = 4, 16
    layers = (conv("first", 8), conv("c", channels), Elementwise(name="r"), Pool(name="p", kernel=(2, 2)))
    graph = LayerGraph("net", (3, 8, 8), (*layers, Flatten(name="f"), fc("fc", 12)))
    layer = cut(scattered(channels, parts, pixels=16), scattered(12, parts, 2), parts)
    net = PartitionedGraph(graph, parts, {"fc": layer}, placement)
    machine = ppsim.load_system(system, accelerators=parts)
    steps, plain = steps_by_name(net, machine), steps_by_name(graph, machine)
    assert sent(net, machine, "c") == sent(net, machine, "p") == 0
    assert not any(m.bytes == 0 for s in place(net, machine).stages if s.name in "cp" for m in s.messages)
    assert tuple(transfers(steps["p"].makes, steps["fc"].reads[0].needs)) == ()
    for name in ("first", "c", "p"):
        assert counts(steps[name]) == counts(plain[name])
        assert steps[name].products == plain[name].products
    assert steps["first"].makes == plain["first"].makes  # an unpartitioned layer needs all of it: in order as before


def test_a_channel_is_made_where_most_of_its_pixels_are_needed():
    graph = LayerGraph("net", (1, 3, 1), (conv("c", 4), Flatten(name="f"), fc("fc", 2)))
    assignment = (1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1)
    net = PartitionedGraph(graph, 2, {"fc": cut(assignment, (0, 1), 2)})
    machine = ppsim.load_system("tetris", accelerators=2)
    assert steps_by_name(net, machine)["c"].makes.made == (((3, 6), (9, 12)), ((0, 3), (6, 9)))
    # those that are wanted there the least are left over: none of channel 1, one pixel of channel 3
    assignment = (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    net = PartitionedGraph(graph, 2, {"fc": cut(assignment, (0, 1), 2)})
    assert steps_by_name(net, machine)["c"].makes.made == (((3, 9),), ((0, 3), (9, 12)))


def test_all_that_is_added_follows_one_wish():
    """Whatever is added to units that a partitioned layer reads, or makes, and to that again."""
    parts, units = 2, 6
    wanted, machine = (1, 0, 0, 1, 1, 0), ppsim.load_system("tetris", accelerators=2)
    layers = (fc("a", units), fc("b", units), Add(name="s", inputs=("a", "b")), Elementwise(name="r", inputs=("s",)))
    layers += (fc("c", units, "input"), Add(name="t", inputs=("c", "r")))
    read = PartitionedGraph(LayerGraph("net", (4,), (*layers, fc("d", 2))), parts, {"d": cut(wanted, (0, 1), parts)})
    made = (((1, 3), (5, 6)), ((0, 1), (3, 5)))
    steps = steps_by_name(read, machine)
    assert [steps[name].makes.made for name in "abcst"] == [made] * 5
    assert sum(sent(read, machine, name) for name in "cst") == 0
    graph = LayerGraph("net", (4,), layers)
    makes = PartitionedGraph(graph, parts, {"b": cut((0, 0, 0, 1, 1, 1), wanted, parts)})
    # what a partitioned layer makes counts last: b reads all that a makes, and c is added to both
    steps = steps_by_name(makes, machine)
    assert steps["a"].makes.made == steps["c"].makes.made == (((0, 3),), ((3, 6),))
    assert steps["b"].makes.made == made
    alone = replace(
        makes, graph=LayerGraph("net", (6,), (fc("b", units), fc("c", units), Add(name="s", inputs=("c", "b"))))
    )
    assert steps_by_name(alone, machine)["c"].makes.made == made


def test_the_first_partitioned_layer_that_reads_it_decides():
    machine = ppsim.load_system("tetris", accelerators=2)
    graph = LayerGraph("net", (3,), (fc("a", 4), fc("b", 2, "a"), fc("c", 2, "a"), Concat(name="d", inputs=("b", "c"))))
    first, second = cut((0, 1, 0, 1), (0, 1), 2), cut((1, 0, 0, 1), (0, 1), 2)
    for layers in ({"b": first, "c": second}, {"c": second, "b": first}):
        assert steps_by_name(PartitionedGraph(graph, 2, layers), machine)["a"].makes.made[0] == ((0, 1), (2, 3))
    assert steps_by_name(PartitionedGraph(graph, 2, {"c": second}), machine)["a"].makes.made[0] == ((1, 3),)


def test_groups_embeddings_and_joined_tensors_follow_too():
    machine = ppsim.load_system("tetris", accelerators=2)
    # two groups of two channels become two of four, wanted the other way round
    layers = (conv("a", 4), conv("b", 8, groups=2), Flatten(name="f"), fc("c", 2))
    net = PartitionedGraph(LayerGraph("net", (1, 1, 1), layers), 2, {"c": cut((1, 1, 0, 1, 0, 0, 1, 0), (0, 1), 2)})
    steps = steps_by_name(net, machine)
    assert steps["a"].makes.made == (((2, 4),), ((0, 2),))
    assert steps["b"].makes.made == (((4, 8),), ((0, 4),))
    assert steps["b"].reads[0].needs == steps["a"].makes.made
    layers = (Embedding(name="e", entries=(9,), features=2), Flatten(name="f"), fc("x", 3, "e"), fc("c", 2, "f"))
    net = PartitionedGraph(LayerGraph("net", (1, 2), layers), 2, {"c": cut((1, 1, 0, 0), (0, 1), 2)})
    assert steps_by_name(net, machine)["e"].makes.made == (((2, 4),), ((0, 2),))
    layers = (fc("a", 3), fc("b", 4, "input"), Concat(name="j", inputs=("b", "a")), Elementwise(name="r"), fc("c", 2))
    net = PartitionedGraph(LayerGraph("net", (4,), layers), 2, {"c": cut((1, 0, 0, 1, 1, 0, 0), (0, 1), 2)})
    steps = steps_by_name(net, machine)
    assert [steps[name].makes.made for name in "ba"] == [(((1, 3),), ((0, 1), (3, 4))), (((1, 3),), ((0, 1),))]


def test_layers_that_keep_no_units_or_are_read_by_no_part_are_divided_in_order():
    machine = ppsim.load_system("tetris", accelerators=2)
    layers = (fc("a", 4), LayerNorm(name="n"), fc("b", 4), fc("c", 4), fc("d", 6))
    graph = LayerGraph("net", (3, 2), layers)
    net = PartitionedGraph(graph, 2, {"c": cut((1, 0, 1, 0), (1, 0, 0, 1), 2)})
    steps, plain = steps_by_name(net, machine), steps_by_name(graph, machine)
    assert set(wishes_of(net, 2)) == {"b", "c"}
    assert wishes_of(net, 1) == wishes_of(graph, 2) == {}
    assert [steps[name].makes for name in "and"] == [plain[name].makes for name in "and"]
    assert steps["b"].makes.made == (((2, 4), (6, 8)), ((0, 2), (4, 6)))


def test_unequal_accelerators_get_as_many_units_as_before():
    """Three quarters of the channels on the fast one: all that it wants, and others of what the slow one wants."""
    system = ppsim.load_system("tetris", accelerators=2, set={"dram.bandwidth_gb_s": 10**5})
    system = replace(system, groups=(Group(name="a", count=1, clock_mhz=300), Group(name="b", count=1, clock_mhz=100)))
    graph = LayerGraph("net", (500,), (fc("a", 400), fc("b", 200)))
    wanted = scattered(400, 2)
    net = PartitionedGraph(graph, 2, {"b": cut(wanted, scattered(200, 2, 2), 2)})
    step, plain = steps_by_name(net, system)["a"], steps_by_name(graph, system)["a"]
    assert counts(step) == counts(plain) == [300, 100]
    assert step.products == plain.products
    of_part = [[unit for unit in range(400) if wanted[unit] == part] for part in (0, 1)]
    assert as_set(step.makes.made[0]) == {*of_part[0], *of_part[1][100:]}


@many
@given(st.data())
def test_each_accelerator_makes_as_many_units_as_without_partitions(data):
    """For any network, cut and system; each has all of its wanted units or has room for no more."""
    system = data.draw(systems())
    net = data.draw(networks(system.accelerators))
    if not isinstance(net, PartitionedGraph):
        return
    steps, plain = steps_by_name(net, system), steps_by_name(net.graph, system)
    for name, step in steps.items():
        if step.is_product and name not in net.layers:
            assert counts(step) == counts(plain[name])
            assert step.products == plain[name].products


@many
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.data())
def test_as_many_units_as_possible_are_where_they_are_wanted(sizes, data):
    """All of an accelerator's or as many as it makes; what is in order already stays in order."""
    units, kinds = sum(sizes), data.draw(st.integers(1, 5))
    of_units = data.draw(st.lists(st.integers(0, kinds - 1), min_size=units, max_size=units))
    at = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=kinds, max_size=kinds))
    if not units:
        return
    mine = [as_set(intervals) for intervals in owned(sizes, Wish(np.array(of_units), np.array(at)))]
    assert [len(found) for found in mine] == sizes
    assert set().union(*mine) == set(range(units))
    for a, found in enumerate(mine):
        wanted = {unit for unit in range(units) if at[of_units[unit]] == a}
        assert len(found & wanted) == min(len(wanted), sizes[a])
    ordered = np.repeat(np.arange(len(sizes)), sizes)
    assert owned(sizes, Wish(ordered, np.arange(len(sizes)))) == owned(sizes, None)


@pytest.mark.parametrize("name", ["tinyvgg16", "alexnet", "lenet300"])
def test_contiguous_parts_divide_as_no_wish_does(name):
    graph = ppsim.load_workload(name)
    net, machine = ppsim.partition(graph, 4), ppsim.load_system("tetris", accelerators=4)
    steps, plain = steps_by_name(net, machine), steps_by_name(graph, machine)
    for at, step in steps.items():
        if step.layer is not None and at not in net.layers and step.is_product:
            assert step.makes == plain[at].makes
            assert all(low < high for made in step.makes.made for low, high in made)
            assert all(one[1] <= other[0] for made in step.makes.made for one, other in pairwise(made))
