"""What formats of arrays share: which numbers they take and give, and which files they open at all."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.model import Array, Model, named_tensors
from ppsim.workload.partitioned_documents import MAX_BYTES


def float32(array: Array, where: str) -> Array:
    """Floating point numbers as float32, where they become infinite if they are too large for it.

    Raises InputError, beginning with `where`, for anything else.
    """
    if array.dtype.kind != "f":
        raise InputError(f"{where}: holds {array.dtype}; floating point numbers are accepted")
    with np.errstate(all="ignore"):
        return np.asarray(array, dtype=np.float32, order="C")


def stored_tensors(model: Model, target: str) -> dict[str, Array]:
    """Name "layer.tensor" -> its numbers as the file `target` is to hold them, in the network's order.

    What a model holds as float16 stays so, everything else becomes float32. Raises InputError for numbers beyond
    float32, and names that are no text.
    """
    arrays = {}
    for name, array in named_tensors(model).items():
        where = f"{target}: tensor {quote(name)}"
        arrays[name] = np.ascontiguousarray(array) if array.dtype == np.float16 else float32(array, where)
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"{where}: holds numbers too large for float32")
        if not is_text(name):
            raise InputError(f"{where}: the name is no text that can be written")
    return arrays


def document_bytes(document: str, target: str) -> bytes:
    """A document in UTF-8, as the file `target` is to hold it; raises InputError for one that would not be read."""
    content = document.encode() if is_text(document) else b""
    if not 0 < len(content) <= MAX_BYTES:
        raise InputError(f"{target}: a document is a text of 1 to {MAX_BYTES} bytes, got {len(content)}")
    return content


def ordinary_file(path: Path, most: int, what: str) -> int:
    """Size of an ordinary file of up to `most` bytes; `what` names its format. Raises InputError for anything else."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a zero byte in the name
        raise InputError(f"{str(path)!r}: cannot be read: {error}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
        raise InputError(f"{path}: is {what}; give the name of a file")
    if status.st_size > most:
        raise InputError(f"{path}: {status.st_size} bytes; {what} files go up to {most}")
    return status.st_size


def is_text(name: str) -> bool:
    """Whether a name can be encoded in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
