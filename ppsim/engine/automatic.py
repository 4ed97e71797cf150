"""Which engine is faster: machine code takes half a second to load, and what repeats often is better skipped."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.util import find_spec

from ppsim.engine.compiled.running import MOST_TILES, TooLongError, compiled, loaded, tiles_of
from ppsim.engine.interpreted import shortcuts
from ppsim.engine.trace import Trace
from ppsim.mapping.program import Program

#: events that take Python longer than it takes to load the compiled loop
WORTH_LOADING = 200_000


class _Handled:
    """Events that a process has handled in Python so far."""

    events = 0


def automatic(program: Program) -> Trace:
    """Simulate a Program by the engine that is likely to be faster.

    The compiled one once it is loaded; it is loaded for a long run, or when many short ones have come to as much.
    """
    tiles = tiles_of(program) if _installed() else MOST_TILES
    if tiles < MOST_TILES and (loaded() or _Handled.events + tiles > WORTH_LOADING):
        with suppress(TooLongError):
            return compiled(program)
    trace = shortcuts(program)
    _Handled.events += trace.events
    return trace


@cache
def _installed() -> bool:
    return find_spec("numba") is not None
