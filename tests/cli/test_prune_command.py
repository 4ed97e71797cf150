"""`ppsim import` and `ppsim prune`: from a trained network to a graph that runs, and what is refused on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from command_line import Capture, flowing, numbers, read, refused, row_of, succeed, widest

import ppsim
from ppsim.workload.model import Model

LAYERS = """format: ppsim-workload/1
name: small
input: [24]
layers:
  - {name: fc1, type: linear, out_features: 32}
  - {name: relu1, type: elementwise}
  - {name: fc2, type: linear, out_features: 16}
  - {name: relu2, type: elementwise}
  - {name: fc3, type: linear, out_features: 5}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network, its weights, the same as ONNX, and inputs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(LAYERS)
    draw = np.random.default_rng(0)
    graph = ppsim.load_workload("small.yaml")
    tensors = {
        layer.name: {
            name: (draw.standard_normal(shape) / 5).astype(np.float32)
            for name, shape in layer.tensors(graph.input_shapes_of(layer.name)).items()
        }
        for layer in graph.layers
    }
    model = Model(graph, {name: arrays for name, arrays in tensors.items() if arrays})
    for suffix in ("onnx", "safetensors"):
        ppsim.save_model(model, f"small.{suffix}")
    np.savez("weights.npz", **{f"{n}.{t}": array for n, arrays in model.tensors.items() for t, array in arrays.items()})
    np.savez("x.npz", x=draw.standard_normal((300, 4, 6)))
    return tmp_path


def test_import_prune_run(here: Path, capsys: Capture) -> None:
    """The whole way, as a user types it."""
    out = flowing(succeed(capsys, "import", "small.onnx", "-o", "net.yaml", "--weights", "net.safetensors"))
    assert "small: 5 layers, 1,413 parameters, 1,360 MACs an input." in out
    assert "wrote net.yaml and net.safetensors" in out
    assert "Layers that can be cut: fc1, fc2, fc3." in out
    assert ppsim.load_workload("net.yaml").layers == ppsim.load_workload("small.yaml").layers
    assert np.array_equal(
        ppsim.load_model("net.yaml", "net.safetensors").weight("fc1"), ppsim.load_model("small.onnx").weight("fc1")
    )
    out = succeed(
        capsys, "prune", "small.onnx", "-p", "4", "--reduce", "fc3", "--calibration", "x.npz", "-o", "pruned.json",
        "--export", "pruned.onnx",
    )  # fmt: skip
    assert row_of(out, "fc1")[:5] == ["fc1", "24", "32", "25.0", "%"]
    assert "a random cut retains 1/4 = 25.0 %" in out
    assert "fc3: with the weights that are left fitted by least squares" in out
    assert "wrote pruned.json, pruned.masks.npz, pruned.onnx" in out
    assert widest(out) <= 100
    runs = [numbers(capsys, "run", file, "-s", "tetris", "-n", "4")[0] for file in ("pruned.json", "pruned.onnx")]
    assert runs[0]["cycles"] == runs[1]["cycles"]
    assert runs[0]["pruned_layers"]["speedup"] > 2
    assert "pruned, 4 parts" in succeed(capsys, "run", "pruned.onnx", "-s", "tetris")
    assert succeed(capsys, "run", "small.onnx", "-s", "tetris").startswith("small, ")


def test_its_numbers(here: Path, capsys: Capture) -> None:
    arguments = ("prune", "small.yaml", "--weights", "weights.npz", "-p", "2", "--method", "random", "--seed", "3")
    document, shown = numbers(capsys, *arguments, "--calibration", "x.npz", "--no-compensate")
    assert (document["network"], document["parts"], document["method"], document["seed"]) == ("small", 2, "random", 3)
    assert [layer["name"] for layer in document["layers"]] == ["fc1", "fc2", "fc3"]
    assert all(0.3 < layer["retained"] < 0.7 for layer in document["layers"])
    assert 0 < document["output_changes"][0]["relative_error"] < 2
    assert "hardly any parts" not in flowing(shown)  # it is the method that did not look
    assert "fc3 makes the network's result and is cut by outputs" in flowing(shown)
    assert "Calibrated on 300 inputs, " in flowing(shown)
    assert "left as they were" in flowing(shown)
    assert read(here / "small-pruned.json")["parts"] == 2
    assert (here / "small-pruned.masks.npz").exists()


