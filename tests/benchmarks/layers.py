"""How the cost of each step grows with the number of layers: user seconds, and the log-log slope between sizes.

python tests/benchmarks/layers.py [LAYERS ...]
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from math import log
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import ppsim
from ppsim.analysis.account import account
from ppsim.engine.run import run
from ppsim.mapping.place import place

WIDTH, PARTS = 256, 4


def document(layers: int) -> str:
    """A chain of linear layers and ReLUs."""
    pairs = "".join(
        f"  - {{type: linear, name: fc{i}, out_features: {WIDTH}}}\n  - {{type: elementwise, name: relu{i}}}\n"
        for i in range(layers // 2)
    )
    return f"format: ppsim-workload/1\nname: chain\ndescription: a chain\ninput: [{WIDTH}]\nlayers:\n{pairs}"


def steps(layers: int) -> dict[str, float]:
    """User seconds of each step."""
    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        before = getrusage(RUSAGE_SELF).ru_utime
        made = step()
        seconds[name] = getrusage(RUSAGE_SELF).ru_utime - before
        return made

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.yaml"
        path.write_text(document(layers))
        graph = timed("load", lambda: ppsim.load_workload(str(path)))
    system = ppsim.load_system("tetris", accelerators=PARTS)
    net = timed("partition", lambda: ppsim.partition(graph, PARTS))
    program = timed("place", lambda: place(net, system))
    trace = timed("run", lambda: run(program))
    result = timed("account", lambda: account(net, trace, "auto"))
    timed("to_dict", lambda: json.dumps(result.to_dict()))
    timed("compare", lambda: ppsim.compare(net, system, baselines=()))
    return seconds


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [10, 100, 1_000, 10_000]
    steps(4)  # imports
    rows = [steps(size) for size in sizes]
    print("step      " + "".join(f"{size:>12,}" for size in sizes) + "   slopes")
    for name in rows[0]:
        taken = [row[name] for row in rows]
        slopes = [
            log(max(more, 1e-3) / max(less, 1e-3)) / log(many / few)
            for (few, many), (less, more) in zip(pairwise(sizes), pairwise(taken), strict=True)
        ]
        print(f"{name:10}" + "".join(f"{one:12.3f}" for one in taken) + "".join(f"{slope:7.2f}" for slope in slopes))


if __name__ == "__main__":
    main()
