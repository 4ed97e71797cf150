"""`run`: simulate a Program, by one of the engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ppsim.engine.automatic import automatic
from ppsim.engine.compiled.running import compiled
from ppsim.engine.interpreted import reference, shortcuts
from ppsim.engine.trace import Trace
from ppsim.errors import InputError
from ppsim.mapping.program import Program

#: all give the same numbers
ENGINES: Mapping[str, Callable[[Program], Trace]] = {
    "auto": automatic,
    "reference": reference,
    "shortcuts": shortcuts,
    "compiled": compiled,
}


def run(program: Program, engine: str = "auto") -> Trace:
    """Simulate a Program.

    `engine` is "auto", "reference" (Python, tile by tile), "shortcuts" (Python, where what repeats is skipped) or
    "compiled" (the reference as machine code, with the extra of that name). All give the same numbers; "auto" is the
    one that is faster. Raises InputError for another engine, or where the compiled one is not there or cannot do it.
    """
    if engine not in ENGINES:
        raise InputError(f"engine={engine!r} is unknown; accepted: {', '.join(ENGINES)}")
    return ENGINES[engine](program)
