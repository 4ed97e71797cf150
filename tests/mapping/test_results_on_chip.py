"""A share of the network's results that waits to be sent has its place beside what is still read."""

import ppsim
from ppsim.mapping.place import place
from ppsim.mapping.residency import residency
from ppsim.mapping.steps import steps_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear


def test_a_result_held_for_sending_fits_beside_what_is_still_read():
    net = LayerGraph("net", (64,), (Linear(name="a", out_features=2048), Linear(name="b", out_features=2048)))
    system = ppsim.load_system("tetris", accelerators=2, set={"buffer.kib": 10})
    program, stays = (
        place(net, system),
        residency(steps_of(net, 2), 16, system.buffer.activation_bytes, sends_results=True),
    )
    assert stays.kept == (False, True, False)
    inputs, made = 2048 * 2, 1024 * 2
    stored = sum(nest.activity.output_bits for nest in program.stages[-1].work[1]) // 8
    assert inputs + (made - stored) <= stays.reserved_bytes[-1]
