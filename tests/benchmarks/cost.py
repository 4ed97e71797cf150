"""How many times a second `ppsim.cost` answers, no two calls with the same arguments.

Widths are drawn at random: where parts differ by a unit, most calls meet shapes that no call before has had. Of equal
parts (widths that are multiples of 8) there are fewer shapes. One process; a plain counting loop in the same run says
how fast the machine is just now.

    python tests/benchmarks/cost.py [CALLS]
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear

CALLS = 1000
#: calls before the clock starts: modules are loaded, the system is read
WARM = 20


def counting_loop_ms() -> float:
    began, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number & 3
    return 1e3 * (time.process_time() - began)


def stack(layers: int) -> LayerGraph:
    widths = [512] * (layers - 1) + [10]
    made = (Linear(name=f"fc{number}", out_features=width) for number, width in enumerate(widths, start=1))
    return LayerGraph(f"{layers} fc layers", (784,), tuple(made))


def widths(names: tuple[str, ...], least: int, most: int, unit: int = 1) -> Iterator[dict[str, int]]:
    """Different widths of some layers, multiples of `unit`, for ever."""
    draw, seen = random.Random(0), set()
    while True:
        found = tuple(unit * draw.randint(least // unit, most // unit) for _ in names)
        if found not in seen:
            seen.add(found)
            yield dict(zip(names, found, strict=True))


def calls_a_second(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """By wall clock, and by processor time of this process."""
    for _ in range(WARM):
        call()
    began, used = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - began), calls / (time.process_time() - used)


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    mlp, four, images = ppsim.load_workload("mlp_mnist"), stack(4), ppsim.load_workload("vgg_mnist")
    convs = tuple(name for name in images.divisible if name != images.divisible[-1])
    cases: list[tuple[str, LayerGraph, Iterator[dict[str, int]], int | None, int]] = [
        ("mlp_mnist, 8 parts", mlp, widths(("fc1", "fc2"), 16, 512), 8, calls),
        ("the same, equal parts", mlp, widths(("fc1", "fc2"), 16, 512, 8), 8, calls),
        ("mlp_mnist, not cut", mlp, widths(("fc1", "fc2"), 16, 512), None, calls),
        ("4 fc layers, 8 parts", four, widths(("fc1", "fc2", "fc3"), 16, 512), 8, calls),
        ("the same, equal parts", four, widths(("fc1", "fc2", "fc3"), 16, 512, 8), 8, calls),
        ("vgg_mnist, 8 parts", images, widths(convs, 8, 16), 8, max(10, calls // 50)),
    ]
    print(f"counting to a million takes {counting_loop_ms():.0f} ms here")
    for name, net, drawn, parts, count in cases:
        wall, used = calls_a_second(lambda n=net, d=drawn, p=parts: ppsim.cost(n, next(d), partition=p), count)
        print(f"{name:22} {wall:6.0f} calls/s, {used:6.0f} a second of processor time")
    print(f"counting to a million takes {counting_loop_ms():.0f} ms here")


if __name__ == "__main__":
    main()
