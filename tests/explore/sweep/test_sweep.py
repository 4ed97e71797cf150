"""Sweeps: every row is the pipeline's own, the same wherever it is measured, and none is lost."""

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import closing
from itertools import product
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim import Dask, InputError, Processes, Serial
from ppsim.baselines import PRUNED_LAYERS, compare, explained
from ppsim.explore.sweep import store
from ppsim.explore.sweep.journal import Journal, Row, read_journal
from ppsim.explore.sweep.spec import spec_of

LOSSES = ("link_loss", "dram_loss", "imbalance_loss")


def rows_in(place: Path) -> dict[int, Row]:
    """The rows in the journal of a sweep's folder."""
    return read_journal(place / store.JOURNAL, lambda row: True).rows


def test_rows_are_what_compare_says() -> None:
    document = {
        "workload": "mlp_mnist",
        "system": "tetris",
        "batch": 2,
        "axes": {"parts": [1, 4], "accelerators": [1, 3], "array.rows, array.cols": [8, [12, 14]],
                 "dram.sharing": ["private", "shared"]},
    }  # fmt: skip
    frame = ppsim.sweep(document, executor=Serial()).to_frame()
    assert len(frame) == 16
    for row in frame.to_dict("records"):
        net = ppsim.partition(ppsim.load_workload("mlp_mnist", batch=2), row["parts"])
        changes = {path: row[path] for path in ("array.rows", "array.cols", "dram.sharing")}
        system = ppsim.load_system("tetris", accelerators=row["accelerators"], set=changes)
        found = compare(net, system)
        result, single = found.result, found.baselines["single-dense"]
        assert row["cycles"] == result.cycles
        assert row["seconds"] == result.seconds
        assert {f"{name}_pj": pj for name, pj in result.energy.items()}.items() <= row.items()
        assert row["energy_pj"] == result.energy_pj
        assert (row["speedup"], row["energy_reduction"]) == (found.speedup, found.energy_reduction)
        assert (row["baseline_seconds"], row["baseline_energy_pj"]) == (single.seconds, single.energy_pj)
        assert (row["macs"], row["dram_bytes"], row["link_bytes"]) == (
            result.macs,
            result.dram_bytes,
            result.link_bytes,
        )
        assert row["keep"] == pytest.approx(1 / row["parts"], rel=0.01)
        loss = sum(row[name] for name in LOSSES)
        assert row["speedup"] == pytest.approx(row["pruning"] * row["accelerators"] * (1 - loss), rel=1e-12)
        assert row["peak_macs_per_s"] == row["accelerators"] * row["array.rows"] * row["array.cols"] * 500e6
        assert row["dram_bytes_per_s"] == pytest.approx(
            8e9 * 0.92 * (row["accelerators"] if row["dram"] == "private" else 1), rel=1e-9
        )
        assert row["macs"] / row["seconds"] <= row["peak_macs_per_s"]
        assert row["dram_bytes"] / row["seconds"] <= row["dram_bytes_per_s"]


def test_the_pruned_layers_alone() -> None:
    document = {"workload": "tinyvgg16", "system": "tetris", "scope": "pruned-layers", "axes": {"parts": [4]}}
    (row,) = ppsim.sweep(document, executor=Serial())
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 4)
    found = explained(net.stretches(), ppsim.load_system("tetris", accelerators=4), PRUNED_LAYERS)
    assert (row["cycles"], row["speedup"]) == (found.result.cycles, found.speedup)
    assert row["accelerators"] == 4


def test_axes_over_everything_there_is() -> None:
    """Every field that sweeps are said to go over changes something."""
    axes: dict[str, tuple[list[Any], str]] = {
        "accelerators": ([2, 4], "cycles"),
        "parts": ([2, 4], "cycles"),
        "array.dataflow": (["ws", "os"], "cycles"),
        "buffer.kib": ([4, 133], "cycles"),
        "dram.bandwidth_gb_s": ([4, 8], "cycles"),
        "dram.sharing": (["private", "shared"], "cycles"),
        "interconnect.topology": (["bus", "all-to-all"], "cycles"),
        "interconnect.bandwidth_gb_s": ([0.1, 8], "cycles"),
        "energy": (["tetris", "horowitz-45nm@16"], "energy_pj"),
        "batch": ([1, 8], "cycles"),
        "keep": ([0.25, 0.75], "cycles"),
        "workload": (["mlp_mnist", "lenet300"], "cycles"),
        "system": (["tetris", "gemmini"], "cycles"),
        "scope": (["network", "pruned-layers"], "cycles"),
        "layers": (["fc1", "fc1,fc2"], "cycles"),
        "workload.layers.fc1.out_features": ([256, 512], "macs"),
    }
    usual = {"workload": "mlp_mnist", "system": "tetris", "parts": 4, "accelerators": 4, "layers": "fc1,fc2"}
    for path, (values, changes) in axes.items():
        document = {key: value for key, value in usual.items() if key != path} | {"axes": {path: values}}
        frame = ppsim.sweep(document, executor=Serial()).to_frame()
        assert frame["error"].isna().all(), path
        assert frame[changes].nunique() == 2, path
        assert frame[path].tolist() == values


