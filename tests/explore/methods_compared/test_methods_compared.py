"""`compare_methods`: every row is a network that meets the target when it is simulated again, or says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compared_networks import CONVOLUTIONS, PARTS, PERCEPTRON, SEES, images, inputs_of, system, task, trained

import ppsim
from ppsim import InputError, LayerGraph, Model, PartitionedGraph
from ppsim.explore.methods_compared.comparing import ROUNDING, WHY
from ppsim.explore.methods_compared.contract import Needs, Reached, Task, UnreachableError
from ppsim.explore.methods_compared.fitting import fitted_layers, fitted_weights
from ppsim.explore.methods_compared.methods import METHODS
from ppsim.explore.training import accuracy
from ppsim.hardware.accelerator import Group
from ppsim.pruning.output_change import output_changes

PAGE = Path(__file__).parents[3] / "docs" / "commands" / "compare-methods.md"
#: targets that most methods reach, and those that do not: more layers in a row exchange more, and arrays that are busy
#: all the time gain nothing from fewer bytes
SHARE, SHARES = 0.6, {"perceptron": 0.6, "convolutions": 0.9}
OUT_OF_REACH: dict[str, set[str]] = {"perceptron": set(), "convolutions": {"unstructured", "trp-channel"}}
METHODS_AT = "ppsim.explore.methods_compared.comparing.METHODS"


@pytest.fixture(scope="module", params=[PERCEPTRON, CONVOLUTIONS], ids=lambda graph: graph.name)
def model(request: pytest.FixtureRequest) -> Model:
    return trained(request.param)


@pytest.fixture(scope="module")
def compared(model: Model) -> ppsim.MethodsCompared:
    inputs = inputs_of(model.graph)
    return ppsim.compare_methods(model, system(), latency_share=SHARES[model.graph.name], calibration=inputs)


@pytest.mark.parametrize("name", METHODS)
def test_a_row_is_what_simulating_its_network_gives(name: str, model: Model, compared: ppsim.MethodsCompared) -> None:
    row, whole, share = compared[name], ppsim.simulate(model.graph, system()), SHARES[model.graph.name]
    assert row.reached == (name not in OUT_OF_REACH[model.graph.name])
    if not row.reached:
        return
    net = METHODS[name](task(model.graph, share, model, inputs_of(model.graph))).net
    for gain, on in zip(row.gains, (system().alone(), system()), strict=True):
        found, before = ppsim.simulate(net, on), ppsim.simulate(model.graph, on)
        assert gain.accelerators == on.accelerators
        assert (gain.seconds, gain.energy_pj) == (found.seconds, found.energy_pj)
        assert gain.speedup == before.seconds / found.seconds
        assert gain.energy_reduction == before.energy_pj / found.energy_pj
    assert row.gains[-1].seconds <= share * whole.seconds * (1 + ROUNDING)
    assert (row.macs, row.mac_ratio) == (net.macs, model.graph.macs / net.macs)
    # as little pruned as the knob allows: far from twice as fast as asked for
    assert row.gains[-1].speedup < 1.5 / share


@pytest.mark.parametrize("name", METHODS)
def test_the_weights_are_those_of_the_network(name: str, model: Model) -> None:
    inputs = inputs_of(model.graph)
    this = task(model.graph, SHARES[model.graph.name], model, inputs)
    if name in OUT_OF_REACH[model.graph.name]:
        with pytest.raises(UnreachableError):
            METHODS[name](this)
        return
    found = METHODS[name](this)
    assert found.model is not None
    nonzero = {layer: np.count_nonzero(found.model.weight(layer)) for layer in found.model.graph.divisible}
    if isinstance(found.net, PartitionedGraph):
        for layer, of in found.net.layers.items():
            if of.sparsity.kind != "dense" or of.weights < of.dense_weights:
                assert nonzero[layer] == of.nonzeros(found.net.taps(layer))
    else:
        assert found.net == found.model.graph
    # fitted to the inputs, it still does roughly what the whole network does
    assert output_changes(model, found.model, inputs)[0].relative_error < 0.9


def test_what_is_lost_is_measured_as_elsewhere(model: Model, compared: ppsim.MethodsCompared) -> None:
    unpruned = compared.rows[0]
    assert unpruned.method == "unpruned"
    assert (unpruned.mac_ratio, unpruned.lost.weights_kept, unpruned.lost.output_error) == (1, 1, 0)
    inputs = inputs_of(model.graph)
    found = METHODS["cap"](task(model.graph, SHARES[model.graph.name], model, inputs))
    assert found.model is not None
    change = output_changes(model, found.model, inputs)[0]
    assert compared["cap"].lost.output_error == pytest.approx(change.relative_error, rel=1e-3)
    shares = [row.lost.weights_kept for row in compared.rows if row.lost.weights_kept is not None]
    assert all(0 < share <= 1 for share in shares)


def test_squares_of_what_is_left() -> None:
    model = trained(PERCEPTRON)
    found = METHODS["channels-magnitude"](task(PERCEPTRON, SHARE, model, None))
    assert found.model is not None
    assert isinstance(found.net, LayerGraph)
    total = sum(float((model.weight(name) ** 2).sum()) for name in PERCEPTRON.divisible)
    left = sum(float((found.model.weight(name) ** 2).sum()) for name in PERCEPTRON.divisible)
    assert found.kept == pytest.approx(left / total)
    # of all networks of these widths, that of the largest filters keeps more than that of the first ones
    widths = {name: range(found.net.shapes[name][0]) for name in ("fc1", "fc2")}
    first = ppsim.narrowed_model(model, widths)
    assert left > sum(float((first.weight(name) ** 2).sum()) for name in PERCEPTRON.divisible)


def test_energy_of_low_rank_is_what_the_product_keeps() -> None:
    model = trained(PERCEPTRON)
    found = METHODS["trp-channel"](task(PERCEPTRON, SHARE, model, None))
    assert found.model is not None
    lost = total = 0.0
    for name in PERCEPTRON.divisible:
        weight = model.weight(name).astype(np.float64)
        low = found.model.tensors.get(f"{name}_low")
        product = found.model.weight(name) @ low["weight"] if low else weight
        lost, total = lost + float(((weight - product) ** 2).sum()), total + float((weight**2).sum())
    assert found.kept == pytest.approx(1 - lost / total, abs=1e-5)
    assert found.kept is not None
    assert 0.3 < found.kept < 1


def test_without_weights_those_that_need_them_are_left_out() -> None:
    found = ppsim.compare_methods(PERCEPTRON, system(), latency_share=SHARE)
    assert [row.method for row in found.rows] == ["unpruned", "partition", "unstructured", "channels-magnitude"]
    assert set(found.left_out) == set(METHODS) - {row.method for row in found.rows}
    assert found.left_out["cap"] == WHY["inputs"]
    assert found.left_out["trp-channel"] == WHY["weights"]
    assert all(row.lost.weights_kept is None for row in found.rows)
    assert all(row.reached for row in found.rows)


def test_at_equal_macs() -> None:
    found = ppsim.compare_methods(trained(PERCEPTRON), system(), macs_share=0.5)
    assert found.target.limit == 0.5 * PERCEPTRON.macs
    for row in found.rows[1:]:
        if row.method == "unstructured":
            assert not row.reached
            assert row.why_not == "comes to 100.0 % of the unpruned network's MACs at best"
        elif row.method == "codesign":
            assert row.why_not == "is driven by latency: give a latency as the target"
        else:
            assert row.macs is not None
            assert row.macs <= 0.5 * PERCEPTRON.macs
            assert row.mac_ratio is not None
            assert row.mac_ratio < 2.6


def test_a_target_in_seconds() -> None:
    whole = ppsim.simulate(PERCEPTRON, system()).seconds
    share = ppsim.compare_methods(PERCEPTRON, system(), latency_share=SHARE)
    seconds = ppsim.compare_methods(PERCEPTRON, system(), latency=SHARE * whole)
    assert share.rows == seconds.rows
    assert seconds.target.share == pytest.approx(SHARE)


def test_what_no_setting_reaches_has_no_numbers() -> None:
    found = ppsim.compare_methods(PERCEPTRON, system(), latency_share=0.1, methods=["partition"])
    (_, row) = found.rows
    assert (row.reached, row.macs, row.mac_ratio, row.gains) == (False, None, None, ())
    assert row.why_not.endswith("of the unpruned network's latency at best")
    assert float(row.why_not.split()[2]) > 10


def test_a_method_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole:
        """Prunes nothing, whatever the budget is."""

        needs: Needs = "structure"

        def __call__(self, task: Task) -> Reached:
            return Reached(task.graph, "nothing")

    class Fails:
        """Cannot take the network."""

        needs: Needs = "structure"

        def __call__(self, task: Task) -> Reached:
            raise InputError("perceptron: no such layer")

    registered = {name: method for name, method in METHODS.items() if name != "partition"}
    monkeypatch.setattr(METHODS_AT, registered | {"fails": Fails()})
    found = ppsim.compare_methods(PERCEPTRON, system(), latency_share=SHARE)
    assert [row.method for row in found.rows] == ["unpruned", "unstructured", "channels-magnitude", "fails"]
    assert found["fails"].why_not == "perceptron: no such layer"
    with pytest.raises(KeyError):
        found["partition"]
    monkeypatch.setattr(METHODS_AT, registered | {"whole": Whole()})
    # what is not within the target is never told
    with pytest.raises(AssertionError, match="above the budget"):
        ppsim.compare_methods(PERCEPTRON, system(), latency_share=SHARE)


def test_one_accelerator_is_simulated_once() -> None:
    found = ppsim.compare_methods(PERCEPTRON, "tetris", 1, methods=["channels-magnitude"])
    assert [[gain.accelerators for gain in row.gains] for row in found.rows] == [[1], [1]]


def test_images_measure_accuracy() -> None:
    model, of = trained(SEES), images()
    chosen = ["channels-magnitude", "trp-channel"]
    found = ppsim.compare_methods(model, system(), latency_share=SHARE, images=of, methods=chosen)
    assert found.rows[0].lost.accuracy == accuracy(model, of.test, of.test_classes)
    drawn = np.random.default_rng(0).permutation(len(of.train))
    inputs = of.train[drawn].reshape(-1, 784)
    pruned = METHODS["channels-magnitude"](task(SEES, SHARE, model, inputs)).model
    assert pruned is not None
    assert found["channels-magnitude"].lost.accuracy == accuracy(pruned, of.test, of.test_classes)


def test_the_same_arguments_give_the_same() -> None:
    model = trained(PERCEPTRON)
    first, second = (ppsim.compare_methods(model, system(), methods=["partition", "trp-channel"]) for _ in range(2))
    assert first.to_dict() == second.to_dict()


def test_frame_and_document(compared: ppsim.MethodsCompared) -> None:
    frame = compared.to_frame().set_index("method")
    assert frame.loc["unpruned", f"speedup_{PARTS}"] == 1
    assert frame.loc["cap", "output_error"] == compared["cap"].lost.output_error
    assert list(frame.index) == [row.method for row in compared.rows]
    document = compared.to_dict()
    assert document["target"]["share"] == SHARES[compared.network]
    assert document["rows"][0]["gains"][1]["accelerators"] == PARTS


def test_least_squares_of_single_weights() -> None:
    model = trained(PERCEPTRON)
    inputs = inputs_of(PERCEPTRON, 400)
    supports = {name: np.random.default_rng(2).random(model.weight(name).shape) < 0.5 for name in ("fc1", "fc2")}
    left = model.with_tensors({name: {"weight": model.weight(name) * stay} for name, stay in supports.items()})
    fitted = fitted_weights(model, left, supports, inputs)
    for name, stay in supports.items():
        assert not fitted.weight(name)[~stay].any()
    errors = [output_changes(model, one, inputs)[0].relative_error for one in (left, fitted)]
    assert errors[1] < 0.8 * errors[0]
    # where all weights of an output stay, single ones are fitted as whole layers are
    every = {"fc2": np.ones(model.weight("fc2").shape, dtype=bool)}
    singly, together = fitted_weights(model, left, every, inputs), fitted_layers(model, left, ["fc2"], inputs)
    np.testing.assert_allclose(singly.weight("fc2"), together.weight("fc2"), atol=1e-4)
    np.testing.assert_allclose(singly.tensors["fc2"]["bias"], together.tensors["fc2"]["bias"], atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latency_share": 0.0}, "latency_share=0 is out of range"),
        ({"macs_share": 1.5}, "macs_share=1.5 is out of range"),
        ({"latency": 1.0}, "of the unpruned network"),
        ({"latency_share": 0.5, "macs_share": 0.5}, "give one target"),
        ({"methods": ["magic"]}, "'magic' is unknown; accepted: partition"),
        ({"layers": "conv*"}, "conv*"),
        ({"calibration": np.zeros((3, 160), np.float32)}, "give trained weights"),
        ({"images": images()}, "give trained weights"),
    ],
)
def test_refusals(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("*", r"\*")):
        ppsim.compare_methods(PERCEPTRON, system(), **changes)


def test_refused_inputs() -> None:
    model = trained(PERCEPTRON)
    with pytest.raises(InputError, match="two at least"):
        ppsim.compare_methods(model, system(), calibration=inputs_of(PERCEPTRON, 1))
    with pytest.raises(InputError, match="expected"):
        ppsim.compare_methods(model, system(), calibration=np.zeros((3, 5), np.float32))
    with pytest.raises(InputError, match="images are 28 x 28"):
        ppsim.compare_methods(trained(CONVOLUTIONS), system(), images=replace(images()))


def test_low_rank_takes_the_way_that_loses_less() -> None:
    model = trained(PERCEPTRON)
    this = task(PERCEPTRON, SHARE, model, None)
    found = METHODS["trp-channel"](this)
    by_price = ppsim.ranks_within(model, this.price, this.budget, "channel")
    low = ppsim.factorised_model(model, by_price, "channel")
    assert found.kept is not None
    assert found.model is not None

    def lost(one: Model) -> float:
        total = 0.0
        for name in PERCEPTRON.divisible:
            weight = model.weight(name).astype(np.float64)
            first = one.tensors.get(f"{name}_low")
            product = one.weight(name) @ first["weight"] if first else weight
            total += float(((weight - product) ** 2).sum() / (weight**2).sum())
        return total

    assert lost(found.model) <= lost(low) + 1e-6
    assert this.price(low.graph) <= this.budget


def test_accelerators_that_differ() -> None:
    base = system()
    groups = (Group("fast", 1, clock_mhz=1000), Group("slow", PARTS - 1))
    found = ppsim.compare_methods(PERCEPTRON, replace(base, groups=groups), methods=["partition", "channels-magnitude"])
    assert [gain.accelerators for gain in found.rows[0].gains] == [1, PARTS]
    assert found["channels-magnitude"].gains[-1].speedup >= 2


def test_the_documented_row_is_what_is_simulated() -> None:
    """Of the tables measured on MNIST, what needs no images."""
    (line, *_) = [line for line in PAGE.read_text(encoding="utf-8").split("\n") if "| `channels-magnitude` | 2" in line]
    found = ppsim.compare_methods(ppsim.load_workload("mlp_mnist"), methods=["channels-magnitude"])
    row = found["channels-magnitude"]
    ratios = [row.mac_ratio, *(of.speedup for of in row.gains), *(of.energy_reduction for of in row.gains)]
    assert [cell.strip() for cell in line.split("|")[2:7]] == [f"{ratio:.2f}" for ratio in ratios]
