"""The event loop and the exchanges, compiled: what `exchange` does, in the same order, and who is next.

`message`, `place` and the like are addresses of rows in the memory `m`.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import njit

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints, Words
from ppsim.engine.compiled.events import pop, push_message
from ppsim.engine.compiled.units import fire_stream, poke, resolve, unit_at


@njit
def release_message(m: Words, number: int, now: int) -> None:
    """One thing less for a message to wait for; it sets off when there is none."""
    message = m[c.MESSAGES] + number * c.MESSAGE_COLUMNS
    m[message + c.WAITING] -= 1
    if m[message + c.WAITING]:
        return
    if m[c.IDEAL]:
        for at in range(m[message + c.ROUTE], m[message + c.ROUTE_END]):
            m[m[at] + c.BYTES] += m[message + c.SIZE]
        m[message + c.HOP] = m[message + c.ROUTE_END]
    push_message(m, number, now)


@njit
def release_messages(m: Words, first: int, end: int, now: int) -> None:
    """The same for all whose numbers are in a list."""
    for at in range(first, end):
        release_message(m, m[at], now)


@njit
def release_reading(m: Words, number: int, now: int) -> None:
    """The same for what an accelerator reads back before it sends, by the number of its place."""
    place = m[c.PLACES] + number * c.PLACE_COLUMNS
    m[place + c.READ_WAITS] -= 1
    if not m[place + c.READ_WAITS]:
        a = number % m[c.ACCELERATORS]
        ask(m, a, c.READS_END, number)
        poke(m, a * c.STREAMS_EACH + c.READS, now)


@njit
def ask(m: Words, a: int, end: int, asked: int) -> None:
    """Put a request at the end of a queue of the exchange."""
    unit = unit_at(m, a)
    m[m[unit + end]] = asked
    m[unit + end] += c.ASKED_COLUMNS


@njit
def fire_message(m: Words, number: int, now: int) -> None:
    """The head reaches the next link, the tail has arrived, its data is added, or it is written."""
    message = m[c.MESSAGES] + number * c.MESSAGE_COLUMNS
    if m[message + c.HOP] < m[message + c.ROUTE_END]:
        link = m[m[message + c.HOP]]
        head = max(m[link + c.FREE], now)
        tail = head + m[m[c.PASSING] + m[message + c.SIZE_ROW] + m[link + c.RATE_ID]]
        chunk = m[m[c.CHUNKS] + m[message + c.SIZE_ROW] + m[link + c.RATE_ID]]
        if m[message + c.HOP] > m[message + c.ROUTE]:
            tail = max(tail, m[message + c.TAIL_IN] + chunk)
        m[link + c.BUSY] += tail - head
        m[link + c.FREE] = tail
        m[link + c.BYTES] += m[message + c.SIZE]
        m[message + c.TAIL_IN] = tail + m[link + c.HOP_FS]
        m[message + c.HOP] += 1
        there = m[message + c.HOP] == m[message + c.ROUTE_END]
        push_message(m, number, m[message + c.TAIL_IN] if there else head + chunk + m[link + c.HOP_FS])
        return
    a = m[message + c.DESTINATION]
    if m[message + c.PHASE] == c.TRAVELLING and m[message + c.SUMS]:
        vector = unit_at(m, a) + c.VECTOR_FREE
        m[vector] = max(m[vector], now) + m[message + c.SUMS]
        m[message + c.PHASE] = c.ADDING
        push_message(m, number, m[vector])
        return
    if m[message + c.PHASE] != c.WRITING:
        release_messages(m, m[message + c.FOLLOWERS], m[message + c.FOLLOWERS_END], now)
        if m[message + c.WRITTEN]:
            ask(m, a, c.WRITES_END, number)
            poke(m, a * c.STREAMS_EACH + c.WRITES, now)
            return
    for at in range(m[message + c.TOLD], m[message + c.TOLD_END]):
        if m[at] < 0:
            release_reading(m, -1 - m[at], now)
        else:
            release_message(m, m[at], now)
    m[message + c.ARRIVAL] = now
    number = m[message + c.TO_PLACE]
    missing = m[c.PLACES] + number * c.PLACE_COLUMNS + c.MISSING
    m[missing] -= 1
    if not m[missing]:
        deliver(m, number, now)


@njit
def send(m: Words, number: int, now: int) -> None:
    """What an accelerator sends after a stage may leave, as far as it is concerned."""
    place = m[c.PLACES] + number * c.PLACE_COLUMNS
    release_messages(m, m[place + c.LEAVING], m[place + c.LEAVING_END], now)


@njit
def finish(m: Words, number: int, now: int) -> None:
    """An accelerator has finished a stage, and those after it in which it has no work."""
    while True:
        place = m[c.PLACES] + number * c.PLACE_COLUMNS
        m[place + c.FINISHED] = now
        if m[place + c.READ_BACK]:
            release_reading(m, number, now)
        else:
            send(m, number, now)
        release_messages(m, m[place + c.TELLING], m[place + c.TELLING_END], now)
        release_messages(m, m[place + c.COMING], m[place + c.COMING_END], now)
        if not m[place + c.MISSING]:
            deliver(m, number, now)
        number += m[c.ACCELERATORS]
        if number >= m[c.STAGES] * m[c.ACCELERATORS]:
            return
        if m[m[c.PLACES] + number * c.PLACE_COLUMNS + c.HAS_WORK]:
            return


@njit
def deliver(m: Words, number: int, now: int) -> None:
    """An accelerator has all it needs of a stage's outputs."""
    count, places = m[c.ACCELERATORS], m[c.PLACES]
    stage, a = number // count, number % count
    m[places + number * c.PLACE_COLUMNS + c.DELIVERED] = now
    row = m[c.STAGE_TABLE] + stage * c.STAGE_COLUMNS
    for at in range(m[row + c.WAITERS], m[row + c.WAITERS_END]):
        waiter, there = m[c.STAGE_TABLE] + m[at] * c.STAGE_COLUMNS, True
        for of in range(m[waiter + c.SOURCES], m[waiter + c.SOURCES_END]):
            there = there and m[places + (m[of] * count + a) * c.PLACE_COLUMNS + c.DELIVERED] >= 0
        if there:
            m[places + (m[at] * count + a) * c.PLACE_COLUMNS + c.READY] = 1
    poke(m, a * c.STREAMS_EACH + c.WEIGHTS, now)
    poke(m, a * c.STREAMS_EACH + c.INPUTS, now)
    resolve(m, a, now)