def test_a_network_over_sequences() -> None:
    document = {"workload": "gpt2", "system": "tpu-v4", "axes": {"sequence": [8, 16]}}
    frame = ppsim.sweep(document, executor=Serial()).to_frame()
    assert frame["macs"].iloc[1] > 1.9 * frame["macs"].iloc[0]


def test_a_point_that_fails_is_a_row(small: dict[str, Any]) -> None:
    frame = ppsim.sweep(small, executor=Serial()).to_frame()
    failed = frame[frame["error"].notna()]
    assert failed["parts"].tolist() == [400] * 4
    assert failed["error"].str.contains("parts=400|400 parts").all()
    assert failed["speedup"].isna().all()
    assert frame["error"].isna().sum() == 8
    assert frame["point"].tolist() == list(range(12))


def test_a_fault_is_a_row_too(small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppsim.explore.sweep.point.area_mm2", lambda system: 1 / 0)
    frame = ppsim.sweep(small, executor=Serial()).to_frame()
    assert frame["error"].str.startswith("ZeroDivisionError: ").sum() == 8


def test_a_specification_of_which_nothing_can_run() -> None:
    document = {"workload": "lenet300", "system": "tetris", "axes": {"array.rowz": [1, 2]}}
    with pytest.raises(InputError, match=r"no point of it can run: .*rowz"):
        ppsim.sweep(document)


def test_rows_are_the_same_wherever_they_are_measured(small: dict[str, Any], tmp_path: Path) -> None:
    """Byte for byte, and so is the table; the journal has the same lines in some order."""
    places = {"serial": Serial(), "processes": Processes(2), "dask": Dask("local", 2)}
    for name, executor in places.items():
        ppsim.sweep(small, tmp_path / name, executor=executor).to_frame()
    tables = {(tmp_path / name / store.TABLE).read_bytes() for name in places}
    journals = {tuple(sorted((tmp_path / name / store.JOURNAL).read_bytes().splitlines())) for name in places}
    manifests = {(tmp_path / name / store.MANIFEST).read_bytes() for name in places}
    assert len(tables) == len(journals) == len(manifests) == 1
    assert len(journals.pop()) == 12


def test_rows_come_as_they_finish_and_are_on_the_disk_by_then(small: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "kept"
    seen: list[tuple[int, int]] = []
    run = ppsim.sweep(small, place, executor=Serial(), progress=lambda done, total: seen.append((done, total)))
    for number, row in enumerate(run, start=1):
        kept = rows_in(place)
        assert len(kept) == number
        assert kept[row["point"]] == row
    assert seen == [(number, 12) for number in range(1, 13)]
    pd.testing.assert_frame_equal(ppsim.load_sweep(place).frame, run.to_frame())
    pd.testing.assert_frame_equal(pd.read_parquet(place / store.TABLE), run.to_frame())


def finished(small: dict[str, Any], place: Path) -> bytes:
    ppsim.sweep(small, place, resume=True, executor=Serial()).to_frame()
    return (place / store.TABLE).read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, bytes, bytes]:
    """A sweep that was never interrupted: its document, folder, journal and table."""
    document = {"workload": "lenet300", "system": "tetris", "axes": {"parts": [1, 400], "array.rows": [8, 16, 32]}}
    place = tmp_path_factory.mktemp("whole")
    table = finished(document, place)
    return document, place, (place / store.JOURNAL).read_bytes(), table


OTHERS = (
    {"point": 4},
    {"point": 4, "parts": 77, "cycles": 1},
    {"point": 99, "error": "none of the points"},
    {"point": -1, "error": "none of the points"},
    {"point": 0, "parts": 1, "array.rows": 16, "error": "another one's axes"},
)
RESTS = [
    *(json.dumps(row).encode() + b"\n" for row in OTHERS),
    b'{"point":0,"array.rows":8,"parts":NaN}\n',
    b"[" * 100_000 + b"\n",
    b"",
    b"\0" * 100,
    b'{"point":',
    b"\n",
    b"garbage\n",
    b"[1]\n",
    b'{"point":"0"}\n',
]


@settings(max_examples=60)
@given(st.floats(0, 1), st.sampled_from(RESTS))
def test_a_journal_cut_anywhere_loses_nothing(
    whole: tuple[dict[str, Any], Path, bytes, bytes], cut: float, rest: bytes
) -> None:
    """Whatever the end of the journal is: cut, filled with zeros as after a power failure, or garbled."""
    document, place, journal, table = whole
    (place / store.JOURNAL).write_bytes(journal[: round(cut * len(journal))] + rest)
    (place / store.TABLE).unlink(missing_ok=True)
    assert finished(document, place) == table
    lines = (place / store.JOURNAL).read_bytes().splitlines()
    rows = [line for line in lines if line in journal.splitlines()]
    assert sorted(rows) == sorted(journal.splitlines())


def test_a_finished_sweep_is_not_measured_again(small: dict[str, Any], tmp_path: Path) -> None:
    table = finished(small, tmp_path)
    journal = (tmp_path / store.JOURNAL).read_bytes()
    (tmp_path / store.TABLE).unlink()
    assert finished(small, tmp_path) == table
    assert (tmp_path / store.JOURNAL).read_bytes() == journal


def test_stopping_early_keeps_what_is_done(small: dict[str, Any], tmp_path: Path) -> None:
    with closing(iter(ppsim.sweep(small, tmp_path, executor=Serial()))) as rows:  # type: ignore[type-var]
        for _ in range(5):
            next(rows)
    assert len(rows_in(tmp_path)) == 5
    assert len(ppsim.load_sweep(tmp_path).frame) == 5
    assert not (tmp_path / store.TABLE).exists()
    ppsim.sweep(small, tmp_path, resume=True, executor=Serial()).to_frame()
    assert len(ppsim.load_sweep(tmp_path).frame) == 12


def test_a_row_that_was_lost_with_its_process_is_measured_again(small: dict[str, Any], tmp_path: Path) -> None:
    table = finished(small, tmp_path / "whole")
    ppsim.sweep(small, tmp_path / "lost", executor=Serial()).to_frame()
    journal = tmp_path / "lost" / store.JOURNAL
    lines = journal.read_text().splitlines()
    lines[3] = json.dumps({"point": 3, "error": "its process died", "lost": True})
    journal.write_text("\n".join(lines) + "\n")
    assert finished(small, tmp_path / "lost") == table


def test_a_second_sweep_keeps_its_hands_off(small: dict[str, Any], tmp_path: Path) -> None:
    finished(small, tmp_path)
    with pytest.raises(
        InputError, match=r"holds a sweep already; go on with it with --resume \(resume=True\), or give another folder"
    ):
        ppsim.sweep(small, tmp_path, executor=Serial()).to_frame()
    other = small | {"batch": 2}
    with pytest.raises(InputError, match=r"holds the sweep of another specification \(batch\)"):
        ppsim.sweep(other, tmp_path, resume=True, executor=Serial()).to_frame()
    rows = iter(ppsim.sweep(small, tmp_path / "new", executor=Serial()))
    next(rows)
    with pytest.raises(InputError, match="another sweep is writing here"):
        ppsim.sweep(small, tmp_path / "new", resume=True, executor=Serial()).to_frame()
    rows.close()  # type: ignore[attr-defined]


NET = "format: ppsim-workload/1\nname: one\ninput: [8]\nlayers: [{name: fc, type: linear, out_features: %d}]\n"


def test_a_file_edited_between_sweeps_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"workload": "net.yaml", "system": "tetris", "axes": {"array.rows": [8, 16]}}
    for features in (16, 32, 48):
        place = tmp_path / ("elsewhere" if features == 48 else "here")
        place.mkdir(exist_ok=True)
        monkeypatch.chdir(place)
        Path("net.yaml").write_text(NET % features)
        assert ppsim.sweep(document, executor=Serial()).to_frame()["macs"].tolist() == [8 * features] * 2


