"""The least that a DRAM channel takes for what a stage moves, whatever else tiles make it read again.

Efficiency falls with the share of writes. What is written is known, what is read is known at least, and reading more
raises the efficiency for all of it: with r bytes read, w written, T = r + w and efficiencies s (reading alone) and
m < s (from one write for two reads on), T takes T^2 / (s T - 3 (s - m) w) bytes of the peak, least at
T = 6 (s - m) w / s or where T is least.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ppsim.explore.screening.columns import Column, Columns
from ppsim.explore.screening.work import StageWork, Work


class Rates(NamedTuple):
    """Seconds of a channel for all of a stage, for a byte of it, and for a byte at the best rate it may have.

    The second goes with bytes as they are counted, the last with whole bursts.
    """

    all_s: Column
    byte_s: Column
    best_s: Column

    def seconds(self, exact: Column, bursts: Column) -> Column:
        """Seconds of some of what a stage moves: bytes, and the same in whole bursts."""
        if self.byte_s is self.best_s:
            return bursts * self.best_s
        return np.maximum(exact * self.byte_s, bursts * self.best_s)


class Exchanged(NamedTuple):
    """What a channel moves for the exchange after a stage: bytes read back, written in whole bursts, and written."""

    read: int
    bursts: int
    written: int


class Channels(NamedTuple):
    """The kinds of channels there are: how many accelerators of each class are `behind` one; and by stage and kind what
    is `exchanged` over it, None where that differs among the channels of a kind, and the fewest bytes that are.
    """

    behind: tuple[Counter[int], ...]
    exchanged: tuple[tuple[Exchanged | None, ...], ...]
    fewest: tuple[tuple[int, ...], ...]


def channels_of(work: Work) -> Channels:
    """The channels of a system, with what is exchanged over them."""
    count, channel_of = work.system.channels, work.system.channel_of_each
    members: list[Counter[int]] = [Counter() for _ in range(count)]
    for a, channel in enumerate(channel_of):
        members[channel][work.class_of[a]] += 1
    kinds = list({tuple(sorted(found.items())): found for found in members}.values())
    kind_of = [kinds.index(found) for found in members]
    exchanged, fewest = [], []
    for stage in work.stages:
        moved = [[0, 0, 0] for _ in range(count)]
        for a, size in enumerate(stage.reads):
            moved[channel_of[a]][0] += size
        for message in stage.messages:
            if message.written:
                sums = moved[channel_of[message.destination]]
                sums[1] += work.system.dram.rounded(message.bytes)
                sums[2] += message.bytes
        by_kind: list[set[Exchanged]] = [set() for _ in kinds]
        for channel, sums in enumerate(moved):
            by_kind[kind_of[channel]].add(Exchanged(*sums))
        exchanged.append(tuple([min(found) if len(found) == 1 else None for found in by_kind]))
        fewest.append(tuple([min([each.read + each.bursts for each in found]) for found in by_kind]))
    return Channels(tuple(kinds), tuple(exchanged), tuple(fewest))


def best_s(columns: Columns) -> Column:
    """Seconds of a byte at the best rate that a channel has."""
    return 1 / np.maximum(1.0, columns.dram_rate * np.maximum(columns.streaming, columns.mixed))


def rates_of(
    stage: StageWork,
    members: Counter[int],
    exchanged: Exchanged | None,
    fewest: int,
    columns: Columns,
    cold: Sequence[Column],
    best: Column,
) -> Rates:
    """The rates of a kind of channel in a stage; `cold` as a `Clock` has it, `best` from `best_s`."""
    read: Column = 0.0
    bursts: Column = float(fewest)
    written = 0.0
    for c, count in members.items():
        for nest in stage.nests[c]:
            weights = 1.0 if nest.weights_wait else cold[c]
            read = read + (nest.weight_bits * weights + nest.input_bits) * (count / 8)
            written += nest.output_bits * (count / 8)
            bursts = bursts + (nest.weight_bytes * weights + (nest.input_bytes + nest.output_bytes)) * count
    if exchanged is None:  # channels differ in their mix
        return Rates(bursts * best, best, best)
    if isinstance(bursts, float) and not bursts:
        return Rates(0.0, best, best)
    read, written = read + exchanged.read, written + exchanged.written
    if not written or np.all(columns.streaming <= columns.mixed):
        return Rates(bursts * best, best, best)
    moved = read + written
    # a rate is never below 1
    seconds = np.minimum(_least(moved, written, columns.streaming, columns.mixed) / columns.dram_rate, moved)
    seconds = np.where(columns.mixed < columns.streaming, np.maximum(seconds, bursts * best), bursts * best)
    return Rates(seconds, np.maximum(seconds / np.maximum(moved, bursts), best), best)


def _least(moved: Column, written: float, streaming: Column, mixed: Column) -> Column:
    """Bytes of the peak that moving at least `moved` bytes, of which so many are written, takes at least."""
    falls = np.maximum(streaming - mixed, 0.0)

    def linear(total: Column) -> Column:
        total = np.maximum(total, 6 * falls * written / streaming)
        taken: Column = total * total / (streaming * total - 3 * falls * written)
        return taken

    at_most = linear(np.maximum(moved, 3 * written))
    least: Column = np.where(moved >= 3 * written, at_most, np.minimum(moved / mixed, at_most))
    return least
