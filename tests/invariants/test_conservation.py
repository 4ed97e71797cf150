"""Nothing is lost or made up: MACs and bytes of a result are those of its network, its program and the servers."""

from __future__ import annotations

from math import prod

from drawn_runs import Run, examples, runs
from hypothesis import given
from placements import layers_of

import ppsim
from ppsim.engine.run import run
from ppsim.workload.graph import INPUT
from ppsim.workload.layers import Linear


def compulsory_bits(case: Run) -> int:
    """Bits that DRAM has to move: weights that are not zero, what linear layers read of the input, a result."""
    graph, cut, word = case.graph, layers_of(case.net), case.program.word_bits
    bits = 0
    if not any(case.program.resident):
        for layer in graph.layers:
            gemm = graph.gemm_of(layer.name)
            if layer.name in cut:
                bits += cut[layer.name].nonzeros(case.net.taps(layer.name)) * (cut[layer.name].weight_bits or word)
            elif gemm is not None and not layer.between_activations:
                bits += gemm.weights * word
    feature = graph.batch * word
    linear = [layer for layer in graph.layers if isinstance(layer, Linear) and INPUT in graph.sources[layer.name]]
    if any(layer.name not in cut for layer in linear):
        bits += prod(graph.input_shape) * feature
    stored = [name for name in graph.results if not graph[name].free]
    return bits + max((prod(graph.shapes[name]) * feature for name in stored), default=0)


@examples(200)
@given(runs())
def test_macs_and_bytes_are_those_of_the_network(case):
    program, system = case.program, case.system
    asked, links, sent = [0] * system.channels, [0] * len(program.links), 0
    for stage in program.stages:
        for a, nests in enumerate(stage.work):
            for nest in nests:
                for tile, occurs in nest.tallies():
                    moved = tile.weight_bytes + tile.input_bytes + tile.output_bytes
                    asked[system.channel_of(a)] += moved * occurs
            asked[system.channel_of(a)] += stage.reads[a]
        for message in stage.messages:
            asked[system.channel_of(message.destination)] += system.dram.rounded(message.bytes) * message.written
            sent += message.bytes * (message.source != message.destination)
            for link in message.route:
                links[link] += message.bytes
    trace = run(program)
    assert [channel.bytes for channel in trace.channels] == asked
    assert [link.bytes for link in trace.links] == links

    result = ppsim.simulate(case.net, system)
    assert result.macs == case.net.macs
    assert result.dram_bytes == sum(asked)
    assert result.link_bytes == sent
    for total in ("macs", "dram_bytes", "link_bytes", "cycles"):
        assert sum(getattr(layer, total) for layer in result.layers) == getattr(result, total), total
    assert 8 * result.dram_bytes >= compulsory_bits(case)
