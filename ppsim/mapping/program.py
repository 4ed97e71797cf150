"""The Program: everything the engine needs to know, and nothing it has to decide.

A Program is a sequence of stages (a layer with the pointwise layers fused into it). In each stage an accelerator works
through nests: nested loops whose bodies are tiles. Tiles are templates - their kinds are told apart by whether
each loop is at its first, a middle or its last turn - so a Program stays small however long it runs. Between stages,
messages carry activations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from operator import attrgetter, mul
from typing import Any, NamedTuple

import numpy as np

from ppsim.hardware.interconnect import Link, LinkSpec
from ppsim.hardware.system import System
from ppsim.mapping.messages import Message as Message  # the engine knows the Program alone
from ppsim.mapping.messages import Messages as Messages


class Tile(NamedTuple):
    """What one turn of a nest costs. Bytes are whole DRAM bursts; zero bytes mean that what is on chip is used again.

    A tile's weights and inputs are loaded ahead while there is room, the arrays compute, the vector unit follows, and
    `output_bytes` are stored if the tile completes an output tile that does not stay on chip. `opens_output` marks the
    first tile that adds to an output tile.
    """

    weight_bytes: int
    input_bytes: int
    compute_cycles: int
    vector_cycles: int
    output_bytes: int
    opens_output: bool


_WEIGHTS, _INPUTS, _OUTPUTS = attrgetter("weight_bytes"), attrgetter("input_bytes"), attrgetter("output_bytes")


class Activity(NamedTuple):
    """What is counted for energy and conservation, in exact units (no burst rounding)."""

    macs: int = 0
    register_bits: int = 0
    pe_hop_bits: int = 0
    sram_bits: int = 0
    accumulator_bits: int = 0
    vector_operations: int = 0
    weight_bits: int = 0
    input_bits: int = 0
    output_bits: int = 0
    stalled_cycles: int = 0

    @staticmethod
    def total(parts: Sequence[tuple[Activity, int]]) -> Activity:
        """The sum of activities, each as often as stated."""
        counts = [count for _, count in parts]
        columns = zip(*[part for part, _ in parts], strict=True)
        return Activity(*[sum(map(mul, amounts, counts)) for amounts in columns])


#: loops of a nest
LOOPS = 5
FIRST, MIDDLE, LAST = 0, 1, 2
#: one for each loop, outermost first
States = tuple[int, ...]
Counts = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Nest:
    """`LOOPS` nested loops over tiles: `counts` are their lengths, outermost first.

    `tiles` holds a tile for each combination of loop states that occurs; a loop of one turn is always at its FIRST.
    Loaded weights and inputs may take `weight_space` and `input_space` bytes of the scratchpad: room for at least two
    tiles of each, and all that is left for weights, which are prefetched as far as it goes. `weights_wait`: what is
    loaded as weights are activations, which are there when the stage's other inputs are.

    There are `length` tiles; `loads_weights`, `loads_inputs` and `stores` say whether any of them does so.
    """

    counts: Counts
    tiles: Mapping[States, Tile]
    activity: Activity
    weight_space: int
    input_space: int
    weights_wait: bool = False
    length: int = field(init=False)
    loads_weights: bool = field(init=False)
    loads_inputs: bool = field(init=False)
    stores: bool = field(init=False)

    def __post_init__(self) -> None:
        """Find what every nest is asked for; one by one, as cached properties, that takes longer."""
        tiles = self.tiles.values()
        self.__dict__.update(
            length=prod(self.counts),
            loads_weights=any(map(_WEIGHTS, tiles)),
            loads_inputs=any(map(_INPUTS, tiles)),
            stores=any(map(_OUTPUTS, tiles)),
        )

    def kind(self, index: int) -> int:
        """The kind of the tile at `index`: the states of the loops there, as digits to base 3."""
        kind, digit = 0, 1
        for count in reversed(self.counts):
            index, turn = divmod(index, count)
            kind += loop_state(turn, count) * digit
            digit *= 3
        return kind

    @cached_property
    def kinds(self) -> Sequence[int]:
        """The kind of every tile by index: one byte each, or computed when asked for in a very long nest."""
        if self.length > _LISTED:
            return _ComputedKinds(self)
        if self.length <= _SHORT:
            return _short_kinds(self.counts)
        kinds = np.zeros((), dtype=np.uint8)
        for count in self.counts:
            states = np.full(count, MIDDLE, dtype=np.uint8)
            states[-1] = LAST
            states[0] = FIRST
            kinds = kinds[..., None] * np.uint8(3) + states
        return kinds.tobytes()

    def tallies(self) -> Iterator[tuple[Tile, int]]:
        """Each kind of tile with how often it occurs."""
        for states, occurs in state_tallies(self.counts):
            yield self.tiles[states], occurs

    @cached_property
    def dram_bytes(self) -> int:
        """Bytes all tiles load and store, in whole bursts."""
        return sum([(t.weight_bytes + t.input_bytes + t.output_bytes) * n for t, n in self.tallies()])

    @cached_property
    def compute_cycles(self) -> int:
        """Cycles of the arrays, all tiles together."""
        return sum(tile.compute_cycles * occurs for tile, occurs in self.tallies())

    @cached_property
    def vector_cycles(self) -> int:
        """Cycles of the vector unit, all tiles together."""
        return sum(tile.vector_cycles * occurs for tile, occurs in self.tallies())


#: nests up to this length list the kinds of their tiles
_LISTED = 1 << 20
#: those up to this length do so in plain integers
_SHORT = 256


class _ComputedKinds(Sequence[int]):
    """The kinds of a nest's tiles, computed one by one."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest

    def __len__(self) -> int:
        return self.nest.length

    def __getitem__(self, index: Any) -> Any:
        return self.nest.kind(index)


