"""Images with labels, to train and to measure with: scikit-learn's digits, MNIST from a file or from OpenML.

Training and test images are kept apart from the beginning: what is fitted sees the former alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ppsim.documents import is_file
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.npz import read_arrays
from ppsim.workload.model import Array

SIDE, CLASSES = 28, 10
#: the arrays of a file of images
ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Images:
    """Grey images from 0 to 1, (N, 28, 28) of float32, and their classes, (N,), for training and for testing."""

    name: str
    train: npt.NDArray[np.float32]
    train_classes: npt.NDArray[np.int64]
    test: npt.NDArray[np.float32]
    test_classes: npt.NDArray[np.int64]


def load_images(source: str) -> Images:
    """Images from `source`: a .npz file, "digits" or "openml".

    A file has x_train, y_train, x_test and y_test, images of 28 x 28 as 0 to 255 (uint8). "digits" are the 1,797 digits
    of 8 x 8 that scikit-learn brings, enlarged; "openml" is MNIST as scikit-learn fetches it, over the network.
    Raises InputError.
    """
    return SOURCES[source]() if source in SOURCES else _from_file(Path(source))


def _from_file(path: Path) -> Images:
    if not is_file(path):
        raise InputError(f"{path}: is no file; give a .npz file with {', '.join(ARRAYS)}, or: {', '.join(SOURCES)}")
    arrays = read_arrays(path)
    for name in ARRAYS:
        if name not in arrays:
            raise InputError(f"{path}: has no array {name!r}; a file of images has {', '.join(ARRAYS)}")
    for part in ("train", "test"):
        images, classes = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8 or not len(images):
            what = f"{images.dtype} of the shape {images.shape}"
            raise InputError(f"{path}: x_{part} holds {what}; uint8 of (N, {SIDE}, {SIDE}) are accepted")
        if classes.shape != images.shape[:1] or classes.dtype.kind not in "iu":
            raise InputError(
                f"{path}: y_{part} has the shape {classes.shape}; a class, an integer, for each image is needed"
            )
        if classes.min() < 0 or classes.max() >= CLASSES:
            raise InputError(f"{path}: y_{part} holds {classes.min()} to {classes.max()}; classes go from 0 to 9")
    return _images(path.stem, *(arrays[name] for name in ARRAYS))


def _images(name: str, train: Array, train_classes: Array, test: Array, test_classes: Array) -> Images:
    def grey(images: Array) -> npt.NDArray[np.float32]:
        return images.reshape(-1, SIDE, SIDE).astype(np.float32) / np.float32(255)

    return Images(name, grey(train), train_classes.astype(np.int64), grey(test), test_classes.astype(np.int64))


def _digits() -> Images:
    """Each pixel of 0 to 16 as 3 x 3 pixels, in a frame of 2; every fifth image is for testing."""
    with needs("accuracy", "reading scikit-learn's digits"):
        from sklearn.datasets import load_digits
    found = load_digits()
    large = np.kron(found.images * (255 / 16), np.ones((1, 3, 3)))
    images = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    testing = np.arange(len(images)) % 5 == 4
    return _images("digits", images[~testing], found.target[~testing], images[testing], found.target[testing])


def _openml() -> Images:
    """MNIST in its usual order: 60,000 images for training, then 10,000 for testing."""
    with needs("accuracy", "fetching MNIST"):
        from sklearn.datasets import fetch_openml
    try:
        images, classes = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    except Exception as error:  # whatever network, proxies and servers come up with
        why = " ".join(str(error).split())[:100]
        raise InputError(f"openml: cannot be reached ({why}); give a .npz file with {', '.join(ARRAYS)}") from None
    classes = classes.astype(np.int64)
    return _images("mnist", images[:60_000], classes[:60_000], images[60_000:], classes[60_000:])


SOURCES: dict[str, Callable[[], Images]] = {"digits": _digits, "openml": _openml}
