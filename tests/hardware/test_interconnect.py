"""The interconnect's settings, the mesh it has been from the start, and the time a message takes over links."""

import copy
import pickle
import subprocess
import sys
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.documents import dump, validate
from ppsim.hardware.interconnect import TOPOLOGIES, Edge, InterconnectSpec, LinkSpec, mesh_shape, transfer_fs

MESH = InterconnectSpec(topology="mesh", bandwidth_gb_s=8, latency_ns=4)


@pytest.mark.parametrize(
    ("nodes", "shape"),
    [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (8, (2, 4)), (12, (3, 4)), (13, (1, 13)), (16, (4, 4))],
)
def test_mesh_shapes(nodes, shape):
    assert mesh_shape(nodes) == shape


@given(st.integers(1, 400))
def test_a_mesh_is_full_and_as_square_as_it_can_be(nodes):
    rows, cols = mesh_shape(nodes)
    assert rows * cols == nodes
    assert rows <= cols
    assert not [r for r in range(rows + 1, isqrt(nodes) + 1) if nodes % r == 0]


@st.composite
def trips(draw: st.DrawFn) -> tuple[int, int, int]:
    nodes = draw(st.integers(1, 64))
    return nodes, draw(st.integers(0, nodes - 1)), draw(st.integers(0, nodes - 1))


@given(trips())
def test_routes_go_along_the_row_then_along_the_column(trip):
    nodes, source, destination = trip
    cols = mesh_shape(nodes)[1]
    route = MESH.route(nodes, source, destination)
    at, turned = source, False
    for start, end in route:
        assert start == at
        assert 0 <= end < nodes
        (row, col), (to_row, to_col) = divmod(start, cols), divmod(end, cols)
        assert abs(row - to_row) + abs(col - to_col) == 1  # a neighbour
        turned = turned or row != to_row
        assert not (turned and col != to_col)  # never back into a row
        at = end
    assert at == destination
    (row, col), (to_row, to_col) = divmod(source, cols), divmod(destination, cols)
    assert len(route) == abs(row - to_row) + abs(col - to_col)


def test_a_route_by_hand():
    """4x4: from the lower right corner to the upper left, three links left and three up."""
    assert MESH.route(16, 15, 0) == ((15, 14), (14, 13), (13, 12), (12, 8), (8, 4), (4, 0))
    assert MESH.route(8, 1, 6) == ((1, 2), (2, 6))
    assert MESH.route(16, 5, 5) == ()


def test_link_numbers_are_integers():
    assert MESH.rate == 8_000_000_000
    assert MESH.hop_fs == 4_000_000


def test_an_unknown_topology_is_named_with_those_accepted():
    with pytest.raises(ppsim.InputError, match=r"topology: 'moebius' is unknown; accepted: .*mesh"):
        ppsim.load_system("tetris", set={"interconnect.topology": "moebius"})


def test_links_have_the_numbers_of_their_edge_or_the_common_ones():
    edges = (
        Edge(0, "switch", bandwidth_gb_s=16, pj_per_bit=0.5),
        Edge("switch", 1, latency_ns=9, one_way=True),
        Edge(1, 0, latency_ns=0),
    )
    spec = InterconnectSpec("edges", bandwidth_gb_s=8, latency_ns=4, pj_per_bit=2, edges=edges)
    assert spec.link((0, "switch")) == spec.link(("switch", 0)) == LinkSpec(16 * 10**9, 4 * 10**6, 0.5)
    assert spec.link(("switch", 1)) == LinkSpec(8 * 10**9, 9 * 10**6, 2)
    assert spec.link((0, 1)) == LinkSpec(8 * 10**9, 0, 2)
    assert MESH.link((0, 1)) == LinkSpec(8 * 10**9, 4 * 10**6, None)


def test_an_exchange_goes_as_set_or_as_the_topology_likes_it():
    assert [MESH.exchange(p) for p in ("all_gather", "broadcast", "reduce")] == ["unicast", "tree", "tree"]
    chosen = InterconnectSpec("mesh", bandwidth_gb_s=8, latency_ns=4, all_gather="ring", reduce="unicast")
    assert [chosen.exchange(p) for p in ("all_gather", "broadcast", "reduce")] == ["ring", "tree", "unicast"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"topology": "ring", "shape": (2, 4)}, r"interconnect\.shape: .*ring.*; accepted with: mesh, torus"),
        ({"topology": "mesh", "edges": (Edge(0, 1),)}, r"interconnect\.edges: .*mesh.*; accepted with: edges"),
        ({"topology": "edges"}, r"interconnect\.edges: topology edges needs them, as in"),
        (
            {"topology": "mesh", "chunks": 4},
            r"interconnect\.chunks: 4 .*store-and-forward; accepted with cut-through: 1",
        ),
    ],
)
def test_settings_that_would_be_ignored_are_refused(settings, message):
    with pytest.raises(ppsim.InputError, match=message):
        InterconnectSpec(bandwidth_gb_s=8, latency_ns=4, **settings)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"edges": [{"a": 0, "b": 0}]}, r"edges\.0: a, b: both are 0"),
        ({"edges": [{"a": 0, "b": "1"}]}, r"edges\.0: b: '1' is text; accelerators are numbers"),
        ({"edges": [{"a": 0, "b": 1, "latency": 3}]}, r"edges\.0\.latency: unknown key; accepted: a, b, .*latency_ns"),
        ({"edges": [{"a": 0, "b": -1}]}, r"edges\.0\.b: .*greater than or equal to 0"),
        ({"switching": "wormhole"}, r"switching: .*'cut-through' or 'store-and-forward'"),
        ({"chunks": 0}, r"chunks: .*greater than 0"),
        ({"pj_per_bit": -1}, r"pj_per_bit: .*greater than or equal to 0"),
    ],
)
def test_bad_documents_give_one_line_with_the_key(document, message):
    with pytest.raises(ppsim.InputError, match=message) as caught:
        validate(InterconnectSpec, {"topology": "mesh", "bandwidth_gb_s": 8, "latency_ns": 4, **document}, "here")
    assert "\n" not in str(caught.value)


