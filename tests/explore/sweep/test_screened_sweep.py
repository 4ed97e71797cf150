"""A screened sweep has the fronts of the whole one, at a fraction of the runs, and copes with all that sweeps do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ppsim
from ppsim import InputError, Processes, Serial
from ppsim.analysis.pareto import pareto_front
from ppsim.analysis.plots import draw, points_of
from ppsim.analysis.report.sweep_page import sweep_page
from ppsim.analysis.report.worth import Marginal, rule
from ppsim.explore.sweep import store
from ppsim.explore.sweep.journal import read_journal
from ppsim.explore.sweep.screening import networks
from ppsim.explore.sweep.spec import spec_of
from ppsim.explore.sweep.sweep import Sweep

SPECS: dict[str, dict[str, Any]] = {
    "cut layers": {
        "workload": "lenet300",
        "system": "tetris",
        "scope": "pruned-layers",
        "axes": {
            "parts": [1, 2, 4, 8],
            "array.rows, array.cols": [8, [12, 14], 16],
            "dram.bandwidth_gb_s": [4, 16],
            "dram.sharing": ["private", "shared"],
        },
    },
    "links": {
        "workload": "lenet300",
        "system": "tetris",
        "axes": {
            "accelerators": [1, 2, 4],
            "interconnect.topology": ["mesh", "bus"],
            "interconnect.bandwidth_gb_s": [0.1, 8],
            "dram.bandwidth_gb_s": [4, 16],
            "array.dataflow": ["ws", "os|ws"],
        },
    },
    "images and batches": {
        "workload": "vgg_mnist",
        "system": "tetris",
        "axes": {"batch": [1, 4], "buffer.kib": [40, 300], "clock_mhz": [250, 500], "accelerators": [1, 3]},
    },
    "kept shares and tables": {
        "workload": "mlp_mnist",
        "system": "tetris",
        "axes": {"parts": [2, 4], "keep": [0.5, 0.75], "energy": ["tetris", "normalised"], "dram.latency_ns": [0, 100],
                 "weights": ["cold", "resident"]},
    },
}  # fmt: skip


def fronts(frame: pd.DataFrame, run: Sweep) -> dict[Any, list[int]]:
    """The points on the fronts of latency and energy, and of these and area, by what they compete with."""
    frame = frame[frame["seconds"].notna()]
    network = networks(run.points)
    leagues = [(network[point], unit) for point, unit in zip(frame["point"], frame["energy_unit"], strict=True)]
    found = {}
    for objectives in (["seconds", "energy_pj"], ["seconds", "energy_pj", "area_mm2"]):
        for league in set(leagues):
            mine = frame[[one == league for one in leagues]]
            on = pareto_front(mine[objectives].to_numpy(float))
            found[len(objectives), league] = mine["point"][on].tolist()
    return found


@pytest.mark.parametrize("name", SPECS)
def test_the_fronts_are_those_of_the_whole_sweep(name: str) -> None:
    whole, run = ppsim.sweep(SPECS[name], executor=Serial()), ppsim.sweep(SPECS[name], executor=Serial(), screen=True)
    every, frame = whole.to_frame(), run.to_frame()
    assert fronts(frame, run) == fronts(every, run)
    assert (every["seconds"] >= frame["seconds_bound"]).all()
    assert (every["energy_pj"] >= frame["energy_pj_bound"]).all()
    simulated = frame["beaten_by"].isna()
    shared = list(every.columns)
    pd.testing.assert_frame_equal(frame.loc[simulated, shared], every[simulated], check_dtype=False)
    assert frame.loc[~simulated, "cycles"].isna().all()
    found = run.screened()
    assert (found.simulated, found.skipped, found.failed) == (simulated.sum(), (~simulated).sum(), 0)
    assert found.front == sum(len(front) for (count, _), front in fronts(every, run).items() if count == 3)
    assert found.latency is not None
    assert 1 <= found.latency[0] <= found.latency[1]


def test_most_points_of_a_usual_sweep_are_skipped() -> None:
    run = ppsim.sweep(SPECS["cut layers"], executor=Serial(), screen=True)
    assert run.screened().skipped > len(run) / 2


def test_what_beats_a_point_was_simulated() -> None:
    frame = ppsim.sweep(SPECS["links"], executor=Serial(), screen=True).to_frame().set_index("point")
    skipped = frame[frame["beaten_by"].notna()]
    better = frame.loc[skipped["beaten_by"].astype(int)]
    assert len(skipped)
    assert (better["seconds"].to_numpy() <= skipped["seconds_bound"].to_numpy()).all()
    assert (better["energy_pj"].to_numpy() <= skipped["energy_pj_bound"].to_numpy()).all()


def test_processes_skip_too() -> None:
    whole = ppsim.sweep(SPECS["cut layers"], executor=Serial())
    run = ppsim.sweep(SPECS["cut layers"], executor=Processes(2), screen=True)
    assert fronts(run.to_frame(), run) == fronts(whole.to_frame(), run)


def test_points_without_bounds_are_simulated(small: dict[str, Any]) -> None:
    run = ppsim.sweep(small | {"axes": small["axes"] | {"array.rows": [8, 0.5]}}, executor=Serial(), screen=True)
    frame, found = run.to_frame(), run.screened()
    failing = (frame["parts"] == 400) | (frame["array.rows"] == 0.5)
    assert frame["error"].notna().tolist() == failing.tolist()
    assert frame["seconds_bound"].isna().tolist() == failing.tolist()
    assert found.failed == found.unbounded == failing.sum()


def test_networks_are_told_apart_by_parts_where_accelerators_are_not_theirs() -> None:
    def leagues(**axes: list[Any]) -> int:
        return len(set(networks(spec_of({"axes": {"system": ["tetris"], "workload": ["lenet300"]} | axes}).points())))

    assert leagues(parts=[1, 2, 4]) == 1
    assert leagues(parts=[1, 2, 4], keep=[0.5, 1]) == 2
    assert leagues(parts=[1, 2, 4], accelerators=[4, 8]) == 3
    assert leagues(batch=[1, 2], workload=["lenet300", "mlp_mnist"]) == 4


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    spec, place = SPECS["cut layers"], tmp_path / "out"
    first = ppsim.sweep(spec, out=place, executor=Serial(), screen=True)
    with closing(iter(first)) as rows:
        for _ in range(5):
            next(rows)
    kept = read_journal(place / store.JOURNAL, lambda row: True).rows
    assert len(kept) < len(first)
    with pytest.raises(InputError, match="began with screening; go on with it with --screen"):
        list(ppsim.sweep(spec, out=place, resume=True, executor=Serial()))
    again = ppsim.sweep(spec, out=place, resume=True, executor=Serial(), screen=True)
    frame = again.to_frame()
    assert len(frame) == len(again)
    assert fronts(frame, again) == fronts(ppsim.sweep(spec, executor=Serial()).to_frame(), again)
    rows_now = read_journal(place / store.JOURNAL, lambda row: True).rows
    assert {number: rows_now[number] for number in kept} == kept
    results = ppsim.load_sweep(place)
    pd.testing.assert_frame_equal(results.frame, frame)
    pd.testing.assert_frame_equal(pd.read_parquet(place / store.TABLE), frame)
    assert results.manifest.screened
    # a finished one is read, not run
    assert ppsim.sweep(spec, out=place, resume=True, executor=Serial(), screen=True).screened() == again.screened()


def test_a_whole_sweep_is_not_gone_on_with_screening(tmp_path: Path, small: dict[str, Any]) -> None:
    list(ppsim.sweep(small, out=tmp_path, executor=Serial()))
    with pytest.raises(InputError, match="began without screening; go on with it without --screen"):
        list(ppsim.sweep(small, out=tmp_path, resume=True, executor=Serial(), screen=True))
    assert "beaten_by" not in ppsim.load_sweep(tmp_path).frame


def test_plots_and_reports_leave_skipped_points_out(tmp_path: Path) -> None:
    run = ppsim.sweep(SPECS["cut layers"], out=tmp_path, executor=Serial(), screen=True)
    found, results = run.screened(), ppsim.load_sweep(tmp_path)
    points = points_of(results)
    assert (len(points.frame), points.failed, points.skipped) == (found.simulated, 0, found.skipped)
    assert f"{found.skipped} points left out: others beat what they could be at best." in points.remarks()
    assert "not finished" not in points.remarks()
    draw("pareto", points)
    page = sweep_page(results, rule(Marginal.name, None))
    assert f"{found.simulated} design points and {found.skipped} skipped ones" in page.subtitle
    assert any("was screened" in note for note in page.notes)
    assert not any("not finished" in note for note in page.notes)
