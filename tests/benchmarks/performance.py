"""The table of docs/performance.md: what ppsim takes, and what SCALE-Sim v3 takes for the same in the same run.

    python tests/benchmarks/performance.py [--only NAME,NAME] [--without-peers]

Each row is measured in a process of its own; times are user seconds unless a row says otherwise. SCALE-Sim is installed
from PyPI into an environment of its own, for the run, of which it takes most: a quarter of an hour altogether.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path

from rows import ROWS, Measured, counting_loop_ms, peer_row

HERE = Path(__file__).parent


def machine() -> str:
    """Processor, cores, memory and what is installed."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    packages = ", ".join(f"{name} {version(name)}" for name in ("ppsim", "numpy", "scipy", "numba"))
    return (
        f"{model}, {info.count('processor' + chr(9))} cores, {memory:.0f} GB; Python {platform.python_version()}, "
        f"{packages}; a loop counting to a million takes {counting_loop_ms():.0f} ms"
    )


def measured(name: str) -> Measured:
    """One row, in a process of its own."""
    output = subprocess.run(
        [sys.executable, __file__, "--row", name], check=True, capture_output=True, text=True, cwd=HERE
    ).stdout
    return Measured(**json.loads(output.splitlines()[-1]))


def scalesim_python(folder: Path) -> Path:
    """Python of a new environment that has SCALE-Sim v3."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qqq", "scalesim>=3,<4", "numpy<2.4"], check=True)
    return python


def line(row: Measured) -> str:
    """A row of the table."""
    return f"| {row.work} | {row.measured} | {row.bound} | {'yes' if row.met else 'NO'} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--row")
    asked = parser.parse_args()
    if asked.row:
        print(json.dumps(ROWS[asked.row]()._asdict()))
        return
    names = asked.only.split(",") if asked.only else list(ROWS)
    print(machine(), end="\n\n", flush=True)
    print("| work | measured | bound | met |\n|---|---|---|---|", flush=True)
    for name in names:
        if name == "alexnet" and not asked.without_peers:
            with tempfile.TemporaryDirectory() as folder:
                print(line(peer_row(scalesim_python(Path(folder)))), flush=True)
        else:
            print(line(measured(name)), flush=True)


if __name__ == "__main__":
    main()
