"""Networks with fewer channels: shapes, losses that are what was promised, and methods against each other."""

import numpy as np
import pytest
from models import branches, perceptron, with_weights

import ppsim
from ppsim.pruning.channel_pruning import loss_curves, prune_channels
from ppsim.pruning.channels import SELECTIONS
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, Concat, Conv, Elementwise, Flatten, Linear


def inputs_for(model, count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, *input_shape(model.graph))).astype(np.float32)


def images(count, seed=0):
    """Smooth strokes of a digit's size, (count, 1, 28, 28), from 0 to 1."""
    draw = np.random.default_rng(seed)
    at = np.arange(28)
    found = np.zeros((count, 28, 28))
    for image in found:
        for row, column in draw.uniform(6, 22, (4, 2)):
            tilt, length, thick = draw.uniform(0, np.pi), draw.uniform(2, 6), draw.uniform(0.8, 1.5)
            along = (at[:, None] - row) * np.sin(tilt) + (at - column) * np.cos(tilt)
            aside = (at[:, None] - row) * np.cos(tilt) - (at - column) * np.sin(tilt)
            image += np.exp(-((along / length) ** 4) - (aside / thick) ** 2)
    return np.minimum(found, 1)[:, None].astype(np.float32)


def change(model, pruned, inputs):
    """How far the last outputs are off, as a share."""
    return output_changes(model, pruned, inputs)[0].relative_error


@pytest.mark.parametrize("method", sorted(SELECTIONS))
@pytest.mark.parametrize(
    ("make", "widths"),
    [(lambda: perceptron(8, 12, 10, 4), {"fc1": 5, "fc2": 7}), (branches, {"conv3": 5, "conv4": 3, "fc2": 1})],
)
def test_widths_are_those_asked_for(make, widths, method):
    model, calls = make(), []
    pruned = prune_channels(
        model, widths, method, inputs_for(model, 60), progress=lambda done, total: calls.append((done, total))
    )
    assert pruned.graph == narrowed(model.graph, widths)
    assert calls == [(done + 1, len(widths)) for done in range(len(widths))]


def test_whole_widths_change_nothing():
    model = branches()
    widths = {shared.first: shared.layers[shared.first] for shared in shared_widths(model.graph)}
    pruned = prune_channels(model, widths, "compensation", inputs_for(model, 20))
    assert pruned.tensors is model.tensors


