"""When one more accelerator is worth it: rules by name. A new rule is one class and one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ppsim.analysis.report.study import Measured
from ppsim.errors import InputError

#: the share that `--worth` changes
SHARE = 0.5


class Rule(Protocol):
    """Picks one number of accelerators (or parts) out of a curve."""

    name: ClassVar[str]

    def key(self, point: Measured) -> tuple[Any, ...]:
        """Of points with as many accelerators, the best has the least."""
        ...

    def enough(self, curve: Sequence[Measured]) -> Measured | None:
        """The point up to which more is worth it; None if no point is. Counts ascend, each comes once."""
        ...

    def needed(self, chosen: Measured, later: Measured) -> float | None:
        """How many times as fast a later count has to be to be worth it; None where no such number decides."""
        ...

    def told(self, noun: str) -> str:
        """The rule, as a report prints it under the answer."""
        ...


def _fastest(point: Measured) -> tuple[Any, ...]:
    return point.seconds, point.energy_pj, point.number


@dataclass(frozen=True)
class Marginal:
    """What is added has to bring at least `share` of the speed that what is there brings on average.

    Going from P to Q accelerators, time must shrink by at least 1 + share (Q / P - 1). A count that misses it is passed
    over: the next is held against the last one that was worth it.
    """

    share: float
    name: ClassVar[str] = "marginal"

    def key(self, point: Measured) -> tuple[Any, ...]:
        """The fastest."""
        return _fastest(point)

    def enough(self, curve: Sequence[Measured]) -> Measured | None:
        """The last count that the counts before it lead to."""
        chosen = curve[0]
        for later in curve[1:]:
            if chosen.seconds / later.seconds >= self.needed(chosen, later):
                chosen = later
        return chosen

    def needed(self, chosen: Measured, later: Measured) -> float:
        """1 + share (Q / P - 1)."""
        return 1 + self.share * (later.count / chosen.count - 1)

    def told(self, noun: str) -> str:
        """The rule in a sentence."""
        return (
            f"More {noun} are worth it as long as each one added brings at least {100 * self.share:g} % of the speed "
            "that those before it bring on average: doubling them has to make the run at least "
            f"{1 + self.share:g} times as fast."
        )


@dataclass(frozen=True)
class Efficiency:
    """At least `share` of pruning x accelerators has to be reached: 1 - losses."""

    share: float
    name: ClassVar[str] = "efficiency"

    def key(self, point: Measured) -> tuple[Any, ...]:
        """The fastest."""
        return _fastest(point)

    def enough(self, curve: Sequence[Measured]) -> Measured | None:
        """The last count that loses no more."""
        return next((point for point in reversed(curve) if 1 - point.loss >= self.share), None)

    def needed(self, chosen: Measured, later: Measured) -> None:
        """Losses decide."""

    def told(self, noun: str) -> str:
        """The rule in a sentence."""
        return (
            f"More {noun} are worth it as long as at least {100 * self.share:g} % of what pruning and the number of "
            "accelerators would give is reached, that is, links, shared DRAM and imbalance take no more than the rest."
        )


@dataclass(frozen=True)
class EnergyDelay:
    """The least product of energy and latency."""

    name: ClassVar[str] = "energy-delay"

    def key(self, point: Measured) -> tuple[Any, ...]:
        """The least product."""
        return point.energy_pj * point.seconds, point.number

    def enough(self, curve: Sequence[Measured]) -> Measured | None:
        """The count with the least product."""
        return min(curve, key=self.key)

    def needed(self, chosen: Measured, later: Measured) -> None:
        """The product decides."""

    def told(self, noun: str) -> str:
        """The rule in a sentence."""
        return f"More {noun} are worth it as long as energy times latency falls: the least product of all counts wins."


#: name -> a rule with a share; those that take none ignore it
RULES: dict[str, Callable[[float], Rule]] = {
    Marginal.name: Marginal,
    Efficiency.name: Efficiency,
    EnergyDelay.name: lambda share: EnergyDelay(),
}


def rule(name: str = Marginal.name, share: float | None = None) -> Rule:
    """A rule by its name; raises InputError for an unknown one, and for a share that is none or is not taken."""
    if name not in RULES:
        raise InputError(f"rule {name!r} is unknown; accepted: {', '.join(RULES)}")
    if share is not None and name == EnergyDelay.name:
        raise InputError(f"the rule {name} takes no share; leave --worth out")
    share = SHARE if share is None else share
    if not 0 < share <= 1:
        raise InputError(f"worth={share:g} is out of range; accepted: above 0, up to 1")
    return RULES[name](share)
