"""Quantities as people read them: three digits, a prefix, a unit."""

from __future__ import annotations

PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "u"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def short(value: float) -> str:
    """Three significant digits or all digits before the point, with thousands separators: 0.0123, 1.23, 12.3, 1,234."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else None
    return f"{value:.3g}" if digits is None else f"{value:,.{digits}f}"


def prefix_of(value: float) -> tuple[float, str]:
    """The SI prefix a value is written with, as (factor, letter); micro is u."""
    return next((p for p in PREFIXES if abs(value) >= p[0]), PREFIXES[-1] if value else (1.0, ""))


def si(value: float, unit: str) -> str:
    """A value with an SI prefix: 1.23 mJ; below 1000 integers as they are: 14 B."""
    factor, letter = prefix_of(value)
    number = str(value) if isinstance(value, int) and factor == 1 else short(value / factor)
    return f"{number} {letter}{unit}".rstrip()


def energy(amount: float, unit: str) -> str:
    """An energy in joules, from pJ; or in multiply-accumulates, of a table that counts these."""
    return si(amount, "MAC") if unit == "MAC" else si(amount * 1e-12, "J")


def times(ratio: float) -> str:
    """A ratio: 0.95x, 7.62x, 253x."""
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{short(ratio)}x"


def percent(share: float) -> str:
    """A share of one as a percentage: 12.3 %."""
    return f"{100 * share:.1f} %"
