"""What holds for routes over every topology, and what is special about each."""

from itertools import pairwise, permutations

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.interconnect import TOPOLOGIES, Edge, InterconnectSpec
from ppsim.hardware.topologies.contract import Topology


def spec(topology: str, **settings) -> InterconnectSpec:
    return InterconnectSpec(topology, bandwidth_gb_s=8, latency_ns=4, **settings)


def wired(*edges: Edge) -> InterconnectSpec:
    return spec("edges", edges=edges)


@st.composite
def grids(draw: st.DrawFn, topology: str) -> tuple[InterconnectSpec, int]:
    """With or without a shape, which may have more places than there are accelerators."""
    if draw(st.booleans()):
        return spec(topology), draw(st.integers(1, 40))
    rows, cols = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    return spec(topology, shape=(rows, cols)), draw(st.integers(1, rows * cols))


@st.composite
def wirings(draw: st.DrawFn) -> tuple[InterconnectSpec, int]:
    """Explicit edges: a random tree over accelerators and switches, further edges, a circle one way."""
    accelerators, switches = draw(st.integers(2, 10)), draw(st.integers(0, 5))
    nodes = draw(st.permutations([*range(accelerators), *(f"s{i}" for i in range(switches))]))
    found = [Edge(nodes[draw(st.integers(0, i - 1))], node) for i, node in enumerate(nodes) if i]
    pairs = list(permutations(nodes, 2))
    wanted = draw(st.lists(st.sampled_from(pairs), max_size=6))
    taken = {link for edge in found for link in edge.links}
    for a, b in wanted:
        if (a, b) not in taken:
            taken.add((a, b))
            found.append(Edge(a, b, one_way=True, latency_ns=1))
    return wired(*draw(st.permutations(found))), accelerators


plain = st.tuples(st.sampled_from(["ring", "bus", "crossbar", "all-to-all"]).map(spec), st.integers(1, 24))
systems = st.one_of(grids("mesh"), grids("torus"), plain, wirings())


@given(systems, st.data())
def test_a_route_is_a_path_of_links_that_passes_no_node_twice(case, data):
    links, accelerators = case
    links.check(accelerators)
    graph = links.graph(accelerators)
    source, destination = (data.draw(st.integers(0, accelerators - 1)) for _ in range(2))
    route = links.route(accelerators, source, destination)
    if source == destination:
        assert route == ()
        return
    nodes = [source, *(end for _, end in route)]
    if links.topology == "bus":
        assert route == (("bus", "bus"),)
        nodes.append(destination)
    else:
        assert route == tuple(pairwise(nodes))
    assert nodes[-1] == destination
    assert len(set(nodes)) == len(nodes)
    taken = [graph.edges[step]["link"] for step in pairwise(nodes)]
    assert tuple(dict.fromkeys(taken)) == route
    assert links.topology == "bus" or len(route) == nx.shortest_path_length(graph, source, destination)


@given(systems)
def test_the_graph_holds_all_accelerators_and_every_link_with_its_numbers(case):
    links, accelerators = case
    graph = links.graph(accelerators)
    assert {node for node in graph if isinstance(node, int)} == set(range(accelerators))
    assert nx.is_strongly_connected(graph.subgraph(nx.descendants(graph, 0) | {0}))
    for _, _, edge in graph.edges(data=True):
        here = links.link(edge["link"])
        assert (here.rate, here.hop_fs) == (edge["bandwidth_gb_s"] * 10**9, edge["latency_ns"] * 10**6)
    places = [place for _, place in graph.nodes(data="pos")]
    assert min((abs(complex(*a) - complex(*b)) for a, b in permutations(places, 2)), default=1) > 0.9


@given(systems)
def test_a_ring_passes_every_accelerator_once(case):
    links, accelerators = case
    assert sorted(links.ring(accelerators)) == list(range(accelerators))


def strides(links: InterconnectSpec, accelerators: int) -> list[int]:
    """Links between neighbours in the ring, the last and the first included."""
    order = links.ring(accelerators)
    return [len(links.route(accelerators, a, b)) for a, b in zip(order, (*order[1:], order[0]), strict=True)]


