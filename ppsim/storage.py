"""Files that are whole or not there: written beside their place under another name, then moved into it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from ppsim.errors import InputError


def folder(path: Path) -> Path:
    """`path` as a folder, made with its parents where missing; raises InputError when something else is in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{path}: is not a folder; give a folder, or a name that is free") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror}") from None
    return path


def check_file(path: Path) -> Path:
    """`path` if a file can stand there; raises InputError for a folder, a device, or a folder that does not exist."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}") from None
        return path
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
        raise InputError(f"{path}: is {what}; give the name of a file")
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that readers, and a crash, see the old one or the new one and nothing between.

    Raises InputError when it cannot be written; nothing is left behind then.
    """
    target = check_file(path).resolve()
    draft = target.with_name(f".{target.name}.{token_hex(4)}.draft")
    try:
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
            sync_folder(target.parent)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def sync_folder(path: Path) -> None:
    """Let a folder's entries survive a power failure, where the system can do that."""
    with suppress(OSError):
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def json_text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON with a line a value; ValueError for a number JSON does not know (nan, inf)."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """`write_bytes` of `json_text`."""
    write_bytes(path, json_text(value).encode())
