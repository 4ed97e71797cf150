"""Trained numbers in NumPy's .npz files, and arrays of inputs for calibration.

An .npz file is a zip archive of .npy files. Entries are named "layer.tensor.npy"; an entry "ppsim.json", which NumPy
leaves alone, holds the document of the network in UTF-8. Weights come out as float32, whatever they are stored as.

The archive is not trusted. Before anything is inflated, every entry's declared size is checked; an entry is then read
up to that size and no further, and its header is matched against the one form that NumPy writes, so that nothing in it
is evaluated or unpickled. Names of entries are names: no file is ever made from them.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from ppsim.documents import MAX_QUOTE, quote
from ppsim.errors import InputError
from ppsim.storage import write_bytes
from ppsim.workload.formats.arrays import document_bytes, float32, is_text, ordinary_file, stored_tensors
from ppsim.workload.formats.contract import ModelFile
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned_documents import MAX_BYTES, partitioned_from_text

#: bytes of an entry, inflated, and of a file, as it is and inflated
MAX_ENTRY, MAX_FILE = 2**30, 2**31
MAX_ENTRIES = 4096
#: how many times its size an entry may inflate to, from the size on at which it matters
MAX_RATIO, RATIO_FROM = 1000, 2**20
#: bytes of the archive's directory, which `zipfile` reads whole
MAX_DIRECTORY = 2**21
#: bytes of a name that is written, so that the directory of as many arrays as there may be is small enough
MAX_NAME = MAX_DIRECTORY // MAX_ENTRIES - 64
#: bytes of an array's header, as NumPy limits it, and dimensions of an array
MAX_HEADER, MAX_DIMENSIONS = 10_000, 32
DOCUMENT = "ppsim.json"
_PIECE = 2**20
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<dtype>[^']{1,16})',\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>[\d, ]*)\),?\s*\}\s*"
)
_ACCEPTED = "booleans, integers and floating point numbers are accepted"
_NUMERIC = re.compile(r"[<>|=]?[iu]1|[|?=<>]?b1|[<>=][fiu][248]")


def read(path: Path, lenient: bool) -> ModelFile:
    """The trained numbers in a file, as float32, and its network where it holds a document.

    `lenient` changes nothing: there are no nodes to leave out. Raises InputError.
    """
    arrays, document = _content(path)
    tensors = {name: float32(array, f"{path}: tensor {quote(name)}") for name, array in arrays.items()}
    graph = partitioned_from_text(document, str(path)).graph if document is not None else None
    return ModelFile(tensors, graph, document)


def read_arrays(path: str | Path) -> dict[str, Array]:
    """Name -> array of booleans, integers or floating point numbers, as it is stored: inputs, labels and the like.

    Raises InputError for whatever else a file holds, and under the limits that hold for weights.
    """
    return _content(Path(path))[0]


def write(path: Path, model: Model, document: str | None) -> None:
    """Write a model, and a document with it; equal ones give equal bytes. Raises InputError."""
    content = document_bytes(document, str(path)) if document is not None else None
    write_bytes(path, _archived(stored_tensors(model, str(path)), content, str(path)))


def write_arrays(path: str | Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays of booleans, integers or floating point numbers as `read_arrays` reads them back.

    Equal ones give equal bytes. Raises InputError for other arrays, and for what would not be read.
    """
    for name, array in arrays.items():
        if not _NUMERIC.fullmatch(array.dtype.str):
            raise InputError(f"{path}: array {quote(name)}: holds {array.dtype}; {_ACCEPTED}")
    write_bytes(Path(path), _archived(arrays, None, str(path)))


class _Pieces(io.FileIO):
    """A file that is read in small pieces only: whoever asks for a large one believes a number in the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, or the rest; raises BadZipFile where that is more than a directory's bytes."""
        many = size is None or size < 0 or size > MAX_DIRECTORY
        piece = super().read(MAX_DIRECTORY + 1 if many else size)
        if piece is not None and len(piece) > MAX_DIRECTORY:
            raise BadZipFile(f"its directory has more than {MAX_DIRECTORY} bytes")
        return piece or b""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; raises BadZipFile for one before the file's beginning."""
        if whence == io.SEEK_SET and offset < 0:
            raise BadZipFile("its directory points before its beginning")
        return super().seek(offset, whence)


def _content(path: Path) -> tuple[dict[str, Array], str | None]:
    """The arrays and the document in a file."""
    size = ordinary_file(path, MAX_FILE, ".npz")
    arrays: dict[str, Array] = {}
    document = None
    with _explained(str(path)), _Pieces(path) as file, ZipFile(file) as archive:
        entries = archive.infolist()
        _check_sizes({str(at): entry.file_size for at, entry in enumerate(entries)}, str(path))
        for entry in entries:
            where = f"{path}: entry {quote(entry.filename)}"
            _check(entry, size, where)
            name = entry.filename.removesuffix(".npy")
            if name in arrays or (name == DOCUMENT and document is not None):
                raise InputError(f"{where}: stands twice")
            with _explained(where), archive.open(entry) as stream:
                if name == DOCUMENT:
                    document = _filled(stream, entry.file_size).decode("utf-8")
                else:
                    arrays[name] = _array(stream, entry.file_size, where)
    return arrays, document


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Whatever `zipfile`, `zlib` and the system say of a file that is no good, in one line."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from None
    except (BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:MAX_QUOTE] or "it ends too early"
        raise InputError(f"{where}: is damaged, or no .npz file: {reason}") from None


