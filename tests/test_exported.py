"""A pruned model as a file: it computes the same and takes the same time when it is read again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

sys.path.append(str(Path(__file__).parent / "pruning"))
from models import branches, perceptron

import ppsim
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.formats import FORMATS

CASES = {
    "perceptron": (lambda: perceptron(20, 32, 48, 10), "fc*", None),
    "branches": (branches, "fc*,conv[1345]", "fc3"),
}


def inputs_for(model, count=6):
    return np.random.default_rng(0).standard_normal((count, *input_shape(model.graph))).astype(np.float32)


@pytest.mark.parametrize("keep", [None, 0.6])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_of_a_pruned_model(suffix, case, keep, tmp_path):
    make, layers, reduce = CASES[case]
    model = make()
    pruned = ppsim.prune(model, 4, layers, reduce=reduce, keep=keep)
    path = tmp_path / f"{model.graph.name}{suffix}"
    ppsim.export(pruned, path)
    last = model.graph.layers[-1].name
    inputs = inputs_for(model)
    wanted = outputs_of(pruned.model, inputs, [last])[last]
    again = ppsim.load_model(path)
    assert np.allclose(outputs_of(again, inputs, [last])[last], wanted, rtol=1e-4, atol=1e-5)
    net = ppsim.load_network(path)
    assert net.nonzeros == pruned.net.nonzeros
    assert set(net.layers) == set(pruned.net.layers)
    hardware = ppsim.load_system("tetris", accelerators=4)
    before, after = ppsim.simulate(pruned.net, hardware), ppsim.simulate(net, hardware)
    assert (before.dram_bytes, before.macs) == (after.dram_bytes, after.macs)
    if suffix == ".onnx" and case == "branches":  # its batch normalisation is folded into the convolution before it
        assert 0 < before.cycles - after.cycles < 10
    else:
        assert before.cycles == after.cycles


def test_onnxruntime_alone_computes_the_masked_original(tmp_path):
    """No code of ours in between: the file as any program would run it."""
    model = perceptron(20, 32, 48, 10)
    pruned = ppsim.prune(model, 4, keep=0.4)
    ppsim.export(pruned, tmp_path / "p.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "p.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "p.onnx", providers=["CPUExecutionProvider"])
    inputs = inputs_for(model)
    (found,) = session.run(None, {session.get_inputs()[0].name: inputs})
    wanted = inputs
    for name in ("fc1", "fc2", "fc3"):
        tensors = pruned.model.tensors[name]
        wanted = wanted @ tensors["weight"].T + tensors["bias"]
        wanted = np.maximum(wanted, 0) if name != "fc3" else wanted
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_weights_stand_in_blocks(tmp_path):
    model = perceptron(20, 32, 32, 10)
    ppsim.export(ppsim.prune(model, 4), tmp_path / "p.safetensors")
    weight = ppsim.load_model(tmp_path / "p.safetensors").weight("fc2")
    blocks = np.abs(weight).reshape(4, 8, 4, 8).sum(axis=(1, 3)) > 0
    assert np.array_equal(blocks, np.eye(4, dtype=bool))


def test_a_file_that_was_changed_after_it_was_pruned(tmp_path):
    model = perceptron(20, 32, 32, 10)
    path = tmp_path / "p.onnx"
    ppsim.export(ppsim.prune(model, 4), path)
    proto = onnx.load(path)
    (weight,) = (tensor for tensor in proto.graph.initializer if tensor.name == "fc2.weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.ones((32, 32), np.float32), "fc2.weight"))
    onnx.save(proto, path)
    with pytest.raises(ppsim.InputError, match="layer 'fc2': 768 weights between parts are not zero"):
        ppsim.load_network(path)
    del proto.graph.node[-1:]
    onnx.save(proto, path)
    with pytest.raises(ppsim.InputError, match=r"p\.onnx"):
        ppsim.load_network(path)


def test_masks_and_orders_beside_the_graph(tmp_path):
    model = perceptron(20, 32, 32, 10)
    pruned = ppsim.prune(model, 4, reduce="fc3")
    beside = ppsim.save_pruned(pruned, tmp_path / "p.json")
    assert beside == tmp_path / "p.masks.npz"
    with np.load(beside) as arrays:
        found = dict(arrays)
    assert sorted(found) == [f"fc{n}.{what}" for n in (1, 2, 3) for what in ("inputs", "mask", "outputs")]
    mask = found["fc2.mask"][found["fc2.outputs"]][:, found["fc2.inputs"]]
    assert np.array_equal(mask, np.kron(np.eye(4, dtype=bool), np.ones((8, 8), dtype=bool)))
    assert found["fc3.mask"].all()
    assert ppsim.load_partitioned(tmp_path / "p.json") == pruned.net
    with pytest.raises(ppsim.InputError, match=r"give a name that ends in .json"):
        ppsim.save_pruned(pruned, tmp_path / "p.npz")
