"""The folder of a sweep: its specification, what its numbers come from, its journal, and at the end its table.

spec.yaml          the specification
manifest.json      versions, hashes of all inputs, how many points there are
journal.jsonl      a line for each point that is done, in the order they were done
results.parquet    all rows in the order of the points, once there are all
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import ppsim
from ppsim.documents import is_file, read_json
from ppsim.errors import InputError
from ppsim.explore.fingerprint import fingerprint
from ppsim.explore.sweep.inputs import Inputs
from ppsim.explore.sweep.journal import Journal, Row
from ppsim.explore.sweep.spec import SweepSpec
from ppsim.storage import check_file, folder, json_text, write_bytes, write_json

FORMAT = "ppsim-sweep-results/1"
SPEC, MANIFEST, JOURNAL, TABLE = "spec.yaml", "manifest.json", "journal.jsonl", "results.parquet"
FILES = (MANIFEST, SPEC, JOURNAL, TABLE)
_LOCK = ".lock"
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What the rows of a sweep rest on. `code` is a hash of ppsim's code and documents, `spec` the specification.

    `screened` says that points may be skipped for their bounds.
    """

    spec: Mapping[str, Any]
    points: int
    ppsim: str
    code: str
    python: str
    inputs: Inputs
    screened: bool = False

    def to_dict(self) -> dict[str, Any]:
        """What manifest.json holds."""
        return {
            "format": FORMAT,
            "ppsim": self.ppsim,
            "code_sha256": self.code,
            "python": self.python,
            "spec_sha256": hash_of_spec(self.spec),
            "inputs_sha256": dict(self.inputs),
            "points": self.points,
            "screened": self.screened,
            "spec": dict(self.spec),
        }


def hash_of_spec(spec: Any) -> str:
    """SHA-256 of a specification's values: comments and layout do not count."""
    return sha256(json_text(spec).encode()).hexdigest()


def manifest_of(spec: SweepSpec, points: int, inputs: Inputs, screened: bool) -> Manifest:
    """The manifest of a sweep that begins now."""
    python = platform.python_version()
    return Manifest(spec.to_dict(), points, ppsim.__version__, fingerprint(), python, inputs, screened)


def load_manifest(place: Path) -> Manifest:
    """The manifest in a sweep's folder; raises InputError where there is none."""
    path = place / MANIFEST
    if not is_file(path):
        raise InputError(f"{place}: holds no sweep ({MANIFEST} is missing); make one with: ppsim sweep SPEC -o {place}")
    found = read_json(path, FORMAT, _MOST_BYTES)
    try:
        written = hash_of_spec(found.get("spec", {})) == found.get("spec_sha256")
    except ValueError:  # a number that JSON does not know
        written = False
    if not written:
        raise InputError(f"{path}: its specification is not the one it was written with; make the sweep anew")
    try:
        inputs = tuple(sorted((str(name), str(hashed)) for name, hashed in found["inputs_sha256"].items()))
        return Manifest(
            dict(found["spec"]),
            int(found["points"]),
            str(found["ppsim"]),
            str(found["code_sha256"]),
            str(found["python"]),
            inputs,
            bool(found.get("screened", False)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no manifest of a sweep: {error!r} is missing or no such value") from None


@contextmanager
def opened(place: Path, manifest: Manifest, text: str, resume: bool, fits: Callable[[Row], bool]) -> Iterator[Journal]:
    """The journal of a sweep's folder, made if missing, for this process alone.

    `text` is the specification as it is kept, `fits` says which rows are of this sweep. Raises InputError where another
    process is at it, where there are rows already that are not to be gone on with, where they are another sweep's or
    what they come from has changed, and where files of other people's are in the way.
    """
    from filelock import FileLock, Timeout

    folder(place)
    lock = FileLock(place / _LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{place}: another sweep is writing here; wait for it, or give another folder") from None
    except OSError as error:
        raise InputError(f"{place}: cannot be written: {error.strerror}") from None
    try:
        begun = _begun(place)
        if begun and not resume:
            raise InputError(
                f"{place}: holds a sweep already; go on with it with --resume (resume=True), or give another folder"
            )
        if begun:
            _check_same(place, load_manifest(place), manifest)
        else:
            (place / TABLE).unlink(missing_ok=True)
            (place / JOURNAL).unlink(missing_ok=True)
            write_json(place / MANIFEST, manifest.to_dict())
            write_bytes(place / SPEC, text.encode())
        with closing(Journal(place / JOURNAL, fits)) as journal:
            yield journal
    finally:
        lock.release()


def _begun(place: Path) -> bool:
    """Whether there is a sweep with rows in a folder; raises InputError where its files' names are taken by others."""
    for name in FILES:
        if (place / name).exists():
            check_file(place / name)
    if not (place / MANIFEST).exists():
        if taken := [name for name in FILES if (place / name).exists()]:
            raise InputError(f"{place}: has a {taken[0]} that is no sweep's; give another folder")
        return False
    load_manifest(place)
    journal = place / JOURNAL
    return journal.exists() and journal.stat().st_size > 0


def _check_same(place: Path, before: Manifest, now: Manifest) -> None:
    if hash_of_spec(before.spec) != hash_of_spec(now.spec):
        differs = [key for key in now.spec if json_text([now.spec[key]]) != json_text([before.spec.get(key)])]
        raise InputError(
            f"{place}: holds the sweep of another specification ({', '.join(differs)}); give another folder"
        )
    if before.screened != now.screened:
        raise InputError(
            f"{place}: the sweep began {'with' if before.screened else 'without'} screening; go on with it "
            f"{'with' if before.screened else 'without'} --screen (screen={before.screened}), or give another folder"
        )
    for name, _ in {*before.inputs} ^ {*now.inputs}:
        raise InputError(f"{place}: {name} is not as it was when the sweep began; give another folder")
    if (before.ppsim, before.code) != (now.ppsim, now.code):
        raise InputError(
            f"{place}: the sweep began with another ppsim ({before.ppsim}, code {before.code[:8]}; this is {now.ppsim},"
            f" {now.code[:8]}), and rows of two do not mix; give another folder"
        )