@lru_cache(maxsize=4096)
def _short_kinds(counts: Counts) -> bytes:
    """The kinds of a short nest's tiles."""
    listed, digit = [0], 1
    for count in reversed(counts):
        if count > 1:
            turns = [FIRST, *[MIDDLE * digit] * (count - 2), LAST * digit]
            listed = [turn + kind for turn in turns for kind in listed]
        digit *= 3
    return bytes(listed)


@lru_cache(maxsize=1024)
def kind_of(states: States) -> int:
    """Loop states as one number, below 3 ** LOOPS."""
    kind = 0
    for state in states:
        kind = kind * 3 + state
    return kind


def loop_state(turn: int, turns: int) -> int:
    """FIRST, MIDDLE or LAST."""
    if turn == 0:
        return FIRST
    return LAST if turn == turns - 1 else MIDDLE


@lru_cache(maxsize=4096)
def state_tallies(counts: Counts) -> tuple[tuple[States, int], ...]:
    """Every combination of loop states that occurs, with how often."""
    loops = [[(s, n) for s, n in ((FIRST, 1), (MIDDLE, c - 2), (LAST, int(c > 1))) if n > 0] for c in counts]
    return tuple(
        [(tuple([state for state, _ in found]), prod([occurs for _, occurs in found])) for found in product(*loops)]
    )


class Work(tuple[tuple[Nest, ...], ...]):
    """By accelerator: its nests in a stage, in order; and what they come to, counted when it is first asked for."""

    @cached_property
    def nests(self) -> Mapping[Nest, int]:
        """The different nests of all accelerators, with how often each occurs."""
        found: dict[Nest, int] = {}
        for nests in self:
            for nest in nests:
                found[nest] = found.get(nest, 0) + 1
        return found

    @cached_property
    def tiles(self) -> int:
        """Tiles of all accelerators."""
        return sum([nest.length * count for nest, count in self.nests.items()])

    @cached_property
    def activity(self) -> Activity:
        """Activity of all accelerators."""
        return Activity.total([(nest.activity, count) for nest, count in self.nests.items()])

    @cached_property
    def dram_bytes(self) -> tuple[int, ...]:
        """By accelerator: what its tiles load and store, in whole bursts."""
        return self._sums([nest.dram_bytes for nest in self.nests])

    @cached_property
    def compute_cycles(self) -> tuple[int, ...]:
        """By accelerator: cycles of its arrays."""
        return self._sums([nest.compute_cycles for nest in self.nests])

    @cached_property
    def vector_cycles(self) -> tuple[int, ...]:
        """By accelerator: cycles of its vector unit."""
        return self._sums([nest.vector_cycles for nest in self.nests])

    @cached_property
    def sram_bits(self) -> tuple[int, ...]:
        """By accelerator: bits its tiles read and write in its scratchpad."""
        return self._sums([nest.activity.sram_bits for nest in self.nests])

    def _sums(self, amounts: Sequence[int]) -> tuple[int, ...]:
        amount = dict(zip(self.nests, amounts, strict=True))
        return tuple([sum([amount[nest] for nest in nests]) for nests in self])


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer as placed: work for each accelerator, then the exchange of what it made.

    `waits_for` are the stages whose outputs it needs. `reads[a]` are the bytes accelerator a reads back from its DRAM
    before it can send, once those it sends for have told it. `rates[c]` is what DRAM channel c moves in this stage,
    bytes/s. Stages share the work and the messages that are the same.
    """

    name: str
    layers: tuple[str, ...]
    kind: str
    waits_for: tuple[int, ...]
    work: Work
    reads: tuple[int, ...]
    messages: Messages
    rates: tuple[int, ...]

    def __post_init__(self) -> None:
        """Take plain sequences of nests and of messages too."""
        if not isinstance(self.work, Work):
            object.__setattr__(self, "work", Work(self.work))
        if not isinstance(self.messages, Messages):
            object.__setattr__(self, "messages", Messages.of(self.messages))

    @property
    def nests(self) -> Mapping[Nest, int]:
        """The different nests of all accelerators, with how often each occurs."""
        return self.work.nests

    @property
    def activity(self) -> Activity:
        """Activity of all accelerators."""
        return self.work.activity


@dataclass(frozen=True, eq=False)
class Program:
    """Stages in the order every accelerator goes through them, for one System; `links` are the links by number.

    `resident[a]` says whether accelerator a has all its weights on chip from the start.
    """

    system: System
    stages: tuple[Stage, ...]
    links: tuple[Link, ...]
    word_bits: int
    resident: tuple[bool, ...] = ()

    @cached_property
    def link_specs(self) -> tuple[LinkSpec, ...]:
        """What each link is capable of, by number."""
        return tuple([self.system.interconnect.link(link) for link in self.links])

    @cached_property
    def links_have_prices(self) -> bool:
        """Whether any link has an energy of its own."""
        return any(spec.pj_per_bit is not None for spec in self.link_specs)
