"""Accuracy beside speedup and energy, on the digits that scikit-learn brings."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from models import with_weights

import ppsim
from ppsim.cli import main
from ppsim.explore.accuracy import STEPS, AccuracyExperiment, measure_accuracy
from ppsim.explore.images import load_images
from ppsim.explore.training import Recipe, accuracy, train
from ppsim.pruning.finetune import Schedule
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear, Softmax

NET = """format: ppsim-workload/1
name: small
input: [784]
layers:
  - {name: fc1, type: linear, out_features: 64}
  - {name: relu1, type: elementwise}
  - {name: fc2, type: linear, out_features: 64}
  - {name: relu2, type: elementwise}
  - {name: fc3, type: linear, out_features: 10}
  - {name: softmax, type: softmax}
"""


def test_training_is_repeatable_and_learns():
    images = load_images("digits")
    graph = LayerGraph(
        "g",
        (784,),
        (
            Linear(name="a", out_features=32),
            Elementwise(name="r"),
            Linear(name="b", out_features=10),
            Softmax(name="s"),
        ),
    )
    seen = []
    models = [
        train(
            graph,
            images.train,
            images.train_classes,
            Recipe(epochs=5, least_steps=400),
            progress=lambda *at: seen.append(at),
        )
        for _ in range(2)
    ]
    assert seen[: len(seen) // 2] == [(i, 37) for i in range(1, 38)]  # of 11 batches each
    assert all(np.array_equal(models[0].tensors[n]["weight"], models[1].tensors[n]["weight"]) for n in "ab")
    assert models[0].tensors["a"]["weight"].dtype == np.float16
    assert accuracy(models[0], images.test, images.test_classes) > 0.85
    with pytest.raises(ppsim.InputError, match="layer 'bn1': linear layers and convolutions can be trained"):
        train(ppsim.load_workload("resnet18"), images.train, images.train_classes)


def test_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained, cut, fitted and tuned by one command; what it writes is what it prints."""
    (tmp_path / "small.yaml").write_text(NET)
    out = tmp_path / "out"
    arguments = ["--networks", str(tmp_path / "small.yaml"), "--train", "-p", "1,2,4", "--seeds", "2", "-j", "1"]
    assert main(["accuracy", "--data", "digits", *arguments, "--epochs", "4", "-o", str(out), "--json", "-"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document == json.loads((out / "accuracy.json").read_text())
    assert len(document["rows"]) == 6
    assert (out / "accuracy.png").read_bytes()[:4] == b"\x89PNG"
    assert len((out / "accuracy.csv").read_text().splitlines()) == 7
    assert (out / "small.safetensors").exists()
    one, two, four = document["summaries"]
    assert one["speedup"] == one["energy_reduction"] == 1
    assert set(one["accuracy"]) == set(STEPS)
    assert all(mean == low == high == one["dense"] for mean, low, high in one["accuracy"].values())
    assert 1 < two["speedup"] < four["speedup"]
    assert one["dense"] > 0.9
    for summary in (two, four):
        mean = {step: summary["accuracy"][step][0] for step in STEPS}
        assert mean["random"] <= mean["one-shot"]
        assert mean["random"] < mean["least squares"]
        assert mean["fine-tuned"] > summary["dense"] - 0.04
    for summary in document["summaries"]:
        assert f"{100 * summary['accuracy']['fine-tuned'][0]:.2f}" in captured.err
    for row in document["rows"]:
        assert math.isclose(
            row["kept"], (1 / row["parts"] * (784 * 64 + 64 * 64) + 640) / (784 * 64 + 64 * 64 + 640), rel_tol=1e-3
        )


def test_rows_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(NET)
    network = str(tmp_path / "small.yaml")
    weights = str(tmp_path / "small.npz")
    ppsim.save_model(with_weights(ppsim.load_workload(network)), weights)
    what = AccuracyExperiment(
        "digits", (network,), (weights,), parts=(2,), seeds=(0, 1), schedule=Schedule(epochs=1), searched=50, fitted=200
    )
    assert measure_accuracy(what, jobs=1).rows == measure_accuracy(what, jobs=2).rows


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--data", "nowhere.npz"],
            "nowhere.npz: is no file; give a .npz file with x_train, y_train, x_test, y_test, or: d",
        ),
        (["--data", "digits", "-p", "two"], "--parts two: give numbers with commas, as in 2,4,8"),
        (["--data", "digits", "--networks", "lenet300"], "lenet300: has no trained numbers; give weights too: a .onnx"),
        (
            ["--data", "digits", "--networks", "alexnet", "--train"],
            "alexnet: takes (3, 224, 224), and images are 28 x 28",
        ),
        (["--data", "digits", "-p", "0"], "accuracy: parts are at least 1"),
    ],
)
def test_refusals(arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accuracy", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {says}")
