"""The command line: what it prints, what it writes, and what it says about input it cannot use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ppsim
from ppsim.cli import DEFAULT_OUT, WIDTH, main
from ppsim.explore import reproduce as experiment_module
from ppsim.explore.assumptions import Grid
from ppsim.explore.reproduce import Experiment

NETWORK = """
format: ppsim-workload/1
name: two-layers
input: [512]
layers:
  - {name: fc6, type: linear, out_features: 256}
  - {name: relu6, type: elementwise, op: relu}
  - {name: fc7, type: linear, out_features: 96}
"""


@pytest.fixture(autouse=True)
def usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test runners may say how wide their own terminal is."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "two-layers.yaml"
    path.write_text(NETWORK)
    return str(path)


def succeed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    code = main(argv)
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return captured.out


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ((), ("--help",)):
        out = succeed(capsys, *argv)
        assert all(f"\n  {command} " in out for command in ("reproduce", "run", "gemm"))


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys, ppsim.cli; ppsim.cli.main(['run', '--help']); "
        "print(sorted({'numpy', 'matplotlib', 'pandas', 'yaml', 'ppsim.documents'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "ppsim", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"ppsim {ppsim.__version__}\n"


def test_run_prints_layers_comparison_and_assumptions(capsys: pytest.CaptureFixture[str], network: str) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", "-p", "4")
    hardware = ppsim.load_system("tetris", accelerators=4)
    comparison = ppsim.compare(ppsim.partition(ppsim.load_workload(network), 4), hardware)
    for layer in comparison.result.layers:
        row = next(line.split() for line in out.splitlines() if line.split()[:1] == [layer.name])
        assert row[1:3] == [layer.bound, f"{layer.cycles:,}"]
    assert f"{comparison.result.cycles:,} cycles" in out
    assert f"Whole network: speedup {comparison.speedup:.4g} = " in out
    assert comparison.pruned_layers is not None
    assert f"Pruned layers alone: speedup {comparison.pruned_layers.speedup:.4g} = " in out
    assert all(f"\n{baseline} " in out for baseline in ("single-dense", "single-pruned", "multi-dense"))
    words = " ".join(out.split())
    assert all(" ".join(line.split()) in words for line in hardware.assumptions())
    assert max(len(line) for line in out.splitlines()) <= WIDTH


@pytest.mark.parametrize(
    ("options", "side"), [(("--dataflow", "os"), "DRAM-bound"), (("--dataflow", "ws", "--no-overlap"), "compute-bound")]
)
def test_run_says_which_side_of_the_bandwidth_line_it_is_on(
    capsys: pytest.CaptureFixture[str], network: str, options: tuple[str, ...], side: str
) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", *options)
    sides = {word for word in ("DRAM-bound", "compute-bound") if f": {word}." in " ".join(out.split())}
    assert sides == {side}


def test_run_writes_a_row_with_layers_that_add_up(
    capsys: pytest.CaptureFixture[str], network: str, tmp_path: Path
) -> None:
    target = tmp_path / "run.json"
    succeed(capsys, "run", network, "-s", "shared-dram", "-p", "3", "--keep", "0.5", "--json", str(target))
    row = read(target)
    comparison = ppsim.compare(
        ppsim.partition(ppsim.load_workload(network), 3, keep=0.5), ppsim.load_system("shared-dram", accelerators=3)
    )
    assert {key: row[key] for key in comparison.row()} == comparison.row()
    assert comparison.pruned_layers is not None
    assert row["pruned_layers"] == comparison.pruned_layers.row()
    assert row["dram"] == "shared"
    assert sum(layer["cycles"] for layer in row["layers"]) == row["cycles"]
    for component, energy in row["energy"].items():
        assert sum(layer["energy"][component] for layer in row["layers"]) == pytest.approx(energy, rel=1e-12)
    told = {(compared["scope"], compared["baseline"]) for compared in row["comparisons"]}
    assert told == {
        (scope, baseline)
        for scope in ("network", "pruned-layers")
        for baseline in ("single-dense", "single-pruned", "multi-dense")
    }
    for scope, factors in row["factors"].items():
        speedup = comparison.speedup if scope == "network" else comparison.pruned_layers.speedup
        assert factors["pruning"] * factors["parallelism"] * (1 - factors["loss"]) == pytest.approx(speedup)


def test_run_without_parts_is_the_baseline_itself(
    capsys: pytest.CaptureFixture[str], network: str, tmp_path: Path
) -> None:
    target = tmp_path / "run.json"
    succeed(capsys, "run", network, "-s", "tetris", "--json", str(target))
    row = read(target)
    assert (row["parts"], row["accelerators"], row["speedup"], row["energy_reduction"]) == (1, 1, 1.0, 1.0)
    assert row["pruned_layers"] is None


@pytest.mark.parametrize(
    ("options", "parts", "accelerators"),
    [(("-p", "4"), 4, 4), (("-n", "4"), 1, 4), (("-p", "4", "-n", "2"), 4, 2), (("-p", "2", "-n", "3"), 2, 3)],
)
def test_run_takes_as_many_accelerators_as_parts_unless_told(
    capsys: pytest.CaptureFixture[str],
    network: str,
    tmp_path: Path,
    options: tuple[str, ...],
    parts: int,
    accelerators: int,
) -> None:
    target = tmp_path / "run.json"
    succeed(capsys, "run", network, "-s", "tetris", *options, "--json", str(target))
    row = read(target)
    assert (row["parts"], row["accelerators"]) == (parts, accelerators)


def test_options_of_a_system_are_its_settings(capsys: pytest.CaptureFixture[str], network: str, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    options = ("--dataflow", "is", "--no-overlap", "--energy", "eyeriss-65nm", "--batch", "5")
    settings = ("--set", "dram.latency_ns=1e3", "--set", "dram.sharing=2", "--set", "energy.leakage_w=0.5")
    argv = ("run", network, "-s", "tetris", "-p", "4", *options, *settings, "--json", str(target))
    succeed(capsys, *argv)
    hardware = ppsim.load_system(
        "tetris",
        accelerators=4,
        set={
            "array.dataflow": "is",
            "array.overlap": False,
            "energy": "eyeriss-65nm",
            "dram.latency_ns": 1000,
            "dram.sharing": 2,
            "energy.leakage_w": 0.5,
        },
    )
    expected = ppsim.simulate(ppsim.partition(ppsim.load_workload(network, batch=5), 4), hardware)
    row = read(target)
    assert (row["cycles"], row["energy"]) == (expected.cycles, dict(expected.energy))


def test_both_engines_can_be_asked_for(capsys: pytest.CaptureFixture[str], network: str, tmp_path: Path) -> None:
    rows = {}
    for engine in ("auto", "reference"):
        target = tmp_path / f"{engine}.json"
        succeed(capsys, "run", network, "-s", "tetris", "-p", "2", "--engine", engine, "--json", str(target))
        rows[engine] = read(target)
        assert rows[engine]["engine"] == engine
    assert rows["auto"]["cycles"] == rows["reference"]["cycles"]


def test_json_on_stdout_leaves_the_tables_to_stderr(capsys: pytest.CaptureFixture[str], network: str) -> None:
    assert main(["run", network, "-s", "tetris", "-p", "2", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["parts"] == 2
    assert "Energy by component" in captured.err


def test_gemm_on_a_system_is_a_simulation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    out = succeed(capsys, "gemm", "4", "300", "200", "-s", "tetris", "-n", "2", "--json", str(target))
    expected = ppsim.simulate(ppsim.gemm(4, 300, 200), ppsim.load_system("tetris", accelerators=2))
    assert read(target) == json.loads(json.dumps(expected.to_dict()))
    assert f"{expected.cycles:,} cycles" in out
    assert f"bound by {expected.layers[-1].bound}" in out


def test_gemm_on_an_array_is_the_closed_form(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    out = succeed(capsys, "gemm", "30", "100", "50", "--array", "8x4", "--dataflow", "os", "--json", str(target))
    values = read(target)
    # 4 x 13 folds of 100 + 8 + 4 - 2 cycles; each of the 13 reads all inputs, each of the 4 all weights
    assert (values["folds"], values["cycles"]) == (4 * 13, 4 * 13 * 110)
    assert (values["input_reads"], values["weight_reads"]) == (13 * 30 * 100, 4 * 100 * 50)
    assert values["operand_read_bytes"] == 2 * (13 * 30 * 100 + 4 * 100 * 50)
    assert values["utilisation"] == pytest.approx(30 * 100 * 50 / (4 * 13 * 110 * 32))
    assert "5,720" in out


def test_gemm_with_overlap_hides_all_but_the_first_loads(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    for flag, cycles in (("--overlap", 5 * 8 + 1 + 2 * 8 + 4 - 2), ("--no-overlap", 6 * (1 + 2 * 8 + 4 - 2))):
        argv = ("gemm", "1", "24", "8", "--array", "8x4", "--dataflow", "ws", flag, "--json", str(target))
        succeed(capsys, *argv)
        assert read(target)["cycles"] == cycles


WRONG: tuple[tuple[str, str], ...] = (
    ("run nope -s tetris", "known: tinyvgg16"),
    ("run tinyvgg16", "'-s' / '--system'"),
    ("run tinyvgg16 -s nope", "known: shared-dram, tetris"),
    ("run tinyvgg16 -s tetris -p 0", "parts must be at least 1, got 0"),
    ("run tinyvgg16 -s tetris -p many", "'-p' / '--parts'"),
    ("run tinyvgg16 -s tetris -p 300", "at most 200 parts"),
    ("run tinyvgg16 -s tetris -n 0", "accelerators"),
    ("run tinyvgg16 -s tetris -p 4 --keep 0.1", "from 1/4"),
    ("run tinyvgg16 -s tetris --keep 0.5", "give -p"),
    ("run tinyvgg16 -s tetris -p 4 --layers conv*", "linear layers: fc6, fc7, fc8"),
    ("run tinyvgg16 -s tetris --batch 0", "batch must be at least 1"),
    ("run tinyvgg16 -s tetris --dataflow sw", "'os', 'ws' or 'is'"),
    ("run tinyvgg16 -s tetris --dataflow os --overlap", "accepted with ws and is"),
    ("run tinyvgg16 -s tetris --energy nope", "known: eyeriss-65nm, tetris"),
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
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err
    assert list(tmp_path.iterdir()) == []


def test_json_that_cannot_be_written_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("simulated for nothing")

    monkeypatch.setattr(ppsim, "simulate", never, raising=False)
    for target in (tmp_path, tmp_path / "missing" / "gemm.json", Path("/dev/null")):
        assert main(["gemm", "1", "2", "3", "-s", "tetris", "--json", str(target)]) == 2
        assert capsys.readouterr().err.startswith(f"error: {target}: ")


def test_a_failing_run_leaves_the_old_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    target.write_text("old")
    assert main(["gemm", "1", "2", "3", "-s", "tetris", "--bits", "32", "--json", str(target)]) == 2
    assert "16-bit arrays" in capsys.readouterr().err
    assert target.read_text() == "old"


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ppsim, "simulate", interrupted, raising=False)
    assert main(["gemm", "1", "2", "3", "-s", "tetris"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def small_experiment(network: str, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Stands in for the whole experiment when the command line asks for it."""
    small = Experiment(
        workload=network,
        parts=(1, 2, 3),
        grid=Grid(workloads=(network,), layers=("fc*",), batches=(1,), dataflows=("os",), parts=(2, 3)),
    )
    module: ModuleType = experiment_module
    monkeypatch.setattr(module, "Experiment", lambda: small)
    return small


def test_reproduce_prints_tables_and_writes_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, small_experiment: Experiment
) -> None:
    target = tmp_path / "deep" / "results"
    out = succeed(capsys, "reproduce", "--out", str(target), "-j", "1")
    assert sorted(path.name for path in target.iterdir()) == [f"reproduce.{end}" for end in ("csv", "json", "png")]
    document = read(target / "reproduce.json")
    nearest = document["explanations"][0]
    assert f"Searched {len(small_experiment.grid)} sets" in out
    assert f"{nearest['distance']:.3f}" in out
    assert "7.72x speedup, 2.73x energy reduction" in out
    assert max(len(line) for line in out.splitlines()) <= max(WIDTH, len(str(target / "reproduce.json")))


def test_reproduce_has_a_default_folder(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_experiment: Experiment,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = succeed(capsys, "reproduce", "-j", "1")
    assert str(DEFAULT_OUT / "reproduce.json") in out
    assert (tmp_path / DEFAULT_OUT / "reproduce.json").is_file()


def test_reproduce_refuses_a_file_as_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    assert main(["reproduce", "--out", str(target)]) == 2
    assert capsys.readouterr().err == f"error: {target}: is not a folder; give a folder, or a name that is free\n"
    assert target.read_text() == "mine"