def test_a_file_edited_during_a_sweep_loses_its_rows_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET % 16)
    document = {"workload": "net.yaml", "system": "tetris", "axes": {"array.rows": [8, 16, 32]}}
    whole = finished(document, tmp_path / "whole")
    for row in ppsim.sweep(document, "out", executor=Serial()):
        Path("net.yaml").write_text(NET % 32)
        assert ("has changed" in row.get("error", "")) == (row["point"] > 0)
    Path("net.yaml").write_text(NET % 16)
    assert finished(document, tmp_path / "out") == whole


def test_a_file_that_appears_later_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = {"workload": "lenet300", "system": "tetris", "axes": {"energy": ["tetris", "late.yaml"]}}
    ppsim.sweep(document, "out", executor=Serial()).to_frame()
    Path("late.yaml").write_text("format: ppsim-energy/1\n")
    with pytest.raises(InputError, match=r"late\.yaml is not as it was when the sweep began"):
        ppsim.sweep(document, "out", resume=True, executor=Serial()).to_frame()


def test_numbers_that_no_table_holds_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"workload": "lenet300", "system": "tetris", "axes": {"energy.dram_pj_per_bit": [4, 1e15]}}
    assert ppsim.sweep(document, executor=Serial()).to_frame()["error"].isna().all()
    monkeypatch.setattr("ppsim.explore.sweep.point.area_mm2", lambda system: float("inf"))
    frame = ppsim.sweep(document, executor=Serial()).to_frame()
    assert frame["error"].tolist() == ["area_mm2=inf is out of the range of a table"] * 2


