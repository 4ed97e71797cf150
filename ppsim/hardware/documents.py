"""Systems and energy tables from documents, with any field changed by its path."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ppsim.documents import dump, is_file, locate, quote, read, set_path, settings_of, validate, version
from ppsim.errors import InputError
from ppsim.hardware.energy import EnergyTable
from ppsim.hardware.memories import memory_called
from ppsim.hardware.system import System
from ppsim.hardware.technology import scale
from ppsim.specification import Specification

SYSTEMS = "accelerators"
TABLES = "accelerators/energy"
SYSTEM_FORMAT = "ppsim-system/1"
TABLE_FORMAT = "ppsim-energy/1"

_BY_USER = {"source": "set by the user", "confidence": "set-by-user"}


def load_system(name: str, accelerators: int | None = None, set: Mapping[str, Any] | None = None) -> System:
    """The system called `name`, or in the file of that path.

    `accelerators` overrides how many there are; `set` changes any field by its path, as in {"dram.latency_ns": 0},
    {"energy": "eyeriss-65nm"} or {"dram.memory": "hbm2-fgdram"}. `energy` is the name of a table, "NAME@16" for it at
    16 nm, an EnergyTable, or {"from": NAME, ...} with what differs from that table. A number set on its own wins over
    what the table or a memory brings. Raises InputError naming the file, the key and the accepted values.
    """
    document = deepcopy(_system_document(name))
    settings = settings_of(set, str(name))
    if accelerators is not None:
        settings["accelerators"] = accelerators
    return _build(document, settings, str(name), from_file=True)


def load_energy_table(name: str) -> EnergyTable:
    """The energy table called `name`, or in the file of that path; "NAME@16" scales it to 16 nm (see `scale`)."""
    return validate(EnergyTable, deepcopy(_table_document(str(name))), f"energy table {name}")


def system_with(system: System, settings: Mapping[str, Any]) -> System:
    """`system` with fields changed by path."""
    return _build(dump(system), settings_of(settings, system.name), system.name, from_file=False)


def _build(document: dict[str, Any], settings: Mapping[str, Any], where: str, from_file: bool) -> System:
    settings = {path: dump(value) if isinstance(value, Specification) else value for path, value in settings.items()}
    placed = {} if from_file else _memory_entries(document, where)
    renewed = from_file or not settings.keys().isdisjoint(("energy", "dram", "dram.memory"))
    has_new_table = "energy" in settings
    what = "energy table" if has_new_table else f"{where}: energy table"
    document["energy"] = _energy(settings.pop("energy", document.get("energy")), where, what)
    numbers = {path: value for path, value in settings.items() if path.startswith("energy.")}
    for path, value in settings.items():
        if path not in numbers:
            set_path(document, path, value, where)
    _count_groups(document, settings, where)
    _refuse_two_units(document, where)
    _place_memory(document, {} if has_new_table else placed, renewed, where)
    for path in sorted(numbers, key=lambda path: (path.count("."), not path.endswith(".value"))):
        _set_number(document, path, numbers[path], where)
    return validate(System, document, where)


def _count_groups(document: dict[str, Any], settings: Mapping[str, Any], where: str) -> None:
    """A heterogeneous system has as many accelerators as its groups together."""
    groups = document.get("groups")
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups) or not groups:
        return
    if "accelerators" in settings:
        named = ", ".join(f"{group.get('name')} ({group.get('count')})" for group in groups)
        raise InputError(
            f"{where}: accelerators={settings['accelerators']}: its accelerators are groups: {named}; "
            f"set groups.{groups[0].get('name')}.count instead"
        )
    counts = [group.get("count") for group in groups]
    if all(isinstance(count, int) for count in counts):
        document["accelerators"] = sum(counts)


def _energy(energy: Any, where: str, what: str) -> Any:
    """The mapping of an energy table from its name, or from the name of another (`from`) and what differs from that.

    `what` is what an error says that there is none of.
    """
    if isinstance(energy, str):
        return deepcopy(_table_document(energy, what))
    if not isinstance(energy, dict) or "from" not in energy:
        return energy
    if not isinstance(energy["from"], str):
        raise InputError(f"{where}: energy.from: give the name of an energy table, got {quote(energy['from'])}")
    differs = {key: value for key, value in energy.items() if key != "from"}
    return deepcopy(_table_document(energy["from"], what)) | differs


def _memory_entries(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What the memory that `dram.memory` names puts into the energy table; nothing where there is none."""
    dram = document.get("dram")
    name = dram.get("memory") if isinstance(dram, dict) else None
    bandwidth = dram.get("bandwidth_gb_s") if isinstance(dram, dict) else None
    if not isinstance(name, str) or not isinstance(bandwidth, int | float):
        return {}  # none named, or a mistake that validation explains
    memory = memory_called(name, where)
    entries = {"dram_pj_per_bit": memory.pj_per_bit, "dram_background_w": memory.background_at(bandwidth)}
    return {key: dump(entry) | {"source": f"memory {name}: {entry.source}"} for key, entry in entries.items()}


