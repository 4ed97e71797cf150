"""How each layer that is cut lies on the axes, and the problem that a method of assignment is to solve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ppsim.errors import InputError
from ppsim.pruning.axes import Span, axes_of, pieces
from ppsim.pruning.methods.contract import Coupling, Parts
from ppsim.pruning.saliency import Saliency, atoms_saliency
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import split_evenly


class Sides(NamedTuple):
    """The spans that a layer's input and output units are cut along; () for a side with fewer units than parts."""

    inputs: tuple[Span, ...]
    outputs: tuple[Span, ...]


@dataclass(frozen=True)
class Cut:
    """The layers to be cut into `parts` parts: `sides[layer]`, and `atoms[a]` of each axis that they lie on."""

    parts: int
    atoms: tuple[int, ...]
    sides: Mapping[str, Sides]

    def couplings(self, saliencies: Mapping[str, Saliency]) -> tuple[Coupling, ...]:
        """What `saliencies[layer]`, (outputs, inputs), mean between the axes, for layers cut on both sides."""
        return tuple(
            Coupling(rows.axis, columns.axis, atoms_saliency(piece, self.atoms[rows.axis], self.atoms[columns.axis]))
            for layer, saliency in saliencies.items()
            for rows in self.sides[layer].outputs
            for columns, piece in zip(
                self.sides[layer].inputs, pieces(saliency, self.sides[layer].inputs, axis=1), strict=False
            )
        )

    def in_order(self) -> dict[tuple[Span, ...], tuple[int, ...]]:
        """Sizes of the parts of each side that lies on one span, where its units stay in their order."""
        found: dict[tuple[Span, ...], tuple[int, ...]] = {}
        for both in self.sides.values():
            for spans in (both.inputs, both.outputs):
                if len(spans) == 1 and spans not in found:
                    atoms = self.atoms[spans[0].axis]
                    each = spans[0].units // atoms
                    found[spans] = tuple([each * size for size in split_evenly(atoms, self.parts)])
        return found

    def units(self, spans: Sequence[Span], assignment: Sequence[Parts]) -> Parts:
        """The part of each unit of some spans, one after the other."""
        found = []
        for span in spans:
            parts, each = assignment[span.axis], span.units // self.atoms[span.axis]
            found.append(parts if each == 1 else np.repeat(parts, each))
        return found[0] if len(found) == 1 else np.concatenate(found)


def cut_of(graph: LayerGraph, layers: Sequence[str], parts: int, reduced: Collection[str] = ()) -> Cut:
    """How layers lie on the axes of a network. The outputs of `reduced` layers are not cut.

    Where an axis has fewer atoms than there are parts, but the layer has units enough, what lies there is cut unit by
    unit and atoms are torn apart: more parts than channels cut through the pixels of a channel.
    Raises InputError for a layer with too few units on both sides.
    """
    axes = axes_of(graph)
    atoms = list(axes.atoms)
    own: dict[tuple[Span, ...], Span] = {}
    sides = {}
    for name in layers:
        inputs, outputs = graph.input_shapes_of(name)[0][0], graph.shapes[name][0]
        if parts > max(inputs, outputs):
            raise InputError(
                f"{graph.name}: layer {name!r} has {inputs} input and {outputs} output units, too few for "
                f"parts={parts}; take at most {max(inputs, outputs)} parts or leave the layer out with layers=..."
            )
        reads, makes = axes.spans[graph.sources[name][0]], axes.spans[name]
        divided = outputs >= parts and name not in reduced
        sides[name] = Sides(
            _side(reads, inputs, parts, atoms, own), _side(makes, outputs, parts, atoms, own) if divided else ()
        )
    used = sorted({span.axis for both in sides.values() for span in (*both.inputs, *both.outputs)})
    if len(used) == len(atoms):
        return Cut(parts, tuple(atoms), sides)
    number = {axis: at for at, axis in enumerate(used)}

    def renumbered(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple([Span(number[span.axis], span.units) for span in spans])

    return Cut(
        parts,
        tuple([atoms[axis] for axis in used]),
        {name: Sides(renumbered(both.inputs), renumbered(both.outputs)) for name, both in sides.items()},
    )


def _side(
    spans: tuple[Span, ...], units: int, parts: int, atoms: list[int], own: dict[tuple[Span, ...], Span]
) -> tuple[Span, ...]:
    """The spans to cut a side along: those it lies on, one of its own if they have too few atoms, none if it has.

    Sides on the same spans share the one of their own.
    """
    if units < parts:
        return ()
    if min([atoms[span.axis] for span in spans]) >= parts:
        return spans
    if spans not in own:
        atoms.append(units)
        own[spans] = Span(len(atoms) - 1, units)
    return (own[spans],)
