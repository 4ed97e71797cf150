"""Many files for every reader, at random, each reader in a process of its own: prints a table, a row a reader.

python tests/fuzzing/record.py [INPUTS=100000] [SEED]    Faults, one of each kind, are printed below the table.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from secrets import randbits
from tempfile import TemporaryDirectory
from typing import Any

from fuzzed_readers import READERS
from hypothesis import HealthCheck, Phase, given, seed, settings
from trying import MOST_BYTES, Tried, tried

PROCESSES = 2
#: inputs that Hypothesis draws with one seed: it remembers all of them, to draw none twice
AT_A_TIME = 2000


@dataclass
class Row:
    """What a reader made of all its inputs."""

    name: str
    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    slowest_use: float = 0.0
    peak: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, found: Tried, content: Any) -> None:
        self.inputs += 1
        self.accepted += found.accepted
        self.peak = max(self.peak, found.bytes)
        self.slowest = max(self.slowest, found.seconds)
        self.slowest_use = max(self.slowest_use, found.use_seconds)
        if found.fault is not None:
            kind = found.fault[:50]
            self.faults[kind] += 1
            if kind not in self.examples:
                self.examples[kind] = f"{found.fault}\n    {_kept(self.name, content)}"


def _kept(name: str, content: Any) -> str:
    """Where a file that makes a fault is kept, and how it begins."""
    folder = Path("faults") / f"{name}-{hashlib.sha256(repr(content).encode()).hexdigest()[:8]}".replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in content.items():
        (folder / file).write_bytes(data)
    return str(folder)


def row_of(name: str, inputs: int, start: int) -> Row:
    """Give a reader that many inputs."""
    reader, row = READERS[name], Row(name)
    with TemporaryDirectory() as folder:
        for files in reader.valid:  # what is imported on first use is not what is measured
            tried(reader, files, Path(folder))
        for number in range(0, inputs, AT_A_TIME):
            left = min(AT_A_TIME, inputs - number)

            @seed(start + number)
            @settings(
                max_examples=left, database=None, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(reader.files)
            def one(files: Any) -> None:
                row.add(tried(reader, files, Path(folder)), files)

            one()
    print(f"{name}: done", file=sys.stderr)
    return row


def _alone(name: str, inputs: int, start: int) -> Row:
    """`row_of` in a process of its own; that it dies is a fault of the reader."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            return process.submit(row_of, name, inputs, start).result()
    except Exception as error:
        return Row(name, faults=Counter({"died": 1}), examples={"died": f"the process ended: {error!r}"})


def main() -> int:
    """Print the table; 1 where there are faults."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    start = int(sys.argv[2]) if len(sys.argv) > 2 else randbits(31)
    only = sys.argv[3:] or list(READERS)
    began = time.monotonic()
    each = -(-inputs // len(only))
    with ThreadPoolExecutor(PROCESSES) as pool:
        rows = list(pool.map(lambda name: _alone(name, each, start), only))
    _print(rows, start, time.monotonic() - began)
    return any(row.faults for row in rows)


def _print(rows: list[Row], start: int, seconds: float) -> None:
    from importlib.metadata import version

    packages = ("hypothesis", "numpy", "onnx", "protobuf", "pyarrow", "pydantic", "PyYAML", "safetensors")
    print(f"{date.today()}, seed {start}, {seconds / 60:.0f} minutes in {PROCESSES} processes, {platform.system()}")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    print(f"limits: 1 s to read, {MOST_BYTES // 2**20} MiB more than before\n")
    print(f"{'reader':22}{'inputs':>8}{'accepted':>10}{'refused':>9}{'read':>9}{'use':>9}{'peak':>9}{'faults':>8}")
    for row in (*rows, _sum(rows)):
        numbers = f"{row.inputs:>8,}{row.accepted:>10,}{row.inputs - row.accepted:>9,}"
        slowest = f"{row.slowest * 1e3:>6.0f} ms{row.slowest_use * 1e3:>6.0f} ms"
        print(f"{row.name:22}{numbers}{slowest}{row.peak / 2**20:>6.0f} MB{sum(row.faults.values()):>8}")
    for row in rows:
        for kind, text in row.examples.items():
            print(f"\n{row.name}, {row.faults[kind]} times: {text}")


def _sum(rows: list[Row]) -> Row:
    """All readers as one; the slowest and the largest of them."""
    return Row(
        name="all",
        inputs=sum(row.inputs for row in rows),
        accepted=sum(row.accepted for row in rows),
        slowest=max(row.slowest for row in rows),
        slowest_use=max(row.slowest_use for row in rows),
        peak=max(row.peak for row in rows),
        faults=sum((row.faults for row in rows), Counter()),
    )


if __name__ == "__main__":
    raise SystemExit(main())
