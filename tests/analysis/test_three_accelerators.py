"""Every shipped network runs on a number of accelerators that divides none of its layers."""

import pytest

import ppsim


@pytest.mark.parametrize("system", ["tetris", "shared-dram"])
def test_the_largest_network_runs_on_three_accelerators(system):
    hardware = ppsim.load_system(system, accelerators=3)
    assert ppsim.simulate(ppsim.load_workload("tinyvgg16-25088"), hardware).cycles > 0
