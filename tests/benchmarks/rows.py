"""What `performance.py` measures: a function for each row of its table."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent


class Measured(NamedTuple):
    """A row: what was done, what it took, the bound, and whether that is met."""

    work: str
    measured: str
    bound: str
    met: bool


def user_s(action: Callable[[], object]) -> float:
    """User seconds of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    action()
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


def cpu_s(action: Callable[[], object]) -> float:
    """Processor seconds of this process, which are counted more finely."""
    before = time.process_time()
    action()
    return time.process_time() - before


def counting_loop_ms() -> float:
    """How fast the machine is just now."""

    def loop() -> None:
        total = 0
        for number in range(1_000_000):
            total += number & 3

    return 1e3 * median(cpu_s(loop) for _ in range(5))


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def bandwidths(system: Any, calls: int) -> Iterator[Any]:
    """The system with a different DRAM bandwidth for each call."""
    for call in range(calls):
        yield system.with_settings({"dram.bandwidth_gb_s": system.dram.bandwidth_gb_s * (1 + 1e-3 * (call + 1))})


def warm_ms(net: Any, system: Any, calls: int = 60) -> float:
    """Milliseconds of `simulate`, its code loaded and the shapes seen before."""
    import ppsim

    for changed in bandwidths(system, 3):
        ppsim.simulate(net, changed, engine="compiled")
    return 1e3 * median(
        cpu_s(lambda s=changed: ppsim.simulate(net, s, engine="compiled")) for changed in bandwidths(system, calls)
    )


def closed_form() -> Measured:
    """`compute_cycles` over a million shapes."""
    import ppsim

    draw = np.random.default_rng(0)
    sizes = [draw.integers(1, 4096, 1_000_000) for _ in range(3)]
    rates = {}
    for dataflow in ("os", "ws", "is"):
        taken = [cpu_s(lambda d=dataflow: ppsim.compute_cycles(*sizes, 128, 128, d)) for _ in range(25)]
        rates[dataflow] = 1 / median(taken[1:])
    found = ", ".join(f"{dataflow} {rate:.0f}" for dataflow, rate in rates.items())
    return Measured("`compute_cycles` over a million shapes", f"{found} M/s", ">= 60 M/s", min(rates.values()) >= 60)


def alexnet_system() -> Any:
    """One 128x128 array as SCALE-Sim has it: three scratchpads of 2 MiB, folds whole, DRAM that keeps up."""
    import ppsim

    fields = {
        "array.rows": 128,
        "array.cols": 128,
        "array.dataflow": "os",
        "array.overlap": False,
        "buffer.kib": 3 * 2048,
        "buffer.tiles": "largest",
        "buffer.bandwidth_bytes_per_cycle": 4096,
        "dram.bandwidth_gb_s": 256,
    }
    return ppsim.load_system("tetris", accelerators=1, set=fields)


def alexnet() -> Measured:
    """AlexNet on one array, without the peer."""
    import ppsim

    taken = warm_ms(ppsim.load_workload("alexnet"), alexnet_system())
    return Measured("AlexNet on one 128x128 array, warm", f"{taken:.2f} ms", "5,000x less than SCALE-Sim v3", False)


def peer_row(python: Path) -> Measured:
    """AlexNet on one array, and on SCALE-Sim v3's with that Python."""
    import ppsim
    from ppsim.mapping.place import place

    net, system = ppsim.load_workload("alexnet"), alexnet_system()
    layers, ours = [], []
    for stage in place(net, system).stages:
        if stage.kind == "product":
            layers.append(scalesim_layer(net, stage.name))
            ours.append(sum(nest.compute_cycles for nest in stage.work[0]))
    asked = {"array": 128, "dataflow": "os", "kib": 2048, "layers": layers}
    output = subprocess.run(
        [python, HERE / "peers" / "scalesim_peer.py", json.dumps(asked)], check=True, capture_output=True, text=True
    ).stdout
    peer = json.loads(output.splitlines()[-1])
    theirs = [round(cycles) + 1 for cycles in peer["cycles"]]  # it prints the index of the last cycle
    same = f"of all {len(ours)} layers the same" if theirs == ours else f"DIFFER: {ours} against {theirs}"
    taken = warm_ms(net, system)
    start = cold_s("import ppsim; ppsim.simulate(ppsim.load_workload('alexnet'), ppsim.load_system('tetris'))")
    ratio = 1e3 * peer["seconds"] / taken
    return Measured(
        "AlexNet on one 128x128 array, os, memory and energy, warm, against SCALE-Sim v3 in the same run",
        f"{taken:.2f} ms against {peer['seconds']:.1f} s: {ratio:,.0f}x; compute cycles {same}; "
        f"SCALE-Sim takes {peer['mb']:.0f} MB; ppsim with start-up {start:.1f} s",
        ">= 5,000x, same compute cycles",
        ratio >= 5000 and theirs == ours,
    )


