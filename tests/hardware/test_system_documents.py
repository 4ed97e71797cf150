"""System documents: shipped ones load, any field can be set by its path, and whatever is wrong is said in one line."""

import json
from dataclasses import fields, replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.documents import MAX_BYTES, names, packaged
from ppsim.hardware.array import ArraySpec

SHIPPED = ("chiplets", "edge", "gemmini", "shared-dram", "tetris", "tpu-v1", "tpu-v4")
KNOWN = f"known: {', '.join(SHIPPED)}"


def text_of(name: str = "tetris") -> str:
    return (packaged("accelerators") / f"{name}.yaml").read_text(encoding="utf-8")


def with_line(key: str, line: str) -> str:
    """The shipped document with the top-level line of `key` replaced."""
    changed = [line if old.startswith(f"{key}:") else old for old in text_of().splitlines()]
    assert line in changed
    return "\n".join(changed)


def refusal(name, **arguments) -> str:
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_system(name, **arguments)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def test_what_is_shipped():
    assert names("accelerators") == SHIPPED
    assert names("accelerators/energy") == (
        "eyeriss-65nm", "horowitz-45nm", "horowitz-45nm-int8", "normalised", "tetris", "tpu-v4i-7nm"
    )  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_systems_load_by_name_with_any_number_of_accelerators(name):
    assert ppsim.load_system(name).name == name
    assert ppsim.load_system(name, accelerators=3).accelerators == 3


@pytest.mark.parametrize("name", ["shared-dram", "tetris"])
def test_the_systems_of_the_reproduction(name):
    system = ppsim.load_system(name)
    assert system.accelerators == 16
    assert (system.array.rows, system.array.cols, system.array.bits) == (14, 14, 16)
    assert system.clock_hz == 500_000_000
    assert system.buffer.bytes == 133 * 1024
    assert system.energy.name == "tetris"


def test_loading_twice_gives_equal_values_and_settings_do_not_leak():
    before = ppsim.load_system("tetris")
    changed = ppsim.load_system("tetris", set={"array.rows": 3, "energy.mac_pj": 7})
    assert (changed.array.rows, changed.energy.mac_pj.value) == (3, 7)
    assert ppsim.load_system("tetris") == before
    assert ppsim.load_energy_table("tetris") == before.energy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("clock_mhz", 700.5),
        ("accelerators", 5),
        ("array.rows", 12),
        ("array.dataflow", "is"),
        ("array.overlap", False),
        ("array.accumulator_depth", 64),
        ("buffer.kib", 128),
        ("vector.enabled", False),
        ("dram.sharing", 4),
        ("dram.latency_ns", 0),
        ("interconnect.ideal", True),
        ("energy.name", "mine"),
        ("launch_us", 2.5),
    ],
)
def test_any_field_by_its_path(path, value):
    before, system = ppsim.load_system("tetris"), ppsim.load_system("tetris", set={path: value})
    place, original = system, before
    for part in path.split("."):
        place, original = getattr(place, part), getattr(original, part)
    assert place == value
    assert original != value
    restored = system.with_settings({path: original})
    assert restored == before


def test_several_settings_at_once_and_accelerators_beside_them():
    system = ppsim.load_system("tetris", accelerators=2, set={"dram.latency_ns": 1, "array": {"rows": 3, "cols": 4}})
    assert (system.accelerators, system.dram.latency_ns) == (2, 1)
    assert system.array == ArraySpec(rows=3, cols=4)


def test_with_settings_keeps_all_else_and_leaves_the_original_alone():
    system = ppsim.load_system("shared-dram", accelerators=4, set={"array.dataflow": "os"})
    changed = system.with_settings({"dram.bandwidth_gb_s": 12})
    assert changed == replace(system, dram=replace(system.dram, bandwidth_gb_s=12))
    assert system.dram.bandwidth_gb_s == 8
    assert dict(changed.sources) == dict(system.sources)
    assert system.with_settings({}) == system
    assert system.with_settings({"energy": "eyeriss-65nm"}).energy.name == "eyeriss-65nm"


