"""Tables of file formats have the fields that documents may have, with their defaults, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import DOCS, ROOT, Page

from ppsim.cli import main
from ppsim.explore.assumptions import Grid
from ppsim.explore.reproduce import Experiment, reproduce
from ppsim.hardware.accelerator import Group
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.hardware.dram import DramSpec
from ppsim.hardware.energy import EnergyTable, Entry
from ppsim.hardware.interconnect import InterconnectSpec
from ppsim.hardware.memories import Memory
from ppsim.hardware.system import System
from ppsim.hardware.topologies import TOPOLOGIES, Edge
from ppsim.workload.documents import WorkloadDocument
from ppsim.workload.layer import Layer
from ppsim.workload.layers import LAYER_TYPES

TABLES = {
    ("system", "Of a system"): System,
    ("system", "Of `array`"): ArraySpec,
    ("system", "Of `buffer`"): BufferSpec,
    ("system", "Of `vector`"): VectorSpec,
    ("system", "Of `dram`"): DramSpec,
    ("system", "Of `interconnect`"): InterconnectSpec,
    ("system", "Links one by one"): Edge,
    ("system", "Accelerators that differ"): Group,
    ("energy", "Energy tables: `ppsim-energy/1`"): EnergyTable,
    ("energy", "An entry"): Entry,
    ("energy", "Memories"): Memory,
    ("workload", "Of a workload"): WorkloadDocument,
}

RESULTS: dict[str, tuple[list[str], list[str]]] = {
    # table below: the command, and where in its document
    "`ppsim run`": (["run", "lenet300", "-s", "tetris", "-p", "2"], []),
    "A layer": (["run", "lenet300", "-s", "tetris", "-p", "2"], ["layers"]),
    "A baseline": (["run", "lenet300", "-s", "tetris", "-p", "2"], ["baselines"]),
    "`ppsim prune`": (["prune", "mlp_mnist", "-p", "2", "--reduce", "fc3", "-o", "cut.json"], []),
    "`ppsim table`": (["table", "lenet300", "-s", "tetris", "-n", "1", "--step", "300", "-o", "table.csv"], []),
    "A gap": (["table", "lenet300", "-s", "tetris", "-n", "1", "--step", "300", "-o", "table.csv"], ["gaps"]),
    "`ppsim compare-methods`": (["compare-methods", "lenet300", "-n", "2", "--methods", "partition"], []),
    "A method": (["compare-methods", "lenet300", "-n", "2", "--methods", "partition"], ["rows"]),
    "A gain": (["compare-methods", "lenet300", "-n", "2", "--methods", "partition"], ["rows", "gains"]),
    "`ppsim validate`": (["validate", "--only", "npu"], []),
    "A check": (["validate", "--only", "npu"], ["checks"]),
}


class Needed(Enum):
    """Stands for no default."""

    NEEDED = "needed"


def section(page: str, heading: str) -> list[str]:
    """The lines of tables between a heading and the next one."""
    text = Page(DOCS / "formats" / f"{page}.md").prose
    (found,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    return [line for line in found.split("\n") if line.startswith("|") and not line.startswith("|---")]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in section(page, heading)[1:]]


def default_of(one: Field[Any]) -> Any:
    if one.default is not MISSING:
        return _plain(one.default)
    return _plain(one.default_factory()) if one.default_factory is not MISSING else Needed.NEEDED


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def shown_defaults(page: str, heading: str) -> Iterator[tuple[str, Any]]:
    for keys, _, default in rows(page, heading):
        value = Needed.NEEDED if default == "needed" else yaml.safe_load(re.fullmatch("`(.*)`", default)[1])  # type: ignore[index]
        for key in re.findall(r"`(\w+)`", keys):
            yield key, value


@pytest.mark.parametrize(("page", "heading"), TABLES)
def test_a_table_of_fields(page: str, heading: str) -> None:
    shown = list(shown_defaults(page, heading))
    assert sorted(key for key, _ in shown) == sorted(one.name for one in fields(TABLES[page, heading]))
    assert dict(shown) == {one.name: default_of(one) for one in fields(TABLES[page, heading])}


def test_types_of_layers() -> None:
    common = {one.name for one in fields(Layer)}
    assert {key for key, _ in shown_defaults("workload", "Of every layer")} == common | {"type"}
    table = {}
    for name, keys, _ in rows("workload", "Types of layers"):
        defaults = dict(re.findall(r"\(`(\w+)` ([^)]*)\)", keys))
        table[name.strip("`")] = {
            key: yaml.safe_load(defaults[key]) if key in defaults else Needed.NEEDED
            for key in re.findall(r"`(\w+)`", keys)
        }
    expected = {
        kind.type: {one.name: default_of(one) for one in fields(kind) if one.name not in common | {"type"}}  # type: ignore[attr-defined]
        for kind in LAYER_TYPES
    }
    for defaults in (*table.values(), *expected.values()):
        if "epsilon" in defaults:  # YAML 1.1 takes 1e-05 for a word
            defaults["epsilon"] = float(defaults["epsilon"])
    assert table == expected


def test_topologies() -> None:
    (row,) = [what for key, what, _ in rows("system", "Of `interconnect`") if key == "`topology`"]
    assert re.findall("`([^`]+)`", row) == [*TOPOLOGIES]


def keys_of(heading: str) -> list[list[str]]:
    """The keys that the tables below a heading of the page about results show; the page has no defaults."""
    found: list[list[str]] = []
    for line in section("results", heading):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells[0] == "key":
            found.append([])
        else:
            found[-1] += re.findall(r"`(\w+)`", cells[0])
    return found


@pytest.mark.parametrize("heading", RESULTS)
def test_keys_of_results(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv, place = RESULTS[heading]
    monkeypatch.chdir(tmp_path)
    assert main([*argv, "--json", "found.json"]) == 0
    assert keys_of(heading) == [sorted_as(keys_of(heading)[0], written(tmp_path / "found.json", place))]


def test_keys_of_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["gemm", "1", "64", "64", "-s", "tetris", "--json", "system.json"]) == 0
    assert main(["gemm", "1", "64", "64", "--array", "8x8", "--json", "array.json"]) == 0
    system, array = keys_of("`ppsim gemm`")
    assert set(system) == set(written(tmp_path / "system.json", []))
    assert set(array) == set(written(tmp_path / "array.json", []))


def test_keys_of_recorded_accuracy() -> None:
    assert keys_of("`ppsim accuracy`") == [written(ROOT / "workloads" / "trained" / "accuracy.json", [])]


def test_keys_of_the_reproduction() -> None:
    grid = Grid(workloads=("lenet300",), layers=("fc*",), batches=(1,), dataflows=("os",), parts=(2,))
    found = reproduce(Experiment(workload="lenet300", parts=(1, 2), grid=grid), jobs=1).to_dict()
    assert keys_of("`ppsim reproduce`") == [list(found)]


def written(path: Path, place: list[str]) -> list[str]:
    """The keys in a file, of the document or of the first element of a list in it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for key in place:
        document = document[key][0]
    return list(document)


def sorted_as(order: list[str], keys: list[str]) -> list[str]:
    """The keys in that order, what is not in it last."""
    return sorted(keys, key=lambda key: (order.index(key) if key in order else len(order), key))
