"""`compare`: baselines are what they say, and the factors of a speedup multiply to it."""

import json
from dataclasses import replace

import pytest

import ppsim
from ppsim.baselines import iso_resources
from ppsim.hardware.accelerator import Group
from ppsim.hardware.energy import COMPONENTS
from ppsim.pruning.unstructured import unstructured
from ppsim.workload.sparsity import DENSE


@pytest.fixture(scope="module", params=["tetris", "shared-dram"])
def pruned_on_six(request):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 6)
    system = ppsim.load_system(request.param, accelerators=6)
    return net, system, ppsim.compare(net, system)


@pytest.mark.parametrize("workload", ["tinyvgg16", "tinyvgg16-25088", "tinyvgg16-32768"])
@pytest.mark.parametrize("system", ["tetris", "shared-dram"])
def test_unpruned_on_one_accelerator_gives_exactly_one(workload, system):
    comparison = ppsim.compare(ppsim.load_workload(workload), ppsim.load_system(system, accelerators=1))
    assert comparison.speedup == 1.0
    assert comparison.energy_reduction == 1.0
    factors = comparison.factors
    assert (factors.pruning, factors.parallelism, factors.loss) == (1.0, 1, 0.0)
    assert comparison.pruned_layers is None


@pytest.mark.parametrize("keep", [None, 1.0])
def test_one_part_gives_exactly_one(keep):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 1, keep=keep)
    comparison = ppsim.compare(net, ppsim.load_system("tetris", accelerators=1))
    for scope in (comparison, comparison.pruned_layers):
        assert scope.speedup == 1.0
        assert scope.energy_reduction == 1.0


def test_baselines_are_what_they_say(pruned_on_six):
    net, system, comparison = pruned_on_six
    one = replace(system, accelerators=1)
    assert comparison.result == ppsim.simulate(net, system)
    assert comparison.baselines["single-dense"] == ppsim.simulate(net.graph, one)
    assert comparison.baselines["single-pruned"] == ppsim.simulate(net, one)
    assert comparison.baselines["multi-dense"] == ppsim.simulate(net.graph, system)
    rival, stored = unstructured(net), unstructured(net, DENSE)
    assert comparison.baselines["multi-unstructured-compressed"] == ppsim.simulate(rival, system)
    assert comparison.baselines["multi-unstructured-dense"] == ppsim.simulate(stored, system)
    assert comparison.baselines["iso-resources"] == ppsim.simulate(net.graph, iso_resources(system))
    assert list(comparison.baselines) == [
        "single-dense",
        "single-pruned",
        "multi-dense",
        "multi-unstructured-dense",
        "multi-unstructured-compressed",
        "iso-resources",
    ]
    assert comparison.scope == "network"
    assert comparison.speedup == comparison.baselines["single-dense"].seconds / comparison.result.seconds
    assert comparison.energy_reduction == comparison.baselines["single-dense"].energy_pj / comparison.result.energy_pj
    assert comparison.speedup_over("multi-dense") < comparison.speedup


def test_the_pruned_layers_are_a_run_of_their_own(pruned_on_six):
    net, system, comparison = pruned_on_six
    (stretch,) = net.stretches()
    layers = comparison.pruned_layers
    assert (layers.scope, layers.pruned_layers) == ("pruned-layers", None)
    assert layers.result == ppsim.simulate(stretch, system)
    assert layers.baselines["single-dense"] == ppsim.simulate(stretch.graph, replace(system, accelerators=1))
    assert layers.result.macs == stretch.macs
    assert layers.speedup > comparison.speedup > 1


def test_two_stretches_run_one_after_the_other():
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 4, layers="fc6,fc8")
    system = ppsim.load_system("tetris", accelerators=4)
    layers = ppsim.compare(net, system).pruned_layers
    runs = [ppsim.simulate(stretch, system) for stretch in net.stretches()]
    assert len(runs) == 2
    assert layers.result.seconds == pytest.approx(sum(r.seconds for r in runs), rel=1e-12)
    assert layers.result.energy_pj == pytest.approx(sum(r.energy_pj for r in runs), rel=1e-12)
    assert [layer.name for layer in layers.result.layers if layer.macs] == ["fc6", "fc8"]


