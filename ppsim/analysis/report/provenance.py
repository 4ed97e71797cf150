"""Where numbers come from: versions, hashes and the specification, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ppsim.analysis.report.naming import shortened
from ppsim.analysis.report.parts import Section

#: lines, characters of a line and of a specification that a page has room for
MOST_LINES, LINE, LISTING = 200, 300, 20_000
#: what was asked for, and stands as it is
ASKED = ("spec", "asked")
NAMES = {
    "ppsim": "ppsim version",
    "python": "Python version",
    "code_sha256": "ppsim's code and documents, SHA-256",
    "spec_sha256": "specification, SHA-256",
    "inputs_sha256": "input file, SHA-256",
    "format": "format",
    "points": "points of the sweep",
}
NOT_MODELLED = (
    "Not modelled: DRAM refresh, banks and row misses, back-pressure on links, SRAM bank conflicts, inputs pipelined "
    "over layers, voltage and temperature. The documentation's page on the model lists what is left out; its page on "
    "fidelity says how far numbers are from those of other simulators and of measured hardware."
)


def provenance_section(provenance: Mapping[str, Any]) -> Section:
    """Versions and hashes as lines, what was asked for as it is, and what is not modelled."""
    lines = list(_lines({key: value for key, value in provenance.items() if key not in ASKED}))
    asked = {key: provenance[key] for key in ASKED if key in provenance}
    listing = "\n".join(_listed(value) for value in asked.values())
    if len(listing) > LISTING:
        listing = f"{listing[:LISTING]}\n(cut here)"
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES:,} more"]
    if not provenance:
        lines = ["The file does not say."]
    return Section("provenance", "Where these numbers come from", (NOT_MODELLED,), lines=tuple(lines), listing=listing)


def _listed(asked: Any) -> str:
    """A specification as YAML, an entry a line, without what it leaves to defaults."""
    if not isinstance(asked, Mapping):
        return _inline(asked)
    lines = []
    for key, value in asked.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{key}:", *(f"  {inner}: {_inline(one)}" for inner, one in value.items())]
        elif value not in (None, {}, [], ""):
            lines.append(f"{key}: {_inline(value)}")
    return "\n".join(lines)


def _inline(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        name = NAMES.get(key, key)
        if isinstance(value, Mapping):
            yield from (shortened(f"{name}: {inner}: {one}", LINE) for inner, one in value.items())
        else:
            yield shortened(f"{name}: {value}", LINE)
