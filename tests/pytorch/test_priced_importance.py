"""Prices in Torch-Pruning's own pruner: what its documentation says an importance is called with, and gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch_pruning as tp
from torch import nn

import ppsim
from ppsim import CostTable, PricedImportance


class Small(nn.Module):
    """Two groups of channels, the second with a depthwise layer, a third behind a flatten, and a residual one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(28)
        self.conv2 = nn.Conv2d(28, 28, 3, padding=1)
        self.expand = nn.Conv2d(28, 42, 1)
        self.depthwise = nn.Conv2d(42, 42, 3, padding=1, groups=42)
        self.conv3 = nn.Conv2d(42, 20, 1)
        self.pool = nn.MaxPool2d(4)
        self.fc1 = nn.Linear(20 * 2 * 2, 70)
        self.fc2 = nn.Linear(70, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(x + self.conv2(x))
        x = torch.relu(self.depthwise(torch.relu(self.expand(x))))
        x = self.pool(torch.relu(self.conv3(x)))
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


INPUT = torch.zeros(1, 3, 8, 8)


@pytest.fixture
def model() -> Small:
    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture(scope="module")
def table() -> CostTable:
    net = ppsim.from_torch(Small(), INPUT).graph
    return ppsim.cost_table(net, ppsim.load_system("tetris", accelerators=1), groups=[1], step=14)


def magnitude() -> Any:
    return tp.importance.GroupMagnitudeImportance(p=2, normalizer=None)


def groups_of(model: Small) -> dict[str, Any]:
    """By the name of the root: all channels of it."""
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=INPUT)
    out = {"conv1": tp.prune_conv_out_channels, "expand": tp.prune_conv_out_channels,
           "conv3": tp.prune_conv_out_channels, "fc1": tp.prune_linear_out_channels}  # fmt: skip
    return {
        name: graph.get_pruning_group(module, prune, idxs=list(range(module.weight.shape[0])))
        for name, prune in out.items()
        for module in [getattr(model, name)]
    }


def test_the_table_has_the_modules_names(table: CostTable) -> None:
    layers = ("conv1", "conv2", "expand", "depthwise", "conv3", "fc1", "fc2")
    assert tuple(shape.name for shape in table.origin.layers) == layers


def test_a_channel_saves_the_slope_of_the_staircase(model: Small, table: CostTable) -> None:
    importance, groups = PricedImportance(table, magnitude(), model), groups_of(model)

    def seconds(layer: str, inputs: int, outputs: int) -> float:
        return table.lookup(layer, inputs, outputs).seconds

    # conv1 and conv2 are added up, and conv2 and expand read the sum: 28 channels to 14, the next width
    saved = (
        seconds("conv1", 3, 28) - seconds("conv1", 3, 14)
        + seconds("conv2", 28, 28) - seconds("conv2", 14, 14)
        + seconds("expand", 28, 42) - seconds("expand", 14, 42)
    )  # fmt: skip
    assert importance.saving(groups["conv1"], 28) == pytest.approx(saved / 14)
    # the depthwise layer is as wide as what it reads: 42 channels to 28
    saved = (
        seconds("expand", 28, 42) - seconds("expand", 28, 28)
        + seconds("depthwise", 42, 42) - seconds("depthwise", 28, 28)
        + seconds("conv3", 42, 20) - seconds("conv3", 28, 20)
    )  # fmt: skip
    assert importance.saving(groups["expand"], 42) == pytest.approx(saved / 14)
    # 20 channels to 14: four pixels each go from what fc1 reads
    saved = seconds("conv3", 42, 20) - seconds("conv3", 42, 14) + seconds("fc1", 80, 70) - seconds("fc1", 56, 70)
    assert importance.saving(groups["conv3"], 20) == pytest.approx(saved / 6)
    # linear layers
    saved = seconds("fc1", 80, 70) - seconds("fc1", 80, 56) + seconds("fc2", 70, 10) - seconds("fc2", 56, 10)
    assert importance.saving(groups["fc1"], 70) == pytest.approx(saved / 14)


def test_importance_is_worth_over_price(model: Small, table: CostTable) -> None:
    importance = PricedImportance(table, magnitude(), model)
    for name, group in groups_of(model).items():
        found = importance(group)
        channels = getattr(model, name).weight.shape[0]
        assert found.shape == (channels,)
        worth = magnitude()(group)
        torch.testing.assert_close(found * importance.saving(group, channels), worth)
        assert torch.equal(found.argsort(), worth.argsort())


