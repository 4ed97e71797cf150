"""Who computes what: each unit is made once, by someone who reads all that it takes."""

from dataclasses import replace
from math import prod

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from placements import Net, as_set, graph_of, layers_of, networks, systems

import ppsim
from ppsim.hardware.accelerator import Group
from ppsim.hardware.array import ArraySpec
from ppsim.mapping.division import steps_of
from ppsim.mapping.layout import Layout, transfers
from ppsim.mapping.steps import Step
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import (
    Add,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    Softmax,
)
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer
from ppsim.workload.sparsity import Sparsity

many = settings(max_examples=240, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])

#: a feature of a step's output
Feature = tuple[int, int]


def divided(net: Net, accelerators: int, **changes) -> list[Step]:
    system = ppsim.load_system("tetris", accelerators=accelerators)
    return steps_of(net, replace(system, **changes), 16)


def fc(name: str, units: int, *inputs: str) -> Linear:
    return Linear(name=name, out_features=units, inputs=inputs)


def made_by(step: Step) -> list[set[int]]:
    return [as_set(intervals) for intervals in step.makes.made]


def tensors_of(graph: LayerGraph, steps: list[Step]) -> dict[str, list[Feature]]:
    """For each layer's output, the features of steps that it consists of."""
    number = {name: i for i, step in enumerate(steps) for name in (step.name, *(layer.name for layer in step.fused))}
    found = {}
    for name in (INPUT, *(layer.name for layer in graph.layers)):
        if name in number:
            found[name] = [(number[name], feature) for feature in range(prod(graph.shapes[name]))]
        else:  # renamed or joined
            found[name] = [feature for source in graph.sources[name] for feature in found[source]]
    return found


def placed_at(net: PartitionedGraph, part: int, accelerators: int) -> int:
    return part % accelerators if net.placement is None else net.placement[part]


def units_of(assignment: tuple[int, ...] | None, sizes: tuple[int, ...], part: int) -> list[int]:
    """The units of a part in order."""
    of = assignment or [p for p, size in enumerate(sizes) for _ in range(size)]
    return [unit for unit, its in enumerate(of) if its == part]


def expected_of_parts(net: PartitionedGraph, layer: PartitionedLayer, accelerators: int, a: int):
    """(input units read, output units made) by the parts on one accelerator."""
    read: set[int] = set()
    made: set[int] = set()
    for q, blocks in enumerate(layer.kept):
        for block in blocks:
            part = block.part if layer.split == "inputs" else q
            if placed_at(net, part, accelerators) == a and layer.out_sizes[q]:
                read |= set(units_of(layer.in_assignment, layer.in_sizes, block.part)[: block.units])
                made |= set(units_of(layer.out_assignment, layer.out_sizes, q)) if layer.split == "outputs" else set()
    if layer.split == "inputs" and a == 0:
        made = set(range(layer.out_sizes[0]))
    return read, made


