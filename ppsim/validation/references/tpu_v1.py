"""A TPU v1: the operations per second that six applications achieved.

The shapes of their layers are not published; what is, is the number of weights and layers, the batch, and how often a
weight is used. The networks below have these, and are otherwise assumed: equal square layers, and for the convolutional
ones the image size that follows from the uses of a weight. How many layers are fully connected is quoted from memory.
So only MLP0, whose five layers leave little to assume, is held to a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from ppsim.hardware.documents import load_system
from ppsim.pipeline import simulate
from ppsim.validation.contract import Case, Check
from ppsim.validation.numbers import table
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Flatten, Linear, Pool

NAME = "tpu-v1"
SOURCE = "Jouppi et al., ISCA 2017, Tables 1 and 3, as quoted by others"
SETTING = (
    "system tpu-v1, 1 accelerator; weights cold, no host, no vector layers. Shapes of layers are not published: here "
    "they have the published numbers of weights and layers and uses of a weight, and are otherwise equal. MLP0, five "
    "fully connected layers, leaves least to assume and is held to a bound; the others are reported"
)
HELD = "MLP0"
#: fully connected layers of the recurrent networks; their other layers are vector work that is left out
RECURRENT = {"LSTM0": 24, "LSTM1": 37}


def checks() -> Iterator[Check]:
    """MLP0 held to 15 %, the others reported."""
    system = load_system("tpu-v1", accelerators=1)
    cases: dict[str, Case] = {}
    for row in table("tpu_v1"):
        shapes, net = network(row)
        result = simulate(net, system)
        tops = 2 * result.macs / result.seconds / 1e12
        cases[net.name] = Case(f"{net.name}: {shapes}, batch {net.batch}", float(row["tops"]), tops, "TOPS")
    others = tuple(case for name, case in cases.items() if name != HELD)
    yield Check(NAME, HELD, (cases[HELD],), SOURCE, "unverified", SETTING, max_bound=0.15)
    yield Check(NAME, "the other five applications", others, SOURCE, "unverified", SETTING)


def network(row: dict[str, str]) -> tuple[str, LayerGraph]:
    """What is assumed of the application in a row of the table, in words and as a network."""
    name, batch, count = row["app"], int(row["batch"]), int(row["layers"])
    weights, uses = 1e6 * float(row["weights_m"]), float(row["ops_per_byte"])
    if name == "CNN0":
        channels, side = isqrt(round(weights / (count * 9))), isqrt(round(uses / batch))
        words = f"{count} x conv 3x3 of {channels} channels, {side}x{side}"
        return words, _graph(name, (channels, side, side), _convolutions(count, channels), batch)
    if name == "CNN1":  # 72 convolutions and four fully connected layers, which are taken to hold 15 % of the weights
        channels, side = isqrt(round(0.85 * weights / (72 * 9))), isqrt(round(uses / batch / 0.85))
        width = isqrt(round(0.15 * weights / 4))
        layers = [*_convolutions(72, channels), Pool(name="pool", kernel=(side, side))]
        layers += [Flatten(name="flatten"), *_fully_connected(4, width)]
        words = f"72 x conv 3x3 of {channels} channels, {side}x{side}, then 4 fully connected to {width}"
        return words, _graph(name, (channels, side, side), layers, batch)
    count = RECURRENT.get(name, count)
    width = isqrt(round(weights / count))
    return f"{count} x {width}x{width}", _graph(name, (width,), _fully_connected(count, width), batch)


def _graph(name: str, shape: tuple[int, ...], layers: list[Layer], batch: int) -> LayerGraph:
    return LayerGraph(name, shape, tuple(layers), batch)


def _fully_connected(count: int, width: int) -> list[Layer]:
    return [Linear(name=f"fc{number}", out_features=width) for number in range(count)]


def _convolutions(count: int, channels: int) -> list[Layer]:
    kernel, padding = (3, 3), (1, 1)
    return [Conv(name=f"conv{i}", out_channels=channels, kernel=kernel, padding=padding) for i in range(count)]
