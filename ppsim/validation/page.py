"""docs/fidelity.md: the table of checks, how each was made, and what is not modelled, in the frame of fidelity.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files

from ppsim.validation import wording
from ppsim.validation.contract import Case, Check
from ppsim.validation.limits import Limit
from ppsim.validation.references import tpu_v4

#: a check of up to so many cases is printed whole; of others, the worst
FEW, WORST = 8, 3


def page(checks: tuple[Check, ...], limits: Iterable[Limit], yardsticks: Iterable[tuple[str, str]]) -> str:
    """The page, as Markdown; the same arguments give the same text."""
    system = tpu_v4.device()
    return (
        files("ppsim.validation")
        .joinpath("fidelity.md")
        .read_text(encoding="utf-8")
        .format(
            table=_rows(wording.HEADS, map(wording.row, checks)),
            details="\n".join(_details(checks)),
            launch_us=f"{system.launch_us:g}",
            parameters=_rows(
                ("parameter", "what it is, and where it is from"),
                ((f"`{path}`", source) for path, source in system.sources.items()),
            ),
            yardsticks=_rows(("the repeated products", "error"), yardsticks),
            limits=_rows(
                ("left out", "in its place", "how large the error could be"),
                ((limit.left_out, limit.instead, limit.size) for limit in limits),
            ),
        )
    )


def _rows(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; an upright bar would end a cell."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _details(checks: tuple[Check, ...]) -> Iterator[str]:
    for reference in dict.fromkeys(check.reference for check in checks):
        mine = [check for check in checks if check.reference == reference]
        yield f"### {reference}\n"
        for source, confidence in dict.fromkeys((check.source, check.confidence) for check in mine):
            yield f"Expected ({confidence}): {source}.\n"
        for setting in dict.fromkeys(check.setting for check in mine):
            yield f"ppsim: {setting}.\n"
        shown = [(check, case) for check in mine for case in _shown(check)]
        if shown:
            yield _rows(("compared", "case", "expected", "modelled", "unit", "error"), (_case(*one) for one in shown))
        else:
            yield "All cases are exact.\n"


def _shown(check: Check) -> list[Case]:
    """All cases of a small check that has errors, the worst of a large one."""
    if check.max == 0:
        return []
    if len(check.cases) <= FEW:
        return list(check.cases)
    return sorted(check.cases, key=lambda case: -case.error)[:WORST]


def _case(check: Check, case: Case) -> tuple[str, ...]:
    few = len(check.cases) <= FEW
    compared = check.compared if few else f"{check.compared}: worst of {len(check.cases)}"
    return compared, case.name, _number(case.expected), _number(case.modelled), case.unit, wording.percent(case.error)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"
