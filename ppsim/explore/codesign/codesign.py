"""`codesign`: parts, kept blocks, widths and ranks of each layer that lose least within a simulated budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import attrgetter

import numpy as np

from ppsim.analysis.quantities import si
from ppsim.errors import InputError
from ppsim.explore.codesign.bench import Bench, Judge
from ppsim.explore.codesign.bounds import loss_bound
from ppsim.explore.codesign.fitting import Teacher
from ppsim.explore.codesign.knowledge import known
from ppsim.explore.codesign.prices import IMPOSSIBLE, Pricing, cycles, energy, entries
from ppsim.explore.codesign.proposing import Proposal, Step, judged, proposed
from ppsim.explore.codesign.report import Chosen, Codesigned, Front, chosen
from ppsim.explore.codesign.rivals import fewest_macs, uniform
from ppsim.explore.codesign.space import WHOLE, Design, space_of
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import checked_inputs
from ppsim.workload.model import Array, Model

#: called with the designs that were simulated or measured, and about how many there will be
Progress = Callable[[int, int], None]
#: designs that are measured for a budget, about: for the bar alone
MEASURED = 60
#: inputs that tried designs are fitted to, and the share of calibration inputs that are held back to judge them
TRIED_ON, HELD_BACK = 1000, 0.3
#: inputs that covariances are of
KNOWN_FROM = 1000
#: budgets that are tried on the way to an accuracy
HALVINGS = 7


@dataclass(frozen=True)
class Goal:
    """What a design may cost: `latency` in seconds, or `energy` in pJ."""

    latency: float | None = None
    energy: float | None = None

    def budget(self, system: System) -> int:
        """In whole cycles of accelerator 0, or thousandths of a pJ; less than what stands for the impossible."""
        if self.latency is not None:
            return min(int(self.latency * system.clock_hz * (1 + 1e-12)), IMPOSSIBLE - 1)
        assert self.energy is not None
        return min(int(self.energy * 1000), IMPOSSIBLE - 1)

    def reached(self, price: int, system: System) -> Goal:
        """The goal that a price just meets."""
        return Goal(latency=price / system.clock_hz) if self.latency is not None else Goal(energy=price / 1000)

    def describe(self) -> str:
        """With its unit."""
        return si(self.latency, "s") if self.latency is not None else si((self.energy or 0.0) * 1e-12, "J")


def codesign(
    model: Model,
    system: System | str = "tetris",
    target_latency: float | None = None,
    target_energy: float | None = None,
    min_accuracy: float | None = None,
    layers: str = "*",
    parts: Sequence[int] | None = None,
    calibration: Array | None = None,
    judge: Judge | None = None,
    rivals: bool = True,
    method: str = "alternating",
    seed: int = 0,
    progress: Progress | None = None,
) -> Codesigned:
    """The design that loses least within a latency (s) or an energy (pJ), or the fastest of a `min_accuracy` (0 to 1).

    `layers` is a glob over the linear layers and convolutions that may be changed, `parts` the numbers of parts to try
    (None: half as many as accelerators, as many, and twice as many). `calibration` are inputs, (N, ...), without
    labels: some thousands do. With them weights are fitted by least squares, and the search measures what designs still
    do: `judge` says how good a fitted Model is, more is better; None: how often the largest output is that of the whole
    network, on calibration inputs held back. Without them, the search goes by the weights alone. `rivals` are what it
    is held against: uniform pruning and the fewest multiply-accumulates, at the same budget. `method` puts units into
    parts, as in `ppsim.partition`; the best designs that are measured are tried with all other methods' parts too. The
    same arguments give the same design.

    Raises InputError unless one target is given, for one that nothing meets, or for arguments that do not fit.
    """
    targets = [target for target in (target_latency, target_energy, min_accuracy) if target is not None]
    if len(targets) != 1:
        raise InputError("codesign: give one of target_latency, target_energy and min_accuracy")
    _check_model(model)
    _check("target", targets)
    bench, judged_by, final = _bench(model, system, target_energy is not None, layers, calibration, judge, method, seed)
    counts = _parts(bench, parts)
    _report(bench, counts, HALVINGS if min_accuracy is not None else 1, progress)
    if min_accuracy is not None:
        if bench.judge is None:
            raise InputError("codesign: min_accuracy is measured: give calibration=... or judge=...")
        return _fastest(bench, counts, min_accuracy, judged_by, final, rivals)
    return _within(bench, counts, Goal(target_latency, target_energy), judged_by, final, rivals, {})


def codesign_front(
    model: Model,
    system: System | str,
    target_latencies: Sequence[float] = (),
    target_energies: Sequence[float] = (),
    layers: str = "*",
    parts: Sequence[int] | None = None,
    calibration: Array | None = None,
    judge: Judge | None = None,
    rivals: bool = True,
    method: str = "alternating",
    seed: int = 0,
    progress: Progress | None = None,
) -> Front:
    """`codesign` for several budgets, all latencies (s) or all energies (pJ), with what they have in common done once.

    Tighter budgets come first: what is found for one is a start for the next. Budgets that nothing meets are left out,
    and named. Raises InputError as `codesign` does.
    """
    if bool(target_latencies) == bool(target_energies):
        raise InputError("codesign: give target_latencies or target_energies")
    _check_model(model)
    _check("targets", [*target_latencies, *target_energies])
    by_energy = bool(target_energies)
    bench, judged_by, final = _bench(model, system, by_energy, layers, calibration, judge, method, seed)
    counts = _parts(bench, parts)
    goals = [Goal(energy=e) for e in target_energies] or [Goal(latency=t) for t in target_latencies]
    _report(bench, counts, len(goals), progress)
    found, missed, tighter = list[Codesigned](), list[str](), dict[str, Proposal]()
    for goal in sorted(goals, key=lambda goal: goal.budget(bench.pricing.system)):
        try:
            found.insert(0, _within(bench, counts, goal, judged_by, final, rivals, tighter))
        except UnmetError as error:
            missed.insert(0, str(error))
    if not found:
        raise InputError(missed[0])
    return Front(tuple(found), tuple(missed))


class UnmetError(InputError):
    """No design meets a budget."""


def _check_model(model: Model) -> None:
    """Raise InputError for a network without weights."""
    if not isinstance(model, Model):
        raise InputError("codesign: what is lost depends on weights; give a Model, as ppsim.load_model makes it")


def _check(name: str, targets: Sequence[float]) -> None:
    """Raise InputError for targets that are no amounts."""
    for target in targets:
        if not (isfinite(target) and target > 0):
            raise InputError(f"codesign: {name}={target:g}: accepted: finite numbers above 0")


def _bench(
    model: Model,
    system: System | str,
    by_energy: bool,
    layers: str,
    calibration: Array | None,
    judge: Judge | None,
    method: str,
    seed: int,
) -> tuple[Bench, str, Teacher | None]:
    """What all budgets have in common, what the judge's number is called, and what the chosen design is fitted to."""
    space = space_of(model.graph, layers)
    hardware = load_system(system) if isinstance(system, str) else system
    teacher, final, called = None, None, "accuracy"
    if calibration is not None:
        inputs = checked_inputs(model.graph, calibration)
        if len(inputs) < 10:
            raise InputError(f"calibration: {len(inputs)} inputs; co-design needs some hundreds, ten at least")
        if judge is None:
            held = inputs[len(inputs) - round(HELD_BACK * len(inputs)) :]
            inputs, called = inputs[: len(inputs) - len(held)], "agreement"

            def judge(candidate: Model) -> float:
                changes = output_changes(model, candidate, held)
                return float(np.mean([change.same_largest for change in changes]))

        teacher = Teacher(model, space.layers, inputs[:TRIED_ON], seed)
        final = Teacher(model, space.layers, inputs, seed)
    weighed = known(model, space, None if teacher is None else teacher.inputs[:KNOWN_FROM])
    pricing = Pricing(space, hardware, energy if by_energy else cycles)
    return Bench(weighed, pricing, method, seed, teacher, judge), called, final


