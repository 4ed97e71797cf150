"""Pages of what ships with ppsim: workloads, systems, energy tables and memories, one line each or one in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group

from ppsim.analysis.quantities import percent, si
from ppsim.cli.layout import Words, table, titled

if TYPE_CHECKING:
    from ppsim.hardware.energy import EnergyTable, Entry
    from ppsim.hardware.memories import Memory
    from ppsim.hardware.system import System
    from ppsim.workload.graph import LayerGraph
    from ppsim.workload.partitioned import PartitionedGraph, PartitionedLayer


def _in_short(description: str) -> str:
    """How a description begins, up to where it goes into details."""
    return re.split(r": |\. |; ", description)[0].rstrip(".")


def workload_list(found: Mapping[str, tuple[LayerGraph, str]]) -> Group:
    """Networks with their sizes at batch 1."""
    rows = (
        (
            name,
            str(len(graph.layers)),
            si(graph.parameters, ""),
            si(graph.macs, ""),
            "x".join(map(str, graph.input_shape)),
            _in_short(description),
        )
        for name, (graph, description) in found.items()
    )
    heads = ("name", "layers", "parameters", "MACs", "input", "what it is")
    return titled("Workloads (MACs at batch 1)", table(heads, rows, words=(5,)))


def system_list(found: Mapping[str, System]) -> Group:
    """Systems with what decides their speed."""
    rows = []
    for name, system in found.items():
        array, dram = system.accelerator(0).array, system.dram
        sharing = f"shared by {dram.sharing}" if isinstance(dram.sharing, int) else dram.sharing
        rows.append(
            (
                name,
                str(system.accelerators),
                f"{array.count} of {array.rows}x{array.cols}",
                str(array.bits),
                f"{dram.bandwidth_gb_s:g}",
                sharing,
                system.interconnect.topology,
                system.energy.name,
            )
        )
    heads = ("name", "how\nmany", "arrays", "bits", "DRAM\nGB/s", "DRAM\nchannels", "links", "energy table")
    page = table(heads, rows, left=(0, 2, 6), words=(5, 7))
    return titled("Systems: how many accelerators unless -n says otherwise, and what one of them is", page)


def table_list(found: Mapping[str, EnergyTable]) -> Group:
    """Energy tables with their main numbers."""
    rows = (
        (
            name,
            f"{energies.node_nm:g} nm" if energies.node_nm else "-",
            energies.unit,
            f"{energies.mac_pj.value:.4g}",
            f"{energies.dram_pj_per_bit.value:.4g}",
            energies.description.split(";")[0],
        )
        for name, energies in found.items()
    )
    heads = ("name", "node", "unit", "a MAC", "a bit of\nDRAM", "what it is")
    return titled("Energy tables; NAME@16 is one scaled to 16 nm", table(heads, rows, left=(0, 2), words=(5,)))


def memory_list(found: Mapping[str, Memory]) -> Group:
    """DRAM energies for `--set dram.memory=NAME`."""
    rows = ((name, f"{of.pj_per_bit.value:.4g}", of.description.split(";")[0]) for name, of in found.items())
    return titled("Memories, for --set dram.memory=NAME", table(("name", "pJ a bit", "what it is"), rows, words=(2,)))


def workload_page(graph: LayerGraph, description: str) -> Group:
    """A network layer by layer."""
    rows = []
    for layer in graph.layers:
        gemm = graph.gemm_of(layer.name)
        product = f"{gemm.m}x{gemm.k}x{gemm.n}{f' x{gemm.groups}' if gemm.groups > 1 else ''}" if gemm else ""
        parameters = layer.parameters(graph.input_shapes_of(layer.name))
        rows.append(
            (
                layer.name,
                getattr(layer, "type", ""),
                ", ".join(graph.sources[layer.name]),
                "x".join(map(str, graph.shapes[layer.name])),
                product,
                si(gemm.macs, "") if gemm else "",
                si(parameters, "") if parameters else "",
            )
        )
    heads = ("layer", "type", "reads", "output", "m x k x n", "MACs", "para-\nmeters")
    total = f"{si(graph.parameters, '')} parameters, {si(graph.macs, 'MAC')} at batch {graph.batch}"
    page = table(heads, rows, left=(0, 1, 3, 4), words=(2,))
    return titled(f"{graph.name}: {total}", Words(description), page)


def partitioned_page(net: PartitionedGraph) -> Group:
    """What a partitioned network keeps, layer by layer."""
    rows = []
    for layer in net.graph.layers:
        if cut := net.layers.get(layer.name):
            inputs, outputs = net.units(layer.name)
            weights = cut.nonzeros(net.taps(layer.name)) / (cut.dense_weights * net.taps(layer.name))
            blocks = f"{sum(map(len, cut.kept))} of {len(cut.in_sizes) * len(cut.out_sizes)}"
            rows.append((layer.name, f"{inputs} x {outputs}", cut.split, blocks, percent(weights), _inside(cut)))
    heads = ("layer", "inputs x outputs", "split by", "blocks kept", "weights kept", "inside a block")
    placed = "" if net.placement is None else f" on accelerators {', '.join(map(str, net.placement))}"
    title = (
        f"{net.name}: {net.parts} parts{placed}; {percent(net.kept_ratio)} of the weights kept in layers that are cut"
    )
    return titled(title, Words(net.description), table(heads, rows, left=(0, 2), words=(5,)))


def _inside(cut: PartitionedLayer) -> str:
    width = "" if cut.weight_bits is None else f", {cut.weight_bits} bit"
    return (cut.sparsity.describe() if cut.rank is None else f"factors of rank {cut.rank}") + width


def system_page(system: System) -> Group:
    """A system field by field, with where its numbers come from; and its energy table, which may be its own."""
    rows = []
    said = ""
    for path, value in _flat(system):
        source = system.sources.get(path) or system.sources.get(path.split(".")[0], "")
        rows.append((path, value, '"' if source and source == said else source))
        said = source
    page = table(("field", "value", "source"), rows, left=(0,), words=(1, 2))
    return titled(system.name, Words(system.description), page, Words(""), energy_page(system.energy))


def energy_page(energies: EnergyTable) -> Group:
    """An energy table number by number, then where each comes from."""
    unit = "MAC" if energies.unit == "MAC" else "pJ"
    named = [(name, entry) for name, entry in energies.entries() if name != "sram"]
    named += [(f"sram at {point.kib:g} KiB, {unit} a bit", point.pj_per_bit) for point in energies.sram]
    note = "Where a name says pJ, numbers count multiply-accumulates." if unit == "MAC" else ""
    return titled(
        f"Energy table {energies.name}",
        Words(" ".join(filter(None, (f"{energies.description.rstrip('.')}.", note)))),
        *_entries(dict(named)),
    )


def memory_page(name: str, memory: Memory) -> Group:
    """A DRAM energy, then where it comes from."""
    found = {"pj_per_bit": memory.pj_per_bit, "background_w": memory.background_w}
    if memory.channel_gb_s is not None:
        channel = f" (of a channel of {memory.channel_gb_s:g} GB/s)"
        found = {name + (channel if name == "background_w" else ""): entry for name, entry in found.items()}
    return titled(f"Memory {name}", Words(memory.description), *_entries(found))


def _entries(found: Mapping[str, Entry]) -> list[Any]:
    """Numbers as a table, and their sources as paragraphs: they are too long for a column."""
    rows = []
    sources = []
    for name, entry in found.items():
        limits = "" if entry.low is None or entry.high is None else f"{entry.low:.4g} to {entry.high:.4g}"
        rows.append((name, f"{entry.value:.4g}", limits, entry.confidence))
        zero = f" ({entry.reason})" if entry.reason else ""
        sources += [Words(f"{name}:", indent=2), Words(entry.source + zero, indent=4)]
    page = table(("entry", "value", "range of sources", "confidence"), rows, left=(0, 3))
    return [page, Words(""), Words("Sources"), *sources]


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
            found.append((where, _plain(inside)))
    return found


def _plain(value: Any) -> str:
    """A field as --set takes it; of edges their ends."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        told = [f"{each.a}-{each.b}" if hasattr(each, "a") else str(each) for each in value]
        return f"[{', '.join(told)}]"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