@pytest.mark.parametrize("keep", ["0.75", "16B"])
def test_keeping_more(here: Path, capsys: Capture, keep: str) -> None:
    document, _ = numbers(capsys, "prune", "small.safetensors", "-p", "4", "--keep", keep)
    moved = sum(layer["moved_bytes"] for layer in document["layers"])
    assert moved > 0
    if keep == "16B":
        assert moved <= 16
    else:
        assert 0.6 < document["kept"] <= 0.75


def test_everything_is_kept(here: Path, capsys: Capture) -> None:
    assert "Nothing is pruned" in succeed(capsys, "prune", "small.onnx", "-p", "1")


def test_lenient(here: Path, capsys: Capture) -> None:
    proto = onnx.load("small.onnx")
    for node in proto.graph.node:
        if node.op_type == "Relu":
            node.op_type = "Softsign"
    onnx.save(proto, "odd.onnx")
    message = refused(capsys, "import", "odd.onnx")
    assert message.startswith("odd.onnx: ")
    assert "Softsign" in message
    out = flowing(succeed(capsys, "import", "odd.onnx", "--lenient"))
    assert out.count("left out: ") == 2
    assert (here / "odd.yaml").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["prune", "none.onnx", "-p", "2"], "none.onnx: "),
        (["prune", "small.yaml", "-p", "2"], "small.yaml: has no trained numbers; give weights too: a .onnx, .safet"),
        (["prune", "small.onnx", "-p", "2", "--weights", "weights.npz"], "small.onnx: brings its own weights; leave"),
        (["prune", "small.onnx", "-p", "0"], "parts must be at least 1, got 0"),
        (["prune", "small.onnx", "-p", "40"], "small: layer 'fc1' has 24 input and 32 output units, too few for"),
        (["prune", "small.onnx", "-p", "2", "--layers", "conv*"], "small: layers='conv*' matches no linear layer"),
        (["prune", "small.onnx", "-p", "2", "--method", "best"], "method='best' is unknown; accepted: contiguous, r"),
        (["prune", "small.onnx", "-p", "2", "--saliency", "x"], "saliency='x' is unknown; accepted: w, w2, wx2"),
        (["prune", "small.onnx", "-p", "2", "--saliency", "wx2"], 'saliency "wx2" needs calibration inputs'),
        (["prune", "small.onnx", "-p", "2", "--method", "output"], 'method "output" runs the network on calibration'),
        (["prune", "small.onnx", "-p", "2", "--keep", "lots"], "keep='lots' is neither a share of weights"),
        (["prune", "small.onnx", "-p", "4", "--keep", "0.1"], "keep=0.1 is out of range; with parts=4 it goes from"),
        (["prune", "small.onnx", "-p", "2", "--slack", "1.5"], "slack=1.5 is out of range; accepted: from 0 to belo"),
        (["prune", "small.onnx", "-p", "2", "--reduce", "fc9"], "small: reduce='fc9' matches no linear layer"),
        (["prune", "small.onnx", "-p", "2", "--layers", "fc1", "--reduce", "fc3"], "small: reduce='fc3' names 'fc3'"),
        (["prune", "small.onnx", "-p", "2", "--calibration", "weights.npz"], "weights.npz: has the arrays fc1.weigh"),
        (["prune", "small.onnx", "-p", "2", "--calibration", "flat.npz"], "flat.npz: the array 'x' has the shape (9"),
        (["prune", "small.onnx", "-p", "2", "--calibration", "nan.npz"], "small: inputs hold NaN or infinite numbers"),
        (["prune", "small.onnx", "-p", "2", "--calibration", "one.npz"], "calibration: 1 inputs; least squares need"),
        (["prune", "small.onnx", "-p", "2", "--export", "model.pt"], "model.pt: pickled files are never opened; sav"),
        (["prune", "small.onnx", "-p", "2", "-o", "no/where.json"], "no/where.json: there is no folder no"),
        (["prune", "small.onnx", "-p", "2", "-o", "small.onnx"], "small.onnx: the graph is JSON and its masks are"),
        (["prune", "small.yaml", "--weights", "m.masks.npz", "-p", "2", "-o", "m.json"], "m.masks.npz: would be"),
        (["prune", "small.onnx", "--calibration", "x.npz", "-p", "2", "--json", "x.npz"], "x.npz: would be written ov"),
        (["prune", "small.onnx", "-p", "2", "-o", "p.json", "--export", "p.masks.npz"], "p.masks.npz: would be"),
        (["prune", "small.onnx", "-p", "2", "-o", "p.json", "--json", "p.json"], "p.json: would be written over, an"),
        (["prune", "small.onnx", "-p", "2", "--export", "small.onnx"], "small.onnx: would be written over, and is r"),
        (["import", "small.onnx", "-o", "small.onnx"], "small.onnx: workloads are YAML; give a name that ends in .y"),
        (["prune", "small.onnx", "-p", "4", "--reduce", "fc2,fc3", "--keep", "0.3"], "keep: the blocks from part p to"),
        (["prune", "small.onnx", "-p", "2", "-o", "graph.npz"], "graph.npz: the graph is JSON and its masks are .npz"),
        (["import", "weights.npz"], "weights.npz: holds arrays and no network"),
        (["import", "small.onnx", "--weights", "w.onnx"], "--weights w.onnx: weights go to .safetensors or .npz files"),
        (["import", "small.pkl"], "small.pkl: pickled files are never opened"),
        (["run", "small.pt", "-s", "tetris"], "small.pt: pickled files are never opened"),
        (["run", "pruned.onnx", "-s", "tetris", "-p", "4"], "pruned.onnx: is partitioned already; leave parts, layers"),
    ],
)  # fmt: skip
def test_refusals(here: Path, capsys: Capture, argv: list[str], says: str) -> None:
    np.savez("flat.npz", x=np.zeros(9))
    Path("m.masks.npz").write_bytes(Path("weights.npz").read_bytes())
    np.savez("nan.npz", x=np.full((9, 24), np.nan))
    np.savez("one.npz", x=np.zeros((1, 24)))
    if "pruned.onnx" in argv:
        succeed(capsys, "prune", "small.onnx", "-p", "2", "--export", "pruned.onnx")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    assert refused(capsys, *argv).startswith(says)
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before  # nothing lost, nothing half-written