def expected_needs(layer: Layer, graph: LayerGraph, made: set[int]) -> list[set[int]]:
    """Features of each input that it takes to make some features of the output of a layer that is not partitioned."""
    shapes, size = graph.input_shapes_of(layer.name), prod(graph.shapes[layer.name])
    whole = [set(range(prod(shape))) for shape in shapes]
    if isinstance(layer, Add | Elementwise) or layer.pointwise:
        return [made] * len(shapes)
    if isinstance(layer, Sample | Pad):
        return [copied_features(layer, shapes[0], made)]
    groups = layer.groups if isinstance(layer, Conv | MatMul | Softmax) else 1
    if isinstance(layer, Pool):
        groups = shapes[0][0]
    touched = {feature * groups // size for feature in made}
    return [{f for f in features if f * groups // len(features) in touched} for features in whole]


def copied_features(layer: Sample | Pad, shape: tuple[int, ...], made: set[int]) -> set[int]:
    """Features of the input that some features of a copy are; others are zeros."""
    pixels = prod(shape[1:])
    if isinstance(layer, Sample):
        units = layer.kept or [at * shape[0] // layer.channels for at in range(layer.channels)]
    else:
        units = [None] * layer.before + list(range(shape[0])) + [None] * layer.after
    of = [None if unit is None else unit * pixels + pixel for unit in units for pixel in range(pixels)]
    return {of[feature] for feature in made} - {None}


def test_each_feature_is_made_once_by_someone_who_reads_what_it_takes():
    """For networks with every kind of layer and cut among them."""
    seen: set[str] = set()

    @many
    @given(systems(), st.data())
    def check(system, data):
        net = data.draw(networks(system.accelerators))
        seen.update(type(layer).__name__ for layer in graph_of(net).layers)
        for layer in layers_of(net).values():
            seen.update({layer.split, layer.sparsity.kind, f"rank {layer.rank is not None}"})
        seen.add(f"placed {isinstance(net, PartitionedGraph) and net.placement is not None}")
        check_division(net, system)

    check()
    kinds = {kind.__name__ for kind in (Add, Concat, Conv, Elementwise, Embedding, Flatten, LayerNorm, Linear, MatMul)}
    kinds |= {"Pool", "Softmax", "outputs", "inputs", "rank True", "placed True", "dense", "gated", "compressed", "n:m"}
    kinds |= {"Sample", "Pad"}
    assert kinds <= seen


def check_division(net: Net, system: ppsim.System) -> None:
    accelerators, graph, cut = system.accelerators, graph_of(net), layers_of(net)
    steps = steps_of(net, system, 16)
    tensors = tensors_of(graph, steps)
    macs = 0
    for index, step in enumerate(steps[1:], start=1):
        made = made_by(step)
        assert len(made) == accelerators
        if step.makes.replicated:
            assert all(features == set(range(step.features)) for features in made)
            assert not step.is_product
        else:
            assert sorted(f for features in made for f in features) == list(range(step.features))
        sources = [tensors[source] for source in graph.sources[step.name]]
        for a in range(accelerators):
            found = [{(r.step, f) for r in step.reads if r.as_weights == w for f in as_set(r.needs[a])} for w in (0, 1)]
            if step.name in cut:
                layer = cut[step.name]
                units, outputs = expected_of_parts(net, layer, accelerators, a)
                per_in, per_out = len(sources[0]) // sum(layer.in_sizes), step.features // sum(layer.out_sizes)
                assert made[a] == {f for f in range(step.features) if f // per_out in outputs}
                needs = [{f for f in range(len(sources[0])) if f // per_in in units}]
            else:
                needs = expected_needs(step.layer, graph, made[a])
            tagged = [{tensor[f] for f in needed} for tensor, needed in zip(sources, needs, strict=True)]
            if step.layer.between_activations:
                assert found == tagged
            else:
                assert found == [set().union(*tagged), set()]
        for work in step.products:
            for product in work:
                spent = product.gemm.k * product.gemm.n if product.macs is None else product.macs
                macs += product.gemm.m * product.gemm.groups * spent
        shapes = graph.input_shapes_of(step.name)
        fused = sum(layer.vector_operations((graph.shapes[layer.name],), graph.batch) for layer in step.fused)
        assert step.vector_operations == step.layer.vector_operations(shapes, graph.batch) + fused
        assert step.sources == tuple(dict.fromkeys(source for tensor in sources for source, _ in tensor))
        assert all(source < index for source in step.sources)
    assert macs == net.macs
    moved = [layer.name for layer in graph.layers if not layer.free]
    assert sorted(name for s in steps[1:] for name in (s.name, *(f.name for f in s.fused))) == sorted(moved)


@settings(many, max_examples=30)
@given(systems(), st.data())
def test_the_input_lies_with_the_owners_of_its_parts(system, data):
    """Of the first partitioned layer that reads it; without one, with everyone."""
    net = data.draw(networks(system.accelerators))
    cut, accelerators = layers_of(net), system.accelerators
    steps = steps_of(net, system, 16)
    made = made_by(steps[0])
    first = next((step for step in steps[1:] if 0 in step.sources and step.name in cut), None)
    if first is None:
        assert steps[0].makes.replicated
        assert made == [set(range(steps[0].features))] * accelerators
        return
    assert not steps[0].makes.replicated
    assert sorted(f for features in made for f in features) == list(range(steps[0].features))
    layer, tensor = cut[first.name], tensors_of(net.graph, steps)[net.graph.sources[first.name][0]]
    pixels, seen = len(tensor) // sum(layer.in_sizes), set()
    for feature, (step, of_input) in enumerate(tensor):
        if step or of_input in seen:
            continue
        seen.add(of_input)
        part = next(
            p for p in range(layer.parts) if feature // pixels in units_of(layer.in_assignment, layer.in_sizes, p)
        )
        assert of_input in made[placed_at(net, part, accelerators)]


def test_parts_on_accelerators_of_their_own_choice():
    """Three parts on accelerators 2, 0 and 2: what is in between is idle."""
    layer = PartitionedLayer(
        (2, 1, 1), (1, 2, 2), ((Kept(0, 2),), (Kept(1, 1), Kept(0, 1)), (Kept(2, 1),)), (0, 1, 0, 2), (2, 0, 1, 1, 2)
    )
    net = PartitionedGraph(LayerGraph("net", (4,), (fc("a", 5),)), 3, {"a": layer}, placement=(2, 0, 2))
    step = divided(net, 4)[1]
    assert step.makes.made == (((2, 4),), (), ((0, 2), (4, 5)), ())
    assert step.reads[0].needs == (((0, 2),), (), ((0, 1), (2, 4)), ())
    assert [[(p.gemm.k, p.gemm.n) for p in work] for work in step.products] == [[(2, 2)], [], [(2, 1), (1, 2)], []]
    with pytest.raises(ppsim.InputError, match="part 0 is on accelerator 2, and there are 2"):
        divided(net, 2)


def test_a_layer_split_by_inputs_makes_partial_sums_that_end_at_accelerator_0():
    sparsity = Sparsity(kind="n:m", n=2, m=4)
    layer = PartitionedLayer(
        (1, 1, 4), (3,), ((Kept(0, 1), Kept(1, 1), Kept(2, 3)),), split="inputs", sparsity=sparsity
    )
    graph = LayerGraph("net", (6,), (fc("a", 3), Elementwise(name="relu"), fc("b", 4)), batch=2)
    net = PartitionedGraph(graph, 3, {"a": layer}, placement=(1, 1, 2))
    _, a, relu, b = divided(net, 3)
    assert a.partial_on == (1, 2)
    assert a.makes.made == relu.makes.made == (((0, 3),), (), ())  # not fused: the sums are complete after the exchange
    assert a.reads[0].needs == ((), ((0, 2),), ((2, 5),))
    # each part is a matrix of its own: 2:4 leaves one row of one, two of three
    assert [[(p.gemm.m, p.gemm.k, p.gemm.n) for p in work] for work in a.products] == [[], [(2, 2, 3)], [(2, 2, 3)]]
    assert b.reads[0].needs == (((0, 3),),) * 3
    assert not divided(replace(net, placement=(0, 0, 0)), 3)[1].partial_on
    assert divided(replace(net, placement=(2, 2, 2)), 3)[1].partial_on == (2,)


def test_factors_are_two_products_with_what_is_between_them_on_chip():
    layer = PartitionedLayer((2, 2), (5, 6), ((Kept(0, 2), Kept(1, 1)), (Kept(1, 2),)), rank=2, weight_bits=4)
    conv = Conv(name="c", out_channels=11, kernel=(3, 3), padding=(1, 1))
    net = PartitionedGraph(LayerGraph("net", (4, 5, 6), (conv,), batch=3), 2, {"c": layer})
    work = divided(net, 2)[1].products
    sizes = [[(p.gemm.m, p.gemm.k, p.gemm.n, p.weight_bits, p.chained) for p in products] for products in work]
    m = 3 * 5 * 6
    assert sizes == [
        [(m, 3 * 9, 2, 3 * 9 * 2 * 4, (False, True)), (m, 2, 5, 2 * 5 * 4, (True, False))],
        [(m, 2 * 9, 2, 2 * 9 * 2 * 4, (False, True)), (m, 2, 6, 2 * 6 * 4, (True, False))],
    ]
    assert [[(p.input_channels, p.input_features) for p in products] for products in work] == [
        [(3, 3 * 5 * 6), (2, 0)],
        [(2, 2 * 5 * 6), (2, 0)],
    ]


def attention(heads: int, width: int, positions: int) -> LayerGraph:
    """Queries, keys and values, the heads' products, a projection, a residual connection and its normalisation."""
    units = heads * width
    return LayerGraph(
        "attention",
        (units, positions),
        (
            fc("q", units, "input"),
            fc("k", units, "input"),
            fc("v", units, "input"),
            MatMul(name="scores", groups=heads, over="units", inputs=("q", "k")),
            Softmax(name="softmax", groups=heads),
            MatMul(name="context", groups=heads, over="positions", inputs=("softmax", "v")),
            fc("proj", units),
            Add(name="residual", inputs=("proj", "input")),
            LayerNorm(name="norm"),
            fc("up", 2 * units),
        ),
        batch=2,
    )


@pytest.mark.parametrize(("heads", "accelerators", "each"), [(8, 4, (2, 2, 2, 2)), (3, 2, (2, 1)), (2, 3, (1, 1, 0))])
def test_heads_stay_where_they_are(heads, accelerators, each):
    net = attention(heads, 4, 5)
    steps = {step.name: step for step in divided(net, accelerators)}
    number = {name: index for index, name in enumerate(steps)}
    scores, softmax, context = steps["scores"], steps["softmax"], steps["context"]
    for step, size in ((scores, 5 * 5), (softmax, 5 * 5), (context, 4 * 5)):
        assert tuple(len(made) // size for made in made_by(step)) == each
    assert tuple(transfers(scores.makes, softmax.reads[0].needs)) == ()
    assert tuple(transfers(softmax.makes, context.reads[0].needs)) == ()
    for step, right in ((scores, "k"), (context, "v")):
        left, weights = step.reads
        assert (weights.step, weights.as_weights, left.as_weights) == (number[right], True, False)
        # heads are on the accelerators that made their queries, keys and values, if these divide alike
        if len(set(each)) == 1:
            assert tuple(transfers(steps[right].makes, weights.needs)) == ()
        groups = tuple(work[0].gemm.groups if work else 0 for work in step.products)
        assert groups == tuple(2 * count for count in each)  # for each of two inputs
    assert steps["norm"].makes.replicated  # everyone needs it
    assert not steps["residual"].makes.replicated
    assert sum(product.gemm.macs for step in steps.values() for work in step.products for product in work) == net.macs


def test_softmax_over_units_that_are_elsewhere():
    """One group that is divided is needed whole: by everyone, or by accelerator 0 alone if it is the result."""
    layers = (fc("a", 6), Softmax(name="s", groups=1), fc("b", 3))
    _, _, softmax, _ = divided(LayerGraph("net", (4,), layers), 3)
    assert softmax.makes == Layout((((0, 6),),) * 3, replicated=True)
    _, _, result = divided(LayerGraph("net", (4,), layers[:2]), 3)
    assert result.makes.made == (((0, 6),), (), ())
    _, _, halves = divided(LayerGraph("net", (4,), (fc("a", 6), Softmax(name="s", groups=2))), 3)
    assert halves.makes.made == (((0, 3),), ((3, 6),), ())
    assert halves.reads[0].needs == halves.makes.made


@pytest.mark.parametrize("after", [(), (Flatten(name="f"),), (Elementwise(name="r"), Concat(name="f", inputs=("r",)))])
def test_a_replicated_result_is_made_once(after):
    """Whatever renames it or changes it unit by unit behind; and a result that is made of the input alone too."""
    norm = LayerNorm(name="n")
    _, _, step = divided(LayerGraph("net", (4, 5), (fc("a", 4), norm, *after)), 2)
    assert step.makes.made == (((0, 20),), ())
    _, step = divided(LayerGraph("net", (4, 5), (norm, *after)), 2)
    assert step.makes.made == (((0, 20),), ())
    read = LayerGraph("net", (4, 5), (fc("a", 4), norm, *after, fc("b", 3, "n")))
    assert divided(read, 2)[2].makes.replicated


def test_columns_of_embedding_tables_are_divided():
    net = LayerGraph("net", (1, 3), (Embedding(name="e", entries=(9, 4), features=5),))
    step = divided(net, 2)[1]
    assert step.makes.made == (((0, 9),), ((9, 15),))
    assert step.reads[0].needs == (((0, 3),), ((0, 3),))
    assert step.table_features == (2 * 9, 2 * 6)
    assert sum(step.table_features) == net["e"].rows_read(((1, 3),), 1)


@pytest.mark.parametrize(
    ("channels", "accelerators", "each"), [(8, 4, (2, 2, 2, 2)), (3, 2, (2, 1)), (2, 3, (1, 1, 0))]
)
def test_depthwise_channels_are_read_where_they_are_made(channels, accelerators, each):
    layers = (
        Conv(name="a", out_channels=channels, kernel=(1, 1)),
        Conv(name="d", out_channels=2 * channels, kernel=(3, 3), padding=(1, 1), groups=channels),
    )
    _, point, depth = divided(LayerGraph("net", (3, 4, 5), layers), accelerators)
    assert tuple(transfers(point.makes, depth.reads[0].needs)) == ()
    groups = [work[0].gemm.groups if work else 0 for work in depth.products]
    assert tuple(groups) == each
    assert [work[0].input_channels for work in depth.products if work] == [1] * sum(map(bool, each))
    assert tuple(len(made) // 40 for made in made_by(depth)) == each


def test_joined_tensors_are_read_piece_by_piece():
    """The second half of a concatenation is read from the step that made it, in that step's numbering."""
    joined = Concat(name="c", inputs=("a", "b", "input"))
    cut = PartitionedLayer((5, 6), (1, 1), ((Kept(0, 5),), (Kept(1, 6),)))
    graph = LayerGraph("net", (4,), (fc("a", 4), fc("b", 3, "input"), joined, fc("d", 2)))
    steps = divided(PartitionedGraph(graph, 2, {"d": cut}), 2)
    reads = [(read.step, read.needs) for read in steps[3].reads]
    assert reads == [(1, (((0, 4),), ())), (2, (((0, 1),), ((1, 3),))), (0, ((), ((0, 4),)))]
    assert steps[0].makes.made == ((), ((0, 4),))


def test_a_sum_of_what_is_made_in_different_places():
    """It is made where the first divided input was; the other one is fetched from where it is."""
    graph = LayerGraph("net", (4,), (fc("a", 4), fc("b", 4, "input"), Add(name="s", inputs=("a", "b", "a"))))
    cut = PartitionedLayer((4, 0), (1, 3), ((Kept(0, 1),), (Kept(0, 1),)), out_assignment=(1, 0, 1, 1))
    _, a, b, total = divided(PartitionedGraph(graph, 2, {"b": cut}), 2)
    # of the three units that b makes on accelerator 1 there is room for the first two of a
    assert a.makes.made == total.makes.made == (((1, 2), (3, 4)), ((0, 1), (2, 3)))
    assert [read.step for read in total.reads] == [1, 2, 1]
    assert tuple(transfers(b.makes, total.reads[1].needs)) == ((1, 0, 1),)
    first = LayerGraph("net", (4, 1), (LayerNorm(name="n"), fc("a", 4, "input"), Add(name="s", inputs=("n", "a"))))
    _, norm, linear, total = divided(first, 2)
    assert norm.makes.replicated
    assert total.makes == linear.makes


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.integers(1, 4), st.integers(1, 8), st.integers(1, 50)
)
def test_faster_accelerators_get_no_fewer_units(k, n, slow, fast, times, bandwidth):
    """All units are given away; equal accelerators differ by one at most, and no faster one is behind a slower one."""
    system = ppsim.load_system("tetris", accelerators=slow + fast, set={"dram.bandwidth_gb_s": bandwidth})
    array = ArraySpec(3, 3)
    groups = (
        Group(name="slow", count=slow, array=array),
        Group(name="fast", count=fast, array=array, clock_mhz=500 * times + 1),
    )
    step = steps_of(ppsim.gemm(2, k, n), replace(system, groups=groups), 16)[1]
    shares = [len(made) for made in made_by(step)]
    assert sum(shares) == n
    assert max(shares[:slow]) - min(shares[:slow]) <= 1
    assert max(shares[slow:]) - min(shares[slow:]) <= 1
    assert max(shares[:slow]) <= min(shares[slow:]) + 1
    assert sum(product.gemm.macs for work in step.products for product in work) == 2 * k * n


def test_units_in_proportion_to_what_arrays_and_channels_can_do():
    """Three times the clock takes three units of four; where DRAM bounds both, as many as the other one."""
    system = ppsim.load_system("tetris", accelerators=2, set={"dram.bandwidth_gb_s": 10**5})
    groups = (Group(name="a", count=1, clock_mhz=300), Group(name="b", count=1, clock_mhz=100))
    net = ppsim.gemm(1, 500, 400)
    assert [len(made) for made in made_by(steps_of(net, replace(system, groups=groups), 16)[1])] == [300, 100]
    starved = replace(system, groups=groups, dram=replace(system.dram, bandwidth_gb_s=1e-3))
    assert [len(made) for made in made_by(steps_of(net, starved, 16)[1])] == [200, 200]


@given(st.integers(1, 5), st.integers(6, 9))
def test_more_accelerators_than_units(units, accelerators):
    graph = LayerGraph("net", (3,), (fc("a", units), fc("b", 2 * units)))
    _, a, _ = divided(graph, accelerators)
    assert [len(made) for made in made_by(a)] == [1] * units + [0] * (accelerators - units)
    assert [len(work) for work in a.products] == [1] * units + [0] * (accelerators - units)
    assert a.reads[0].needs[units:] == ((),) * (accelerators - units)


def test_a_part_without_outputs_has_no_work():
    layer = PartitionedLayer((2, 2), (4, 0), ((Kept(0, 2),), (Kept(1, 2),)))
    step = divided(PartitionedGraph(LayerGraph("net", (4,), (fc("a", 4),)), 2, {"a": layer}), 2)[1]
    assert [len(work) for work in step.products] == [1, 0]
    assert step.reads[0].needs == (((0, 2),), ())


def test_a_pointwise_layer_runs_with_its_producer_unless_something_else_reads_that_too():
    def names(*layers: Layer) -> list[tuple[str, ...]]:
        steps = divided(LayerGraph("net", (4,), layers), 2)[1:]
        return [(step.name, *(layer.name for layer in step.fused)) for step in steps]

    a, relu, b = fc("a", 4), Elementwise(name="relu"), fc("b", 2)
    assert names(a, relu, b) == [("a", "relu"), ("b",)]
    assert names(a, relu, replace(relu, name="tanh"), b) == [("a", "relu", "tanh"), ("b",)]
    assert names(a, relu, fc("b", 2, "a")) == [("a",), ("relu",), ("b",)]
    assert names(relu, a) == [("relu",), ("a",)]
    assert names(a, Flatten(name="f"), relu) == [("a", "relu")]
    assert names(a, Flatten(name="f"), replace(relu, inputs=("a",))) == [
        ("a",),
        ("relu",),
    ]  # the renamed one is a result
    assert names(a, Concat(name="c", inputs=("a", "input")), relu) == [("a",), ("relu",)]
    assert names(a, Concat(name="c", inputs=("a", "a")), replace(relu, inputs=("a",))) == [("a",), ("relu",)]
