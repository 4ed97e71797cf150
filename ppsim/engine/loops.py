"""Which loop of a nest is worth collapsing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from ppsim.mapping.program import Counts

#: a loop with fewer turns than this is simulated as it is
FEWEST_TURNS = 16


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop of a nest to collapse: a turn has `unit` tiles; the loop's indices start again every `span` tiles."""

    unit: int
    span: int

    def middle(self, position: int) -> tuple[int, int]:
        """Tiles [low, high) of the middle turns around `position`."""
        base = position - position % self.span
        return base + self.unit, base + self.span - self.unit

    def next_turn(self, position: int) -> int:
        """The first turn after `position` that starts among middle turns."""
        low, high = self.middle(position)
        if position < low:
            return low
        turn = position - position % self.unit + self.unit
        return turn if turn < high else low + self.span


@lru_cache(maxsize=4096)
def main_loop(counts: Counts) -> Loop | None:
    """The loop whose collapse leaves the fewest tiles to simulate; None when all are short."""
    if max(counts) < FEWEST_TURNS:
        return None
    best: tuple[int, Loop] | None = None
    for level, turns in enumerate(counts):
        if turns < FEWEST_TURNS:
            continue
        unit = prod(counts[level + 1 :])
        left = prod(counts[:level]) * FEWEST_TURNS * unit
        if best is None or left < best[0]:
            best = left, Loop(unit, unit * turns)
    return best[1] if best else None
