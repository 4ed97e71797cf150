"""`ppsim plot`, of a sweep that was really simulated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Capture, flowing, refused, succeed

import ppsim
from ppsim.analysis.plots import PLOTS
from ppsim.cli.commands.plot import FOLDER
from ppsim.explore.executors.serial import Serial

SPEC = {
    "workload": "lenet300",
    "system": "tetris",
    "scope": "network",
    "axes": {
        "parts, accelerators": [1, 4, 400],
        "array.rows": [8, 16],
        "dram.sharing": ["private", "shared"],
    },
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sweeps") / "lenet"
    assert len(ppsim.sweep(SPEC, out=place, executor=Serial()).to_frame()) == 12
    return place


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def said(svg: Path) -> str:
    """The words of a figure."""
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text()))


def test_all_that_apply_are_drawn_and_named(capsys: Capture, swept: Path) -> None:
    out = flowing(succeed(capsys, "plot", str(swept)))
    drawn = [name for name in PLOTS if name != "keep"]
    assert files(swept / FOLDER) == sorted(f"{name}.{kind}" for name in drawn for kind in ("pdf", "png"))
    written, _, reasons = out.partition(" Not drawn: ")
    assert written.replace(" ", "").startswith("Written:")
    assert all(str(swept / FOLDER / f"{name}.png").replace(" ", "") in written.replace(" ", "") for name in drawn)
    assert reasons.startswith("keep: the kept share does not vary")


def test_one_plot_of_some_points_in_one_kind(capsys: Capture, swept: Path, tmp_path: Path) -> None:
    choice = ("--only", " factors,", "--format", "svg", "--at", "dram.sharing=shared", "--at", "array.rows=16")
    out = succeed(capsys, "plot", str(swept), "-o", str(tmp_path / "new" / "figures"), *choice)
    assert files(tmp_path / "new" / "figures") == ["factors.svg"]
    assert "Not drawn" not in out
    svg = said(tmp_path / "new" / "figures" / "factors.svg")
    assert "array rows = 16" in svg
    assert "DRAM sharing = shared" in svg
    assert "1 failed point is left out." in svg


def test_any_column_on_the_map(capsys: Capture, swept: Path, tmp_path: Path) -> None:
    succeed(
        capsys, "plot", str(swept), "-o", str(tmp_path), "--only", "heatmap", "--value", "energy_pj", "--format", "svg"
    )
    assert "energy (µJ)" in said(tmp_path / "heatmap.svg")


def test_the_same_sweep_gives_the_same_files(capsys: Capture, swept: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        succeed(
            capsys,
            "plot",
            str(swept),
            "-o",
            str(tmp_path / folder),
            "--only",
            "speedup,pareto",
            "--format",
            "png,svg,pdf",
        )
    assert len(files(tmp_path / "one")) == 6
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "speedup,curve"], "--only speedup,curve: 'curve' is unknown; accepted: speedup, keep, energy, "),
        (["--only", ","], "--only: give at least one of speedup, keep"),
        (["--only", "keep"], "keep: the kept share does not vary at any number of accelerators; add an axis keep"),
        (["--format", "gif"], "--format gif: 'gif' is unknown; accepted: png, svg, pdf"),
        (["--value", "speed"], "--value speed: the sweep has no such column; accepted: parts, accelerators, "),
        (["--at", "array.rows"], "--at array.rows: give PATH=VALUE, as in --at dram.sharing=private"),
        (["--at", "array.cols=8"], "--at array.cols=8: not in the sweep; accepted: parts, accelerators, array.rows, "),
        (["--at", "array.rows=9"], "--at array.rows=9: not one of its values: 8, 16"),
        (["--at", "parts=400"], "no point at parts=400 to plot: all 4 failed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_written(
    capsys: Capture, swept: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    assert said in refused(capsys, "plot", str(swept), "-o", str(tmp_path / "figures"), *options)
    assert files(tmp_path) == []


def test_a_folder_without_a_sweep_is_refused(capsys: Capture, tmp_path: Path) -> None:
    assert "holds no sweep" in refused(capsys, "plot", str(tmp_path))
    assert files(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_refused(capsys: Capture, swept: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    said = refused(capsys, "plot", str(swept), "-o", str(tmp_path / "taken"), "--only", "heatmap")
    assert "taken: is not a folder" in said
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_network_that_changed_leaves_the_roofline_out(capsys: Capture, tmp_path: Path) -> None:
    """The other plots are of what was measured, and still right."""
    network = tmp_path / "net.yaml"
    text = (
        "format: ppsim-workload/1\nname: net\ninput: [64]\nlayers:\n  - {name: fc1, type: linear, out_features: 32}\n"
    )
    network.write_text(text)
    spec = {"workload": str(network), "system": "tetris", "axes": {"parts": [1, 2]}}
    ppsim.sweep(spec, out=tmp_path / "out", executor=Serial()).to_frame()
    network.write_text(text.replace("32", "48"))
    out = flowing(succeed(capsys, "plot", str(tmp_path / "out"), "--format", "png"))
    assert "speedup.png" in files(tmp_path / "out" / FOLDER)
    assert "roofline.png" not in files(tmp_path / "out" / FOLDER)
    assert "Not drawn: roofline: " in out
