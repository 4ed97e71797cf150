"""Errors and bounds in words, for the terminal and for pages."""

from __future__ import annotations

from ppsim.validation.contract import Check


def percent(share: float) -> str:
    """A share of one with two significant digits, or all before the point: 0, 0.17 %, 6.4 %, 335 %."""
    if share == 0:
        return "0"
    if share == float("inf"):
        return "infinite"
    size = abs(100 * share)
    digits = 0 if size >= 9.95 else 1 if size >= 0.995 else 2 if size >= 0.0995 else 3
    return f"{100 * share:,.{digits}f} %"


def bound_of(check: Check) -> str:
    """The bounds of a check."""
    if check.max_bound == 0:
        return "exact"
    bounds = {"mean": check.mean_bound, "max.": check.max_bound}
    return ", ".join(f"{name} {100 * bound:g} %" for name, bound in bounds.items() if bound is not None) or "none"


def verdict(check: Check) -> str:
    """Whether the bounds of a check hold."""
    return ("held" if check.holds else "BROKEN") if check.bounded else "-"


#: of the table of checks
HEADS = ("against", "what is compared", "expected is", "cases", "mean error", "max. error", "bound", "verdict")


def row(check: Check) -> tuple[str, ...]:
    """A check in the table."""
    about = check.reference, check.compared, check.confidence, f"{len(check.cases):,}"
    return *about, percent(check.mean), percent(check.max), bound_of(check), verdict(check)


def summary(checks: tuple[Check, ...]) -> list[str]:
    """How many bounds hold, and the worst case of each that does not."""
    bounded = [check for check in checks if check.bounded]
    broken = [check for check in bounded if not check.holds]
    lines = [f"{len(bounded) - len(broken)} of {len(bounded)} bounds hold; rows without a bound are reported only."]
    for check in broken:
        worst = max(check.cases, key=lambda case: case.error)
        lines.append(
            f"BROKEN: {check.reference}, {check.compared}: bound {bound_of(check)}, mean {percent(check.mean)}, max. "
            f"{percent(check.max)}; worst: {worst.name}: expected {worst.expected:g}, modelled {worst.modelled:g} "
            f"{worst.unit}"
        )
    return lines
