"""What is not modelled, and how much it could matter: where that can be computed, it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ppsim.analysis.uncertainty import LEVEL, uncertainty
from ppsim.baselines import compare
from ppsim.hardware.documents import load_system
from ppsim.pipeline import simulate
from ppsim.pruning.partition import partition
from ppsim.validation.contract import Check
from ppsim.validation.numbers import table
from ppsim.validation.references import npu, tpu_v1, tpu_v4
from ppsim.validation.wording import percent
from ppsim.workload.documents import load_workload
from ppsim.workload.layers import MatMul


@dataclass(frozen=True)
class Limit:
    """Something left out, what is there in its place, and how large the error could be."""

    left_out: str
    instead: str
    size: str


def limits(checks: tuple[Check, ...]) -> Iterator[Limit]:
    """All of them; `checks` are those of a whole validation, whose errors are quoted."""
    yield _compiler()
    yield _boundary()
    yield _exchanged_sides()
    yield _read_and_write_phases()
    yield _clock()
    yield _cold_start(checks)
    yield _shapes(checks)
    yield _refresh_and_banks()
    yield _scratchpad_conflicts()
    yield _back_pressure()
    yield _energy_tables()
    yield Limit(
        "voltage, temperature, process variation",
        "energies at the voltage of their source",
        "dynamic energy goes with the voltage squared: 10 % more or less of it are "
        f"+{percent(1.1**2 - 1)} or {percent(0.9**2 - 1)}",
    )
    yield _attention()
    yield Limit(
        "multicast: one read of DRAM, or one message, for several accelerators",
        "each accelerator reads for itself, and is sent a message of its own",
        "what all P of them need from one channel is read P times; nothing of it in pruned layers, whose parts differ",
    )
    yield Limit(
        "pipelining of inputs over layers",
        "layers one after the other: latency",
        "the throughput of a stream could be up to the latency over the slowest layer higher; not known",
    )


def _compiler() -> Limit:
    device = tpu_v4.device()
    as_is = tpu_v4.mean_error(device)
    others = {
        "tiles by time": {"buffer.tiles": "fastest"},
        "weights always the operand that stays": {"array.dataflow": "ws"},
    }
    errors = [f"{name} {percent(tpu_v4.mean_error(device.with_settings(set_)))}" for name, set_ in others.items()]
    layer = npu.cycles("largest") / npu.EXPECTED - 1
    return Limit(
        "what a compiler chooses: tiles, and which operand stays",
        "named rules (`buffer.tiles`, `array.dataflow`)",
        f"mean error on the repeated products of TPU v4 {percent(as_is)}; with other rules: {', '.join(errors)}. The "
        f"rule for tiles that fits the TPU would be {percent(layer)} off the cycle-stepped NPU simulator",
    )


def _boundary() -> Limit:
    device = tpu_v4.device()
    smaller, larger = (tpu_v4.Timed("", 807, 160, n, 0, 0) for n in (2304, 2368))
    faster = 1 - tpu_v4.microseconds(larger, device) / tpu_v4.microseconds(smaller, device)
    return Limit(
        "what a compiler does where a product just fits, or just does not",
        "the largest tiles that fit: one, or two that overlap",
        f"times fall at that boundary: on `tpu-v4`, 807x160x{larger.n} takes {percent(faster)} less than "
        f"807x160x{smaller.n}",
    )


def _exchanged_sides() -> Limit:
    rows = {(row.sizes, row.m, row.k, row.n): row for row in tpu_v4.timed() if row.runs > 1}
    device, measured, modelled = tpu_v4.device(), [], []
    for (sizes, m, k, n), row in rows.items():
        turned = rows.get((sizes, n, k, m))
        if m < n and turned:
            measured.append(abs(row.us / turned.us - 1))
            modelled.append(abs(tpu_v4.microseconds(row, device) / tpu_v4.microseconds(turned, device) - 1))
    changes = [sum(found) / len(found) for found in (measured, modelled)]
    return Limit(
        "what makes a product and the one with its sides exchanged differ",
        "the operand that stays is the one with which a product is estimated to take less time",
        f"{len(measured)} pairs on TPU v4 differ by {percent(changes[0])} in the mean, in the model by "
        f"{percent(changes[1])}",
    )


def _read_and_write_phases() -> Limit:
    device = tpu_v4.device()
    streaming = {"dram.efficiency_mixed": device.dram.efficiency_streaming}
    return Limit(
        "reading and writing one after the other within a layer",
        "a layer's DRAM efficiency is that of all its reads and writes mixed, when it reads alone too",
        f"at the efficiency of reading alone, the mean error on TPU v4 would be "
        f"{percent(tpu_v4.mean_error(device.with_settings(streaming)))}",
    )


def _clock() -> Limit:
    device = tpu_v4.device()
    best = max(row.m * row.k * row.n / row.us * 1e6 for row in tpu_v4.timed())
    return Limit(
        "clocks that change, arrays nobody knows of",
        "a fixed clock and number of arrays, a peak that nothing beats",
        f"the fastest product measured on TPU v4 reaches {percent(best / device.peak_macs_per_s)} of the peak of "
        "`tpu-v4`",
    )


def _cold_start(checks: tuple[Check, ...]) -> Limit:
    cold = [check for check in checks if check.reference == tpu_v4.NAME and not check.bounded]
    slower = max(check.mean for check in cold)
    return Limit(
        "cold starts, contention with other programs, the host",
        "a fixed launch overhead, fitted to repeated runs",
        f"single cold products on TPU v4: mean error {percent(slower)} in the worst of their sets",
    )


def _shapes(checks: tuple[Check, ...]) -> Limit:
    others = [check for check in checks if check.reference == tpu_v1.NAME and not check.bounded]
    worst = max((case for check in others for case in check.cases), key=lambda case: case.error)
    return Limit(
        "recurrences, small or odd layers nobody published, vector work between them (TPU v1)",
        "equal square layers with the published number of weights",
        f"{worst.name.split(':')[0]} is modelled at {worst.modelled:.3g} instead of {worst.expected:g} TOPS",
    )


def _refresh_and_banks() -> Limit:
    rows = [row for row in table("dramsim3") if row["random"]]
    worst = max(rows, key=lambda row: float(row["streaming"]) / float(row["random"]))
    ratio = float(worst["streaming"]) / float(worst["random"])
    streaming, mixed = [[float(row[column]) for row in rows] for column in ("streaming", "mixed")]
    return Limit(
        "DRAM refresh, banks, row hits and misses",
        "an efficiency for reading and one for reading and writing, from DRAMsim3 where a system says so",
        f"they are in these efficiencies: {min(streaming):.2f} to {max(streaming):.2f} and {min(mixed):.2f} to "
        f"{max(mixed):.2f}; accesses that do not stream, which ppsim never issues, are up to {ratio:.1f} times slower "
        f"({worst['standard']})",
    )


def _scratchpad_conflicts() -> Limit:
    net, name = load_workload("tinyvgg16"), "buffer.bandwidth_bytes_per_cycle"
    system = load_system("tetris", accelerators=1)
    half = system.with_settings({name: system.buffer.bandwidth_bytes_per_cycle // 2})
    slower = simulate(net, half).seconds / simulate(net, system).seconds - 1
    return Limit(
        "banks of scratchpads and their conflicts",
        "one bandwidth for reads and writes together",
        f"if conflicts took half of it, tinyvgg16 on one accelerator of tetris would take {percent(slower)} longer",
    )


def _back_pressure() -> Limit:
    net = load_workload("tinyvgg16")
    system = load_system("tetris", accelerators=16)
    pruned = partition(net, 16, layers="fc*")
    shares = []
    for graph in (net, pruned):
        free = simulate(graph, system.with_settings({"interconnect.ideal": True})).seconds
        shares.append(1 - free / simulate(graph, system).seconds)
    return Limit(
        "back-pressure on links, adaptive routing, packets",
        "virtual cut-through by reservation: a message holds a link whole, buffers never fill",
        f"not known; for scale, all that links take is {percent(shares[0])} of the time of tinyvgg16 on 16 "
        f"accelerators of tetris, {percent(shares[1])} with its fully connected layers partitioned",
    )


def _energy_tables() -> Limit:
    system = load_system("tetris", accelerators=8)
    comparison = compare(partition(load_workload("tinyvgg16"), 8, layers="fc*"), system).pruned_layers
    assert comparison is not None
    found = uncertainty(comparison, system.energy)
    joules, ratio = found.energy.spread, found.reductions["single-dense"].spread
    return Limit(
        "which of the published energies is right",
        "tables with ranges, each number with its source",
        f"{percent(LEVEL)} of the tables within the ranges give the pruned layers of tinyvgg16 on tetris joules within "
        f"{percent(joules)}, and a reduction within {percent(ratio)}",
    )


def _attention() -> Limit:
    net = load_workload("gpt2")
    gemms = [net.gemm_of(layer.name) for layer in net.layers if isinstance(layer, MatMul)]
    products = sum(gemm.macs for gemm in gemms if gemm)
    return Limit(
        "attention masks, grouped queries, caches of keys and values",
        "whole products of a prompt",
        f"a causal mask could save half of the products of activations, which are {percent(products / net.macs)} of "
        "the MACs of gpt2",
    )