@given(st.integers(2, 9), st.integers(2, 9))
def test_neighbours_in_the_ring_are_neighbours_on_the_grid(rows, cols):
    mesh, torus = (strides(spec(t, shape=(rows, cols)), rows * cols) for t in ("mesh", "torus"))
    if rows % 2 and cols % 2:
        assert mesh == [1] * (rows * cols - 1) + [rows + cols - 2]
        assert torus == [1] * (rows * cols - 1) + [2]
    else:
        assert set(mesh) == set(torus) == {1}


@given(st.integers(2, 40))
def test_on_a_line_neighbours_in_the_ring_are_two_links_apart_at_most(length):
    assert max(strides(spec("mesh", shape=(1, length)), length)) <= 2
    assert strides(spec("mesh", shape=(length, 1)), length) == strides(spec("mesh", shape=(1, length)), length)
    assert set(strides(spec("ring"), length)) == {1}


def test_routes_by_hand():
    assert spec("torus").route(16, 0, 15) == ((0, 3), (3, 15))
    assert spec("torus").route(16, 0, 2) == ((0, 1), (1, 2)), "both ways are as long: upwards"
    assert spec("torus").route(16, 2, 0) == ((2, 3), (3, 0))
    assert spec("ring").route(8, 1, 7) == ((1, 0), (0, 7))
    assert spec("ring").route(8, 6, 2) == ((6, 7), (7, 0), (0, 1), (1, 2))
    assert spec("crossbar").route(8, 6, 2) == ((6, "crossbar"), ("crossbar", 2))
    assert spec("all-to-all").route(8, 6, 2) == ((6, 2),)
    assert spec("mesh", shape=(2, 3)).route(4, 3, 2) == ((3, "r1.1"), ("r1.1", "r1.2"), ("r1.2", 2))


def test_equal_ways_over_explicit_edges_go_over_the_lowest_number_however_they_are_written():
    edges = [Edge(0, "b"), Edge("b", 3), Edge(0, "a"), Edge("a", 3), Edge(0, 2), Edge(2, 3), Edge(0, 1), Edge(1, 3)]
    for order in (edges, edges[::-1]):
        assert wired(*order).route(4, 0, 3) == ((0, 1), (1, 3))
        assert wired(*(e for e in order if 1 not in (e.a, e.b))).route(4, 0, 3) == ((0, 2), (2, 3))


def test_one_way_edges_are_a_detour_back():
    circle = wired(*(Edge(a, (a + 1) % 4, one_way=True) for a in range(4)))
    circle.check(4)
    assert circle.route(4, 1, 0) == ((1, 2), (2, 3), (3, 0))
    assert circle.ring(4) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("links", "accelerators", "words"),
    [
        (spec("mesh"), 16, "mesh 4x4"),
        (spec("torus", shape=(4, 4)), 13, "torus 4x4 with 3 empty places"),
        (spec("ring"), 8, "ring of 8"),
        (spec("bus"), 8, "bus"),
        (spec("crossbar"), 8, "crossbar"),
        (spec("all-to-all"), 8, "all-to-all"),
        (wired(Edge(0, 1), Edge(1, 2, one_way=True), Edge(2, 1, one_way=True)), 3, "explicit edges: 4 links"),
        (wired(*(Edge(a, "s") for a in range(3))), 3, "explicit edges: 6 links over 1 switch"),
    ],
)  # fmt: skip
def test_what_they_are_called(links, accelerators, words):
    assert links.describe(accelerators) == words