def test_factors_multiply_to_the_speedup(pruned_on_six):
    _, _, comparison = pruned_on_six
    for scope in (comparison, comparison.pruned_layers):
        factors = scope.factors
        product = factors.pruning * factors.parallelism * (1 - factors.loss)
        assert product == pytest.approx(scope.speedup, rel=1e-12)
        assert factors.loss == factors.link_loss + factors.dram_loss + factors.imbalance_loss
        assert factors.parallelism == 6
        single = scope.baselines["single-pruned"].seconds
        assert factors.pruning == scope.baselines["single-dense"].seconds / single


def test_losses_are_those_of_the_runs_that_define_them(pruned_on_six):
    net, system, comparison = pruned_on_six
    single = comparison.baselines["single-pruned"].seconds
    ideal = replace(system, interconnect=replace(system.interconnect, ideal=True))
    private = replace(ideal, dram=replace(system.dram, sharing="private"))
    actual, linked, alone = (single / (6 * ppsim.simulate(net, s).seconds) for s in (system, ideal, private))
    factors = comparison.factors
    assert factors.link_loss == pytest.approx(linked - actual, abs=1e-12)
    assert factors.dram_loss == pytest.approx(alone - linked, abs=1e-12)
    assert factors.imbalance_loss == pytest.approx(1 - alone, abs=1e-12)
    assert (factors.dram_loss != 0) == (system.name == "shared-dram")
    if system.name == "shared-dram":
        assert comparison.pruned_layers.factors.dram_loss > 0.5  # six accelerators wait for one channel


@pytest.mark.parametrize("accelerators", [1, 2, 4, 7])
@pytest.mark.parametrize("parts", [1, 3, 4])
@pytest.mark.parametrize("sharing", ["private", "shared", 2])
def test_factors_hold_whatever_runs_where(accelerators, parts, sharing):
    """Parts need not be as many as accelerators: spare ones idle, and part p runs on accelerator p mod P."""
    net = ppsim.partition(ppsim.gemm(2, 300, 200), parts, layers="*")
    system = ppsim.load_system("tetris", accelerators=accelerators, set={"dram.sharing": sharing})
    comparison = ppsim.compare(net, system)
    for scope in (comparison, comparison.pruned_layers):
        factors = scope.factors
        product = factors.pruning * factors.parallelism * (1 - factors.loss)
        assert product == pytest.approx(scope.speedup, rel=1e-12)
        if accelerators == 1:
            assert (factors.link_loss, factors.dram_loss, factors.imbalance_loss) == (0, 0, 0)


def test_rows_hold_what_reproduce_promises(pruned_on_six):
    _, system, comparison = pruned_on_six
    row = json.loads(json.dumps(comparison.row()))
    promised = {
        *("workload", "system", "dram", "parts", "scope", "baseline", "cycles", "seconds", "energy_pj", "energy"),
        *("speedup", "energy_reduction", "dram_bytes", "link_bytes"),
    }
    assert promised <= set(row)
    assert (row["workload"], row["system"]) == ("tinyvgg16", system.name)
    assert row["dram"] == ("shared" if system.name == "shared-dram" else "private")
    assert (row["parts"], row["scope"], row["baseline"]) == (6, "network", "single-dense")
    assert (row["speedup"], row["energy_reduction"]) == (comparison.speedup, comparison.energy_reduction)
    assert tuple(row["energy"]) == COMPONENTS
    assert row["energy_pj"] == pytest.approx(sum(row["energy"].values()), rel=1e-12)
    other = comparison.row("multi-dense")
    assert other["baseline"] == "multi-dense"
    assert other["speedup"] == comparison.speedup_over("multi-dense")
    assert other["energy_reduction"] == comparison.energy_reduction_over("multi-dense")
    assert comparison.pruned_layers.row()["scope"] == "pruned-layers"


def test_everything_as_plain_values(pruned_on_six):
    _, _, comparison = pruned_on_six
    plain = json.loads(json.dumps(comparison.to_dict()))
    assert plain["speedup"] == comparison.speedup
    assert plain["pruned_layers"]["speedup"] == comparison.pruned_layers.speedup
    assert plain["factors"]["loss"] == comparison.factors.loss
    assert set(plain["baselines"]) == set(comparison.baselines)