def scalesim_layer(net: Any, name: str) -> list[Any]:
    """A convolution or linear layer as a row of SCALE-Sim's topology; padding is part of the input."""
    layer, inputs, outputs = net[name], net.input_shapes_of(name)[0], net.shapes[name]
    if len(inputs) == 1:
        return [name, 1, 1, 1, 1, inputs[0], outputs[0], 1]
    (high, wide), (step, _) = layer.kernel, layer.stride
    used = [(extent - 1) * step + size for extent, size in zip(outputs[1:], (high, wide), strict=True)]
    return [name, *used, high, wide, inputs[0], outputs[0], step]


def cold_s(code: str) -> float:
    """Wall-clock seconds of a new Python that runs this, the best of five."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return min(taken)


def forget_programs() -> None:
    """Forget what is remembered of programs: divisions, exchanges, outlines and images, not tilings."""
    from ppsim.mapping.remembering import Memory

    for remembered in [one for one in gc.get_objects() if isinstance(one, Memory)]:
        remembered.forget()


def tinyvgg16() -> Measured:
    """All layers on eight accelerators."""
    import ppsim

    system = ppsim.load_system("shared-dram", accelerators=8)
    net = ppsim.load_workload("tinyvgg16")
    cut = ppsim.partition(net, 8)
    pruned, dense = warm_ms(cut, system), warm_ms(net, system)
    anew = []
    for changed in bandwidths(system, 20):
        forget_programs()
        anew.append(cpu_s(lambda s=changed: ppsim.simulate(cut, s, engine="compiled")))
    python = 1e3 * median(
        cpu_s(lambda s=changed: ppsim.simulate(cut, s, engine="reference")) for changed in bandwidths(system, 10)
    )
    return Measured(
        "`simulate` TinyVGG16 (all layers), P = 8, shared DRAM, mesh, warm",
        f"pruned {pruned:.1f} ms, unpruned {dense:.1f} ms; pruned with nothing remembered but tilings "
        f"{1e3 * median(anew):.1f} ms, with the engine in Python {python:.0f} ms",
        "<= 5 ms",
        max(pruned, dense) <= 5,
    )


def sweep() -> Measured:
    """10,000 points as a user has them measured, on two processors."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        command = [sys.executable, "-m", "ppsim", "sweep", str(HERE / "sweep.yaml"), "-o", f"{place}/out", "-j", "2"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    rate = 60 * 10_000 / seconds
    return Measured(
        "`ppsim sweep`, 10,000 points of TinyVGG16's FC layers with their baselines, 2 processes, start to end",
        f"{rate:,.0f} points a minute",
        ">= 20,000 a minute",
        rate >= 20_000,
    )


def screened() -> Measured:
    """Bounds of design points of four linear layers in 16 parts on 16 accelerators."""
    from screening import PARTS, drawn, stack

    import ppsim

    points = 300_000
    axes = drawn(points)
    rates = {}
    for sharing in ("private", "shared"):
        net = ppsim.partition(stack(1), PARTS, layers="fc*")
        system = ppsim.load_system("tetris", accelerators=PARTS, set={"dram.sharing": sharing})
        ppsim.bounds(net, system, {path: values[:10] for path, values in axes.items()})
        taken = [cpu_s(lambda n=net, s=system: ppsim.bounds(n, s, axes)) for _ in range(3)]
        rates[sharing] = points / median(taken)
    return Measured(
        "screening, stack of 4 FC layers on 16 accelerators, ten fields drawn at random, one core",
        "; ".join(f"{sharing} DRAM {rate:,.0f} points/s" for sharing, rate in rates.items()),
        ">= 100,000 points/s",
        min(rates.values()) >= 100_000,
    )


def traced(net: Any, program: Any, engine: str) -> int:
    """Run, keep the ledger, and look at the end of every task; how many there are."""
    from ppsim.analysis.account import account
    from ppsim.engine.run import run

    trace = run(program, engine)
    account(net, trace, engine)
    return sum(len(ends) for server in trace.ends for ends in server.values())


