"""`CostTable`: prices of layers, each by itself, and what they rest on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ppsim.documents import dump, quote
from ppsim.errors import InputError
from ppsim.explore.cost_tables.shapes import LayerShape
from ppsim.hardware.system import System
from ppsim.specification import Specification
from ppsim.storage import json_text

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "ppsim-cost-table/1"


@dataclass(frozen=True)
class Price:
    """One row: a layer of `inputs` x `outputs` units in `groups` blocks, simulated alone on so many accelerators.

    `groups` blocks on the diagonal: the layer's own groups, or the parts it is cut into. `cycles` are in accelerator
    0's clock, `energy` is pJ by component (multiply-accumulates where the table's `energy_unit` is "MAC").
    """

    layer: str
    kind: str
    inputs: int
    outputs: int
    groups: int
    accelerators: int
    cycles: int
    seconds: float
    macs: int
    dram_bytes: int
    link_bytes: int
    energy: Mapping[str, float]

    @property
    def energy_pj(self) -> float:
        """Energy of all components, pJ."""
        return sum(self.energy.values())

    def to_dict(self) -> dict[str, Any]:
        """A row of the table's frame, but for the network."""
        return {
            "layer": self.layer,
            "kind": self.kind,
            "in": self.inputs,
            "out": self.outputs,
            "groups": self.groups,
            "accelerators": self.accelerators,
            "cycles": self.cycles,
            "seconds": self.seconds,
            "energy_pj": self.energy_pj,
            "macs": self.macs,
            "dram_bytes": self.dram_bytes,
            "link_bytes": self.link_bytes,
            **{f"{component}_pj": spent for component, spent in self.energy.items()},
        }


@dataclass(frozen=True)
class Origin(Specification):
    """What the prices of a table rest on.

    `ppsim` is the version and `code_sha256` a hash of the code that made it, `system_hash` one of the system.
    """

    ppsim: str
    code_sha256: str
    network: str
    batch: int
    bits: int | None
    system: str
    system_hash: str
    energy_unit: str
    layers: tuple[LayerShape, ...]


