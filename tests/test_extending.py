"""docs/extending.md from outside the package: one of each, registered, used, and gone again."""

import re
from pathlib import Path

import networkx as nx
import pytest
import yaml

import ppsim
from ppsim.analysis.drawings import topology_drawing
from ppsim.cli import main
from ppsim.documents import packaged
from ppsim.hardware.array import DATAFLOWS, operand_traffic
from ppsim.hardware.topologies import TOPOLOGIES
from ppsim.mapping.exchanges import BROADCASTS
from ppsim.pruning.methods import METHODS
from ppsim.validation.references import REFERENCES
from ppsim.workload.sparsity import LAWS, Block, Effect, Sparsity

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"


@pytest.fixture(autouse=True)
def leave_no_trace():
    registries = (TOPOLOGIES, DATAFLOWS, BROADCASTS, LAWS, METHODS, REFERENCES)
    before = [dict(registry) for registry in registries]
    yield
    for registry, was in zip(registries, before, strict=True):
        registry.clear()
        registry.update(was)


@pytest.fixture
def page() -> dict[str, object]:
    """The names that the page's code leaves behind."""
    found: dict[str, object] = {"ppsim": ppsim}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 8
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), found)
    return found


def test_a_topology_from_outside(page):
    system = page["system"]
    assert isinstance(system, ppsim.System)
    links = system.interconnect
    assert len(links.route(8, 0, 7)) == 3
    lengths = dict(nx.all_pairs_shortest_path_length(links.graph(8)))
    assert all(len(links.route(8, a, b)) == lengths[a][b] for a in range(8) for b in range(8))
    net = ppsim.load_workload("lenet300")
    auto, reference = (ppsim.simulate(net, system, engine) for engine in ("shortcuts", "reference"))
    assert auto.cycles == reference.cycles
    on_mesh = ppsim.simulate(net, system.with_settings({"interconnect.topology": "mesh"}))
    assert auto.link_bytes == on_mesh.link_bytes
    assert auto.energy["link"] < on_mesh.energy["link"]  # fewer hops than in 2 x 4
    assert any("hypercube of 8" in line for line in auto.assumptions)
    assert topology_drawing(system).axes
    with pytest.raises(ppsim.InputError, match="a hypercube has 2, 4, 8"):
        ppsim.load_system("tetris", accelerators=6, set={"interconnect.topology": "hypercube"})


def test_a_dataflow_from_outside(page):
    """Output-stationary with its sides exchanged is output-stationary of the transposed product."""
    assert page["cycles"] == ppsim.compute_cycles(4096, 4096, 1, 14, 14, "os")
    ours, theirs = operand_traffic(5, 70, 33, 4, 6, "os-turned"), operand_traffic(33, 70, 5, 4, 6, "os")
    assert (ours.input_reads, ours.weight_reads) == (theirs.weight_reads, theirs.input_reads)
    assert (ours.sum_writes, ours.sum_reads) == (theirs.sum_writes, theirs.sum_reads)
    turned = page["turned"]
    assert isinstance(turned, ppsim.System)
    net = ppsim.gemm(64, 300, 200)
    auto, reference = (ppsim.simulate(net, turned, engine) for engine in ("shortcuts", "reference"))
    assert auto.cycles == reference.cycles >= ppsim.compute_cycles(64, 300, 200, 14, 14, "os-turned")
    assert turned.weights_bandwidth_line() == 2 * 14


def test_an_energy_table_from_outside(page, tmp_path):
    cheap = page["cheap_links"]
    assert isinstance(cheap, ppsim.System)
    assert cheap.energy.name == "tetris-photonic"
    assert cheap.energy.mac_pj == ppsim.load_energy_table("tetris").mac_pj
    document = yaml.safe_load((packaged("accelerators/energy") / "tetris.yaml").read_text())
    document |= {"name": "mine", "mac_pj": {"value": 7, "source": "a test, made up", "confidence": "estimate"}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    system = ppsim.load_system("tetris", accelerators=1, set={"energy": str(path)})
    result = ppsim.simulate(ppsim.gemm(1, 10, 10), system)
    assert result.energy["mac"] == 700


def test_an_exchange_algorithm_from_outside(page):
    chained = page["chained"]
    assert isinstance(chained, ppsim.System)
    assert any("broadcast chain" in line for line in chained.assumptions())
    # partial sums of a layer split by inputs end at accelerator 0, and the next layer needs them everywhere
    net = ppsim.partition(ppsim.load_workload("lenet300"), 4, layers="fc3")
    assert ppsim.simulate(net, chained).macs == net.macs


def test_a_pruning_method_from_outside(page):
    cut = page["cut"]
    assert isinstance(cut, ppsim.PartitionedGraph)
    assert cut.layers["fc1"].out_assignment == tuple(unit % 4 for unit in range(300))
    assert ppsim.simulate(cut, ppsim.load_system("tetris", accelerators=4)).macs == cut.macs


def test_a_sparsity_law_from_outside():
    def gone(sparsity: Sparsity, block: Block) -> Effect:
        """Zeros cost neither energy nor bytes."""
        return Effect(block.k, block.nonzeros, block.nonzeros * block.bits)

    LAWS["gone"] = gone
    net = ppsim.partition(ppsim.gemm(1, 64, 64), 2, layers="*")
    sparse = ppsim.unstructured(net, Sparsity("gone"))
    assert sparse.macs == net.macs == 64 * 64 // 2
    system = ppsim.load_system("tetris", accelerators=2)
    assert ppsim.simulate(sparse, system).macs == net.macs


def test_a_reference_from_outside(page, capsys):
    (check,) = page["validation"].checks
    assert check.holds
    assert 0 < check.max < 0.05
    assert main(["validate", "--only", "roofline"]) == 0
    assert "roofline" in capsys.readouterr().out
