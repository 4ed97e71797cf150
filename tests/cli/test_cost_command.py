"""`ppsim cost`: the prices that Python gives, in tables and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, numbers, read, refused, row_of, succeed, widest

import ppsim
from ppsim.explore.cost import Cut, variant


def test_it_prints_what_prices_says(capsys: Capture, network: str, tmp_path: Path) -> None:
    target = tmp_path / "cost.json"
    out = succeed(capsys, "cost", network, "-s", "tetris", "-p", "4", "--keep", "fc6=64", "--json", str(target))
    net = variant(ppsim.load_workload(network), {"fc6": 64}, None, Cut(4))
    found = ppsim.prices(net, "tetris")
    assert f"{found.cost.cycles:,} cycles" in out
    document = read(target)
    assert {name: document[name] for name in found.to_dict()} == json.loads(json.dumps(found.to_dict()))
    (stairs,) = found.widths
    assert stairs.next_faster is not None
    assert row_of(out, "fc6")[:3] == ["fc6", "64", str(stairs.next_faster.value)]
    assert "Pays first: " in out
    assert "Assumptions" in out
    assert widest(out) <= 100


def test_blocks_are_told_if_asked_for(capsys: Capture, network: str) -> None:
    argv = ("cost", network, "-s", "tetris", "-p", "2", "--price", "fc7")
    assert "Kept blocks" not in succeed(capsys, *argv)
    out = succeed(capsys, *argv, "--blocks")
    assert "Kept blocks" in out
    assert "needed: a block that is all that its outputs read cannot go." in out


def test_it_fits_80_columns(capsys: Capture, network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert widest(succeed(capsys, "cost", network, "-s", "tetris", "-p", "4", "--blocks")) <= 80


def test_what_is_not_cut_has_prices_too(capsys: Capture, network: str) -> None:
    document, tables = numbers(capsys, "cost", network, "-s", "tetris", "-n", "2", "--keep", "fc6=0.125")
    assert document["accelerators"] == 2
    assert document["widths"][0]["now"] == 32
    assert "fc7 has no narrower width" in tables


def test_ranks_of_what_is_cut(capsys: Capture, network: str) -> None:
    argv = ("cost", network, "-s", "tetris", "-p", "4", "--rank", "fc7=3", "--price", "fc7")
    document, _ = numbers(capsys, *argv)
    (stairs,) = document["ranks"]
    assert (stairs["now"], [step["value"] for step in stairs["steps"]]) == (3, [3, 2, 1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--keep", "fc6"), "give LAYER=WIDTH"),
        (("--keep", "fc6=much"), "no width or share"),
        (("--keep", "fc6=0"), "fc6"),
        (("--keep", "fc6=1.5"), "keep=1.5"),
        (("--keep", "fc9=8"), "fc9"),
        (("--keep", "fc6=8", "--keep", "fc6=9"), "named twice"),
        (("--rank", "fc7=half"), "no whole number"),
        (("--rank", "fc7=900", "-p", "4"), "take at most 24"),
        (("--layers", "fc7"), "give -p PARTS too"),
        (("--price", "conv*"), "matches no"),
        (("-p", "4", "--json", "nowhere/cost.json"), "nowhere"),
        (("-n", "2000"), "tetris: 2,000 accelerators; prices, which take many simulations, are told of up to 1,024"),
    ],
)
def test_refusals(capsys: Capture, network: str, options: tuple[str, ...], words: str) -> None:
    assert words in refused(capsys, "cost", network, "-s", "tetris", *options)


def test_what_is_read_is_not_written_over(capsys: Capture) -> None:
    ppsim.save_partitioned(ppsim.partition(ppsim.load_workload("lenet300"), 2), "cut.json")
    before = Path("cut.json").read_bytes()
    assert "would be written over" in refused(capsys, "cost", "cut.json", "-s", "tetris", "--json", "cut.json")
    assert Path("cut.json").read_bytes() == before