def _check_sizes(sizes: Mapping[str, int], where: str) -> None:
    """Limits of a file as a whole, for inflated bytes of each entry."""
    if len(sizes) > MAX_ENTRIES:
        raise InputError(f"{where}: {len(sizes)} arrays; an .npz file has up to {MAX_ENTRIES}")
    most = max(sizes.values(), default=0)
    if most > MAX_ENTRY:
        raise InputError(f"{where}: an array of {most} bytes; an .npz file has arrays of up to {MAX_ENTRY}")
    if sum(sizes.values()) > MAX_FILE:
        raise InputError(f"{where}: arrays of {sum(sizes.values())} bytes; an .npz file has up to {MAX_FILE} in all")


def _check(entry: ZipInfo, size: int, where: str) -> None:
    """What an entry says of itself, before any of it is inflated."""
    if not entry.filename.endswith(".npy") and entry.filename != DOCUMENT:
        raise InputError(f"{where}: is no .npy array")
    if entry.flag_bits & 0x1:
        raise InputError(f"{where}: is encrypted; save it without a password")
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise InputError(f"{where}: is compressed by method {entry.compress_type}; accepted: stored, deflated")
    if entry.filename == DOCUMENT and entry.file_size > MAX_BYTES:
        raise InputError(f"{where}: a document of {entry.file_size} bytes; documents go up to {MAX_BYTES}")
    packed = entry.compress_size
    if packed > size or (entry.compress_type == ZIP_STORED and packed != entry.file_size):
        raise InputError(f"{where}: claims {packed} of the file's {size} bytes for an array of {entry.file_size}")
    if entry.file_size > RATIO_FROM and entry.file_size > packed * MAX_RATIO:
        raise InputError(
            f"{where}: would inflate from {packed} bytes to {entry.file_size}; up to {MAX_RATIO:,} times is accepted; "
            "save it uncompressed, with numpy.savez"
        )


def _array(stream: IO[bytes], size: int, where: str) -> Array:
    """The array in an entry of `size` bytes."""
    start = stream.read(8)
    length = stream.read(2 if start[6:7] == b"\1" else 4)
    if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\1", b"\2", b"\3"):
        raise InputError(f"{where}: is no .npy array of a known version")
    header = int.from_bytes(length, "little")
    if header > MAX_HEADER:
        raise InputError(f"{where}: has a header of {header} bytes; up to {MAX_HEADER} are accepted")
    found = _HEADER.fullmatch(stream.read(header).decode("latin-1"))
    if found is None:
        raise InputError(f"{where}: has no header of a plain array of numbers, as numpy.save writes it")
    if not _NUMERIC.fullmatch(found["dtype"]):
        what = "pickled objects, which are never opened" if "O" in found["dtype"] else quote(found["dtype"])
        raise InputError(f"{where}: holds {what}; {_ACCEPTED}")
    dtype = np.dtype(found["dtype"])
    shape = tuple(int(number) for number in found["shape"].replace(" ", "").split(",") if number)
    if len(shape) > MAX_DIMENSIONS:
        raise InputError(f"{where}: has {len(shape)} dimensions; up to {MAX_DIMENSIONS} are accepted")
    has = size - len(start) - len(length) - header
    if prod(shape) * dtype.itemsize != has:
        raise InputError(f"{where}: has {has} bytes for an array of {dtype} of the shape {quote(shape)}")
    flat = np.frombuffer(_filled(stream, has), dtype=dtype)
    array = flat.reshape(shape, order="F" if found["fortran"] == "True" else "C")
    return array.view("u1").astype(bool) if dtype.kind == "b" else array.astype(dtype.newbyteorder("="), copy=False)


def _filled(stream: IO[bytes], size: int) -> bytearray:
    """`size` bytes, read piece by piece: memory is touched as bytes arrive, not as they are promised."""
    content = bytearray()
    while len(content) < size:
        piece = stream.read(min(_PIECE, size - len(content)))
        if not piece:
            raise EOFError
        content += piece
    return content


def _archived(arrays: Mapping[str, Array], document: bytes | None, target: str) -> bytes:
    """An archive of arrays, little-endian and sorted by name, and a document."""
    _check_sizes({name: array.nbytes + MAX_HEADER for name, array in arrays.items()}, target)
    for name in arrays:
        if not is_text(name) or "\0" in name or len(name.encode()) > MAX_NAME:
            raise InputError(f"{target}: array {quote(name)}: names in .npz files are text of up to {MAX_NAME} bytes")
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_STORED) as archive:
        for name in sorted(arrays):
            with archive.open(_entry(f"{name}.npy"), "w") as entry:
                array = np.asarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"), order="C")
                np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
        if document is not None:
            archive.writestr(_entry(DOCUMENT), document)
    return content.getvalue()


def _entry(name: str) -> ZipInfo:
    """An entry as it is on every machine and day."""
    entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix
    entry.external_attr = 0o644 << 16
    return entry
