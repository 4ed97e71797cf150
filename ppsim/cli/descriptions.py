"""Tables of what ships with ppsim: workloads, systems, energy tables and memories, one line each or one in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ppsim.cli.tables import si

if TYPE_CHECKING:
    from ppsim.hardware.energy import EnergyTable
    from ppsim.hardware.memories import Memory
    from ppsim.hardware.system import System
    from ppsim.workload.graph import LayerGraph


def _table(*columns: str, words: tuple[int, ...] = ()) -> Table:
    """Columns of words may wrap, the others are numbers and names and do not."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index not in words, overflow="fold")
    return table


def _titled(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), table)


def _in_short(description: str) -> str:
    """How a description begins, up to where it goes into details."""
    return re.split(r": |\. |; ", description)[0].rstrip(".")


def workload_list(found: Mapping[str, tuple[LayerGraph, str]]) -> Group:
    """Networks with their sizes at batch 1."""
    table = _table("name", "layers", "parameters", "MACs", "input", "what it is", words=(5,))
    for name, (graph, description) in found.items():
        shape = "x".join(map(str, graph.input_shape))
        sizes = (str(len(graph.layers)), si(graph.parameters, ""), si(graph.macs, ""), shape)
        table.add_row(name, *sizes, _in_short(description))
    return _titled("Workloads (MACs at batch 1)", table)


def system_list(found: Mapping[str, System]) -> Group:
    """Systems with what decides their speed."""
    table = _table("name", "number", "arrays", "bits", "DRAM channels", "links", "energy table")
    for name, system in found.items():
        array, dram = system.accelerator(0).array, system.dram
        sharing = f"shared by {dram.sharing}" if isinstance(dram.sharing, int) else dram.sharing
        table.add_row(
            name,
            str(system.accelerators),
            f"{array.count} of {array.rows}x{array.cols}",
            str(system.bits),
            f"{dram.bandwidth_gb_s:g} GB/s {sharing}",
            system.interconnect.topology,
            system.energy.name,
        )
    return _titled("Systems", table)


def table_list(found: Mapping[str, EnergyTable]) -> Group:
    """Energy tables with their main numbers."""
    table = _table("name", "node", "unit", "MAC", "DRAM a bit", "what it is", words=(5,))
    for name, energies in found.items():
        node = f"{energies.node_nm:g} nm" if energies.node_nm else "-"
        numbers = (f"{energies.mac_pj.value:g}", f"{energies.dram_pj_per_bit.value:g}")
        table.add_row(name, node, energies.unit, *numbers, energies.description.split(";")[0])
    return _titled("Energy tables", table)


def memory_list(found: Mapping[str, Memory]) -> Group:
    """DRAM energies for `--set dram.memory=NAME`."""
    table = _table("name", "pJ a bit", "what it is", words=(2,))
    for name, memory in found.items():
        table.add_row(name, f"{memory.pj_per_bit.value:g}", memory.description.split(";")[0])
    return _titled("Memories, for --set dram.memory=NAME", table)


def workload_page(graph: LayerGraph, description: str) -> Group:
    """A network layer by layer."""
    table = _table("layer", "type", "reads", "output", "m x k x n", "MACs", "parameters", words=(2,))
    for layer in graph.layers:
        gemm = graph.gemm_of(layer.name)
        product = (
            "" if gemm is None else f"{gemm.m}x{gemm.k}x{gemm.n}" + (f" x{gemm.groups}" if gemm.groups > 1 else "")
        )
        parameters = layer.parameters(graph.input_shapes_of(layer.name))
        table.add_row(
            layer.name,
            getattr(layer, "type", ""),
            ", ".join(graph.sources[layer.name]),
            "x".join(map(str, graph.shapes[layer.name])),
            product,
            si(gemm.macs, "") if gemm else "",
            si(parameters, "") if parameters else "",
        )
    total = f"{si(graph.parameters, '')} parameters, {si(graph.macs, 'MAC')} at batch {graph.batch}"
    return Group(Text(f"{graph.name}: {total}", style="bold"), Text(description), table)


def system_page(system: System) -> Group:
    """A system field by field, with where its numbers come from."""
    table = _table("field", "value", "source", words=(2,))
    said = ""
    for path, value in _flat(system):
        source = system.sources.get(path) or system.sources.get(path.split(".")[0], "")
        table.add_row(path, value, '"' if source and source == said else source)
        said = source
    return Group(Text(f"{system.name}: {system.description}", style="bold"), table)


def energy_page(energies: EnergyTable) -> Group:
    """An energy table number by number."""
    table = _table("entry", "value", "range", "confidence", "source", words=(4,))
    named = [(name, entry) for name, entry in energies.entries() if name != "sram"]
    named += [(f"sram at {point.kib:g} KiB, a bit", point.pj_per_bit) for point in energies.sram]
    for name, entry in named:
        limits = "" if entry.low is None else f"{entry.low:g} to {entry.high:g}"
        source = f"{entry.source} ({entry.reason})" if entry.reason else entry.source
        table.add_row(name, f"{entry.value:g}", limits, entry.confidence, source)
    return Group(Text(f"{energies.name}: {energies.description}", style="bold"), table)


def memory_page(name: str, memory: Memory) -> Group:
    """A DRAM energy."""
    table = _table("entry", "value", "confidence", "source", words=(3,))
    for field, entry in (("pj_per_bit", memory.pj_per_bit), ("background_w", memory.background_w)):
        table.add_row(field, f"{entry.value:g}", entry.confidence, entry.source)
    return Group(Text(f"{name}: {memory.description}", style="bold"), table)


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Fields that are set, by path; the energy table by name."""
    found: list[tuple[str, str]] = []
    for field in fields(value):
        if field.name in ("name", "description", "sources"):
            continue
        inside, where = getattr(value, field.name), f"{path}{field.name}"
        if field.name == "energy":
            found.append((where, inside.name))
        elif field.name == "groups":
            for group in inside:
                found += _flat(group, f"groups.{group.name}.")
        elif is_dataclass(inside):
            found += _flat(inside, f"{where}.")
        elif inside is not None and inside != ():
            found.append((where, f"{inside:g}" if isinstance(inside, float) else str(inside)))
    return found
