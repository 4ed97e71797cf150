"""The files that a sweep's numbers come from, and their hashes: a sweep goes on only with the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ppsim.documents import locate, read
from ppsim.documents import names as known_names
from ppsim.errors import InputError
from ppsim.explore.fingerprint import hash_of
from ppsim.hardware.documents import SYSTEM_FORMAT, SYSTEMS, TABLES
from ppsim.workload.documents import WORKLOADS

#: (name as the specification or a system has it, SHA-256 in hexadecimal) of each file that does not ship with ppsim
Inputs = tuple[tuple[str, str], ...]


def inputs_of(points: Iterable[Mapping[str, Any]]) -> Inputs:
    """The files that points name: workloads, models, systems and their energy tables.

    Names of what ships with ppsim are none of them. Names of nothing are left out: their points fail by themselves.
    """
    workloads, systems, tables = set(), set(), set()
    for point in points:
        workloads.add(str(point["workload"]))
        systems.add(str(point["system"]))
        tables.add(_table_named_by(point.get("energy")))
    tables.update(_table_of(system) for system in systems)
    named: dict[str, str] = {}
    for folder, names in ((WORKLOADS, workloads), (SYSTEMS, systems), (TABLES, tables)):
        for name in names:
            path = Path(name)
            # what ships with ppsim is part of it, and wins over a file of that name
            if name not in known_names(folder) and path.is_file():
                named[name] = hash_of(path)
    return tuple(sorted(named.items()))


def _table_named_by(energy: Any) -> str:
    """The energy table that a system's or a setting's `energy` names, without the node; empty if it names none."""
    name = energy.get("from") if isinstance(energy, Mapping) else energy
    if not isinstance(name, str):
        return ""
    return name if Path(name).is_file() else name.rpartition("@")[0] or name


def _table_of(system: str) -> str:
    try:
        return _table_named_by(read(locate(system, SYSTEMS, "system"), SYSTEM_FORMAT).get("energy"))
    except InputError:
        return ""


@lru_cache(maxsize=16)
def check(inputs: Inputs) -> None:
    """Raise InputError for a file that is not as it was when the sweep began, or is not there."""
    for name, hashed in inputs:
        try:
            now = hash_of(Path(name))
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}; the sweep needs it as it was") from None
        if now != hashed:
            raise InputError(f"{name}: has changed since the sweep began; start another sweep for it as it is now")
