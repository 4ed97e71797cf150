"""Tables of accelerators: the nests they work through, their tiles, and room for the ends of every task."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ppsim.engine.accelerator import OUTPUT_SLOTS
from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints
from ppsim.engine.compiled.memory import Memory
from ppsim.mapping.columns import Lists
from ppsim.mapping.program import Nest, Program, kind_of, state_tallies
from ppsim.units import duration_fs


class Working(NamedTuple):
    """`units` and `streams` as in `columns`, and the channel that each item is behind, whose rates it has not yet.

    `begins`: by accelerator, where its loads of weights and of inputs, its stores and its tiles begin, and in the last
    row, where those of all end.

    `busy_fs` is the time of all tiles together, `moved_bytes` what they load and store, as floats: to be compared only.
    """

    units: Ints
    streams: Ints
    item_channels: Ints
    begins: Ints
    tasks: int
    busy_fs: float
    moved_bytes: float


class _Tiles(NamedTuple):
    """A nest's tiles at some clock: the kind of each, the kinds, and how many load, read, store, and are."""

    kinds: Ints
    tiles: Ints
    counts: tuple[int, int, int, int]
    busy_fs: float
    moved_bytes: float


@lru_cache(maxsize=8192)
def _tiles(nest: Nest, clock_hz: int) -> _Tiles:
    place = np.zeros(256, dtype=np.int64)
    rows: list[tuple[int, ...]] = []
    occurrences = []
    for states, occurs in state_tallies(nest.counts):
        place[kind_of(states)] = len(rows) * c.TILE_COLUMNS
        weights, inputs, compute, vector, output, opens = nest.tiles[states]
        rows.append(
            (weights, inputs, duration_fs(compute, clock_hz), duration_fs(vector, clock_hz), output, int(opens))
        )
        occurrences.append(occurs)
    tiles, times = np.array(rows, dtype=np.int64), np.array(occurrences, dtype=np.int64)
    moved = tiles[:, [c.TILE_WEIGHTS, c.TILE_INPUTS, c.TILE_OUTPUT]]
    loads, reads, stores = (times[:, None] * (moved > 0)).sum(axis=0).tolist()
    busy = times @ tiles[:, [c.TILE_COMPUTE, c.TILE_VECTOR]].astype(np.float64).sum(axis=1)
    return _Tiles(
        place[np.frombuffer(bytes(nest.kinds), dtype=np.uint8)],
        tiles,
        (loads, reads, stores, nest.length),
        float(busy),
        float(times @ moved.astype(np.float64).sum(axis=1)),
    )


class _Rows:
    """Nests of all accelerators as rows of items, equal ones once, and their tiles in the memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: list[tuple[int, ...]] = []
        #: by row
        self.tiles: list[_Tiles] = []
        self.places: dict[tuple[Nest, int], tuple[int, int, _Tiles]] = {}

    def add(self, stage: int, nest: Nest, clock_hz: int, last: bool) -> int:
        """The number of its row."""
        key = (nest, clock_hz)
        if key not in self.places:
            made = _tiles(nest, clock_hz)
            self.places[key] = self.memory.add(made.kinds), self.memory.add(made.tiles), made
        kinds, tiles, found = self.places[key]
        waits, stores, loads = (
            int(nest.weights_wait),
            int(nest.stores),
            (int(nest.loads_weights), int(nest.loads_inputs)),
        )
        spaces = (nest.weight_space, nest.input_space)
        self.rows.append((stage, 0, kinds, tiles, nest.length, 0, waits, stores, int(last), *loads, *spaces, 0))
        self.tiles.append(found)
        return len(self.rows) - 1


def working(program: Program, memory: Memory, places: int) -> Working:
    """Everything at its beginning, the nests' `places` at that address; raises OverflowError beyond 64 bits."""
    system, count = program.system, program.system.accelerators
    channels, kind_of_each = system.channel_of_each, system.kind_of
    clocks = [kind.clock_hz for kind in system.kinds]
    made = _Rows(memory)
    known: dict[tuple[int, int, int], list[int]] = {}
    of_each: list[list[int]] = [[] for _ in range(count)]
    for s, stage in enumerate(program.stages):
        for a, nests in enumerate(stage.work):
            if nests:
                key = (s, id(nests), kind_of_each[a])
                if key not in known:
                    clock, last = clocks[key[2]], len(nests) - 1
                    known[key] = [made.add(s, nest, clock, at == last) for at, nest in enumerate(nests)]
                of_each[a] += known[key]
    numbers = Lists.of(of_each)
    items = np.array(made.rows, dtype=np.int64).reshape(-1, c.ITEM_COLUMNS)[numbers.values]
    owners = np.repeat(np.arange(count), numbers.lengths)
    items[:, c.PLACE] = places + (items[:, c.ITEM_STAGE] * count + owners) * c.PLACE_COLUMNS
    counts = np.array([found.counts for found in made.tiles], dtype=np.int64).reshape(-1, 4)[numbers.values]
    before = np.zeros((len(items) + 1, 4), dtype=np.int64)
    np.cumsum(counts, axis=0, out=before[1:])
    loads, reads, stores, tiles = before[-1].tolist()
    in_memory = [
        memory.reserve(loads * c.LOAD_COLUMNS),
        memory.reserve(reads * c.LOAD_COLUMNS),
        memory.reserve(stores * c.STORE_COLUMNS),
        memory.reserve(tiles),
    ]
    widths = (c.LOAD_COLUMNS, c.LOAD_COLUMNS, c.STORE_COLUMNS, 1)
    begins = before[numbers.starts] * np.array(widths) + np.array(in_memory)
    memory.head[c.ITEMS] = memory.add(items)
    item_rows = memory.head[c.ITEMS] + numbers.starts * c.ITEM_COLUMNS

    units = np.zeros((count, c.UNIT_COLUMNS), dtype=np.int64)
    units[:, c.ITEM] = units[:, c.CLOSING] = item_rows[:-1]
    units[:, c.ITEMS_END] = item_rows[1:]
    units[:, [c.ARRAY_FREE, c.VECTOR_FREE, c.SLOT, c.NEXT_SLOT]] = system.launch_fs
    units[:, c.CHANNEL] = channels
    units[:, c.SLOTS] = OUTPUT_SLOTS
    units[:, c.STORE] = units[:, c.STORES_END] = begins[:-1, 2]
    units[:, c.COMPUTED] = begins[:-1, 3]
    streams = np.zeros((count, c.STREAMS_EACH, c.STREAM_COLUMNS), dtype=np.int64)
    for stream in (c.WEIGHTS, c.INPUTS):
        streams[:, stream, c.AT_ITEM] = item_rows[:-1]
        for column in (c.LOADING, c.ARRIVED, c.RELEASED, c.RELEASES_END):
            streams[:, stream, column] = begins[:-1, stream]
    floats = np.array([(found.busy_fs, found.moved_bytes) for found in made.tiles]).reshape(-1, 2)[numbers.values]
    return Working(
        units, streams, units[owners, c.CHANNEL], begins, loads + reads + stores, *floats.sum(axis=0).tolist()
    )
