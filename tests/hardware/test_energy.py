"""Energy tables: the SRAM curve, zeros with their reasons, and that shipped numbers are those of their sources."""

from dataclasses import fields, replace
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.documents import packaged
from ppsim.hardware.energy import EnergyTable, Entry, SramPoint

TABLES = ("eyeriss-65nm", "tetris")


def point(kib: float, value: float) -> SramPoint:
    return SramPoint(kib, Entry(value, "test", "estimate"))


def table_with(*points: tuple[float, float]) -> EnergyTable:
    return replace(ppsim.load_energy_table("tetris"), sram=tuple(point(*p) for p in points))


def entries(table: EnergyTable) -> dict[str, Entry]:
    found = {f.name: getattr(table, f.name) for f in fields(table) if isinstance(getattr(table, f.name), Entry)}
    return found | {f"sram[{p.kib:g}]": p.pj_per_bit for p in table.sram}


@pytest.mark.parametrize("name", TABLES)
def test_every_number_has_a_source_and_every_zero_a_reason(name):
    table = ppsim.load_energy_table(name)
    assert table.name == name
    assert len(entries(table)) == 11
    for entry in entries(table).values():
        assert len(entry.source) > 10
        assert entry.value > 0 or len(entry.reason) > 10
    assert {line.split(" = ")[0] for line in table.zeros()} == {"dram_background_w", "router_pj_per_bit"}


def test_tetris_numbers():
    """TETRIS T-16 as nn_dataflow reproduces it, pJ per 16 bit; static 200 pJ a cycle for 16 nodes at 500 MHz."""
    table = ppsim.load_energy_table("tetris")
    assert table.mac_pj.value == 2
    assert 16 * table.register_file_pj_per_bit.value == pytest.approx(0.6)
    assert 16 * table.pe_to_pe_pj_per_bit.value == 4
    assert 16 * table.sram_pj_per_bit(133) == 14
    assert 16 * table.dram_pj_per_bit.value == 80
    assert 16 * table.link_pj_per_bit.value == 40
    assert table.leakage_w.value == pytest.approx(200e-12 / 16 * 500e6)


def test_eyeriss_numbers():
    """The Eyeriss JSSC 2017 fit of nn_dataflow, pJ per 16 bit; static 30 mW."""
    table = ppsim.load_energy_table("eyeriss-65nm")
    assert table.mac_pj.value == 2
    assert 16 * table.register_file_pj_per_bit.value == 1
    assert 16 * table.pe_to_pe_pj_per_bit.value == 4
    assert 16 * table.sram_pj_per_bit(108) == 15
    assert 16 * table.dram_pj_per_bit.value == 460
    assert table.leakage_w.value == 0.03


def test_the_curve_passes_through_its_points_and_is_level_outside():
    table = table_with((8, 0.5), (128, 2.0), (32, 1.0))  # in any order
    assert [table.sram_pj_per_bit(kib) for kib in (1, 8)] == [0.5, 0.5]
    assert table.sram_pj_per_bit(32) == pytest.approx(1.0, rel=1e-12)
    assert table.sram_pj_per_bit(128) == pytest.approx(2.0, rel=1e-12)
    assert table.sram_pj_per_bit(4096) == 2.0


def test_the_curve_is_straight_on_logarithmic_axes():
    table = table_with((8, 0.5), (32, 1.0), (128, 3.0))
    assert table.sram_pj_per_bit(16) == pytest.approx(0.5 * sqrt(2), rel=1e-12)
    assert table.sram_pj_per_bit(64) == pytest.approx(sqrt(3), rel=1e-12)


@given(
    st.lists(st.tuples(st.floats(1, 1e4), st.floats(0.01, 10)), min_size=1, max_size=6, unique_by=lambda p: p[0]),
    st.floats(0.1, 1e5),
)
def test_the_curve_stays_between_its_neighbours(points, kib):
    value = table_with(*points).sram_pj_per_bit(kib)
    ordered = sorted(points)
    below = max((p for p in ordered if p[0] <= kib), default=ordered[0])
    above = min((p for p in ordered if p[0] >= kib), default=ordered[-1])
    low, high = sorted((below[1], above[1]))
    assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9)


