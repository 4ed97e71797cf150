"""Where the elements of a ppsim tensor are in the axes of an ONNX tensor.

ppsim names units first and leaves the batch out; ONNX graphs reshape and transpose at will, above all around attention.
A `Layout` says of each ONNX axis which pieces of which ppsim axes it runs over, so that reshapes and transposes move
nothing: they rename, and an operator that needs an axis to be the units, the heads or the positions can see whether it
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from ppsim.workload.layer import Shape
from ppsim.workload.model import Array

#: the ppsim axis of what is left out of ppsim's shapes
BATCH = -1
#: elements of a constant in ppsim's order of axes
MAX_ELEMENTS = 2**26
UNITS = 0


@dataclass(frozen=True, slots=True)
class Atom:
    """`size` steps of `stride` along axis `axis` of a ppsim tensor: 12 heads of 64 units are 12 steps of 64 units."""

    axis: int
    stride: int
    size: int


#: the atoms one ONNX axis runs over, the slowest first; none for an axis of size 1
Axis = tuple[Atom, ...]
Layout = tuple[Axis, ...]


def sizes(layout: Layout) -> Shape:
    """Shape of the ONNX tensor, with the batch."""
    return tuple(prod(atom.size for atom in axis) for axis in layout)


def whole(shape: Shape, axis: int) -> Axis:
    """All of one axis of a ppsim tensor, in order."""
    return (Atom(axis, 1, shape[axis]),) if shape[axis] > 1 else ()


def batch_axis(batch: int) -> Axis:
    """An axis that is the batch."""
    return (Atom(BATCH, 1, batch),) if batch > 1 else ()


def atoms_of(layout: Layout, axis: int) -> tuple[Atom, ...]:
    """The atoms of one ppsim axis, wherever they are."""
    return tuple(atom for atoms in layout for atom in atoms if atom.axis == axis)


def covers(layout: Layout, where: int, shape: Shape, axis: int) -> bool:
    """Whether ONNX axis `where` is all of ppsim axis `axis`, in order, and nothing else."""
    return layout[where] == whole(shape, axis) and len(atoms_of(layout, axis)) == len(layout[where])


def permuted(layout: Layout, order: Sequence[int]) -> Layout:
    """The layout after a transpose."""
    return tuple(layout[axis] for axis in order)


def reshaped(layout: Layout, target: Shape) -> Layout | None:
    """The layout of the same elements in another ONNX shape; None where an axis would run over no whole atoms."""
    if prod(target) != prod(sizes(layout)):
        return None
    left = [atom for axis in reversed(layout) for atom in reversed(axis)]
    found = []
    for size in target:
        axis = []
        while size > 1:
            atom = left.pop()
            if size % atom.size == 0:
                axis.append(atom)
                size //= atom.size
            elif atom.size % size == 0:
                rest = atom.size // size
                axis.append(Atom(atom.axis, atom.stride * rest, size))
                left.append(Atom(atom.axis, atom.stride, rest))
                size = 1
            else:
                return None
        found.append(_joined(axis))
    return tuple(found)


def _joined(atoms: Sequence[Atom]) -> Axis:
    """The same run with atoms that continue one another as one."""
    found: list[Atom] = []
    for atom in atoms:
        last = found[-1] if found else None
        if last and last.axis == atom.axis and last.stride == atom.stride * atom.size:
            found[-1] = Atom(atom.axis, atom.stride, last.size * atom.size)
        else:
            found.append(atom)
    return tuple(found)


def flattened(layout: Layout, shape: Shape) -> Layout:
    """The layout after a flatten layer has made one axis of all of `shape`, which is channel-major."""
    steps = [prod(shape[axis + 1 :]) for axis in range(len(shape))]

    def after(atom: Atom) -> Atom:
        return atom if atom.axis == BATCH else Atom(UNITS, atom.stride * steps[atom.axis], atom.size)

    return tuple(_joined([after(atom) for atom in axis]) for axis in layout)


def places(axis: Axis) -> Array:
    """For each element along an ONNX axis, the place in its ppsim axis; the atoms are of one ppsim axis."""
    found = np.zeros(1, np.int64)
    for atom in axis:
        found = (found[:, None] + np.arange(atom.size) * atom.stride).reshape(-1)
    return found


@dataclass(frozen=True)
class Selection:
    """Some units of a tensor as a tensor of its own: which ones, in its order, and its layout."""

    units: Array
    layout: Layout


def selected(layout: Layout, where: int, indices: Array) -> Selection | None:
    """What is left when only `indices` of ONNX axis `where` are taken; None unless that takes units alone.

    The units keep their order: of heads that each hold queries, keys and values, the queries of all heads in order.
    """
    taken = layout[where]
    if len(taken) > 1 or any(atom.axis != UNITS for atom in taken) or len(set(indices.tolist())) < len(indices):
        return None
    mark = Atom(UNITS, taken[0].stride if taken else 1, len(indices))
    kept = [atom for axis, atoms in enumerate(layout) for atom in atoms if axis != where and atom.axis == UNITS]
    units, now, step = np.zeros(1, np.int64), {}, 1
    for atom in sorted([*kept, mark], key=lambda atom: atom.stride):
        offsets = (indices if atom is mark else np.arange(atom.size)) * atom.stride
        units = (offsets[:, None] + units).reshape(-1)
        now[atom] = Atom(UNITS, step, atom.size)
        step *= atom.size
    rest = [_joined([now.get(atom, atom) for atom in atoms]) for atoms in layout]
    rest[where] = (now[mark],) if mark.size > 1 else ()
    return Selection(units, tuple(rest))


def arranged(array: Array, layout: Layout, shape: Shape) -> Array | None:
    """A constant that is broadcast to an ONNX tensor, as one broadcast to the ppsim tensor of `shape`.

    None where it differs along the batch, makes the tensor larger, or would have more than `MAX_ELEMENTS`.
    """
    outer = sizes(layout)
    missing = len(outer) - array.ndim
    if missing < 0 and any(size > 1 for size in array.shape[:-missing]):
        return None
    array = array.reshape((1,) * missing + array.shape) if missing >= 0 else array.reshape(array.shape[-missing:])
    if any(have not in (1, want) for have, want in zip(array.shape, outer, strict=True)):
        return None
    atoms = [atom for axis in layout for atom in axis]
    array = array.reshape(
        [atom.size if have > 1 else 1 for have, axis in zip(array.shape, layout, strict=True) for atom in axis]
    )
    for number, atom in enumerate(atoms):
        if atom.axis == BATCH and array.shape[number] > 1:
            first = array.take([0], number)
            if not np.array_equal(np.broadcast_to(first, array.shape), array, equal_nan=True):
                return None
            array = first
    order = sorted(range(len(atoms)), key=lambda number: (atoms[number].axis, -atoms[number].stride))
    array = array.transpose(order)
    found, position = [], 0
    for axis in range(BATCH, len(shape)):
        count = len(atoms_of(layout, axis))
        inside = array.shape[position : position + count]
        if any(size > 1 for size in inside):
            wanted = [atoms[number].size for number in order[position : position + count]]
            array = np.broadcast_to(array, (*array.shape[:position], *wanted, *array.shape[position + count :]))
        found.append(shape[axis] if axis >= 0 and any(size > 1 for size in inside) else 1)
        position += count
    return array.reshape(found[1:]) if prod(found) <= MAX_ELEMENTS else None


def per_unit(array: Array, layout: Layout, shape: Shape) -> Array | None:
    """A constant that is broadcast to an ONNX tensor as (units,) numbers; None where it is not one for each unit."""
    found = arranged(array, layout, shape)
    if found is None:
        return None
    for axis in range(1, found.ndim):
        first = found.take([0], axis)
        if not np.array_equal(np.broadcast_to(first, found.shape), found, equal_nan=True):
            return None
        found = first
    return np.broadcast_to(found.reshape(-1), (shape[UNITS],))


def consecutive(sizes_of: Sequence[int]) -> list[tuple[int, int]]:
    """Bounds of consecutive stretches of these sizes."""
    ends = [0]
    for size in sizes_of:
        ends.append(ends[-1] + size)
    return list(pairwise(ends))
