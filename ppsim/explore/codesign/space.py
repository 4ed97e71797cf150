"""What co-design chooses among: how many parts, how wide each axis, and in which form each layer is run.

An axis is what layers share (`ppsim.pruning.axes`): the units of a layer, of all that is added to them, and of what
reads them. Its width counts atoms, the units that cannot part. Axes are made narrower where linear layers and
convolutions alone make and read them, and the network's input where one layer alone reads it, by a sampler before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Literal

from ppsim.pruning.axes import Axes, axes_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Add, BatchNorm, Conv, Elementwise, Flatten, Pool, PRelu

#: widths to try, as shares of all atoms
SHARES = (1, 3 / 4, 5 / 8, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 3 / 32, 1 / 16, 1 / 32)
#: ranks to try, as shares of the rank at which two factors have as many weights as their product
RANKS = (1 / 2, 1 / 4)
#: blocks of other parts that a part may keep beside its own
OTHERS = (1, 2)
#: units that the network's input has at least, for some of them to be left out
FEWEST_SAMPLED = 16
#: layers that leave each unit of an axis by itself
UNIT_BY_UNIT = (Add, BatchNorm, Elementwise, Flatten, Pool, PRelu)


@dataclass(frozen=True, slots=True)
class Form:
    """How a layer is run.

    "whole": all its weights are kept, and accelerators share its output units. "parts": each part keeps its own block
    and those of `others` other parts. "sums": all weights are kept, each part computes what its input units add to all
    outputs, and the partial sums are added up. `rank`, a share of the rank at which it stops paying, factorises what
    each part keeps.
    """

    cut: Literal["whole", "parts", "sums"] = "whole"
    others: int = 0
    rank: float | None = None

    def describe(self) -> str:
        """A few words for tables."""
        text = {"whole": "whole", "parts": "own block", "sums": "split by inputs"}[self.cut]
        if self.others:
            text += f" + {self.others} other" + "s" * (self.others > 1)
        return text + (f", {Fraction(self.rank)} rank" if self.rank else "")


WHOLE = Form()


@dataclass(frozen=True, slots=True)
class Design:
    """`parts`, `widths[a]` atoms of each axis and `forms[l]` of each layer of a space.

    `method` puts units into parts (`ppsim.pruning.methods`); None: the one that the search goes by.
    """

    parts: int
    widths: tuple[int, ...]
    forms: tuple[Form, ...]
    method: str | None = None


@dataclass(frozen=True)
class Ends:
    """The axes of the space that a layer reads and makes, None for what lies on several, and units for each atom."""

    reads: int | None
    makes: int
    units_read: int
    units_made: int


@dataclass(frozen=True)
class Space:
    """The layers of a network that are designed, and the axes that they lie on, numbered from 0.

    `atoms[a]` of axis a, which is made narrower only if `narrowable[a]`. `sampled` is the axis of the network's input,
    if some of it can be left out.
    """

    graph: LayerGraph
    layers: tuple[str, ...]
    ends: tuple[Ends, ...]
    atoms: tuple[int, ...]
    narrowable: tuple[bool, ...]
    sampled: int | None = None

    @cached_property
    def makers(self) -> tuple[str | None, ...]:
        """For each axis that can be narrower, a layer that makes it."""
        found: list[str | None] = [None] * len(self.atoms)
        for name, ends in zip(self.layers, self.ends, strict=True):
            if self.narrowable[ends.makes] and found[ends.makes] is None:
                found[ends.makes] = name
        return tuple(found)

    def taps(self, layer: int) -> int:
        """Elements of a layer's kernel."""
        of = self.graph[self.layers[layer]]
        return prod(of.kernel) if isinstance(of, Conv) else 1

    def units(self, layer: int, widths: Sequence[int]) -> tuple[int, int]:
        """Input and output units of a layer."""
        ends = self.ends[layer]
        if ends.reads is None:
            inputs = self.graph.input_shapes_of(self.layers[layer])[0][0]
        else:
            inputs = widths[ends.reads] * ends.units_read
        return inputs, widths[ends.makes] * ends.units_made

    def widths(self, axis: int, parts: int) -> tuple[int, ...]:
        """Widths to try, the widest first: whole multiples of `parts` as far as there are as many atoms as parts."""
        count = self.atoms[axis]
        if not self.narrowable[axis]:
            return (count,)
        found = {count}
        for share in SHARES:
            width = max(1, round(count * share))
            found.add(max(parts, round(width / parts) * parts) if parts < width else width)
        return tuple(sorted((width for width in found if width <= count), reverse=True))

    def forms(self, layer: int, parts: int) -> tuple[Form, ...]:
        """Forms to try."""
        ends = self.ends[layer]
        found = [WHOLE, *(Form("whole", rank=rank) for rank in RANKS)]
        if ends.reads is not None and self.atoms[ends.reads] >= parts:
            found.append(Form("sums"))
            if self.atoms[ends.makes] >= parts:
                for others in (0, *OTHERS):
                    if others < parts - 1:
                        found += [Form("parts", others), *(Form("parts", others, rank) for rank in RANKS)]
        return tuple(found)

    def fits(self, layer: int, parts: int, widths: Sequence[int], form: Form) -> bool:
        """Whether a layer of some widths can have a form: parts need an atom each, and a rank has to save weights."""
        ends = self.ends[layer]
        inputs, outputs = self.units(layer, widths)
        if form.cut == "parts":
            assert ends.reads is not None
            if min(widths[ends.reads], widths[ends.makes]) < parts:
                return False
        elif form.cut == "sums":
            assert ends.reads is not None
            if widths[ends.reads] < parts:
                return False
        elif form.rank is not None and outputs < parts:
            return False
        return form.rank is None or self.rank(inputs, outputs, self.taps(layer), parts, form) is not None

    def weights(self, layer: int, parts: int, widths: Sequence[int], form: Form) -> int:
        """Weights of a layer, those of all its parts."""
        inputs, outputs = self.units(layer, widths)
        fan_in = inputs * self.taps(layer)
        each = fan_in if form.cut != "parts" else fan_in * (1 + form.others) // parts
        if form.rank is None:
            return each * outputs
        rank = self.rank(inputs, outputs, self.taps(layer), parts, form)
        assert rank is not None
        return rank * (parts * each + outputs)

    def macs(self, layer: int, parts: int, widths: Sequence[int], form: Form) -> int:
        """Multiply-accumulates of a layer, those of all its parts."""
        product = self.graph.gemm_of(self.layers[layer])
        assert product is not None
        return product.m * self.weights(layer, parts, widths, form)

    def rank(self, inputs: int, outputs: int, taps: int, parts: int, form: Form) -> int | None:
        """The rank that a form gives a layer; None where a part has too little for one."""
        assert form.rank is not None
        fan_in = inputs * taps if form.cut == "whole" else inputs // parts * taps * (1 + form.others)
        each = outputs // parts
        rank = int(form.rank * fan_in * each / (fan_in + each))
        return rank if rank >= 1 else None


