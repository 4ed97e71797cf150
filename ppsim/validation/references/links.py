"""ASTRA-sim: when a message arrives over several links, and when all have what all others made.

Its analytical network back end comes in two kinds. One adds up latencies and serialises a message once, which is what
virtual cut-through does where nobody else uses the links; the other one serialises it on every link and lets messages
queue, which is store-and-forward. Both have tests that expect constants, and these are the numbers here. A difference
would be one of the law of a link, of the way a message takes, or of how messages queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import ppsim
from ppsim.engine.run import run
from ppsim.mapping.place import place
from ppsim.units import FS_PER_NS
from ppsim.validation.contract import Case, Check
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

#: bytes of a message from one accelerator to another, by (from, to)
Sends = Mapping[tuple[int, int], int]

ACCELERATORS = 16
#: over links of 1 byte a nanosecond: what 1 MiB takes over 50 GiB/s, cut to whole nanoseconds as ASTRA-sim does
SIZE = 19_531

#: ways of switching
CUT, STORED = "cut-through", "store-and-forward"
#: nodes 1 and 4 are those of ASTRA-sim's tests
ONE: Sends = {(1, 4): SIZE}
EVERYONE: Sends = {(a, b): SIZE for a in range(ACCELERATORS) for b in range(ACCELERATORS) if a != b}
#: name, topology, way of switching, sends, what ASTRA-sim expects in ns
EXPECTED: tuple[tuple[str, str, str, Sends, int], ...] = (
    ("3 hops of a ring", "ring", CUT, ONE, 21_031),
    ("fully connected", "all-to-all", CUT, ONE, 20_031),
    ("through a switch", "crossbar", CUT, ONE, 20_531),
    ("3 hops of a ring", "ring", STORED, ONE, 60_093),
    ("fully connected", "all-to-all", STORED, ONE, 20_031),
    ("through a switch", "crossbar", STORED, ONE, 40_062),
    ("all to all on a ring", "ring", STORED, EVERYONE, 704_116),
)


def checks() -> Iterator[Check]:
    """The last arrival of each of ASTRA-sim's tests."""
    cases = []
    for name, topology, switching, sends, expected in EXPECTED:
        links = {"topology": topology, "switching": switching, "bandwidth_gb_s": 1, "latency_ns": 500}
        last = max(arrivals(ACCELERATORS, links, sends).values())
        cases.append(Case(f"{name}, {switching}", expected, last, "ns"))
    yield Check(
        "astra-sim",
        "arrival of messages",
        tuple(cases),
        "constants in the tests of its analytical network back end: 1 MiB over links of 50 GiB/s and 500 ns",
        "simulated",
        "16 accelerators; cut-through against its congestion-unaware kind, store-and-forward in one piece against its "
        "congestion-aware one; a serialisation takes 19531 ns",
        max_bound=0,
    )


def arrivals(accelerators: int, links: Mapping[str, Any], sends: Sends) -> dict[tuple[int, int], float]:
    """When messages arrive, in ns after all have left at once; by (from, to).

    They are what two linear layers exchange: all accelerators make as much in the first, so that they are done with it
    at the same time, and each keeps in the second what it is to be sent of the others' shares, a byte a unit.
    """
    made = max(sends.values())
    shares, ones = (made,) * accelerators, (1,) * accelerators
    own = tuple((Kept(part, 1),) for part in range(accelerators))
    sent = tuple(tuple(Kept(a, size) for (a, b), size in sends.items() if b == part) for part in range(accelerators))
    layers = {
        "first": PartitionedLayer(ones, shares, own),
        "second": PartitionedLayer(shares, ones, tuple(kept or alone for kept, alone in zip(sent, own, strict=True))),
    }
    units = {"first": made * accelerators, "second": accelerators}
    linear = tuple(Linear(name=name, out_features=features) for name, features in units.items())
    net = PartitionedGraph(LayerGraph("messages", (accelerators,), linear, bits=8), accelerators, layers)

    # one message for each pair, whatever pattern they make; and room to keep it all on chip
    settings = {"interconnect": {"all_gather": "unicast", "broadcast": "unicast", **links}, "buffer.kib": 1 << 16}
    program = place(net, ppsim.load_system("tetris", accelerators=accelerators, set=settings))
    trace = run(program)
    left = min(trace.finished[1])
    messages = zip(program.stages[1].messages, trace.messages[1], strict=True)
    return {(message.source, message.destination): (time - left) / FS_PER_NS for message, time in messages}
