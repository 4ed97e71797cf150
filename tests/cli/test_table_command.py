"""`ppsim table`, as a user gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Capture, numbers, refused, row_of, succeed

import ppsim
from ppsim.explore.cost_tables.adapters import ADAPTERS

SHORT = ("lenet300", "-s", "tetris", "--step", "100", "-j", "1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_prints_what_it_wrote(capsys: Capture) -> None:
    out = succeed(capsys, "table", *SHORT, "-n", "1,2", "-o", "t.parquet")
    system, net = ppsim.load_system("tetris", accelerators=2), ppsim.load_workload("lenet300")
    table = ppsim.load_cost_table("t.parquet", expect=system)
    assert table == ppsim.cost_table(net, system, accelerators=[1, 2], step=100)
    assert f"lenet300, batch 1, on tetris: 3 layers, {len(table.rows)} rows: t.parquet" in out
    assert f"system hash {table.origin.system_hash}, ppsim {ppsim.__version__}" in out
    gap = ppsim.sum_gap(ppsim.partition(net, 2), system)
    assert [line.split()[:2] for line in out.splitlines() if line.split()[:1] in (["1"], ["2"])] == [
        ["1", "1"], ["2", "1"], ["2", "2"],
    ]  # fmt: skip
    assert f"{gap.gap_percent:+.1f} %" in out
    assert f"{gap.layers[1].gap_percent:+.1f}" in row_of(out, "fc2")


def test_json_has_the_gap(capsys: Capture) -> None:
    document, tables = numbers(capsys, "table", *SHORT, "-n", "2", "--groups", "1", "-o", "t.csv")
    (gap,) = document["gaps"]
    net, system = ppsim.load_workload("lenet300"), ppsim.load_system("tetris", accelerators=2)
    assert gap == ppsim.sum_gap(net, system).to_dict()
    assert document["rows"] == len(ppsim.load_cost_table("t.csv").rows)
    assert (document["layers"], document["file"]) == (["fc1", "fc2", "fc3"], "t.csv")
    assert document["system_hash"] in tables


def test_options_reach_the_table(capsys: Capture) -> None:
    succeed(capsys, "table", *SHORT, "-n", "1", "--layers", "fc[12]", "--batch", "3", "--set", "dram.latency_ns=0",
            "-o", "t.csv")  # fmt: skip
    table = ppsim.load_cost_table("t.csv")
    system = ppsim.load_system("tetris", accelerators=1, set={"dram.latency_ns": 0})
    assert table == ppsim.cost_table(ppsim.load_workload("lenet300", batch=3), system, layers="fc1,fc2", step=100)


@pytest.mark.parametrize("format", ADAPTERS)
def test_every_format_is_written(capsys: Capture, format: str) -> None:
    name = f"t{ADAPTERS[format].suffix}"
    argv = ("-n", "1", "--layers", "fc3", "--format", format, "-o", name)
    out = succeed(capsys, "table", "lenet300", "-s", "tetris", "-j", "1", *argv)
    table = ppsim.cost_table(
        ppsim.load_workload("lenet300"),
        ppsim.load_system("tetris", accelerators=1),
        groups=ADAPTERS[format].groups,
        layers="fc3",
        step=ADAPTERS[format].step,
    )
    assert Path(name).read_bytes() == ADAPTERS[format].content(table)
    assert f"1 layer, {len(table.rows)} row" in out


def test_another_adapter_is_one_registration(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slowest:
        """A file of the dearest row alone."""

        suffix, step, groups = ".txt", {"linear": 50}, (1,)

        def content(self, table: ppsim.CostTable) -> bytes:
            row = max(table.rows, key=lambda row: row.seconds)
            return f"{row.layer} {row.inputs} {row.outputs}".encode()

    monkeypatch.setitem(ADAPTERS, "slowest", Slowest())
    succeed(capsys, "table", "lenet300", "-s", "tetris", "-j", "1", "-n", "1", "--format", "slowest", "-o", "t.txt")
    assert Path("t.txt").read_text() == "fc1 784 300"


def test_formats_are_named_in_the_help(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = " ".join(succeed(capsys, "table", "--help").split())
    *most, last = ADAPTERS
    assert f"{', '.join(most)} or {last}." in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("-o", "t.txt"), "t.txt: a cost table is a .parquet or a .csv file; give it such a name, or say its format"),
        (("-o", "t.csv", "--format", "xlsx"), "format 'xlsx' is unknown; accepted: parquet, csv, netadapt"),
        (("-o", "no/t.csv"), "no/t.csv: there is no folder no"),
        (("-o", "t.csv", "-n", "1,x"), "--accelerators 1,x: give numbers from 1 up with commas"),
        (("-o", "t.csv", "-n", ""), "--accelerators : give numbers from 1 up"),
        (("-o", "t.csv", "--groups", "0"), "--groups 0: give numbers from 1 up"),
        (("-o", "t.csv", "--layers", "conv*"), "layers='conv*' matches no linear layer or convolution; there are: fc1"),
        (("-o", "t.pkl", "--format", "netadapt", "-n", "1,2"), "netadapt: has one latency for each (in, out)"),
        (("-o", "t.pkl", "--format", "netadapt", "--groups", "2"), "netadapt: knows no cut layers"),
        (("-o", "t.csv", "-n", "1,2000"), "tetris: 2,000 accelerators; prices, which take many simulations, are"),
        (("-o", "t.csv", "--json", "t.csv"), "t.csv: would be written over"),
    ],
)
def test_refusals_write_nothing(capsys: Capture, argv: tuple[str, ...], said: str) -> None:
    assert said in refused(capsys, "table", *SHORT, *argv)
    assert not list(Path().iterdir())


def test_a_network_that_is_cut_already(capsys: Capture) -> None:
    ppsim.save_partitioned(ppsim.partition(ppsim.load_workload("lenet300"), 2), "cut.json")
    said = refused(capsys, "table", "cut.json", "-s", "tetris", "-o", "t.csv")
    assert said == "cut.json: is partitioned; give the network before it was, and --groups for its cuts"
    assert "would be written over" in refused(capsys, "table", "cut.json", "-s", "tetris", "-o", "cut.json",
                                              "--format", "csv")  # fmt: skip