def test_both_engines_compare_alike():
    net = ppsim.partition(ppsim.gemm(1, 600, 400), 3, layers="*")
    system = ppsim.load_system("tetris", accelerators=3)
    auto, reference = (ppsim.compare(net, system, engine=engine) for engine in ("shortcuts", "reference"))
    assert auto.speedup == reference.speedup
    assert auto.energy_reduction == reference.energy_reduction
    with pytest.raises(ppsim.InputError, match="engine='fast' is unknown; accepted: auto, reference, shortcuts"):
        ppsim.simulate(net, system, engine="fast")


def test_baselines_that_are_asked_for():
    net = ppsim.partition(ppsim.gemm(1, 600, 400), 3, layers="*")
    system = ppsim.load_system("tetris", accelerators=3)
    assert list(ppsim.compare(net, system, baselines=["iso-resources"]).baselines) == [
        "single-dense",
        "single-pruned",
        "iso-resources",
    ]
    with pytest.raises(ppsim.InputError, match="baseline 'single' is unknown; accepted: single-dense, single-pruned"):
        ppsim.compare(net, system, baselines=["single"])
    # an unpruned network has no pruned rivals
    assert list(ppsim.compare(net.graph, system).baselines) == ["single-dense", "single-pruned", "iso-resources"]


@pytest.mark.parametrize(("sharing", "channels"), [("private", 6), ("shared", 1), (4, 2)])
def test_iso_resources_adds_everything_up(sharing, channels):
    system = ppsim.load_system("tetris", accelerators=6, set={"dram.sharing": sharing, "energy.dram_background_w": 0.5})
    one = iso_resources(system)
    assert one.accelerators == one.channels == 1
    assert one.peak_macs_per_s == system.peak_macs_per_s
    assert one.accelerator(0).buffer.bytes == 6 * system.accelerator(0).buffer.bytes
    assert one.accelerator(0).vector.lanes == 6 * system.accelerator(0).vector.lanes
    assert one.dram.bandwidth_gb_s == channels * system.dram.bandwidth_gb_s
    assert one.static_accelerators == system.static_accelerators == 6
    assert one.energy.dram_background_w.value == pytest.approx(0.5 * channels)
    assert iso_resources(ppsim.load_system("tetris", accelerators=1)).peak_macs_per_s == system.peak_macs_per_s / 6
    # equal accelerators that are listed in groups have what the groups say
    wide = replace(system.array, rows=28)
    listed = replace(system, groups=(Group("a", 2, 250, wide), Group("b", 4, 250, wide)))
    assert iso_resources(listed).peak_macs_per_s == listed.peak_macs_per_s == system.peak_macs_per_s


def test_the_rival_is_paid_fairly():
    """Batch 1, one shared channel: 1/8 of the weights at 16 + 4 bits each take 20/16 of what blocks take."""
    net = ppsim.partition(ppsim.gemm(1, 4096, 4096), 8, layers="*")
    ideal = {"dram.efficiency_streaming": 1, "dram.efficiency_mixed": 1, "dram.latency_ns": 0}
    os = {"array": {"rows": 12, "cols": 14, "dataflow": "os"}} | ideal
    shared = ppsim.compare(net, ppsim.load_system("shared-dram", accelerators=8, set=os))
    assert shared.speedup == pytest.approx(8, rel=0.01)
    assert shared.speedup_of("multi-unstructured-compressed") == pytest.approx(8 * 16 / 20, rel=0.02)
    assert shared.speedup_of("multi-unstructured-dense") == pytest.approx(1, rel=0.01)
    private = ppsim.compare(net, ppsim.load_system("tetris", accelerators=8, set=os))
    assert private.speedup == pytest.approx(64, rel=0.03)  # filling and draining count by now
    # arrays take 28 bytes a cycle of dense weights and get 16 x 16/20 x 8 times as many zeros: compute-bound
    cycles = ppsim.compute_cycles(1, 4096, 512, 12, 14, "os")
    dense = 4096 * 4096 * 2 / 16
    assert private.speedup_of("multi-unstructured-compressed") == pytest.approx(dense / cycles, rel=0.05)
    assert dense / cycles == pytest.approx(13.8, abs=0.1)
