"""An accelerator at work: two load streams into the scratchpad, arrays, a vector unit, and a store stream.

Tiles run in program order. The arrays and the vector unit serve one accelerator only, so a tile's computation is
reserved as soon as all it waits for is known, even if that lies in the future; only DRAM needs events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ppsim.engine.kernel import Kernel
from ppsim.engine.loading import INPUTS, WEIGHTS, Item, LoadStream
from ppsim.engine.servers import Channel, QueueStream
from ppsim.engine.trace import Ends

OUTPUT_SLOTS = 2


class Accelerator:
    """The state of one accelerator and its five DMA streams.

    `item` and `position` are the next tile to reserve; `ready[s]` says that the inputs of stage s are there. When a
    stage's last tile (or store) is reserved, `stage_done(accelerator, stage, time)` is told when it will be over.
    """

    __slots__ = (
        "adding_fs",
        "array_free",
        "computed",
        "ending",
        "exchange_reads",
        "exchange_writes",
        "index",
        "inputs",
        "item",
        "items",
        "latency",
        "on_turn",
        "output_slots",
        "outputs",
        "position",
        "ready",
        "stage_done",
        "started",
        "turn_at",
        "vector_free",
        "weights",
    )

    def __init__(
        self,
        index: int,
        items: list[Item],
        kernel: Kernel,
        channel: Channel,
        latency: int,
        start: int,
        stages: int,
        stage_done: Callable[[int, int, int], None],
        adding_fs: Callable[[int], int],
    ) -> None:
        self.index, self.items, self.latency, self.stage_done = index, items, latency, stage_done
        #: time the vector unit takes to add that many numbers to others
        self.adding_fs = adding_fs
        self.item = self.position = 0
        self.array_free = self.vector_free = start
        self.ready = [False] * stages
        self.started = [-1] * stages
        self.output_slots: deque[int] = deque([start] * OUTPUT_SLOTS)
        #: stages whose last store is asked for
        self.ending: deque[int] = deque()
        self.computed = Ends()
        self.weights = LoadStream(WEIGHTS, self, kernel, channel)
        self.inputs = LoadStream(INPUTS, self, kernel, channel)
        self.outputs = QueueStream(kernel, channel)
        self.exchange_reads = QueueStream(kernel, channel)
        self.exchange_writes = QueueStream(kernel, channel)
        #: the tile at which `on_turn` is called, once all before it are reserved
        self.turn_at = items[0].first_turn if items else -1
        self.on_turn: Callable[[Accelerator], None] | None = None

    @property
    def streams(self) -> tuple[LoadStream, LoadStream, QueueStream, QueueStream, QueueStream]:
        """All streams, in the order of `trace.SERVERS`."""
        return self.weights, self.inputs, self.outputs, self.exchange_reads, self.exchange_writes

    def ends(self) -> list[Ends]:
        """Task ends of the arrays and of all streams."""
        return [self.computed, *(stream.ends for stream in self.streams)]

    def resolve(self, now: int) -> None:
        """Reserve the arrays and the vector unit for every tile whose data, slots and predecessors are known."""
        items = self.items
        if self.item >= len(items) or not self.ready[items[self.item].stage]:
            return
        weights, inputs = self.weights, self.inputs
        item, position = items[self.item], self.position
        tile = item.tiles[item.kinds[position]]
        while True:
            weight_bytes, input_bytes, compute, vector, output_bytes, opens = tile
            if (weight_bytes and not weights.arrivals) or (input_bytes and not inputs.arrivals):
                return
            opens = opens and item.stores
            if opens and not self.output_slots:
                return
            end = self.array_free if self.array_free > now else now
            if weight_bytes:
                arrival, weights.in_use = weights.arrivals.popleft()
                if arrival > end:
                    end = arrival
            if input_bytes:
                arrival, inputs.in_use = inputs.arrivals.popleft()
                if arrival > end:
                    end = arrival
            if opens and (slot := self.output_slots.popleft()) > end:
                end = slot
            if position == 0 and self.started[item.stage] < 0:
                self.started[item.stage] = end
            done = end = end + compute
            if compute:
                self.array_free = end
            if vector:
                done = (self.vector_free if self.vector_free > end else end) + vector
                self.vector_free = done
            self.computed.recorded.append(done)
            self.position = position = position + 1
            over = position == item.length
            if not over:
                tile = item.tiles[item.kinds[position]]
            elif self.vector_free > done:  # the vector unit still works on a tile before
                done = self.vector_free
            if weights.in_use and (over or tile[WEIGHTS]):
                weights.release(end if compute else done, now)
            if inputs.in_use and (over or tile[INPUTS]):
                inputs.release(end if compute else done, now)
            if output_bytes:
                follows = self._stored
                if over and item.last:
                    self.ending.append(item.stage)
                    follows = self._last_stored
                self.outputs.ask(output_bytes, item.rate, done, follows, now)
            if over:
                if not self._next_item(item, done, bool(output_bytes), now):
                    return
                item, position = items[self.item], 0
                tile = item.tiles[item.kinds[0]]
            elif position == self.turn_at and self.on_turn is not None:
                self.on_turn(self)

    def _next_item(self, item: Item, done: int, stored: bool, now: int) -> bool:
        """Go on to the next nest; whether its tiles may be reserved already."""
        self.weights.closing.append((done, item.space[WEIGHTS]))
        if item.last and not stored:
            self.stage_done(self.index, item.stage, done)
        self.item += 1
        self.position = 0
        self.weights.poke(now)
        if self.item >= len(self.items):
            return False
        upcoming = self.items[self.item]
        self.turn_at = upcoming.first_turn
        return self.ready[upcoming.stage]

    def _stored(self, now: int) -> None:
        self.output_slots.append(now + self.latency)
        self.resolve(now)

    def _last_stored(self, now: int) -> None:
        """A stage's stores are served in order, so it is over with the last of them."""
        self.stage_done(self.index, self.ending.popleft(), now + self.latency)
        self._stored(now)
