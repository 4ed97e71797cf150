"""Nothing happens before what it needs: tiles wait for their data, messages for both ends, layers for their inputs."""

from __future__ import annotations

from collections import defaultdict

from drawn_runs import Run, examples, runs
from hypothesis import given

from ppsim.engine.recording import record
from ppsim.engine.trace import (
    ARRAY,
    EXCHANGE_READS,
    EXCHANGE_WRITES,
    INPUTS,
    MESSAGE,
    OUTPUTS,
    SUMS,
    VECTOR,
    WEIGHTS,
    Recording,
)
from ppsim.mapping.program import kind_of

#: (accelerator, stage, nest, tile)
Key = tuple[int, int, int, int]
#: when the first piece of it began and the last one ended
Spans = dict[Key, tuple[int, int]]


def spans(works, what: int) -> Spans:
    found: Spans = {}
    for work in works:
        for start, end, is_a, a, stage, nest, tile, *_ in work.tolist():
            if is_a == what:
                first, _ = found.get((a, stage, nest, tile), (start, end))
                found[a, stage, nest, tile] = (first, end)
    return found


def check_tiles(case: Run, recording: Recording) -> None:
    program, trace = case.program, recording.trace
    latency, launch = case.system.dram.latency_fs, case.system.launch_fs
    loads = {what: spans(recording.channels, what) for what in (WEIGHTS, INPUTS)}
    stores = spans(recording.channels, OUTPUTS)
    arrays, vectors = spans(recording.arrays, ARRAY), spans(recording.vector_units, VECTOR)
    for a in range(case.system.accelerators):
        last_array = launch
        for s, stage in enumerate(program.stages):
            inputs_there = max((trace.delivered[waited][a] for waited in stage.waits_for), default=launch)
            assert all(trace.delivered[waited][a] >= 0 for waited in stage.waits_for)
            for n, nest in enumerate(stage.work[a]):
                by_kind = {kind_of(states): tile for states, tile in nest.tiles.items()}
                there = inputs_there
                for t, kind in enumerate(nest.kinds):
                    tile, key = by_kind[kind], (a, s, n, t)
                    if tile.weight_bytes:
                        began, loaded = loads[WEIGHTS][key]
                        assert began >= (inputs_there if nest.weights_wait else launch)
                        there = max(there, loaded + latency)
                    if tile.input_bytes:
                        began, loaded = loads[INPUTS][key]
                        assert began >= inputs_there
                        there = max(there, loaded + latency)
                    made = there
                    if tile.compute_cycles:
                        began, made = arrays[key]
                        assert began >= max(there, last_array)
                        last_array = made
                    if tile.vector_cycles:
                        began, done = vectors[key]
                        assert began >= made
                        made = done
                    if tile.output_bytes:
                        began, stored = stores[key]
                        assert began >= made
                        made = stored + latency
                    assert trace.finished[s][a] >= made
            if stage.work[a]:
                assert 0 <= trace.started[s][a] <= trace.finished[s][a] <= trace.delivered[s][a]


def check_messages(case: Run, recording: Recording) -> None:
    program, trace, latency = case.program, recording.trace, case.system.dram.latency_fs
    hops: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for work in recording.links:
        for start, end, what, _, stage, _, _, message, hop, _ in work.tolist():
            assert what == MESSAGE
            hops[stage, message].append((hop, start, end))
    added, written = {}, {}
    for work in (*recording.vector_units, *recording.channels):
        for start, end, what, _, stage, _, _, message, _, _ in work.tolist():
            if what == SUMS:
                added[stage, message] = (start, end)
            elif what == EXCHANGE_WRITES:
                written[stage, message] = (written.get((stage, message), (start,))[0], end)
    read_back = spans(recording.channels, EXCHANGE_READS)
    for s, stage in enumerate(program.stages):
        landed: list[int] = []
        for number, message in enumerate(stage.messages):
            arrived = trace.messages[s][number]
            left = max(trace.finished[s][message.source], trace.finished[s][message.destination])
            if message.bytes and stage.reads[message.source]:
                began, end = read_back[message.source, s, -1, -1]
                assert began >= trace.finished[s][message.source]
                left = max(left, end + latency)
            for before in message.after:  # what it passes on has come; what it tells of is written
                left = max(left, landed[before] if message.bytes else trace.messages[s][before])
            at = left
            for hop, start, end in sorted(hops[s, number]):
                spec = program.link_specs[message.route[hop]]
                assert start >= at
                assert end - start >= -(-message.bytes * 10**15 // spec.rate)
                at = start + spec.hop_fs
                left = end + spec.hop_fs
            if message.sums and (s, number) in added:
                assert added[s, number][0] >= left
                left = added[s, number][1]
            landed.append(left)
            if message.written:
                assert written[s, number][0] >= left
                left = written[s, number][1] + latency
            assert arrived >= left
            assert trace.delivered[s][message.destination] >= arrived
    assert trace.end_fs == max(max(times) for times in trace.delivered)


@examples(150)
@given(runs())
def test_nothing_comes_before_its_cause(case):
    recording = record(case.program)
    check_tiles(case, recording)
    check_messages(case, recording)
