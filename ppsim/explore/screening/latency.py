"""The least time of a network: its stages one after the other, each with what it cannot overlap.

An accelerator's stage takes, from when its inputs are there, no less than its arrays and its vector unit, and no less
than what its DRAM channel moves for it meanwhile: all but the weights that the scratchpad had room for before. From the
start of the run it takes no less than all that the channel has moved for it so far. A channel that several share moves
all of it by the time the last of them has finished. What is sent comes on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import numpy as np

from ppsim.explore.screening.columns import Column
from ppsim.explore.screening.dram import Channels, Rates, best_s, channels_of, rates_of
from ppsim.explore.screening.exchanges import Arrival, Exchange, exchange_of
from ppsim.explore.screening.floors import Floors, fed_cycles
from ppsim.explore.screening.work import Nest, StageWork, Work


@dataclass(frozen=True)
class Times:
    """Seconds: of the whole run, of the busiest arrays or vector unit, the busiest channel and the busiest links."""

    seconds: Column
    compute: Column
    dram: Column
    link: Column


class Moved(NamedTuple):
    """Bytes between DRAM and scratchpad: as they are counted, and in whole bursts."""

    exact: Column
    bursts: Column

    def plus(self, other: Moved) -> Moved:
        """Both."""
        return Moved(self.exact + other.exact, self.bursts + other.bursts)


class Loads(NamedTuple):
    """What an accelerator moves in a stage: weights that may come early, what comes when its inputs are there, stores.

    `after` is all but the weights that there was room for early; `certain` says that no weight is loaded twice.
    """

    early: Moved
    inputs: Moved
    outputs: Moved
    after: Moved
    certain: bool


_NONE = Moved(0.0, 0.0)
#: an accelerator without work
IDLE = Loads(_NONE, _NONE, _NONE, _NONE, True)


class Stage(NamedTuple):
    """Bounds of a class in a stage: when it has finished, how long after its inputs were there that is at least."""

    finished: Column
    took: Column


def most(*columns: Column) -> Column:
    """The largest, point by point."""
    return reduce(np.maximum, columns)


def least(*columns: Column) -> Column:
    """The smallest, point by point."""
    return reduce(np.minimum, columns)


def total(columns: Sequence[Column]) -> Column:
    """The sum, point by point."""
    return sum(columns, start=0.0)


def where_any(amount: Column, column: Column) -> Column:
    """A column where there is any of an amount, else 0."""
    if isinstance(amount, np.ndarray):
        return np.where(amount > 0, column, 0.0)
    return column if amount > 0 else 0.0


class Plan(NamedTuple):
    """Work, the channels it goes through and the exchanges after its stages: what is the same for all points."""

    work: Work
    channels: Channels
    exchanges: tuple[Exchange | None, ...]


def plan_of(work: Work) -> Plan:
    """Find channels and exchanges."""
    return Plan(work, channels_of(work), tuple([exchange_of(work, stage) for stage in work.stages]))


@dataclass(eq=False)
class _Class:
    """What a clock knows of a class: when its arrays, its vector unit and its latest stage are done, and the seconds
    that its channel takes for what it loads in each stage, and for all it moves up to each.
    """

    arrays: Column
    vectors: Column
    finished: Column
    loading: list[Column] = field(default_factory=list)
    moved: list[Column] = field(default_factory=lambda: [0.0])
    busy: Column = 0.0


class Clock:
    """Goes through the stages of a network and keeps, for each class and for the last accelerator, when it is done."""

    def __init__(self, plan: Plan, floors: Floors, cold: tuple[Column, ...]) -> None:
        """`cold[c]` is 1 where a class loads its weights from DRAM, and 0 where they may be on chip."""
        self.plan, self.work, self.floors, self.cold = plan, plan.work, floors, cold
        self.columns = columns = floors.columns
        start, kinds, classes = columns.launch_s, plan.channels.behind, range(len(plan.work.members))
        self.classes = [_Class(start, start, start) for _ in classes]
        #: by stage: when a class has what it needs of it, and when the last accelerator has
        self.delivered: list[list[Column]] = []
        self.last: list[Column] = []
        #: by class: the first kind of channel it is behind, and whether no other accelerator is behind any of them
        self.behind = [next(n for n, found in enumerate(kinds) if found[c]) for c in classes]
        self.private = [all(found.total() == 1 for found in kinds if found[c]) for c in classes]
        #: by stage and kind of channel: seconds of all it moves
        self.moving: list[list[Column]] = []
        self.best_s = best_s(columns)
        self.link: Column = 0.0
        self._known: dict[tuple[int, bool, tuple[Nest, ...]], tuple[Column, Column, Column]] = {}

    def run(self) -> Times:
        """All stages."""
        for number, stage in enumerate(self.work.stages):
            self._stage(number, stage)
        channels = [total(moved) for moved in zip(*self.moving, strict=True)]
        ends = [*self.last, *[self._served(busy) for busy in channels]]
        return Times(most(*ends), most(*[one.busy for one in self.classes]), most(*channels), self.link)

    def _served(self, busy: Column) -> Column:
        """When a channel that has been busy for so long since the start has given what it was asked for."""
        return self.columns.launch_s + where_any(busy, busy + self.columns.dram_s)

    def _stage(self, number: int, stage: StageWork) -> None:
        behind, exchanged, fewest = self.plan.channels
        rates = [
            rates_of(stage, members, moved, at_least, self.columns, self.cold, self.best_s)
            for members, moved, at_least in zip(behind, exchanged[number], fewest[number], strict=True)
        ]
        self.moving.append([rate.all_s for rate in rates])
        loads = [self._loads(stage, c) for c in range(len(self.classes))]
        bounds = [self._class(stage, c, loads[c], rates[self.behind[c]]) for c in range(len(self.classes))]
        last = most(*[bound.finished for bound in bounds], *self._shared(stage, loads, rates))
        if stage.waits_for and all(stage.nests):
            ready = most(*[self.last[w] for w in stage.waits_for])
            last = most(last, ready + least(*[bound.took for bound in bounds]))
        for one, bound in zip(self.classes, bounds, strict=True):
            one.finished = bound.finished
        exchange = self.plan.exchanges[number]
        if exchange is None:
            self.delivered.append([bound.finished for bound in bounds])
            self.last.append(last)
        else:
            self._exchange(exchange, last)

    def _ready(self, stage: StageWork, c: int) -> Column:
        return most(self.columns.launch_s, *[self.delivered[w][c] for w in stage.waits_for])

    def _class(self, stage: StageWork, c: int, load: Loads, rate: Rates) -> Stage:
        one, nests, columns = self.classes[c], stage.nests[c], self.columns
        if not self.private[c]:  # what others behind the channel read may raise its rate
            rate = Rates(rate.all_s, rate.best_s, rate.best_s)
        latency, launch = columns.dram_s, columns.launch_s
        # stages that are not waited for may store later
        before = total([one.moved[stage.leading], *one.loading[stage.leading :]])
        if not nests:
            one.loading.append(0.0)
            one.moved.append(one.moved[-1])
            return Stage(one.finished, 0.0)
        loads = load.early.plus(load.inputs)
        loading, moving = rate.seconds(*loads), rate.seconds(*loads.plus(load.outputs))
        one.loading.append(loading)
        one.moved.append(one.moved[-1] + moving)
        arrays, vector, tail = self._busy(nests, c)
        one.busy = one.busy + most(arrays, vector)
        burst = self.work.system.dram.burst_bytes * rate.best_s
        # the first tile waits for its inputs, and the last one is stored
        fill: Column = 0.0
        first = nests[0]
        # pieces of little that is loaded beside much that is stored may be empty
        if first.input_bits and (first.gemm or first.input_bits >= first.output_bits):
            fill = latency + (first.input_bytes * rate.best_s if first.staged else burst)
        drain = latency + burst if nests[-1].output_bytes else 0.0

        ready = self._ready(stage, c)
        took = fill + most(arrays, vector) + drain
        begin = most(ready + fill, one.arrays)
        begin = most(begin, launch + where_any(load.early.bursts, before + burst + latency))
        one.arrays = computed = begin + arrays
        if any(nest.operations for nest in nests):
            one.vectors = most(one.vectors, begin) + vector
            computed = most(computed, one.vectors)
        finished = computed + drain
        # a weight that is loaded twice may come early both times
        best = rate if load.certain else Rates(rate.all_s, rate.best_s, rate.best_s)
        ends = best.seconds(*load.after) + (tail + drain)
        if load.outputs.bursts:
            ends = most(ends, best.seconds(*load.after.plus(load.outputs)))
            took = most(took, load.outputs.bursts * rate.best_s + latency)
        took = most(took, where_any(load.after.bursts, ends + latency))
        so_far = before + loading
        ends = most(so_far + (tail + drain), before + moving) if load.outputs.bursts else so_far + (tail + drain)
        finished = most(finished, launch + where_any(so_far, ends + latency))
        return Stage(most(finished, ready + took), took)

    def _loads(self, stage: StageWork, c: int) -> Loads:
        nests, burst = stage.nests[c], self.work.system.dram.burst_bytes
        if not nests:
            return IDLE
        early = [nest for nest in nests if not nest.weights_wait]
        late = [nest for nest in nests if nest.weights_wait]
        weights = Moved(
            sum([nest.weight_bits for nest in early]) / 8 * self.cold[c],
            sum([nest.weight_bytes for nest in early]) * self.cold[c],
        )
        inputs = Moved(
            (sum([nest.input_bits for nest in nests]) + sum([nest.weight_bits for nest in late])) / 8,
            sum([nest.input_bytes for nest in nests]) + sum([nest.weight_bytes for nest in late]),
        )
        outputs = Moved(sum([nest.output_bits for nest in nests]) / 8, sum([nest.output_bytes for nest in nests]))
        kind = self.work.kind[c]
        # tiles fit twice; whole bursts may take a little more
        room = np.maximum(self.columns.kinds[kind].bytes - stage.reserved[kind], 0.0) + 2 * burst
        after = Moved(
            inputs.exact + np.maximum(weights.exact - room, 0.0), inputs.bursts + np.maximum(weights.bursts - room, 0.0)
        )
        certain = all(nest.gemm is None or nest.gemm.m == 1 for nest in early)
        return Loads(weights, inputs, outputs, after, certain)

    def _busy(self, nests: tuple[Nest, ...], c: int) -> tuple[Column, Column, Column]:
        """Seconds of the arrays, of the vector unit, and of the last tile at least."""
        key = self.work.kind[c], self.work.resident[c] is None, nests
        if key not in self._known:
            kind = self.columns.kinds[key[0]]
            arrays: Column = 0.0
            tail: Column = 0.0
            for nest in nests:
                cycles, tail = self._of_product(nest, key[0], key[1]) if nest.gemm else (0.0, 0.0)
                arrays = arrays + cycles
            operations = sum([nest.operations for nest in nests])
            vector = np.ceil(operations / kind.lanes) / kind.hz if operations else 0.0
            self._known[key] = arrays / kind.hz, vector, tail / kind.hz
        return self._known[key]

    def _of_product(self, nest: Nest, kind: int, loads: bool) -> tuple[Column, Column]:
        """Cycles of a product and of its last tile, on the dataflow that takes least."""
        # weights that may be on chip from the start do not pass the scratchpad's edge
        moved = nest if loads else nest._replace(weight_bits=0)
        cycles, last = [], []
        for floor, array in zip(
            self.floors.of(nest, kind), self.work.system.kinds[kind].array.alternatives, strict=True
        ):
            cycles.append(most(floor.cycles, fed_cycles(floor, moved, self.columns.kinds[kind], array)))
            last.append(floor.last_cycles)
        return least(*cycles), least(*last)

    def _shared(self, stage: StageWork, loads: list[Loads], rates: list[Rates]) -> list[Column]:
        """When the last accelerator behind a shared channel has finished at least, for each kind of channel."""
        found: list[Column] = []
        for members, rate in zip(self.plan.channels.behind, rates, strict=True):
            working = [c for c in members if stage.nests[c]]
            if members.total() < 2 or not working:
                continue
            exact = total([(loads[c].after.exact + loads[c].outputs.exact) * members[c] for c in working])
            bursts = total([(loads[c].after.bursts + loads[c].outputs.bursts) * members[c] for c in working])
            certain = all(loads[c].certain for c in working)
            moved = rate.seconds(exact, bursts) if certain else bursts * rate.best_s
            ready = least(*[self._ready(stage, c) for c in working])
            found.append(ready + where_any(bursts, moved + self.columns.dram_s))
        return found

    def _exchange(self, exchange: Exchange, last: Column) -> None:
        columns = self.columns
        first = least(*[one.finished for one in self.classes])
        if exchange.read:  # before anything that carries data
            first = first + exchange.read * self.best_s + columns.dram_s
        delivered = [self._arrives(c, arrival, first, last) for c, arrival in enumerate(exchange.arrivals)]
        ends = [self._arrives(c, arrival, first, last) for c, arrival in exchange.late]
        ends += [first + way.time(columns) for way in exchange.last]
        self.delivered.append(delivered)
        self.last.append(most(last, *delivered, *ends))
        self.link = self.link + most(0.0, *[way.time(columns) for way in exchange.carried])

    def _arrives(self, c: int, arrival: Arrival, first: Column, last: Column) -> Column:
        """When an accelerator of a class has what it waits for."""
        columns, finished = self.columns, self.classes[c].finished
        ends = [finished, *[self.classes[other].finished for other in arrival.waits_for]]
        ends += [finished + way.time(columns) for way in arrival.ways]
        ends += [first + way.time(columns) for way in arrival.chains]
        if arrival.written:
            ends.append(finished + (arrival.written * self.best_s + columns.dram_s))
        if arrival.sums and self.work.system.kinds[self.work.kind[c]].vector.enabled:
            kind = columns.kinds[self.work.kind[c]]
            ends.append(finished + arrival.sums / kind.lanes / kind.hz)
        if arrival.behind_all is not None:
            written = arrival.written_behind * self.best_s + columns.dram_s if arrival.written_behind else 0.0
            ends.append(last + arrival.behind_all.time(columns) + written)
        return most(*ends)
