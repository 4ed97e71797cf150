"""The load streams of an accelerator: which tile comes next, and when there is room for it in the scratchpad."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppsim.engine.kernel import Kernel
from ppsim.engine.loops import Loop
from ppsim.engine.servers import IDLE, Channel, Stream
from ppsim.mapping.program import Nest

if TYPE_CHECKING:
    from ppsim.engine.accelerator import Accelerator

#: a tile with its durations: weight bytes, input bytes, compute fs, vector fs, output bytes, opens an output tile
Timed = tuple[int, int, int, int, int, bool]
WEIGHTS, INPUTS = 0, 1


@dataclass(slots=True, eq=False)
class Item:
    """A nest in an accelerator's program order, with the stage it belongs to and that stage's DRAM rate.

    `loads` and `waits` say of weights and of inputs whether any are loaded, and whether they are there only when the
    stage's inputs have been delivered.
    """

    stage: int
    nest: Nest
    kinds: Sequence[int]
    tiles: tuple[Timed, ...]
    length: int
    rate: int
    loads: tuple[bool, bool]
    waits: tuple[bool, bool]
    stores: bool
    last: bool
    space: tuple[int, int]
    loop: Loop | None

    @property
    def first_turn(self) -> int:
        """The tile at which the loop to collapse turns for the first time; -1 if there is none."""
        return self.loop.unit if self.loop else -1


class LoadStream(Stream):
    """Loads the weights or the inputs of tiles ahead of the arrays, as far as there is room.

    `occupied` bytes are loaded or being loaded; `releases` are the (time, bytes) of those known to become free.
    `arrivals` are the (time, bytes) of loaded tiles the arrays have not begun, `in_use` the bytes of the one they work
    on, `loading` those of the one under way; `latest` is the nest of that one, or of the one before.
    """

    __slots__ = (
        "arrivals",
        "closing",
        "in_use",
        "item",
        "latest",
        "loading",
        "occupied",
        "operand",
        "position",
        "releases",
        "unit",
    )

    def __init__(self, operand: int, unit: Accelerator, kernel: Kernel, channel: Channel) -> None:
        super().__init__(kernel, channel)
        self.operand, self.unit = operand, unit
        self.item = self.latest = self.position = self.occupied = self.in_use = self.loading = 0
        self.releases: deque[tuple[int, int]] = deque()
        self.arrivals: deque[tuple[int, int]] = deque()
        #: nests whose last tile is reserved but not over: until when, and the room they leave
        self.closing: deque[tuple[int, int]] = deque()

    def start(self, now: int) -> int:
        """The next tile's load, once there is room; what depends on the stage before waits for the stage's inputs."""
        unit, operand = self.unit, self.operand
        items = unit.items
        while self.item < len(items):
            item = items[self.item]
            if item.loads[operand]:
                if item.waits[operand] and not unit.ready[item.stage]:
                    return 0
                kinds, tiles, position, length = item.kinds, item.tiles, self.position, item.length
                while position < length:
                    if size := tiles[kinds[position]][operand]:
                        break
                    position += 1
                self.position = position
                if position < length:
                    break
            self.item += 1
            self.position = 0
        else:
            return 0
        releases = self.releases
        while releases and releases[0][0] <= now:
            self.occupied -= releases.popleft()[1]
        if operand == WEIGHTS and (self.closing or unit.item < self.item):
            earliest = self._shared_room_from(size, now)
        else:
            earliest = self._room_from(size, item.space[operand], now)
        if earliest > now:
            self.wake_at(earliest)
            return 0
        if earliest < 0:
            return 0
        self.occupied += size
        self.position = position + 1
        self.loading = size
        self.latest = self.item
        self.rate = item.rate
        if not 0 <= unit.started[item.stage] <= now:  # a first tile that loads nothing may be reserved for later
            unit.started[item.stage] = now
        return size

    def _room_from(self, size: int, room: int, now: int) -> int:
        """When `size` more bytes fit into `room`; -1 if that is not known yet."""
        missing = self.occupied + size - room
        if missing <= 0:
            return now
        for time, freed in self.releases:
            missing -= freed
            if missing <= 0:
                return time
        return -1

    def _shared_room_from(self, size: int, now: int) -> int:
        """The same while tiles of several nests are on chip: the one that leaves the least room for weights counts."""
        closing, items = self.closing, self.unit.items
        while closing and closing[0][0] <= now:
            closing.popleft()
        room = items[self.item].space[WEIGHTS]
        for number in range(self.unit.item, self.item):
            space = items[number].space[WEIGHTS]
            if space < room:
                room = space
        if not closing:
            return self._room_from(size, room, now)
        best = -1
        for time in (now, *(until for until, _ in closing)):
            tightest = min((space for until, space in closing if until > time), default=room)
            fits = self._room_from(size, min(room, tightest), now)
            if fits >= 0 and (best < 0 or max(fits, time) < best):
                best = max(fits, time)
        return best

    def settle(self, now: int) -> None:
        """Forget releases that have happened."""
        releases = self.releases
        while releases and releases[0][0] <= now:
            self.occupied -= releases.popleft()[1]

    def served(self, now: int) -> None:
        """The data is there one latency from now: the arrays can be reserved for it."""
        self.arrivals.append((now + self.unit.latency, self.loading))
        self.unit.resolve(now)

    def release(self, time: int, now: int) -> None:
        """The tile in use is done with at `time`."""
        self.releases.append((time, self.in_use))
        self.in_use = 0
        if self.state == IDLE:
            self.poke(now)
