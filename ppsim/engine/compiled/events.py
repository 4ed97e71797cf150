"""The heap of events, compiled."""

from __future__ import annotations

from numba import njit

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Words


@njit
def push(m: Words, time: int, rank: int, actor: int) -> None:
    """Let an actor fire at a time: events are ordered by time, rank and sequence, as in `kernel`."""
    m[c.SEQUENCE] += 1
    order = rank * c.RANK + m[c.SEQUENCE]
    heap, place = m[c.HEAP], m[c.PENDING]
    m[c.PENDING] += 1
    event = heap + place * c.EVENT_COLUMNS
    while place:
        place = (place - 1) >> 1
        parent = heap + place * c.EVENT_COLUMNS
        if m[parent] < time or (m[parent] == time and m[parent + c.ORDER] < order):
            break
        m[event], m[event + c.ORDER], m[event + c.ACTOR] = m[parent], m[parent + c.ORDER], m[parent + c.ACTOR]
        event = parent
    m[event], m[event + c.ORDER], m[event + c.ACTOR] = time, order, actor


@njit
def push_message(m: Words, number: int, time: int) -> None:
    """The same for a message, which has a rank of its own, behind those of the channels."""
    actors = (c.STREAMS_EACH + 2 * m[c.STAGES]) * m[c.ACCELERATORS]
    push(m, time, m[c.CHANNEL_COUNT] + number, actors + number)


@njit
def pop(m: Words) -> tuple[int, int]:
    """Time and actor of the next event."""
    heap = m[c.HEAP]
    now, actor = m[heap], m[heap + c.ACTOR]
    m[c.PENDING] -= 1
    count = m[c.PENDING]
    last = heap + count * c.EVENT_COLUMNS
    time, order, whose = m[last], m[last + c.ORDER], m[last + c.ACTOR]
    event, child = heap, 1
    while child < count:
        below = heap + child * c.EVENT_COLUMNS
        if child + 1 < count and before(m, below + c.EVENT_COLUMNS, m[below], m[below + c.ORDER]):
            below += c.EVENT_COLUMNS
            child += 1
        if not before(m, below, time, order):
            break
        m[event], m[event + c.ORDER], m[event + c.ACTOR] = m[below], m[below + c.ORDER], m[below + c.ACTOR]
        event, child = below, 2 * child + 1
    m[event], m[event + c.ORDER], m[event + c.ACTOR] = time, order, whose
    return now, actor


@njit
def before(m: Words, event: int, time: int, order: int) -> bool:
    """Whether an event comes before a time and an order."""
    return m[event] < time or (m[event] == time and m[event + c.ORDER] < order)
