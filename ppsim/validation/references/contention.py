"""Worked by hand: several messages on the same links, links of unequal speed, accelerators behind one DRAM channel.

Closed forms for one message or one accelerator alone are easily right by accident; who waits for whom, and for how
long, is not. Each number here was worked out on paper, as the comments show, and has to come out to the femtosecond.
Times are in ns and begin when messages leave or the run starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ppsim
from ppsim.engine.run import run
from ppsim.engine.trace import Trace
from ppsim.mapping.messages import NO_MESSAGES, Message, Messages
from ppsim.mapping.program import FIRST, LAST, LOOPS, MIDDLE, Activity, Nest, Program, Stage, Tile, Work
from ppsim.units import FS_PER_NS
from ppsim.validation.contract import Case, Check
from ppsim.validation.references.links import CUT, STORED, Sends, arrivals

#: 0 1 2 over 3 4 5, along the row first; a byte takes 1 ns, a hop 100 ns
MESH: dict[str, Any] = {"topology": "mesh", "shape": [2, 3], "bandwidth_gb_s": 1, "latency_ns": 100}
CROSSING: Sends = {(0, 2): 600, (0, 5): 400, (1, 5): 300, (4, 5): 250, (3, 2): 500}

#: by way of switching, in the order of the messages above
CROSSED = {
    # 0-1  0>2 until 600, then 0>5 until 1000
    # 1-2  1>5 until 300; 0>2, there at 100, from 300 until 900; 0>5, there at 700, from 900 until 1300
    # 2-5  1>5, there at 100, until 400, when its tail comes; 0>5, there at 1000, until 1400, likewise
    # 4-5  4>5 until 250; 3>2, there at 100 (its tail at 600), from 250 until 750
    # 5-2  3>2, there at 350, until 850, when its tail comes
    CUT: (900 + 100, 1400 + 100, 400 + 100, 250 + 100, 850 + 100),
    # 0-1  0>2 until 600, then 0>5 until 1000; they are stored at 1 at 700 and 1100
    # 1-2  1>5 until 300; 0>2 from 700 until 1300; 0>5 from 1300 until 1700; stored at 2 at 400, 1400 and 1800
    # 2-5  1>5 from 400 until 700; 0>5 from 1800 until 2200
    # 4-5  4>5 until 250; 3>2, stored at 4 at 600, until 1100, and at 5 at 1200
    # 5-2  3>2 from 1200 until 1700
    STORED: (1300 + 100, 2200 + 100, 700 + 100, 250 + 100, 1700 + 100),
}

#: 1200 bytes from 0 and 300 from 2, which meet at a switch on their way to 1, over a fast and a slow link
MEETING: Sends = {(0, 1): 1200, (2, 1): 300}
#: GB/s: the 1200 bytes take 400 ns over one and 2400 ns over the other; their hops take 60 ns
FAST, SLOW = 3, 0.5

#: (GB/s before the switch, GB/s behind it, how, pieces) -> when they are there; 2 is linked with 1 GB/s and 80 ns
MET: dict[tuple[float, float, str, int], tuple[float, float]] = {
    # 0>1 is at the switch at 60, and behind it from 60 to 2460; 2>1 comes at 80 and takes 600 more, until 3060
    (FAST, SLOW, CUT, 1): (2460 + 60, 3060 + 60),
    # behind the switch from 60, but its tail comes at 2400 + 60 only; then 2>1, 100 ns
    (SLOW, FAST, CUT, 1): (2460 + 60, 2560 + 60),
    # stored at 400 + 60; 2>1 at 300 + 80, so it is first: from 380 until 980; then 0>1 until 980 + 2400
    (FAST, SLOW, STORED, 1): (3380 + 60, 980 + 60),
    # stored at 2400 + 60 and sent on until 2860; 2>1 long before, from 380 until 480
    (SLOW, FAST, STORED, 1): (2860 + 60, 480 + 60),
    # 3 chunks. The first of 0>1, 400 bytes, is there at 133.333334 + 60, that of 2>1 at 100 + 80: it is first, from 180
    # until 780 (its last chunk, there at 380, would do with 580); then 0>1, until 780 + 2400
    (FAST, SLOW, STORED, 3): (3180 + 60, 780 + 60),
    # 2>1 from 180 until its last chunk, there at 300 + 80, has been sent on in 33.333334. The first chunk of 0>1 is
    # there at 800 + 60; the last one at 2400 + 60, and takes 133.333334
    (SLOW, FAST, STORED, 3): (2593.333334 + 60, 413.333334 + 60),
}

#: accelerators 0 and 1 behind one channel, 2 behind one of its own; 0 and 2 have cycles of 2 ns, 1 has cycles of 4 ns
UNEQUAL: dict[str, Any] = {
    "dram.sharing": 2,
    "groups": [
        {"name": "fast", "count": 1},
        {"name": "slow", "count": 1, "clock_mhz": 250},
        {"name": "far", "count": 1},
    ],
}


def checks() -> Iterator[Check]:
    """Messages on a mesh, messages over unequal links, and loads behind one channel."""
    yield _check("messages that cross on a mesh", _crossing(), "2 x 3 mesh, 1 GB/s and 100 ns a link")
    yield _check("fast and slow links", _meeting(), "2 links of 3 and 0.5 GB/s in line, another message joins between")
    dram = "1 or 3 GB/s a channel, 50 ns, quanta of 1000 bytes; clocks of 500 and 250 MHz"
    yield _check("accelerators behind one DRAM channel", _sharing(), dram)


def _check(compared: str, cases: Iterator[Case], setting: str) -> Check:
    source = "worked out by hand, in comments of ppsim/validation/references/contention.py"
    return Check("by-hand", compared, tuple(cases), source, "formula", setting, max_bound=0)


def _crossing() -> Iterator[Case]:
    for switching, expected in CROSSED.items():
        found = arrivals(6, MESH | {"switching": switching}, CROSSING)
        for (source, destination), time in zip(CROSSING, expected, strict=True):
            yield Case(f"{source} to {destination}, {switching}", time, found[source, destination], "ns")


def _meeting() -> Iterator[Case]:
    for (before, behind, switching, chunks), expected in MET.items():
        edges = [
            {"a": 0, "b": "switch", "bandwidth_gb_s": before},
            {"a": "switch", "b": 1, "bandwidth_gb_s": behind},
            {"a": 2, "b": "switch", "latency_ns": 80},
        ]
        links = {"topology": "edges", "edges": edges, "bandwidth_gb_s": 1, "latency_ns": 60}
        found = arrivals(3, links | {"switching": switching, "chunks": chunks}, MEETING)
        for (source, destination), time in zip(MEETING, expected, strict=True):
            how = f"{before} then {behind} GB/s, {switching}, {chunks} piece(s)"
            yield Case(f"{source} to {destination}, {how}", time, found[source, destination], "ns")


def _sharing() -> Iterator[Case]:
    # 0 loads 3000 bytes, 1 loads 1500, a quantum each in turn: 0 until 1000, 1 until 2000, 0 until 3000, 1 has its last
    # 500 at 3500, 0 its last 1000 at 4500. It is there 50 later; 100 cycles. 2 has it at 3000, with nobody between.
    loads = _run([_nest(3000, 100), _nest(1500, 100), _nest(3000, 100)], **UNEQUAL)
    yield from _finished("one tile", loads, (4550 + 200, 3550 + 400, 3050 + 200))

    # 0 and 2: 3 tiles of 1000 bytes and 1000 cycles, two of which fit. 1: 2 tiles of 2500 bytes and 250 cycles.
    # The channel serves 0's first tile until 1000, then 1 until 2000, 0's second until 3000, 1 until 4000. 0 computes
    # from 1050 to 3050; its third tile has room from then on and is served from 4000 to 5000. Its second is computed
    # until 5050, its third until 7050. 1 has its first tile's last 500 bytes at 5500, and its second one at 8000,
    # alone; that is computed from 8050 on. 2 need not wait for anyone and is no faster: it computes all the time.
    tiles = _run([_nest(1000, 1000, 3), _nest(2500, 250, 2), _nest(1000, 1000, 3)], **UNEQUAL)
    yield from _finished("tiles ahead", tiles, (7050, 8050 + 1000, 7050))

    # 3 GB/s for three: 1000 bytes take 333.333334 ns, 700 take 233.333334 and 500 take 166.666667, each rounded up.
    # 0 until 333.333334, 1 with all it has until 666.666668, 2 with all it has until 900.000002, 0 until 1233.333336
    # and 1400.000003. 10 cycles.
    three = _run(
        [_nest(2500, 10), _nest(1000, 10), _nest(700, 10)], **UNEQUAL | {"dram.sharing": 3, "dram.bandwidth_gb_s": 3}
    )
    yield from _finished("3 GB/s", three, (1400.000003 + 50 + 20, 666.666668 + 50 + 40, 900.000002 + 50 + 20))

    # 1500 bytes from 1 come to 0 at 1600, which writes them while it loads 4000 bytes for the next layer: these take
    # the channel until 2000, the first 1000 that are written until 3000, then loads until 4000, the last 500 that are
    # written until 4500, and the last load until 5500. 100 cycles.
    written = _run([_nest(4000, 100), ()], Message(1, 0, 1500, (0,), True))
    yield Case("writing what comes", 4500 + 50, written.messages[1][0] / FS_PER_NS, "ns")
    yield from _finished("loading meanwhile", written, (5550 + 200,))


def _finished(name: str, trace: Trace, expected: tuple[float, ...]) -> Iterator[Case]:
    for accelerator, time in enumerate(expected):
        yield Case(f"{name}, accelerator {accelerator}", time, trace.finished[-1][accelerator] / FS_PER_NS, "ns")


def _nest(weight_bytes: int, cycles: int, tiles: int = 1) -> tuple[Nest, ...]:
    """Tiles that load weights and compute, with room for two of them."""
    tile = Tile(weight_bytes, 0, cycles, 0, 0, False)
    outer = (1,) * (LOOPS - 1)
    states = {(*(FIRST for _ in outer), state): tile for state in (FIRST, MIDDLE, LAST)}
    return (Nest((*outer, tiles), states, Activity(), 2 * weight_bytes, 0),)


def _run(work: list[tuple[Nest, ...]], *messages: Message, **settings: Any) -> Trace:
    """Run a Program made by hand: messages of a layer without work, then a layer that needs them.

    A mapping is left out, so that what is loaded does not depend on how it cuts tiles.
    """
    fixed = {
        "clock_mhz": 500,
        "dram.bandwidth_gb_s": 1,
        "dram.latency_ns": 50,
        "dram.efficiency_streaming": 1,
        "dram.efficiency_mixed": 1,
        "dram.burst_bytes": 1,
        "dram.quantum_bytes": 1000,
        "interconnect": {"topology": "ring", "bandwidth_gb_s": 1, "latency_ns": 100},
    }
    count = None if "groups" in settings else len(work)
    system = ppsim.load_system("tetris", accelerators=count, set=fixed | settings)
    rates, idle = (system.dram.rate(1, 0),) * system.channels, Work([()] * len(work))
    none = (0,) * len(work)
    begin = Stage("input", ("input",), "input", (), idle, none, NO_MESSAGES, rates)
    before = Stage("before", ("before",), "product", (0,), idle, none, Messages.of(messages), rates)
    layer = Stage("layer", ("layer",), "product", (1,), Work(work), none, NO_MESSAGES, rates)
    links = system.interconnect.route(len(work), 1, 0)
    return run(Program(system, (begin, before, layer), links, system.bits))
