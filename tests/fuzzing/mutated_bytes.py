"""Files that are damaged or made to do harm: bytes and lines of a valid one, changed in a few places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from mutated_trees import Seeds

PIECES = (
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28", b"\n", b"\r", b"\t", b" ", b"'", b'"', b"{", b"}", b"[",
    b"]", b":", b",", b"#", b"---\n", b"...\n", b"%YAML 9.9\n", b"&a ", b"*a", b"<<: *a\n", b"<<: {a: 1}\n", b"= ",
    b"!!float ", b"!!python/object/apply:os.system [id]", b"!x ", b"? ", b"| ", b"> ", b"- ", b"null", b"true", b"yes",
    b"~", b".nan", b".inf", b"-.inf", b"NaN", b"Infinity", b"1e999", b"-1e999", b"0x7fffffff", b"0o17", b"0b1",
    b"1_000", b"12:30:45", b"2024-02-30", b"2024-01-01", b"-1", b"-0", b"9" * 400, b"9" * 5000, b"1e",
    b"../../etc/passwd", b"\xe2\x80\xa8", b"\x1b[2J", b"\xff" * 8, b"\xff\xff\xff\x7f", b"\0" * 8, b"A" * 5000,
    b"[" * 2000, b"{a: " * 500, b"- " * 500, b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"PK\5\6", b"PK\1\2",
)  # fmt: skip
#: each is ten of the one before
BOMB = b"".join(
    b"%c: &%c [%s]\n" % (97 + n, 97 + n, b"x" if n == 0 else b", ".join([b"*%c" % (96 + n)] * 10)) for n in range(9)
)
CHANGES = (
    "cut",
    "delete",
    "insert",
    "overwrite",
    "flip",
    "repeat",
    "line twice",
    "line away",
    "number",
    "bomb",
    "move",
)
STEP = st.tuples(
    st.sampled_from(CHANGES),
    st.integers(0, 2**20),
    st.integers(0, 2**12),
    st.sampled_from(PIECES) | st.binary(max_size=8),
)
STEPS = st.lists(STEP, min_size=1, max_size=1) | st.lists(STEP, min_size=1, max_size=4)


def changed(content: bytes, steps: Any) -> bytes:
    """Bytes with changes made to them, one after the other."""
    for change, where, size, piece in steps:
        at = where % (len(content) + 1)
        few = size % 64
        if change == "cut":
            content = content[:at]
        elif change == "delete":
            content = content[:at] + content[at + few :]
        elif change == "insert":
            content = content[:at] + piece + content[at:]
        elif change == "overwrite":
            content = content[:at] + piece + content[at + len(piece) :]
        elif change == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << size % 8)]) + content[at + 1 :]
        elif change == "repeat":
            content = content[: at + size] + content[at:]
        elif change == "move":
            content = content[:at] + content[at + few : at + 2 * few] + content[at : at + few] + content[at + 2 * few :]
        elif change == "bomb":
            content = BOMB + content
        else:
            content = _of_lines(content, change, where, piece)
    return content


def _of_lines(content: bytes, change: str, where: int, piece: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return piece
    at = where % len(lines)
    if change == "line twice":
        lines.insert(at, lines[at])
    elif change == "line away":
        del lines[at]
    elif change == "number":
        key, colon, _ = lines[at].partition(b":")
        lines[at] = key + colon + b" " + piece + b"\n"
    return b"".join(lines)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the files `seeds`, damaged; now and then it is something else altogether."""
    return _damaged(Seeds(seeds))


@st.composite
def _damaged(draw: Any, seeds: Seeds) -> bytes:
    if draw(st.integers(0, 29)) == 7:
        return draw(st.binary(max_size=64) | st.sampled_from(PIECES))
    return changed(seeds[draw(st.integers(0, len(seeds) - 1))], draw(STEPS))
