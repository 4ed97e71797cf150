"""Accelerators and their streams, compiled: what `accelerator`, `loading` and `servers` do, in the same order.

`unit`, `stream`, `item`, `tile` and the like are addresses of rows in the memory `m`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Words
from ppsim.engine.compiled.events import push, push_message

FS = np.uint64(10**15)


@njit
def unit_at(m: Words, a: int) -> int:
    """An accelerator's row."""
    return m[c.UNITS] + a * c.UNIT_COLUMNS


@njit
def stream_at(m: Words, number: int) -> int:
    """A stream's row; streams are numbered accelerator by accelerator."""
    return m[c.STREAMS] + number * c.STREAM_COLUMNS


@njit
def served_fs(size: int, rate: int) -> int:
    """How long a channel takes for a quantum, rounded up."""
    # up to 16,384 x 10^15, which fits 64 bits without a sign; with a sign again, or Numba would go on in floats
    return np.int64((np.uint64(size) * FS + np.uint64(rate - 1)) // np.uint64(rate))  # type: ignore[return-value]


@njit
def serve(m: Words, number: int, now: int) -> None:
    """Reserve a stream's channel for its next quantum."""
    stream, rank = stream_at(m, number), m[unit_at(m, number // c.STREAMS_EACH) + c.CHANNEL]
    channel = m[c.CHANNELS] + rank * c.CHANNEL_COLUMNS
    size = min(m[stream + c.REMAINING], m[c.QUANTUM])
    m[stream + c.REMAINING] -= size
    duration = served_fs(size, m[stream + c.STREAM_RATE])
    end = max(m[channel + c.FREE], now) + duration
    m[channel + c.FREE] = end
    m[channel + c.BUSY] += duration
    m[channel + c.BYTES] += size
    m[channel + c.QUANTA] += 1
    push(m, end, rank, number)


@njit
def wake_at(m: Words, number: int, time: int) -> None:
    """Let a stream try again at a time."""
    m[stream_at(m, number) + c.STATE] = c.WAKING
    push(m, time, m[unit_at(m, number // c.STREAMS_EACH) + c.CHANNEL], number)


@njit
def poke(m: Words, number: int, now: int) -> None:
    """Begin a stream's next request if it is idle and there is one."""
    stream, kind = stream_at(m, number), number % c.STREAMS_EACH
    if m[stream + c.STATE] != c.IDLE:
        return
    size = start_load(m, number, now) if kind <= c.INPUTS else start_queued(m, number, kind, now)
    if size:
        m[stream + c.STATE] = c.SERVING
        m[stream + c.REMAINING] = size
        serve(m, number, now)


@njit
def start_queued(m: Words, number: int, kind: int, now: int) -> int:
    """The oldest request of a queue; it stays there until it may start."""
    unit, stream = unit_at(m, number // c.STREAMS_EACH), stream_at(m, number)
    if kind == c.OUTPUTS:
        store = m[unit + c.STORE]
        if store == m[unit + c.STORES_END]:
            return 0
        if m[store + c.STORE_FROM] > now:
            wake_at(m, number, m[store + c.STORE_FROM])
            return 0
        m[unit + c.STORE] += c.STORE_COLUMNS
        m[stream + c.CURRENT], m[stream + c.STREAM_RATE] = store, m[store + c.STORE_RATE]
        return m[store + c.STORE_SIZE]
    queue = c.READ if kind == c.READS else c.WRITE
    request = m[unit + queue]
    if request == m[unit + queue + 1]:
        return 0
    m[unit + queue] += c.ASKED_COLUMNS
    m[stream + c.CURRENT] = request
    asked = m[request]
    if kind == c.READS:
        place, size = asked, m[m[c.PLACES] + asked * c.PLACE_COLUMNS + c.READ_BACK]
    else:
        message = m[c.MESSAGES] + asked * c.MESSAGE_COLUMNS
        place, size = m[message + c.TO_PLACE], m[message + c.WRITTEN]
    stage = m[c.STAGE_TABLE] + place // m[c.ACCELERATORS] * c.STAGE_COLUMNS
    m[stream + c.STREAM_RATE] = m[m[stage + c.STAGE_RATES] + m[unit + c.CHANNEL]]
    return size


@njit
def start_load(m: Words, number: int, now: int) -> int:
    """The next tile's load, once there is room."""
    operand = number % c.STREAMS_EACH
    unit, stream = unit_at(m, number // c.STREAMS_EACH), stream_at(m, number)
    item, tile, size = m[stream + c.AT_ITEM], m[stream + c.AT_TILE], 0
    while item < m[unit + c.ITEMS_END]:
        if m[item + c.LOADS + operand]:
            if (operand == c.INPUTS or m[item + c.WAITS]) and not m[m[item + c.PLACE] + c.READY]:
                break
            kinds, tiles, length = m[item + c.KINDS], m[item + c.TILES] + operand, m[item + c.LENGTH]
            while tile < length:
                size = m[tiles + m[kinds + tile]]
                if size:
                    break
                tile += 1
            if size:
                break
        item += c.ITEM_COLUMNS
        tile = 0
    m[stream + c.AT_ITEM], m[stream + c.AT_TILE] = item, tile
    if not size:
        return size
    while m[stream + c.RELEASED] < m[stream + c.RELEASES_END] and m[m[stream + c.RELEASED] + c.LOAD_RELEASE] <= now:
        m[stream + c.OCCUPIED] -= m[m[stream + c.RELEASED]]
        m[stream + c.RELEASED] += c.LOAD_COLUMNS
    if operand == c.WEIGHTS and (m[unit + c.CLOSING] < m[unit + c.ITEM] or m[unit + c.ITEM] < item):
        earliest = shared_room_from(m, unit, stream, size, now)
    else:
        earliest = room_from(m, stream, size, m[item + c.SPACE + operand], now)
    if earliest > now:
        wake_at(m, number, earliest)
    if earliest > now or earliest < 0:
        return 0
    m[stream + c.OCCUPIED] += size
    m[stream + c.AT_TILE] = tile + 1
    m[stream + c.STREAM_RATE] = m[item + c.RATE]
    m[m[stream + c.LOADING]] = size
    started = m[item + c.PLACE] + c.STARTED
    if not 0 <= m[started] <= now:  # a first tile that loads nothing may be reserved for later
        m[started] = now
    return size


@njit
def room_from(m: Words, stream: int, size: int, room: int, now: int) -> int:
    """When `size` more bytes fit into `room`; -1 if that is not known yet."""
    missing = m[stream + c.OCCUPIED] + size - room
    if missing <= 0:
        return now
    for load in range(m[stream + c.RELEASED], m[stream + c.RELEASES_END], c.LOAD_COLUMNS):
        missing -= m[load]
        if missing <= 0:
            return m[load + c.LOAD_RELEASE]
    return -1


@njit
def shared_room_from(m: Words, unit: int, stream: int, size: int, now: int) -> int:
    """The same while tiles of several nests are on chip: the one that leaves the least room for weights counts."""
    while m[unit + c.CLOSING] < m[unit + c.ITEM] and m[m[unit + c.CLOSING] + c.CLOSES] <= now:
        m[unit + c.CLOSING] += c.ITEM_COLUMNS
    first, last = m[unit + c.CLOSING], m[unit + c.ITEM]
    room = m[m[stream + c.AT_ITEM] + c.SPACE]
    for item in range(last, m[stream + c.AT_ITEM], c.ITEM_COLUMNS):
        room = min(room, m[item + c.SPACE])
    best = -1
    for candidate in range(first - c.ITEM_COLUMNS, last, c.ITEM_COLUMNS):
        time = now if candidate < first else m[candidate + c.CLOSES]
        tightest = room
        for item in range(first, last, c.ITEM_COLUMNS):
            if m[item + c.CLOSES] > time:
                tightest = min(tightest, m[item + c.SPACE])
        fits = room_from(m, stream, size, tightest, now)
        if fits >= 0 and (best < 0 or max(fits, time) < best):
            best = max(fits, time)
    return best


@njit
def release(m: Words, number: int, time: int, now: int) -> None:
    """The tile in use is done with at `time`."""
    stream = stream_at(m, number)
    m[m[stream + c.RELEASES_END] + c.LOAD_RELEASE] = time
    m[stream + c.RELEASES_END] += c.LOAD_COLUMNS
    m[stream + c.IN_USE] = 0
    if m[stream + c.STATE] == c.IDLE:
        poke(m, number, now)


@njit
def finish_later(m: Words, a: int, stage: int, time: int) -> None:
    """An accelerator will have finished a stage at `time`."""
    place = stage * m[c.ACCELERATORS] + a
    push(m, time, m[unit_at(m, a) + c.CHANNEL], c.STREAMS_EACH * m[c.ACCELERATORS] + place)


@njit
def take(m: Words, stream: int, end: int) -> int:
    """Use the load that has come next: what waits for it begins no sooner than this."""
    load = m[stream + c.ARRIVED]
    m[stream + c.ARRIVED] += c.LOAD_COLUMNS
    m[stream + c.IN_USE] = 1
    return max(end, m[load + c.LOAD_END] + m[c.LATENCY])


@njit
def resolve(m: Words, a: int, now: int) -> None:
    """Reserve the arrays and the vector unit for every tile whose data, slots and predecessors are known."""
    unit, first = unit_at(m, a), a * c.STREAMS_EACH
    weights, inputs = stream_at(m, first + c.WEIGHTS), stream_at(m, first + c.INPUTS)
    while m[unit + c.ITEM] < m[unit + c.ITEMS_END] and m[m[m[unit + c.ITEM] + c.PLACE] + c.READY]:
        item = m[unit + c.ITEM]
        stage, started = m[item + c.ITEM_STAGE], m[item + c.PLACE] + c.STARTED
        tile = m[item + c.TILES] + m[m[item + c.KINDS] + m[unit + c.POSITION]]
        if m[tile + c.TILE_WEIGHTS] and m[weights + c.ARRIVED] == m[weights + c.LOADING]:
            return
        if m[tile + c.TILE_INPUTS] and m[inputs + c.ARRIVED] == m[inputs + c.LOADING]:
            return
        opens = m[tile + c.TILE_OPENS] and m[item + c.STORES]
        if opens and not m[unit + c.SLOTS]:
            return
        end = max(m[unit + c.ARRAY_FREE], now)
        if m[tile + c.TILE_WEIGHTS]:
            end = take(m, weights, end)
        if m[tile + c.TILE_INPUTS]:
            end = take(m, inputs, end)
        if opens:
            end = max(end, m[unit + c.SLOT])
            m[unit + c.SLOT] = m[unit + c.NEXT_SLOT]
            m[unit + c.SLOTS] -= 1
        if m[unit + c.POSITION] == 0 and m[started] < 0:
            m[started] = end
        end += m[tile + c.TILE_COMPUTE]
        done = end
        if m[tile + c.TILE_COMPUTE]:
            m[unit + c.ARRAY_FREE] = end
        if m[tile + c.TILE_VECTOR]:
            done = max(m[unit + c.VECTOR_FREE], end) + m[tile + c.TILE_VECTOR]
            m[unit + c.VECTOR_FREE] = done
        m[m[unit + c.COMPUTED]] = done
        m[unit + c.COMPUTED] += 1
        m[unit + c.POSITION] += 1
        over = m[unit + c.POSITION] == m[item + c.LENGTH]
        more_weights = more_inputs = True
        if over:
            done = max(done, m[unit + c.VECTOR_FREE])  # the vector unit may still work on a tile before
        else:
            following = m[item + c.TILES] + m[m[item + c.KINDS] + m[unit + c.POSITION]]
            more_weights, more_inputs = m[following + c.TILE_WEIGHTS] > 0, m[following + c.TILE_INPUTS] > 0
        freed = end if m[tile + c.TILE_COMPUTE] else done
        if m[weights + c.IN_USE] and more_weights:
            release(m, first + c.WEIGHTS, freed, now)
        if m[inputs + c.IN_USE] and more_inputs:
            release(m, first + c.INPUTS, freed, now)
        if m[tile + c.TILE_OUTPUT]:
            store = m[unit + c.STORES_END]
            m[store + c.STORE_SIZE], m[store + c.STORE_RATE] = m[tile + c.TILE_OUTPUT], m[item + c.RATE]
            m[store + c.STORE_FROM], m[store + c.STORE_LAST] = done, stage if over and m[item + c.LAST] else -1
            m[unit + c.STORES_END] += c.STORE_COLUMNS
            poke(m, first + c.OUTPUTS, now)
        if over:
            m[item + c.CLOSES] = done
            if m[item + c.LAST] and not m[tile + c.TILE_OUTPUT]:
                finish_later(m, a, stage, done)
            m[unit + c.ITEM] += c.ITEM_COLUMNS
            m[unit + c.POSITION] = 0
            poke(m, first + c.WEIGHTS, now)


@njit
def fire_stream(m: Words, number: int, now: int) -> None:
    """A quantum has been served, or it is time to wake."""
    stream = stream_at(m, number)
    if m[stream + c.REMAINING]:
        serve(m, number, now)
        return
    was = m[stream + c.STATE]
    m[stream + c.STATE] = c.IDLE
    if was == c.SERVING:
        served(m, number // c.STREAMS_EACH, number % c.STREAMS_EACH, stream, now)
    if m[stream + c.STATE] == c.IDLE:
        poke(m, number, now)


@njit
def served(m: Words, a: int, kind: int, stream: int, now: int) -> None:
    """A request has left the channel."""
    unit, latency = unit_at(m, a), m[c.LATENCY]
    if kind <= c.INPUTS:
        m[m[stream + c.LOADING] + c.LOAD_END] = now
        m[stream + c.LOADING] += c.LOAD_COLUMNS
        resolve(m, a, now)
        return
    request = m[stream + c.CURRENT]
    if kind == c.OUTPUTS:
        m[request + c.STORE_END] = now
        if m[request + c.STORE_LAST] >= 0:
            finish_later(m, a, m[request + c.STORE_LAST], now + latency)
        m[unit + (c.NEXT_SLOT if m[unit + c.SLOTS] else c.SLOT)] = now + latency
        m[unit + c.SLOTS] += 1
        resolve(m, a, now)
        return
    m[request + c.ASKED_END] = now
    if kind == c.READS:
        actors = (c.STREAMS_EACH + m[c.STAGES]) * m[c.ACCELERATORS]
        push(m, now + latency, m[unit + c.CHANNEL], actors + m[request])
    else:
        m[m[c.MESSAGES] + m[request] * c.MESSAGE_COLUMNS + c.PHASE] = c.WRITING
        push_message(m, m[request], now + latency)
