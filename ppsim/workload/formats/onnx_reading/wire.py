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
MAX_FIELDS = 2**22
#: as deep as protobuf itself goes
MAX_DEPTH = 100

_VARINT, _BYTES = 0, 2
#: kinds of field of a fixed number of bytes
_FIXED = {1: 8, 5: 4}
#: protobuf's C++ types of integers: a packed list of them takes up to eight times its bytes
_INTEGERS = {1, 2, 3, 4}


def check(content: bytes, declared: Any) -> None:
    """Raise InputError where bytes are no message as `declared`, a protobuf descriptor, or one of too many parts."""
    fields = nodes = at = 0
    end = len(content)
    messages, integers = _parts(declared)
    around: list[tuple[Any, int]] = []  # the messages that the one at hand is in, and where they end
    while True:
        while at == end:
            if not around:
                return
            declared, end = around.pop()
            messages, integers = _parts(declared)
        fields += 1
        tag, at = _varint(content, at, end)
        kind, number = tag & 7, tag >> 3
        if kind == _BYTES:
            size, at = _varint(content, at, end)
        elif kind == _VARINT:
            size = 0
            _, at = _varint(content, at, end)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise InputError("is no ONNX model: its bytes are no protobuf message")
        if size > end - at:
            raise InputError("is no ONNX model, or ends too early: a part of it is longer than what is left")
        if kind == _BYTES and number in messages:
            around.append((declared, end))
            declared, end = messages[number], at + size
            messages, integers = _parts(declared)
            nodes += declared.name == "NodeProto"
        else:
            fields += size // 8 if kind == _BYTES and number in integers else 0
            at += size
        if nodes > MAX_NODES or fields > MAX_FIELDS or len(around) > MAX_DEPTH:
            raise InputError(
                f"has more than {MAX_NODES} nodes, {MAX_FIELDS} fields, or {MAX_DEPTH} messages in one another; larger "
                f"models are not read"
            )


@lru_cache(maxsize=64)
def _parts(declared: Any) -> tuple[dict[int, Any], frozenset[int]]:
    """The fields of a message that hold messages, with what they are, and those that hold integers."""
    return (
        {field.number: field.message_type for field in declared.fields if field.message_type},
        frozenset(field.number for field in declared.fields if field.cpp_type in _INTEGERS),
    )


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """The integer that begins at a place, and the place after it."""
    if at < end and (byte := content[at]) < 128:  # most are short
        return byte, at + 1
    value = shift = 0
    while at < end and shift < 64:
        byte = content[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise InputError("is no ONNX model, or ends too early: a number in it has no end")
