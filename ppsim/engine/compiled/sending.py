"""Tables of exchanges: messages and what each waits for, the links they take, and what is read back before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints
from ppsim.engine.compiled.memory import Columns, Memory
from ppsim.mapping.columns import Lists
from ppsim.mapping.program import Program
from ppsim.units import FS_PER_S


class Sending(NamedTuple):
    """How many messages there are, and by accelerator, where its queues of the exchange begin; last, where they end.

    `busy_fs` is the time of all messages on all links together, `moved_bytes` what is read back and written: to be
    compared only.
    """

    messages: int
    reads: Ints
    writes: Ints
    busy_fs: float
    moved_bytes: float


def sending(program: Program, memory: Memory, places: Ints) -> Sending:
    """Everything at its beginning; fills in what `places` say of messages. Raises OverflowError beyond 64 bits."""
    system, stages, count = program.system, program.stages, program.system.accelerators
    sent = [stage.messages for stage in stages]
    lengths = np.array([len(messages) for messages in sent], dtype=np.int64)
    source = np.concatenate([messages.source for messages in sent])
    destination = np.concatenate([messages.destination for messages in sent])
    sizes = np.concatenate([messages.bytes for messages in sent])
    written = np.concatenate([messages.written for messages in sent])
    sums = np.concatenate([messages.sums for messages in sent])
    routes = Lists.joined([Lists(messages.route_starts, messages.route_links) for messages in sent])
    after = Lists.joined([Lists(messages.after_starts, messages.after_messages) for messages in sent])
    stage_of = np.repeat(np.arange(len(stages)), lengths)
    of_source, of_destination = stage_of * count + source, stage_of * count + destination
    numbers, data = np.arange(len(source)), sizes > 0
    different, size_number = _different(sizes)
    links, passing, chunk = _links(program, different)
    busy = (passing.max(axis=1) + chunk.max(axis=1)).astype(np.float64)[size_number] + links[:, c.HOP_FS].max(initial=0)

    waits = np.repeat(numbers, after.lengths)
    before = after.values + (np.cumsum(lengths) - lengths)[stage_of[waits]]
    reading = places[:, c.READ_BACK]
    followers, told, reports = _waiting(before, waits, data, after.lengths == 0, of_source, reading)
    places[:, c.READ_WAITS] = (reading > 0) + np.bincount(reports, minlength=len(places))
    places[:, c.MISSING] = np.bincount(of_destination, minlength=len(places))
    for column, keys, of in (
        (c.LEAVING, of_source[data], numbers[data]),
        (c.TELLING, of_source[~data], numbers[~data]),
        (c.COMING, of_destination, numbers),
    ):
        places[:, column], places[:, column + 1] = memory.add_lists(_grouped(keys, of, len(places)))

    burst = system.dram.burst_bytes
    to_write = np.where(written, -(-sizes // burst) * burst, 0)
    adding = _adding_fs(program, destination, sums)
    head, link_rows = memory.head, memory.add(links)
    route, route_end = memory.add_lists(Lists(routes.starts, routes.values * c.LINK_COLUMNS + link_rows))
    following, following_end = memory.add_lists(_grouped(*followers, len(source)))
    telling, telling_end = memory.add_lists(_grouped(*told, len(source)))
    head[c.LINKS], head[c.PASSING], head[c.CHUNKS] = link_rows, memory.add(passing), memory.add(chunk)
    columns: Columns = {
        c.DESTINATION: destination,
        c.TO_PLACE: of_destination,
        c.SIZE: sizes,
        c.WRITTEN: to_write,
        c.SUMS: adding,
        c.WAITING: 2 + after.lengths,
        c.HOP: route,
        c.ROUTE: route,
        c.ROUTE_END: route_end,
        c.TAIL_IN: 0,
        c.PHASE: c.TRAVELLING,
        c.ARRIVAL: -1,
        c.FOLLOWERS: following,
        c.FOLLOWERS_END: following_end,
        c.TOLD: telling,
        c.TOLD_END: telling_end,
        c.SIZE_ROW: size_number * passing.shape[1],
    }
    head[c.MESSAGES] = memory.add_columns(columns, len(source))
    return Sending(
        messages=len(source),
        reads=_queues(memory, (reading.reshape(-1, count) > 0).sum(axis=0)),
        writes=_queues(memory, np.bincount(destination[to_write > 0], minlength=count)),
        busy_fs=float((busy * routes.lengths).sum() + adding.sum(dtype=np.float64)),
        moved_bytes=float(to_write.sum(dtype=np.float64) + reading.sum(dtype=np.float64)),
    )


def _different(sizes: Ints) -> tuple[Ints, Ints]:
    """The different sizes, and the number of each one's among them."""
    if len(sizes) and sizes.max() < len(sizes):  # counted, which is faster than sorted
        there = np.zeros(sizes.max() + 1, dtype=np.int64)
        there[sizes] = 1
        return np.flatnonzero(there), (np.cumsum(there) - 1)[sizes]
    return np.unique(sizes, return_inverse=True)


