"""`walk`: what an accelerator with a DRAM channel of its own does, stage by stage, without the event loop.

Nothing from outside touches such an accelerator but the deliveries of what its stages read. So its streams' events are
gone through by themselves, in their order, on local variables: what happens is what `loading`, `servers` and the
accelerator's `resolve` would do, and every stage is over at the same femtosecond; tests hold it to them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence

from ppsim.engine.accelerator import OUTPUT_SLOTS
from ppsim.engine.loading import INPUTS, WEIGHTS, Item, Timed
from ppsim.engine.servers import IDLE, SERVING, WAKING
from ppsim.units import FS_PER_S

OUTPUTS = 2

#: a stage whose inputs are there, since when, and whether messages brought them
Delivery = tuple[int, int, bool]


def walk(items: Sequence[Item], stages: int, start: int, latency: int, quantum: int) -> Generator[int, Delivery, None]:
    """Take an accelerator through its `items`; sent a delivery, it yields when that stage will be over.

    The first value it yields means nothing. Messages are delivered after whatever else happens at their time.
    """
    ready = [False] * stages
    count = len(items)
    free = sequence = 0
    state, remaining, rate, due, order = [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]
    at_item, at_tile, occupied, in_use, loading = [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]
    releases: list[deque[tuple[int, int]]] = [deque(), deque()]
    arrivals: list[deque[tuple[int, int]]] = [deque(), deque()]
    closing: deque[tuple[int, int]] = deque()
    waiting: deque[tuple[int, int, int, bool]] = deque()
    #: what fits the smallest of the rooms has room, whichever nests are under way and whatever else is free by now
    smallest = [min([item.space[s] for item in items], default=0) for s in (WEIGHTS, INPUTS)]
    slots = deque([start] * OUTPUT_SLOTS)
    number = position = 0
    array_free = vector_free = start
    last_store = False
    over, over_order = -1, 0

    def serve(s: int, left: int, now: int) -> None:
        nonlocal free, sequence
        size = left if left < quantum else quantum
        remaining[s] = left - size
        duration = -(-size * FS_PER_S // rate[s])
        free = (free if free > now else now) + duration
        due[s] = free
        sequence += 1
        order[s] = sequence

    def wake(s: int, time: int) -> None:
        nonlocal sequence
        state[s] = WAKING
        due[s] = time
        sequence += 1
        order[s] = sequence

    def load(s: int, now: int) -> None:
        """An idle load stream begins its next load, if there is room."""
        if at_item[s] == count:
            return
        at, tile, size = at_item[s], at_tile[s], 0
        while at < count:
            item = items[at]
            if item.loads[s]:
                if item.waits[s] and not ready[item.stage]:
                    break
                kinds, tiles, length = item.kinds, item.tiles, item.length
                while tile < length:
                    if size := tiles[kinds[tile]][s]:
                        break
                    tile += 1
                if size:
                    break
            at += 1
            tile = 0
        at_item[s], at_tile[s] = at, tile
        if not size:
            return
        if occupied[s] + size > smallest[s]:
            freed = releases[s]
            while freed and freed[0][0] <= now:
                occupied[s] -= freed.popleft()[1]
            if s == WEIGHTS and (closing or number < at):
                earliest = shared_room(size, now)
            else:
                earliest = room_from(s, size, item.space[s], now)
            if earliest > now:
                wake(s, earliest)
                return
            if earliest < 0:
                return
        occupied[s] += size
        at_tile[s] = tile + 1
        loading[s] = size
        rate[s] = item.rate
        state[s] = SERVING
        serve(s, size, now)

    def room_from(s: int, size: int, room: int, now: int) -> int:
        missing = occupied[s] + size - room
        if missing <= 0:
            return now
        for time, freed in releases[s]:
            missing -= freed
            if missing <= 0:
                return time
        return -1

    def shared_room(size: int, now: int) -> int:
        while closing and closing[0][0] <= now:
            closing.popleft()
        room = items[at_item[WEIGHTS]].space[WEIGHTS]
        for between in range(number, at_item[WEIGHTS]):
            room = min(room, items[between].space[WEIGHTS])
        if not closing:
            return room_from(WEIGHTS, size, room, now)
        if occupied[WEIGHTS] + size <= min(room, min([space for _, space in closing])):
            return now
        best = -1
        for time in (now, *(until for until, _ in closing)):
            tightest = min((space for until, space in closing if until > time), default=room)
            fits = room_from(WEIGHTS, size, min(room, tightest), now)
            if fits >= 0 and (best < 0 or max(fits, time) < best):
                best = max(fits, time)
        return best

    def store(now: int) -> None:
        """The idle store stream begins its next store, if it may."""
        nonlocal last_store
        if not waiting:
            return
        size, at_rate, earliest, is_last = waiting[0]
        if earliest > now:
            wake(OUTPUTS, earliest)
            return
        waiting.popleft()
        rate[OUTPUTS], last_store = at_rate, is_last
        state[OUTPUTS] = SERVING
        serve(OUTPUTS, size, now)

    def release(s: int, time: int, now: int) -> None:
        releases[s].append((time, in_use[s]))
        in_use[s] = 0
        if state[s] == IDLE:
            load(s, now)

    def finish(time: int) -> None:
        nonlocal over, over_order, sequence
        sequence += 1
        over, over_order = time, sequence

    def resolve(now: int) -> None:
        nonlocal number, position, array_free, vector_free
        if number >= count or not ready[items[number].stage]:
            return
        item = items[number]
        tiles, kinds, length, stores = item.tiles, item.kinds, item.length, item.stores
        weights_there, inputs_there = arrivals
        tile = tiles[kinds[position]]
        while True:
            weight_bytes, input_bytes, compute, vector, output_bytes, opens = tile
            if (weight_bytes and not weights_there) or (input_bytes and not inputs_there):
                return
            opens = opens and stores
            if opens and not slots:
                return
            end = array_free if array_free > now else now
            if weight_bytes:
                arrival, in_use[WEIGHTS] = weights_there.popleft()
                if arrival > end:
                    end = arrival
            if input_bytes:
                arrival, in_use[INPUTS] = inputs_there.popleft()
                if arrival > end:
                    end = arrival
            if opens and (slot := slots.popleft()) > end:
                end = slot
            done = end = end + compute
            if compute:
                array_free = end
            if vector:
                done = (vector_free if vector_free > end else end) + vector
                vector_free = done
            position += 1
            is_over = position == length
            if not is_over:
                tile = tiles[kinds[position]]
            elif vector_free > done:
                done = vector_free
            if in_use[WEIGHTS] and (is_over or tile[WEIGHTS]):
                release(WEIGHTS, end if compute else done, now)
            if in_use[INPUTS] and (is_over or tile[INPUTS]):
                release(INPUTS, end if compute else done, now)
            if output_bytes:
                waiting.append((output_bytes, item.rate, done, is_over and item.last))
                if state[OUTPUTS] == IDLE:
                    store(now)
            if is_over:
                closing.append((done, item.space[WEIGHTS]))
                if item.last and not output_bytes:
                    finish(done)
                number += 1
                position = 0
                if state[WEIGHTS] == IDLE:
                    load(WEIGHTS, now)
                if number >= count or not ready[items[number].stage]:
                    return
                item = items[number]
                tiles, kinds, length, stores = item.tiles, item.kinds, item.length, item.stores
                tile = tiles[kinds[0]]

    def happen(s: int, time: int) -> None:
        """The next event of a stream."""
        if left := remaining[s]:
            serve(s, left, time)
            return
        was, state[s] = state[s], IDLE
        if was == SERVING:
            if s == OUTPUTS:
                if last_store:
                    finish(time + latency)
                slots.append(time + latency)
            else:
                arrivals[s].append((time + latency, loading[s]))
            resolve(time)
        if state[s] == IDLE:
            if s == OUTPUTS:
                store(time)
            else:
                load(s, time)

    def stream() -> None:
        """What `happen` does while each load brings the weights of the next tile and nothing else moves."""
        nonlocal position, array_free, vector_free, free, sequence
        if number != at_item[WEIGHTS] or at_tile[WEIGHTS] != position + 1 or arrivals[WEIGHTS] or remaining[WEIGHTS]:
            return
        now = due[WEIGHTS]
        while closing and closing[0][0] <= now:
            closing.popleft()
        if closing:
            return
        item = items[number]
        tiles, kinds, stores, room, freed = item.tiles, item.kinds, item.stores, item.space[WEIGHTS], releases[WEIGHTS]
        tile = tiles[kinds[position]]
        alike: Timed | None = None  # a tile that is known to follow itself like that, as most do
        loaded, held, size, moved, there_is_room = loading[WEIGHTS], occupied[WEIGHTS], 0, 0, True
        for ahead in range(position + 1, item.length):
            upcoming = tiles[kinds[ahead]]
            if upcoming is not alike:
                _, input_bytes, compute, vector, output_bytes, opens = tile
                size = upcoming[WEIGHTS]
                if input_bytes or output_bytes or upcoming[INPUTS] or not 0 < size <= quantum or (opens and stores):
                    break
                if size != moved:
                    moved, duration = size, -(-size * FS_PER_S // item.rate)
                alike, tile = upcoming if upcoming is tile else None, upcoming
            end = now + latency
            if array_free > end:
                end = array_free
            done = end = end + compute
            if compute:
                array_free = end
            if vector:
                done = (vector_free if vector_free > end else end) + vector
                vector_free = done
            freed.append((end if compute else done, loaded))
            position = ahead
            if held + size > room:
                while freed and freed[0][0] <= now:
                    held -= freed.popleft()[1]
                there_is_room = held + size <= room
                if not there_is_room:
                    break
            held += size
            loaded = size
            now = free = (free if free > now else now) + duration
            sequence += 1
            order[WEIGHTS] = sequence
        occupied[WEIGHTS], loading[WEIGHTS] = held, loaded
        if there_is_room:
            at_tile[WEIGHTS] = position + 1
            due[WEIGHTS] = now
        else:
            at_tile[WEIGHTS] = position
            state[WEIGHTS] = IDLE
            load(WEIGHTS, now)

    load(WEIGHTS, start)
    while True:
        stage, now, brought = yield over
        if brought:  # what happens up to then comes first; else the stage before has just ended
            while True:
                s = _next(state, due, order)
                if s < 0 or due[s] > now:
                    break
                happen(s, due[s])
        over = -1
        ready[stage] = True
        if state[WEIGHTS] == IDLE:
            load(WEIGHTS, now)
        if state[INPUTS] == IDLE:
            load(INPUTS, now)
        resolve(now)
        while True:
            if over < 0 and state[WEIGHTS] == SERVING and not (state[INPUTS] or state[OUTPUTS]):
                stream()
            s = _next(state, due, order)
            if over >= 0 and (s < 0 or (over, over_order) < (due[s], order[s])):
                break
            if s < 0:
                raise RuntimeError(f"stage {stage} never ends: a fault in ppsim, please report")
            happen(s, due[s])


def _next(state: list[int], due: list[int], order: list[int]) -> int:
    """The stream whose event comes first; -1 if none has one to come."""
    weights, inputs, outputs = state
    if not (inputs or outputs):  # as it is most often
        return WEIGHTS if weights else -1
    first = -1
    for s in (WEIGHTS, INPUTS, OUTPUTS):
        if state[s] and (first < 0 or (due[s], order[s]) < (due[first], order[first])):
            first = s
    return first
