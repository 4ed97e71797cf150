"""Nothing is faster than what it is made of: bandwidths, peaks and servers that do one thing at a time."""

from __future__ import annotations

from drawn_runs import examples, runs
from hypothesis import given

import ppsim
from ppsim.engine.run import run
from ppsim.units import FS_PER_S, per_second


@examples(200)
@given(runs())
def test_no_layer_beats_bandwidth_or_peak(case):
    """On its span, from its first load or computation to its last delivery."""
    system, program = case.system, case.program
    trace, result = run(program), ppsim.simulate(case.net, system)
    efficiency = max(system.dram.efficiency_streaming, system.dram.efficiency_mixed)
    bandwidth = per_second(system.dram.bandwidth_gb_s) * efficiency * system.channels
    layers = {layer.name: layer for layer in result.layers}
    before = 0
    for s, stage in enumerate(program.stages):
        end = max(before, *trace.delivered[s])
        started = min((time for time in trace.started[s] if time >= 0), default=before)
        layer = layers.get(stage.name)
        if layer is not None:
            assert (end - started) * bandwidth >= layer.dram_bytes * FS_PER_S * (1 - 1e-12)
            assert (end - started) * system.peak_macs_per_s >= layer.macs * FS_PER_S
            assert layer.span_cycles * FS_PER_S >= (end - started) * system.clock_hz
            assert 0 <= layer.utilisation <= 1
            assert layer.cycles >= 0
        before = end
    assert result.seconds * FS_PER_S * bandwidth >= result.dram_bytes * FS_PER_S * (1 - 1e-9)
    assert result.seconds * system.peak_macs_per_s >= result.macs * (1 - 1e-9)


@examples(150)
@given(runs())
def test_no_server_is_busy_longer_than_the_run(case):
    """With shortcuts as without: a channel moves no more than its rate in the time it is busy, a link no more than its
    bandwidth, and none is busy before the launch or after the end.
    """
    system, program = case.system, case.program
    trace = run(program, "auto")
    time = trace.end_fs - system.launch_fs
    fastest = [max(stage.rates[c] for stage in program.stages) for c in range(system.channels)]
    for use, rate in zip(trace.channels, fastest, strict=True):
        assert use.busy_fs <= time
        assert use.busy_fs * rate >= use.bytes * FS_PER_S
        assert use.bytes <= use.quanta * system.dram.quantum_bytes
    for use, spec in zip(trace.links, program.link_specs, strict=True):
        assert use.busy_fs <= time
        assert system.interconnect.ideal or use.busy_fs * spec.rate >= use.bytes * FS_PER_S
    for a in range(system.accelerators):
        kind = system.accelerator(a)
        nests = [nest for stage in program.stages for nest in stage.work[a]]
        assert kind.cycles_fs(sum(nest.compute_cycles for nest in nests)) <= time
        assert kind.cycles_fs(sum(nest.vector_cycles for nest in nests)) <= time
