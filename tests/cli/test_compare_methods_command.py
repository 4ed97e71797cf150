"""`ppsim compare-methods`: the table that Python gives, on the terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Capture, flowing, numbers, read, refused, row_of, succeed, widest

import ppsim
from ppsim.explore.methods_compared.methods import METHODS
from ppsim.explore.methods_compared.published import PAIRS

QUICK = "channels-magnitude,trp-channel"


@pytest.fixture
def weights(network: str, tmp_path: Path) -> str:
    """Weights of the small network, in a file."""
    draw = np.random.default_rng(0)
    shapes = {"fc6.weight": (256, 512), "fc6.bias": (256,), "fc7.weight": (96, 256), "fc7.bias": (96,)}
    path = tmp_path / "weights.npz"
    np.savez(path, **{name: draw.standard_normal(shape).astype(np.float32) / 16 for name, shape in shapes.items()})  # type: ignore[arg-type]
    return str(path)


def test_it_prints_what_python_gives(capsys: Capture, network: str, tmp_path: Path) -> None:
    target = tmp_path / "methods.json"
    argv = ("compare-methods", network, "-n", "4", "--latency-share", "0.7", "--json", str(target))
    out = succeed(capsys, *argv)
    found = ppsim.compare_methods(ppsim.load_workload(network), "tetris", 4, latency_share=0.7)
    assert read(target) == json.loads(json.dumps(found.to_dict()))
    row = found["channels-magnitude"]
    assert row.mac_ratio is not None
    assert f"{row.mac_ratio:.2f}x" in row_of(out, "channels-magnitude")
    assert all(f"{gain.speedup:.2f}x" in row_of(out, "channels-magnitude") for gain in row.gains)
    assert "every method at 70.0 % of the unpruned latency on 4 accelerators" in flowing(out)
    assert f"channels-magnitude: {row.setting}." in out
    assert "Left out: lasso, cap, cacp: inputs to choose by are needed" in flowing(out)
    assert "Left out: trp-channel, trp-spatial, codesign: trained weights are needed" in flowing(out)
    assert "faster on 4" not in out  # heads are two lines
    assert "w2" not in out
    assert "Assumptions" in out
    assert widest(out) <= 100


def test_weights_inputs_and_what_is_lost(capsys: Capture, network: str, weights: str, tmp_path: Path) -> None:
    argv = ("compare-methods", network, "--weights", weights, "-n", "2", "--methods", QUICK)
    document, tables = numbers(capsys, *argv)
    lost = {row["method"]: row["lost"] for row in document["rows"]}
    assert list(lost) == ["unpruned", *QUICK.split(",")]
    assert f"{100 * lost['trp-channel']['weights_kept']:.1f} %" in tables
    assert lost["trp-channel"]["output_error"] is None
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, x=np.random.default_rng(1).standard_normal((40, 512)).astype(np.float32))
    document, tables = numbers(capsys, *argv, "--calibration", str(inputs))
    lost = {row["method"]: row["lost"] for row in document["rows"]}
    assert f"{100 * lost['trp-channel']['output_error']:.1f} %" in tables
    assert "output" in tables
    assert widest(tables) <= 100


def test_at_equal_macs_what_is_out_of_reach_says_so(capsys: Capture, network: str) -> None:
    out = succeed(capsys, "compare-methods", network, "-n", "2", "--macs", "0.5", "--methods", "unstructured")
    assert row_of(out, "unstructured") == ["unstructured", "-", "-", "-", "-", "-"]
    assert "unstructured: out of reach, comes to 100.0 % of the unpruned network's MACs at best." in flowing(out)
    assert "50.0 % of the MACs" in out


def test_an_absolute_latency(capsys: Capture, network: str) -> None:
    whole = ppsim.simulate(ppsim.load_workload(network), ppsim.load_system("tetris", accelerators=2)).seconds
    argv = ("compare-methods", network, "-n", "2", "--latency-us", f"{whole * 5e5!r}", "--methods", "partition")
    document, _ = numbers(capsys, *argv)
    assert document["target"]["share"] == pytest.approx(0.5)


def test_published(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = tuple(pair for pair in PAIRS if pair.pruned.startswith("resnet56"))[-1:]
    monkeypatch.setattr(
        "ppsim.explore.methods_compared.published.compare_published.__defaults__", (None, 8, pairs, None)
    )
    document, tables = numbers(capsys, "compare-methods", "--published", "-s", "tpu-v4", "-n", "2")
    (row,) = document["rows"]
    assert (row["system"], row["pruned"]) == ("tpu-v4", "resnet56-cacp70")
    assert row_of(tables, "tpu-v4")[1] == "resnet56-cacp70"
    assert f"{row['gains'][1]['speedup']:.2f}x" in row_of(tables, "tpu-v4")
    assert "resnet56-cacp70: over resnet56; CACP, Liu et al., arXiv 2009.09724." in tables
    assert widest(tables) <= 100


def test_help_names_all_methods(capsys: Capture) -> None:
    out = flowing(succeed(capsys, "compare-methods", "--help")).replace("- ", "-")
    assert all(name in out for name in METHODS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--latency-share", "2"), "latency_share=2 is out of range"),
        (("--latency-share", "0.5", "--macs", "0.5"), "give one target"),
        (("--methods", "magic"), "'magic' is unknown"),
        (("--methods", ""), "is unknown"),
        (("--layers", "conv*"), "conv*"),
        (("--calibration", "none.npz"), "none.npz"),
        (("--published",), "MODEL: --published compares what papers pruned"),
        (("--json", "nowhere/methods.json"), "nowhere"),
        (("-s", "nothing"), "nothing"),
        (("--set", "dram.speed=1"), "dram.speed"),
    ],
)
def test_refusals(capsys: Capture, network: str, options: tuple[str, ...], words: str) -> None:
    assert words in refused(capsys, "compare-methods", network, *options)


def test_a_method_that_was_asked_for_and_cannot_be_tried(capsys: Capture) -> None:
    said = refused(capsys, "compare-methods", "lenet300", "--methods", "lasso")
    assert said.startswith("methods: none of lasso can be tried: inputs to choose by are needed")


def test_calibration_or_images(capsys: Capture) -> None:
    said = refused(capsys, "compare-methods", "mlp_mnist", "--calibration", "a.npz", "--images", "b.npz")
    assert "give one of the two" in said


def test_a_model_is_needed(capsys: Capture) -> None:
    assert "MODEL is missing" in refused(capsys, "compare-methods")
    assert "--macs: --published compares" in refused(capsys, "compare-methods", "--published", "--macs", "0.5")