@pytest.mark.parametrize("method", sorted(SELECTIONS))
@pytest.mark.parametrize("make", [lambda: perceptron(8, 24, 16, 4), branches])
def test_least_squares_bring_outputs_nearer(make, method):
    """On inputs it was not fitted to."""
    model = make()
    widths = {shared.first: 3 * shared.layers[shared.first] // 4 for shared in shared_widths(model.graph)}
    inputs, others = inputs_for(model, 200), inputs_for(model, 50, seed=1)
    without, fitted = (
        prune_channels(model, widths, method, inputs, compensated=compensated) for compensated in (False, True)
    )
    assert change(model, fitted, others) < 0.9 * change(model, without, others)


def test_units_that_say_the_same_are_not_missed():
    """Each hidden unit twice: half of them do as well, with the weights of the other half added."""
    model = perceptron(6, 16, 3)
    twice = np.repeat(np.arange(8), 2)
    model = model.with_tensors({"fc1": {name: array[twice] for name, array in model.tensors["fc1"].items()}})
    inputs = inputs_for(model, 300)
    pruned = prune_channels(model, {"fc1": 8}, "compensation", inputs, ridge=1e-9)
    assert change(model, pruned, inputs) < 1e-3
    assert change(model, prune_channels(model, {"fc1": 8}, "compensation", inputs, compensated=False), inputs) > 0.1


def off(model, pruned, inputs, layer):
    """The squares that a layer's outputs are off about their means, as a share."""
    wanted, made = (outputs_of(net, inputs, [layer])[layer].astype(np.float64) for net in (model, pruned))
    axes = (0, *range(2, wanted.ndim))
    missing = wanted - made
    return float(np.square(missing - missing.mean(axes, keepdims=True)).sum()) / float(
        np.square(wanted - wanted.mean(axes, keepdims=True)).sum()
    )


@pytest.mark.parametrize(
    ("make", "layer", "reader"),
    [
        (lambda: perceptron(8, 12, 5), "fc1", "fc2"),
        (branches, "conv4", "conv5"),  # behind a concatenation
        (branches, "conv5", "fc1"),  # behind a flatten
    ],
)
def test_curves_say_what_is_lost(make, layer, reader):
    model = make()
    inputs = inputs_for(model, 400)
    (curve,) = [one for one in loss_curves(model, inputs, ridge=1e-6) if one.layer == layer]
    assert curve.widths == tuple(range(1, model.graph.shapes[layer][0] + 1))
    assert list(curve.losses) == sorted(curve.losses, reverse=True)
    assert curve.losses[-1] < 1e-9
    for width, loss in list(zip(curve.widths, curve.losses, strict=True))[::3]:
        pruned = prune_channels(model, {layer: width}, "compensation", inputs, ridge=1e-6)
        assert off(model, pruned, inputs, reader) == pytest.approx(loss, rel=0.01, abs=1e-5)


def test_curves_of_a_pruned_network_are_against_the_unpruned_one():
    model = perceptron(8, 12, 10, 4)
    inputs = inputs_for(model, 400)
    before, after = (loss_curves(model, inputs, widths, ridge=1e-6) for widths in (None, {"fc1": 4}))
    assert [curve.layer for curve in after] == ["fc1", "fc2"]
    assert after[0].widths == (1, 2, 3, 4)
    assert after[0].losses[:3] == pytest.approx(before[0].losses[:3], rel=1e-3)
    assert after[1].losses[-1] > before[1].losses[-1]


def test_units_that_layers_share_are_chosen_once_for_all_who_read_them():
    """What one of two readers cannot do without stays, though the other would rather have something else."""
    layers = (
        Linear(name="shared", out_features=4),
        Linear(name="one", out_features=2, inputs=("shared",)),
        Linear(name="other", out_features=2, inputs=("shared",)),
        Concat(name="both", inputs=("one", "other")),
    )
    model = with_weights(LayerGraph("net", (4,), layers))
    weights = {name: np.full((2, 4), 1e-3, np.float32) for name in ("one", "other")}
    weights["one"][:, 1] = 100
    weights["other"][:, 2] = 0.1
    model = model.with_tensors(
        {"shared": {"weight": np.eye(4, dtype=np.float32)}, **{name: {"weight": w} for name, w in weights.items()}}
    )
    pruned = prune_channels(model, {"shared": 2}, "compensation", inputs_for(model, 100))
    assert np.array_equal(pruned.weight("shared"), np.eye(4)[[1, 2]])


def test_what_reads_is_fitted_to_those_of_its_outputs_that_are_left():
    """A residual branch whose ends lose what nobody reads, and whose middle has each unit twice: nothing is lost."""
    layers = (
        Linear(name="stem", out_features=6),
        Linear(name="middle", out_features=8),
        Linear(name="end", out_features=6),
        Add(name="add", inputs=("end", "stem")),
        Linear(name="fc", out_features=3),
    )
    model = with_weights(LayerGraph("net", (5,), layers))
    middle = {name: np.repeat(array[:4], 2, axis=0) for name, array in model.tensors["middle"].items()}
    middle["weight"][:, [1, 4]] = 0
    unread = model.weight("fc").copy()
    unread[:, [1, 4]] = 0
    model = model.with_tensors({"middle": middle, "fc": {"weight": unread}})
    inputs = inputs_for(model, 300)
    pruned = prune_channels(model, {"stem": 4, "middle": 4}, "compensation", inputs, ridge=1e-9)
    assert np.array_equal(pruned.weight("stem"), model.weight("stem")[[0, 2, 3, 5]])
    assert change(model, pruned, inputs) < 1e-3


def test_groups_go_as_a_whole():
    layers = (
        Conv(name="a", out_channels=6, kernel=(1, 1)),
        Conv(name="b", out_channels=6, kernel=(3, 3), groups=3, padding=(1, 1)),
        Elementwise(name="relu"),
        Flatten(name="flatten"),
        Linear(name="c", out_features=3),
    )
    model = with_weights(LayerGraph("net", (2, 4, 4), layers))
    pruned = prune_channels(model, {"a": 4}, "lasso", inputs_for(model, 50))
    assert pruned.graph["b"] == Conv(name="b", out_channels=4, kernel=(3, 3), groups=2, padding=(1, 1))


def test_methods_on_a_trained_network():
    """Half of the channels of the small network on MNIST; on other images than it was calibrated with."""
    model = ppsim.load_model("vgg_mnist")
    widths = {"conv1_2": 8, "conv2_1": 16}
    found = {
        method: change(model, prune_channels(model, widths, method, images(24)), images(24, seed=1))
        for method in SELECTIONS
    }
    assert found["compensation"] < found["magnitude"]
    assert found["lasso"] < found["magnitude"]
    assert found["magnitude"] < found["random"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"fc1": 4}, "best", 9), "method='best' is unknown; accepted: random, magnitude, lasso, compensation"),
        (({"fc1": 4}, "lasso", 1), "least squares need some hundreds"),
        (({"fc1": 40}, "lasso", 9), "40 is out of range"),
        (({"fc2": 2}, "lasso", 9), "cannot be fewer"),
    ],
)
def test_what_cannot_be_pruned(arguments, message):
    widths, method, count = arguments
    model = perceptron(8, 12, 4)
    with pytest.raises(ppsim.InputError, match=message):
        prune_channels(model, widths, method, inputs_for(model, count))
