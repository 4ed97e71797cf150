"""How long a sweep of 10,000 points takes, and how much memory: python tests/benchmarks/sweep.py [JOBS].

Seconds are printed beside those of a loop counting to a million, as hosts differ and change their speed. Memory is the
largest sum over all processes, looked at ten times a second: resident, pages that processes share counted in each.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEC = Path(__file__).parent / "sweep.yaml"


def loop_ms() -> float:
    """Milliseconds of a loop that counts to a million."""
    began, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return 1e3 * (time.perf_counter() - began)


def resident_mb(process: int) -> float:
    """Resident memory of a process and all below it, MB."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / 1e6 + sum(resident_mb(int(child)) for child in children)


def main() -> None:
    """Run the sweep as a user does."""
    jobs = ["-j", sys.argv[1]] if len(sys.argv) > 1 else []
    before = loop_ms()
    with tempfile.TemporaryDirectory() as place:
        began, most = time.perf_counter(), 0.0
        process = subprocess.Popen([sys.executable, "-m", "ppsim", "sweep", str(SPEC), "-o", f"{place}/out", *jobs])
        while process.poll() is None:
            most = max(most, resident_mb(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - began
    print(f"{seconds:.1f} s, {most:.0f} MB; a loop counting to a million takes {before:.0f} to {loop_ms():.0f} ms")


if __name__ == "__main__":
    main()
