"""Trained numbers in .safetensors files: arrays named "layer.tensor", as float32.

The metadata of the header holds the document of the network under "ppsim". The library checks the header (its size and
JSON, and that tensors follow one another and fill the file); the numbers are then read from where it says they are,
which needs no type that NumPy lacks.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from ppsim.documents import MAX_QUOTE, quote
from ppsim.errors import InputError
from ppsim.storage import write_bytes
from ppsim.workload.formats.arrays import document_bytes, float32, ordinary_file, stored_tensors
from ppsim.workload.formats.contract import ModelFile
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned_documents import partitioned_from_text

#: bytes of a file, and of its header, which the library would take up to 100 MB of
MAX_FILE, MAX_HEADER = 2**33, 80 * 2**20
DOCUMENT = "ppsim"
#: what the format calls floating point numbers -> how they are stored
_STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read(path: Path, lenient: bool) -> ModelFile:
    """The trained numbers in a file, as float32, and its network where it holds a document.

    `lenient` changes nothing: there are no nodes to leave out. Raises InputError.
    """
    ordinary_file(path, MAX_FILE, ".safetensors")
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise InputError(f"{path}: a header of {length} bytes; up to {MAX_HEADER} are accepted")
            with safe_open(path, framework="np") as opened:
                document = (opened.metadata() or {}).get(DOCUMENT)
                stored = {}
                for name in opened.offset_keys():
                    tensor = opened.get_slice(name)
                    stored[name] = (tensor.get_dtype(), tuple(tensor.get_shape()))
            file.seek(8 + length)
            tensors = {name: _array(file, *kind, f"{path}: tensor {quote(name)}") for name, kind in stored.items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except SafetensorError as error:
        raise InputError(f"{path}: is damaged, or no .safetensors file: {_short(error)}") from None
    graph = partitioned_from_text(document, str(path)).graph if document is not None else None
    return ModelFile(tensors, graph, document)


def write(path: Path, model: Model, document: str | None) -> None:
    """Write a model, and a document with it; equal ones give equal bytes. Raises InputError."""
    arrays = stored_tensors(model, str(path))
    metadata = {DOCUMENT: document_bytes(document, str(path)).decode()} if document is not None else None
    if sum(array.nbytes for array in arrays.values()) > MAX_FILE - MAX_HEADER:
        raise InputError(f"{path}: more than {MAX_FILE - MAX_HEADER} bytes of numbers; a file has up to {MAX_FILE}")
    from safetensors.numpy import save

    content = save(arrays, metadata)
    if int.from_bytes(content[:8], "little") > MAX_HEADER:
        raise InputError(f"{path}: names and document take more than the {MAX_HEADER} bytes of a header")
    write_bytes(path, content)


def _array(file: IO[bytes], stored: str, shape: tuple[int, ...], where: str) -> Array:
    """The next array in a file, which the library found to be as long as its shape says."""
    if stored not in _STORED:
        raise InputError(f"{where}: holds {stored}; floating point numbers are accepted: {', '.join(_STORED)}")
    count = prod(shape)
    try:
        flat = np.fromfile(file, _STORED[stored], count)
        if flat.size < count:
            raise InputError(f"{where}: is cut off")
        if stored == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return float32(flat.reshape(shape), where)
    except ValueError as error:  # no elements, and dimensions beyond what NumPy counts
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: has the shape {quote(shape)}, which is too large") from None


def _short(error: Exception) -> str:
    """What a library says, on one line and without the whole of what it found in the file."""
    return " ".join(str(error).split())[: 2 * MAX_QUOTE]
