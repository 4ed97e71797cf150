"""`validate`: run ppsim against every reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ppsim.errors import InputError
from ppsim.validation.contract import Check
from ppsim.validation.references import REFERENCES


def validate(
    only: Sequence[str] | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[Check, ...]:
    """The checks of all references, or of those named, in the order of `REFERENCES`.

    `progress` is called with the number of references done and their number. Raises InputError for an unknown name.
    """
    for name in only or ():
        if name not in REFERENCES:
            raise InputError(f"reference {name!r} is unknown; known: {', '.join(REFERENCES)}")
    names = [name for name in REFERENCES if not only or name in only]
    report = progress or (lambda done, total: None)
    checks: list[Check] = []
    for done, name in enumerate(names):
        report(done, len(names))
        checks += REFERENCES[name]()
    report(len(names), len(names))
    return tuple(checks)
