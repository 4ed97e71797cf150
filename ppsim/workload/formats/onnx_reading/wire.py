"""What a serialised ONNX model is made of, counted before anything is built from it.

Protobuf writes an empty message in two bytes and holds it in a hundred, so a small file can fill a large memory. Here
the bytes are walked as they are: fields are counted, and those that hold messages are entered, as ONNX declares them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ppsim.errors import InputError

MAX_NODES = 100_000
#: fields of all messages: nodes, their inputs, outputs and attributes, what says where a node comes from
MAX_FIELDS = 2**23

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
#: protobuf's C++ types of integers: a packed list of them takes up to eight times its bytes
_INTEGERS = {1, 2, 3, 4}


def check(content: bytes, declared: Any) -> None:
    """Raise InputError where bytes are no message as `declared`, a protobuf descriptor, or one of too many parts."""
    fields = nodes = 0
    open_messages = [(declared, 0, len(content))]
    while open_messages:
        message, at, end = open_messages.pop()
        messages, integers = _parts(message)
        while at < end:
            fields += 1
            tag, at = _varint(content, at, end)
            kind, number = tag & 7, tag >> 3
            if kind == _VARINT:
                _, at = _varint(content, at, end)
                continue
            if kind == _BYTES:
                size, at = _varint(content, at, end)
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                size = 8 if kind == _EIGHT_BYTES else 4
            else:
                raise InputError("is no ONNX model: its bytes are no protobuf message")
            if size > end - at:
                raise InputError("is no ONNX model, or ends too early: a part of it is longer than what is left")
            if kind == _BYTES and number in messages:
                inside = messages[number]
                nodes += inside.name == "NodeProto"
                open_messages.append((inside, at, at + size))
            elif kind == _BYTES and number in integers:
                fields += size // 8
            at += size
            if nodes > MAX_NODES or fields > MAX_FIELDS:
                raise InputError(f"has more than {MAX_NODES} nodes or {MAX_FIELDS} fields; larger models are not read")


@lru_cache(maxsize=64)
def _parts(declared: Any) -> tuple[dict[int, Any], frozenset[int]]:
    """The fields of a message that hold messages, with what they are, and those that hold integers."""
    return (
        {field.number: field.message_type for field in declared.fields if field.message_type},
        frozenset(field.number for field in declared.fields if field.cpp_type in _INTEGERS),
    )


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """The integer that begins at a place, and the place after it."""
    value = shift = 0
    while at < end and shift < 64:
        byte = content[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise InputError("is no ONNX model, or ends too early: a number in it has no end")
