"""Documents that try to end in a traceback or a crash, and values beyond any machine: one clear line each."""

import subprocess
import sys

import pytest
from test_system_documents import refusal, text_of, with_line

import ppsim


@pytest.mark.parametrize(
    "text",
    [
        text_of() + "\n? [a, b]\n: c\n",  # a key that cannot be hashed: TypeError
        text_of() + "\n? {a: b}\n: c\n",
        with_line("launch_us", "launch_us: !!bool maybe"),  # KeyError in PyYAML's constructor
        with_line("launch_us", "launch_us: !!timestamp now"),  # AttributeError in PyYAML's constructor
    ],
)
def test_keys_and_tags_that_yaml_itself_trips_over(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert refusal(str(path)).startswith(f"{path}: is not valid YAML: ")


def test_aliases_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(with_line("clock_mhz", "clock_mhz: &fast 500").replace("launch_us: 0", "launch_us: *fast"))
    assert "aliases" in refusal(str(path))


def test_deep_nesting_is_refused_and_does_not_kill_the_process(tmp_path):
    """In a process of its own: building it would overflow the stack inside libyaml."""
    path = tmp_path / "mine.yaml"
    path.write_text("format: ppsim-system/1\na: " + "[" * 100_000, encoding="utf-8")
    code = (
        f"import ppsim\ntry:\n    ppsim.load_system({str(path)!r})\n"
        "except ppsim.InputError as error:\n    print('refused', error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("refused")


def test_a_key_with_a_line_break_stays_on_one_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text_of() + '"a\\nb": 1\n', encoding="utf-8")
    refusal(str(path))


@pytest.mark.parametrize("path", ["array.rows", "dram.bandwidth_gb_s", "dram.sharing", "accelerators", "energy.mac_pj"])
def test_true_is_no_number(path):
    assert path in refusal("tetris", set={path: True})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("clock_mhz", 1e-9),
        ("interconnect.bandwidth_gb_s", 1e-12),
        ("array.rows", 10**30),
        ("array.accumulator_bits", 10**20),
        ("dram.bandwidth_gb_s", 1e300),
        ("launch_us", 1e300),
    ],
)
def test_numbers_beyond_any_machine(path, value):
    with pytest.raises(ppsim.InputError, match=path):
        ppsim.simulate(ppsim.gemm(4, 4, 4), ppsim.load_system("tetris", accelerators=2, set={path: value}))


def test_a_product_beyond_any_machine():
    with pytest.raises(ppsim.InputError):
        ppsim.simulate(ppsim.gemm(1, 10**18, 1), ppsim.load_system("tetris", accelerators=1))


@pytest.mark.parametrize("bits", [0, -4])
def test_words_of_no_bits(bits):
    with pytest.raises(ppsim.InputError, match="bits must be at least 1"):
        ppsim.load_workload("tinyvgg16", bits=bits)


def test_unknown_keys_of_a_layer_come_with_the_accepted_ones(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "format: ppsim-workload/1\nname: n\ninput: [4]\n"
        "layers: [{name: a, type: linear, out_feature: 2, out_features: 2}]\n"
    )
    with pytest.raises(ppsim.InputError, match=r"layers.0.linear.out_feature: unknown key; accepted: .*out_features"):
        ppsim.load_workload(str(path))


def test_graph_errors_name_the_file_and_the_network_once(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "format: ppsim-workload/1\nname: net\ninput: [4]\n"
        "layers: [{name: a, type: flatten}, {name: a, type: flatten}]\n"
    )
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_workload(str(path))
    assert str(path) in str(caught.value)
    assert "net: net:" not in str(caught.value)


def test_one_accelerator_shares_with_nobody():
    system = ppsim.load_system("tetris", accelerators=1, set={"dram.sharing": 4})
    assert not system.dram_shared


def test_the_sram_curve_with_a_zero_point():
    from dataclasses import replace

    from ppsim.hardware.energy import Entry, SramPoint

    points = (SramPoint(8, Entry(0, "x", "estimate", reason="none")), SramPoint(32, Entry(1, "x", "estimate")))
    table = replace(ppsim.load_energy_table("tetris"), sram=points)
    assert 0 <= table.sram_pj_per_bit(16) <= 1
    assert any("sram" in line for line in table.zeros())
