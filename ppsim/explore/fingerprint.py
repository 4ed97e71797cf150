"""Which ppsim this is: numbers come from its code and its documents, so rows of two of them do not mix."""

from __future__ import annotations

from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

import ppsim
from ppsim.documents import packaged

_DOCUMENTS = ("accelerators", "workloads")


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """SHA-256 over the code and the documents of this ppsim, in hexadecimal, wherever it is installed."""
    package = Path(ppsim.__file__).parent
    code = {f"ppsim/{path.relative_to(package).as_posix()}": path for path in package.rglob("*.py")}
    found = {f"{name}/{path.relative_to(packaged(name)).as_posix()}": path for name in _DOCUMENTS
             for path in packaged(name).rglob("*.yaml")}  # fmt: skip
    lines = (f"{name} {hash_of(path)}\n" for name, path in sorted((code | found).items()))
    return sha256("".join(lines).encode()).hexdigest()
