"""One file given to one reader: what came of it, how long it took, and whether that is a fault."""

from __future__ import annotations

import resource
import shutil
import signal
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FrameType

from fuzzed_readers import Files, Reader

from ppsim.errors import InputError

#: seconds of processor time that reading a file may take, and using what it holds for something small
MOST_SECONDS, MOST_USE = 1.0, 10.0
#: bytes that a reader may allocate beside those that the process has already
MOST_BYTES = 512 * 2**20
#: characters of an error
MOST_CHARACTERS = 2500
_HANGS = 60
_STATM, _STATUS = Path("/proc/self/statm"), Path("/proc/self/status")
_TAKES = "takes "
_numbers = count()


@dataclass(frozen=True)
class Tried:
    """`fault` says what is wrong, None: nothing. Seconds are of processor time.

    `bytes` are those in use at most, beside those before; 0 where the system does not say.
    """

    accepted: bool
    seconds: float
    use_seconds: float
    bytes: int
    said: str
    fault: str | None


class Hang(BaseException):
    """Raised in what does not end."""


def tried(reader: Reader, files: Files, folder: Path) -> Tried:
    """What a reader makes of files, written into a folder below `folder` and gone afterwards."""
    found = _tried(reader, files, folder)
    slow = found.fault is not None and found.fault.startswith(_TAKES)
    return _tried(reader, files, folder) if slow else found  # the machine may have had something else to do


def _tried(reader: Reader, files: Files, folder: Path) -> Tried:
    place = folder / str(next(_numbers))  # a new name each time: readers remember files they have read
    place.mkdir()
    try:
        for name, content in files.items():
            (place / name).write_bytes(content)
        return _outcome(reader, place / reader.opens if reader.opens else place)
    finally:
        shutil.rmtree(place)


def _outcome(reader: Reader, path: Path) -> Tried:
    before = _memory("VmRSS")
    _forget_the_peak()
    started, read, used = time.process_time(), None, None
    accepted, said, fault = False, "", None
    try:
        with warnings.catch_warnings(), _limited():
            warnings.simplefilter("error")
            try:
                value = reader.read(path)
                accepted = True
            finally:
                read = time.process_time()
            reader.use(value)
    except InputError as error:
        said = str(error)
        fault = _line_fault(said, path, accepted)
    except (Exception, Hang) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}: {str(error)[:200]}"
    used = time.process_time()
    most = _memory("VmHWM") - before
    assert read is not None
    fault = fault and fault.replace(str(path), path.name)
    if fault is None and (read - started > MOST_SECONDS or used - read > MOST_USE):
        fault = f"{_TAKES}{read - started:.1f} s to read, {used - read:.1f} s to use"
    return Tried(accepted, read - started, used - read, most, said, fault)


def _line_fault(line: str, path: Path, accepted: bool) -> str | None:
    """What is wrong with the message of an InputError, in which a file that is not accepted has to be named."""
    if len(line.splitlines()) != 1 or not line.isprintable():
        return f"is no one line: {line[:300]!r}"
    if len(line) > MOST_CHARACTERS:
        return f"says {len(line)} characters: {line[:300]!r}"
    if not accepted and path.name not in line:
        return f"does not name the file: {line[:300]!r}"
    return None


@contextmanager
def _limited() -> Iterator[None]:
    """No more than `MOST_BYTES` more memory, and no more than `_HANGS` seconds, where the system can say so."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    usual = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(_HANGS)
    try:
        if _STATM.exists():
            now = int(_STATM.read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + MOST_BYTES, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)


def _memory(what: str) -> int:
    """Bytes that the process has in memory, now (VmRSS) or at most (VmHWM)."""
    if not _STATUS.exists():
        return 0
    return next(1024 * int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith(what))


def _forget_the_peak() -> None:
    """The most memory is what is in use now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _hangs(number: int, frame: FrameType | None) -> None:
    raise Hang(f"not done after {_HANGS} s")
