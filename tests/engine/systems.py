"""Random networks and systems for the engine's properties."""

from __future__ import annotations

from hypothesis import strategies as st

import ppsim
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Pool, Softmax

sizes = st.integers(1, 40)


@st.composite
def systems(draw: st.DrawFn, accelerators: int) -> ppsim.System:
    """Systems with everything drawn that changes timing, on a scale at which small networks make many tiles."""
    return ppsim.load_system(
        "tetris",
        accelerators=accelerators,
        set={
            "clock_mhz": draw(st.sampled_from([100, 333, 500, 700])),
            "launch_us": draw(st.sampled_from([0, 0.37])),
            "array.rows": draw(st.integers(1, 6)),
            "array.cols": draw(st.integers(1, 6)),
            "array.count": draw(st.sampled_from([1, 1, 2, 3])),
            "array.dataflow": draw(st.sampled_from(["os", "ws", "is"])),
            "array.overlap": draw(st.booleans()),
            "array.accumulator_depth": draw(st.sampled_from([None, 16, 64])),
            "buffer.kib": draw(st.sampled_from([1, 1.5, 3, 8])),
            "buffer.bandwidth_bytes_per_cycle": draw(st.sampled_from([4, 64, 256])),
            "buffer.activation_fraction": draw(st.sampled_from([0, 0.25, 0.5])),
            "vector.lanes": draw(st.sampled_from([1, 4])),
            "vector.enabled": draw(st.booleans()),
            "dram.sharing": draw(st.sampled_from(["private", "shared", 2, 3])),
            "dram.bandwidth_gb_s": draw(st.sampled_from([0.1, 0.7, 2, 8])),
            "dram.latency_ns": draw(st.sampled_from([0, 43, 500])),
            "dram.burst_bytes": draw(st.sampled_from([1, 32, 64])),
            "dram.quantum_bytes": draw(st.sampled_from([64, 200, 16384])),
            "interconnect.bandwidth_gb_s": draw(st.sampled_from([0.1, 1, 8])),
            "interconnect.latency_ns": draw(st.sampled_from([0, 4, 100])),
            "interconnect.ideal": draw(st.sampled_from([False, False, True])),
        },
    )


@st.composite
def fully_connected(draw: st.DrawFn) -> LayerGraph:
    """Chains of linear layers, some with a pointwise layer behind."""
    layers = []
    for number in range(draw(st.integers(1, 3))):
        layers.append(Linear(name=f"fc{number}", out_features=draw(st.integers(6, 400))))
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{number}"))
    if draw(st.booleans()):
        layers.append(Softmax(name="softmax"))
    return LayerGraph("fc", (draw(st.integers(6, 400)),), tuple(layers), draw(st.sampled_from([1, 1, 3, 16])))


@st.composite
def convolutional(draw: st.DrawFn) -> LayerGraph:
    """Convolutions and pooling, a branch now and then, and a linear layer at the end."""
    layers = []
    size = draw(st.sampled_from([6, 12]))
    for number in range(draw(st.integers(1, 3))):
        kernel = draw(st.sampled_from([1, 3]))
        layers.append(
            Conv(
                name=f"conv{number}",
                out_channels=draw(st.integers(1, 24)),
                kernel=(kernel, kernel),
                padding=(kernel // 2, kernel // 2),
            )
        )
        if draw(st.booleans()):
            layers.append(Elementwise(name=f"relu{number}"))
        if draw(st.booleans()) and size % 2 == 0:
            layers.append(Pool(name=f"pool{number}", kernel=(2, 2)))
            size //= 2
    if draw(st.booleans()):  # two layers read the same one
        source = layers[-1].name
        layers.append(Conv(name="side", out_channels=draw(st.integers(1, 12)), kernel=(1, 1), inputs=(source,)))
        layers.append(Conv(name="main", out_channels=draw(st.integers(1, 12)), kernel=(1, 1), inputs=(source,)))
    layers += [Flatten(name="flatten"), Linear(name="fc", out_features=draw(st.integers(6, 60)))]
    shape = (draw(st.integers(1, 8)), *((6, 6) if draw(st.booleans()) else (12, 12)))
    return LayerGraph("conv", shape, tuple(layers), draw(st.sampled_from([1, 1, 2])))
