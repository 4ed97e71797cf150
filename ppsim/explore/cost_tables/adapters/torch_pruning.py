"""Prices for Torch-Pruning (Fang et al., arXiv 2301.12900): an importance that knows what a channel costs.

Torch-Pruning calls an importance with a group: pairs of a dependency and the indices of a module's units that go
together when a channel goes, over all layers that share it. What comes back is one number a channel, and the channels
with the smallest go first. The file is the cost table, as Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.explore.cost_tables.adapters.plain import Plain
from ppsim.explore.cost_tables.storing import load_cost_table, parquet
from ppsim.explore.cost_tables.table import CostTable

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

TORCH_PRUNING = Plain(".parquet", parquet)
Measure = Literal["seconds", "energy_pj", "cycles", "dram_bytes", "link_bytes"]
#: a channel that saves nothing counts as saving this share of what a channel costs on average
FLOOR = 1e-6


@dataclass
class _Member:
    """A layer of a group: its present widths, and how many units of each side go with one channel of the group."""

    inputs: int
    outputs: int
    inputs_a_channel: int = 0
    outputs_a_channel: int = 0

    def without(self, channels: int) -> tuple[int, int]:
        """Its widths when so many channels of the group are gone."""
        return (
            self.inputs - channels * self.inputs_a_channel,
            self.outputs - channels * self.outputs_a_channel,
        )


@dataclass(frozen=True)
class PricedImportance:
    """Importance of channels for Torch-Pruning: what each is worth, by `base`, over what it saves.

    `base` is any importance of Torch-Pruning, as in `tp.importance.GroupMagnitudeImportance(normalizer=None)`, and
    `model` the module that is pruned; its modules are called as the table's layers are, which is so for a network of
    `ppsim.from_torch`. `table` is a cost table or a file of one.

    A channel saves what all layers of its group, at the widths they have when they are called for, save down to the
    next width where anything is saved, divided by the channels up to there: the slope of the staircase. It is the same
    for all channels of a group, so it counts where groups are ranked together (`global_pruning=True`). Where no
    narrower width saves anything, a channel counts as saving a millionth of what one costs on average.

    `measure` is what is saved: "seconds", "energy_pj", "cycles", "dram_bytes" or "link_bytes"; `accelerators` and
    `groups` (None: uncut) choose the rows of the table. Raises InputError, when called, for a group none of whose
    layers has a price.
    """

    table: CostTable | str | Path
    base: Callable[[Any], Tensor]
    model: Module
    accelerators: int = 1
    groups: int | None = None
    measure: Measure = "seconds"

    def __post_init__(self) -> None:
        """Reject a measure that no row has, and rows that the table does not have."""
        if self.measure not in get_args(Measure):
            accepted = ", ".join(get_args(Measure))
            raise InputError(f"measure={quote(self.measure)} is unknown; accepted: {accepted}")
        self._table.only(self.accelerators, self.groups)

    def __call__(self, group: Any) -> Tensor:
        """Importance of each channel of a Torch-Pruning group, (channels,)."""
        worth = self.base(group)
        return worth / self.saving(group, len(worth))

    def saving(self, group: Any, channels: int) -> float:
        """What one of the `channels` channels of a group saves, in `measure`."""
        members = self._members(group, channels)
        now = self._cost(members, 0)
        for gone in self._stops(members):
            saved = now - self._cost(members, gone)
            if saved > 0:
                return saved / gone
        width = max(
            (member.outputs // member.outputs_a_channel if member.outputs_a_channel else channels)
            for member in members.values()
        )
        return FLOOR * now / width

    @cached_property
    def _table(self) -> CostTable:
        return self.table if isinstance(self.table, CostTable) else load_cost_table(self.table)

    def _members(self, group: Any, channels: int) -> dict[str, _Member]:
        known = {shape.name for shape in self._table.origin.layers}
        names = {module: name for name, module in self.model.named_modules()}
        found: dict[str, _Member] = {}
        for dependency, indices in group:
            module = dependency.target.module
            name = names.get(module)
            if name is None or name not in known:
                continue
            member = found.setdefault(name, _Member(*_widths(module)))
            share = len(indices) // channels
            # Torch-Pruning has one function for both sides of a depthwise convolution
            depthwise = getattr(module, "groups", 1) == member.inputs > 1
            if depthwise or dependency.handler.__name__ == "prune_in_channels":
                member.inputs_a_channel = share
            if depthwise or dependency.handler.__name__ == "prune_out_channels":
                member.outputs_a_channel = share
        if not found:
            inside = [names[d.target.module] for d, _ in group if d.target.module in names]
            raise InputError(
                f"PricedImportance: no layer of the group {', '.join(inside)} is in the table, which has "
                f"{', '.join(sorted(known))}; name modules as the table's layers, or list these in ignored_layers"
            )
        return found

    def _cost(self, members: Mapping[str, _Member], gone: int) -> float:
        prices = (
            self._table.covering(name, *member.without(gone), self.groups, self.accelerators)
            for name, member in members.items()
        )
        return float(sum(getattr(price, self.measure) for price in prices))

    def _stops(self, members: Mapping[str, _Member]) -> list[int]:
        """Numbers of channels to take away that bring a layer down to a width of the table, ascending."""
        found: set[int] = set()
        most: list[int] = []
        for name, member in members.items():
            widths = self._table.widths(name)
            sides = (
                (member.inputs, member.inputs_a_channel, widths[0]),
                (member.outputs, member.outputs_a_channel, widths[1]),
            )
            for present, a_channel, known in sides:
                if a_channel:
                    found |= {-(-(present - width) // a_channel) for width in known if width < present}
                    most.append((present - 1) // a_channel)
        return sorted(gone for gone in found if gone <= min(most, default=0))


def _widths(module: Any) -> tuple[int, int]:
    """Input and output units of a torch module, as they are at this moment."""
    if hasattr(module, "in_channels"):
        return module.in_channels, module.out_channels
    return module.in_features, module.out_features
