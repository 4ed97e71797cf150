"""The lookup table, read as NetAdapt's authors' code reads it: written anew from its functions.py and README."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from priced_networks import small, small_table, tetris
from scipy.interpolate import Rbf

import ppsim
from ppsim.explore.cost_tables.adapters import ADAPTERS

Network = dict[str, tuple[int, int]]


class Plain(pickle.Unpickler):
    """Nothing but an OrderedDict of plain values: a table that needs more is none of NetAdapt's."""

    def find_class(self, module: str, name: str) -> Any:
        assert (module, name) == ("collections", "OrderedDict")
        return OrderedDict


def latency(network: Network, lookup_table: Any) -> float:
    """Sum over layers of the latency at (input channels, output channels); cubic Rbf between those of the table."""
    total = 0.0
    for name, channels in network.items():
        if name not in lookup_table:
            raise ValueError(f"Layer name {name} in network def not found in lookup table")
        measured = lookup_table[name]["latency"]
        if channels in measured:
            total += measured[channels]
        else:
            samples = np.array(list(measured.keys()))
            values = np.array(list(measured.values()))
            rbf = Rbf(samples[:, 0], samples[:, 1], values, function="cubic")
            total += rbf(np.array([channels[0]]), np.array([channels[1]]))[0]
    return total


@pytest.fixture(scope="module")
def lookup_table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    adapter = ADAPTERS["netadapt"]
    table = ppsim.cost_table(small(), tetris(1), groups=adapter.groups, step=adapter.step)
    path = tmp_path_factory.mktemp("netadapt") / "lut.pkl"
    ppsim.save_cost_table(table, path, format="netadapt")
    return Plain(BytesIO(path.read_bytes())).load()


def test_layers_are_as_it_describes_them(lookup_table: Any) -> None:
    assert isinstance(lookup_table, OrderedDict)
    assert list(lookup_table) == ["conv1", "depthwise", "conv2", "fc1", "fc2"]
    described = [{k: v for k, v in layer.items() if k != "latency"} for layer in lookup_table.values()]
    assert described[1] == {
        "is_depthwise": True, "num_in_channels": 16, "num_out_channels": 16, "kernel_size": (3, 3), "stride": (2, 2),
        "padding": (1, 1), "groups": 16, "layer_type_str": "Conv2d", "input_feature_map_size": [1, 16, 8, 8],
    }  # fmt: skip
    assert described[3] == {
        "is_depthwise": False, "num_in_channels": 80, "num_out_channels": 30, "kernel_size": (1, 1), "stride": (1, 1),
        "padding": (0, 0), "groups": 1, "layer_type_str": "Linear", "input_feature_map_size": [1, 80, 1, 1],
    }  # fmt: skip


def test_it_has_the_widths_that_are_asked_for(lookup_table: Any) -> None:
    """Multiples of 8 channels, and for the layer behind the flatten these times its pixels; none is interpolated."""
    for conv2 in (8, 16, 20):
        network = {"conv1": (3, 8), "depthwise": (8, 8), "conv2": (8, conv2), "fc1": (4 * conv2, 30), "fc2": (30, 10)}
        assert all(channels in lookup_table[name]["latency"] for name, channels in network.items())
    assert max(lookup_table["conv2"]["latency"]) == next(iter(lookup_table["conv2"]["latency"])) == (16, 20)


def test_what_it_sums_is_what_layers_take_alone(lookup_table: Any) -> None:
    full = {name: (p["num_in_channels"], p["num_out_channels"]) for name, p in lookup_table.items()}
    gap = ppsim.sum_gap(small(), tetris(1))
    assert latency(full, lookup_table) == pytest.approx(gap.alone_seconds, abs=5 / tetris(1).clock_hz)
    narrow = full | {"conv2": (16, 8), "fc1": (32, 30)}
    assert latency(narrow, lookup_table) < latency(full, lookup_table)


def test_it_interpolates_between_rows(lookup_table: Any) -> None:
    latencies = lookup_table["fc1"]["latency"]
    between = latency({"fc1": (72, 30)}, lookup_table)
    assert latencies[(64, 30)] < between < latencies[(80, 30)] * 1.1
    with pytest.raises(ValueError, match="fc9 in network def not found"):
        latency({"fc9": (1, 1)}, lookup_table)


def test_it_is_for_one_number_of_accelerators_and_uncut_layers(tmp_path: Path) -> None:
    with pytest.raises(ppsim.InputError, match="the table is for 1, 2 accelerators; take one of them"):
        ppsim.save_cost_table(small_table(), tmp_path / "lut.pkl", "netadapt")
    with pytest.raises(ppsim.InputError, match="knows no cut layers"):
        ppsim.save_cost_table(small_table().only(accelerators=2), tmp_path / "lut.pkl", "netadapt")
    assert not list(tmp_path.iterdir())
    ppsim.save_cost_table(small_table().only(accelerators=2, groups=1), tmp_path / "lut.pkl", "netadapt")
    found = Plain(BytesIO((tmp_path / "lut.pkl").read_bytes())).load()
    assert found["fc2"]["latency"][(20, 10)] == small_table().lookup("fc2", 20, 10, accelerators=2).seconds