def _parts(bench: Bench, parts: Sequence[int] | None) -> tuple[int, ...]:
    """The numbers of parts to try; raises InputError for those below 2."""
    if parts is None:
        accelerators = bench.pricing.system.accelerators
        return tuple(sorted({max(2, count) for count in (accelerators // 2, accelerators, 2 * accelerators)}))
    most = max(bench.space.atoms)
    if not parts or min(parts) < 2 or max(parts) > most:
        raise InputError(f"codesign: parts={list(parts)}: accepted: numbers of parts from 2 to {most}, its most units")
    return tuple(dict.fromkeys(parts))


def _report(bench: Bench, parts: Sequence[int], budgets: int, progress: Progress | None) -> None:
    """Have the bench say how far it is."""
    total = sum(entries(bench.space, count) for count in parts) + budgets * MEASURED
    if progress is not None:
        bench.report = lambda: progress(min(bench.pricing.simulated + bench.measured, total), total)


def _within(
    bench: Bench,
    parts: Sequence[int],
    goal: Goal,
    called: str,
    final: Teacher | None,
    rivals: bool,
    tighter: dict[str, Proposal],
) -> Codesigned:
    """The best design for a goal; `tighter` holds, by name, those of the last budget, which this one allows too."""
    budget = goal.budget(bench.pricing.system)
    others = _rivals(bench, parts, budget, tighter) if rivals else []
    starts = [("tighter budget", tighter["co-design"])] if "co-design" in tighter else []
    unpruned = _unpruned(bench, parts)
    if bench.price(unpruned) <= budget:
        starts.append(("unpruned", judged(bench, unpruned)))
    found = proposed(bench, parts, budget, [*others, *starts])
    if found.best is None:
        least = bench.pricing.least
        needs = f"; the least of them needs {goal.reached(least, bench.pricing.system).describe()}"
        raise UnmetError(
            f"codesign: no design of {bench.space.graph.name} that was tried meets {goal.describe()}"
            + (needs if least < IMPOSSIBLE else "; none runs on this system")
        )
    tighter |= {**dict(others), "co-design": found.best}
    bound = loss_bound(bench, parts, budget, goal.energy is not None)
    return _told(bench, goal, found.best, tuple(found.steps), others, bound, called, final)


def _unpruned(bench: Bench, parts: Sequence[int]) -> Design:
    return Design(parts[0], bench.space.atoms, (WHOLE,) * len(bench.space.layers))


def _rivals(
    bench: Bench, parts: Sequence[int], budget: int, tighter: Mapping[str, Proposal]
) -> list[tuple[str, Proposal]]:
    found = []
    for name, designs in (("uniform", uniform), ("fewest MACs", fewest_macs)):
        proposals = [judged(bench, design) for design in designs(bench, parts, budget)]
        proposals += [tighter[name]] if name in tighter else []
        if proposals:
            found.append((name, min(proposals, key=attrgetter("rank"))))
    return found


def _told(
    bench: Bench,
    goal: Goal,
    best: Proposal,
    steps: tuple[Step, ...],
    others: Sequence[tuple[str, Proposal]],
    bound: float,
    called: str,
    final: Teacher | None,
) -> Codesigned:
    def told(name: str, proposal: Proposal) -> Chosen:
        return chosen(name, bench, proposal, bench.realised(proposal.design, final))

    mine = told("co-design", best)
    return Codesigned(
        goal_latency=goal.latency,
        goal_energy_pj=goal.energy,
        best=mine,
        rivals=tuple(told(name, proposal) for name, proposal in others),
        bound=bound,
        steps=steps,
        judged_by=called if bench.judge else None,
        fitted_to=0 if final is None else len(final.inputs),
        assumptions=tuple(bench.pricing.system.assumptions()),
    )


def _fastest(
    bench: Bench,
    parts: Sequence[int],
    wanted: float,
    called: str,
    final: Teacher | None,
    rivals: bool,
) -> Codesigned:
    """The cheapest good one of all designs on the way: budgets from a thousandth of the unpruned latency, halved."""
    system = bench.pricing.system
    high = bench.price(_unpruned(bench, parts))
    low, steps, best = max(1, high // 1000), list[Step](), None
    for _ in range(HALVINGS):
        middle = round((low * high) ** 0.5)
        steps += proposed(bench, parts, middle, ()).steps
        good = [design for design, quality in bench.qualities.items() if quality >= wanted]
        best = min(good, key=lambda design: (bench.price(design), -bench.qualities[design]), default=None)
        if best is None or bench.price(best) > middle:
            low = middle
        high = high if best is None else min(high, bench.price(best))
    if best is None:
        raise InputError(
            f"codesign: no design faster than the unpruned network has an {called} of {wanted:g}; ask for less, or "
            "give more calibration inputs"
        )
    budget, goal = bench.price(best), Goal(latency=bench.price(best) / system.clock_hz)
    others = _rivals(bench, parts, budget, {}) if rivals else []
    bound = loss_bound(bench, parts, budget, False)
    return _told(bench, goal, judged(bench, best), tuple(steps), others, bound, called, final)
