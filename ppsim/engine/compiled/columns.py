"""What lies where in the memory that the compiled loop works on: one array of 64-bit integers, as it is fastest.

The memory begins with the scalars and the addresses below. A table is rows, one after the other; an address of a row
plus a column is that of a number. Where a row names other rows, it holds their addresses, and lists of rows are an
address and an end. Times are fs.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from itertools import count

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
#: the memory, as the loop sees it
Words = MutableSequence[int]

_head = count()
#: accelerators, stages, channels, fs of a DRAM latency, bytes of a quantum, whether links take no time
ACCELERATORS, STAGES, CHANNEL_COUNT, LATENCY, QUANTUM, IDEAL = (next(_head) for _ in range(6))
#: events on the heap, sequence number of the latest, and how many have been handled
PENDING, SEQUENCE, EVENTS = (next(_head) for _ in range(3))
#: addresses of tables
HEAP, UNITS, STREAMS, ITEMS, CHANNELS, PLACES, STAGE_TABLE, RATES, MESSAGES, LINKS, PASSING, CHUNKS = (
    next(_head) for _ in range(12)
)
HEAD = next(_head)

#: events of one time are ordered by rank x this + sequence number; ranks stay below `RANKS`
RANK, RANKS = 1 << 38, 1 << 24
#: an event: when, its order among those, and who
TIME, ORDER, ACTOR, EVENT_COLUMNS = range(4)

#: streams of an accelerator, in the order of `trace.SERVERS`
WEIGHTS, INPUTS, OUTPUTS, READS, WRITES, STREAMS_EACH = range(6)
#: what a stream is doing
IDLE, WAKING, SERVING = range(3)
#: a stream: its request; of a load stream the nest and the tile that are next, what is on chip, and the loads that are
#: under way, have come to the arrays, and are given up
STATE, REMAINING, STREAM_RATE, CURRENT, AT_ITEM, AT_TILE, OCCUPIED, IN_USE = range(8)
LOADING, ARRIVED, RELEASED, RELEASES_END, STREAM_COLUMNS = range(8, 13)
#: an accelerator: the nest and the tile that are next, when its units are free, its channel, output slots; the nest
#: closing first, and beginnings and ends of the queues of stores and of the exchange; where its next tile's end goes
ITEM, ITEMS_END, POSITION, ARRAY_FREE, VECTOR_FREE, CHANNEL, SLOTS, SLOT, NEXT_SLOT, CLOSING = range(10)
STORE, STORES_END, READ, READS_END, WRITE, WRITES_END, COMPUTED, UNIT_COLUMNS = range(10, 18)
#: a nest of an accelerator, as `loading.Item`: KINDS is the list of its tiles' places behind TILES, PLACE the stage's
ITEM_STAGE, PLACE, KINDS, TILES, LENGTH, RATE, WAITS, STORES, LAST = range(9)
LOADS, SPACE, CLOSES, ITEM_COLUMNS = 9, 11, 13, 14
#: a tile: bytes of weights and of inputs, fs of the arrays and of the vector unit, bytes stored, opens an output tile
TILE_WEIGHTS, TILE_INPUTS, TILE_COMPUTE, TILE_VECTOR, TILE_OUTPUT, TILE_OPENS, TILE_COLUMNS = range(7)
#: a load: bytes, when its channel has served it, when its room is free again
LOAD_SIZE, LOAD_END, LOAD_RELEASE, LOAD_COLUMNS = range(4)
#: a store: bytes, rate, from when on, the stage it is the last of or -1, when its channel has served it
STORE_SIZE, STORE_RATE, STORE_FROM, STORE_LAST, STORE_END, STORE_COLUMNS = range(6)
#: a request of the exchange: the place or the message, and when the channel has served it
ASKED, ASKED_END, ASKED_COLUMNS = range(3)

#: an accelerator in a stage (its place): whether it has work there, and may begin; times of `trace.Trace`; messages to
#: it that are missing; bytes it reads back, and what that waits for; messages with data from it, without, and to it
HAS_WORK, READY, STARTED, FINISHED, DELIVERED, MISSING, READ_BACK, READ_WAITS = range(8)
LEAVING, LEAVING_END, TELLING, TELLING_END, COMING, COMING_END, PLACE_COLUMNS = range(8, 15)
#: a stage: its DRAM rates by channel, the numbers of the stages that wait for it, and of those that it waits for
STAGE_RATES, WAITERS, WAITERS_END, SOURCES, SOURCES_END, STAGE_COLUMNS = range(6)
#: what a message does when it fires, once it has passed all links
TRAVELLING, ADDING, WRITING = range(3)
#: a message: its places at its destination; bytes, bytes to be written, fs to be added; what it waits for; links it
#: takes, the next of them, when its tail is there; numbers of messages that follow it, and of those it tells (-1 -
#: place for a read-back); where its size is in tables of links
DESTINATION, TO_PLACE, SIZE, WRITTEN, SUMS, WAITING, HOP, ROUTE_END, ROUTE, TAIL_IN, PHASE, ARRIVAL = range(12)
FOLLOWERS, FOLLOWERS_END, TOLD, TOLD_END, SIZE_ROW, MESSAGE_COLUMNS = range(12, 18)
#: a channel, and a link; PASSING and CHUNKS have fs by SIZE_ROW and RATE_ID
FREE, BUSY, BYTES, QUANTA, CHANNEL_COLUMNS = range(5)
HOP_FS, RATE_ID, LINK_COLUMNS = range(3, 6)