@dataclass(frozen=True, repr=False)
class CostTable:
    """Prices of the layers of a network, each simulated alone, at many widths, cuts and numbers of accelerators."""

    origin: Origin
    rows: tuple[Price, ...]

    def __repr__(self) -> str:
        """Short: tables have many rows."""
        origin = self.origin
        return f"CostTable({origin.network} on {origin.system}: {len(origin.layers)} layers, {len(self.rows)} rows)"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a price.

        Columns: network, layer, kind, in, out, groups, accelerators, cycles, seconds, energy_pj, macs, dram_bytes,
        link_bytes, and the energy of each component, as in mac_pj.
        """
        import pandas as pd

        return pd.DataFrame([{"network": self.origin.network, **row.to_dict()} for row in self.rows])

    def shape(self, layer: str) -> LayerShape:
        """The layer as it stands in the network; raises InputError that names those there are."""
        if layer not in self._shapes:
            raise InputError(
                f"cost table of {self.origin.network}: layer {quote(layer)} has no price; "
                f"there are: {', '.join(self._shapes)}"
            )
        return self._shapes[layer]

    def lookup(self, layer: str, inputs: int, outputs: int, groups: int | None = None, accelerators: int = 1) -> Price:
        """The price of exactly that; `groups` None: the layer uncut.

        Raises InputError where the table has no such row, naming what it has there.
        """
        blocks = self._blocks(layer, inputs, groups)
        found = self._by_key.get((layer, inputs, outputs, blocks, accelerators))
        if found is None:
            self._explain(layer, inputs, outputs, blocks, accelerators)
        assert found is not None
        return found

    def covering(
        self, layer: str, inputs: int, outputs: int, groups: int | None = None, accelerators: int = 1
    ) -> Price:
        """The price at the smallest widths of the table that hold the given ones: arrays pad, so cost is a staircase.

        Raises InputError for widths above the layer's own, or where there is no such row.
        """
        shape, known = self.shape(layer), self.widths(layer)
        if not all(known):
            raise InputError(f"cost table of {self.origin.network}: layer {layer!r} has no rows")
        held_in, held_out = (_at_least(*side) for side in zip(known, (inputs, outputs), strict=True))
        if held_in is None or held_out is None:
            raise InputError(
                f"cost table of {self.origin.network}: layer {layer!r} has {shape.inputs} x {shape.outputs} units "
                f"at most, got {inputs} x {outputs}"
            )
        return self.lookup(layer, held_in, held_out, groups, accelerators)

    def widths(self, layer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Input and output widths that a layer has rows of, ascending."""
        self.shape(layer)
        return self._widths[layer]

    def only(self, accelerators: int | None = None, groups: int | None = None) -> CostTable:
        """The rows for a number of accelerators (None: all), and of one cut (1: layers uncut; None: all).

        Raises InputError when there are none.
        """
        kept = tuple(
            row
            for row in self.rows
            if accelerators in (None, row.accelerators)
            and (groups is None or row.groups == self._blocks(row.layer, row.inputs, groups))
        )
        if not kept:
            raise InputError(
                f"cost table of {self.origin.network}: no rows with accelerators={accelerators} and groups={groups}; "
                f"there are accelerators {_listed({row.accelerators for row in self.rows})}"
            )
        return replace(self, rows=kept)

    def _blocks(self, layer: str, inputs: int, groups: int | None) -> int:
        return self.shape(layer).own_groups(inputs) if groups in (None, 1) else groups or 1

    def uncut(self, row: Price) -> bool:
        """Whether a row is of a layer as it is, not cut into parts."""
        return row.groups == self.shape(row.layer).own_groups(row.inputs)

    @cached_property
    def _shapes(self) -> dict[str, LayerShape]:
        return {shape.name: shape for shape in self.origin.layers}

    @cached_property
    def _by_key(self) -> dict[tuple[str, int, int, int, int], Price]:
        return {(row.layer, row.inputs, row.outputs, row.groups, row.accelerators): row for row in self.rows}

    @cached_property
    def _widths(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        found: dict[str, tuple[set[int], set[int]]] = {shape.name: (set(), set()) for shape in self.origin.layers}
        for row in self.rows:
            found[row.layer][0].add(row.inputs)
            found[row.layer][1].add(row.outputs)
        return {layer: (tuple(sorted(inputs)), tuple(sorted(outputs))) for layer, (inputs, outputs) in found.items()}

    def _explain(self, layer: str, inputs: int, outputs: int, groups: int, accelerators: int) -> None:
        rows = [row for row in self.rows if row.layer == layer]
        for name, value, known in (
            ("accelerators", accelerators, {row.accelerators for row in rows}),
            ("in", inputs, {row.inputs for row in rows}),
            ("out", outputs, {row.outputs for row in rows}),
            ("groups", groups, {row.groups for row in rows if (row.inputs, row.outputs) == (inputs, outputs)}),
        ):
            if value not in known:
                raise InputError(
                    f"cost table of {self.origin.network}: layer {layer!r} has no row with {name}={value}; "
                    f"there are: {_listed(known)}"
                )
        raise InputError(
            f"cost table of {self.origin.network}: layer {layer!r} has no row of {inputs} x {outputs} units in "
            f"{groups} groups on {accelerators} accelerators"
        )


def system_hash(system: System) -> str:
    """SHA-256 over all that a system's document says, in hexadecimal, whatever the layout of the document.

    The number of accelerators is not in it, as tables have several, unless the system is made of groups of them.
    """
    content = dump(system)
    if not system.groups:
        del content["accelerators"]
    return sha256(json_text(_in_order(content)).encode()).hexdigest()


def _in_order(value: Any) -> Any:
    """Mappings by key, so that the order of a document's lines does not count."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(element) for element in value] if isinstance(value, list | tuple) else value


def _at_least(known: tuple[int, ...], width: int) -> int | None:
    """The smallest of ascending widths that is not below `width`; None: all are."""
    place = bisect_left(known, width)
    return known[place] if place < len(known) else None


def _listed(known: set[int], most: int = 20) -> str:
    ordered = sorted(known)
    shown = ", ".join(map(str, ordered[:most])) or "none"
    return f"{shown}, ... {ordered[-1]}" if len(ordered) > most else shown
