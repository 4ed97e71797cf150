"""`ppsim run` on partitioned files, heterogeneous systems, other energy tables and other exchanges."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Capture, flowing, numbers, read, refused, row_of, succeed, widest

import ppsim
from ppsim.baselines import BASELINES
from ppsim.cli.commands.run import DRAWS
from ppsim.cli.output import WIDTH
from ppsim.documents import packaged

SMALL_MLP = str(Path(__file__).parents[2] / "docs" / "examples" / "small-mlp.json")
BIG_LITTLE = """
format: ppsim-system/1
name: big-little
description: two accelerators as in tetris, and three that are smaller and slower
groups:
  - {name: big, count: 2}
  - name: little
    count: 3
    clock_mhz: 250
    array: {rows: 7, cols: 7}
    buffer: {kib: 64, bandwidth_bytes_per_cycle: 128}
    vector: {lanes: 7}
    static_power: 0.25
clock_mhz: 500
array: {rows: 14, cols: 14, dataflow: ws, overlap: true}
buffer: {kib: 133, bandwidth_bytes_per_cycle: 256}
vector: {lanes: 14}
dram: {sharing: private, bandwidth_gb_s: 8, latency_ns: 43}
interconnect: {topology: crossbar, bandwidth_gb_s: 8, latency_ns: 4}
energy: tetris
"""


@pytest.fixture
def big_little(tmp_path: Path) -> str:
    """The file of a heterogeneous system."""
    path = tmp_path / "big-little.yaml"
    path.write_text(BIG_LITTLE)
    return str(path)


# partitioned files


def test_a_partitioned_file_runs_as_it_is_placed(capsys: Capture) -> None:
    net = ppsim.load_partitioned(SMALL_MLP)
    assert (net.parts, net.placement) == (4, (0, 0, 1, 1))
    document, out = numbers(capsys, "run", SMALL_MLP, "-s", "tetris")
    expected = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=2))
    assert (document["parts"], document["accelerators"], document["cycles"]) == (4, 2, expected.cycles)
    assert out.startswith("small-mlp, 4 parts, batch 1, on tetris: 2 accelerators, private DRAM\n")
    assert "parts on accelerators 0, 0, 1, 1" in out
    document, out = numbers(capsys, "run", SMALL_MLP, "-s", "tetris", "-n", "3", "--batch", "2")
    assert (document["accelerators"], document["batch"]) == (3, 2)


def test_a_partitioned_file_on_too_few_accelerators(capsys: Capture) -> None:
    says = "small-mlp: placement: part 2 is on accelerator 1, and there are 1 (0 to 0); give at least 2 accelerators"
    assert refused(capsys, "run", SMALL_MLP, "-s", "tetris", "-n", "1") == f"tetris: {says}"


@pytest.mark.parametrize("options", [("-p", "2"), ("-p", "4", "--layers", "fc1"), ("-p", "2", "--keep", "0.5")])
def test_a_partitioned_file_is_not_cut_again(capsys: Capture, options: tuple[str, ...]) -> None:
    assert "is partitioned already" in refused(capsys, "run", SMALL_MLP, "-s", "tetris", *options)


def test_a_saved_partition_runs_as_the_cut_it_was_saved_from(capsys: Capture, network: str, tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    ppsim.save_partitioned(ppsim.partition(ppsim.load_workload(network), 4, keep=0.5), path)
    saved, _ = numbers(capsys, "run", str(path), "-s", "tetris")
    cut, _ = numbers(capsys, "run", network, "-s", "tetris", "-p", "4", "--keep", "0.5")
    assert saved.pop("provenance") != cut.pop("provenance")
    assert saved == cut


# batches and sequences


def test_a_network_over_sequences_takes_their_length(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "over-positions.yaml"
    layers = [{"name": "fc", "type": "linear", "out_features": 48}]
    path.write_text(
        json.dumps({"format": "ppsim-workload/1", "name": "over-positions", "input": [32, 10], "layers": layers})
    )
    for options, positions in (((), 10), (("--sequence", "3"), 3), (("--sequence", "30"), 30)):
        document, _ = numbers(capsys, "run", str(path), "-s", "tetris", *options)
        assert document["macs"] == 32 * 48 * positions
    assert "sequence must be at least 1, got 0" in refused(capsys, "run", str(path), "-s", "tetris", "--sequence", "0")


def test_a_network_without_positions_takes_no_sequence(capsys: Capture, network: str) -> None:
    says = "two-layers: sequence=3: its input of (512,) is no (features, positions)"
    assert refused(capsys, "run", network, "-s", "tetris", "--sequence", "3") == says


# baselines


@pytest.mark.parametrize(
    ("asked", "ran"),
    [
        ("iso-resources", ["iso-resources"]),
        ("multi-unstructured-compressed, multi-dense", ["multi-unstructured-compressed", "multi-dense"]),
        ("single-dense", []),
    ],
)
def test_baselines_that_are_asked_for(capsys: Capture, network: str, asked: str, ran: list[str]) -> None:
    document, out = numbers(capsys, "run", network, "-s", "tetris", "-p", "2", "--baselines", asked)
    always = ["single-dense", "single-pruned"]
    told = [row["baseline"] for row in document["baselines"]]
    assert told == [*always, *ran] * 2
    for name in BASELINES:
        assert (f"\n{name} " in out) == (name in [*always, *ran])
        assert (f"{name}:" in flowing(out)) == (name in ran)


def test_an_unpruned_network_is_not_compared_with_itself_pruned(capsys: Capture, network: str) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", "-n", "2")
    assert "single-pruned" not in out
    assert row_of(out, "iso-resources")[0] == "iso-resources"
    assert "multi-dense" not in out


# uncertainty


def test_ratios_are_more_certain_than_joules(capsys: Capture) -> None:
    argv = ("run", "lenet300", "-s", "tetris", "-p", "4", "--uncertainty", "--draws", "300")
    document, out = numbers(capsys, *argv)
    assert set(document["uncertainty"]) == {"network", "pruned-layers"}
    pruned = document["uncertainty"]["pruned-layers"]
    assert pruned["draws"] == 300
    assert set(pruned["reductions"]) == set(BASELINES)

    def spread(interval: dict[str, float]) -> float:
        return (interval["high"] - interval["low"]) / interval["value"]

    for interval in (pruned["energy"], *pruned["baselines"].values(), *pruned["reductions"].values()):
        assert interval["low"] <= interval["value"] * 1.0001
        assert interval["high"] >= interval["value"] * 0.9999
    over = pruned["reductions"]["single-dense"]
    assert 0 < 10 * spread(over) < spread(pruned["energy"])
    assert over["value"] == document["pruned_layers"]["energy_reduction"]
    assert pruned["energy"]["value"] == document["pruned_layers"]["energy_pj"]
    words = flowing(out)
    share = spread(pruned["energy"]) / 2
    assert f"Energies are known to about +-{100 * share:.1f} %, the reduction over single-dense to about" in words
    assert "pruned layers reduction over single-dense" in words
    assert "300 draws" in words
    assert widest(out) <= WIDTH


def test_uncertainty_is_the_same_every_time(capsys: Capture, network: str) -> None:
    argv = ("run", network, "-s", "tetris", "-p", "2", "--uncertainty", "--baselines", "single-dense")
    first, told = numbers(capsys, *argv, "--draws", "40")
    again, told_again = numbers(capsys, *argv, "--draws", "40")
    more, _ = numbers(capsys, *argv, "--draws", "41")
    assert (first, told) == (again, told_again)
    assert first["uncertainty"] != more["uncertainty"]
    usual, _ = numbers(capsys, *argv)
    assert usual["uncertainty"]["network"]["draws"] == DRAWS


def test_without_the_option_nothing_is_drawn(capsys: Capture, network: str) -> None:
    document, out = numbers(capsys, "run", network, "-s", "tetris", "-p", "2")
    assert document["uncertainty"] is None
    assert "draws" not in out


def test_a_table_without_ranges_has_nothing_to_draw(capsys: Capture, network: str) -> None:
    out = succeed(capsys, "run", network, "-s", "tetris", "--energy", "normalised", "--uncertainty", "--draws", "10")
    assert "No number of this energy table has a range: there is nothing to draw." in out
    assert "of draws" not in out


# energy tables


def test_a_table_scaled_to_another_node(capsys: Capture, network: str) -> None:
    document, out = numbers(capsys, "run", network, "-s", "tetris", "-p", "2", "--energy", "horowitz-45nm@16")
    hardware = ppsim.load_system("tetris", accelerators=2, set={"energy": "horowitz-45nm@16"})
    expected = ppsim.simulate(ppsim.partition(ppsim.load_workload(network), 2), hardware)
    assert document["energy"] == dict(expected.energy)
    assert "energy table horowitz-45nm@16nm: " in out
    usual, _ = numbers(capsys, "run", network, "-s", "tetris", "-p", "2", "--energy", "horowitz-45nm")
    assert document["energy"]["mac"] == pytest.approx(0.1735 * usual["energy"]["mac"], rel=1e-3)
    assert document["energy"]["dram"] == usual["energy"]["dram"]


def test_a_table_without_joules_prints_none(capsys: Capture, network: str) -> None:
    argv = ("run", network, "-s", "tetris", "-p", "2", "--energy", "normalised", "--uncertainty", "--draws", "10")
    document, out = numbers(capsys, *argv)
    assert not re.findall(r"[^\s]*\d [TGMkmunp]?J\b|, [TGMkmunp]?J\b|joules are", out)
    assert document["energy_unit"] == "MAC"
    energy = sum(document["energy"].values())
    assert f"{energy * 1e-6:.1f} MMAC" in out.splitlines()[1]
    assert "Energy by component, kMAC" in out
    gemm = succeed(capsys, "gemm", "4", "300", "200", "-s", "tetris", "--energy", "normalised")
    assert re.search(r"energy: MAC \d+ kMAC", gemm)
    assert not re.findall(r"\d [TGMkmunp]?J\b", gemm)
    joules = succeed(capsys, "run", network, "-s", "tetris", "-p", "2")
    assert re.search(r"\d uJ\b", joules)
    assert "Energy by component, nJ" in joules


def test_intervals_of_a_table_without_joules(capsys: Capture, network: str, tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    usual = (packaged("accelerators/energy") / "normalised.yaml").read_text(encoding="utf-8")
    path.write_text(usual.replace("{value: 12.5,", "{value: 12.5, low: 5, high: 25,"), encoding="utf-8")
    argv = ("run", network, "-s", "tetris", "-p", "2", "--energy", str(path), "--uncertainty", "--draws", "20")
    out = succeed(capsys, *argv)
    assert re.search(r"energy of this run +\d+\.\d MMAC +\d\.\d\d MMAC to \d+\.\d MMAC", out)
    assert not re.findall(r"\d [TGMkmunp]?J\b|[Jj]oules are", out)


# systems


def test_a_heterogeneous_system(capsys: Capture, network: str, big_little: str) -> None:
    document, out = numbers(capsys, "run", network, "-s", big_little, "-p", "5")
    hardware = ppsim.load_system(big_little)
    comparison = ppsim.compare(ppsim.partition(ppsim.load_workload(network), 5), hardware)
    assert (document["accelerators"], document["cycles"]) == (5, comparison.result.cycles)
    assert document["speedup"] == comparison.speedup
    assert "big: 2 accelerator(s): 500 MHz" in flowing(out)
    assert "little: 3 accelerator(s): 250 MHz, 1 array(s) of 7x7" in flowing(out)
    assert "iso-resources" not in out
    fewer, _ = numbers(capsys, "run", network, "-s", big_little, "-p", "5", "--set", "groups.little.count=1")
    assert fewer["accelerators"] == 3
    assert widest(out) <= WIDTH


def test_a_heterogeneous_system_has_its_own_accelerators(capsys: Capture, network: str, big_little: str) -> None:
    for argv in (("run", network, "-s", big_little, "-n", "4"), ("show", big_little, "-n", "4")):
        says = refused(capsys, *argv)
        assert "its accelerators are groups: big (2), little (3); set groups.big.count instead" in says
    says = refused(capsys, "run", network, "-s", big_little, "-p", "5", "--baselines", "iso-resources")
    assert says == "big-little: iso-resources adds up equal accelerators; these are not"


def test_a_product_runs_on_a_heterogeneous_system(capsys: Capture, big_little: str) -> None:
    document, out = numbers(capsys, "gemm", "4", "300", "200", "-s", big_little)
    expected = ppsim.simulate(ppsim.gemm(4, 300, 200), ppsim.load_system(big_little))
    assert (document["accelerators"], document["cycles"]) == (5, expected.cycles)
    assert "5 accelerators" in out


def test_resident_weights(capsys: Capture, network: str) -> None:
    argv = ("run", network, "-s", "tetris", "-p", "4", "--baselines", "single-dense")
    cold, _ = numbers(capsys, *argv)
    resident, out = numbers(capsys, *argv, "--set", "weights=resident")
    # all inputs, and 24 outputs from each accelerator in bursts of 32 bytes
    assert resident["dram_bytes"] == 2 * 512 + 4 * 64
    assert cold["dram_bytes"] >= resident["dram_bytes"] + 2 * (512 * 256 + 256 * 96) // 4
    assert resident["cycles"] < cold["cycles"]
    assert "weights resident where a share fits (a stream of inputs)" in flowing(out)
    assert "weights resident on 4 of 4 accelerators" in flowing(out)


@pytest.mark.parametrize("topology", ["ring", "bus", "crossbar", "all-to-all", "torus"])
def test_another_topology(capsys: Capture, network: str, topology: str) -> None:
    argv = ("run", network, "-s", "tetris", "-n", "4", "--baselines", "single-dense")
    document, out = numbers(capsys, *argv, "--set", f"interconnect.topology={topology}")
    hardware = ppsim.load_system("tetris", accelerators=4, set={"interconnect.topology": topology})
    assert document["cycles"] == ppsim.simulate(ppsim.load_workload(network), hardware).cycles
    assert hardware.interconnect.describe(4) in out
    assert topology in hardware.interconnect.describe(4)


def test_edges_of_the_users_own(capsys: Capture, network: str) -> None:
    edges = "interconnect.edges=[{a: 0, b: hub}, {a: 1, b: hub}, {a: 2, b: hub, latency_ns: 400}]"
    argv = ("run", network, "-s", "tetris", "-n", "3", "--set", "interconnect.topology=edges", "--set", edges)
    assert "explicit edges: 6 links" in succeed(capsys, *argv)


def settings(*changes: str) -> tuple[str, ...]:
    return tuple(word for change in changes for word in ("--set", change))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("-n", "3", *settings("interconnect.all_gather=gossip")),
            "interconnect.all_gather: 'gossip' is unknown; accepted: unicast, ring",
        ),
        (
            ("-n", "3", *settings("interconnect.topology=star")),
            "interconnect.topology: 'star' is unknown; accepted: mesh, torus, ring, bus, crossbar, all-to-all, edges",
        ),
        (
            ("-n", "3", *settings("interconnect.topology=edges", "interconnect.edges=[{a: 0, b: 1}]")),
            "interconnect.edges: no way leads from accelerator 0 to accelerator 2; every accelerator has to reach",
        ),
        (("-n", "3", *settings("interconnect.topology=edges")), "topology edges needs them, as in [{a: 0, b: switch}"),
        (settings("dram.bandwidth_gb_s=0"), "dram.bandwidth_gb_s: Input should be greater than or equal to"),
        (settings("interconnect.bandwidth_gb_s=0"), "interconnect.bandwidth_gb_s: Input should be greater than"),
        (settings("buffer.kib=0.01"), "tetris: layer 'fc6': no tile of a 1x512x256 product fits the scratchpad"),
        (settings("weights=warm"), "weights: Input should be 'cold' or 'resident', got 'warm'"),
        (settings("dram.memory=hbm9"), "dram.memory: 'hbm9' is unknown"),
        (("--energy", "normalised", *settings("dram.memory=hbm2-fgdram")), "in joules, the energy table in MACs"),
        (("--energy", "tetris@x"), "energy table 'tetris@x': 'x' is no node"),
        (("--energy", "nope@16"), "energy table 'nope' is no file and no known name"),
        (("--baselines", "nope"), "baseline 'nope' is unknown; accepted: single-dense, single-pruned, multi-dense"),
        (("--baselines", ""), "baseline '' is unknown"),
        (("--draws", "100"), "give --uncertainty too"),
        (("--uncertainty", "--draws", "9"), "'--draws'"),
        (("--uncertainty", "--draws", "100001"), "'--draws'"),
        (("-p", "513"), "'fc6' has 512 input and 256 output units, too few for parts=513; take at most 512 parts"),
        (("-p", "4", "--keep", "nan"), "keep=nan is out of range"),
        (("--batch", "100000000000000000"), "too large"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_run_is_told_in_one_line(
    capsys: Capture,
    network: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, "run", network, "-s", "tetris", *options, "--json", "run.json")
    assert [path.name for path in tmp_path.iterdir()] == [Path(network).name]


def test_draws_are_refused_before_anything_runs(capsys: Capture, network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("simulated for nothing")

    monkeypatch.setattr(ppsim, "compare", never, raising=False)
    for options in (("--draws", "100"), ("--uncertainty", "--draws", "9")):
        refused(capsys, "run", network, "-s", "tetris", *options)


def test_json_of_a_run_is_the_same_in_a_file_and_on_stdout(capsys: Capture, network: str, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    out = succeed(capsys, "run", network, "-s", "tetris", "-p", "2", "--json", str(target))
    document, told = numbers(capsys, "run", network, "-s", "tetris", "-p", "2")
    assert (read(target), out) == (document, told)
