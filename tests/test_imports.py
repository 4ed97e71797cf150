"""The house has rooms, and doors between some of them: which modules may import which, as the design's table says."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ppsim"

#: everybody may stand on these, and they stand on nothing else
FOUNDATION = {"errors", "extras", "units", "specification", "documents", "storage"}
#: room -> the rooms it may import, or single modules of them ("mapping.program")
MAY_IMPORT = {
    "foundation": set(),
    "workload": set(),
    "hardware": set(),
    "pruning": {"workload"},
    "mapping": {"workload", "hardware"},
    "engine": {"mapping.program", "mapping.columns", "mapping.remembering", "hardware"},
    # a Trace holds its Program, so who reads a Trace sees the Program's values
    "analysis": {"engine.trace", "mapping.program", "hardware", "workload"},
    # what simulate() takes are values of workload and hardware
    "pipeline": {"mapping", "engine", "analysis", "workload", "hardware"},
    "baselines": {"pipeline", "analysis", "engine", "mapping", "pruning", "hardware", "workload"},
    "explore": {"ppsim", "validation", "baselines", "pipeline", "analysis", "engine", "mapping", "pruning", "hardware",
                "workload"},
    "validation": {"ppsim", "explore", "baselines", "pipeline", "analysis", "engine", "mapping", "pruning", "hardware",
                   "workload"},
    "cli": {"ppsim", "explore", "validation", "baselines", "pipeline", "analysis", "engine", "mapping", "pruning",
            "hardware", "workload"},
}  # fmt: skip
#: modules at the top of the package that belong to a room of another name
LODGERS = {"__main__": "cli", "timelines": "pipeline"}
TEXT = {".py", ".yaml", ".yml", ".md", ".csv", ".json", ".toml", ".txt", ".cfg", ""}


def modules() -> dict[str, Path]:
    """Name below ppsim ("mapping.program") -> file; packages by their name, the package itself as "ppsim"."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts) or "ppsim"] = path
    return found


def room_of(module: str) -> str:
    top = module.split(".")[0]
    return "foundation" if top in FOUNDATION else LODGERS.get(top, top)


def imports(module: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module below ppsim) of every import anywhere in a module, those for type checkers and in functions too."""
    known = modules()
    package = module if known[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = [part for part in package.split(".") if part != "ppsim"]
                above = above[: len(above) - node.level + 1]
                base = ".".join(["ppsim", *above, *([base] if base else [])])
            below = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("ppsim.") in known else base for name in below]
        for name in names:
            if name == "ppsim" or name.startswith("ppsim."):
                target = name.removeprefix("ppsim.")
                while target not in known:  # `import ppsim.workload.graph.LayerGraph` names what is in a module
                    target = target.rpartition(".")[0] or "ppsim"
                yield node.lineno, target


def edges() -> Iterator[tuple[str, int, str]]:
    for module, path in modules().items():
        for line, target in imports(module, ast.parse(path.read_text(encoding="utf-8"))):
            yield module, line, target


def allowed(module: str, target: str) -> bool:
    room, other = room_of(module), room_of(target)
    return other in {room, "foundation"} or bool(MAY_IMPORT[room] & {other, target})


def test_every_module_is_in_a_room():
    assert {room_of(module) for module in modules() if module != "ppsim"} <= set(MAY_IMPORT)
    assert len(modules()) > 30


def test_rooms_import_only_what_they_may():
    inside = [edge for edge in edges() if edge[0] != "ppsim"]
    assert len(inside) > 60
    assert not [f"{module}:{line} imports {target}" for module, line, target in inside if not allowed(module, target)]


def test_the_package_itself_imports_nothing():
    """Its public names are loaded when they are asked for: `import ppsim` is quick."""
    assert not [target for module, _, target in edges() if module == "ppsim"]


def test_no_room_is_reached_again_from_below():
    graph: dict[str, set[str]] = {}
    for module, _, target in edges():
        if room_of(module) != room_of(target):
            graph.setdefault(room_of(module), set()).add(room_of(target))
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of rooms: {' -> '.join(error.args[1])}")
    assert order.index("workload") < order.index("mapping") < order.index("engine") < order.index("analysis")


def test_no_import_hides_in_a_string():
    for module, path in modules().items():
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        }
        assert module == "ppsim" or not called & {"import_module", "__import__", "exec", "eval"}, module


def test_the_reader_of_imports_sees_them_all():
    """What the tests above would miss, they would not forbid."""
    code = """
import ppsim.engine.run
import ppsim
from ppsim import storage, compare
from ppsim.mapping import place, tiling as t
from . import steps
from .layout import merged
from ..hardware.array import DATAFLOWS
from .. import units
if TYPE_CHECKING:
    from ppsim.analysis.result import Result
def later():
    from ppsim.cli import main
import numpy
from pathlib import Path
"""
    expected = [
        "engine.run", "ppsim", "storage", "ppsim", "mapping.place", "mapping.tiling", "mapping.steps", "mapping.layout",
        "hardware.array", "units", "analysis.result", "cli",
    ]  # fmt: skip
    found = sorted(target for _, target in imports("mapping.residency", ast.parse(code)))
    assert found == sorted(expected)
    assert not allowed("mapping.residency", "engine.run")
    assert not allowed("workload.graph", "hardware.array")
    assert not allowed("hardware.array", "workload.graph")
    assert not allowed("pruning.partition", "hardware.system")
    assert not allowed("engine.run", "mapping.place")
    assert not allowed("analysis.result", "engine.kernel")
    assert not allowed("baselines", "explore.reproduce")
    assert not allowed("explore.reproduce", "cli")
    assert not allowed("documents", "workload.graph")
    assert not allowed("workload.graph", "ppsim")
    assert allowed("engine.run", "mapping.program")


@pytest.mark.parametrize("module", modules())
def test_modules_are_short(module):
    assert len(modules()[module].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("folder", ["ppsim", "tests", "accelerators", "workloads"])
def test_nothing_reaches_out_of_the_project(folder):
    """What is shipped or tested carries its own data; places on the machine it was written on are no use elsewhere."""
    outside = ("..", "shared"), ("", "work", "")
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    read = [path for path in files if path.suffix in TEXT]
    assert read
    for path in read:
        text = path.read_text(encoding="utf-8")
        assert not [place for place in map("/".join, outside) if place in text], path
