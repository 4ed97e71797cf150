"""`ppsim reproduce`, on a small experiment in the place of the whole one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from command_line import Capture, flowing, read, refused, succeed, widest

from ppsim.cli.commands.reproduce import DEFAULT_OUT
from ppsim.cli.output import WIDTH
from ppsim.explore import reproduce as experiment_module
from ppsim.explore.assumptions import Grid
from ppsim.explore.reproduce import Experiment


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
    capsys: Capture, tmp_path: Path, small_experiment: Experiment
) -> None:
    target = tmp_path / "deep" / "results"
    out = succeed(capsys, "reproduce", "--out", str(target), "-j", "1")
    assert sorted(path.name for path in target.iterdir()) == [f"reproduce.{end}" for end in ("csv", "json", "png")]
    document = read(target / "reproduce.json")
    nearest = document["explanations"][0]
    assert f"Searched {len(small_experiment.grid)} sets" in out
    assert f"{nearest['distance']:.3f}" in out
    assert "7.72x speedup, 2.73x energy reduction" in out
    assert "No set is within a distance of 0.05." in out
    assert widest(out) <= max(WIDTH, len(str(target / "reproduce.json")))


def test_reproduce_has_a_default_folder(
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_experiment: Experiment,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = succeed(capsys, "reproduce", "-j", "1")
    assert str(DEFAULT_OUT / "reproduce.json") in out
    assert (tmp_path / DEFAULT_OUT / "reproduce.json").is_file()


def test_reproduce_refuses_a_file_as_folder(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    says = f"{target}: is not a folder; give a folder, or a name that is free"
    assert refused(capsys, "reproduce", "--out", str(target)) == says
    assert target.read_text() == "mine"


def test_reproduce_says_what_near_sets_share(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_experiment: Experiment
) -> None:
    monkeypatch.setattr("ppsim.cli.commands.reproduce.NEAR", 0.2)
    out = flowing(succeed(capsys, "reproduce", "--out", str(tmp_path), "-j", "1"))
    near = [point for point in read(tmp_path / "reproduce.json")["explanations"] if point["distance"] <= 0.2]
    assert len(near) > 1
    assert {(point["dram"], point["dataflow"]) for point in near} == {("private", "os")}
    assert f"{len(near)} sets are within a distance of 0.2; what all of them share: " in out
    shared = out.partition("what all of them share: ")[2].partition("Nearest for each P")[0]
    assert "dram private" in shared
    assert "dataflow os" in shared