def test_a_field_of_an_energy_table_survives_a_change_of_table():
    both = {"energy.mac_pj": 9, "energy": "eyeriss-65nm"}
    for settings in (both, dict(reversed(both.items()))):
        energy = ppsim.load_system("tetris", set=settings).energy
        assert (energy.name, energy.mac_pj.value, energy.leakage_w.value) == ("eyeriss-65nm", 9, 0.03)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("dram.latncy", 0, "tetris: dram.latncy: unknown key; accepted: sharing, bandwidth_gb_s, latency_ns"),
        ("dram.latency_ns.x", 0, "tetris: --set dram.latency_ns.x: 'dram.latency_ns' has no fields"),
        ("memory.latency_ns", 0, "tetris: --set memory.latency_ns: no 'memory'; accepted here: name, description"),
        ("memory", 0, "tetris: memory: unknown key; accepted: name, description, accelerators"),
        ("", 0, "tetris: unknown key"),
        (".", 0, "tetris: --set .: no ''"),
        ("array.", 0, "tetris: array.: unknown key; accepted: rows, cols"),
        ("array.rows", 0, "tetris: array.rows: Input should be greater than 0, got 0"),
        ("array.rows", -3, "tetris: array.rows: Input should be greater than 0, got -3"),
        ("array.rows", 2.5, "tetris: array.rows: Input should be a valid integer"),
        ("array.rows", "many", "tetris: array.rows: Input should be a valid integer"),
        ("array.rows", None, "tetris: array.rows: Input should be a valid integer"),
        ("array.rows", [14], "tetris: array.rows: Input should be a valid integer"),
        ("array.rows", float("nan"), "tetris: array.rows: Input should be a valid integer"),
        ("array.dataflow", "rs", "tetris: array: dataflow: 'rs' is unknown; accepted: os, ws, is"),
        ("array", None, "tetris: array: "),
        ("array", {}, "tetris: array.rows: Field required"),
        ("array", {"rows": 2, "cols": 2, "height": 2}, "tetris: array.height: unknown key; accepted: rows, cols"),
        ("accelerators", 0, "tetris: accelerators: Input should be greater than 0"),
        ("clock_mhz", 0, "tetris: clock_mhz: Input should be greater than or equal to"),
        ("clock_mhz", float("inf"), "tetris: clock_mhz: Input should be a finite number"),
        ("buffer.kib", -1, "tetris: buffer.kib: Input should be greater than 0"),
        ("buffer.activation_fraction", 1.01, "tetris: buffer.activation_fraction: Input should be less"),
        ("dram.sharing", "public", "tetris: dram.sharing: Input should be 'private' or 'shared', got 'public'"),
        ("dram.sharing", 0, "tetris: dram.sharing: "),
        ("dram.bandwidth_gb_s", float("nan"), "tetris: dram.bandwidth_gb_s: Input should be a finite number, got nan"),
        ("dram.bandwidth_gb_s", 0, "tetris: dram.bandwidth_gb_s: Input should be greater than or equal to"),
        ("dram.latency_ns", -1, "tetris: dram.latency_ns: Input should be greater than or equal to 0"),
        ("dram.efficiency_mixed", 0, "tetris: dram.efficiency_mixed: Input should be greater than 0"),
        ("dram.efficiency_streaming", 1.5, "tetris: dram.efficiency_streaming: Input should be less"),
        ("dram.quantum_bytes", 32768, "tetris: dram.quantum_bytes: Input should be less than or equal to 16384"),
        ("energy", "petris", "energy table 'petris' is no file and no known name; did you mean 'tetris'?"),
        ("energy", 5, "tetris: energy: "),
        ("energy", None, "tetris: energy: "),
        ("energy.mac", 1, "tetris: energy.mac: unknown key; accepted: name, description, node_nm, mac_pj"),
        ("energy.mac_pj", -1, "tetris: energy.mac_pj.value: Input should be greater than or equal to 0"),
        ("energy.mac_pj", "cheap", "tetris: energy.mac_pj: "),
        ("energy.mac_pj.value", 0, "tetris: energy.mac_pj: a value of 0 needs a reason"),
        ("launch_us", -0.5, "tetris: launch_us: Input should be greater than or equal to 0"),
        ("name", 5, "tetris: name: Input should be a valid string"),
    ],
)
def test_a_setting_that_cannot_be_used(path, value, says):
    assert refusal("tetris", set={path: value}).startswith(says)
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_system("tetris").with_settings({path: value})
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("accelerators", [0, -1])
def test_no_accelerators(accelerators):
    assert "accelerators: Input should be greater than 0" in refusal("tetris", accelerators=accelerators)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no mapping; a ppsim-system/1 document is expected"),
        ("- a\n- b\n", "holds no mapping"),
        ("hello", "holds no mapping"),
        ("a: [1, 2", "is not valid YAML: "),
        ("a: b: c", "is not valid YAML: "),
        ("a: \x00", "is not valid YAML: "),
        ("format: ppsim-system/1\n\tname: x", "is not valid YAML: "),
        ("format: ppsim-system/1\na: x\na: y\n", "is not valid YAML: the key 'a' stands twice, again in line 3"),
        ("format: ppsim-system/1\na: {b: 1, b: 2}\n", "is not valid YAML: the key 'b' stands twice"),
        ("format: ppsim-system/1\na: " + "9" * 5000, "is not valid YAML: "),
        ("format: ppsim-system/1\na: 2020-13-45", "is not valid YAML: month must be in 1..12"),
        ('format: ppsim-system/1\na: !!python/object/apply:os.system ["true"]', "is not valid YAML: "),
        ("format: ppsim-system/1\n---\nformat: ppsim-system/1\n", "is not valid YAML: "),
        ("format: ppsim-system/1\nenergy: tetris\n", "name: Field required"),
        ("format: ppsim-system/1\nname: x\n", "energy: give the name of an energy table, or a table"),
        ("format: ppsim-system/2\n", "format: must be 'ppsim-system/1'"),
        ("format: [ppsim-system/1]\n", "format: must be 'ppsim-system/1'"),
        ("format: ppsim-workload/1\n", "format: must be 'ppsim-system/1'"),
        (text_of().replace("format: ppsim-system/1\n", ""), "format: must be 'ppsim-system/1'"),
        (with_line("clock_mhz", "clock_mhz: .nan"), "clock_mhz: Input should be a finite number, got nan"),
        (
            with_line("clock_mhz", "clock_mhz: -500"),
            "clock_mhz: Input should be greater than or equal to 0.001, got -500",
        ),
        (with_line("clock_mhz", "clock_mhz: fast"), "clock_mhz: Input should be a valid number"),
        (with_line("clock_mhz", "clock_mhz: 2020-12-05"), "clock_mhz: Input should be a valid number"),
        (with_line("clock_mhz", "clock_ghz: 0.5"), "clock_mhz: Field required"),
        (with_line("launch_us", "launch_ms: 0"), "launch_ms: unknown key; accepted: name, description, accelerators"),
        (with_line("array", "array: {rows: 14, cols: 0}"), "array.cols: Input should be greater than 0, got 0"),
        (with_line("array", "array: [14, 14]"), "array: Input should be an object"),
        (with_line("vector", "vector: {lanes: 14, 3: 4}"), "vector.3: unknown key; accepted: lanes, enabled"),
        (with_line("energy", "energy: [1]"), "energy: give the name of an energy table, or a table"),
    ],
)
def test_a_document_that_cannot_be_used(tmp_path, text, says):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    message = refusal(str(path))
    assert message.startswith(f"{path}: {says}")