def compiled(sources: str) -> Callable[[Ints, int], None]:
    """The loop as machine code, from Numba's cache on the disk if it is there.

    It takes the memory, and runs from a time (fs) until nothing is left to happen. `sources` stands for what the code
    is made from: Numba looks at this file alone, and at what its function closes over.
    """

    def simulate(m: Words, begin: int) -> None:
        _ = sources
        count = m[c.ACCELERATORS]
        finishing = c.STREAMS_EACH * count
        reading = finishing + m[c.STAGES] * count
        sending = reading + m[c.STAGES] * count
        for a in range(count):
            poke(m, a * c.STREAMS_EACH + c.WEIGHTS, begin)
        for a in range(count):
            if not m[m[c.PLACES] + a * c.PLACE_COLUMNS + c.HAS_WORK]:
                finish(m, a, begin)
        while m[c.PENDING]:
            now, actor = pop(m)
            m[c.EVENTS] += 1
            if actor < finishing:
                fire_stream(m, actor, now)
            elif actor < reading:
                finish(m, actor - finishing, now)
            elif actor < sending:
                send(m, actor - reading, now)
            else:
                fire_message(m, actor - sending, now)

    try:
        return njit(cache=True)(simulate)
    except RuntimeError:  # there is no folder to keep it in
        return njit(simulate)
