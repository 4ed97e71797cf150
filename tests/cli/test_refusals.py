"""Input that cannot be used: exit code 2, one line on stderr that says what is wrong, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from command_line import Capture, refused

import ppsim
from ppsim.cli import main
from ppsim.documents import names

SYSTEMS = ", ".join(names("accelerators"))
TABLES = ", ".join(names("accelerators/energy"))


WRONG: tuple[tuple[str, str], ...] = (
    ("run nope -s tetris", f"known: {', '.join(names('workloads'))}"),
    ("run tinyvgg16", "'-s' / '--system'"),
    ("run tinyvgg16 -s nope", f"known: {SYSTEMS}"),
    ("run tinyvgg16 -s tetris -p 0", "parts must be at least 1, got 0"),
    ("run tinyvgg16 -s tetris -p many", "'-p' / '--parts'"),
    ("run tinyvgg16 -s tetris -p 5000", "'fc6' has 2048 input and 4096 output units, too few for parts=5000"),
    ("run tinyvgg16 -s tetris -n 0", "accelerators"),
    ("run tinyvgg16 -s tetris -p 4 --keep 0.1", "from 1/4"),
    ("run tinyvgg16 -s tetris --keep 0.5", "give -p"),
    ("run tinyvgg16 -s tetris -p 4 --layers pool*", "layers='pool*' matches no linear layer or ungrouped convolution"),
    ("run tinyvgg16 -s tetris -p 4 --layers=", "layers='' matches no linear layer"),
    ("run tinyvgg16 -s tetris --batch 0", "batch must be at least 1"),
    ("run tinyvgg16 -s tetris --dataflow sw", "array: dataflow: 'sw' is unknown; accepted: os, ws, is"),
    ("run tinyvgg16 -s tetris --dataflow os --overlap", "accepted with ws and is"),
    ("run tinyvgg16 -s tetris --energy nope", f"known: {TABLES}"),
    ("run tinyvgg16 -s tetris --engine nope", "accepted: auto, reference"),
    ("run tinyvgg16 -s tetris --set dram", "PATH=VALUE"),
    ("run tinyvgg16 -s tetris --set =1", "PATH=VALUE"),
    ("run tinyvgg16 -s tetris --set dram.latency_ns=[", "no YAML value"),
    ("run tinyvgg16 -s tetris --set dram.latency=1", "accepted: sharing, bandwidth_gb_s, latency_ns"),
    ("run tinyvgg16 -s tetris --set dram.latency_ns=-1", "greater than or equal to 0"),
    ("run tinyvgg16 -s tetris --set accelerators=4", "give -n"),
    ("gemm 1 2 3", "either -s SYSTEM"),
    ("gemm 1 2 3 -s tetris --array 2x2", "either -s SYSTEM"),
    ("gemm 1 2 --array 2x2", "'N'"),
    ("gemm 0 2 3 -s tetris", "M must be at least 1"),
    ("gemm 0 2 3 --array 2x2", "at least 1"),
    ("gemm 1 2 3 --array 12by14", "as in --array 12x14"),
    ("gemm 1 2 3 --array 0x14", "at least 1"),
    ("gemm 1 2 3 --array 2x2 --dataflow sw", "accepted: os, ws, is"),
    ("gemm 1 2 3 --array 2x2 -n 4", "--array goes with"),
    ("gemm 2000000000 2000000000 2000000000 --array 2x2", "too large"),
    ("reproduce -j 0", "'-j' / '--jobs'"),
    ("nope", "nope"),
)


@pytest.mark.parametrize(("line", "told"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_input_is_told_in_one_line(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refused(capsys, *line.split())
    assert list(tmp_path.iterdir()) == []


def test_json_that_cannot_be_written_is_told_before_anything_runs(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("simulated for nothing")

    monkeypatch.setattr(ppsim, "simulate", never, raising=False)
    for target in (tmp_path, tmp_path / "missing" / "gemm.json", Path("/dev/null")):
        assert refused(capsys, "gemm", "1", "2", "3", "-s", "tetris", "--json", str(target)).startswith(f"{target}: ")


def test_a_failing_run_leaves_the_old_file(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    target.write_text("old")
    assert "16-bit arrays" in refused(
        capsys, "gemm", "1", "2", "3", "-s", "tetris", "--bits", "32", "--json", str(target)
    )
    assert target.read_text() == "old"


def test_an_interrupt_ends_with_130(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ppsim, "simulate", interrupted, raising=False)
    assert main(["gemm", "1", "2", "3", "-s", "tetris"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [("run", "FILE", "-s", "tetris"), ("show", "FILE"), ("run", "lenet300", "-s", "FILE")]
)
@pytest.mark.parametrize("begin", ["", "format: ppsim-workload/1\n", '{"format": "ppsim-partitioned/1",'])
def test_a_huge_file_is_refused_at_once(capsys: Capture, tmp_path: Path, command: tuple[str, ...], begin: str) -> None:
    """Its gigabyte is a hole: reading it would take long and fill memory."""
    path = tmp_path / "huge"
    path.write_text(begin)
    argv = [str(path) if word == "FILE" else word for word in command]
    refused(capsys, *argv)  # a small one first: importing modules is not what is timed
    os.truncate(path, 2**30)
    tracemalloc.start()
    before = time.process_time()
    says = refused(capsys, *argv)
    assert time.process_time() - before < 2
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
    assert f"{2**30} bytes; " in says or says.startswith(f"{path}: format: none is given")


COMMANDS = (
    ["--help"],
    ["list", "memories"],
    ["list", "memories", "--json", "-"],
    ["show", "schema", "partitioned-graph"],
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_full_disk_is_told_in_one_line(argv: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "ppsim", *argv], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: stdout cannot be written: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_nobody_reads_on(argv: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        done = subprocess.run([sys.executable, "-m", "ppsim", *argv], stdout=pipe, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "Error" not in done.stderr
    assert "error" not in done.stderr
