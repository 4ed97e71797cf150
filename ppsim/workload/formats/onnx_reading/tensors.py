"""Arrays out of TensorProtos: each is held against its own bytes before it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading.opening import plain
from ppsim.workload.formats.onnx_reading.values import Constant
from ppsim.workload.model import Array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import TensorProto

_EXTERNAL = 1


@dataclass(frozen=True)
class _Kind:
    """How ONNX holds numbers of one type: what it is in NumPy, and the field they stand in when they are no raw bytes.

    Numbers of `bits` stand there as the integers that their bits make.
    """

    dtype: type[np.generic]
    field: str
    bits: bool = False


_BFLOAT16 = 16
#: TensorProto.DataType -> how its numbers are held; those of bfloat16 are the first halves of float32 numbers
_KINDS = {
    1: _Kind(np.float32, "float_data"),
    2: _Kind(np.uint8, "int32_data"),
    3: _Kind(np.int8, "int32_data"),
    4: _Kind(np.uint16, "int32_data"),
    5: _Kind(np.int16, "int32_data"),
    6: _Kind(np.int32, "int32_data"),
    7: _Kind(np.int64, "int64_data"),
    9: _Kind(np.bool_, "int32_data"),
    10: _Kind(np.float16, "int32_data", bits=True),
    11: _Kind(np.float64, "double_data"),
    12: _Kind(np.uint32, "uint64_data"),
    13: _Kind(np.uint64, "uint64_data"),
    _BFLOAT16: _Kind(np.uint16, "int32_data"),
}
MAX_RANK = 32


@dataclass(frozen=True)
class ExternalFiles:
    """The files beside a model that hold numbers of it; `folder` is None for a model that is in no file.

    What is read of one file adds up to no more than the file, so that a small one cannot fill the memory.
    """

    folder: Path | None
    _read: dict[tuple[Path, int, int], bytes] = field(default_factory=dict)

    def bytes_of(self, tensor: TensorProto, size: int) -> bytes:
        """The `size` bytes of a tensor; raises InputError for a file that is elsewhere, missing or too short."""
        entries = {plain(entry.key, "a key"): plain(entry.value, "external data") for entry in tensor.external_data}
        path = self._path(entries.get("location", ""))
        offset = _whole_number(entries.get("offset", "0"), "offset")
        length = _whole_number(entries["length"], "length") if "length" in entries else size
        if length != size:
            raise InputError(f"{length} bytes of {quote(path.name)}, and its shape needs {size}")
        region = (path, offset, size)
        if region not in self._read:
            self._read[region] = self._content(path, offset, size)
        return self._read[region]

    def _path(self, location: str) -> Path:
        if self.folder is None:
            raise InputError(f"its numbers are in the file {quote(location)}, and the model is in no folder")
        inside = Path(location)
        if not location or "\0" in location or inside.is_absolute() or ".." in inside.parts or "\\" in location:
            raise InputError(f"its numbers are in {quote(location)}; a file below the model's folder is accepted")
        try:
            path = (self.folder / inside).resolve()
            if not path.is_relative_to(self.folder.resolve()):
                raise InputError(f"its numbers are in {quote(location)}, which leads out of the model's folder")
            if not path.is_file():
                raise InputError(f"its numbers are in {quote(location)}, and there is no such file")
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "it leads in a circle"
            raise InputError(f"its numbers are in {quote(location)}, which cannot be read: {why}") from None
        return path

    def _content(self, path: Path, offset: int, size: int) -> bytes:
        try:
            there = path.stat().st_size
            if offset + size > there:
                raise InputError(f"bytes {offset} to {offset + size} of {quote(path.name)}, which has {there}")
            if sum(length for other, _, length in self._read if other == path) + size > there:
                raise InputError(f"parts of {quote(path.name)} overlap: tensors need more bytes than it has")
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read(size)
        except OSError as error:
            raise InputError(f"{quote(path.name)} cannot be read: {error.strerror}") from None
        if len(content) != size:
            raise InputError(f"{quote(path.name)} ended early")
        return content


def _whole_number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InputError(f"external data: {what} {quote(text)} is no number of bytes")
    return int(text)


def array_of(tensor: TensorProto, files: ExternalFiles) -> Array:
    """The array of a tensor; raises InputError where its shape, its type and its bytes do not fit one another."""
    kind = _KINDS.get(tensor.data_type)
    if kind is None:
        raise InputError(
            f"holds numbers of type {tensor.data_type} of ONNX's; accepted: float32, float64, float16, bfloat16, "
            f"integers of 8 to 64 bits, bool"
        )
    if tensor.HasField("segment"):
        raise InputError("is a segment of a tensor; whole ones are accepted")
    shape = tuple(tensor.dims)
    if len(shape) > MAX_RANK or min(shape, default=1) < 0:
        raise InputError(f"has the shape {quote(shape)}; up to {MAX_RANK} sizes that are not negative are accepted")
    dtype = np.dtype(kind.dtype)
    needed = prod(shape) * dtype.itemsize
    if tensor.data_location == _EXTERNAL:
        raw = files.bytes_of(tensor, needed)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        raw = _listed(tensor, kind, shape).tobytes()
    if len(raw) != needed:
        raise InputError(f"has {len(raw)} bytes, and its shape {quote(shape)} of {dtype} needs {needed}")
    array = np.frombuffer(raw, dtype).reshape(shape)
    if tensor.data_type == _BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _listed(tensor: TensorProto, kind: _Kind, shape: tuple[int, ...]) -> Array:
    """The numbers of a tensor that stand in a list."""
    given = getattr(tensor, kind.field)
    if len(given) != prod(shape):
        raise InputError(f"has {len(given)} numbers, and its shape {quote(shape)} needs {prod(shape)}")
    dtype = np.dtype(kind.dtype)
    if dtype.kind == "f" and not kind.bits:
        return np.array(given, dtype)
    wide = np.array(given, np.uint64 if kind.field == "uint64_data" else np.int64)
    narrow = wide.astype(np.uint16 if kind.bits else dtype)
    if (narrow != wide).any():
        raise InputError(f"holds numbers that are no {dtype}")
    return narrow.view(dtype)


class Initialisers:
    """The constants a graph comes with, made into arrays when they are asked for."""

    def __init__(self, tensors: Iterable[TensorProto], files: ExternalFiles) -> None:
        self._files = files
        self._tensors: dict[str, TensorProto] = {}
        self._made: dict[str, Constant] = {}
        for tensor in tensors:
            name = plain(tensor.name, "a tensor's name")
            if name in self._tensors:
                raise InputError(f"the name {quote(name)} is taken by two tensors")
            self._tensors[name] = tensor

    def __contains__(self, name: str) -> bool:
        """Whether there is one called `name`."""
        return name in self._tensors

    def is_single(self, name: str) -> bool:
        """Whether the one called `name` is a single number, without reading it."""
        return tuple(self._tensors[name].dims) in ((), (1,))

    def __getitem__(self, name: str) -> Constant:
        """The one called `name`; raises InputError where its bytes do not fit."""
        if name not in self._made:
            try:
                self._made[name] = Constant(array_of(self._tensors[name], self._files), name)
            except InputError as error:
                raise InputError(f"tensor {quote(name)}: {error}") from None
        return self._made[name]
