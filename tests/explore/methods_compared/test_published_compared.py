"""Networks that papers pruned: what they gain is the ratio of two simulations."""

from __future__ import annotations

from pathlib import Path

import pytest

import ppsim
from ppsim.explore.methods_compared.published import PAIRS, Pair

SOURCE = "a paper"
PAGE = Path(__file__).parents[3] / "docs" / "commands" / "compare-methods.md"


def test_gains_are_ratios_of_simulations() -> None:
    (pair,) = [pair for pair in PAIRS if pair.pruned == "resnet56-cacp70"]
    (row,) = ppsim.compare_published(["tpu-v4"], 2, [pair]).rows
    assert (row.system, row.unpruned, row.pruned) == ("tpu-v4", "resnet56", "resnet56-cacp70")
    for gain in row.gains:
        on = ppsim.load_system("tpu-v4", accelerators=gain.accelerators)
        before, after = (ppsim.simulate(ppsim.load_workload(name), on) for name in (pair.unpruned, pair.pruned))
        assert gain.speedup == before.seconds / after.seconds
        assert gain.energy_reduction == before.energy_pj / after.energy_pj
    assert [gain.accelerators for gain in row.gains] == [1, 2]


def test_the_documented_tables_are_what_is_simulated() -> None:
    """The whole of them takes a minute; the rows of one system do not."""
    found = ppsim.compare_published(["tpu-v4"]).rows
    lines = [line for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith("| `tpu-v4` |")]
    faster, cheaper = ([cell.strip() for cell in line.split("|")[2:-1]] for line in lines)
    assert faster == [", ".join(f"{gain.speedup:.2f}" for gain in row.gains) for row in found]
    assert cheaper == [", ".join(f"{gain.energy_reduction:.2f}" for gain in row.gains) for row in found]


def test_what_papers_state_of_macs() -> None:
    ratios = {pair.pruned: _macs(pair.unpruned) / _macs(pair.pruned) for pair in PAIRS}
    assert ratios["resnet50-he2x"] == pytest.approx(1.484, abs=0.001)  # 1.485 of convolutions alone
    assert ratios["vgg16-he5x"] == pytest.approx(4.401, abs=0.001)
    removed = [1 - 1 / ratios[f"resnet56-cacp{target}"] for target in (30, 50, 70)]
    assert removed == pytest.approx([0.295, 0.493, 0.696], abs=0.001)


def _macs(name: str) -> int:
    macs: int = ppsim.load_workload(name).macs
    return macs


def test_samplers_take_time_where_there_are_some() -> None:
    pairs = [pair for pair in PAIRS if pair.pruned in ("resnet50-he2x", "resnet56-cacp30")]
    he, cacp = ppsim.compare_published(["tpu-v4"], 1, pairs).rows
    assert (len(he.gains), len(he.samplers)) == (1, 1)
    assert 0.01 < he.samplers[0] < 0.03
    assert cacp.samplers == (0.0,)


def test_frame() -> None:
    pair = Pair("lenet300", "mlp_mnist", SOURCE)
    seen: list[tuple[int, int]] = []
    found = ppsim.compare_published(
        ["tetris", ppsim.load_system("edge", accelerators=2)], 2, [pair], progress=lambda *done: seen.append(done)
    )
    frame = found.to_frame()
    assert list(frame.system) == ["tetris", "edge"]
    assert frame.loc[0, "speedup_2"] == found.rows[0].gains[1].speedup
    assert found.to_dict()["rows"][1]["source"] == SOURCE
    assert seen == [(0, 2), (1, 2)]


def test_unknown_systems() -> None:
    with pytest.raises(ppsim.InputError, match="nowhere"):
        ppsim.compare_published(["nowhere"])
