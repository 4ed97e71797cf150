"""`ppsim run`: what it prints and writes, on systems of equal accelerators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, flowing, read, row_of, succeed, widest

import ppsim
from ppsim.baselines import BASELINES
from ppsim.cli import main
from ppsim.cli.output import WIDTH


def test_run_prints_layers_comparison_and_assumptions(capsys: Capture, network: str) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", "-p", "4")
    hardware = ppsim.load_system("tetris", accelerators=4)
    comparison = ppsim.compare(ppsim.partition(ppsim.load_workload(network), 4), hardware)
    for layer in comparison.result.layers:
        assert row_of(out, layer.name)[1:3] == [layer.bound, f"{layer.cycles:,}"]
    assert f"{comparison.result.cycles:,} cycles" in out
    assert f"Whole network: speedup {comparison.speedup:.4g} = " in out
    assert comparison.pruned_layers is not None
    assert f"Pruned layers alone: speedup {comparison.pruned_layers.speedup:.4g} = " in out
    for name in BASELINES:
        cells = [
            [f"{of.baselines[name].cycles:,}", f"{of.speedup_of(name):.2f}x", f"{of.energy_reduction_of(name):.2f}x"]
            for of in (comparison, comparison.pruned_layers)
        ]
        assert row_of(out, name)[1:] == cells[0] + cells[1], name
    assert all(flowing(line) in flowing(out) for line in hardware.assumptions())
    assert widest(out) <= WIDTH


@pytest.mark.parametrize(
    ("options", "side"), [(("--dataflow", "os"), "DRAM-bound"), (("--dataflow", "ws", "--no-overlap"), "compute-bound")]
)
def test_run_says_which_side_of_the_bandwidth_line_it_is_on(
    capsys: Capture, network: str, options: tuple[str, ...], side: str
) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", *options)
    sides = {word for word in ("DRAM-bound", "compute-bound") if f": {word}." in flowing(out)}
    assert sides == {side}


def test_run_writes_a_row_with_layers_that_add_up(capsys: Capture, network: str, tmp_path: Path) -> None:
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
    assert told == {(scope, baseline) for scope in ("network", "pruned-layers") for baseline in BASELINES}
    assert {(found["scope"], found["baseline"]) for found in row["baselines"]} == told
    for scope, factors in row["factors"].items():
        speedup = comparison.speedup if scope == "network" else comparison.pruned_layers.speedup
        assert factors["pruning"] * factors["parallelism"] * (1 - factors["loss"]) == pytest.approx(speedup)


def test_run_without_parts_is_the_baseline_itself(capsys: Capture, network: str, tmp_path: Path) -> None:
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
    capsys: Capture,
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


def test_options_of_a_system_are_its_settings(capsys: Capture, network: str, tmp_path: Path) -> None:
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


def test_both_engines_can_be_asked_for(capsys: Capture, network: str, tmp_path: Path) -> None:
    rows = {}
    for engine in ("auto", "reference"):
        target = tmp_path / f"{engine}.json"
        succeed(capsys, "run", network, "-s", "tetris", "-p", "2", "--engine", engine, "--json", str(target))
        rows[engine] = read(target)
        assert rows[engine]["engine"] == engine
    assert rows["auto"]["cycles"] == rows["reference"]["cycles"]


def test_json_on_stdout_leaves_the_tables_to_stderr(capsys: Capture, network: str) -> None:
    assert main(["run", network, "-s", "tetris", "-p", "2", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["parts"] == 2
    assert "Energy by component" in captured.err
