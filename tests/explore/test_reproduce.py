"""The paper's experiment and the search for its assumptions, on small settings."""

from __future__ import annotations

import csv
import json
import os
import stat
from dataclasses import replace
from functools import partial
from math import e, isclose, log
from pathlib import Path

import numpy as np
import pytest

import ppsim
from ppsim.analysis.figures import DPI, TIMES
from ppsim.explore.assumptions import (
    DATAFLOWS,
    PAPER_ENERGY_REDUCTION,
    PAPER_SPEEDUP,
    STATIC,
    SYSTEMS,
    Explanation,
    Grid,
    distance,
    explain,
    explain_stack,
    fc_sizes,
    nearest_first,
)
from ppsim.explore.executors import processes, run_all
from ppsim.explore.reproduce import BASELINES, LISTED, Experiment, Reproduction, reproduce, rows_of, save
from ppsim.hardware.energy import COMPONENTS
from ppsim.storage import json_text, write_bytes, write_json

NETWORK = """
format: ppsim-workload/1
name: three-layers
input: [16, 8, 8]
layers:
  - {name: conv, type: conv, out_channels: 32, kernel: [3, 3], padding: [1, 1]}
  - {name: pool, type: pool, kernel: [2, 2]}
  - {name: flatten, type: flatten}
  - {name: fc6, type: linear, out_features: 512}
  - {name: relu6, type: elementwise, op: relu}
  - {name: fc7, type: linear, out_features: 96}
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("workloads") / "three-layers.yaml"
    path.write_text(NETWORK)
    return str(path)


@pytest.fixture(scope="module")
def reproduction(network: str) -> Reproduction:
    grid = Grid(workloads=(network,), layers=("fc*", "fc6"), batches=(1, 3), dataflows=("os", "ws"), parts=(2, 3))
    return reproduce(Experiment(workload=network, parts=(1, 2, 3, 4), grid=grid), jobs=1)


# the search


def test_distance_is_zero_at_the_paper_and_counts_factors() -> None:
    assert distance(PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION) == 0
    assert isclose(distance(PAPER_SPEEDUP * e, PAPER_ENERGY_REDUCTION), 1)
    assert isclose(distance(PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION / e), 1)
    assert isclose(distance(PAPER_SPEEDUP * e**3, PAPER_ENERGY_REDUCTION * e**4), 5)
    assert isclose(distance(2 * PAPER_SPEEDUP, 1), distance(PAPER_SPEEDUP / 2, PAPER_ENERGY_REDUCTION**2))


def test_the_whole_grid_has_the_axes_asked_for() -> None:
    grid = Grid()
    cuts = list(grid.cuts())
    assert [parts for parts, _, _ in cuts] == [2] + [3] * 2 + [4] * 2 + [8] * 3 + [16] * 3
    assert all(keep >= 1 / parts for parts, keep, _ in cuts)
    assert len({(parts, keep) for parts, keep, _ in cuts}) == len(cuts)
    assert {parts for parts, keep, diagonal in cuts if diagonal and keep == 1 / parts} == set(grid.parts)
    # (workloads x layers, fc7 of two being the same) x batches x dataflows x cuts x DRAM x energy tables x static power
    assert len(grid) == (3 * 3 - 1) * 2 * 3 * 11 * 2 * 2 * 2


def test_a_grid_rejects_what_it_cannot_search() -> None:
    with pytest.raises(ppsim.InputError, match="dataflows: 'rs' is unknown; accepted: os"):
        Grid(dataflows=("rs",))
    with pytest.raises(ppsim.InputError, match="parts needs at least one value"):
        Grid(parts=())


def test_every_point_is_searched_once(reproduction: Reproduction) -> None:
    found = reproduction.explanations
    assert len(found) == len(reproduction.experiment.grid)
    assert len({replace(point, speedup=1.0, energy_reduction=1.0) for point in found}) == len(found)
    distances = [point.distance for point in found]
    assert distances == sorted(distances)
    assert distances[0] < distances[-1]


@pytest.mark.parametrize("dram", SYSTEMS)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_point_is_what_compare_gives(network: str, dram: str, dataflow: str) -> None:
    grid = Grid(
        workloads=(network,),
        layers=("fc*",),
        batches=(2,),
        dataflows=(dataflow,),
        parts=(3,),
        keeps=(0.375,),
        drams=(dram,),
    )
    pruned = ppsim.partition(ppsim.load_workload(network, batch=2), 3, keep=0.375)
    for point in explain_stack(grid.stacks()[0], grid):
        settings = {**DATAFLOWS[dataflow], "energy": point.energy_table}
        comparison = ppsim.compare(pruned, ppsim.load_system(SYSTEMS[dram], 3, set=settings)).pruned_layers
        assert comparison is not None
        assert point.speedup == comparison.speedup
        counted = [c for c in COMPONENTS if point.static_power or c not in STATIC]
        before, after = (
            sum(result.energy[component] for component in counted)
            for result in (comparison.baselines["single-dense"], comparison.result)
        )
        assert point.energy_reduction == pytest.approx(before / after, rel=1e-12)


def test_static_power_and_energy_tables_change_energy_alone(reproduction: Reproduction) -> None:
    runs: dict[tuple[object, ...], set[tuple[float, float]]] = {}
    for point in reproduction.explanations:
        run = (point.layers, point.batch, point.dataflow, point.parts, point.keep, point.dram)
        runs.setdefault(run, set()).add((point.speedup, point.energy_reduction))
    for results in runs.values():
        assert len({speedup for speedup, _ in results}) == 1
        assert len({energy for _, energy in results}) == 4


def test_the_search_finds_three_parts_that_keep_three_eighths() -> None:
    grid = Grid(workloads=("tinyvgg16",), layers=("fc*",), batches=(1,))
    found = explain(grid, jobs=1)
    nearest = found[0]
    assert (nearest.parts, nearest.keep, nearest.dram) == (3, 3 / 8, "private")
    assert nearest.distance < 0.05
    assert all(point.distance > 0.25 for point in found if point.block_diagonal and point.parts != 3)


def test_fc_sizes_are_inputs_then_outputs(network: str) -> None:
    net = ppsim.load_workload(network)
    assert fc_sizes(net, "fc*") == (512, 512, 96)
    assert fc_sizes(net, "fc7") == (512, 96)


def point(speedup: float, energy_reduction: float, parts: int = 2, table: str = "tetris") -> Explanation:
    return Explanation(
        workload="w",
        fc_sizes=(8, 8),
        layers="fc*",
        batch=1,
        dataflow="os",
        parts=parts,
        keep=1 / parts,
        block_diagonal=True,
        dram="private",
        energy_table=table,
        static_power=True,
        speedup=speedup,
        energy_reduction=energy_reduction,
    )


def test_nearest_come_first_and_ties_keep_their_order() -> None:
    near, far, tied = point(7.7, 2.7), point(4, 2), point(7.7, 2.7, table="eyeriss-65nm")
    assert nearest_first([[far, near], [tied]]) == [near, tied, far]


def test_summaries_of_the_nearest() -> None:
    points = [point(7.7, 2.7, 3), point(7.7, 2.69, 3, "eyeriss-65nm"), point(8.0, 2.6, 3), point(4, 2, 2)]
    found = nearest_first([points])
    summary = Reproduction(Experiment(), {}, (), tuple(found))
    assert summary.nearest_runs(9) == [points[0], points[3]]
    assert summary.nearest_by_cut() == {(2, 1 / 2): points[3], (3, 1 / 3): points[0]}
    count, shared = summary.in_common(0.1)
    assert count == 3
    assert shared["parts"] == 3
    assert "energy_table" not in shared
    assert summary.in_common(1e-9) == (0, {})


# the rows


def test_rows_have_the_schema_for_every_point(reproduction: Reproduction) -> None:
    keys = {
        *("workload", "system", "dram", "parts", "scope", "baseline", "cycles", "seconds", "energy_pj", "energy"),
        *("speedup", "energy_reduction", "dram_bytes", "link_bytes"),
    }
    told = set()
    for row in reproduction.rows:
        assert keys <= set(row)
        assert row["workload"] == "three-layers"
        assert set(row["energy"]) == set(COMPONENTS)
        assert sum(row["energy"].values()) == pytest.approx(row["energy_pj"], rel=1e-12)
        told.add((row["dram"], row["parts"], row["scope"], row["baseline"]))
    scopes = ("pruned-layers", "network")
    expected = {(d, p, s, b) for d in SYSTEMS for p in (1, 2, 3, 4) for s in scopes for b in BASELINES}
    assert told == expected
    assert len(reproduction.rows) == len(expected)


def test_one_part_on_one_accelerator_is_the_baseline(reproduction: Reproduction) -> None:
    rows = [row for row in reproduction.rows if row["parts"] == 1]
    assert {(row["speedup"], row["energy_reduction"]) for row in rows} == {(1.0, 1.0)}


def test_more_parts_help_the_pruned_layers_and_sharing_costs(reproduction: Reproduction) -> None:
    speedups = {
        dram: [
            row["speedup"]
            for row in reproduction.rows_against("single-dense")
            if (row["scope"], row["dram"]) == ("pruned-layers", dram)
        ]
        for dram in SYSTEMS
    }
    for speedup in speedups.values():
        assert speedup == sorted(speedup)
        assert speedup[-1] > 2
    assert all(
        private > shared for private, shared in zip(speedups["private"][1:], speedups["shared"][1:], strict=True)
    )


def test_dram_bound_layers_gain_the_square_with_private_channels() -> None:
    for system, power in (("tetris", 2), ("shared-dram", 1)):
        row = rows_of("tinyvgg16", "fc*", 4, system, "pruned-layers")[0]
        assert row["baseline"] == "single-dense"
        assert log(row["speedup"], 4) == pytest.approx(power, abs=0.03)


def test_a_row_is_what_compare_gives(reproduction: Reproduction, network: str) -> None:
    comparison = ppsim.compare(
        ppsim.partition(ppsim.load_workload(network), 3), ppsim.load_system("shared-dram", accelerators=3)
    )
    for baseline in BASELINES:
        row = next(
            row
            for row in reproduction.rows_against(baseline)
            if (row["dram"], row["parts"], row["scope"]) == ("shared", 3, "network")
        )
        assert row == comparison.row(baseline)


def test_results_do_not_depend_on_the_number_of_processes(reproduction: Reproduction) -> None:
    again = reproduce(reproduction.experiment, jobs=2)
    assert again == reproduction


def test_an_experiment_needs_points() -> None:
    with pytest.raises(ppsim.InputError, match="parts and systems"):
        Experiment(parts=())


def test_a_network_that_cannot_be_cut_so_is_named(network: str) -> None:
    grid = Grid(workloads=(network,), layers=("fc7",), batches=(1,), parts=(513,), keeps=(None,))
    with pytest.raises(ppsim.InputError, match=r"layer 'fc7' has 512 input and 96 output units.*at most 512 parts"):
        explain(grid, jobs=1)


def test_a_layer_with_fewer_outputs_than_parts_is_part_of_the_search(network: str) -> None:
    """Split by inputs it keeps all its weights, so accelerators are all that makes it faster."""
    grid = Grid(workloads=(network,), layers=("fc7",), batches=(1,), dataflows=("os",), parts=(97,), keeps=(None,))
    points = explain(grid, jobs=1)
    assert {point.parts for point in points} == {97}
    assert {point.speedup > 1 for point in points if point.dram == "private"} == {True}
    assert max(point.speedup for point in points) < 97


# the files


def test_files_hold_the_reproduction(reproduction: Reproduction, tmp_path: Path) -> None:
    paths = save(reproduction, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["reproduce.json", "reproduce.csv", "reproduce.png"]
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)

    document = json.loads(paths[0].read_text())
    assert document == json.loads(json.dumps(reproduction.to_dict()))
    assert (document["paper"]["speedup"], document["paper"]["energy_reduction"]) == (7.72, 2.73)
    assert len(document["explanations"]) == LISTED
    assert {"distance", "speedup", "energy_reduction", "keep", "dram", "batch"} <= set(document["explanations"][0])
    for system in SYSTEMS.values():
        lines = ppsim.load_system(system, accelerators=4).assumptions()
        assert {f"{system}: {line}" for line in lines} <= set(document["assumptions"])

    with paths[1].open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(reproduction.rows)
    for line, row in zip(table, reproduction.rows, strict=True):
        assert float(line["speedup"]) == row["speedup"]
        assert {c: float(line[f"{c}_pj"]) for c in COMPONENTS} == row["energy"]

    image = paths[2].read_bytes()
    assert image.startswith(b"\x89PNG\r\n")
    width, height = (int.from_bytes(image[at : at + 4]) for at in (16, 20))
    assert width > 8 * DPI
    assert height > 4 * DPI


def test_the_figure_draws_the_rows_and_the_paper(reproduction: Reproduction) -> None:
    from ppsim.analysis.figures import Mark, reproduction_figure

    rows = reproduction.rows_against("single-dense")
    figure = reproduction_figure(rows, (PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION), Mark(3, 7.5, 2.5, "here"))
    for axes, key, stated, marked in zip(
        figure.axes, ("speedup", "energy_reduction"), (PAPER_SPEEDUP, PAPER_ENERGY_REDUCTION), (7.5, 2.5), strict=True
    ):
        lines = {str(line.get_label()): line for line in axes.lines}
        for scope, name in (("pruned-layers", "pruned layers"), ("network", "whole network")):
            for dram in SYSTEMS:
                expected = [row[key] for row in rows if (row["scope"], row["dram"]) == (scope, dram)]
                assert np.array_equal(lines[f"{name}, {dram} DRAM"].get_ydata(), expected)
        assert np.array_equal(lines["here"].get_ydata(), [marked])
        assert np.array_equal(lines["paper (its P is unknown)"].get_ydata(), [stated, stated])
        assert [text.get_text() for text in axes.texts] == [f"paper: {stated}{TIMES}"]
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_the_same_figure_is_the_same_file(reproduction: Reproduction, tmp_path: Path) -> None:
    images = [save(reproduction, tmp_path / name)[2].read_bytes() for name in ("one", "two")]
    assert images[0] == images[1]


def test_a_file_in_the_way_is_refused(reproduction: Reproduction, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for target in (taken, taken / "below"):
        with pytest.raises(ppsim.InputError, match="is not a folder"):
            save(reproduction, target)
    assert taken.read_text() == "mine"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file.json"
    write_json(target, {"old": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, full)
            with pytest.raises(ppsim.InputError, match=r"file\.json: cannot be written: No space left"):
                write_json(target, {"new": 2})
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_json(target, {"new": 2})
    assert list(tmp_path.iterdir()) == [target]
    assert json.loads(target.read_text()) == {"old": 1}


def test_a_file_is_written_through_a_link_with_usual_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    mask = os.umask(0o027)
    try:
        write_bytes(link, b"new")
    finally:
        os.umask(mask)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_folders_and_devices_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null"), tmp_path / "missing" / "file"):
        with pytest.raises(ppsim.InputError, match=str(path)):
            write_bytes(path, b"")
    assert list(tmp_path.iterdir()) == []


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"speedup": float("nan")})


# processes


def test_results_come_in_the_order_of_the_tasks() -> None:
    seen: list[tuple[int, int]] = []
    tasks = [partial(divmod, number, 7) for number in range(9)]
    for jobs in (1, 2):
        assert run_all(tasks, jobs, lambda done, total: seen.append((done, total))) == [divmod(n, 7) for n in range(9)]
    assert seen == [(done, 9) for done in range(1, 10)] * 2


def test_an_exception_of_a_task_is_raised() -> None:
    for jobs in (1, 2):
        with pytest.raises(ZeroDivisionError):
            run_all([partial(divmod, 1, 1), partial(divmod, 1, 0)], jobs)


def test_without_processes_it_runs_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    with pytest.warns(RuntimeWarning, match="no more processes"):
        assert run_all([partial(divmod, 9, 4), partial(divmod, 8, 4)], 2) == [(2, 1), (2, 0)]


def test_jobs_are_counted_from_one() -> None:
    with pytest.raises(ppsim.InputError, match="jobs must be at least 1, got 0"):
        run_all([partial(divmod, 1, 1)], 0)