SPECS = [
    MESH,
    InterconnectSpec("torus", 8, 4, shape=(4, 4), switching="store-and-forward", chunks=3),
    InterconnectSpec("edges", 8, 4, edges=(Edge(0, "s", latency_ns=1), Edge("s", 1, one_way=True), Edge(1, 0))),
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_is_a_value(spec):
    spec.route(2, 0, 1), spec.link((0, 1))
    for same in (copy.deepcopy(spec), pickle.loads(pickle.dumps(spec)), validate(InterconnectSpec, dump(spec), "")):
        assert same == spec
        assert hash(same) == hash(spec)
        assert same.route(2, 0, 1) == spec.route(2, 0, 1)
        assert same.link((0, "s")) == spec.link((0, "s"))


def test_importing_it_is_cheap():
    code = "import sys, ppsim.hardware.system; print({'networkx', 'matplotlib', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_topology_registered_anew_does_not_meet_old_routes(monkeypatch):
    assert MESH.route(4, 0, 3) == ((0, 1), (1, 3))
    monkeypatch.setitem(TOPOLOGIES, "mesh", TOPOLOGIES["crossbar"])
    assert MESH.route(4, 0, 3) == ((0, "crossbar"), ("crossbar", 3))


SLOW = LinkSpec(rate=10**9, hop_fs=500 * 10**6)


@pytest.mark.parametrize(("chunks", "time"), [(None, 21_031), (1, 60_093)])
def test_three_hops_of_500_ns_and_a_serialisation_of_19531_ns(chunks, time):
    assert transfer_fs([SLOW] * 3, 19_531, chunks) == time * 10**6


def test_nothing_to_cross_takes_no_time():
    assert transfer_fs([], 1000) == transfer_fs([], 1000, 2) == 0


@given(st.integers(1, 9), st.integers(1, 16), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**9))
def test_store_and_forward_over_equal_links(hops, chunks, size, mega, hop_fs):
    """h L + (h + k - 1) S / (k B), each serialisation rounded up."""
    rate = mega * 10**6
    exact = hops * hop_fs + (hops + chunks - 1) * Fraction(size * 10**15, chunks * rate)
    assert 0 <= transfer_fs([LinkSpec(rate, hop_fs)] * hops, size, chunks) - exact < hops + 1
    cut = hops * hop_fs + Fraction(size * 10**15, rate)
    assert 0 <= transfer_fs([LinkSpec(rate, hop_fs)] * hops, size) - cut < 1


links = st.builds(LinkSpec, st.integers(1, 500).map(lambda mega: mega * 10**6), st.integers(0, 10**9))


@given(st.lists(links, min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 10**5))
def test_store_and_forward_is_that_of_chunks_one_by_one(hops, chunks, size):
    """Each chunk leaves a link when it is there as a whole and the chunk before it has left."""
    arrived = [Fraction(0)] * chunks
    for hop in hops:
        serialise, free = Fraction(size * 10**15, chunks * hop.rate), Fraction(0)
        for chunk in range(chunks):
            free = max(arrived[chunk], free) + serialise
            arrived[chunk] = free + hop.hop_fs
    assert 0 <= transfer_fs(hops, size, chunks) - arrived[-1] < 2 * len(hops) + 1


@given(st.lists(links, min_size=1, max_size=6), st.integers(1, 10**5))
def test_cut_through_waits_for_the_slowest_link_once(hops, size):
    slowest = min(hop.rate for hop in hops)
    time = transfer_fs(hops, size)
    assert time >= sum(hop.hop_fs for hop in hops) + Fraction(size * 10**15, slowest)
    assert time <= transfer_fs(hops, size, 1)
    if len({hop.rate for hop in hops}) == 1:
        assert time - sum(hop.hop_fs for hop in hops) == -(-size * 10**15 // slowest)


def test_chunks_bring_store_and_forward_near_cut_through():
    times = [transfer_fs([SLOW] * 4, 10**6, chunks) for chunks in (1, 2, 8, 64, 4096)]
    assert times == sorted(times, reverse=True)
    assert times[-1] < 1.001 * transfer_fs([SLOW] * 4, 10**6)