def test_a_sweep_left_half_way_goes_on(small: dict[str, Any], tmp_path: Path) -> None:
    run = ppsim.sweep(small, tmp_path, executor=Serial())
    with closing(iter(run)) as rows:  # type: ignore[type-var]
        first = [next(rows)["point"] for _ in range(3)]
    points = [row["point"] for row in run]
    assert points[:3] == first
    assert sorted(points) == list(range(12))
    assert len(run.to_frame()) == 12


def test_files_of_others_are_left_alone(small: dict[str, Any], tmp_path: Path) -> None:
    for name in (store.SPEC, store.JOURNAL, store.TABLE, store.MANIFEST):
        place = tmp_path / name.partition(".")[0]
        place.mkdir()
        (place / name).write_text("mine")
        with pytest.raises(InputError, match=r"that is no sweep's|is not valid JSON"):
            ppsim.sweep(small, place, executor=Serial()).to_frame()
        assert (place / name).read_text() == "mine"
        assert len([path for path in place.iterdir() if path.name != ".lock"]) == 1


def test_a_manifest_from_elsewhere(small: dict[str, Any], tmp_path: Path) -> None:
    finished(small, tmp_path)
    manifest = json.loads((tmp_path / store.MANIFEST).read_text())
    for change, message in (
        ({"spec": manifest["spec"] | {"batch": 2}}, "not the one it was written with"),
        ({"points": 10}, "says 10 points"),
    ):
        (tmp_path / store.MANIFEST).write_text(json.dumps(manifest | change))
        with pytest.raises(InputError, match=message):
            ppsim.load_sweep(tmp_path)
    hostile = {"/dev/zero": "0", "a\0": "0"}
    (tmp_path / store.MANIFEST).write_text(json.dumps(manifest | {"inputs_sha256": hostile}))
    with pytest.raises(InputError, match="and was not so when the sweep began"):
        ppsim.load_sweep(tmp_path).simulated(0)


def test_where_nothing_is_sent_ideal_links_change_nothing() -> None:
    """What lets `_factors` leave a run out."""
    sent = 0
    for parts, accelerators, sharing in product((1, 2, 4), (2, 3, 4), ("private", "shared")):
        settings = {"dram.sharing": sharing, "interconnect.latency_ns": 4000}
        system = ppsim.load_system("tetris", accelerators=accelerators, set=settings)
        for net in ppsim.partition(ppsim.load_workload("lenet300"), parts).stretches():
            result = ppsim.simulate(net, system)
            ideal = ppsim.simulate(net, system.with_settings({"interconnect.ideal": True}))
            assert result.link_bytes or result.seconds == ideal.seconds
            sent += result.link_bytes > 0
    assert 0 < sent < 18


def test_inputs_that_changed_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "format: ppsim-workload/1\nname: one\ninput: [8]\nlayers: [{name: fc, type: linear, out_features: 16}]\n"
    Path("net.yaml").write_text(text)
    document = {"workload": "net.yaml", "system": "tetris", "axes": {"array.rows": [8, 16]}}
    ppsim.sweep(document, "out", executor=Serial()).to_frame()
    results = ppsim.load_sweep("out")
    assert set(results.provenance["inputs_sha256"]) == {"net.yaml"}
    assert results.simulated(1).comparison.result.cycles == results.frame["cycles"][1]
    Path("net.yaml").write_text(text.replace("16", "32"))
    with pytest.raises(InputError, match=r"net\.yaml is not as it was when the sweep began"):
        ppsim.sweep(document, "out", resume=True, executor=Serial()).to_frame()
    with pytest.raises(InputError, match=r"net\.yaml: has changed, and was not so when the sweep began"):
        results.simulated(1)


