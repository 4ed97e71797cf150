"""What exporters write as several nodes and ppsim has in one layer: scales and shifts, tables, slices of layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppsim.workload.formats.onnx_reading.drafts import Draft, Rows, Selected
from ppsim.workload.layers import BatchNorm, Conv, Embedding, LayerNorm, Linear, MatMul
from ppsim.workload.model import Array

#: stands among the readers of a layer for whoever runs the network
_OUTPUT = "output"


def folded(drafts: Sequence[Draft], outputs: Collection[str]) -> list[Draft]:
    """The layers that an output depends on, with all that can be folded into the layer before it folded.

    A layer takes in what follows it only where nothing else reads it. Raises InputError for rows of tables and slices
    that no layer takes in, as there are no layers of their own for those.
    """
    live = _live(drafts, outputs)
    fold = _Fold({}, {}, {}, {draft.key: draft for draft in live})
    for draft in live:
        for source in draft.sources:
            fold.readers.setdefault(source, []).append(draft.key)
    for key in outputs:
        fold.readers.setdefault(key, []).append(_OUTPUT)
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
    """Layers taken so far, by key, the layer each key now stands for, and who reads each layer."""

    kept: dict[str, Draft]
    merged: dict[str, str]
    readers: dict[str, list[str]]
    all: Mapping[str, Draft]

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
        elif isinstance(layer, BatchNorm) and before is not None and self._alone(before.key):
            target = self._into(before, draft)
            if target is None:
                self.kept[draft.key] = draft
            else:
                self._replace(draft, target)
        else:
            self.kept[draft.key] = draft

    def _alone(self, key: str) -> bool:
        return len(self.readers[key]) == 1

    def _into(self, before: Draft, draft: Draft) -> Draft | None:
        """A layer that takes in the scale and shift of `draft`, or None.

        A factor of a product of activations goes into the layer that makes its left operand: scores are scaled by
        scaling the queries.
        """
        scale, shift = draft.tensors["scale"], draft.tensors["shift"]
        if isinstance(before.layer, MatMul):
            left = self.kept.get(before.sources[0])
            if left is None or not self._alone(left.key) or (scale != scale[0]).any() or shift.any():
                return None
            units = left.tensors.get("weight", np.empty(0)).shape[0]
            return _scaled(left, np.full(units, scale[0]), np.zeros(units, np.float32)) if units else None
        found = _scaled(before, scale, shift)
        named = draft.parameter if draft.node.op != "BatchNormalization" else None
        return replace(found, parameter=found.parameter or named) if found else None

    def _replace(self, draft: Draft, target: Draft) -> None:
        """`target` in its own place, and the layer before `draft` in the place of `draft`."""
        self.kept[target.key] = target
        source = draft.sources[0]
        self.merged[draft.key] = source
        self.readers[source] = self.readers.get(draft.key, [])

    def _select(self, draft: Draft, layer: Selected) -> None:
        """A layer of the selected units alone; the first selection drops the layer of all units."""
        source = draft.sources[0]
        parts = [self.all[key] for key in self.readers[source] if key != _OUTPUT]
        picked = [part.layer.units for part in parts if isinstance(part.layer, Selected)]
        whole = self.kept.get(source) or self.dropped.get(source)
        ...


def _scaled(draft: Draft, scale: Array, shift: Array) -> Draft | None:
    """A layer followed by a scale and a shift of each unit as one layer; None where it has no place for them."""
