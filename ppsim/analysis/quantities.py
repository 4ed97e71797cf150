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
JOULES_IN_PJ = 1e-12


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
    return si(amount, "MAC") if unit == "MAC" else si(amount * JOULES_IN_PJ, "J")


def times(ratio: float) -> str:
    """A ratio: 0.95x, 7.62x, 253x."""
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{short(ratio)}x"


def percent(share: float) -> str:
    """A share of one as a percentage: 12.3 %."""
    return f"{100 * share:.1f} %"


def plain(text: str) -> str:
    """Text with the signs that every terminal has: what `typeset` put there, taken back."""
    return text.translate(_PLAIN)


_PLAIN = str.maketrans(
    {
        "\N{NO-BREAK SPACE}": " ",
        "\N{MICRO SIGN}": "u",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
    }
)


def typeset(quantity: str) -> str:
    """A quantity with the signs that a terminal may lack: 1.23 µs, 7.62×; its parts never part at the end of a line."""
    number, space, unit = quantity.partition(" ")
    if number.endswith("x"):
        number = f"{number[:-1]}\N{MULTIPLICATION SIGN}"
    if len(unit) > 1 and unit.startswith("u"):
        unit = f"\N{MICRO SIGN}{unit[1:]}"
    return f"{number}{space and chr(0xA0)}{unit}".replace("-", "\N{MINUS SIGN}", 1 if quantity.startswith("-") else 0)
