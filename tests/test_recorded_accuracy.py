"""The weights that ship, what was measured with them, and that the page says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ppsim
from ppsim.documents import packaged

TRAINED = packaged("workloads") / "trained"
RECORDED: dict[str, Any] = json.loads((TRAINED / "accuracy.json").read_text())
PAGE = Path(__file__).parent.parent / "docs" / "pruning.md"
STEPS = ("random", "one-shot", "least squares", "fine-tuned")


def table(network: str) -> str:
    """The page's table of a network, from the recorded numbers."""
    lines = ["| P | random | one-shot | + least squares | + fine-tuning | speedup | energy |", "|---|" + "---|" * 6]
    for one in RECORDED["summaries"]:
        if one["network"] == network:
            means = " | ".join(f"{100 * one['accuracy'][step][0]:.2f}" for step in STEPS)
            lines.append(f"| {one['parts']} | {means} | {one['speedup']:.1f}x | {one['energy_reduction']:.1f}x |")
    return "\n".join(lines)


@pytest.mark.parametrize("network", ["mlp_mnist", "vgg_mnist"])
def test_the_page_has_the_recorded_numbers(network: str) -> None:
    assert table(network) in PAGE.read_text(encoding="utf-8")


def test_shipped_weights_are_small_and_whole() -> None:
    files = sorted(TRAINED.glob("*.safetensors"))
    assert [file.stem for file in files] == ["mlp_mnist", "vgg_mnist"]
    assert sum(file.stat().st_size for file in TRAINED.iterdir()) < 3_000_000
    for file in files:
        model = ppsim.load_model(file.stem)
        assert model.graph.name == file.stem
        assert ppsim.prune(model, 4, reduce="fc3").net.kept_ratio < 0.3


def test_means_are_those_of_the_rows() -> None:
    for one in RECORDED["summaries"]:
        rows = [r for r in RECORDED["rows"] if (r["network"], r["parts"]) == (one["network"], one["parts"])]
        assert len(rows) == 3
        for step in STEPS:
            values = [row["accuracy"][step] for row in rows]
            assert one["accuracy"][step] == pytest.approx([sum(values) / 3, min(values), max(values)])


def test_what_was_reached() -> None:
    """Drops of the best compensated accuracy, and one-shot accuracy against random cuts."""
    for one in RECORDED["summaries"]:
        assert one["dense"] >= 0.982
        best = max(one["accuracy"][step][0] for step in ("least squares", "fine-tuned"))
        assert one["dense"] - best <= 1e-9 + {1: 0, 2: 0.001, 4: 0.006, 8: 0.014, 16: 0.03}[one["parts"]]
        assert one["accuracy"]["one-shot"][0] >= one["accuracy"]["random"][0]
    for row in RECORDED["rows"]:
        assert row["accuracy"]["one-shot"] >= row["accuracy"]["random"], row
    experiment = RECORDED["experiment"]
    assert (experiment["parts"], experiment["seeds"]) == ([1, 2, 4, 8, 16], [0, 1, 2])


def test_what_was_gained_is_what_is_simulated_today() -> None:
    for one in RECORDED["summaries"]:
        if one["network"] == "mlp_mnist":
            net = ppsim.partition(ppsim.load_workload("mlp_mnist"), one["parts"], reduce="fc3")
            system = ppsim.load_system("tetris", accelerators=one["parts"])
            pruned = ppsim.compare(net, system, baselines=("single-dense",)).pruned_layers
            assert pruned is not None
            assert pruned.speedup == pytest.approx(one["speedup"], rel=0.02)
            assert pruned.energy_reduction == pytest.approx(one["energy_reduction"], rel=0.02)