def _queues(memory: Memory, counts: Ints) -> Ints:
    """Queues of the exchange of these lengths: where each begins, and where the last one ends."""
    return _begins(counts) * c.ASKED_COLUMNS + memory.reserve(int(counts.sum()) * c.ASKED_COLUMNS)


def _waiting(
    before: Ints, waits: Ints, data: npt.NDArray[np.bool_], first: npt.NDArray[np.bool_], of_source: Ints, reading: Ints
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints], Ints]:
    """Who follows the messages `before`, who is told by them, as keys and values, and what read-backs wait.

    What follows in `Exchange._follow`: a message with data waits for data to arrive at its source, or, if what it sends
    is read back there, the read-back waits for those that report what they have stored.
    """
    carries, rows = data[waits], of_source[waits]
    reports = carries & (reading[rows] > 0) & ~data[before] & first[before]
    pairs = before[reports] * len(reading) + rows[reports]
    once = np.flatnonzero(reports)[np.sort(np.unique(pairs, return_index=True)[1])]
    told = np.concatenate((np.flatnonzero(~carries), once))
    values = np.concatenate((waits[~carries], -1 - rows[once]))
    in_order = np.argsort(told, kind="stable")
    return (before[carries], waits[carries]), (before[told[in_order]], values[in_order]), rows[once]


def _adding_fs(program: Program, destination: Ints, sums: Ints) -> Ints:
    """How long the vector unit at each message's destination takes to add what it brings."""
    found = np.zeros_like(sums)
    for at in np.flatnonzero(sums).tolist():
        found[at] = program.system.accelerator(int(destination[at])).vector_fs(int(sums[at]))
    return found


def _links(program: Program, sizes: Ints) -> tuple[Ints, Ints, Ints]:
    """Links, and what each size takes on each kind of them: to pass, and until the first chunk is forwarded."""
    interconnect = program.system.interconnect
    specs = program.link_specs
    rates = {rate: number for number, rate in enumerate(dict.fromkeys(spec.rate for spec in specs))}
    links = np.zeros((len(specs), c.LINK_COLUMNS), dtype=np.int64)
    for number, spec in enumerate(specs):
        links[number, c.HOP_FS], links[number, c.RATE_ID] = spec.hop_fs, rates[spec.rate]
    chunks = interconnect.chunks if interconnect.switching == "store-and-forward" else 0
    shape = (len(sizes), max(1, len(rates)))
    passing, chunk = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for at, size in enumerate(sizes.tolist()):
        for rate, number in rates.items():
            passing[at, number] = -(-size * FS_PER_S // rate)
            if chunks:
                chunk[at, number] = -(-size * FS_PER_S // (rate * chunks))
    return links, passing, chunk


def _begins(counts: Ints) -> Ints:
    """Where lists of these lengths begin, one behind the other, and where the last one ends."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))


def _grouped(keys: Ints, values: Ints, groups: int) -> Lists:
    """By key: its values, in order."""
    return Lists(_begins(np.bincount(keys, minlength=groups)), values[np.argsort(keys, kind="stable")])
