"""What trained weights and calibration inputs tell of a network's layers, before anything is chosen.

For each layer: its weights as a matrix, and the covariance of what it reads (the identity where there are no inputs to
run, which leaves the weights alone). From them follow how atoms are put into parts, in which order they go, and what
is lost by each form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ppsim.explore.codesign.arrangement import Arrangement, Atoms, arranged, contiguous
from ppsim.explore.codesign.space import Space
from ppsim.pruning.channels.compensation import eliminated
from ppsim.pruning.channels.contract import Problem, Reading
from ppsim.pruning.keep import block_saliency
from ppsim.pruning.least_squares import RIDGE, paired_rows
from ppsim.pruning.partition import partition_and_saliencies
from ppsim.workload.model import Array, Model

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Known:
    """`weights[l]` (outputs, columns) of each layer, and `covariances[l]` (columns, columns) of what it reads.

    Columns are input units x kernel elements. Covariances have the ridge of `compensate` on their diagonals.
    """

    model: Model
    space: Space
    weights: tuple[Matrix, ...]
    covariances: tuple[Matrix, ...]
    calibration: Array | None

    @cached_property
    def variances(self) -> tuple[float, ...]:
        """Sum of the variances of each layer's outputs."""
        both = zip(self.products, self.weights, strict=True)
        return tuple(max(float((product * weight).sum()), 1e-30) for product, weight in both)

    @cached_property
    def products(self) -> tuple[Matrix, ...]:
        """Covariances of each layer's outputs with what it reads, (outputs, columns)."""
        return tuple(weight @ covariance for weight, covariance in zip(self.weights, self.covariances, strict=True))

    @cached_property
    def orders(self) -> tuple[Atoms, ...]:
        """The atoms of each axis, the one first that stays longest: atoms go one after another, the cheapest first.

        What an atom costs is what the layers that read it lose of their outputs' variance once all other atoms have
        made up for it (`ppsim.pruning.channels.compensation`).
        """
        return tuple(self._order(axis, atoms) for axis, atoms in enumerate(self.space.atoms))

    def _order(self, axis: int, atoms: int) -> Atoms:
        readers = [at for at, ends in enumerate(self.space.ends) if ends.reads == axis]
        if not self.space.narrowable[axis] or not readers:
            return np.arange(atoms)
        readings = []
        for at in readers:
            weights = self.weights[at].T
            readings.append(Reading(self.covariances[at], weights, weights, 0.0, self.variances[at]))
        found = eliminated(Problem(atoms, 1, np.ones(atoms), lambda: tuple(readings)))
        return np.array([*found.kept, *found.gone[::-1]], dtype=np.int64)

    def columns(self, layer: int, atoms: Atoms) -> npt.NDArray[np.int64]:
        """The columns of a layer's weights that read some atoms."""
        each = self.space.ends[layer].units_read * self.space.taps(layer)
        return np.asarray((atoms[:, None] * each + np.arange(each)).reshape(-1))


def known(model: Model, space: Space, calibration: Array | None) -> Known:
    """What there is to know, from some hundreds of inputs (N, ...)."""
    weights, covariances = [], []
    for name in space.layers:
        weight = np.asarray(model.weight(name), dtype=np.float64)
        weights.append(weight.reshape(len(weight), -1))
        columns = weights[-1].shape[1]
        covariances.append(np.eye(columns) if calibration is None else _covariance(model, name, calibration))
    return Known(model, space, tuple(weights), tuple(covariances), calibration)


def _covariance(model: Model, name: str, calibration: Array) -> Matrix:
    columns = model.weight(name)[0].size
    count, covariance, sums = 0, np.zeros((columns, columns)), np.zeros(columns)
    has_bias = "bias" in model.tensors[name]
    for read, _ in paired_rows(model, model, name, calibration):
        covariance += read.T @ read
        sums += read.sum(axis=0, dtype=np.float64)
        count += len(read)
    # with a bias, what is constant is not lost
    means = sums / count * has_bias
    covariance = covariance / count - np.outer(means, means)
    covariance[np.diag_indices(columns)] += max(RIDGE * np.trace(covariance) / columns, 1e-12)
    return covariance


def arrangement_of(known: Known, parts: int, method: str, seed: int) -> Arrangement:
    """Atoms put into parts by a method of `ppsim.partition`, and ordered by what is lost without them."""
    space, model = known.space, known.model
    plain = contiguous(space, parts)
    part = list(plain.part)
    blocks: dict[int, npt.NDArray[np.float64]] = {}
    cut = [
        at
        for at, ends in enumerate(space.ends)
        if ends.reads is not None and min(space.atoms[ends.reads], space.atoms[ends.makes]) >= parts
    ]
    inner = [at for at in cut if space.narrowable[space.ends[at].makes]]
    if cut and parts > 1:
        ends_of_network = ",".join(space.layers[at] for at in cut if at not in inner) or None
        names = ",".join(space.layers[at] for at in cut)
        saliency = "w2" if known.calibration is None else "wx2"
        net, saliencies = partition_and_saliencies(
            model, parts, names, None, method, saliency, None, 0.0, seed, known.calibration, ends_of_network
        )
        for at in cut:
            name, ends = space.layers[at], space.ends[at]
            assert ends.reads is not None
            part[ends.reads] = net.layers[name].part_of("in").reshape(space.atoms[ends.reads], -1)[:, 0]
            if at in inner:
                part[ends.makes] = net.layers[name].part_of("out").reshape(space.atoms[ends.makes], -1)[:, 0]
                blocks[at] = block_saliency(net.layers[name], saliencies[name])
    return arranged(space, parts, part, known.orders, blocks)