def test_a_pickle_is_not_opened(here: Path, capsys: Capture) -> None:
    np.savez("objects.npz", x=np.array([{"a": 1}], dtype=object))
    message = refused(capsys, "prune", "small.onnx", "-p", "2", "--calibration", "objects.npz")
    assert message.startswith("objects.npz: entry 'x.npy': holds pickled objects, which are never opened")


def test_what_calibration_is_not_good_for(here: Path, capsys: Capture) -> None:
    np.savez("raw.npz", np.random.default_rng(0).integers(0, 256, (5, 24)).astype(np.uint8))
    out = flowing(succeed(capsys, "prune", "small.onnx", "-p", "2", "--calibration", "raw.npz"))
    assert "Calibrated on 5 inputs, " in out
    assert "They are integers, taken as they are" in out
    assert "They are fewer than the 16 weights that an output has left" in out
    out = flowing(succeed(capsys, "prune", "small.onnx", "-p", "2"))
    assert "What it still computes is not measured here" in out


def test_nothing_is_written_where_the_export_is_refused(here: Path, capsys: Capture) -> None:
    proto = onnx.load("small.onnx")
    proto.graph.node[1].op_type = "Softsign"
    onnx.save(proto, "odd.onnx")
    before = sorted(path.name for path in here.iterdir())
    message = refused(capsys, "prune", "odd.onnx", "-p", "2", "--lenient", "--export", "e.onnx")
    assert message == "--export e.onnx: nodes of odd.onnx were left out, so it would be another network"
    assert sorted(path.name for path in here.iterdir()) == before
    assert succeed(capsys, "prune", "odd.onnx", "-p", "2", "--lenient").startswith("left out: ")


def test_json_goes_to_a_file(here: Path, capsys: Capture) -> None:
    succeed(capsys, "prune", "small.onnx", "-p", "2", "--json", "numbers.json")
    assert json.loads(Path("numbers.json").read_text())["parts"] == 2