def test_an_unknown_energy_table_in_a_document(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(with_line("energy", "energy: eyeriss"), encoding="utf-8")
    assert "energy table 'eyeriss' is no file and no known name; did you mean 'eyeriss-65nm'?" in refusal(str(path))


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert refusal(str(path)).startswith(f"{path}: is not UTF-8 text")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text_of() + "#" + "x" * MAX_BYTES, encoding="utf-8")
    says = f"{path}: {path.stat().st_size} bytes; ppsim-system/1 files go up to {MAX_BYTES}"
    assert refusal(str(path)).startswith(says)
    path.write_text(text_of() + "#" + "x" * (MAX_BYTES - len(text_of().encode()) - 1), encoding="utf-8")
    assert ppsim.load_system(str(path)).name == "tetris"


def test_a_directory_is_no_document(tmp_path):
    says = f"system {str(tmp_path)!r} is a folder, and a file is needed; {KNOWN}"
    assert refusal(str(tmp_path)) == says
    assert "is a folder, and a file is needed" in refusal("tetris", set={"energy": str(tmp_path)})


@pytest.mark.parametrize("name", ["", ".", "tetriss", "no/such/file.yaml", "a\nb", "\0"])
def test_a_name_that_stands_for_nothing(name):
    assert refusal(name).endswith(KNOWN)
    assert ("did you mean 'tetris'?" in refusal(name)) == (name == "tetriss")


def test_json_is_a_document_too(tmp_path):
    document = yaml.safe_load(text_of())
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert ppsim.load_system(str(path)) == ppsim.load_system("tetris")


def test_a_document_may_hold_its_energy_table(tmp_path):
    document = yaml.safe_load(text_of())
    table = yaml.safe_load((packaged("accelerators/energy") / "eyeriss-65nm.yaml").read_text(encoding="utf-8"))
    del table["format"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document | {"energy": table}), encoding="utf-8")
    assert ppsim.load_system(str(path)).energy == ppsim.load_energy_table("eyeriss-65nm")


def test_a_shipped_name_wins_over_a_file_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "tetris").write_text("not a document", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert ppsim.load_system("tetris").name == "tetris"


values = st.one_of(
    st.none(), st.integers(-5, 5), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)  # fmt: skip
paths = st.sampled_from(
    [f.name for f in fields(ppsim.load_system("tetris"))]
    + [f"{part}.{f.name}" for part in ("array", "buffer", "dram", "interconnect", "vector", "energy")
       for f in fields(getattr(ppsim.load_system("tetris"), part))]
)  # fmt: skip


@given(paths, values)
def test_whatever_is_set_gives_a_system_or_one_line(path, value):
    message = ""
    try:
        system = ppsim.load_system("tetris", set={path: value})
    except ppsim.InputError as error:
        message = str(error)
    if message:
        assert "\n" not in message
        assert path in message or "energy table" in message
    else:
        assert isinstance(system, ppsim.System)
