"""`ppsim list` and `ppsim show`: what ships with ppsim, and what a name or a file stands for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim.cli.options import JsonFile
from ppsim.cli.output import check_json, console_for, print_page, say, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ppsim.analysis.figures import Kind
    from ppsim.hardware.memories import Memory
    from ppsim.workload.graph import LayerGraph

#: what there is to list, and the folder of each
FOLDERS = {"workloads": "workloads", "systems": "accelerators", "tables": "accelerators/energy"}
SCHEMAS = ("partitioned-graph",)


def list_(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="workloads, systems, tables or memories.")],
    json: JsonFile = None,
) -> None:
    """List what ships: workloads, systems, tables, memories."""
    import ppsim
    from ppsim.cli import descriptions
    from ppsim.documents import dump, names

    check_json(json)
    if what not in (*FOLDERS, "memories"):
        raise InputError(f"list {what}: accepted are {', '.join(FOLDERS)} and memories")
    table: RenderableType
    if what == "memories":
        memories = ppsim.load_memories()
        table, plain = descriptions.memory_list(memories), {name: dump(memory) for name, memory in memories.items()}
    elif what == "workloads":
        graphs = {name: _described(name) for name in names(FOLDERS[what])}
        table = descriptions.workload_list(graphs)
        plain = {name: _sizes(graph) | {"description": about} for name, (graph, about) in graphs.items()}
    elif what == "systems":
        systems = {name: ppsim.load_system(name) for name in names(FOLDERS[what])}
        table, plain = descriptions.system_list(systems), {name: dump(system) for name, system in systems.items()}
    else:
        tables = {name: ppsim.load_energy_table(name) for name in names(FOLDERS[what])}
        table, plain = descriptions.table_list(tables), {name: dump(found) for name, found in tables.items()}
    write_json(json, plain)
    console = console_for(json)
    print_page(console, table)
    say(console, "")
    say(console, "ppsim show NAME says more of each.")


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name or file of a network, a system, an energy table or a memory; or the word schema."
        ),
    ],
    of: Annotated[str | None, typer.Argument(metavar="FORMAT", help="After schema: partitioned-graph.")] = None,
    accelerators: Annotated[int | None, typer.Option("-n", "--accelerators", help="Accelerators of a system.")] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw", metavar="FILE", help="Draw a system's topology or a network's graph: .png, .svg or .pdf."
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Show a network, system, energy table or memory in full.

    Or print the JSON Schema of a file format: ppsim show schema partitioned-graph.
    """
    check_json(json)
    if name == "schema":
        if accelerators is not None or draw is not None:
            raise InputError("show schema: -n and --draw go with systems and networks; leave them out")
        _show_schema(of, json)
        return
    if of is not None:
        raise InputError(f"show {name} {of}: one name is accepted, or schema with one of: {', '.join(SCHEMAS)}")
    page, plain, figure = _found(name, accelerators)
    if draw is not None:
        kind, place = _draw_to(draw)
        from ppsim.analysis.figures import drawn
        from ppsim.storage import write_bytes

        if figure is None:
            raise InputError(f"show {name} --draw: only systems and networks have a drawing")
        write_bytes(place, drawn(figure(), kind))
    write_json(json, plain)
    console = console_for(json)
    print_page(console, page)
    if draw is not None:
        say(console, "")
        say(console, f"Drawn: {draw}")


def _show_schema(of: str | None, json: str | None) -> None:
    """The published JSON Schema of a format, to stdout or a file."""
    import ppsim
    from ppsim.storage import json_text

    if of not in SCHEMAS:
        given = "give the format" if of is None else f"{of!r} is unknown"
        raise InputError(f"show schema: {given}; accepted: {', '.join(SCHEMAS)}")
    schema = ppsim.partitioned_schema()
    if json is None:
        sys.stdout.write(json_text(schema))
    write_json(json, schema)


def _draw_to(draw: str) -> tuple[Kind, Path]:
    from ppsim.storage import check_file

    kinds: dict[str, Kind] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
    suffix = Path(draw).suffix.lower()
    if suffix not in kinds:
        raise InputError(f"--draw {draw}: the name of the file has to end in {', '.join(kinds)}")
    return kinds[suffix], check_file(Path(draw))


#: a page, the same as plain values, and what draws it
Shown = tuple["RenderableType", dict[str, Any], Callable[[], Any] | None]


