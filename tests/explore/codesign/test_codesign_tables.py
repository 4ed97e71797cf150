"""Tables of losses are what least squares lose, and tables of prices what networks cost."""

from __future__ import annotations

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.explore.codesign.bench import Bench
from ppsim.explore.codesign.building import built
from ppsim.explore.codesign.fitting import Teacher
from ppsim.explore.codesign.knowledge import arrangement_of, known
from ppsim.explore.codesign.losses import Losses
from ppsim.explore.codesign.prices import UNKNOWN, Pricing, cycles
from ppsim.explore.codesign.realising import realised
from ppsim.explore.codesign.space import WHOLE, Design, Form, space_of
from ppsim.pruning.compensation import compensate
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.model import Model


@pytest.fixture(scope="module")
def bench() -> Bench:
    """A perceptron on four accelerators."""
    model = perceptron(12, 24, 16, 8, seed=1)
    space = space_of(model.graph)
    inputs = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)
    pricing = Pricing(space, ppsim.load_system("tetris", accelerators=4), cycles)
    return Bench(known(model, space, inputs), pricing, "alternating", 0, Teacher(model, space.layers, inputs))


@pytest.mark.parametrize(
    "form", [WHOLE, Form("parts"), Form("parts", 1), Form("parts", 0, 0.5), Form("whole", rank=0.5)]
)
def test_a_loss_is_what_the_best_weights_lose(bench: Bench, form: Form) -> None:
    """fc2 at two thirds of its inputs: its outputs' variance less what least squares explain, part by part."""
    space, arrangement = bench.space, bench.arrangement(4)
    widths = (12, 16, 16, 8)
    inputs = bench.teacher.inputs
    outputs = outputs_of(bench.known.model, inputs, ["relu1", "fc2"])
    reads, makes = outputs["relu1"].astype(float), outputs["fc2"].astype(float)
    reads, makes = reads - reads.mean(0), makes - makes.mean(0)
    kept = arrangement.kept(1, 16)
    rank = None if form.rank is None else space.rank(16, 16, 1, 4, form)
    missed = 0.0
    for q in range(4):
        near = [q, *arrangement.nearest[1][q][: form.others].tolist()]
        own = kept if form.cut == "whole" else kept[np.isin(arrangement.part[1][kept], near)]
        wanted = makes[:, arrangement.part[2] == q]
        fitted = reads[:, own] @ np.linalg.lstsq(reads[:, own], wanted, rcond=None)[0]
        if rank is not None:
            left, sizes, right = np.linalg.svd(fitted, full_matrices=False)
            fitted = left[:, :rank] * sizes[:rank] @ right[:rank]
        missed += float(((wanted - fitted) ** 2).sum())
    expected = -np.log(1 - missed / float((makes**2).sum()))
    found = Losses(bench.known, arrangement).loss(1, widths, form)
    # the ridge makes up for most of the difference
    assert found == pytest.approx(expected, rel=0.05, abs=0.02)


def test_a_price_is_a_share_of_a_simulated_network(bench: Bench) -> None:
    of, tables = bench.searched(4, 0.0), bench.tables(4)
    for form in (WHOLE, Form("parts")):
        design = Design(4, tuple(widths[1 if len(widths) > 1 else 0] for widths in of.widths), (form, form, WHOLE))
        net = built(bench.space, design, bench.arrangement(4))
        result = ppsim.simulate(net, bench.pricing.system)
        assert bench.price(design) == result.cycles
        # tables know a layer's own form, not its neighbours'
        assert of.estimate(tables, design) == pytest.approx(result.cycles, rel=0.2)


def test_every_form_that_fits_has_a_price(bench: Bench) -> None:
    of = bench.searched(4, 0.0)
    for losses, prices in zip(of.tables, bench.tables(4), strict=True):
        assert ((prices != UNKNOWN) == (losses < np.inf)).all()


def test_macs_and_weights_are_those_of_the_network(bench: Bench) -> None:
    of, space = bench.searched(4, 0.0), bench.space
    draw = np.random.default_rng(3)
    for _ in range(40):
        widths = tuple(int(draw.choice(one)) for one in of.widths)
        forms = tuple(forms[draw.integers(len(forms))] for forms in of.forms)
        if all(space.fits(at, 4, widths, form) for at, form in enumerate(forms)):
            net = built(space, Design(4, widths, forms), bench.arrangement(4))
            total = sum(space.macs(at, 4, widths, form) for at, form in enumerate(forms))
            assert total == net.macs


def test_fitting_from_all_places_is_what_compensate_does(bench: Bench) -> None:
    model, teacher = bench.known.model, bench.teacher
    design = Design(4, bench.space.atoms, (Form("parts"), Form("parts"), Form("sums")))
    arrangement = bench.arrangement(4)
    fitted = realised(model, bench.space, design, arrangement, teacher)
    expected = compensate(model, built(bench.space, design, arrangement), teacher.inputs)
    inputs = np.random.default_rng(9).normal(size=(50, 12)).astype(np.float32)
    ours, theirs = (outputs_of(one, inputs, ["fc3"])["fc3"] for one in (fitted.model, expected))
    assert np.allclose(ours, theirs, atol=1e-4)


def test_branches_convolutions_and_concatenations() -> None:
    """What lies on several axes, or goes through other layers than these, is left as wide as it is."""
    model: Model = branches()
    space = space_of(model.graph)
    inputs = np.random.default_rng(0).normal(size=(60, *model.graph.input_shape)).astype(np.float32)
    weighed = known(model, space, inputs)
    arrangement = arrangement_of(weighed, 2, "alternating", 0)
    teacher = Teacher(model, space.layers, inputs)
    for axis, atoms in enumerate(space.atoms):
        widths = tuple(max(1, a // 2) if at == axis and space.narrowable[at] else a for at, a in enumerate(space.atoms))
        design = Design(2, widths, (WHOLE,) * len(space.layers))
        left = realised(model, space, design, arrangement, teacher)
        assert left.model.graph == left.net.graph
        assert (left.net.macs < model.graph.macs) == (space.narrowable[axis] and atoms > 1)