def test_another_ppsim_does_not_go_on(small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(small, tmp_path)
    monkeypatch.setattr(store, "fingerprint", lambda: "0" * 64)
    with pytest.raises(InputError, match="the sweep began with another ppsim"):
        finished(small, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (store.MANIFEST, None, "holds no sweep"),
        (store.MANIFEST, "{", "is not valid JSON"),
        (store.MANIFEST, '{"format": "ppsim-sweep-results/1"}', "is not the one it was written with"),
        (store.JOURNAL, None, "is missing"),
        (store.JOURNAL, "", "no point is done yet"),
    ],
)
def test_folders_that_hold_no_results(
    small: dict[str, Any], tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    finished(small, tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        ppsim.load_sweep(tmp_path)


def command(spec: Path, place: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "ppsim", "sweep", str(spec), "-o", str(place), *options]


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A specification whose points take some seconds, and the table of an uninterrupted run."""
    spec = tmp_path_factory.mktemp("longer") / "longer.yaml"
    spec.write_text(
        "format: ppsim-sweep/1\nworkload: mlp_mnist\nsystem: tetris\naxes:\n"
        "  parts: [1, 2, 4, 8, 10]\n  array.rows: [8, 16, 32]\n"
        "  dram.bandwidth_gb_s: {from: 2, to: 64, points: 12, scale: log}\n  dram.sharing: [private, shared]\n"
    )
    place = spec.parent / "uninterrupted"
    ppsim.sweep(spec, place, executor=Processes(2)).to_frame()
    return spec, (place / store.TABLE).read_bytes()


def test_twenty_kills_lose_and_duplicate_no_row(longer: tuple[Path, bytes], tmp_path: Path) -> None:
    """SIGKILL at random times, of a sweep that starts anew each time it was done before it could be killed.

    Every other time the clock starts with the first new row, so that machines of any speed are hit while rows are
    written.
    """
    spec, table = longer
    random, kills, place, number = Random(7), 0, tmp_path / "0", 0
    count = len(spec_of(spec).points())
    between = 0
    while True:
        jobs = str(random.choice([1, 2]))
        kept = rows_in(place) if (place / store.JOURNAL).exists() else {}
        process = subprocess.Popen(command(spec, place, "--resume", "-j", jobs), stderr=subprocess.PIPE)
        patience = None if kills == 20 else random.uniform(0.0, 2.0)
        if kills % 2:
            while process.poll() is None and written(place) <= len(kept):
                sleep(0.005)
            patience = random.uniform(0.0, 0.5)
        try:
            assert process.wait(patience) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            after = rows_in(place) if (place / store.JOURNAL).exists() else {}
            assert kept.items() <= after.items()
            between += len(kept) < len(after) < count
        finally:
            assert process.stderr is not None
            process.stderr.close()
        if process.returncode == 0:
            assert (place / store.TABLE).read_bytes() == table
            assert sorted(rows_in(place)) == list(range(count))
            assert len((place / store.JOURNAL).read_bytes().splitlines()) == count
            if kills == 20:
                break
            number += 1
            place = tmp_path / str(number)
    assert between >= 5  # kills that hit while rows were written


def written(place: Path) -> int:
    """Lines in the journal of a sweep's folder."""
    journal = place / store.JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def test_a_worker_that_is_killed_loses_nothing(longer: tuple[Path, bytes], tmp_path: Path) -> None:
    spec, table = longer
    process = subprocess.Popen(command(spec, tmp_path / "out", "-j", "2"), stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "out" / store.JOURNAL
    while not (journal.exists() and len(rows_in(tmp_path / "out")) > 20):
        assert process.poll() is None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert (tmp_path / "out" / store.TABLE).read_bytes() == table


def test_a_full_disk_ends_the_sweep_and_keeps_the_rows_before(longer: tuple[Path, bytes], tmp_path: Path) -> None:
    """A limit on the size of files stands for it: the journal is the largest."""
    spec, table = longer
    place = tmp_path / "out"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    found = subprocess.run(
        command(spec, place, "-j", "1"), capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "journal.jsonl: cannot be written: File too large; rows before are kept" in found.stderr
    content = (place / store.JOURNAL).read_bytes()
    assert content.endswith(b"\n")
    assert 40_000 < len(content) <= 50_000
    ppsim.sweep(spec, place, resume=True, executor=Processes(2)).to_frame()
    assert (place / store.TABLE).read_bytes() == table


def test_a_journal_is_for_one_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        Journal(tmp_path, lambda row: True)
