"""Graph partitioning by METIS (Karypis and Kumar, SIAM J. Sci. Comput. 20(1), 1998): a general tool as a yardstick.

Atoms are vertices, saliency is the weight of an edge, and METIS minimises the weight of the edges it cuts. It balances
all atoms of the network together, so the axes are put right afterwards, each by the exact assignment nearest to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.methods.contract import Coupling, Parts, Problem
from ppsim.pruning.transport import assign

Indices = npt.NDArray[np.int64]

#: edges kept for each vertex, the heaviest ones: METIS takes memory for every edge
HEAVIEST = 64
#: METIS takes integer weights; the heaviest edge becomes this
SCALE = 10_000


def metis(problem: Problem) -> tuple[Parts, ...]:
    """What METIS gives, balanced; raises InputError without weights, or without the extra."""
    if not problem.couplings:
        raise InputError('method "metis" cuts edges that weights give; give weights, or take "contiguous" or "random"')
    with needs("metis", 'method "metis"'):
        import pymetis
    first = np.concatenate(([0], np.cumsum(problem.atoms)))
    pointers, neighbours, weights = _graph(problem, first)
    options = pymetis.Options(seed=problem.seed % 2**31, ufactor=1)
    adjacency = pymetis.CSRAdjacency(pointers, neighbours)
    _, found = pymetis.part_graph(problem.parts, adjacency, eweights=weights, options=options, recursive=False)
    parts = np.asarray(found)
    return tuple(
        assign(np.eye(problem.parts)[parts[first[axis] : first[axis + 1]]], *problem.bounds(axis)).parts
        for axis in range(len(problem.atoms))
    )


def _graph(problem: Problem, first: Indices) -> tuple[Indices, Indices, Indices]:
    """Adjacency as METIS wants it: vertex v's neighbours are neighbours[pointers[v]:pointers[v + 1]].

    Vertices are atoms; `first[a]` is the first one of axis a.
    """
    vertices = int(first[-1])
    edges = [_edges(coupling, first) for coupling in problem.couplings]
    rows, columns, saliency = (np.concatenate(column) for column in zip(*edges, strict=True))
    other = rows != columns  # of an axis coupled with itself
    ends = np.concatenate((rows[other], columns[other])), np.concatenate((columns[other], rows[other]))
    keys, where = np.unique(ends[0] * vertices + ends[1], return_inverse=True)
    total = np.bincount(where, weights=np.tile(saliency[other], 2), minlength=len(keys))
    weights = np.maximum(1, np.rint(total * (SCALE / (total.max() or 1.0)))).astype(np.int64)
    pointers = np.searchsorted(keys, np.arange(vertices + 1) * vertices)
    return pointers, keys % vertices, weights


def _edges(coupling: Coupling, first: Indices) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """The heaviest edges of each atom of a coupling: both their vertices, and their saliency."""
    saliency = coupling.saliency
    heavy = np.zeros(saliency.shape, dtype=bool)
    for axis in (0, 1):
        most = min(HEAVIEST, saliency.shape[axis])
        places = np.argpartition(-saliency, most - 1, axis=axis).take(range(most), axis=axis)
        np.put_along_axis(heavy, places, True, axis=axis)
    rows, columns = np.nonzero(heavy)
    return rows + first[coupling.rows], columns + first[coupling.columns], saliency[rows, columns].astype(np.float64)
