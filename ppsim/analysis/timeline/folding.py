"""Runs of equal pieces of work as one: what keeps a timeline small.

Pieces are equal if they have the same token. Neighbours become one fold where they repeat at equal distances: single
pieces first, then patterns of several, whose pieces may be folds themselves, as loops within loops make them. What is
irregular is put together only if there is no other way: then nothing finer than some time is told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

#: longest pattern that is looked for
WIDEST = 64


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of work in the order of time: start and end (fs), a token that equal ones share, and a layer's number."""

    start: Ints
    end: Ints
    token: Ints
    layer: Ints

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self.start)


@dataclass(frozen=True, eq=False)
class Folds:
    """Pieces from `first[i]` to before `first[i + 1]` as one.

    They repeat `repeats[i]` times every `period[i]` fs; 0 and 0 for a single piece and for those that do not repeat.
    Folds with the same token are equal but for their time.
    """

    pieces: Pieces
    first: Ints
    token: Ints
    period: Ints
    repeats: Ints
    #: what makes a fold -> its token
    tokens: dict[Any, int] = field(default_factory=dict)

    @staticmethod
    def of(pieces: Pieces) -> Folds:
        """Every piece by itself."""
        none = np.zeros(len(pieces), dtype=np.int64)
        return Folds(pieces, np.arange(len(pieces), dtype=np.int64), pieces.token, none, none)

    def __len__(self) -> int:
        """Number of folds."""
        return len(self.first)

    @property
    def beyond(self) -> Ints:
        """By fold: the piece after its last."""
        return np.append(self.first, len(self.pieces))[1:]

    def repeated(self, width: int, fewest: int) -> Folds:
        """With patterns of `width` neighbours folded where they repeat at least `fewest` times."""
        if len(self) < width * fewest:
            return self
        start = self.pieces.start[self.first]
        gap = np.diff(start)
        same = self.token[:-width] == self.token[width:]
        regular = same.copy()
        regular[:-1] &= gap[:-width] == gap[width:]
        regular[-1] = False  # nothing follows the last one
        steps = np.diff(regular.astype(np.int8), prepend=0, append=0)
        keep = np.ones(len(self), dtype=bool)
        token, period, repeats = self.token.copy(), self.period.copy(), self.repeats.copy()
        covered = 0
        for begin, stop in zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True):
            begin = max(begin, covered)
            # the distance to whatever comes after a pattern is no part of it
            times = (stop - begin + int(same[stop])) // width + 1
            if times < fewest:
                continue
            covered = begin + times * width
            period[begin], repeats[begin] = start[begin + width] - start[begin], times
            made = self.token[begin : begin + width].tobytes(), gap[begin : begin + width - 1].tobytes()
            what = *made, int(period[begin]), times
            token[begin] = self.tokens.setdefault(what, -1 - len(self.tokens))
            keep[begin + 1 : covered] = False
        return Folds(self.pieces, self.first[keep], token[keep], period[keep], repeats[keep], self.tokens)

    def coarser(self, finest_fs: int, across_layers: bool) -> Folds:
        """With neighbours put together that begin in the same `finest_fs` and are no longer than that."""
        pieces, last = self.pieces, self.beyond - 1
        start = pieces.start[self.first]
        long = pieces.end[last] - start > finest_fs
        cell = (start - start[0]) // finest_fs
        apart = long.copy()
        apart[0] = True
        apart[1:] |= long[:-1] | (cell[1:] != cell[:-1])
        if not across_layers:
            apart[1:] |= pieces.layer[self.first[1:]] != pieces.layer[last[:-1]]
        alone = np.diff(np.append(np.flatnonzero(apart), len(self))) == 1
        period, repeats = (np.where(alone, of[apart], 0) for of in (self.period, self.repeats))
        return Folds(pieces, self.first[apart], self.token[apart], period, repeats)

    def within(self, limit: int) -> Folds:
        """As many folds as `limit` at most: patterns first, then what is too fine to see."""
        folds = self
        for width in range(1, WIDEST + 1):
            if len(folds) <= limit:
                return folds
            folds = folds.repeated(width, 3)
        span = int(folds.pieces.end[-1] - folds.pieces.start[0])
        for across_layers in (False, True):
            finest = max(1, span // (4 * limit))
            while len(folds) > limit and finest <= 2 * span:
                folds = folds.coarser(finest, across_layers)
                finest *= 2
        return folds


def fair_share(counts: Sequence[int], total: int) -> int:
    """What each may have at most so that all together have `total`; at least 1."""
    left = total
    for done, count in enumerate(sorted(counts)):
        share = left // (len(counts) - done)
        if count > share:
            return max(1, share)
        left -= count
    return max(counts, default=1)
