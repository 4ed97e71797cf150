"""Drawings show what there is, nothing runs over anything, and the same values give the same bytes."""

import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from ppsim.analysis.drawings import topology_drawing, workload_drawing
from ppsim.analysis.figures import drawn
from ppsim.analysis.layering import HEIGHT, WIDTH, Sheet, blocks_of
from ppsim.hardware.interconnect import TOPOLOGIES, Edge, InterconnectSpec
from ppsim.workload.graph import LayerGraph, gemm
from ppsim.workload.layers import Add, BatchNorm, Concat, Conv, Elementwise

SWITCHES = tuple(Edge(a, f"leaf{a // 4}") for a in range(8)) + tuple(
    Edge(f"leaf{i}", "spine", bandwidth_gb_s=32, latency_ns=20) for i in range(2)
)


def system(links: InterconnectSpec, accelerators: int, group: int = 1, name: str = "boxes") -> SimpleNamespace:
    """As much of a System as is drawn."""
    return SimpleNamespace(
        name=name,
        accelerators=accelerators,
        interconnect=links,
        channels=-(-accelerators // group),
        channel_of=lambda accelerator: accelerator // group,
    )


def links(topology: str, **settings) -> InterconnectSpec:
    return InterconnectSpec(topology, bandwidth_gb_s=8, latency_ns=4, **settings)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("topology", [name for name in TOPOLOGIES if name != "edges"])
@pytest.mark.parametrize("accelerators", [1, 2, 7, 16])
def test_every_topology_has_a_drawing_with_its_accelerators_and_numbers(topology, accelerators):
    figure = topology_drawing(system(links(topology), accelerators, 4))
    said = words(figure)
    assert {str(a) for a in range(accelerators)} <= set(said)
    assert any("8 GB/s, 4 ns" in line and "cut-through" in line for line in said)
    assert any(line.startswith("boxes: ") and topology.split("-")[0] in line for line in said)


def test_switches_and_different_links_are_named():
    said = words(topology_drawing(system(links("edges", edges=SWITCHES), 8, 2)))
    assert {"leaf0", "leaf1", "spine", "ch 3", "channel 3: 6 to 7", "8 GB/s, 4 ns", "32 GB/s, 20 ns"} <= set(said)
    assert any("8 to 32 GB/s, 4 to 20 ns" in line for line in said)


def test_a_bus_says_that_it_is_shared():
    assert any("medium, shared by all: 8 GB/s" in line for line in words(topology_drawing(system(links("bus"), 5))))


def test_store_and_forward_and_ideal_are_said():
    spec = links("ring", switching="store-and-forward", chunks=4, ideal=True)
    assert any("store-and-forward in 4 chunks, ideal" in line for line in words(topology_drawing(system(spec, 4))))


def test_many_accelerators_have_no_labels():
    assert "70" not in words(topology_drawing(system(links("torus"), 72, 8)))


@pytest.mark.parametrize(
    ("spec", "accelerators"),
    [
        (links("torus"), 64),
        (links("edges", edges=SWITCHES), 8),
        (links("crossbar", switching="store-and-forward", chunks=256, ideal=True), 6),
        (links("bus"), 20),
    ],
)
def test_labels_fit_their_nodes_and_no_text_is_cut_off(spec, accelerators):
    figure = topology_drawing(system(spec, accelerators, 4, name="a system with a name that is not short at all"))
    drawn(figure, "png")
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert box.y1 <= figure.bbox.y1, text
    assert not [(a, b) for (a, x), (b, y) in combinations(zip(texts, boxes, strict=True), 2) if x.overlaps(y)]


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_values_give_the_same_bytes(kind, begins):
    for make in (lambda: topology_drawing(system(links("mesh"), 4)), lambda: workload_drawing(gemm(4, 4, 4))):
        once, again = drawn(make(), kind), drawn(make(), kind)
        assert once == again
        assert once.startswith(begins)
    if kind == "svg":
        assert "gemm" in "".join(ElementTree.fromstring(once).itertext())


def conv(name: str, *inputs: str) -> Conv:
    return Conv(name=name, inputs=inputs, out_channels=3, kernel=(3, 3), padding=(1, 1))


RESIDUAL = LayerGraph(
    "residual $net$",
    (3, 8, 8),
    (
        conv("stem"),
        BatchNorm(name="norm"),
        Elementwise(name="relu"),
        conv("left"),
        Elementwise(name="left relu"),
        conv("right", "relu"),
        Add(name="sum", inputs=("left relu", "right", "relu")),
    ),
)


def test_pointwise_layers_stand_in_the_box_of_their_producer():
    blocks, reads = blocks_of(RESIDUAL)
    assert {name: block.names for name, block in blocks.items()} == {
        "input": ["input"],
        "stem": ["stem", "norm", "relu"],
        "left": ["left", "left relu"],
        "right": ["right"],
        "sum": ["sum"],
    }
    assert set(reads.edges) == {
        ("input", "stem"), ("stem", "left"), ("stem", "right"), ("left", "sum"), ("right", "sum"), ("stem", "sum"),
    }  # fmt: skip


def test_a_pointwise_layer_beside_another_reader_has_its_own_box():
    layers = (conv("a"), Elementwise(name="relu"), Add(name="sum", inputs=("relu", "a")))
    blocks, _ = blocks_of(LayerGraph("net", (3, 8, 8), layers))
    assert list(blocks) == ["input", "a", "relu", "sum"]


def test_a_network_is_drawn_with_names_types_and_shapes():
    said = words(workload_drawing(RESIDUAL))
    assert {"residual $net$: 7 layers", "stem + norm + relu", "left + left relu", "sum"} <= set(said)
    assert any(
        line.startswith("add") and line.endswith("3\N{MULTIPLICATION SIGN}8\N{MULTIPLICATION SIGN}8") for line in said
    )


def test_branches_stand_side_by_side_and_a_skip_runs_beside():
    _, reads = blocks_of(RESIDUAL)
    sheet = Sheet(reads)
    assert sheet.places["left"].row == sheet.places["right"].row
    assert sheet.places["left"].lane != sheet.places["right"].lane
    assert len(sheet.points("stem", "sum")) > 3


@st.composite
def networks(draw: st.DrawFn) -> LayerGraph:
    """Chains with branches, sums and concatenations, of a row or of several columns."""
    layers = [conv("stem")]
    for number in range(draw(st.integers(1, 45))):
        earlier = [layer.name for layer in layers[-6:]] + ["stem"]
        sources = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=4, unique=True))
        source = layers[-1].name if draw(st.booleans()) else sources[0]
        if len(sources) > 1:
            layers.append(Concat(name=f"join{number}", inputs=tuple(sources)))
            layers.append(conv(f"out{number}"))
        else:
            layers.append(conv(f"conv{number}", source))
    return LayerGraph("random", (3, 8, 8), tuple(layers))


