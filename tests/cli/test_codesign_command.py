"""`ppsim codesign`: what it prints and writes is what `ppsim run` says of the network that it chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Capture, flowing, numbers, read, refused, row_of, succeed, widest
from models import perceptron

import ppsim
from ppsim.explore.codesign import proposing, space

#: options that make it quick
QUICK = ("-s", "tetris", "-n", "4", "-p", "4")


@pytest.fixture(scope="module", autouse=True)
def few_options() -> Iterator[None]:
    """Few widths and forms, so that tables are quickly made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "SHARES", (1, 1 / 2, 1 / 4))
        patch.setattr(space, "RANKS", (1 / 2,))
        patch.setattr(space, "OTHERS", (1,))
        patch.setattr(proposing, "MEASUREMENTS", 4)
        yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small trained network, net.onnx, inputs of it, and a workload without weights."""
    monkeypatch.chdir(tmp_path)
    model = perceptron(64, 96, 64, 8, seed=3)
    ppsim.save_model(model, "net.onnx")
    ppsim.save_workload(model.graph, "bare.yaml")
    draw = np.random.default_rng(5)
    inputs = (draw.normal(size=(300, 6)) @ draw.normal(size=(6, 64))).astype(np.float32)
    np.savez("inputs.npz", inputs)
    images, classes = np.zeros((4, 28, 28), dtype=np.uint8), np.zeros(4, dtype=np.int64)
    np.savez("images.npz", x_train=images, y_train=classes, x_test=images, y_test=classes)
    return tmp_path


def unpruned() -> ppsim.Result:
    """What the network takes as it is."""
    return ppsim.simulate(ppsim.load_model("net.onnx").graph, ppsim.load_system("tetris", accelerators=4))


def test_what_it_claims_is_what_run_says(capsys: Capture, here: Path) -> None:
    argv = ("codesign", "net.onnx", *QUICK, "--target-latency", "1/2", "--calibration", "inputs.npz")
    out = succeed(capsys, *argv, "--json", "report.json", "--export", "chosen.npz")
    report = read(here / "report.json")
    (one,) = report["designs"]
    best = one["best"]
    assert report["unpruned"]["seconds"] == unpruned().seconds
    assert best["seconds"] <= one["goal_latency"] == unpruned().seconds / 2
    for file in ("net-codesign.json", "chosen.npz"):
        ran, _ = numbers(capsys, "run", file, "-s", "tetris", "-n", "4")
        assert {name: ran[name] for name in ("seconds", "cycles", "energy_pj", "macs")} == {
            name: best[name] for name in ("seconds", "cycles", "energy_pj", "macs")
        }
    assert f"{report['unpruned']['seconds'] / best['seconds']:.2f}x" in row_of(out, "co-design")
    assert {rival["name"] for rival in one["rivals"]} == {"uniform", "fewest MACs"}
    assert all(f"{row['loss']:.3f}" in out for row in (best, *one["rivals"]))
    for layer in best["layers"]:
        assert f"{layer['cycles']:,}" in row_of(out, layer["name"])
        assert f"{layer['outputs']}" in row_of(out, layer["name"])
    assert f"{len(one['steps'])} designs were fitted" in flowing(out)
    assert sum(f" of {len(one['steps'])}  " in line for line in out.splitlines()) == sum(
        s["best"] for s in one["steps"]
    )
    assert row_of(out, "agreement") == ["agreement"]
    assert "wrote net-codesign.json, chosen.npz" in out
    assert "Next: ppsim run net-codesign.json -s tetris -n 4" in out
    assert widest(out) <= 100


def test_what_is_exported_loads_back_as_the_chosen_model(capsys: Capture, here: Path) -> None:
    argv = ("codesign", "net.onnx", *QUICK, "--target-latency", "1/2", "--no-rivals", "-o", "g.json")
    succeed(capsys, *argv, "--export", "chosen.onnx")
    net, model = ppsim.load_partitioned("g.json"), ppsim.load_model("chosen.onnx")
    assert model.graph.layers == net.graph.layers
    found = ppsim.codesign(
        ppsim.load_model("net.onnx"),
        ppsim.load_system("tetris", accelerators=4),
        target_latency=unpruned().seconds / 2,
        parts=(4,),
        rivals=False,
    )
    assert all(np.array_equal(model.weight(name), found.model.weight(name)) for name in ("fc1", "fc2", "fc3"))


def test_shares_and_units_are_the_same_targets(capsys: Capture, here: Path) -> None:
    seconds, joules = unpruned().seconds, unpruned().energy_pj * 1e-12
    argv = ("codesign", "net.onnx", *QUICK, "--no-rivals", "--target-latency")
    for text in ("1/2", "0.5x", f"{seconds * 5e5!r}us", f"{seconds / 2:.20f}s", f" {seconds * 5e8!r} ns"):
        report, _ = numbers(capsys, *argv, text)
        assert report["designs"][0]["goal_latency"] == pytest.approx(seconds / 2, rel=1e-9)
    report, tables = numbers(capsys, *argv[:-1], "--target-energy", f"{joules * 5e8!r}nJ")
    (one,) = report["designs"]
    assert one["goal_energy_pj"] == pytest.approx(joules * 5e11, rel=1e-9)
    assert one["best"]["energy_pj"] <= one["goal_energy_pj"]
    assert tables.startswith("An energy of at most ")
    assert "is not measured here" in flowing(tables)


def test_several_budgets_give_a_front_and_the_tightest_is_written(capsys: Capture, here: Path) -> None:
    report, tables = numbers(capsys, "codesign", "net.onnx", *QUICK, "--no-rivals", "--target-latency", "1/2,1ps,1/1.5")
    goals = [one["goal_latency"] for one in report["designs"]]
    assert goals == [unpruned().seconds / 1.5, unpruned().seconds / 2]
    assert [one["best"]["seconds"] <= goal for one, goal in zip(report["designs"], goals, strict=True)] == [True] * 2
    assert tables.count("A latency of at most") == 2
    (missed,) = report["missed"]
    assert "1.00 ps" in missed
    assert missed in flowing(tables)
    written = ppsim.simulate(ppsim.load_partitioned("net-codesign.json"), ppsim.load_system("tetris", accelerators=4))
    assert written.seconds == report["designs"][-1]["best"]["seconds"]


def test_the_fastest_of_an_agreement(capsys: Capture, here: Path) -> None:
    argv = ("codesign", "net.onnx", *QUICK, "--no-rivals", "--calibration", "inputs.npz", "--min-accuracy", "0.8")
    report, tables = numbers(capsys, *argv)
    best = report["designs"][0]["best"]
    assert best["quality"] >= 0.8
    assert best["seconds"] < unpruned().seconds
    assert f"{100 * best['quality']:.1f} %" in tables
    assert report["min_accuracy"] == 0.8


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nope.onnx --target-latency 1/2", "nope.onnx"),
        ("bare.yaml --target-latency 1/2", "bare"),
        ("net.onnx", "give one of --target-latency, --target-energy and --min-accuracy"),
        ("net.onnx --target-latency 1/2 --target-energy 1/2", "give one of --target-latency"),
        ("net.onnx --target-latency 5", "'5' is neither a quantity, as in 1.5us, nor a share"),
        ("net.onnx --target-latency 5nJ", "'5nJ' is neither a quantity"),
        ("net.onnx --target-energy 5us", "'5us' is neither a quantity, as in 1.5uJ"),
        ("net.onnx --target-latency=", "'' is neither a quantity"),
        ("net.onnx --target-latency 1/2,", "'' is neither a quantity"),
        ("net.onnx --target-latency 1/0", "'1/0' is out of range"),
        ("net.onnx --target-latency 0us", "'0us' is out of range"),
        ("net.onnx --target-energy 1e999J", "'1e999J' is out of range"),
        ("net.onnx --target-energy 5nJ --energy normalised", "--target-energy 5nJ: the energy table counts in MAC"),
        ("net.onnx --target-latency 1ps", "that was tried meets 1.00 ps; the least of them needs "),
        ("net.onnx --min-accuracy 0.9", "--min-accuracy is measured: give --images, or --calibration"),
        ("net.onnx --min-accuracy 97 --calibration inputs.npz", "--min-accuracy 97 is out of range"),
        ("net.onnx --target-latency 1/2 --images a.npz --calibration inputs.npz", "give one of the two"),
        ("net.onnx --target-latency 1/2 --calibration none.npz", "none.npz"),
        ("net.onnx --target-latency 1/2 --images images.npz", "images are 28 x 28"),
        ("net.onnx --target-latency 1/2 -p four", "--parts four: give numbers with commas"),
        ("net.onnx --target-latency 1/2 -p 1", "--parts 1: give numbers from 2 on"),
        ("net.onnx --target-latency 1/2 --layers conv*", "conv*"),
        ("net.onnx --target-latency 1/2 --method magic", "magic"),
        ("net.onnx --target-latency 1/2 -s nothing", "nothing"),
        ("net.onnx --target-latency 1/2 --set dram.speed=1", "dram.speed"),
        ("net.onnx --target-latency 1/2 -o nowhere/g.json", "nowhere"),
        ("net.onnx --target-latency 1/2 --export chosen.txt", "chosen.txt"),
        ("net.onnx --target-latency 1/2 --json nowhere/r.json", "nowhere"),
        ("net.onnx --target-latency 1/2 -o net.onnx", "the design is JSON"),
        ("net.onnx --target-latency 1/2 --export net.onnx", "would be written over"),
        ("net.onnx --target-latency 1/2 -o g.json --json g.json", "would be written over"),
    ],
)
def test_refusals(capsys: Capture, here: Path, line: str, told: str) -> None:
    before = {path: path.read_bytes() for path in here.iterdir()}
    system = () if " -s " in line else ("-s", "tetris")
    assert told in refused(capsys, "codesign", *line.split(), *system, "-n", "4")
    assert {path: path.read_bytes() for path in here.iterdir()} == before
