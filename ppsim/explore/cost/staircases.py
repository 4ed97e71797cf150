"""Staircases: what the whole network costs as a function of one width or rank, and the next value that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ppsim.explore.cost.costs import Cost

#: up to so many values below the present one are all simulated
FEW = 64
#: samples of a longer staircase, at equal distances
SAMPLES = 16

Kind = Literal["width", "rank"]


@dataclass(frozen=True, slots=True)
class Step:
    """A width or rank, what the whole network costs with it, and what that saves against the network as it is."""

    value: int
    cycles: int
    seconds: float
    energy_pj: float
    saved_cycles: int
    saved_seconds: float
    saved_energy_pj: float


@dataclass(frozen=True)
class Staircase:
    """The cost of the whole network, links and contention included, over the width or the rank of `layers`.

    `steps` begin with what there is now and go down. `complete`: they are all values there are; else they are samples,
    and what lies around each edge that is named. `next_faster` and `next_cheaper` are the largest values found below
    the present one at which the network takes less time, or less energy; one value more would not do. In a complete
    staircase no larger value does; in a sampled one, none that was simulated. None: no value does.
    """

    layers: tuple[str, ...]
    kind: Kind
    steps: tuple[Step, ...]
    complete: bool
    next_faster: Step | None
    next_cheaper: Step | None

    @property
    def now(self) -> Step:
        """What there is."""
        return self.steps[0]

    @property
    def one_less(self) -> Step | None:
        """The next lower value there is: one channel (or rank) less, or as many as go together."""
        return self.steps[1] if len(self.steps) > 1 else None

    def saved_seconds_each(self) -> float:
        """Seconds saved for each unit that is given up to get to the next value that is faster; 0 if none is."""
        step = self.next_faster
        return 0.0 if step is None else step.saved_seconds / (self.now.value - step.value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "layers": list(self.layers),
            "kind": self.kind,
            "complete": self.complete,
            "now": self.now.value,
            "next_faster": _plain(self.next_faster),
            "next_cheaper": _plain(self.next_cheaper),
            "steps": [_plain(step) for step in self.steps],
        }


def _plain(step: Step | None) -> dict[str, Any] | None:
    return None if step is None else {name: getattr(step, name) for name in Step.__dataclass_fields__}


def staircase(layers: tuple[str, ...], kind: Kind, values: range, costs: Callable[[int], Cost]) -> Staircase:
    """Walk down `values` (what there is now comes first); `costs(value)` is the cost of the whole network with one.

    Short staircases are walked step by step. Of a long one, a few values are tried; where the first of these that pays
    is found, the values between it and the last that does not are halved until the edge lies between neighbours.
    """
    walk = _Walk(values, costs)
    complete = len(values) <= FEW + 1
    if complete:
        indices = range(len(values))
    else:
        last = len(values) - 1
        indices = sorted({0, 1, *(round(last * number / SAMPLES) for number in range(SAMPLES + 1))})  # type: ignore[assignment]
    for index in indices:
        walk.at(index)
    faster, cheaper = walk.edge(_faster), walk.edge(_cheaper)
    steps = tuple(walk.steps[index] for index in sorted(walk.steps))
    return Staircase(layers, kind, steps, complete, faster, cheaper)


def _faster(step: Step) -> bool:
    return step.saved_seconds > 0


def _cheaper(step: Step) -> bool:
    return step.saved_energy_pj > 0


class _Walk:
    """The steps of a staircase that have been simulated, by their place in it."""

    def __init__(self, values: range, costs: Callable[[int], Cost]) -> None:
        self.values, self.costs = values, costs
        self.before = costs(values[0])
        self.steps: dict[int, Step] = {}

    def at(self, index: int) -> Step:
        """The step at a place, simulated once."""
        if index not in self.steps:
            before, after = self.before, self.costs(self.values[index])
            self.steps[index] = Step(
                value=self.values[index],
                cycles=after.cycles,
                seconds=after.seconds,
                energy_pj=after.energy_pj,
                saved_cycles=before.cycles - after.cycles,
                saved_seconds=before.seconds - after.seconds,
                saved_energy_pj=before.energy_pj - after.energy_pj,
            )
        return self.steps[index]

    def edge(self, pays: Callable[[Step], bool]) -> Step | None:
        """The first step that pays, of those known, and halved until the one before it is known not to."""
        known = sorted(self.steps)
        place = next((place for place, index in enumerate(known) if pays(self.steps[index])), None)
        if place is None:
            return None
        low, high = known[place - 1], known[place]
        while high - low > 1:
            middle = (low + high) // 2
            if pays(self.at(middle)):
                high = middle
            else:
                low = middle
        return self.steps[high]
