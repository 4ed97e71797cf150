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
from scipy.linalg import cho_factor, cho_solve

from ppsim.explore.codesign.arrangement import Arrangement, Atoms
from ppsim.explore.codesign.knowledge import Known, Matrix
from ppsim.explore.codesign.space import WHOLE, Form

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

    def forgiving(self, share: float) -> Losses:
        """The same spectra, where another share of what forms lose does not count."""
        return Losses(self.known, self.arrangement, share, self._spectra)

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

    def _logarithm(self, layer: int, width: int, form: Form, rank: int | None) -> float:
        key = (layer, width, form.cut == "parts", form.others)
        if key not in self._spectra:
            self._spectra[key] = self._explained(layer, width, form)
        explained = sum(sums[-1 if rank is None else min(rank, len(sums) - 1)] for sums in self._spectra[key])
        lost = 1 - explained / self.known.variances[layer]
        return float(-np.log1p(-min(max(lost, 0.0), MOST)))

    def _explained(self, layer: int, width: int, form: Form) -> list[list[float]]:
        """For each part, the variance of its outputs that kept inputs explain along the first 0, 1, 2, ... axes."""
        space, arrangement, known = self.known.space, self.arrangement, self.known
        ends, parts = space.ends[layer], arrangement.parts
        made = np.repeat(arrangement.part[ends.makes], ends.units_made)
        if ends.reads is None:
            columns = np.arange(known.weights[layer].shape[1])
            kept = None
        else:
            kept = arrangement.kept(ends.reads, width)
            columns = known.columns(layer, kept)
        if form.cut != "parts":
            matrix = self._of(layer, np.arange(len(made)), columns)
            return [_spectrum(matrix[np.ix_(made == q, made == q)]) for q in range(parts)]
        assert kept is not None
        assert ends.reads is not None
        of = arrangement.part[ends.reads][kept]
        found = []
        for q in range(parts):
            near = [q, *arrangement.nearest[layer][q][: form.others].tolist()]
            own = known.columns(layer, kept[np.isin(of, near)])
            found.append(_spectrum(self._of(layer, np.flatnonzero(made == q), own)))
        return found

    def _of(self, layer: int, outputs: Atoms, columns: Atoms) -> Matrix:
        """Covariance of some outputs as far as some columns explain them."""
        covariance = self.known.covariances[layer]
        cross = self.known.products[layer][np.ix_(outputs, columns)]
        factor = cho_factor(covariance[np.ix_(columns, columns)])
        return np.asarray(cross @ cho_solve(factor, cross.T), dtype=np.float64)


def _spectrum(matrix: Matrix) -> list[float]:
    """Sums of the largest 0, 1, 2, ... eigenvalues."""
    values = np.maximum(np.linalg.eigvalsh((matrix + matrix.T) / 2), 0.0) if len(matrix) else np.zeros(0)
    return [0.0, *np.cumsum(values[::-1]).tolist()]
