"""Pruning without structure against partition pruning, side by side in what one command prints.

At batch 1, 12x14 output-stationary arrays wait for DRAM. An eighth of the weights kept anywhere, stored with 4-bit
indices, is 8 x 16/20 = 6.4 times fewer bytes than all: that much faster behind one channel, and about twice that on
eight with channels of their own, where the arrays are the limit: they compute the zeros as well.
"""

from __future__ import annotations

import pytest
from command_line import Capture, numbers, row_of

SETTINGS = ("array.rows=12", "dram.efficiency_streaming=1", "dram.efficiency_mixed=1", "dram.latency_ns=0")


@pytest.mark.parametrize(
    ("system", "compressed", "ours"),
    [("shared-dram", pytest.approx(6.4, rel=0.02), 8.0), ("tetris", pytest.approx(13.7, abs=0.4), 63.9)],
)
def test_the_comparison_is_printed_by_one_command(
    capsys: Capture, system: str, compressed: object, ours: float
) -> None:
    options = [word for setting in SETTINGS for word in ("--set", setting)]
    document, out = numbers(capsys, "run", "tinyvgg16", "-s", system, "-p", "8", "--dataflow", "os", *options)
    rows = {row["baseline"]: row for row in document["baselines"] if row["scope"] == "pruned-layers"}
    anywhere = rows["multi-unstructured-compressed"]["speedup"]
    assert anywhere == compressed
    assert document["pruned_layers"]["speedup"] == pytest.approx(ours, rel=0.01)
    # zeros that are stored help nobody
    assert rows["multi-unstructured-dense"]["speedup"] == pytest.approx(rows["multi-dense"]["speedup"], rel=0.01)

    printed = row_of(out, "multi-unstructured-compressed")
    assert printed[4:6] == [f"{rows['multi-unstructured-compressed']['cycles']:,}", told(anywhere)]
    line = next(line for line in out.splitlines() if line.startswith("this run "))
    assert line.split()[5:7] == [f"{document['pruned_layers']['cycles']:,}", told(document["pruned_layers"]["speedup"])]
    assert "4-bit relative index" in " ".join(out.split())
    assert any("DRAM SHARED by groups of 8" in line for line in document["assumptions"]) == (system == "shared-dram")


def told(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{ratio:.1f}x"
