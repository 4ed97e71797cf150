"""What published channel-pruned networks gain when they run: less than their multiply-accumulates say."""

import pytest

import ppsim
from ppsim.documents import names

#: dense, pruned, and the least and the most of (speedup / ratio of MACs) on the systems that ship
PAIRS = [
    ("resnet50-v1", "resnet50-he2x", 0.75, 0.90),
    ("resnet56", "resnet56-cacp30", 0.70, 1.05),
    ("resnet56", "resnet56-cacp50", 0.50, 0.95),
    ("resnet56", "resnet56-cacp70", 0.30, 0.80),
]


@pytest.mark.parametrize(("dense", "pruned", "least", "most"), PAIRS)
def test_time_saved_for_macs_saved(dense, pruned, least, most):
    nets = [ppsim.load_workload(name) for name in (dense, pruned)]
    macs = nets[0].macs / nets[1].macs
    for system in names("accelerators"):
        hardware = ppsim.load_system(system, accelerators=1)
        before, after = (ppsim.simulate(net, hardware) for net in nets)
        assert before.seconds > after.seconds
        assert before.energy_pj > after.energy_pj
        assert least < before.seconds / after.seconds / macs < most, system


def test_samplers_of_residual_branches_are_paid_for():
    net, tetris = ppsim.load_workload("resnet50-he2x"), ppsim.load_system("tetris", accelerators=1)
    result = ppsim.simulate(net, tetris)
    samplers = [layer for layer in result.layers if layer.name.startswith("sample")]
    assert len(samplers) == 16
    assert sum(layer.cycles for layer in samplers) / result.cycles == pytest.approx(0.05, abs=0.005)
    assert all(layer.macs == 0 and layer.cycles > 0 for layer in samplers)
