"""Every reader of files, with a strategy that makes files for it, and what has to be possible with what it returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st
from mutated_bytes import damaged
from mutated_models import INPUTS, NET, NPZ, ONNX_FILES, npz_files, npz_of, onnx_files, safetensors_files
from mutated_models import SAFETENSORS as STORED
from mutated_trees import CHANGES, VALUES, as_json, as_yaml, changed, trees

import ppsim
from ppsim.analysis.report.run import document_of, read_run
from ppsim.analysis.report.run_page import run_page
from ppsim.documents import packaged
from ppsim.explore.images import ARRAYS, load_images
from ppsim.explore.setups import network_of
from ppsim.explore.sweep.spec import spec_of
from ppsim.explore.sweep.store import hash_of_spec
from ppsim.workload.calibration import load_inputs

#: name of a file -> its bytes; several where a reader takes a folder
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Reader:
    """`read` takes the file called `opens` ("": the folder), and `use` what it returned.

    `files` draws files for it; those in `valid` it takes.
    """

    name: str
    opens: str
    read: Callable[[Path], Any]
    use: Callable[[Any], object]
    files: st.SearchStrategy[Files]
    valid: tuple[Files, ...]


def _one(
    name: str, opens: str, read: Callable[[Path], Any], use: Callable[[Any], object], contents: Any, valid: Any
) -> Reader:
    """A reader of a single file."""
    files = contents.map(lambda content: {opens: content})
    return Reader(name, opens, read, use, files, tuple({opens: content} for content in valid))


def _text(folder: str, names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple((packaged(folder) / f"{name}.yaml").read_bytes() for name in names)


def _documents(texts: tuple[bytes, ...], write: Callable[[Any], str]) -> st.SearchStrategy[bytes]:
    """Documents changed as what they say, and as text."""
    found = tuple(yaml.safe_load(text) for text in texts)
    return trees(found).map(lambda tree: write(tree).encode("utf-8", "surrogatepass")) | damaged(texts)


# What readers return is used for something small.

_TINY = ppsim.gemm(4, 8, 8)
_SYSTEM = ppsim.load_system("tetris", accelerators=2)
#: beyond these, how long a simulation takes is no matter of reading
_FEW, _SMALL, _MANY = 64, 1e9, 10_000


def _simulated_on(system: ppsim.System) -> None:
    ppsim.simulate(ppsim.gemm(4, 8, 8, bits=system.bits), system if system.accelerators <= _FEW else system.alone())


def _simulated(net: Any) -> None:
    graph = getattr(net, "graph", net)
    _ = graph.macs, graph.parameters, graph.results
    if graph.macs < _SMALL and len(graph.layers) < _FEW and getattr(net, "parts", 1) <= _FEW:
        ppsim.simulate(net, _SYSTEM)


def _priced(table: ppsim.EnergyTable) -> None:
    ppsim.simulate(_TINY, ppsim.load_system("tetris", accelerators=2, set={"energy": table}))


# Sweeps

_SPEC = {
    "workload": "lenet300", "system": "tetris", "layers": "fc*", "batch": 1,
    "axes": {
        "parts, accelerators": [1, 2],
        "dram.sharing": ["private", "shared"],
        "dram.bandwidth_gb_s": {"from": 8, "to": 16.5, "points": 2, "scale": "log"},
    },
    "set": {"dram.latency_ns": 10},
    "constraints": ["accelerators * bandwidth_gb_s <= 40 or not parts in (2, 3)", "-parts < 0"],
}  # fmt: skip
_SAMPLED = {
    "workload": "lenet300", "system": "tetris", "axes": {"array.rows": {"from": 4, "to": 32, "integers": True},
    "dram.bandwidth_gb_s": {"from": 1, "to": 64, "step": 7}}, "sampling": {"method": "sobol", "points": 4, "seed": 1},
}  # fmt: skip
_SPECS = tuple(json.dumps({"format": "ppsim-sweep/1", **spec}).encode() for spec in (_SPEC, _SAMPLED))
_ODD_CONSTRAINTS = (
    "parts ** 99 > 1", "parts" + " * parts" * 200 + " > 0", "__import__('os')", "parts.__class__", "parts[0]", "...",
    "(" * 90 + "1" + ")" * 90, "lambda: 1", "1 < 2 < 'a'", "parts in parts", "1 / 0", "9" * 900, "nan", "'a' * 999",
    "10" + " * 10" * 300 + " > 0", "parts if 1 else 2", "f'{parts}'", "1j", "b'a'", "\0", "not" * 100, "parts % 0",
    "1e308 * 10 // 1", "[1] == [1, [2]]", "-" * 400 + "1", "parts == \udc80", "accelerators",
)  # fmt: skip


@st.composite
def _spec_files(draw: Any) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        odd = {"constraints": [draw(st.sampled_from(_ODD_CONSTRAINTS) | st.text(max_size=20))]}
        return as_yaml({"format": "ppsim-sweep/1", **_SPEC, **odd}).encode("utf-8", "surrogatepass")
    return draw(_documents(_SPECS, as_yaml))


def _points(spec: Any) -> None:
    from ppsim.explore.sweep.point import built

    if (spec.sampling.points or prod(len(axis.choices) for axis in spec.ordered)) > _MANY:
        return
    found = spec.points()
    with suppress(ppsim.InputError):  # a row with an error
        built({key: min(value, 8) if key == "accelerators" and value else value for key, value in found[0].items()})


@st.composite
def _sweep_folders(draw: Any) -> Files:
    """The folder of a sweep of which a file is damaged, is missing, or is changed with the hash that goes with it."""
    files = dict(_SWEPT)
    name = draw(
        st.sampled_from(("manifest.json", "manifest.json", "journal.jsonl", "journal.jsonl", "results.parquet"))
    )
    how = draw(st.sampled_from(("damaged", "changed", "changed", "missing")))
    if how == "damaged":
        files[name] = draw(damaged([files[name]]))
    elif how == "missing":
        del files[name]
    elif name == "manifest.json":
        manifest = draw(trees([json.loads(files[name])]))
        if isinstance(manifest, dict) and "spec" in manifest:
            with suppress(ValueError):
                manifest["spec_sha256"] = hash_of_spec(manifest["spec"])
        files[name] = as_json(manifest).encode("utf-8", "surrogatepass")
    else:
        rows = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
        steps = draw(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 2**16), VALUES), max_size=3))
        rows = changed(rows, steps)
        lines = [as_json(row) for row in rows] if isinstance(rows, list) else [as_json(rows)]
        files["journal.jsonl"] = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    return files


def _looked_at(sweep: ppsim.SweepResults) -> None:
    _ = sweep.axes, sweep.provenance, len(sweep.frame), repr(sweep)


def _made_sweep() -> Files:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "sweep"
        list(ppsim.sweep(_SPEC, place, executor=ppsim.Serial()))
        return {path.name: path.read_bytes() for path in place.iterdir() if not path.name.startswith(".")}


# Cost tables


def _made_tables() -> tuple[bytes, bytes]:
    table = ppsim.cost_table(ppsim.load_workload("lenet300"), _SYSTEM, step=100, jobs=1)
    with TemporaryDirectory() as folder:
        for name in ("t.parquet", "t.csv"):
            ppsim.save_cost_table(table, Path(folder) / name)
        return (Path(folder) / "t.parquet").read_bytes(), (Path(folder) / "t.csv").read_bytes()


@st.composite
def _tables(draw: Any) -> bytes:
    """Tables that are damaged, whose origin is changed, or whose columns are."""
    how = draw(st.sampled_from(("parquet", "csv", "origin", "column")))
    if how in ("parquet", "csv"):
        return draw(damaged([_PARQUET if how == "parquet" else _CSV]))
    first, _, rest = _CSV.partition(b"\n")
    if how == "origin":
        origin = draw(trees([json.loads(first[2:])]))
        return b"# " + as_json(origin).encode("utf-8", "surrogatepass") + b"\n" + rest
    table = pq.read_table(BytesIO(_PARQUET))
    column = table.column_names[draw(st.integers(0, len(table.column_names) - 1))]
    value = draw(st.sampled_from((None, -1, 0, 1, 2**62, 0.5, float("nan"), float("inf"), "x", True, b"x", [1])))
    place = table.column_names.index(column)
    if draw(st.booleans()):
        table = table.remove_column(place)
    if draw(st.booleans()):
        table = table.append_column(draw(st.sampled_from((column, "x", "x_pj", "cycles", ""))), [[value] * len(table)])
    buffer = BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _asked(table: ppsim.CostTable) -> None:
    _ = table.frame, table.origin, repr(table)


# Partitioned networks, and results

_EXAMPLE = (Path(__file__).parents[2] / "docs" / "examples" / "small-mlp.json").read_bytes()


def _made_partitioned() -> bytes:
    with TemporaryDirectory() as folder:
        net = ppsim.partition(ppsim.load_workload("lenet300"), 3, layers="fc*", keep=0.5)
        ppsim.save_partitioned(net, Path(folder) / "net.json")
        return (Path(folder) / "net.json").read_bytes()


def _made_result() -> bytes:
    cut = ppsim.partition(ppsim.load_workload("lenet300"), 2)
    return json.dumps(document_of(ppsim.compare(cut, _SYSTEM))).encode()


_SYSTEMS = _text("accelerators", ("tetris", "edge", "tpu-v4", "chiplets"))
_GROUPS = yaml.safe_load(_SYSTEMS[0])
_GROUPS["groups"] = [
    {"name": "big", "count": 1, "clock_mhz": 700},
    {"name": "small", "count": 2, "array": {**_GROUPS["array"], "rows": 4}, "static_power": 0.5},
]
_GROUPS.pop("accelerators", None)
_GROUPS["interconnect"]["edges"] = []
_SYSTEMS = (*_SYSTEMS, yaml.safe_dump(_GROUPS).encode())
_ENERGIES = _text("accelerators/energy", ("horowitz-45nm-int8", "normalised", "tetris"))
_MEMORIES = _text("accelerators/memories", ("dram",))
_WORKLOADS = _text("workloads", ("lenet300", "alexnet", "resnet56", "bert_base"))
_PARTITIONED = (_EXAMPLE, _made_partitioned())
_RESULTS = (_made_result(),)
_SWEPT = _made_sweep()
_PARQUET, _CSV = _made_tables()
_IMAGES = npz_of(
    {name: np.zeros((2, 28, 28) if name.startswith("x") else (2,), np.uint8) for name in ARRAYS}, packed=True
)

READERS = {
    reader.name: reader
    for reader in (
        _one(
            "system", "s.yaml", lambda path: ppsim.load_system(str(path)), _simulated_on,
            _documents(_SYSTEMS, as_yaml), _SYSTEMS[:4],
        ),
        _one(
            "energy table", "e.yaml", lambda path: ppsim.load_energy_table(str(path)), _priced,
            _documents(_ENERGIES, as_yaml), _ENERGIES,
        ),
        _one(
            "memories", "m.yaml", lambda path: ppsim.load_memories(str(path)), repr,
            _documents(_MEMORIES, as_yaml), _MEMORIES,
        ),
        _one(
            "workload", "w.yaml", lambda path: ppsim.load_workload(str(path)), _simulated,
            _documents(_WORKLOADS, as_yaml), _WORKLOADS,
        ),
        _one(
            "partitioned network", "p.json", ppsim.load_partitioned, _simulated,
            _documents(_PARTITIONED, as_json), _PARTITIONED,
        ),
        _one(
            "network, of any kind", "n.txt", lambda path: network_of(str(path)), _simulated,
            _documents((_WORKLOADS[0], *_PARTITIONED), as_json), (_WORKLOADS[0], *_PARTITIONED),
        ),
        _one("ONNX", "m.onnx", ppsim.load_model, lambda model: _simulated(model.graph), onnx_files(), ONNX_FILES),
        _one(
            "ONNX, lenient", "m.onnx", lambda path: ppsim.load_network(path, lenient=True), _simulated,
            onnx_files(), ONNX_FILES,
        ),
        _one(
            "npz with a network", "m.npz", ppsim.load_network, _simulated, npz_files([NPZ]), (NPZ,),
        ),
        _one(
            "npz with inputs", "i.npz", lambda path: load_inputs(path, NET), np.shape,
            npz_files([npz_of(INPUTS), npz_of(INPUTS, packed=True)]), (npz_of(INPUTS),),
        ),
        _one("npz with images", "i.npz", lambda path: load_images(str(path)), repr, npz_files([_IMAGES]), (_IMAGES,)),
        _one("safetensors", "m.safetensors", ppsim.load_network, _simulated, safetensors_files(), (STORED,)),
        _one("sweep specification", "s.yaml", spec_of, _points, _spec_files(), _SPECS),
        Reader("folder of a sweep", "", ppsim.load_sweep, _looked_at, _sweep_folders(), (_SWEPT,)),
        _one("cost table", "t.parquet", ppsim.load_cost_table, _asked, _tables(), (_PARQUET, _CSV)),
        _one("result of a run", "r.json", read_run, run_page, _documents(_RESULTS, as_json), _RESULTS),
    )
}  # fmt: skip
