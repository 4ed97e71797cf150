"""Small networks that tables are made of, and their tables."""

from __future__ import annotations

from functools import lru_cache

import ppsim
from ppsim import CostTable, LayerGraph, System
from ppsim.workload.layers import BatchNorm, Conv, Elementwise, Flatten, Linear, Pool, Softmax


def small() -> LayerGraph:
    """Convolutions, one of them depthwise, and linear layers behind a flatten."""
    return LayerGraph(
        "small",
        (3, 8, 8),
        (
            Conv(name="conv1", out_channels=16, kernel=(3, 3), padding=(1, 1)),
            BatchNorm(name="bn1"),
            Elementwise(name="relu1"),
            Conv(name="depthwise", out_channels=16, kernel=(3, 3), padding=(1, 1), stride=(2, 2), groups=16),
            Conv(name="conv2", out_channels=20, kernel=(1, 1)),
            Elementwise(name="relu2", op="relu6"),
            Pool(name="pool", kernel=(2, 2)),
            Flatten(name="flatten"),
            Linear(name="fc1", out_features=30),
            Elementwise(name="relu3"),
            Linear(name="fc2", out_features=10),
            Softmax(name="softmax"),
        ),
    )


def tetris(accelerators: int = 2) -> System:
    return ppsim.load_system("tetris", accelerators=accelerators)


@lru_cache(maxsize=1)
def small_table() -> CostTable:
    return ppsim.cost_table(small(), tetris(), accelerators=[1, 2], step={"conv": 8, "linear": 10})
