"""The journal: a line of JSON for each row, on the disk before the sweep goes on.

Lines are only ever appended. A line that was torn by a crash, or by a disk that ran full, is no row: its point is
measured again. Of two lines for one point the later one counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppsim.errors import InputError
from ppsim.storage import sync_folder

Row = dict[str, Any]
#: the key that says which point a row is of
POINT = "point"
#: bytes of a line; a longer one is no row
LONGEST = 1 << 20


@dataclass(frozen=True)
class Read:
    """What a journal holds: the rows by point, and the bytes of its whole lines."""

    rows: dict[int, Row]
    bytes: int


def read_journal(path: Path, fits: Callable[[Row], bool]) -> Read:
    """Read a journal, which may be growing; lines that are none, or rows that do not fit, count as torn.

    Raises InputError where it cannot be read.
    """
    rows: dict[int, Row] = {}
    size = 0
    try:
        with path.open("rb") as file:
            # a line may be a hole of any length after a crash
            for line in iter(lambda: file.readline(LONGEST + 1), b""):
                if not line.endswith(b"\n"):
                    break
                size += len(line)
                if (row := _row(line)) is not None and fits(row):
                    rows[row[POINT]] = row
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return Read(rows, size)


class Journal:
    """The rows of one file, and a way to append more, for one process at a time."""

    def __init__(self, path: Path, fits: Callable[[Row], bool]) -> None:
        """Open a journal, made if missing; raises InputError. `fits` says which rows belong into it."""
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            sync_folder(path.parent)
            found = read_journal(path, fits)
            self._end = found.bytes
            os.ftruncate(self._file, self._end)
        except OSError as error:
            raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
        #: rows by point
        self.rows = found.rows

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows; they are on the disk when it returns. Raises InputError if they cannot be, and none is added."""
        content = "".join(json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n" for row in rows).encode()
        try:
            written = 0
            while written < len(content):
                written += os.write(self._file, content[written:])
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise InputError(f"{self.path}: cannot be written: {error.strerror}; rows before are kept") from None
        self._end += len(content)
        self.rows.update((row[POINT], row) for row in rows)

    def close(self) -> None:
        """Append no more."""
        os.close(self._file)


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line, parse_constant=_refuse)
        if b"\\u" in line:  # which may be half a sign, that no table takes
            json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and type(row.get(POINT)) is int else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