def _found(name: str, accelerators: int | None) -> Shown:
    """What a name or a file stands for; a name that ships wins over a file."""
    import ppsim
    from ppsim.documents import MAX_QUOTE, format_of, is_file, names, quote
    from ppsim.hardware.documents import SYSTEM_FORMAT, TABLE_FORMAT
    from ppsim.hardware.memories import FORMAT as MEMORIES_FORMAT
    from ppsim.workload.documents import FORMAT as WORKLOAD_FORMAT
    from ppsim.workload.partitioned_documents import FORMAT as PARTITIONED_FORMAT

    memories = ppsim.load_memories()
    known = {what: names(folder) for what, folder in FOLDERS.items()} | {"memories": tuple(memories)}
    of_file = not any(name in some for some in known.values()) and is_file(name)
    tag = format_of(Path(name)) if of_file else None
    if name in known["systems"] or tag == SYSTEM_FORMAT:
        return _system(name, accelerators)
    if accelerators is not None:
        raise InputError(f"show {name}: -n goes with systems: {', '.join(known['systems'])}, or the file of one")
    if (not of_file and name.partition("@")[0] in known["tables"]) or tag == TABLE_FORMAT:
        return _table(name)
    if name in memories:
        return _memory(name, memories[name])
    if tag == MEMORIES_FORMAT:
        return _memories(name)
    if name in known["workloads"] or tag == WORKLOAD_FORMAT:
        return _workload(name)
    if tag == PARTITIONED_FORMAT:
        return _partitioned(name)
    if of_file:
        accepted = WORKLOAD_FORMAT, PARTITIONED_FORMAT, SYSTEM_FORMAT, TABLE_FORMAT, MEMORIES_FORMAT
        raise InputError(f"{name}: format: {tag or 'none is given'}; accepted: {', '.join(accepted)}")
    if name and os.path.isdir(name):
        raise InputError(f"show {name!r}: is a folder; give the name of a file, or one of what ppsim list shows")
    close = get_close_matches(name[:MAX_QUOTE], [one for some in known.values() for one in some], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = "; ".join(f"{what}: {', '.join(some)}" for what, some in known.items())
    raise InputError(f"show {quote(name)}: no file and no known name; {hint}{listed}")


def _system(name: str, accelerators: int | None) -> Shown:
    import ppsim
    from ppsim.analysis.drawings import topology_drawing
    from ppsim.cli import descriptions
    from ppsim.documents import dump

    system = ppsim.load_system(name, accelerators=accelerators)
    return descriptions.system_page(system), dump(system), lambda: topology_drawing(system)


def _table(name: str) -> Shown:
    import ppsim
    from ppsim.cli import descriptions
    from ppsim.documents import dump

    energies = ppsim.load_energy_table(name)
    return descriptions.energy_page(energies), dump(energies), None


def _memory(name: str, memory: Memory) -> Shown:
    from ppsim.cli import descriptions
    from ppsim.documents import dump

    return descriptions.memory_page(name, memory), dump(memory), None


def _memories(name: str) -> Shown:
    import ppsim
    from ppsim.cli import descriptions
    from ppsim.documents import dump

    found = ppsim.load_memories(name)
    return descriptions.memory_list(found), {one: dump(memory) for one, memory in found.items()}, None


def _workload(name: str) -> Shown:
    from ppsim.analysis.drawings import workload_drawing
    from ppsim.cli import descriptions

    graph, about = _described(name)
    return descriptions.workload_page(graph, about), _sizes(graph), lambda: workload_drawing(graph)


def _partitioned(name: str) -> Shown:
    import ppsim
    from ppsim.analysis.drawings import workload_drawing
    from ppsim.cli import descriptions

    net = ppsim.load_partitioned(name)
    plain = {"parts": net.parts, "weights": net.dense_weights, "kept": net.nonzeros} | _sizes(net.graph)
    return descriptions.partitioned_page(net), plain, lambda: workload_drawing(net.graph)


def _described(name: str) -> tuple[LayerGraph, str]:
    from ppsim.workload.documents import described_workload

    return described_workload(name)


def _sizes(graph: LayerGraph) -> dict[str, Any]:
    return {
        "parameters": graph.parameters,
        "macs": graph.macs,
        "input": list(graph.input_shape),
        "layers": {name: list(shape) for name, shape in graph.shapes.items() if name != "input"},
    }
