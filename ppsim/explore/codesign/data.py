"""Inputs that co-design fits and judges with: images with labels, inputs without, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ppsim.errors import InputError
from ppsim.explore.codesign.bench import Judge
from ppsim.explore.images import load_images
from ppsim.explore.training import accuracy
from ppsim.workload.calibration import load_inputs
from ppsim.workload.evaluation import input_shape
from ppsim.workload.model import Array, Model

#: training images that weights are fitted to, and others that judge designs
FITTED, JUDGED = 5000, 5000


@dataclass(frozen=True, eq=False)
class Data:
    """`inputs` to fit to, a `judge` of fitted models, and the `test` accuracy of a model; None where there is none.

    `dense` is the test accuracy of the unpruned network.
    """

    inputs: Array | None
    judge: Judge | None
    test: Callable[[Model], float | None]
    dense: float | None


def labelled(model: Model, source: str, seed: int) -> Data:
    """Images with labels, as `load_images` takes them: the seed draws training images to fit and to judge with.

    Test images are looked at by nobody but `test`. Raises InputError for a network that does not take such images.
    """
    images = load_images(source)
    shape = input_shape(model.graph)
    if np.prod(shape) != images.train[0].size:
        raise InputError(f"{model.graph.name}: takes {shape}, and images are 28 x 28")
    order = np.random.default_rng(seed).permutation(len(images.train))
    judged = order[len(order) - min(JUDGED, len(order) // 3) :]
    fitted = order[: min(FITTED, len(order) - len(judged))]

    def judge(candidate: Model) -> float:
        return accuracy(candidate, images.train[judged], images.train_classes[judged])

    def test(candidate: Model) -> float:
        return accuracy(candidate, images.test, images.test_classes)

    return Data(images.train[fitted].reshape(len(fitted), *shape), judge, test, test(model))


def calibrated(model: Model, path: str | None) -> Data:
    """Inputs without labels from a .npz file, or none."""
    return Data(None if path is None else load_inputs(path, model.graph), None, lambda candidate: None, None)
