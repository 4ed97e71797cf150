"""File formats of trained networks: one entry each in `FORMATS`, by the suffix of a file's name.

Packages that a format needs are imported when a file of it is read or written, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ppsim.errors import InputError
from ppsim.workload.formats import npz, safetensors
from ppsim.workload.formats.contract import ModelFile, ModelFormat
from ppsim.workload.model import Model

#: files that are, or may hold, pickled objects: opening one runs what is in it
PICKLED = frozenset({".pt", ".pth", ".bin", ".pkl", ".pickle", ".joblib", ".ckpt", ".h5"})


@dataclass(frozen=True)
class OnnxFormat:
    """Networks with their trained numbers as ONNX has them."""

    def read(self, path: Path, lenient: bool) -> ModelFile:
        """The network in a file; `lenient` leaves out nodes ppsim has no layer for. Raises InputError."""
        from ppsim.workload.formats.onnx_reading import read

        return read(path, lenient)

    def write(self, path: Path, model: Model, document: str | None) -> None:
        """Write a model, and a document with it. Raises InputError."""
        from ppsim.workload.formats.onnx_writing import write

        write(path, model, document)


FORMATS: Mapping[str, ModelFormat] = {
    ".onnx": OnnxFormat(),
    ".safetensors": safetensors,
    ".npz": npz,
}


def is_model_file(path: str | Path) -> bool:
    """Whether a name is that of a file of trained numbers, which is in one of `FORMATS` or refused as pickled."""
    return Path(str(path)).suffix.lower() in FORMATS.keys() | PICKLED


def read_model_file(path: str | Path, lenient: bool = False) -> ModelFile:
    """What a file of trained numbers holds, in the format that the suffix of its name says.

    `lenient` leaves out nodes that ppsim has no layer for, where that keeps all shapes. Raises InputError naming the
    file and what is wrong with it.
    """
    return format_of_name(Path(str(path))).read(Path(str(path)), lenient)


def write_model_file(path: str | Path, model: Model, document: str | None = None) -> None:
    """Write a model, and the document of a partitioned network with it, wholly or not at all.

    The suffix of the file's name says the format. Raises InputError.
    """
    format_of_name(Path(path)).write(Path(path), model, document)


def format_of_name(path: Path) -> ModelFormat:
    """The format that the suffix of a file's name says; raises InputError for a suffix of none."""
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix in PICKLED:
        raise InputError(f"{path}: pickled files are never opened; save as .safetensors or .onnx")
    raise InputError(f"{path}: {suffix or 'no suffix'!r} is no known format; accepted: {', '.join(FORMATS)}")
