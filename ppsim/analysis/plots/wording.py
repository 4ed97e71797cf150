"""What axes, columns and values are called in figures."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

#: ends of a path or a column, and the unit they stand for; longer ones first
UNITS = {
    "bytes_per_cycle": "B/cycle",
    "bytes_per_s": "B/s",
    "macs_per_s": "MAC/s",
    "pj_per_bit": "pJ/bit",
    "gb_s": "GB/s",
    "seconds": "s",
    "mhz": "MHz",
    "kib": "KiB",
    "mm2": "mm²",
    "bytes": "bytes",
    "us": "µs",
    "ns": "ns",
    "pj": "pJ",
    "w": "W",
}
#: name and unit of columns that are not called by their name
COLUMNS = {
    "accelerators": ("accelerators P", ""),
    "parts": ("parts P", ""),
    "keep": ("kept share of the weights", ""),
    "seconds": ("latency", "s"),
    "speedup": ("speedup", "times"),
    "energy_reduction": ("energy reduction", "times"),
    "pruning": ("speedup by pruning alone", "times"),
    "area_mm2": ("area proxy", "mm²"),
    "dram_bytes_per_s": ("DRAM bandwidth of all channels", "B/s"),
    "peak_macs_per_s": ("peak of all arrays", "MAC/s"),
    "macs": ("multiply-accumulates", ""),
    "bound": ("bound by", ""),
}
#: what P is where there is a part for each accelerator
BOTH, P_BOTH = {"parts", "accelerators"}, "parts and accelerators P"
ABBREVIATIONS = {"dram": "DRAM", "sram": "SRAM", "mac": "MAC", "macs": "MACs", "pe": "PE"}
#: characters of a value or an axis that are shown
MOST = 28


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: a dollar sign begins no formula, an underscore in front hides no key."""
    text = text.replace("$", r"\$")
    return f"\N{HAIR SPACE}{text}" if text.startswith("_") else text


def shortened(text: str, most: int = MOST) -> str:
    """Text of at most that many characters; of what is longer, the beginning and the end."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def named(path: str) -> str:
    """The field at a path, or a column, with its unit: `dram.bandwidth_gb_s` is "DRAM bandwidth (GB/s)"."""
    name, unit = name_and_unit(path)
    return f"{name} ({unit})" if unit else name


def placed(paths: Sequence[str], text: str, each: bool = False) -> str:
    """Fields and the value they share, or the values they have each: "DRAM bandwidth = 16 GB/s"."""
    unit = "" if set(paths) == BOTH or each else name_and_unit(paths[0])[1]
    return f"{joined(paths, each, units=each)} = {text} {unit}".rstrip()


def name_and_unit(path: str) -> tuple[str, str]:
    """What the field at a path, or a column, is called, and its unit or nothing."""
    if path in COLUMNS:
        return COLUMNS[path]
    end = next((end for end in UNITS if path.endswith((f"_{end}", f".{end}"))), "")
    words = (path[: -len(end) - 1] if end else path).replace(".", " ").replace("_", " ").split()
    name = " ".join(ABBREVIATIONS.get(word, word) for word in words) or path
    return plain(shortened(name, 2 * MOST)), UNITS.get(end, "")


def joined(paths: Sequence[str], each: bool = False, units: bool = True) -> str:
    """What fields are called that share their value, or that have one each; with units or without."""
    if set(paths) == BOTH and not each:
        return P_BOTH
    return (" / " if each else " = ").join(named(path) if units else name_and_unit(path)[0] for path in paths)


def said(value: Any) -> str:
    """A value of an axis in a few characters: four digits of numbers, all of integers."""
    if isinstance(value, tuple):
        return " / ".join(map(said, value))
    if value is None or (isinstance(value, float) and isnan(value)):
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return plain(shortened(str(value)))


def listed(items: Sequence[str]) -> str:
    """Such as "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
