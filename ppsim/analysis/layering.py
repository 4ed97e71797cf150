"""Where the layers of a network stand in a drawing: rows in the order of reading, branches side by side, columns.

A layer's row is the longest way from the input to it. Rows are cut into columns where the fewest connections cross.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

from ppsim.workload.graph import INPUT, LayerGraph

if TYPE_CHECKING:
    import networkx as nx

#: rows up to which one column is enough, and the share of a column by which a cut may make it longer or shorter
ONE_COLUMN, SLACK = 16, 0.2
#: inches: a box of a layer, the room between boxes below and beside each other, and between lines beside boxes
WIDTH, HEIGHT, BELOW, BESIDE, TRACK = 2.15, 0.36, 0.28, 0.3, 0.1
MARGIN, HEADING = 0.3, 0.45
#: lines beside boxes leave and enter them so far from their middle, and turn so far from them
ASIDE, TURN = 0.3 * WIDTH, 0.35 * BELOW

Point = tuple[float, float]
Connection = tuple[str, str]


@dataclass
class Block:
    """A layer and the pointwise layers that are done as its outputs drain. `shape` is that of the last of them."""

    type: str
    shape: tuple[int, ...]
    names: list[str] = field(default_factory=list)


class Place(NamedTuple):
    """Column, row in it from the top, and lane from the left; all from 0."""

    column: int
    row: int
    lane: int


def blocks_of(graph: LayerGraph) -> tuple[dict[str, Block], nx.DiGraph]:
    """Blocks by the name of their first layer, the input among them, and which reads which."""
    import networkx as nx

    readers = Counter(source for sources in graph.sources.values() for source in set(sources))
    blocks = {INPUT: Block("network input", graph.input_shape, [INPUT])}
    head = {INPUT: INPUT}
    reads = nx.DiGraph()
    reads.add_node(INPUT)
    for layer in graph.layers:
        sources = graph.sources[layer.name]
        alone = layer.pointwise and len(sources) == 1 and sources[0] != INPUT and readers[sources[0]] == 1
        head[layer.name] = head[sources[0]] if alone else layer.name
        if not alone:
            blocks[layer.name] = Block(str(getattr(layer, "type", "")), ())
            reads.add_edges_from((head[source], layer.name) for source in sources)
        block = blocks[head[layer.name]]
        block.names.append(layer.name)
        block.shape = graph.shapes[layer.name]
    if not reads.out_degree(INPUT):
        reads.remove_node(INPUT)
        del blocks[INPUT]
    return blocks, reads


def places_of(reads: nx.DiGraph) -> dict[str, Place]:
    """The place of every block."""
    import networkx as nx

    rows = [list(generation) for generation in nx.topological_generations(reads)]
    lanes: dict[str, int] = {}
    for row in rows:
        taken: set[int] = set()
        for node in row:
            lane = min((lanes[source] for source in reads.predecessors(node)), default=0)
            while lane in taken:
                lane += 1
            taken.add(lane)
            lanes[node] = lane
    wide = max(lanes.values()) + 1
    starts = _cuts(rows, reads, wide)
    places = {}
    for column, (start, end) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=True)):
        for number in range(start, end):
            for node in rows[number]:
                places[node] = Place(column, number - start, lanes[node])
    return places


def _cuts(rows: Sequence[Sequence[str]], reads: nx.DiGraph, wide: int) -> list[int]:
    """The first row of each column: about as wide as high altogether, cut where few outputs are read across the cut."""
    count = len(rows)
    if count <= ONE_COLUMN:
        return [0]
    high = sqrt(count * wide * (WIDTH + BESIDE) / (HEIGHT + BELOW) / 1.4)
    columns = ceil(count / max(ONE_COLUMN, high))
    number = {node: row for row, nodes in enumerate(rows) for node in nodes}
    crossing = Counter(row for a, b in reads.edges for row in range(number[a] + 1, number[b] + 1))
    last_read = {node: max((number[reader] for reader in reads.successors(node)), default=0) for node in reads}
    outputs = Counter(row for node in reads for row in range(number[node] + 1, last_read[node] + 1))
    slack = max(3, round(SLACK * count / columns))
    starts = [0]
    for column in range(1, columns):
        wanted = round(count * column / columns)
        near = range(max(starts[-1] + 1, wanted - slack), min(count - 1, wanted + slack) + 1)
        starts.append(min(near, key=lambda row: (outputs[row], crossing[row], abs(row - wanted))))
    return starts


def tracks(spans: Mapping[Connection, tuple[int, int]]) -> dict[Connection, int]:
    """A track for each connection beside the boxes, the shortest ones innermost, so that no two overlap on one."""
    taken: list[list[tuple[int, int]]] = []
    found = {}
    for edge, (start, end) in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1], item[0])):
        track = 0
        while track < len(taken) and any(start < last and first < end for first, last in taken[track]):
            track += 1
        if track == len(taken):
            taken.append([])
        taken[track].append((start, end))
        found[edge] = track
    return found


class Sheet:
    """Inches on a sheet of paper: the middle of every box, and the way of each connection between them."""

    def __init__(self, reads: nx.DiGraph) -> None:
        self.places = places_of(reads)
        places = self.places.values()
        self._boxes = {(place.column, place.lane, place.row) for place in places}
        across = [edge for edge in reads.edges if self.places[edge[0]].column != self.places[edge[1]].column]
        #: connections into another column, by the room right of a column they run up or down in -> their track there
        self._upright: dict[tuple[Connection, int], int] = {}
        used: Counter[int] = Counter()
        for edge in across:
            for gutter in sorted(self._gutters(edge)):
                self._upright[edge, gutter] = used[gutter]
                used[gutter] += 1
        #: those of them that pass above columns -> their track there
        over = (edge for edge in across if len(self._gutters(edge)) > 1 or not self.places[edge[1]].row)
        self._over = tracks({(a, b): (self.places[a].column, self.places[b].column) for a, b in over})
        self._beside: dict[Connection, int] = {}
        self._left: list[float] = []
        #: where the tracks that lead out of a column begin
        self._gutter: list[float] = []
        x = MARGIN
        for column in range(max(place.column for place in places) + 1):
            skips = {edge: self._span(edge) for edge in reads.edges if self._runs_beside(edge, column)}
            self._beside |= tracks(skips)
            outermost = max((self._track(edge, x) for edge in skips), default=0.0)
            lanes = max(place.lane for place in places if place.column == column) + 1
            self._left.append(x)
            self._gutter.append(max(outermost, x + lanes * (WIDTH + BESIDE) - BESIDE) + 2 * TRACK)
            x = self._gutter[-1] + TRACK * used[column] + BESIDE
        rows = max(place.row for place in places) + 1
        self.width = self._gutter[-1] - TRACK + MARGIN
        self._top = MARGIN + rows * (HEIGHT + BELOW)
        self.height = self._top + TRACK * (max(self._over.values(), default=0) + 2) + HEADING
        self.middle: dict[str, Point] = {
            name: (
                self._left[place.column] + place.lane * (WIDTH + BESIDE) + WIDTH / 2,
                self._top - place.row * (HEIGHT + BELOW) - HEIGHT / 2,
            )
            for name, place in self.places.items()
        }

    def points(self, a: str, b: str) -> list[Point]:
        """From the lower edge of box `a` to the upper edge of box `b`, and the corners between."""
        (x, y), (to_x, to_y) = self.middle[a], self.middle[b]
        y, to_y = y - HEIGHT / 2, to_y + HEIGHT / 2
        start, end = self.places[a], self.places[b]
        if start.column != end.column:
            number, last = self._upright[(a, b), start.column], end.column - 1
            out, over = self._gutter[start.column] + TRACK * number, self._top + TRACK * (self._over.get((a, b), 0) + 1)
            below = y - TURN * (0.6 + 0.4 * (number % 3))  # so that those of neighbours can be told apart
            points = [(x + ASIDE, y), (x + ASIDE, below), (out, below)]
            if end.row == 0:
                return [*points, (out, over), (to_x, over), (to_x, to_y)]
            if last != start.column:
                into = self._gutter[last] + TRACK * self._upright[(a, b), last]
                points += [(out, over), (into, over)]
            last_x = points[-1][0]
            return [*points, (last_x, to_y + TURN), (to_x - ASIDE, to_y + TURN), (to_x - ASIDE, to_y)]
        if (a, b) in self._beside:
            out, aside = self._track((a, b), self._left[start.column]), (x + ASIDE, to_x + ASIDE)
            return [
                (aside[0], y),
                (aside[0], y - TURN),
                (out, y - TURN),
                (out, to_y + TURN),
                (aside[1], to_y + TURN),
                (aside[1], to_y),
            ]
        if end.row == start.row + 1:
            return [(x, y), (to_x, to_y)]
        return [(x, y), (x, to_y + BELOW), (to_x, to_y)]

    def _gutters(self, edge: Connection) -> set[int]:
        """Columns to the right of which a connection into another column runs up or down."""
        start, end = (self.places[name] for name in edge)
        return {start.column, end.column - 1} if end.row else {start.column}

    def _span(self, edge: Connection) -> tuple[int, int]:
        return self.places[edge[0]].row, self.places[edge[1]].row

    def _runs_beside(self, edge: Connection, column: int) -> bool:
        """Whether a connection within the column would run over boxes if it went straight down from its source."""
        start, end = (self.places[name] for name in edge)
        between = range(start.row + 1, end.row)
        return start.column == end.column == column and any((column, start.lane, row) in self._boxes for row in between)

    def _track(self, edge: Connection, left: float) -> float:
        """Where a connection runs down: right of all boxes in the rows it passes."""
        column, (start, end) = self.places[edge[0]].column, self._span(edge)
        lanes = [lane for of, lane, row in self._boxes if of == column and start < row < end]
        return left + (max(lanes) + 1) * (WIDTH + BESIDE) - BESIDE + TRACK * (self._beside[edge] + 1)
