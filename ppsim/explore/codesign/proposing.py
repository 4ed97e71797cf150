"""Designs within a budget: proposals of the integer program, and measured improvements of the best of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from ppsim.explore.codesign.bench import Bench
from ppsim.explore.codesign.searching import changes, search
from ppsim.explore.codesign.space import Design
from ppsim.pruning.methods import installed

#: shares of what forms lose that proposals leave out: what later layers make up for differs from network to network
FORGIVEN = (0.0, 0.7, 0.9, 0.97)
#: decimals of a loss that count: what is left of nothing is rounding
DIGITS = 9
#: proposals that are improved, measurements that this may take for each, and changes that are measured in a round
IMPROVED, MEASUREMENTS, ROUND = 2, 24, 8


@dataclass(frozen=True)
class Proposal:
    """A design, what the tables say it loses, and what it costs, simulated.

    `quality` is what the judge says of it, None without one.
    """

    design: Design
    loss: float
    price: int
    quality: float | None = None

    @property
    def rank(self) -> tuple[float, float, int]:
        """The better, the smaller; of equals, the cheaper."""
        return (-self.quality if self.quality is not None else 0.0, round(self.loss, DIGITS), self.price)


@dataclass(frozen=True)
class Step:
    """A design that was tried, what made it, and whether it was the best so far."""

    stage: str
    parts: int
    price: int
    loss: float
    quality: float | None
    best: bool


class Trajectory:
    """The designs that were tried, one after another, and the best of them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.best: Proposal | None = None

    def add(self, stage: str, proposal: Proposal) -> None:
        """Enter a design."""
        better = self.best is None or proposal.rank < self.best.rank
        if better:
            self.best = proposal
        design = proposal.design
        self.steps.append(Step(stage, design.parts, proposal.price, proposal.loss, proposal.quality, better))


def proposals(bench: Bench, parts: Sequence[int], budget: int) -> Iterator[Proposal]:
    """For each number of parts, and each share of what forms lose that does not count, what the program chooses."""
    seen = set()
    for count in parts:
        for forgiven in FORGIVEN if bench.judge else FORGIVEN[:1]:
            found = search(bench.searched(count, forgiven), bench.tables(count), bench.price, budget)
            if found is not None and found.design not in seen:
                seen.add(found.design)
                yield judged(bench, found.design)


def judged(bench: Bench, design: Design) -> Proposal:
    """A design with all that is known of it."""
    loss = bench.losses(design.parts, design.method).total(design)
    return Proposal(design, loss, bench.price(design), bench.quality(design) if bench.judge else None)


def proposed(bench: Bench, parts: Sequence[int], budget: int, others: Sequence[tuple[str, Proposal]]) -> Trajectory:
    """The best design within a budget that was found, and the way there.

    `others` are designs within the budget to start from beside the program's, with what they are called. With a judge,
    the best ones are put into parts by all methods, and changed step by step for as long as the judge likes it better.
    """
    found = Trajectory()
    starts = []
    for proposal in proposals(bench, parts, budget):
        found.add("program", proposal)
        starts.append(proposal)
    for stage, proposal in others:
        found.add(stage, proposal)
        starts.append(proposal)
    if bench.judge:
        for start in sorted(starts, key=attrgetter("rank"))[:IMPROVED]:
            starts += _reassigned(bench, start, budget, found)
        for start in sorted(starts, key=attrgetter("rank"))[:IMPROVED]:
            _climb(bench, start, budget, found)
        if found.best is not None:
            _reassigned(bench, found.best, budget, found)
    return found


def _reassigned(bench: Bench, start: Proposal, budget: int, found: Trajectory) -> list[Proposal]:
    """The same design with its units put into parts by other methods: what keeps most weight need not do most."""
    others = [replace(start.design, method=None if method == bench.method else method) for method in installed()]
    others = [design for design in others if design not in bench.qualities and bench.price(design) <= budget]
    proposals = [judged(bench, design) for design in others]
    for proposal in proposals:
        found.add("other assignment", proposal)
    return proposals


def _climb(bench: Bench, start: Proposal, budget: int, found: Trajectory) -> None:
    """Change a design for as long as the judge likes it better; what loses least by the tables is measured first."""
    here, left, tried = start, MEASUREMENTS, {start.design}
    while left > 0:
        for design in _promising(bench, here.design, budget, tried):
            tried.add(design)
            left -= 1
            candidate = judged(bench, design)
            found.add("measured change", candidate)
            if candidate.rank < here.rank:
                here = candidate
                break
            if left <= 0:
                return
        else:
            return


def _promising(bench: Bench, design: Design, budget: int, tried: set[Design]) -> list[Design]:
    """Changes within the budget that lose least, in turn by each way of counting losses.

    Of what the tables say is within the budget, give or take what they are wrong by here, the first are simulated.
    """
    of, tables = bench.searched(design.parts, 0.0), bench.tables(design.parts)
    ways = [bench.losses(design.parts, design.method).forgiving(forgiven) for forgiven in FORGIVEN]
    allowed = budget - bench.price(design) + of.estimate(tables, design)
    around = dict.fromkeys(changed for changed in changes(of, design) if changed not in tried)
    near = [changed for changed in around if of.loss(changed) < np.inf]
    near = [changed for changed in near if of.estimate(tables, changed) <= allowed]
    found: dict[Design, None] = {}
    for place in zip(*(sorted(near, key=way.total) for way in ways), strict=True):
        found |= {changed: None for changed in place if bench.price(changed) <= budget}
        if len(found) >= ROUND:
            break
    return list(found)[:ROUND]
