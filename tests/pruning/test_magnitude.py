"""The rival where weights are known: the largest ones stay, wherever they are."""

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.magnitude import magnitude_masks


@pytest.mark.parametrize("parts", [2, 3])
def test_the_largest_weights_stay_and_are_counted_where_they_are(parts):
    model = perceptron(20, 30, 12)
    net = ppsim.partition(model, parts, layers="*")
    masks, rival = magnitude_masks(model, net), ppsim.magnitude(model, net)
    assert rival.nonzeros == net.nonzeros
    for name, layer in rival.layers.items():
        weight, mask = np.abs(model.weight(name)), masks[name]
        assert mask.sum() == net.layers[name].weights
        assert weight[mask].min() >= weight[~mask].max()
        for q, blocks in enumerate(layer.kept):
            for block in blocks:
                units = np.ix_(layer.part_of("out") == q, layer.part_of("in") == block.part)
                assert block.nonzeros == mask[units].sum()
    spread = ppsim.unstructured(net)
    assert rival.layers["fc1"].kept != spread.layers["fc1"].kept
    assert ppsim.simulate(rival, ppsim.load_system("tetris", accelerators=parts)).cycles > 0


def test_kernels_stay_or_go_whole():
    model = branches()
    net = ppsim.partition(model, 2, layers="conv4,conv5")
    rival = ppsim.magnitude(model, net)
    assert rival.nonzeros == net.nonzeros
    assert rival.layers["conv5"].nonzeros(9) % 9 == 0


def test_layers_that_keep_all_are_dense():
    model = perceptron(20, 30, 3)
    rival = ppsim.magnitude(model, ppsim.partition(model, 4, layers="*"))
    assert rival.layers["fc2"].split == "inputs"
    assert rival.layers["fc2"].sparsity.kind == "dense"
