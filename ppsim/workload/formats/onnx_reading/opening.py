"""Opening a file that may be anything: bytes that are an ONNX model, or one line that says why they are none."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.onnx_reading import wire

if TYPE_CHECKING:
    from onnx import ModelProto

EXTRA, READING = "onnx", "reading ONNX files"
MAX_BYTES = 2**31
#: operator sets of ONNX in which the operators mean what is read here
OPSETS = (7, 28)


def opened(path: Path) -> ModelProto:
    """The model in a file, its external data not yet read; raises InputError that does not name the file."""
    with needs(EXTRA, READING):
        from onnx import ModelProto
    # comes with it, and is not the one to be named where both are missing
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    content = _content(path)
    wire.check(content, ModelProto.DESCRIPTOR)
    proto = ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise InputError(f"is no ONNX model: {error}") from None
    return proto


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
            raise InputError(f"is {what}; give the name of an ONNX file")
        if status.st_size > MAX_BYTES:
            raise InputError(f"{status.st_size} bytes; ONNX files go up to {MAX_BYTES}, and larger weights beside them")
        with path.open("rb") as file:
            return file.read(status.st_size)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {error}") from None


def opset(proto: ModelProto) -> int:
    """The version of ONNX's own operators a model uses; raises InputError for one whose operators are not known."""
    found = [int(entry.version) for entry in proto.opset_import if plain(entry.domain, "a domain") in ("", "ai.onnx")]
    if len(found) != 1:
        raise InputError(f"opset_import: names {len(found)} versions of ONNX's operators; one is needed")
    if not OPSETS[0] <= found[0] <= OPSETS[1]:
        raise InputError(f"opset_import: version {found[0]} of ONNX's operators; {OPSETS[0]} to {OPSETS[1]} are read")
    return found[0]


def document(proto: ModelProto) -> str | None:
    """What the model's metadata keep for ppsim: the text of a partitioned network's document."""
    return next(
        (plain(entry.value, "metadata ppsim") for entry in proto.metadata_props if entry.key == "ppsim"),
        None,
    )


def plain(text: str | bytes, what: str) -> str:
    """A protobuf string, which comes out as bytes where it is no UTF-8; raises InputError then."""
    if isinstance(text, bytes):
        raise InputError(f"{what} is not UTF-8 text")
    return text
