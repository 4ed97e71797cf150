"""What a layer loses in each form and width: the share of its outputs' variance that no weights can bring back.

The weights that a form leaves are the best there are (least squares, and for a rank the best factors: reduced-rank
regression), so that what is lost is `1 - explained / variance`. Losses of layers are added up as -log(1 - lost): the
shares that come through multiply.

That says what a layer loses, not what the network does: the layers behind it are fitted too, and make up for much of
what a cut takes away, but not for units that are gone. How much, nobody knows beforehand; `forgiven` is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_triangular

from ppsim.explore.codesign.arrangement import Arrangement, Atoms
from ppsim.explore.codesign.knowledge import Known, Matrix
from ppsim.explore.codesign.space import WHOLE, Design, Form

#: the most that a layer may lose: what is left is never quite nothing
MOST = 1 - 1e-6


@dataclass(eq=False)
class Losses:
    """Losses of the layers of an arrangement; spectra are computed when they are asked for and kept.

    Of what a form loses beyond what the width does, the share `forgiven` does not count.
    """

    known: Known
    arrangement: Arrangement
    forgiven: float = 0.0
    _spectra: dict[tuple[int, int, bool, int], list[list[float]]] = field(default_factory=dict)
    _factors: dict[tuple[int, bool, int], list[tuple[Atoms, Matrix]]] = field(default_factory=dict)

    def forgiving(self, share: float) -> Losses:
        """The same spectra, where another share of what forms lose does not count."""
        return Losses(self.known, self.arrangement, share, self._spectra, self._factors)

    def loss(self, layer: int, widths: Sequence[int], form: Form) -> float:
        """-log of the share of a layer's output variance that comes through; infinite where the form does not fit."""
        space, parts = self.known.space, self.arrangement.parts
        if not space.fits(layer, parts, widths, form):
            return np.inf
        reads = space.ends[layer].reads
        width = 0 if reads is None else widths[reads]
        rank = None
        if form.rank is not None:
            rank = space.rank(*space.units(layer, widths), space.taps(layer), parts, form)
        whole = self._logarithm(layer, width, WHOLE, None)
        if form.cut != "parts" and rank is None:
            return whole
        return whole + (1 - self.forgiven) * (self._logarithm(layer, width, form, rank) - whole)

    def total(self, design: Design) -> float:
        """Losses of all layers added up."""
        return sum(self.loss(at, design.widths, form) for at, form in enumerate(design.forms))

    def _logarithm(self, layer: int, width: int, form: Form, rank: int | None) -> float:
        key = (layer, width, form.cut == "parts", form.others)
        if key not in self._spectra:
            self._spectra[key] = self._explained(layer, width, form)
        explained = sum(sums[-1 if rank is None else min(rank, len(sums) - 1)] for sums in self._spectra[key])
        lost = 1 - explained / self.known.variances[layer]
        return float(-np.log1p(-min(max(lost, 0.0), MOST)))

    def _explained(self, layer: int, width: int, form: Form) -> list[list[float]]:
        """For each part, the variance of its outputs that kept inputs explain along the first 0, 1, 2, ... axes."""
        reads, found = self.known.space.ends[layer].reads, []
        for atoms, factor in self._factored(layer, form.cut == "parts", form.others):
            if reads is not None:
                left = np.count_nonzero(np.isin(atoms, self.arrangement.order[reads][:width]))
                factor = factor[:, : left * (factor.shape[1] // len(atoms))]
            found.append(factor)
        if form.cut != "parts":
            made = self._made(layer)
            found = [found[0][made == q] for q in range(self.arrangement.parts)]
        return [_spectrum(rows @ rows.T) for rows in found]

    def _made(self, layer: int) -> Atoms:
        """The part of each output unit of a layer."""
        ends = self.known.space.ends[layer]
        return np.repeat(self.arrangement.part[ends.makes], ends.units_made)

    def _factored(self, layer: int, parts: bool, others: int) -> list[tuple[Atoms, Matrix]]:
        """Atoms that stay longest first, and a factor whose first columns are of the first atoms: (outputs, columns).

        Outputs times their transposes are what these atoms explain: with L L' the covariance of what is read, in the
        order of the atoms, and X that of outputs with it, the factor is X L'^-1. One for each part, or for all.
        """
        key = (layer, parts, others)
        if key in self._factors:
            return self._factors[key]
        known, arrangement = self.known, self.arrangement
        ends, made = known.space.ends[layer], self._made(layer)
        order = np.zeros(1, dtype=np.int64) if ends.reads is None else arrangement.order[ends.reads]
        groups = [(np.arange(len(made)), order)]
        if parts:
            assert ends.reads is not None
            of = arrangement.part[ends.reads][order]
            near = [[q, *arrangement.nearest[layer][q][:others].tolist()] for q in range(arrangement.parts)]
            groups = [(np.flatnonzero(made == q), order[np.isin(of, near[q])]) for q in range(arrangement.parts)]
        found = []
        for outputs, atoms in groups:
            every = np.arange(known.weights[layer].shape[1])
            columns = every if ends.reads is None else known.columns(layer, atoms)
            factor = np.linalg.cholesky(known.covariances[layer][np.ix_(columns, columns)])
            cross = known.products[layer][np.ix_(outputs, columns)]
            found.append((atoms, np.asarray(solve_triangular(factor, cross.T, lower=True).T)))
        self._factors[key] = found
        return found


def _spectrum(matrix: Matrix) -> list[float]:
    """Sums of the largest 0, 1, 2, ... eigenvalues."""
    values = np.maximum(np.linalg.eigvalsh((matrix + matrix.T) / 2), 0.0) if len(matrix) else np.zeros(0)
    return [0.0, *np.cumsum(values[::-1]).tolist()]
