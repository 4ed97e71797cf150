"""The command line over damaged files: exit code 0, or 2 with one line on stderr; no traceback, nothing half done."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fuzzed_readers import READERS
from hypothesis import HealthCheck, given, settings

from ppsim.cli import main

EACH = 12
#: the reader whose files are given -> commands that read them, FILE; what they write goes to OUT
COMMANDS = {
    "system": ("run lenet300 -s FILE", "show FILE"),
    "energy table": ("run lenet300 -s tetris --energy FILE", "show FILE"),
    "memories": ("show FILE",),
    "workload": ("show FILE", "cost FILE -s tetris --price nothing"),
    "partitioned network": ("run FILE -s tetris --baselines single-dense", "table FILE -s tetris -o OUT.csv"),
    "ONNX": ("run FILE -s tetris", "import FILE -o OUT.yaml --lenient", "prune FILE -p 2 --layers * -o OUT.json"),
    "npz with a network": ("prune FILE -p 2 -o OUT.json", "prune mlp_mnist --weights FILE -p 2 -o OUT.json"),
    "npz with inputs": ("prune mlp_mnist -p 2 --calibration FILE -o OUT.json",),
    "safetensors": ("run FILE -s tetris",),
    "sweep specification": ("sweep FILE -o OUT -j 1",),
    "folder of a sweep": ("plot FILE -o OUT --format svg --only pareto", "report FILE -o OUT.html"),
    "result of a run": ("report FILE -o OUT.html",),
}


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in COMMANDS.items() for line in lines])
def test_commands_refuse_in_one_line(
    name: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, numbers = READERS[name], count()

    @settings(max_examples=EACH, suppress_health_check=list(HealthCheck))
    @given(reader.files)
    def over(files: Any) -> None:
        place = tmp_path / str(next(numbers))
        place.mkdir()
        monkeypatch.chdir(place)
        folder = place / "given" if not reader.opens else place
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        before = sorted(place.rglob("*"))
        argv = line.replace("FILE", str(Path(reader.opens or "given"))).replace("OUT", "out").split()
        code = main(argv)
        said = capsys.readouterr()
        assert code in (0, 2), said.err
        if code == 2:
            assert said.err.startswith("error: ")
            assert len(said.err.splitlines()) == 1
            assert said.out == ""
            assert sorted(place.rglob("*")) == before
        shutil.rmtree(place)

    over()
