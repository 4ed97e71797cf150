"""`ppsim sweep`, as a user gives it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from command_line import Capture, numbers, refused, row_of, succeed

import ppsim

SPEC = """
format: ppsim-sweep/1
workload: lenet300
system: tetris
axes:
  parts: [1, 2, 400]
  dram.sharing: [private, shared]
"""


@pytest.fixture(autouse=True)
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("small.yaml")
    path.write_text(SPEC)
    return path


def test_it_says_what_is_best_and_what_failed(capsys: Capture) -> None:
    out = succeed(capsys, "sweep", "small.yaml", "-j", "1")
    assert "6 points, 2 of them failed: results/small" in out
    frame = pd.read_parquet("results/small/results.parquet")
    fastest = frame.loc[frame["seconds"].idxmin()]
    assert row_of(out, "fastest")[1:4] == [str(fastest["point"]), str(fastest["parts"]), fastest["dram"]]
    assert "Failed, 2 points: lenet300" in out
    assert "Next: ppsim plot results/small; ppsim report results/small" in out


def test_json_has_every_row(capsys: Capture) -> None:
    document, tables = numbers(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1")
    rows = document["rows"]
    assert [row["point"] for row in rows] == list(range(6))
    assert [row["error"] is None for row in rows] == [True] * 4 + [False] * 2
    assert rows[5]["cycles"] is None
    assert rows[2]["speedup"] == ppsim.load_sweep("out").frame["speedup"][2]
    assert "fastest" in tables


def test_it_goes_on_where_it_was(capsys: Capture) -> None:
    first = succeed(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1")
    assert "holds a sweep already" in refused(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1")
    assert succeed(capsys, "sweep", "small.yaml", "-o", "out", "--resume", "-j", "1") == first


def test_a_cluster_of_this_machine(capsys: Capture) -> None:
    here = succeed(capsys, "sweep", "small.yaml", "-o", "here", "-j", "1")
    with socket.socket() as other:
        with suppress(OSError):  # taken already, just as well
            other.bind(("", 8787))  # Dask's own port
            other.listen()
        there = subprocess.run(
            [sys.executable, "-m", "ppsim", "sweep", "small.yaml", "-o", "there", "--dask", "local", "-j", "2"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert there.stdout.split() == here.replace("here", "there").split()
    assert there.stderr == ""
    assert Path("here/results.parquet").read_bytes() == Path("there/results.parquet").read_bytes()


def test_an_interrupt_says_how_to_go_on(spec: Path) -> None:
    spec.write_text(SPEC + "  dram.bandwidth_gb_s: {from: 2, to: 64, points: 2000}\n")
    command = [sys.executable, "-m", "ppsim", "sweep", "small.yaml", "-o", "out", "-j", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    journal = Path("out/journal.jsonl")
    while not (journal.exists() and journal.stat().st_size > 10_000):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("of 12,000 points are kept in out; go on with:\nppsim sweep small.yaml -o out --resume\n")
    assert errors.count("\n") == 2
    kept = len(journal.read_text().splitlines())
    assert int(errors.split()[0].replace(",", "")) == kept < 12_000


@pytest.mark.parametrize(
    ("change", "argv", "message"),
    [
        (("small", "small"), "sweep none.yaml", "none.yaml: is no file"),
        (("small", "small"), "sweep small.yaml -o small.yaml", "small.yaml: is not a folder"),
        (("small", "small"), "sweep small.yaml --json none/x.json", "there is no folder none"),
        (("small", "small"), "sweep small.yaml -j 0", "'-j' / '--jobs'"),
        (("small", "small"), "sweep small.yaml --dask tcp://x:1 -j 2", "a cluster at an address has its own"),
        (("axes", "axis"), "sweep small.yaml", "small.yaml: 'axis': unknown key; accepted: axes, workload"),
        (("parts:", "prats:"), "sweep small.yaml", "no point of it can run: tetris: prats: unknown key"),
        (("sharing: [private", "sharing: [{}"), "sweep small.yaml", "axes: dram.sharing: {} is no single value"),
        (("tetris", "tetri"), "sweep small.yaml", "system 'tetri' is no file and no known name; did you mean 'tetris'"),
        (("lenet300", "lenet"), "sweep small.yaml", "workload 'lenet' is no file"),
        (("ppsim-sweep/1", "ppsim-system/1"), "sweep small.yaml", "format: must be 'ppsim-sweep/1'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(capsys: Capture, spec: Path, change: tuple[str, str], argv: str, message: str) -> None:
    spec.write_text(SPEC.replace(*change))
    assert message in refused(capsys, *argv.split())
    assert sorted(path.name for path in Path().iterdir()) == ["small.yaml"]


def test_screening_says_what_came_of_it(capsys: Capture) -> None:
    document, out = numbers(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1", "--screen")
    found, rows = document["screening"], document["rows"]
    skipped = [row["point"] for row in rows if row["beaten_by"] is not None]
    assert skipped
    assert (found["skipped"], found["failed"], found["unbounded"]) == (len(skipped), 2, 2)
    assert found["simulated"] == sum(row["cycles"] is not None for row in rows) == 4 - len(skipped)
    said = f"Screened: {6 - len(skipped)} simulated (2 without bounds), {len(skipped)} skipped; {found['front']} on the"
    assert said in out
    assert f"latency {found['latency_over_bound']['median']:.3f}x (median)" in out
    assert "without --screen" not in out
    assert "least energy" in out
    assert "most speedup" not in out
    assert "began with screening" in refused(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1", "--resume")
    again = succeed(capsys, "sweep", "small.yaml", "-o", "out", "-j", "1", "--screen", "--resume")
    assert said in again
