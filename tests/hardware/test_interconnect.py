"""Routes over the mesh."""

from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.interconnect import InterconnectSpec, mesh_shape

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