@given(networks())
@settings(max_examples=40)
def test_no_box_is_under_another_or_under_a_connection(net):
    _, reads = blocks_of(net)
    sheet = Sheet(reads)
    middles = list(sheet.middle.values())
    for (x, y), (u, v) in combinations(middles, 2):
        assert abs(x - u) >= WIDTH or abs(y - v) >= HEIGHT
    for x, y in middles:
        assert WIDTH / 2 < x < sheet.width - WIDTH / 2
        assert HEIGHT / 2 < y < sheet.height - HEIGHT / 2
    for a, b in reads.edges:
        points = sheet.points(a, b)
        assert points[0][1] == pytest.approx(sheet.middle[a][1] - HEIGHT / 2)
        assert points[-1][1] == pytest.approx(sheet.middle[b][1] + HEIGHT / 2)
        for start, end in pairwise(points):
            assert all(0 < x < sheet.width and 0 < y < sheet.height for x, y in (start, end))
            low, high = sorted((start[1], end[1]))
            left, right = sorted((start[0], end[0]))
            for x, y in middles:
                beside = right <= x - WIDTH / 2 or left >= x + WIDTH / 2
                assert beside or high <= y - HEIGHT / 2 + 1e-9 or low >= y + HEIGHT / 2 - 1e-9


@given(networks())
@settings(max_examples=40)
def test_different_connections_share_no_upright(net):
    """Lines that run down beside the boxes can be told apart."""
    _, reads = blocks_of(net)
    sheet = Sheet(reads)
    uprights = []
    for a, b in reads.edges:
        points = sheet.points(a, b)
        if len(points) > 3:
            ways = [(p[0], *sorted((p[1], q[1]))) for p, q in pairwise(points[1:-1]) if p[0] == q[0]]
            uprights += [(way, (a, b)) for way in ways]
    for ((x, low, high), edge), ((u, bottom, top), other) in combinations(uprights, 2):
        assert edge == other or abs(x - u) > 0.05 or high <= bottom + 0.2 or top <= low + 0.2


def test_a_network_of_180_layers_fits_a_sheet_about_as_wide_as_high():
    layers = [conv("stem")]
    for block in range(60):
        before = layers[-1].name
        layers += [conv(f"{block}a", before), conv(f"{block}b"), Add(name=f"{block}", inputs=(f"{block}b", before))]
    _, reads = blocks_of(LayerGraph("deep", (3, 8, 8), tuple(layers)))
    sheet = Sheet(reads)
    assert 0.5 < sheet.width / sheet.height < 3
    assert max(place.column for place in sheet.places.values()) >= 4


def test_text_fits_its_box():
    long = LayerGraph("net", (3, 8, 8), (conv("a_name_of_a_layer_that_goes_on_and_on_and_on_for_ever"), *(
        Elementwise(name=f"pointwise{i}") for i in range(9))))  # fmt: skip
    for net in (long, RESIDUAL):
        figure = workload_drawing(net)
        drawn(figure, "png")
        inside = [text for text in figure.axes[0].findobj(Text) if text.get_text()]
        assert all(text.get_window_extent().width < WIDTH * figure.dpi for text in inside)
