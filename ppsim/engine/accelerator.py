"""An accelerator at work: two load streams into the scratchpad, arrays, a vector unit, and a store stream.

Tiles run in program order. The arrays and the vector unit serve one accelerator only, so a tile's computation is
reserved as soon as all it waits for is known, even if that lies in the future; only DRAM needs events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ppsim.engine.kernel import Kernel
from ppsim.engine.servers import Channel, RequestQueue, Stream
from ppsim.engine.trace import Ends
from ppsim.mapping.program import Nest

#: a tile with its durations: weight bytes, input bytes, compute fs, vector fs, output bytes, opens an output tile
Timed = tuple[int, int, int, int, int, bool]
WEIGHTS, INPUTS = 0, 1
OUTPUT_SLOTS = 2


@dataclass(slots=True, eq=False)
class Item:
    """A nest in an accelerator's program order, with the stage it belongs to and that stage's DRAM rate."""

    stage: int
    nest: Nest
    kinds: Sequence[int]
    tiles: list[Timed]
    length: int
    rate: int
    loads: tuple[bool, bool]
    stores: bool
    last: bool
    weight_space: int
    input_space: int


@dataclass(slots=True, eq=False)
class Loader:
    """Where a load stream stands: its next tile, the space its tiles take, and which data is on chip.

    `occupied` bytes are loaded or being loaded; `releases` are the (time, bytes) of those known to become free.
    `in_use` are the bytes of the tile the arrays work on, `loading` those of the tile under way.
    """

    operand: int
    item: int = 0
    position: int = 0
    occupied: int = 0
    releases: deque[tuple[int, int]] = field(default_factory=deque)
    arrivals: deque[tuple[int, int]] = field(default_factory=deque)
    in_use: int = 0
    loading: int = 0

    def settle(self, now: int) -> None:
        """Forget releases that have happened."""
        releases = self.releases
        while releases and releases[0][0] <= now:
            self.occupied -= releases.popleft()[1]

    def earliest(self, size: int, capacity: int, now: int) -> int | None:
        """When `size` more bytes fit into `capacity`; None if that is not known yet."""
        self.settle(now)
        missing = self.occupied + size - capacity
        if missing <= 0:
            return now
        for time, freed in self.releases:
            missing -= freed
            if missing <= 0:
                return time
        return None

    def release(self, time: int) -> None:
        """The tile in use is done with at `time`."""
        self.releases.append((time, self.in_use))
        self.in_use = 0


class Accelerator:
    """The state of one accelerator and its five DMA streams."""

    def __init__(
        self,
        index: int,
        items: list[Item],
        kernel: Kernel,
        channel: Channel,
        quantum: int,
        latency: int,
        start: int,
        stages: int,
        stage_done: Callable[[int, int, int], None],
    ) -> None:
        self.index, self.items, self.latency, self.stage_done = index, items, latency, stage_done
        self.item = 0
        self.position = 0
        self.array_free = start
        self.vector_free = start
        self.ready = [False] * stages
        self.started = [-1] * stages
        self.output_slots: deque[int] = deque([start] * OUTPUT_SLOTS)
        self.stores = RequestQueue()
        self.sends, self.receives = RequestQueue(), RequestQueue()
        self.computed = Ends()
        self.loaders = (Loader(WEIGHTS), Loader(INPUTS))
        #: nests whose last tile is reserved: until when, and the room for weights they leave
        self.closing: deque[tuple[int, int]] = deque()
        self.on_resolve: Callable[[Accelerator, int], None] | None = None

        def stream(queue: RequestQueue) -> Stream:
            return Stream(kernel, channel, quantum, queue.next_request, queue.finished)

        self.weights = Stream(kernel, channel, quantum, self._next_weights, self._weights_loaded)
        self.inputs = Stream(kernel, channel, quantum, self._next_inputs, self._inputs_loaded)
        self.outputs = stream(self.stores)
        self.exchange_reads = stream(self.sends)
        self.exchange_writes = stream(self.receives)
        self.streams = (self.weights, self.inputs, self.outputs, self.exchange_reads, self.exchange_writes)

    # loading

    def _next_weights(self, now: int) -> tuple[int, int, int] | None:
        return self._next_load(self.loaders[WEIGHTS], now)

    def _next_inputs(self, now: int) -> tuple[int, int, int] | None:
        return self._next_load(self.loaders[INPUTS], now)

    def _next_load(self, loader: Loader, now: int) -> tuple[int, int, int] | None:
        """The next tile's load, once there is room for it; inputs also wait for the stage's inputs to be there."""
        operand, items = loader.operand, self.items
        while loader.item < len(items):
            item = items[loader.item]
            if item.loads[operand]:
                if operand == INPUTS and not self.ready[item.stage]:
                    return None
                kinds, tiles, position, length = item.kinds, item.tiles, loader.position, item.length
                while position < length:
                    size = tiles[kinds[position]][operand]
                    if size:
                        break
                    position += 1
                loader.position = position
                if position < length:
                    break
            loader.item += 1
            loader.position = 0
        else:
            return None
        if operand == WEIGHTS:
            earliest = self._room_for_weights(loader, size, now)
        else:
            earliest = loader.earliest(size, item.input_space, now)
        if earliest is None:
            return None
        if earliest <= now:
            loader.occupied += size
            loader.position += 1
            loader.loading = size
            if self.started[item.stage] < 0:
                self.started[item.stage] = now
        return size, item.rate, earliest

    def _room_for_weights(self, loader: Loader, size: int, now: int) -> int | None:
        """When `size` bytes of weights fit: tiles of several nests share the room that the tightest of them leaves."""
        closing = self.closing
        while closing and closing[0][0] <= now:
            closing.popleft()
        room = min(item.weight_space for item in self.items[self.item : loader.item + 1])
        best: int | None = None
        for time in (now, *(until for until, _ in closing)):
            capacity = min(room, *(space for until, space in closing if until > time), room)
            earliest = loader.earliest(size, capacity, now)
            if earliest is not None and (best is None or max(earliest, time) < best):
                best = max(earliest, time)
        return best

    def _weights_loaded(self, now: int) -> None:
        self._loaded(self.loaders[WEIGHTS], now)

    def _inputs_loaded(self, now: int) -> None:
        self._loaded(self.loaders[INPUTS], now)

    def _loaded(self, loader: Loader, now: int) -> None:
        loader.arrivals.append((now + self.latency, loader.loading))
        self.resolve(now)

    # computing

    def resolve(self, now: int) -> None:
        """Reserve the arrays and the vector unit for every tile whose data, slots and predecessors are known."""
        weights, inputs = self.loaders
        while self.item < len(self.items):
            item = self.items[self.item]
            if not self.ready[item.stage]:
                return
            position = self.position
            tile = item.tiles[item.kinds[position]]
            weight_bytes, input_bytes, compute, vector, output_bytes, opens = tile
            if (weight_bytes and not weights.arrivals) or (input_bytes and not inputs.arrivals):
                return
            if opens and item.stores and not self.output_slots:
                return
            start = self.array_free if self.array_free > now else now
            if weight_bytes:
                arrival, weights.in_use = weights.arrivals.popleft()
                start = max(start, arrival)
            if input_bytes:
                arrival, inputs.in_use = inputs.arrivals.popleft()
                start = max(start, arrival)
            if opens and item.stores:
                start = max(start, self.output_slots.popleft())
            if self.started[item.stage] < 0:
                self.started[item.stage] = start
            end = start + compute
            done = end
            if compute:
                self.array_free = end
            if vector:
                done = (self.vector_free if self.vector_free > end else end) + vector
                self.vector_free = done
            self.computed.append(done)
            self.position = position = position + 1
            over = position == item.length
            upcoming = None if over else item.tiles[item.kinds[position]]
            free_from = end if compute else done
            if weights.in_use and (upcoming is None or upcoming[WEIGHTS]):
                weights.release(free_from)
                self.weights.poke(now)
            if inputs.in_use and (upcoming is None or upcoming[INPUTS]):
                inputs.release(free_from)
                self.inputs.poke(now)
            last = over and item.last
            if output_bytes:
                self._store(output_bytes, item, done, last, now)
            if over:
                self.item += 1
                self.position = 0
                self.closing.append((done, item.weight_space))
                self.weights.poke(now)
                if last and not output_bytes:
                    self.stage_done(self.index, item.stage, done)
            if self.on_resolve is not None:
                self.on_resolve(self, now)

    def _store(self, size: int, item: Item, done: int, last: bool, now: int) -> None:
        def stored(at: int) -> None:
            self.output_slots.append(at + self.latency)
            if last:
                self.stage_done(self.index, item.stage, at + self.latency)
            self.resolve(at)

        self.stores.waiting.append((size, item.rate, done, stored))
        self.outputs.poke(now)
