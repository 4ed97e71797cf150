"""Files are whole or not there: processes that are killed while they write, and who writes at all."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import ppsim

PACKAGE = Path(ppsim.__file__).parent
OLD = "what was there before\n"

#: Runs commands, and then again in processes of their own that are killed: by the system in the middle of the largest
#: file, by themselves when the first file is written, when the last one is put in its place, and right after that.
RUNNER = """
import json, os, resource, signal, sys
from pathlib import Path
from ppsim.cli import main

calls, kill = {"fsync": 0, "replace": 0}, (None, 0)

def watched(name, real):
    def call(*given):
        calls[name] += 1
        if (name, calls[name]) == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return call

for name in calls:
    setattr(os, name, watched(name, getattr(os, name)))

def run(argv):
    calls.update(fsync=0, replace=0)
    assert main(argv) == 0, argv
    return dict(calls)

told, base = os.dup(1), Path.cwd()
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
prepared, outputs, old = json.load(sys.stdin)
for argv in prepared:
    run(argv)
ended = []
for number, (argv, files, replaced) in enumerate(outputs):
    os.makedirs(base / f"{number}-whole")
    os.chdir(base / f"{number}-whole")
    made = run(argv)
    half = max(map(os.path.getsize, files)) // 2
    steps = ("fsync", 1), ("replace", made["replace"]), ("fsync", made["fsync"])
    for step, times in (("size", half), steps[number % 3]):
        os.makedirs(base / f"{number}-{step}")
        os.chdir(base / f"{number}-{step}")
        for file in files if replaced else ():
            Path(file).write_text(old)
        child = os.fork()
        if not child:
            kill = step, times
            if step == "size":
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))
            run(argv)
            os._exit(0)
        ended.append((number, step, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
os.write(told, json.dumps(ended).encode())
"""
SWEEP = """
format: ppsim-sweep/1
workload: mlp_mnist
system: tetris
axes:
  parts: [1, 2]
"""
RUN = ("run", "mlp_mnist", "-s", "tetris", "-p", "2")
PRUNE = ("prune", "mlp_mnist", "-p", "2", "-o", "cut.json")
TABLE = ("table", "mlp_mnist", "-s", "tetris", "-n", "1", "--layers", "fc3", "--step", "64", "-o")
#: by command: the files it writes, instead of those that are there
OUTPUTS = {
    (*RUN, "--json", "run.json", "--trace", "trace.json"): ("run.json", "trace.json"),
    ("report", "../swept", "-o", "page.html"): ("page.html",),
    ("plot", "../swept", "--only", "speedup", "-o", "."): ("speedup.png", "speedup.pdf"),
    ("show", "tetris", "--draw", "mesh.svg"): ("mesh.svg",),
    (*PRUNE, "--export", "cut.npz"): ("cut.json", "cut.masks.npz", "cut.npz"),
    (*PRUNE, "--export", "cut.safetensors"): ("cut.safetensors",),
    (*PRUNE, "--export", "cut.onnx"): ("cut.onnx",),
    ("import", "../model.onnx", "-o", "net.yaml", "--weights", "net.npz"): ("net.yaml", "net.npz"),
    (*TABLE, "table.parquet"): ("table.parquet",),
    (*TABLE, "table.csv"): ("table.csv",),
    (*TABLE, "table.pkl", "--format", "netadapt"): ("table.pkl",),
}
#: by command: the files it writes into a folder of its own
FOLDERS = {
    ("sweep", "../sweep.yaml", "-j", "1", "-o", "new"): ("new/manifest.json", "new/spec.yaml", "new/results.parquet"),
}


def test_killed_while_it_writes_a_command_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    prepared = [(*PRUNE, "--export", "model.onnx"), ("sweep", "sweep.yaml", "-j", "1", "-o", "swept")]
    outputs = [(argv, files, True) for argv, files in OUTPUTS.items()]
    outputs += [(argv, files, False) for argv, files in FOLDERS.items()]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUNNER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        input=json.dumps((prepared, outputs, OLD)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    drafts = 0
    for number, step, status in json.loads(done.stdout):
        argv, files, replaced = outputs[number]
        assert status == -(signal.SIGXFSZ if step == "size" else signal.SIGKILL), (argv, step)
        where = tmp_path / f"{number}-{step}"
        for file in files:
            new = (tmp_path / f"{number}-whole" / file).read_bytes()
            assert new != OLD.encode()
            if replaced:
                assert (where / file).read_bytes() in (OLD.encode(), new), (argv, step)
            elif (where / file).exists():
                assert (where / file).read_bytes() == new, (argv, step)
        drafts += any(where.rglob(".*.draft"))
    assert drafts >= len(outputs)  # they were killed while they wrote


#: what writes files, or might, by the name it is called by
WRITERS = {
    "ZipFile", "copyfileobj", "hardlink_to", "mkstemp", "rename", "save", "save_file", "save_model", "savefig",
    "savetxt", "savez", "savez_compressed", "symlink_to", "to_csv", "to_excel", "to_feather", "to_hdf", "to_json",
    "to_parquet", "to_pickle", "touch", "write_html", "write_image", "write_table", "write_text",
}  # fmt: skip
#: the same, of the modules that it counts in alone
MODULES = {
    "json": {"dump"},
    "pickle": {"dump"},
    "yaml": {"dump"},
    "os": {"open", "write", "replace", "link", "truncate"},
}
#: every call of one: `storage` alone opens files to write them, and journals, to which whole rows are added
KNOWN = {
    "storage.py": {
        "open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 438), 'wb')",
        "os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 438)",
        "os.open(path, os.O_RDONLY)",
        "os.replace(draft, target)",
    },
    "explore/sweep/journal.py": {
        "os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 438)",
        "os.write(self._file, content[written:])",
    },
    # to memory, from where `storage` writes it
    "analysis/figures.py": {"figure.savefig(buffer, format=kind, metadata=METADATA[kind])"},
    "explore/accuracy.py": {"frame.to_csv(index=False)", "save_model(model, paths[-1])"},
    "explore/cost_tables/storing.py": {
        "pq.write_table(content, buffer, compression='zstd')",
        "table.frame.to_csv(index=False, lineterminator='\\n')",
    },
    "explore/sweep/table.py": {"pq.write_table(table, buffer, compression='zstd')"},
    "workload/formats/npz.py": {
        "ZipFile(file)",
        "ZipFile(content, 'w', ZIP_STORED)",
        "archive.open(_entry(f'{name}.npy'), 'w')",
    },
    "workload/formats/safetensors.py": {"save(arrays, metadata)"},
    # ours, which go through `storage`
    "cli/commands/reproduce.py": {"save(result, out)"},
    "cli/commands/run.py": {"timeline(net, hardware).save(trace)"},
    # to nowhere
    "cli/__init__.py": {"os.open(os.devnull, os.O_WRONLY)"},
    "explore/codesign/choosing.py": {"os.open(os.devnull, os.O_WRONLY)"},
}


def writes(call: ast.Call) -> bool:
    """Whether a call writes a file, or might."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    of = function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""
    if of == "shutil" or name in MODULES.get(of, ()):
        return True
    if name == "open":
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        return any(set(mode) & set("wax+") and set(mode) <= set("rwaxbt+") for mode in modes)
    if name == "write_bytes":  # a path's; that of `storage` is a function
        return isinstance(function, ast.Attribute)
    return name in WRITERS


def test_nothing_but_storage_writes_files() -> None:
    found: dict[str, set[str]] = {}
    for module in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and writes(node):
                found.setdefault(module.relative_to(PACKAGE).as_posix(), set()).add(ast.unparse(node))
    assert found == KNOWN


def test_the_reader_of_writers_sees_them() -> None:
    seen = """open(p, "w"); path.open(mode="ab"); path.write_text(t); path.write_bytes(b); os.rename(a, b)
np.savez(p, a); shutil.move(a, b); json.dump(v, f); frame.to_parquet(p); figure.savefig(p); os.open(p, flags)"""
    unseen = """open(p); path.open("rb"); path.open(encoding="utf-8"); write_bytes(p, b); json.dumps(v); dump(value)"""
    for text, whether in ((seen, True), (unseen, False)):
        calls = [statement.value for statement in ast.parse(text).body]
        assert [writes(call) for call in calls] == [whether] * len(calls)
