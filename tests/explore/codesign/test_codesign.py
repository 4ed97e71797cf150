"""Co-design keeps what it promises: within the budget, as claimed when simulated again, the model of its network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from models import perceptron

import ppsim
from ppsim.errors import InputError
from ppsim.explore.codesign import proposing, space
from ppsim.explore.codesign.codesign import codesign, codesign_front
from ppsim.explore.codesign.report import Codesigned, Front
from ppsim.pruning import methods
from ppsim.pruning.masks import masked, masks_of
from ppsim.workload.model import Model


def inputs(count: int, units: int) -> np.ndarray:
    """Inputs that vary in fewer directions than they have units."""
    draw = np.random.default_rng(5)
    return (draw.normal(size=(count, 6)) @ draw.normal(size=(6, units))).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def few_options() -> Iterator[None]:
    """Few widths and forms, so that tables are quickly made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "SHARES", (1, 3 / 4, 1 / 2, 1 / 4))
        patch.setattr(space, "RANKS", (1 / 2,))
        patch.setattr(space, "OTHERS", (1,))
        patch.setattr(proposing, "MEASUREMENTS", 6)
        yield


@pytest.fixture(scope="module")
def model() -> Model:
    """A perceptron of random weights."""
    return perceptron(96, 128, 96, 8, seed=3)


@pytest.fixture(scope="module")
def system() -> ppsim.System:
    """Four accelerators."""
    return ppsim.load_system("tetris", accelerators=4)


@pytest.fixture(scope="module")
def front(model: Model, system: ppsim.System) -> Front:
    """Designs for three latencies."""
    whole = ppsim.simulate(model.graph, system).seconds
    goals = [whole / 1.3, whole / 2, whole / 2.5]
    return codesign_front(model, system, target_latencies=goals, parts=(4,), calibration=inputs(400, 96))


def test_every_design_is_within_its_budget_and_simulates_as_claimed(front: Front, system: ppsim.System) -> None:
    assert len(front.designs) == 3
    for one in front.designs:
        for design in (one.best, *one.rivals):
            again = ppsim.simulate(design.net, system)
            assert (again.seconds, again.energy_pj, again.macs) == (design.seconds, design.energy_pj, design.macs)
            assert design.seconds <= one.goal_latency
            assert sum(layer.cycles for layer in design.layers) == design.cycles


def test_nothing_loses_less_than_the_bound(front: Front) -> None:
    """Of the designs whose units the search's own method put into parts."""
    for one in front.designs:
        bounded = [design.loss for design in (one.best, *one.rivals) if design.method == "alternating"]
        assert len(bounded) >= 2
        assert one.bound <= min(bounded) + 1e-9
    assert any(one.bound > 0 for one in front.designs)


def test_the_best_is_judged_no_worse_than_its_rivals_and_tighter_budgets_no_better(front: Front) -> None:
    for one in front.designs:
        assert {rival.name for rival in one.rivals} == {"uniform", "fewest MACs"}
        assert all(one.best.quality >= rival.quality for rival in one.rivals)
        assert any(step.best for step in one.steps)
    qualities = [one.best.quality for one in front.designs]
    assert qualities == sorted(qualities, reverse=True)
    starts = {step.stage for one in front.designs for step in one.steps}
    assert starts >= {"program", "uniform", "fewest MACs", "tighter budget", "other assignment"}


def test_the_model_is_that_of_the_network(front: Front) -> None:
    for one in front.designs:
        net, chosen = one.net, one.model
        assert chosen.graph == net.graph
        left = masked(chosen, masks_of(net))
        assert all(np.array_equal(left.weight(name), chosen.weight(name)) for name in net.layers)
        for name, layer in net.layers.items():
            if layer.rank is not None:
                parts, weight = layer.part_of("out"), chosen.weight(name)
                ranks = [np.linalg.matrix_rank(weight[parts == q], tol=1e-4) for q in range(net.parts)]
                assert max(ranks) <= layer.rank


