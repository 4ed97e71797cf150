"""The references by name, in the order of the table; a new one is a file here and a line below."""

from __future__ import annotations

from ppsim.validation.contract import Reference
from ppsim.validation.references import scalesim

REFERENCES: dict[str, Reference] = {
    "scalesim": scalesim.checks,
}