def reference() -> Measured:
    """Tasks a second of the engines that go tile by tile, at P = 64: program placed, trace and ledger."""
    import ppsim
    from ppsim.mapping.place import place

    system = ppsim.load_system("shared-dram", accelerators=64)
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 64)
    program = place(net, system)
    tasks = traced(net, program, "reference")
    tasks += sum(len(message.route) for stage in program.stages for message in stage.messages)
    rates = {}
    for engine, calls in (("reference", 5), ("compiled", 15)):
        traced(net, program, engine)
        taken = median(cpu_s(lambda e=engine: traced(net, program, e)) for _ in range(calls))
        rates[engine] = tasks / taken / 1e6
    return Measured(
        f"reference engine, trace and ledger, P = 64: {tasks:,} tasks (tiles, DRAM requests, hops)",
        f"compiled {rates['compiled']:.2f} M tasks/s; in Python {rates['reference']:.2f} M tasks/s",
        ">= 0.7 M tasks/s",
        rates["compiled"] >= 0.7,
    )


def start() -> Measured:
    """Wall clock of starting."""
    importing = cold_s("import ppsim")
    showing = cold_s("import sys; sys.argv = ['ppsim', '--help']; from ppsim.cli import main; main()")
    return Measured(
        "`import ppsim`; `ppsim --help`",
        f"{importing:.2f} s; {showing:.2f} s",
        "<= 0.25 s; <= 0.4 s",
        importing <= 0.25 and showing <= 0.4,
    )


def feed_forward(batch: int) -> Any:
    """Two linear layers, 8192-28672-8192."""
    from ppsim.workload.graph import LayerGraph
    from ppsim.workload.layers import Linear

    layers = (Linear(name="fc1", out_features=28672), Linear(name="fc2", out_features=8192))
    return LayerGraph("ffn", (8192,), layers, batch=batch)


def feed_forward_s(accelerators: int) -> dict[str, float]:
    """Processor seconds of the four cases, partitioning left out: block-diagonal and unpruned, batch 1 and 64."""
    import ppsim

    system = ppsim.load_system("tetris", accelerators=accelerators, set={"interconnect.all_gather": "ring"})
    taken = {}
    for batch in (1, 64):
        net = feed_forward(batch)
        for name, graph in (("block-diagonal", ppsim.partition(net, accelerators)), ("ring all-gather", net)):
            taken[f"{name}, batch {batch}"] = cpu_s(lambda g=graph: ppsim.simulate(g, system, engine="compiled"))
    return taken


def scale() -> Measured:
    """1,024 accelerators, cold but for the loop itself."""
    import ppsim

    ppsim.simulate(ppsim.gemm(1, 8, 8), ppsim.load_system("tetris", accelerators=1), engine="compiled")
    taken = feed_forward_s(1024)
    found = "; ".join(f"{name} {seconds:.2f} s" for name, seconds in taken.items())
    return Measured(
        "1,024 accelerators on a 32x32 mesh, FFN 8192-28672-8192",
        f"{found}; all in one process {peak_mb():.0f} MB",
        "<= 10 s, <= 1 GB",
        max(taken.values()) <= 10 and peak_mb() <= 1000,
    )


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Exponent of growth: the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def growth() -> Measured:
    """Cost over P, and over layers."""
    import ppsim
    from ppsim.workload.graph import LayerGraph
    from ppsim.workload.layers import Linear

    ppsim.simulate(ppsim.gemm(1, 8, 8), ppsim.load_system("tetris", accelerators=1), engine="compiled")
    sizes = [8, 16, 32, 64, 128, 256, 512, 1024]
    taken = [[feed_forward_s(size) for _ in range(3)] for size in sizes]
    slopes = {}
    for name in taken[0][0]:
        slopes[name] = slope(sizes, [min(one[name] for one in repeated) for repeated in taken])
    lengths, seconds = [10, 30, 100, 300, 1000, 3000], []
    system = ppsim.load_system("tetris", accelerators=8)
    for length in lengths:
        layers = tuple(Linear(name=f"fc{number}", out_features=256) for number in range(length))
        net = LayerGraph("chain", (256,), layers)
        seconds.append(min(cpu_s(lambda n=net: ppsim.simulate(n, system, engine="compiled")) for _ in range(3)))
    slopes["layers, 10 to 3,000"] = slope(lengths, seconds)
    found = "; ".join(f"{name} {value:.2f}" for name, value in slopes.items())
    return Measured(
        "growth of the cost with P, 8 to 1,024, and with layers: log-log slopes",
        found,
        "<= 1.15",
        max(slopes.values()) <= 1.15,
    )


#: by name, in the order of the table
ROWS: dict[str, Callable[[], Measured]] = {
    "closed-form": closed_form,
    "tinyvgg16": tinyvgg16,
    "sweep": sweep,
    "screening": screened,
    "reference": reference,
    "start": start,
    "scale": scale,
    "growth": growth,
    "alexnet": alexnet,
}
