"""`ppsim list` and `ppsim show`: what ships with ppsim, and what a name or a file stands for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim.cli.options import JsonFile
from ppsim.cli.output import check_json, console_for, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ppsim.analysis.drawings import Kind

#: what there is to list, and the folder of each
FOLDERS = {"workloads": "workloads", "systems": "accelerators", "tables": "accelerators/energy"}
SCHEMAS = ("partitioned-graph",)


def list_(
    what: Annotated[str, typer.Argument(metavar="workloads|systems|tables|memories", help="What to list.")],
    json: JsonFile = None,
) -> None:
    """List what ships with ppsim: workloads, systems, energy tables, or memories."""
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
    console.print(table)
    console.print("\nppsim show NAME says more of each.")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A workload, system, energy table or memory; or schema.")],
    of: Annotated[str | None, typer.Argument(metavar="[FORMAT]", help="With schema: partitioned-graph.")] = None,
    accelerators: Annotated[int | None, typer.Option("-n", "--accelerators", help="Accelerators of a system.")] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw", metavar="FILE", help="Draw a system's topology or a workload's graph: .png, .svg, .pdf."
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Show a workload, a system, an energy table or a memory as a table (or draw it); or a JSON Schema."""
    check_json(json)
    if name == "schema":
        _show_schema(of, json)
        return
    if of is not None:
        raise InputError(f"show {name} {of}: one name is accepted, or schema with one of: {', '.join(SCHEMAS)}")
    page, plain, figure = _found(name, accelerators)
    if draw:
        kind, place = _draw_to(draw)
        from ppsim.analysis.drawings import drawn
        from ppsim.storage import write_bytes

        if figure is None:
            raise InputError(f"show {name} --draw: there is a drawing of systems and workloads alone")
        write_bytes(place, drawn(figure(), kind))
    write_json(json, plain)
    console = console_for(json)
    console.print(page)
    if draw:
        console.print(f"\nDrawn: {draw}")


def _show_schema(of: str | None, json: str | None) -> None:
    """The published JSON Schema of a format, to stdout or a file."""
    import ppsim
    from ppsim.storage import json_text

    if of not in SCHEMAS:
        raise InputError(f"show schema {of or ''}: accepted: {', '.join(SCHEMAS)}")
    schema = ppsim.partitioned_schema()
    if json is None:
        sys.stdout.write(json_text(schema))
    write_json(json, schema)


def _draw_to(draw: str) -> tuple[Kind, Path]:
    from ppsim.storage import check_file

    kinds: dict[str, Kind] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
    suffix = Path(draw).suffix.lower()
    if suffix not in kinds:
        raise InputError(f"--draw {draw}: the name of the file ends in {', '.join(kinds)}")
    return kinds[suffix], check_file(Path(draw))


def _found(name: str, accelerators: int | None) -> tuple[RenderableType, dict[str, Any], Callable[[], Any] | None]:
    """The page of a name, the same as plain values, and what draws it."""
    from rich.console import Group

    import ppsim
    from ppsim.cli import descriptions
    from ppsim.documents import dump, format_of, names
    from ppsim.hardware.documents import SYSTEM_FORMAT, TABLE_FORMAT

    tag = format_of(Path(name)) if Path(name).is_file() else None
    memories = ppsim.load_memories()
    known = {what: names(folder) for what, folder in FOLDERS.items()} | {"memories": tuple(memories)}
    if tag == SYSTEM_FORMAT or name in known["systems"]:
        system = ppsim.load_system(name, accelerators=accelerators)
        # its energy table, which may be called as it is, stands below it
        page = descriptions.system_page(system), "", descriptions.energy_page(system.energy)
        return Group(*page), dump(system), lambda: _topology(system)
    if accelerators is not None:
        raise InputError(f"show {name}: -n goes with systems: {', '.join(known['systems'])}")
    if tag == TABLE_FORMAT or name.partition("@")[0] in known["tables"]:
        energies = ppsim.load_energy_table(name)
        return descriptions.energy_page(energies), dump(energies), None
    if name in memories:
        return descriptions.memory_page(name, memories[name]), dump(memories[name]), None
    if tag is not None or name in known["workloads"]:
        graph, about = _described(name)
        return descriptions.workload_page(graph, about), _sizes(graph), lambda: _graph(graph)
    listed = "; ".join(f"{what}: {', '.join(some)}" for what, some in known.items())
    raise InputError(f"show {name}: no file and no known name; {listed}")


def _described(name: str) -> tuple[Any, str]:
    from ppsim.workload.documents import described_workload

    return described_workload(name)


def _sizes(graph: Any) -> dict[str, Any]:
    return {
        "parameters": graph.parameters,
        "macs": graph.macs,
        "input": list(graph.input_shape),
        "layers": {name: list(shape) for name, shape in graph.shapes.items() if name != "input"},
    }


def _topology(system: Any) -> Any:
    from ppsim.analysis.drawings import topology_drawing

    return topology_drawing(system)


def _graph(graph: Any) -> Any:
    from ppsim.analysis.drawings import workload_drawing

    return workload_drawing(graph)
