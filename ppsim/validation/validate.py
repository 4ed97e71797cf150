"""`validate`: run ppsim against every reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppsim.errors import InputError
from ppsim.validation.contract import Check
from ppsim.validation.references import REFERENCES
from ppsim.validation.wording import summary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Validation:
    """The checks of a validation, in the order of the references."""

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether no bound is broken."""
        return all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, all cases in it, for JSON."""
        return {"holds": self.holds, "checks": [check.to_dict() for check in self.checks]}

    def to_frame(self) -> pd.DataFrame:
        """One row a case: what it is of, numbers, unit, error, and whether its check holds."""
        import pandas as pd

        rows = []
        for check in self.checks:
            about = {"reference": check.reference, "compared": check.compared, "holds": check.holds}
            rows += [{**about, **case.to_dict()} for case in check.cases]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """How many bounds hold, and which do not."""
        return "\n".join(summary(self.checks))


def validate(only: str | Sequence[str] | None = None, progress: Callable[[int, int], None] | None = None) -> Validation:
    """The checks of all references, or of those named; `REFERENCES` has the names.

    `progress` is called with the number of references done and their number. Raises InputError for an unknown name.
    """
    wanted = [only] if isinstance(only, str) else list(only or ())
    for name in wanted:
        if name not in REFERENCES:
            raise InputError(f"reference {name!r} is unknown; known: {', '.join(REFERENCES)}")
    names = [name for name in REFERENCES if not wanted or name in wanted]
    report = progress or (lambda done, total: None)
    checks: list[Check] = []
    for done, name in enumerate(names):
        report(done, len(names))
        checks += REFERENCES[name]()
    report(len(names), len(names))
    return Validation(tuple(checks))
