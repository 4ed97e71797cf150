"""`ppsim list` and `ppsim show`: everything that ships is there, fits, and can be had as JSON or as a drawing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, flowing, numbers, refused, row_of, succeed, widest

import ppsim
from ppsim.cli.options import system_settings
from ppsim.cli.output import WIDTH
from ppsim.documents import names, packaged

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "partitioned-graph.schema.json"
SMALL_MLP = ROOT / "docs" / "examples" / "small-mlp.json"
SHIPPED = {
    "workloads": names("workloads"),
    "systems": names("accelerators"),
    "tables": names("accelerators/energy"),
    "memories": tuple(ppsim.load_memories()),
}
#: how each kind of file begins
BEGINS = {".png": b"\x89PNG\r\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


@pytest.mark.parametrize("width", [80, WIDTH])
@pytest.mark.parametrize("what", SHIPPED)
def test_lists_name_all_there_is(capsys: Capture, monkeypatch: pytest.MonkeyPatch, what: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = succeed(capsys, "list", what)
    assert widest(out) <= width
    firsts = [line.split(" ")[0] for line in out.splitlines()]
    assert [first for first in firsts if first in SHIPPED[what]] == list(SHIPPED[what])


@pytest.mark.parametrize("what", SHIPPED)
def test_lists_as_json(capsys: Capture, what: str) -> None:
    document, table = numbers(capsys, "list", what)
    assert tuple(document) == SHIPPED[what]
    assert all(f"\n{name} " in table for name in SHIPPED[what])


def test_lists_hold_the_numbers(capsys: Capture) -> None:
    net = ppsim.load_workload("tinyvgg16")
    row = row_of(succeed(capsys, "list", "workloads"), "tinyvgg16")
    assert row[1:7] == [str(len(net.layers)), "40.7", "M", "1.28", "G", "3x64x64"]
    row = row_of(succeed(capsys, "list", "systems"), "chiplets")
    assert row[1:9] == ["36", "4", "of", "16x16", "8", "25.4", "shared", "by"]
    assert row_of(succeed(capsys, "list", "tables"), "eyeriss-65nm")[1:6] == ["65", "nm", "pJ", "2", "28.75"]
    assert row_of(succeed(capsys, "list", "tables"), "normalised")[1:5] == ["-", "MAC", "1", "12.5"]
    assert row_of(succeed(capsys, "list", "memories"), "hbm2-fgdram")[1] == "3.9"


def test_list_of_workloads_as_json_has_sizes(capsys: Capture) -> None:
    document, _ = numbers(capsys, "list", "workloads")
    for name in ("lenet300", "resnet18"):
        net = ppsim.load_workload(name)
        assert (document[name]["parameters"], document[name]["macs"]) == (net.parameters, net.macs)
        assert tuple(document[name]["input"]) == net.input_shape
        assert {layer: tuple(shape) for layer, shape in document[name]["layers"].items()} == {
            layer.name: net.shapes[layer.name] for layer in net.layers
        }


# show


@pytest.mark.parametrize("name", [*SHIPPED["workloads"], *SHIPPED["systems"], *SHIPPED["tables"], "hbm2-fgdram"])
@pytest.mark.parametrize("width", [80, WIDTH])
def test_pages_fit(capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = succeed(capsys, "show", name)
    assert widest(out) <= width
    assert name in out.splitlines()[0]


def test_show_a_workload(capsys: Capture) -> None:
    out = succeed(capsys, "show", "mlp_mnist")
    assert out.startswith("mlp_mnist: 670 k parameters, 669 kMAC at batch 1\n")
    assert row_of(out, "fc1") == ["fc1", "linear", "input", "512", "1x784x512", "401", "k", "402", "k"]
    assert row_of(out, "softmax") == ["softmax", "softmax", "fc3", "10"]
    assert "examples of Keras 2" in flowing(out)
    assert "128x64x128 x12" in succeed(capsys, "show", "gpt2")


def test_show_a_system_with_sources_and_its_energy_table(capsys: Capture) -> None:
    system = ppsim.load_system("tetris", accelerators=6)
    document, out = numbers(capsys, "show", "tetris", "-n", "6")
    assert row_of(out, "accelerators") == ["accelerators", "6"]
    assert row_of(out, "dram.latency_ns")[1] == "43"
    assert row_of(out, "array.overlap")[1] == "true"
    assert system.sources["dram.latency_ns"] in flowing(out)
    assert "Energy table tetris" in out
    assert row_of(out, "dram_pj_per_bit")[1:5] == ["5", "2.3", "to", "10.48"]
    assert flowing(system.energy.dram_pj_per_bit.source) in flowing(out)
    assert (document["accelerators"], document["dram"]["latency_ns"]) == (6, 43)


def test_every_field_that_show_names_can_be_set(capsys: Capture) -> None:
    out = succeed(capsys, "show", "tpu-v1")
    fields = out.partition("Energy table")[0].partition("field ")[2].splitlines()[1:]
    rows = [line.split()[:2] for line in fields if line and not line.startswith(" ")]
    assert len(rows) > 25
    before = ppsim.load_system("tpu-v1")
    for path, value in rows:
        if path not in ("accelerators", "energy"):
            assert before.with_settings(system_settings(None, None, None, [f"{path}={value}"])) == before, path


def test_show_an_energy_table(capsys: Capture) -> None:
    table = ppsim.load_energy_table("horowitz-45nm")
    out = succeed(capsys, "show", "horowitz-45nm")
    for name, entry in table.entries():
        assert flowing(entry.source) in flowing(out), name
        if name != "sram":
            assert row_of(out, name)[1] == f"{entry.value:.4g}"
    scaled = ppsim.load_energy_table("horowitz-45nm@16")
    document, out = numbers(capsys, "show", "horowitz-45nm@16")
    assert row_of(out, "mac_pj")[1] == f"{scaled.mac_pj.value:.4g}" != f"{table.mac_pj.value:.4g}"
    assert document["mac_pj"]["value"] == scaled.mac_pj.value
    assert "from 45 to 16 nm" in flowing(out)


def test_show_a_table_without_joules_says_so(capsys: Capture) -> None:
    out = succeed(capsys, "show", "normalised")
    assert "Where a name says pJ, numbers count multiply-accumulates." in flowing(out)
    assert "sram at 108 KiB, MAC a bit" in out


def test_show_a_memory(capsys: Capture) -> None:
    memory = ppsim.load_memories()["hbm2-dramsim3"]
    document, out = numbers(capsys, "show", "hbm2-dramsim3")
    assert row_of(out, "pj_per_bit")[1] == "1.6"
    assert f"background_w (of a channel of {memory.channel_gb_s:g} GB/s)" in out
    assert memory.description in flowing(out)
    assert document["pj_per_bit"]["value"] == 1.6


@pytest.mark.parametrize(
    ("folder", "name"),
    [("workloads", "lenet300"), ("accelerators", "edge"), ("accelerators/energy", "eyeriss-65nm")],
)
def test_show_a_file_as_what_it_says_it_is(capsys: Capture, tmp_path: Path, folder: str, name: str) -> None:
    path = tmp_path / "some-file.yaml"
    path.write_text((packaged(folder) / f"{name}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert succeed(capsys, "show", str(path)) == succeed(capsys, "show", name)


def test_show_a_file_of_memories(capsys: Capture) -> None:
    out = succeed(capsys, "show", str(packaged("accelerators/memories") / "dram.yaml"))
    assert out.strip() == succeed(capsys, "list", "memories").partition("\n\n")[0].strip()


def test_show_a_partitioned_file(capsys: Capture) -> None:
    net = ppsim.load_partitioned(SMALL_MLP)
    document, out = numbers(capsys, "show", str(SMALL_MLP))
    share = net.nonzeros / net.dense_weights
    assert out.startswith(f"small-mlp: 4 parts on accelerators 0, 0, 1, 1; {100 * share:.1f} % of the weights kept")
    assert row_of(out, "fc1")[:8] == ["fc1", "12", "x", "16", "outputs", "5", "of", "16"]
    assert row_of(out, "fc2")[-1] == "2:4"
    assert row_of(out, "fc4")[4] == "inputs"
    assert (document["kept"], document["weights"]) == (net.nonzeros, net.dense_weights)


def test_a_name_that_ships_wins_over_a_file(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = {name: succeed(capsys, "show", name) for name in ("tetris", "normalised", "lenet300", "hmc-tetris")}
    monkeypatch.chdir(tmp_path)
    for name, page in usual.items():
        (tmp_path / name).write_text("format: ppsim-energy/1\n")
        assert succeed(capsys, "show", name) == page


def test_a_file_may_have_an_at_in_its_name(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tetris@home").write_text((packaged("workloads") / "lenet300.yaml").read_text(encoding="utf-8"))
    assert succeed(capsys, "show", "tetris@home") == succeed(capsys, "show", "lenet300")


def test_the_schema_is_the_published_one(capsys: Capture, tmp_path: Path) -> None:
    out = succeed(capsys, "show", "schema", "partitioned-graph")
    assert out == SCHEMA.read_text(encoding="utf-8")
    assert json.loads(out)["title"] == "ppsim-partitioned/1"
    target = tmp_path / "schema.json"
    assert succeed(capsys, "show", "schema", "partitioned-graph", "--json", str(target)) == ""
    assert target.read_text(encoding="utf-8") == out


# drawings


@pytest.mark.parametrize("ending", [*BEGINS, ".PNG"])
@pytest.mark.parametrize("name", ["tetris", "lenet300", str(SMALL_MLP)])
def test_drawings_are_files_of_their_kind(capsys: Capture, tmp_path: Path, name: str, ending: str) -> None:
    target = tmp_path / f"drawing{ending}"
    out = succeed(capsys, "show", name, "--draw", str(target))
    assert target.read_bytes().startswith(BEGINS[ending.lower()])
    assert f"Drawn: {target}" in out
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_drawing_has_as_many_accelerators_as_asked_for(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "drawing.svg"
    succeed(capsys, "show", "tetris", "-n", "6", "--draw", str(target))
    assert "tetris: 6 accelerators, mesh 2x3" in target.read_text(encoding="utf-8")


WRONG: tuple[tuple[str, str], ...] = (
    ("list", "'WHAT'"),
    ("list nope", "list nope: accepted are workloads, systems, tables and memories"),
    ("show", "'NAME'"),
    ("show tetriss", "show 'tetriss': no file and no known name; did you mean 'tetris'? workloads: alexnet"),
    ("show zzz", "show 'zzz': no file and no known name; workloads: alexnet"),
    ("show no/such/file.yaml", "no file and no known name"),
    ("show .", "is a folder; give the name of a file"),
    ("show mlp_mnist@16", "no file and no known name"),
    ("show tetris@x", "energy table 'tetris@x': 'x' is no node"),
    ("show tetris@1", "factors are known from 7 to 65 nm"),
    ("show mlp_mnist -n 3", f"-n goes with systems: {', '.join(SHIPPED['systems'])}"),
    ("show normalised -n 3", "-n goes with systems: "),
    ("show tetris -n 0", "accelerators: Input should be greater than 0, got 0"),
    ("show tetris tpu-v1", "one name is accepted, or schema with one of: partitioned-graph"),
    ("show tetris --draw drawing.gif", "--draw drawing.gif: the name of the file has to end in .png, .svg, .pdf"),
    ("show tetris --draw drawing", "has to end in .png, .svg, .pdf"),
    ("show tetris --draw=", "has to end in .png, .svg, .pdf"),
    ("show tetris --draw no/drawing.png", "no/drawing.png: there is no folder no"),
    ("show tetris --json no/numbers.json", "no/numbers.json: there is no folder no"),
    ("show normalised --draw drawing.png", "only systems and networks have a drawing"),
    ("show hbm2-fgdram --draw drawing.png", "only systems and networks have a drawing"),
    ("show schema", "show schema: give the format; accepted: partitioned-graph"),
    ("show schema nope", "show schema: 'nope' is unknown; accepted: partitioned-graph"),
    ("show schema partitioned-graph -n 3", "-n and --draw go with systems and networks"),
    ("show schema partitioned-graph --draw drawing.png", "-n and --draw go with systems and networks"),
)


@pytest.mark.parametrize(("line", "told"), WRONG, ids=[line for line, _ in WRONG])
def test_what_cannot_be_listed_or_shown_is_told_in_one_line(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refused(capsys, *line.split())
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_nothing_to_show(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "file"
    accepted = "accepted: ppsim-workload/1, ppsim-partitioned/1, ppsim-system/1, ppsim-energy/1, ppsim-memories/1"
    for content, says in (
        (b"", f"{path}: format: none is given; {accepted}"),
        (b"\xff\xfe\x00", f"{path}: format: none is given; {accepted}"),
        (b"format: other/1\n", f"{path}: format: other/1; {accepted}"),
        (b"format: ppsim-system/1\n", f"{path}: energy: give the name of an energy table, or a table"),
        (b"format: ppsim-workload/1\nname: [\n", f"{path}: is not valid YAML: "),
        (b'{"format": "ppsim-partitioned/1"}', f"{path}: "),
    ):
        path.write_bytes(content)
        assert refused(capsys, "show", str(path)).startswith(says)
