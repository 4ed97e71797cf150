"""What mesh and torus share: a grid of places, numbered row by row, and routes in dimension order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol

from ppsim.errors import InputError
from ppsim.hardware.topologies.contract import Link, Node, Plan, Position, Topology


def mesh_shape(nodes: int) -> tuple[int, int]:
    """Rows and columns of the most nearly square full grid of `nodes` nodes (a prime number makes a line)."""
    rows = max(r for r in range(1, int(nodes**0.5) + 1) if nodes % r == 0)
    return rows, nodes // rows


class Grid(NamedTuple):
    """Rows and columns of places, of which the first so many have an accelerator and the others a router alone."""

    rows: int
    cols: int
    accelerators: int

    def node(self, row: int, col: int) -> Node:
        """The node at a place."""
        number = row * self.cols + col
        return number if number < self.accelerators else f"r{row}.{col}"

    def places(self) -> Iterable[tuple[int, int]]:
        """All (row, column), row by row."""
        return ((row, col) for row in range(self.rows) for col in range(self.cols))


def grid_of(plan: Plan) -> Grid:
    """The grid of the plan's shape, or the most nearly square one."""
    return Grid(*(plan.shape or mesh_shape(plan.accelerators)), plan.accelerators)


def snake(rows: int, cols: int) -> list[tuple[int, int]]:
    """All places along the rows, there and back, so that each is a neighbour of the next."""
    return [(row, col if row % 2 == 0 else cols - 1 - col) for row in range(rows) for col in range(cols)]


def turned(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Rows for columns."""
    return [(row, col) for col, row in places]


class GridTopology(Topology, Protocol):
    """Links between neighbours in a row and in a column; a route goes along the row first."""

    accepts: ClassVar[frozenset[str]] = frozenset({"shape"})
    name: ClassVar[str]

    @abstractmethod
    def neighbours(self, at: int, size: int) -> set[int]:
        """Coordinates one link away from `at` in a dimension of `size`."""

    @abstractmethod
    def passed(self, start: int, end: int, size: int) -> Iterable[int]:
        """Coordinates passed after `start` on the way to `end`, which is the last of them."""

    @abstractmethod
    def cycle(self, rows: int, cols: int) -> list[tuple[int, int]]:
        """All places in an order in which each is near the next, and the last near the first."""

    def links(self, plan: Plan) -> tuple[Link, ...]:
        """To every neighbour, row by row."""
        grid = grid_of(plan)
        return tuple(
            (grid.node(row, col), grid.node(*to))
            for row, col in grid.places()
            for to in (
                *((row, c) for c in sorted(self.neighbours(col, grid.cols))),
                *((r, col) for r in sorted(self.neighbours(row, grid.rows))),
            )
        )

    def route(self, plan: Plan, source: int, destination: int) -> tuple[Link, ...]:
        """Along the row, then along the column."""
        grid = grid_of(plan)
        (row, col), (to_row, to_col) = divmod(source, grid.cols), divmod(destination, grid.cols)
        along = [grid.node(row, c) for c in self.passed(col, to_col, grid.cols)]
        across = [grid.node(r, to_col) for r in self.passed(row, to_row, grid.rows)]
        return tuple(pairwise([source, *along, *across]))

    def positions(self, plan: Plan) -> dict[Node, Position]:
        """Row 0 on top."""
        grid = grid_of(plan)
        return {grid.node(row, col): (float(col), float(-row)) for row, col in grid.places()}

    def ring(self, plan: Plan) -> tuple[int, ...]:
        """The cycle over the grid, without the places that have no accelerator."""
        grid = grid_of(plan)
        numbers = (row * grid.cols + col for row, col in self.cycle(grid.rows, grid.cols))
        return tuple(number for number in numbers if number < plan.accelerators)

    def check(self, plan: Plan) -> None:
        """Every accelerator needs a place."""
        grid = grid_of(plan)
        if grid.rows * grid.cols < plan.accelerators:
            raise InputError(
                f"interconnect.shape: {grid.rows}x{grid.cols} has {grid.rows * grid.cols} places for "
                f"{plan.accelerators} accelerators; give at least as many, or null for the most nearly square"
            )

    def describe(self, plan: Plan) -> str:
        """Such as "mesh 4x4", or "mesh 4x4 with 3 empty places"."""
        grid = grid_of(plan)
        empty = grid.rows * grid.cols - plan.accelerators
        spare = f" with {empty} empty place{'s' if empty > 1 else ''}" if empty else ""
        return f"{self.name} {grid.rows}x{grid.cols}{spare}"