def test_one_point_is_a_level_curve():
    assert {ppsim.load_energy_table("tetris").sram_pj_per_bit(kib) for kib in (1, 133, 134, 4096)} == {0.875}


def test_a_zero_needs_its_reason():
    with pytest.raises(ppsim.InputError, match="0 needs a reason"):
        Entry(0, "somewhere", "estimate")
    assert Entry(0, "somewhere", "estimate", reason="none there").value == 0
    with pytest.raises(ppsim.InputError, match=r"^tetris: energy\.mac_pj: a value of 0 needs a reason"):
        ppsim.load_system("tetris", set={"energy.mac_pj": {"value": 0, "source": "x", "confidence": "estimate"}})


def test_zeros_are_among_the_assumptions_a_run_prints():
    system = ppsim.load_system("tetris", set={"energy.vector_pj_per_op": 0})
    zeros = [line for line in system.assumptions() if " = 0: " in line]
    assert [line.split(" = ")[0] for line in zeros] == ["dram_background_w", "router_pj_per_bit", "vector_pj_per_op"]
    assert all(len(line.split(": ", 1)[1]) > 10 for line in zeros)


def test_numbers_set_by_the_user_say_so():
    entry = ppsim.load_system("tetris", set={"energy.leakage_w": 0.5}).energy.leakage_w
    assert (entry.value, entry.confidence) == (0.5, "set-by-user")


@pytest.mark.parametrize(
    ("key", "line", "says"),
    [
        ("mac_pj", "mac_pj: {value: -1, source: x, confidence: estimate}", "mac_pj.value: Input should be greater"),
        ("mac_pj", "mac_pj: {value: .nan, source: x, confidence: estimate}", "mac_pj.value: Input should be a finite"),
        ("mac_pj", "mac_pj: {value: 1, confidence: estimate}", "mac_pj.source: Field required"),
        ("mac_pj", 'mac_pj: {value: 1, source: "", confidence: estimate}', "mac_pj.source: "),
        ("mac_pj", "mac_pj: {value: 1, source: x, confidence: sure}", "mac_pj.confidence: "),
        ("mac_pj", "mac_pj: 1", "mac_pj: Input should be an object"),
        ("mac_pj", "mac_pj: {value: 0, source: x, confidence: estimate}", "mac_pj: a value of 0 needs a reason"),
        ("leakage_w", "", "leakage_w: Field required"),
        ("leakage_w", "leekage_w: {value: 1, source: x, confidence: estimate}", "leakage_w: Field required"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, key, line, says):
    shipped = (packaged("accelerators/energy") / "tetris.yaml").read_text(encoding="utf-8")
    changed = [line if text.startswith(f"{key}:") else text for text in shipped.splitlines()]
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(changed), encoding="utf-8")
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_energy_table(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"energy table {path}: {says}")
    with pytest.raises(ppsim.InputError) as again:
        ppsim.load_system("tetris", set={"energy": str(path)})
    assert "\n" not in str(again.value)


def test_a_table_can_be_chosen_by_name():
    assert ppsim.load_system("tetris", set={"energy": "eyeriss-65nm"}).energy == ppsim.load_energy_table("eyeriss-65nm")


kib = st.floats(1, 1e4)


@given(st.lists(kib, min_size=2, max_size=5, unique=True), st.lists(kib, min_size=2, max_size=5))
def test_a_rising_curve_never_falls(capacities, asked):
    capacities.sort()
    table = table_with(*((size, 0.1 * (i + 1)) for i, size in enumerate(capacities)))
    values = [table.sram_pj_per_bit(size) for size in sorted(asked)]
    assert all(low <= high * (1 + 1e-12) for low, high in pairwise(values))
