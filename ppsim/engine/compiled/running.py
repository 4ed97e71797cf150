"""`compiled`: a Program through the compiled loop, into a Trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, overload

from ppsim.engine.compiled import columns as c
from ppsim.engine.compiled.columns import Ints
from ppsim.engine.compiled.image import Image, image_of
from ppsim.engine.compiled.memory import rows_of
from ppsim.engine.trace import SERVERS, ChannelUse, Ends, LinkUse, Trace
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.mapping.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable

#: tiles of a run; a tile takes about 100 bytes
MOST_TILES = 1 << 20


@cache
def _loop() -> Callable[[Ints, int], None]:
    with needs("compiled", "the compiled engine"):
        from ppsim.engine.compiled import loop
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return loop.compiled(sha256(sources).hexdigest())


def loaded() -> bool:
    """Whether the loop is ready in this process."""
    return _loop.cache_info().currsize > 0


def tiles_of(program: Program) -> int:
    """Tiles of a run, all accelerators together."""
    return sum([stage.work.tiles for stage in program.stages])


def compiled(program: Program) -> Trace:
    """Simulate a Program; raises InputError without the extra, TooLongError beyond what it can hold."""
    simulate = _loop()
    if tiles_of(program) > MOST_TILES:
        raise TooLongError(
            f"engine='compiled': more than {MOST_TILES:,} tiles; accepted here: auto, shortcuts, reference"
        )
    try:
        image, memory = image_of(program)
    except OverflowError:
        raise TooLongError(
            "engine='compiled': this run may not fit 64-bit integers; accepted here: auto, shortcuts, reference"
        ) from None
    simulate(memory, program.system.launch_fs)
    return _trace(program, image, memory)


class TooLongError(InputError):
    """A run that the compiled loop cannot do."""


def _trace(program: Program, image: Image, memory: Ints) -> Trace:
    """What happened, as the memory has it afterwards."""
    stages, count = program.stages, program.system.accelerators

    def table(address: int, rows: int, columns: int) -> Ints:
        return rows_of(memory, int(memory[address]), rows, columns)

    places = table(c.PLACES, len(stages) * count, c.PLACE_COLUMNS)
    times = places[:, [c.STARTED, c.FINISHED, c.DELIVERED]].reshape(len(stages), count, 3).transpose(2, 0, 1).tolist()
    started, finished, delivered = (tuple(map(tuple, of)) for of in times)
    messages = table(c.MESSAGES, image.sent.messages, c.MESSAGE_COLUMNS)
    channels = table(c.CHANNELS, program.system.channels, c.CHANNEL_COLUMNS)
    links = table(c.LINKS, len(program.links), c.LINK_COLUMNS)
    return Trace(
        program=program,
        end_fs=int(places[:, c.DELIVERED].max()),
        ends=_AllEnds(image, memory),
        messages=_split(messages[:, c.ARRIVAL].tolist(), [len(stage.messages) for stage in stages]),
        started=started,
        finished=finished,
        delivered=delivered,
        channels=tuple([ChannelUse(*row) for row in channels[:, [c.BUSY, c.BYTES, c.QUANTA]].tolist()]),
        links=tuple([LinkUse(*row) for row in links[:, [c.BUSY, c.BYTES]].tolist()]),
        events=int(memory[c.EVENTS]),
        shortcuts={},
    )


class _AllEnds(Sequence[Mapping[str, Ends]]):
    """Ends of all tasks, by accelerator; made when they are first asked for, which most runs never are."""

    def __init__(self, image: Image, memory: Ints) -> None:
        self._image, self._memory = image, memory

    def __len__(self) -> int:
        return len(self._image.work.units)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Ends]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Ends]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Ends] | Sequence[Mapping[str, Ends]]:
        return self._made[index]

    @cached_property
    def _made(self) -> tuple[dict[str, Ends], ...]:
        """In the order of `SERVERS`: all tasks that there could be have been done."""
        begins, sent = self._image.work.begins, self._image.sent
        by_server = (
            (begins[:, 0], c.LOAD_COLUMNS, c.LOAD_END),
            (begins[:, 1], c.LOAD_COLUMNS, c.LOAD_END),
            (begins[:, 2], c.STORE_COLUMNS, c.STORE_END),
            (sent.reads, c.ASKED_COLUMNS, c.ASKED_END),
            (sent.writes, c.ASKED_COLUMNS, c.ASKED_END),
            (begins[:, 3], 1, 0),
        )
        lists = []
        for addresses, columns, column in by_server:
            first = int(addresses[0])
            ends = self._memory[first + column : int(addresses[-1]) : columns].tolist()
            places = ((addresses - first) // columns).tolist()
            lists.append([Ends(ends[a:b]) for a, b in pairwise(places)])
        return tuple([dict(zip(SERVERS, of, strict=True)) for of in zip(*lists, strict=True)])


def _split(values: Sequence[int], lengths: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    ends = [0, *accumulate(lengths)]
    return tuple(tuple(values[a:b]) for a, b in pairwise(ends))
