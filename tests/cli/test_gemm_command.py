"""`ppsim gemm`: a matrix product on a system, or on an array alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, read, row_of, succeed

import ppsim


def test_gemm_on_a_system_is_a_simulation(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    out = succeed(capsys, "gemm", "4", "300", "200", "-s", "tetris", "-n", "2", "--json", str(target))
    expected = ppsim.simulate(ppsim.gemm(4, 300, 200), ppsim.load_system("tetris", accelerators=2))
    assert read(target) == json.loads(json.dumps(expected.to_dict()))
    assert f"{expected.cycles:,} cycles" in out
    assert f"bound by {expected.layers[-1].bound}" in out


def test_gemm_on_an_array_is_the_closed_form(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    out = succeed(capsys, "gemm", "30", "100", "50", "--array", "8x4", "--dataflow", "os", "--json", str(target))
    values = read(target)
    # 4 x 13 folds of 100 + 8 + 4 - 2 cycles; each of the 13 reads all inputs, each of the 4 all weights
    assert (values["folds"], values["cycles"]) == (4 * 13, 4 * 13 * 110)
    assert (values["input_reads"], values["weight_reads"]) == (13 * 30 * 100, 4 * 100 * 50)
    assert values["operand_read_bytes"] == 2 * (13 * 30 * 100 + 4 * 100 * 50)
    assert values["utilisation"] == pytest.approx(30 * 100 * 50 / (4 * 13 * 110 * 32))
    assert row_of(out, "cycles") == ["cycles", "5,720"]
    assert row_of(out, "MACs") == ["MACs", "150,000"]
    assert "inputs and weights read   118 kB" in out


def test_gemm_with_overlap_hides_all_but_the_first_loads(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "gemm.json"
    for flag, cycles in (("--overlap", 5 * 8 + 1 + 2 * 8 + 4 - 2), ("--no-overlap", 6 * (1 + 2 * 8 + 4 - 2))):
        argv = ("gemm", "1", "24", "8", "--array", "8x4", "--dataflow", "ws", flag, "--json", str(target))
        succeed(capsys, *argv)
        assert read(target)["cycles"] == cycles