@pytest.mark.parametrize(
    ("links", "accelerators", "message"),
    [
        (spec("mesh", shape=(2, 3)), 7, r"interconnect\.shape: 2x3 has 6 places for 7 accelerators; give at least"),
        (wired(Edge(0, 5), Edge(1, 9)), 4, r"name accelerators 5, 9, but there are 4; accepted: 0 to 3, and names"),
        (wired(Edge(0, 1)), 4, r"interconnect\.edges: no way leads from accelerator 0 to accelerators 2, 3;"),
        (wired(Edge(0, "a"), Edge(1, "b")), 2, r"no way leads from accelerator 0 to accelerator 1;"),
        (wired(Edge(0, 1, one_way=True)), 2, r"no way leads to accelerator 0 from accelerator 1;"),
        (wired(Edge(0, 1), Edge("x", "y")), 2, r"'x' is connected to no accelerator"),
        (wired(Edge(0, 1), Edge(1, 0, one_way=True)), 2, r"1 to 0 stands twice; give it once"),
    ],
)  # fmt: skip
def test_accelerators_that_do_not_fit(links, accelerators, message):
    for refused in (links.check, links.graph):
        with pytest.raises(ppsim.InputError, match=message) as caught:
            refused(accelerators)
        assert "\n" not in str(caught.value)


def test_one_accelerator_needs_no_links():
    """The baselines run on one accelerator of a system whose edges are written for several."""
    links = wired(Edge(0, "s"), Edge(1, "s"), Edge(1, 2))
    links.check(1)
    assert links.ring(1) == (0,)
    assert set(links.graph(1)) == {0, "s"}


class Hypercube(Topology):
    """What somebody outside may write."""

    def links(self, plan):
        bits = range((plan.accelerators - 1).bit_length())
        return tuple((a, a ^ (1 << bit)) for a in range(plan.accelerators) for bit in bits)

    def route(self, plan, source, destination):
        nodes = [source]
        while nodes[-1] != destination:
            differ = nodes[-1] ^ destination
            nodes.append(nodes[-1] ^ (differ & -differ))
        return tuple(pairwise(nodes))

    def positions(self, plan):
        return {a: (a % 4 + 0.3 * (a // 4), a // 4 + 0.2 * (a % 4)) for a in range(plan.accelerators)}

    def describe(self, plan):
        return f"hypercube of {plan.accelerators}"


def test_a_topology_from_outside_is_one_line(monkeypatch):
    with pytest.raises(ppsim.InputError, match="hypercube"):
        spec("hypercube")
    monkeypatch.setitem(TOPOLOGIES, "hypercube", Hypercube())
    links = spec("hypercube")
    assert links.route(8, 0, 7) == ((0, 1), (1, 3), (3, 7))
    assert links.ring(8) == tuple(range(8))
    assert links.exchange("broadcast") == "tree"
    assert links.graph(8).number_of_edges() == 24
    with pytest.raises(ppsim.InputError, match=r"accepted: .*hypercube"):
        spec("moebius")


@pytest.mark.parametrize(
    ("topology", "defaults"),
    [
        ("mesh", "unicast tree tree"),
        ("torus", "ring tree tree"),
        ("ring", "ring unicast unicast"),
        ("bus", "unicast unicast unicast"),
        ("crossbar", "unicast tree tree"),
        ("all-to-all", "unicast tree tree"),
        ("edges", "unicast unicast unicast"),
    ],
)
def test_default_algorithms(topology, defaults):
    links = spec(topology, edges=(Edge(0, 1),) if topology == "edges" else ())
    assert [links.exchange(p) for p in ("all_gather", "broadcast", "reduce")] == defaults.split()


@given(wirings(), st.data())
def test_a_cut_link_may_leave_accelerators_out_and_then_check_says_so(case, data):
    links, accelerators = case
    edges = list(links.edges)
    edges.remove(data.draw(st.sampled_from(edges)))
    assume(edges)
    cut = wired(*edges)
    graph = nx.DiGraph([link for edge in edges for link in edge.links])
    graph.add_nodes_from(range(accelerators))
    whole = all(nx.has_path(graph, a, b) for a, b in permutations(range(accelerators), 2))
    if whole and nx.is_weakly_connected(graph):
        cut.check(accelerators)
    else:
        with pytest.raises(ppsim.InputError, match=r"interconnect.edges: (no way leads|.* is connected to no)"):
            cut.check(accelerators)