def test_the_same_arguments_give_the_same_design(front: Front, model: Model, system: ppsim.System) -> None:
    goal = front.designs[-1].goal_latency
    again = codesign(model, system, target_latency=goal, parts=(4,), calibration=inputs(400, 96))
    assert again.to_dict() == front.designs[-1].to_dict()


def test_a_judge_decides(model: Model, system: ppsim.System) -> None:
    """One that counts what is left of the first layer has all of it kept whole."""
    goal = ppsim.simulate(model.graph, system).seconds / 1.3

    def first_layer(candidate: Model) -> float:
        return float(np.count_nonzero(candidate.weight("fc1")))

    liked = codesign(model, system, goal, parts=(4,), calibration=inputs(100, 96), judge=first_layer, rivals=False)
    other = codesign(model, system, goal, parts=(4,), calibration=inputs(100, 96), rivals=False)
    assert liked.judged_by == "accuracy"
    assert first_layer(liked.model) >= first_layer(other.model)
    assert max(step.quality for step in liked.steps) == liked.best.quality == first_layer(liked.model)


def test_energy_is_a_budget_too(model: Model, system: ppsim.System) -> None:
    whole = ppsim.simulate(model.graph, system).energy_pj
    found = codesign(model, system, target_energy=whole / 2, parts=(4,), rivals=False)
    assert ppsim.simulate(found.net, system).energy_pj == found.best.energy_pj <= whole / 2
    assert (found.judged_by, found.fitted_to) == (None, 0)
    assert found.bound <= found.best.loss + 1e-9


def test_the_fastest_of_an_accuracy_has_it_and_is_faster_than_the_whole(model: Model, system: ppsim.System) -> None:
    found: Codesigned = codesign(model, system, min_accuracy=0.9, parts=(4,), calibration=inputs(400, 96), rivals=False)
    assert found.best.quality >= 0.9
    assert found.best.cycles == min(step.price for step in found.steps if step.quality >= 0.9)
    assert found.best.seconds < ppsim.simulate(model.graph, system).seconds


def test_a_budget_larger_than_is_needed_prunes_nothing(model: Model, system: ppsim.System) -> None:
    """And of what loses nothing, the fastest is taken."""
    whole = ppsim.simulate(model.graph, system)
    for budget in (2 * whole.seconds, 1e9):
        found = codesign(model, system, target_latency=budget, parts=(4,), rivals=False)
        assert found.best.loss == pytest.approx(0, abs=1e-9)
        assert found.best.seconds <= whole.seconds


def test_methods_whose_package_is_missing_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(methods.METHODS) >= set(methods.installed()) >= set(methods.METHODS) - set(methods.NEEDS)
    monkeypatch.setattr(methods, "find_spec", lambda name: None)
    assert "alternating" in methods.installed()
    assert not set(methods.NEEDS) & set(methods.installed())


def test_what_cannot_be_is_refused(model: Model, system: ppsim.System) -> None:
    with pytest.raises(InputError, match="no design of perceptron that was tried meets"):
        codesign(model, system, target_latency=1e-9, parts=(4,))
    with pytest.raises(InputError, match="give one of target_latency"):
        codesign(model, system)
    with pytest.raises(InputError, match="give one of target_latency"):
        codesign(model, system, target_latency=1e-6, target_energy=1.0)
    with pytest.raises(InputError, match="min_accuracy is measured"):
        codesign(model, system, min_accuracy=0.9)
    for parts in ((1,), (4, 129)):
        with pytest.raises(InputError, match="numbers of parts from 2 to 128"):
            codesign(model, system, target_latency=1e-6, parts=parts)
    for target in (-1e-6, 0.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="finite numbers above 0"):
            codesign(model, system, target_latency=target)
        with pytest.raises(InputError, match="finite numbers above 0"):
            codesign_front(model, system, target_energies=[1.0, target])
    with pytest.raises(InputError, match="give a Model"):
        codesign(model.graph, system, target_latency=1e-6)
    with pytest.raises(InputError, match="too large for float32"):
        codesign(model, system, target_latency=1e-6, calibration=np.full((20, 96), 1e100))
    with pytest.raises(InputError, match="ten at least"):
        codesign(model, system, target_latency=1e-6, calibration=inputs(3, 96))
