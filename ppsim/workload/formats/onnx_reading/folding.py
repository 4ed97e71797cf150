"""What exporters write as several nodes and ppsim has in one layer: scales and shifts, tables, slices of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ppsim.workload.copying import Sample
from ppsim.workload.formats.onnx_reading.drafts import Draft, Rows, Selected
from ppsim.workload.layers import BatchNorm, Conv, Embedding, LayerNorm, Linear, MatMul
from ppsim.workload.model import Array

#: stands among the readers of a layer for whoever runs the network
_OUTPUT = "output"
_NORM = "BatchNormalization"
#: operators that add something
_SHIFTS = {"Add", "Sum", "Sub", _NORM}


def folded(drafts: Sequence[Draft], outputs: Collection[str]) -> list[Draft]:
    """The layers that an output depends on, with all that can be folded into the layer before it folded.

    A layer takes in what follows it only where nothing else reads it. Raises InputError for rows of tables that no
    layer takes in and for units in another order, as there are no layers of their own for those.
    """
    live = _live(drafts, outputs)
    fold = _Fold({}, {}, {}, {draft.key: draft for draft in live})
    for draft in live:
        for source in draft.sources:
            fold.readers.setdefault(source, Counter())[draft.key] += 1
    for key in outputs:
        fold.readers.setdefault(key, Counter())[_OUTPUT] += 1
    for draft in live:
        fold.take(draft)
    return list(fold.kept.values())


def _live(drafts: Sequence[Draft], outputs: Collection[str]) -> list[Draft]:
    wanted = set(outputs)
    for draft in reversed(drafts):
        if draft.key in wanted:
            wanted.update(draft.sources)
    return [draft for draft in drafts if draft.key in wanted]


@dataclass
class _Fold:
    """Layers taken so far, by key, the layer each key now stands for, who reads each how often, and those taken apart.

    `numbers` says which part of such a layer a selection is.
    """

    kept: dict[str, Draft]
    merged: dict[str, str]
    readers: dict[str, Counter[str]]
    all: Mapping[str, Draft]
    parted: dict[str, Draft] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def take(self, draft: Draft) -> None:
        """Fold a layer into one before it, or keep it."""
        draft = replace(draft, sources=tuple(self.merged.get(source, source) for source in draft.sources))
        before = self.kept.get(draft.sources[0])
        layer = draft.layer
        if isinstance(layer, Selected):
            self._select(draft, layer)
        elif isinstance(layer, Rows):
            if before is None or not self._alone(before.key) or not isinstance(before.layer, Embedding):
                raise draft.node.wrong("adds a table to an embedding that is read elsewhere too")
            self._replace(draft, _with_rows(before, layer, draft.tensors["rows"]))
        elif isinstance(layer, BatchNorm):
            target = self._into(before, draft) if before is not None and self._alone(before.key) else None
            if target is not None:
                self._replace(draft, target)
            elif draft.node.op != _NORM and not _changes(draft):
                self._forget(draft)
            else:
                self.kept[draft.key] = draft
        else:
            self.kept[draft.key] = draft

    def _alone(self, key: str) -> bool:
        return self.readers[key].total() == 1

    def _into(self, before: Draft, draft: Draft) -> Draft | None:
        """A layer that takes in the scale and shift of `draft`, or None.

        A factor of a product of activations goes into the layer that makes its left operand: scores are scaled by
        scaling the queries.
        """
        scale, shift = draft.tensors["scale"], draft.tensors["shift"]
        biased = draft.node.op in _SHIFTS
        if isinstance(before.layer, MatMul):
            left = self.kept.get(before.sources[0])
            if left is None or not self._alone(left.key) or (scale != scale[0]).any() or shift.any():
                return None
            units = left.tensors.get("weight", np.empty(0)).shape[0]
            return _scaled(left, np.full(units, scale[0]), np.zeros(units, np.float32), False) if units else None
        found = _scaled(before, scale, shift, biased)
        named = draft.parameter if draft.node.op != _NORM else None
        return replace(found, borrowed=found.borrowed or named) if found else None

    def _replace(self, draft: Draft, target: Draft) -> None:
        """`target` in its own place, and the layer before `draft` in the place of `draft`."""
        self.kept[target.key] = target
        self._forget(draft)

    def _forget(self, draft: Draft) -> None:
        """The layer before `draft` in the place of `draft`."""
        source = draft.sources[0]
        self.merged[draft.key] = source
        del self.readers[source][draft.key]
        self.readers[source].update(self.readers.pop(draft.key, Counter()))

    def _select(self, draft: Draft, layer: Selected) -> None:
        """A layer of the selected units alone, where it is taken apart; else a sample of the units of all."""
        source = draft.sources[0]
        if source not in self.parted and not self._take_apart(source):
            self.kept[draft.key] = replace(draft, layer=_sample(draft, layer))
            return
        whole = self.parted[source]
        units = list(layer.units)
        tensors = {name: array[units] for name, array in whole.tensors.items()}
        if isinstance(whole.layer, Linear):
            part: Linear | Conv = replace(whole.layer, out_features=len(units))
        else:
            assert isinstance(whole.layer, Conv)
            part = replace(whole.layer, out_channels=len(units))
        name = f"{whole.parameter or whole.borrowed or whole.layer.name}_{self.numbers[draft.key]}"
        self.kept[draft.key] = replace(whole, key=draft.key, layer=part, tensors=tensors, parameter=name)

    def _take_apart(self, source: str) -> bool:
        """Take a layer out if it is a matrix of which all readers take parts, and no unit twice."""
        whole = self.kept.get(source)
        if whole is None or _OUTPUT in self.readers[source]:
            return False
        parts = [self.all[key].layer for key in self.readers[source]]
        units = [unit for part in parts if isinstance(part, Selected) for unit in part.units]
        matrix = isinstance(whole.layer, Linear) or (isinstance(whole.layer, Conv) and whole.layer.groups == 1)
        if not matrix or not all(isinstance(part, Selected) for part in parts) or len(set(units)) < len(units):
            return False
        self.parted[source] = self.kept.pop(source)
        self.numbers |= {key: number for number, key in enumerate(self.readers[source])}
        for before in whole.sources:
            del self.readers[before][source]
            self.readers[before].update(self.readers[source])
        return True


def _sample(draft: Draft, layer: Selected) -> Sample:
    """Units in their order as a layer; raises InputError where they are in another order."""
    if any(low >= high for low, high in pairwise(layer.units)):
        raise draft.node.wrong(
            "takes units in another order; that is accepted of a linear layer or an ungrouped convolution of which "
            "all readers take parts, and no unit twice"
        )
    return Sample(name=layer.name, channels=len(layer.units), kept=layer.units)


def _changes(draft: Draft) -> bool:
    return bool((draft.tensors["scale"] != 1).any() or draft.tensors["shift"].any())


def _scaled(draft: Draft, scale: Array, shift: Array, biased: bool) -> Draft | None:
    """A layer followed by a scale and a shift of each unit as one layer; None where it has no place for them.

    `biased`: the shift is one, even if it is zero.
    """
    old, layer = draft.tensors, draft.layer
    with np.errstate(all="ignore"):
        if isinstance(layer, Conv | Linear):
            weight = old["weight"] * scale.reshape(-1, *(1,) * (old["weight"].ndim - 1))
            bias = old.get("bias", np.float32(0)) * scale + shift
            if layer.bias or biased:
                return replace(draft, layer=replace(layer, bias=True), tensors={"weight": weight, "bias": bias})
            return replace(draft, tensors={"weight": weight})
        if isinstance(layer, BatchNorm | LayerNorm):
            return replace(draft, tensors={"scale": old["scale"] * scale, "shift": old["shift"] * scale + shift})
        if isinstance(layer, Embedding):
            tables = {name: table * scale for name, table in old.items()}
            return replace(draft, tensors=tables | {"table0": tables["table0"] + shift})
    return None


def _with_rows(draft: Draft, layer: Rows, rows: Array) -> Draft:
    """An embedding with one more table; tables of the same places are added up, as far as both go."""
    there = draft.tensors.get(layer.table)
    if there is not None:
        both = min(len(there), len(rows))
        rows = there[:both] + rows[:both]
    return replace(draft, tensors={**draft.tensors, layer.table: rows})
