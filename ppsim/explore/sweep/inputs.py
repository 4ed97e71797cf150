"""The files that a sweep's numbers come from, and their hashes: a sweep goes on only with the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ppsim.documents import is_file, locate, read, version
from ppsim.documents import names as known_names
from ppsim.errors import InputError
from ppsim.explore.fingerprint import hash_of
from ppsim.hardware.documents import SYSTEM_FORMAT, SYSTEMS, TABLES
from ppsim.workload.documents import WORKLOADS

#: (name as the specification or a system has it, SHA-256 in hexadecimal or `MISSING`) of what does not ship with ppsim
Inputs = tuple[tuple[str, str], ...]
#: stands for the hash of what is no file
MISSING = "missing"


def inputs_of(points: Iterable[Mapping[str, Any]]) -> Inputs:
    """The files that points name: workloads, models, systems and their energy tables; names of nothing are `MISSING`.

    What ships with ppsim is no input: the fingerprint covers it. Of a model, data in files beside it are none either:
    they are weights, and numbers do not depend on these.
    """
    workloads, systems, tables = set(), set(), set()
    for point in points:
        workloads.add(str(point["workload"]))
        systems.add(str(point["system"]))
        tables.add(_table_named_by(point.get("energy")))
    tables.update(_table_of(system) for system in systems)
    shipped = ((WORKLOADS, workloads), (SYSTEMS, systems), (TABLES, tables - {""}))
    # what ships with ppsim wins over a file of that name
    own = set().union(*(names.difference(known_names(folder)) for folder, names in shipped))
    return tuple(sorted((name, _hash_now(name)) for name in own))


def check(inputs: Inputs) -> None:
    """Raise InputError for a file that is not as it was when the sweep began."""
    for name, hashed in inputs:
        now = _hash_now(name)
        if now != hashed:
            what = "is there now" if hashed == MISSING else "is gone" if now == MISSING else "has changed"
            raise InputError(f"{name}: {what}, and was not so when the sweep began; start another sweep for it")


def _hash_now(name: str) -> str:
    try:
        return _hash(*version(Path(name))) if is_file(name) else MISSING
    except (InputError, OSError):
        return MISSING


@lru_cache(maxsize=256)
def _hash(path: str, changed_ns: int, size: int) -> str:
    return hash_of(Path(path))


def _table_named_by(energy: Any) -> str:
    """The energy table that a system's or a setting's `energy` names, without the node; empty if it names none."""
    name = energy.get("from") if isinstance(energy, Mapping) else energy
    if not isinstance(name, str):
        return ""
    return name if is_file(name) else name.rpartition("@")[0] or name


def _table_of(system: str) -> str:
    try:
        return _table_named_by(read(locate(system, SYSTEMS, "system"), SYSTEM_FORMAT).get("energy"))
    except InputError:
        return ""
