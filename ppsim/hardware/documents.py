"""Systems and energy tables from documents, with any field changed by its path."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

from ppsim.documents import dump, locate, read, set_path, validate
from ppsim.errors import InputError
from ppsim.hardware.energy import EnergyTable
from ppsim.hardware.system import System

SYSTEMS = "accelerators"
TABLES = "accelerators/energy"
SYSTEM_FORMAT = "ppsim-system/1"
TABLE_FORMAT = "ppsim-energy/1"


def load_system(name: str, accelerators: int | None = None, set: Mapping[str, Any] | None = None) -> System:
    """The system called `name`, or in the file of that path.

    `accelerators` overrides how many there are; `set` changes any field by its path, as in {"dram.latency_ns": 0} or
    {"energy": "eyeriss-65nm"}. Raises InputError naming the file, the key and the accepted values.
    """
    document = deepcopy(_system_document(name))
    settings = dict(set or {})
    if accelerators is not None:
        settings["accelerators"] = accelerators
    return _build(document, settings, str(name))


def load_energy_table(name: str) -> EnergyTable:
    """The energy table called `name`, or in the file of that path."""
    return validate(EnergyTable, deepcopy(_table_document(name)), f"energy table {name}")


def system_with(system: System, settings: Mapping[str, Any]) -> System:
    """`system` with fields changed by path."""
    return _build(dump(system), settings, system.name)


def _build(document: dict[str, Any], settings: Mapping[str, Any], where: str) -> System:
    settings = dict(settings)
    table = settings.pop("energy", document.get("energy"))
    if isinstance(table, str):
        table = deepcopy(_table_document(table))
    document["energy"] = table
    for path, value in settings.items():
        is_entry = path.startswith("energy.") and path.count(".") == 1 and isinstance(value, int | float)
        set_path(document, path, _user_entry(value) if is_entry else value, where)
    return validate(System, document, where)


def _user_entry(value: float) -> dict[str, Any]:
    return {"value": value, "source": "set by the user", "confidence": "set-by-user", "reason": "set by the user"}


@lru_cache(maxsize=64)
def _system_document(name: str) -> dict[str, Any]:
    path = locate(name, SYSTEMS, "system")
    document = read(path, SYSTEM_FORMAT)
    if not isinstance(document.get("energy"), str | dict):
        raise InputError(f"{path}: energy: give the name of an energy table, or a table")
    return document


@lru_cache(maxsize=64)
def _table_document(name: str) -> dict[str, Any]:
    return read(locate(name, TABLES, "energy table"), TABLE_FORMAT)