def _refuse_two_units(document: Mapping[str, Any], where: str) -> None:
    """Energies that a system brings are joules; a table that counts in multiply-accumulates has to do without them."""
    energy = document["energy"]
    if not isinstance(energy, dict) or energy.get("unit", "pJ") == "pJ":
        return
    for part, field in (("dram", "memory"), ("interconnect", "pj_per_bit")):
        owner = document.get(part)
        if isinstance(owner, dict) and owner.get(field) is not None:
            raise InputError(
                f"{where}: {part}.{field}: {owner[field]!r} is in joules, the energy table in {energy['unit']}s; "
                f"set {part}.{field} to null for the table's own number"
            )


def _place_memory(document: dict[str, Any], placed: Mapping[str, Any], renewed: bool, where: str) -> None:
    """Put the named memory's numbers in place of the table's.

    `placed` are those there before: unless all is `renewed`, a number that is no longer the memory's was set by the
    user and stays.
    """
    entries, energy = _memory_entries(document, where), document["energy"]
    if not isinstance(energy, dict):
        return
    for key, before in placed.items():
        if key not in entries and energy.get(key) == before:
            raise InputError(
                f"{where}: dram.memory: energy.{key} is the memory's and the table's is gone; set energy as well"
            )
    for key, entry in entries.items():
        if renewed or energy.get(key) == placed.get(key):
            energy[key] = entry


def _set_number(document: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set a field of the energy table; a number on its own, or in place of an entry's value, is the user's."""
    _, name, *below = path.split(".")
    if not below and isinstance(value, int | float):
        set_path(document, path, {"value": value, "reason": "set by the user", **_BY_USER}, where)
        return
    set_path(document, path, value, where)
    if below == ["value"]:
        document["energy"][name] = {"value": value, **_BY_USER}


def _system_document(name: str) -> dict[str, Any]:
    path = locate(name, SYSTEMS, "system")
    return _read_system(path, version(path))


@lru_cache(maxsize=64)
def _read_system(path: Path, version: tuple[str, int, int]) -> dict[str, Any]:
    document = read(path, SYSTEM_FORMAT)
    if not isinstance(document.get("energy"), str | dict):
        raise InputError(f"{path}: energy: give the name of an energy table, or a table")
    return document


def _table_document(name: str, what: str = "energy table") -> dict[str, Any]:
    base, node_nm = _split_node(name, what)
    path = locate(base, TABLES, what)
    return _read_table(path, version(path), node_nm)


@lru_cache(maxsize=64)
def _read_table(path: Path, version: tuple[str, int, int], node_nm: float | None) -> dict[str, Any]:
    document = read(path, TABLE_FORMAT)
    if node_nm is None:
        return document
    scaled: dict[str, Any] = dump(scale(validate(EnergyTable, document, f"energy table {path}"), node_nm))
    return scaled


def _split_node(name: str, what: str) -> tuple[str, float | None]:
    """ "horowitz-45nm@16" as ("horowitz-45nm", 16.0); a name without @, or a file called so, has no node."""
    base, at, node = name.rpartition("@")
    if not at or is_file(name):
        return name, None
    try:
        return base, float(node.removesuffix("nm"))
    except ValueError:
        raise InputError(
            f"{what} {name!r}: {node!r} is no node; after @ one in nm is accepted, as in {base}@16"
        ) from None
