"""How long `simulate` takes warm: imported, tilings cached by shape, the DRAM bandwidth changed at each call.

Times are user seconds of this process; a plain counting loop in the same run says how fast the machine is just now.

    python tests/benchmarks/simulate.py
"""

from __future__ import annotations

import time
from statistics import median

import ppsim

CALLS = 30


def user_ms(action) -> float:
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1e3


def counting_loop() -> None:
    total = 0
    for number in range(1_000_000):
        total += number & 3


def main() -> None:
    print(f"counting to a million takes {median(user_ms(counting_loop) for _ in range(5)):.0f} ms here")
    net = ppsim.load_workload("tinyvgg16")
    print(f"{'system':12} {'P':>3} {'network':9} {'auto ms':>8} {'reference ms':>13} {'events':>7} of {'tasks':>6}")
    for system in ("tetris", "shared-dram"):
        for accelerators in (1, 8, 16):
            hardware = ppsim.load_system(system, accelerators=accelerators)
            for name, graph in (("pruned", ppsim.partition(net, accelerators)), ("dense", net)):
                ppsim.simulate(graph, hardware)
                times: dict[str, list[float]] = {"auto": [], "reference": []}
                for call in range(CALLS):
                    changed = hardware.with_settings({"dram.bandwidth_gb_s": 8 + 0.01 * (call + 1)})
                    for engine, taken in times.items():
                        taken.append(user_ms(lambda e=engine, s=changed: ppsim.simulate(graph, s, engine=e)))  # noqa: B023
                events = ppsim.simulate(graph, hardware).events
                tasks = ppsim.simulate(graph, hardware, engine="reference").events
                print(
                    f"{system:12} {accelerators:3} {name:9} {median(times['auto']):8.1f} "
                    f"{median(times['reference']):13.1f} {events:7} of {tasks:6}"
                )


if __name__ == "__main__":
    main()