def space_of(graph: LayerGraph, layers: str = "*") -> Space:
    """The space of a network: `layers` is a glob over its linear layers and ungrouped convolutions.

    Raises InputError where it matches none.
    """
    names = graph.match(layers)
    axes = axes_of(graph)
    used = [axes.spans[graph.sources[name][0]] for name in names] + [axes.spans[name] for name in names]
    numbers = {axis: at for at, axis in enumerate(dict.fromkeys(s.axis for spans in used for s in spans))}
    narrowable = _narrowable(graph, axes, names)
    sampled = _sampled(graph, axes, names)
    if sampled is not None:
        narrowable.add(sampled)
    ends = []
    for name in names:
        reads, makes = axes.spans[graph.sources[name][0]], axes.spans[name]
        (made,) = makes
        one = reads[0] if len(reads) == 1 else None
        ends.append(
            Ends(
                reads=numbers[one.axis] if one else None,
                makes=numbers[made.axis],
                units_read=one.units // axes.atoms[one.axis] if one else 1,
                units_made=made.units // axes.atoms[made.axis],
            )
        )
    return Space(
        graph,
        names,
        tuple(ends),
        tuple(axes.atoms[axis] for axis in numbers),
        tuple(axis in narrowable for axis in numbers),
        None if sampled is None else numbers[sampled],
    )


def _sampled(graph: LayerGraph, axes: Axes, names: Iterable[str]) -> int | None:
    """The axis of the network's input, if one of the layers named alone reads it, unit by unit."""
    readers = [layer.name for layer in graph.layers if INPUT in graph.sources[layer.name]]
    (span, *more) = axes.spans[INPUT]
    alone = len(readers) == 1 and readers[0] in set(names) and not more and axes.atoms[span.axis] == span.units
    return span.axis if alone and span.units >= FEWEST_SAMPLED else None


def _narrowable(graph: LayerGraph, axes: Axes, names: Iterable[str]) -> set[int]:
    """The axes that only the layers named make and read, but for what leaves each unit by itself."""
    found = {axis for axis, movable in enumerate(axes.movable) if movable and axes.atoms[axis] > 1}
    designed = set(names)
    for layer in graph.layers:
        if layer.name in designed:
            sources = axes.spans[graph.sources[layer.name][0]]
            found -= {span.axis for span in sources if len(sources) > 1}
        elif not isinstance(layer, UNIT_BY_UNIT):
            spans = (*axes.spans[layer.name], *(s for source in graph.sources[layer.name] for s in axes.spans[source]))
            found -= {span.axis for span in spans}
    return found


def named_widths(space: Space, widths: Sequence[int]) -> Mapping[str, int]:
    """Output units of one layer for each axis that is narrower than it was, as `narrowed` takes them."""
    found = {}
    for axis, maker in enumerate(space.makers):
        if maker is not None and widths[axis] < space.atoms[axis]:
            found[maker] = widths[axis] * space.ends[space.layers.index(maker)].units_made
    return found