def test_of_present_widths(model: Small, table: CostTable) -> None:
    """After channels have gone, prices are those of what is left."""
    groups_of(model)["fc1"].prune(idxs=list(range(14)))
    assert (model.fc1.out_features, model.fc2.in_features) == (56, 56)
    importance = PricedImportance(table, magnitude(), model)
    saved = sum(
        table.lookup(name, *now).seconds - table.lookup(name, *then).seconds
        for name, now, then in (("fc1", (80, 56), (80, 42)), ("fc2", (56, 10), (42, 10)))
    )
    assert importance.saving(groups_of(model)["fc1"], 56) == pytest.approx(saved / 14)
    # between two widths of the table: down to the lower one
    groups_of(model)["fc1"].prune(idxs=[0, 1, 2, 3])
    assert importance.saving(groups_of(model)["fc1"], 52) == pytest.approx(saved / 10)


def test_a_file_other_rows_and_other_measures(model: Small, table: CostTable, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    ppsim.save_cost_table(table, path, format="torch-pruning")
    group = groups_of(model)["fc1"]
    of_file, of_table = (PricedImportance(source, magnitude(), model) for source in (path, table))
    assert torch.equal(of_file(group), of_table(group))
    energy = PricedImportance(table, magnitude(), model, measure="energy_pj").saving(group, 70)
    saved = table.lookup("fc1", 80, 70).energy_pj - table.lookup("fc1", 80, 56).energy_pj
    saved += table.lookup("fc2", 70, 10).energy_pj - table.lookup("fc2", 56, 10).energy_pj
    assert energy == pytest.approx(saved / 14)


def test_a_channel_that_saves_nothing_stays(model: Small, table: CostTable) -> None:
    """Nothing is divided by zero, and it is worth more than one that saves something."""
    net, system = ppsim.from_torch(model, INPUT).graph, ppsim.load_system("tetris", accelerators=1)
    flat = ppsim.cost_table(net, system, layers="fc*", step=1000)
    group = groups_of(model)["fc1"]
    found = PricedImportance(flat, magnitude(), model)(group)
    assert torch.isfinite(found).all()
    assert (found > 1e3 * PricedImportance(table, magnitude(), model)(group)).all()


def test_the_pruner_takes_the_dear_channels_first(model: Small, table: CostTable) -> None:
    """Where all channels are worth the same, the library's own pruner takes those that save most."""
    seen = []

    def alike(group: Any) -> torch.Tensor:
        seen.append(group)
        return torch.linspace(1, 1.001, len(group[0].idxs))  # the pruner leaves a group alone that goes as a whole

    importance = PricedImportance(table, alike, model)
    was = {"conv1": 28, "expand": 42, "conv3": 20, "fc1": 70}
    savings = {name: importance.saving(group, was[name]) for name, group in groups_of(model).items()}
    pruner = tp.pruner.BasePruner(
        model, INPUT, importance=importance, global_pruning=True, pruning_ratio=0.1, ignored_layers=[model.fc2]
    )
    pruner.step()
    assert len(seen) == len(was)
    left = {name: getattr(model, name).weight.shape[0] for name in was}
    dearest = max(savings, key=savings.__getitem__)
    assert left == was | {dearest: was[dearest] - 16}
    assert model(INPUT).shape == (1, 10)


def test_refusals(model: Small, table: CostTable) -> None:
    group = groups_of(model)["conv3"]
    with pytest.raises(ppsim.InputError, match="measure='euros' is unknown; accepted: seconds, energy_pj"):
        PricedImportance(table, magnitude(), model, measure="euros")  # type: ignore[arg-type]
    with pytest.raises(ppsim.InputError, match="no rows with accelerators=9"):
        PricedImportance(table, magnitude(), model, accelerators=9)
    net = ppsim.from_torch(model, INPUT).graph
    other = ppsim.cost_table(net, ppsim.load_system("tetris", accelerators=1), layers="conv1", step=14)
    with pytest.raises(ppsim.InputError, match=r"no layer of the group conv3.*fc1 is in the table, which has conv1"):
        PricedImportance(other, magnitude(), model)(group)
