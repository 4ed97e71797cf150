"""What fields are called, and their values with their units."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from ppsim.analysis.plots.wording import ABBREVIATIONS, UNITS

#: characters of a name that have room in a chart or a table
ROOM = 40
SHARING = ("dram.sharing", "dram")
#: fields whose path does not say what they are
KNOWN = {"keep": ("weights kept", "share"), "energy": ("energy table", "")}


def field(path: str) -> tuple[str, str]:
    """The name and the unit of the field at a path: "DRAM bandwidth" and "GB/s" for dram.bandwidth_gb_s."""
    if path in KNOWN:
        return KNOWN[path]
    unit = next((end for end in UNITS if path.endswith((f"_{end}", f".{end}"))), None)
    stem = path[: -len(unit) - 1] if unit else path
    words = stem.replace(".", " ").replace("_", " ").split()
    return " ".join(ABBREVIATIONS.get(one, one) for one in words) or path, UNITS[unit] if unit else ""


def value_told(value: Any) -> str:
    """A value of a field: four digits of numbers that are not whole."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def setting_told(setting: Iterable[tuple[str, Any]]) -> str:
    """Such as "array rows 32, DRAM bandwidth 16 GB/s"."""
    return ", ".join(_one(path, value) for path, value in setting)


def _one(path: str, value: Any) -> str:
    name, unit = field(path)
    if path in SHARING:
        return sharing_told(value)
    return f"{name} {value_told(value)}{f' {unit}' if unit and unit != 'share' else ''}"


def sharing_told(value: Any) -> str:
    """Who is behind a DRAM channel."""
    if value in ("private", "shared"):
        return f"{value} DRAM"
    return f"a DRAM channel for every {value_told(value)} accelerators"


def case_told(case: Iterable[tuple[str, Any]]) -> str:
    """What runs and how DRAM is shared, such as "private DRAM" or "shared DRAM, batch 4"."""
    words = []
    for path, value in case:
        if path == "scope":
            words.append("pruned layers alone" if value == "pruned-layers" else "whole network")
        elif path == "workload":
            words.append(shortened(str(value)))
        elif path == "parts":
            words.append(f"{value_told(value)} parts" if value != 1 else "not cut")
        else:
            words.append(_one(path, value))
    return ", ".join(words)


def count_told(count: int, noun: str) -> str:
    """Such as "8 accelerators" or "1 part"."""
    return f"{count:,} {noun if count != 1 else noun.removesuffix('s')}"


def listed(items: list[str]) -> str:
    """Such as "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def shortened(text: str, room: int = ROOM) -> str:
    """Text of at most that many characters; of what is longer, the beginning and the end."""
    if len(text) <= room:
        return text
    head = (room - 1) // 2
    return f"{text[:head]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - (room - 1 - head) :]}"


def label(text: str, room: int = ROOM) -> str:
    """Text for a chart, where plotly takes tags for tags: with none in it."""
    return escape(shortened(text, room), quote=False)
