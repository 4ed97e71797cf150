"""Which part each atom of an axis is in, and which atoms stay when the axis gets narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.explore.codesign.space import Space
from ppsim.workload.partitioned import split_evenly

Atoms = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """`part[a]` (atoms,) of each atom of axis a, and `order[a]`, its atoms, those that stay longest first.

    The order takes an atom of each part in turn, so that parts stay of a size at any width. `nearest[l]` are, for each
    part that layer l computes, the other parts, the one whose block is worth most first, (parts, parts - 1).
    """

    parts: int
    part: tuple[Atoms, ...]
    order: tuple[Atoms, ...]
    nearest: tuple[Atoms, ...]

    def kept(self, axis: int, width: int) -> Atoms:
        """The atoms that stay, in ascending order."""
        return np.sort(self.order[axis][:width])


def contiguous(space: Space, parts: int) -> Arrangement:
    """Parts in the units' own order, and blocks of the parts that come next: where nothing is known of weights."""
    part = tuple(np.repeat(np.arange(parts), split_evenly(atoms, parts)) for atoms in space.atoms)
    after = (np.arange(parts)[:, None] + np.arange(1, parts)) % parts
    return Arrangement(
        parts, part, tuple(in_turn(one, np.arange(len(one)), parts) for one in part), (after,) * len(space.layers)
    )


def in_turn(part: Atoms, order: Sequence[int] | Atoms, parts: int) -> Atoms:
    """Atoms by turns: the first one of each part, as `order` has them, then the second ones, and so on."""
    order = np.asarray(order, dtype=np.int64)
    turn = np.empty(len(order), dtype=np.int64)
    for p in range(parts):
        own = order[part[order] == p]
        turn[own] = np.arange(len(own))
    return np.asarray(order[np.argsort(turn[order], kind="stable")])


def arranged(
    space: Space,
    parts: int,
    part: Sequence[Atoms],
    order: Sequence[Atoms],
    blocks: Mapping[int, npt.NDArray[np.float64]],
) -> Arrangement:
    """From parts and orders of the axes' atoms, and what the blocks of some layers are worth, (parts, parts)."""
    plain = contiguous(space, parts)
    nearest = list(plain.nearest)
    for layer, worth in blocks.items():
        ranked = np.argsort(-worth, axis=1, kind="stable")
        nearest[layer] = np.stack([row[row != q] for q, row in enumerate(ranked)])
    turns = tuple(in_turn(one, along, parts) for one, along in zip(part, order, strict=True))
    return Arrangement(parts, tuple(part), turns, tuple(nearest))
