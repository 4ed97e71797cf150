"""Energy tables: the SRAM curve, zeros, ranges and draws, and that shipped numbers are those of their sources."""

from dataclasses import fields, replace
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.documents import names, packaged
from ppsim.hardware.energy import EnergyTable, Entry, SramPoint

TABLES = names("accelerators/energy")


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
    assert len(entries(table)) == 10 + len(table.sram)
    for entry in entries(table).values():
        assert len(entry.source) > 10
        assert entry.value > 0 or len(entry.reason) > 10
    zeros = {"dram_background_w", "router_pj_per_bit"} | ({"leakage_w"} if name == "normalised" else set())
    assert {line.split(" = ")[0] for line in table.zeros()} == zeros


def test_what_is_shipped():
    shipped = {"eyeriss-65nm", "horowitz-45nm", "horowitz-45nm-int8", "normalised", "tetris", "tpu-v4i-7nm"}
    assert set(TABLES) == shipped


def test_a_range_names_both_of_its_sources():
    """Whoever reads the source finds what is said to disagree with it."""
    known = {"TETRIS", "Eyeriss", "Aladdin", "Horowitz", "CACTI", "DRAMsim3", "Keckler", "arXiv", "O'Connor", "Jouppi"}
    known |= {"accelforge", "Loihi", "Jeddeloh", "Chatterjee", "NVLink-C2C", "PCIe", "EIE", "circuit-switched"}
    ranged = [entry for name in TABLES for entry in entries(ppsim.load_energy_table(name)).values() if entry.range]
    assert len(ranged) > 20
    for entry in ranged:
        assert sum(name in entry.source for name in known) > 1, entry


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


def test_horowitz_numbers():
    """ISSCC 2014 at 45 nm: 64-bit reads of 8 KB, 32 KB and 1 MB take 10, 20 and 100 pJ; DRAM 640 pJ per 32 bit."""
    for name, mac, low_precision in (("horowitz-45nm", 1.0 + 0.1, 3.8896), ("horowitz-45nm-int8", 0.2 + 0.1, 1.0328)):
        table = ppsim.load_energy_table(name)
        assert (table.node_nm, table.mac_pj.value) == (45, pytest.approx(mac))
        assert table.mac_pj.high == low_precision  # Aladdin, ISCA 2014
        assert [64 * table.sram_pj_per_bit(kib) for kib in (8, 32, 1024)] == pytest.approx([10, 20, 100])
        assert [64 * p.pj_per_bit.low for p in table.sram[1:]] == pytest.approx([17.042, 93.519], rel=1e-4)  # CACTI 7
        assert 32 * table.dram_pj_per_bit.value == 640
        assert 64 * table.dram_pj_per_bit.low <= 1300
        assert 64 * table.dram_pj_per_bit.high == 2600
        assert table.vector_pj_per_op.value == 0.1
        assert 16 * table.register_file_pj_per_bit.value == pytest.approx(0.16571, rel=1e-4)
        assert table.accumulator_pj_per_bit.value == pytest.approx(table.sram_pj_per_bit(16), rel=1e-4)
        assert table.leakage_w.value == ppsim.load_energy_table("tetris").leakage_w.value
    wire, pitch_mm = 0.121, {"horowitz-45nm": 0.1, "horowitz-45nm-int8": 0.06}
    for name, length in pitch_mm.items():
        hop = ppsim.load_energy_table(name).pe_to_pe_pj_per_bit
        assert (hop.value, hop.high) == pytest.approx((wire * length, 0.4 * length))
        assert hop.confidence == "estimate"
    assert ppsim.load_energy_table("horowitz-45nm").mac_pj.confidence == "estimate"


def test_tpu_v4i_numbers():
    """accelforge's tpu_v4i.yaml; the curve takes the mean of its reads and writes, which no two sources disagree on."""
    table = ppsim.load_energy_table("tpu-v4i-7nm")
    assert (table.node_nm, table.mac_pj.value, table.mac_pj.high) == (7, 0.084, 0.36683)
    assert table.sram_pj_per_bit(4 * 1024) == pytest.approx((0.249 + 0.293) / 2)
    assert table.sram_pj_per_bit(128 * 1024) == pytest.approx((1.88 + 2.36) / 2)
    assert (table.dram_pj_per_bit.low, table.dram_pj_per_bit.value) == (3.9, 7.03)
    assert 16 * table.register_file_pj_per_bit.value == pytest.approx(0.015628)
    assert table.vector_pj_per_op.value == pytest.approx(0.9 * 0.36683 / 3.8896, rel=1e-4)
    assert table.leakage_w.confidence == "unverified"


def test_normalised_numbers_are_macs_and_say_so():
    """Eyeriss, ISCA 2016, Table IV: a 16-bit word takes 1, 2, 6 and 200 MACs."""
    table = ppsim.load_energy_table("normalised")
    assert (table.unit, table.node_nm, table.mac_pj.value) == ("MAC", None, 1)
    assert table.description.startswith("NO JOULES")
    assert 16 * table.register_file_pj_per_bit.value == 1
    assert 16 * table.pe_to_pe_pj_per_bit.value == 2
    assert 16 * table.sram_pj_per_bit(108) == 6
    assert 16 * table.dram_pj_per_bit.value == 200
    assert 16 * table.link_pj_per_bit.value == 40 / 2
    assert table.vector_pj_per_op.value == pytest.approx(0.05 / 1.1, rel=1e-4)
    assert not table.ranges()
    assert {ppsim.load_energy_table(name).unit for name in TABLES if name != "normalised"} == {"pJ"}


def test_where_the_sources_of_tetris_and_eyeriss_disagree():
    """The lowest and the highest of the sources, pJ of what each counts."""
    tetris, eyeriss = map(ppsim.load_energy_table, ("tetris", "eyeriss-65nm"))
    assert (tetris.mac_pj.low, tetris.mac_pj.high) == (1.1, 3.8896)  # Horowitz, Aladdin
    assert (tetris.dram_pj_per_bit.low, tetris.dram_pj_per_bit.high) == (2.3, 10.48)  # DRAMsim3, Jeddeloh
    assert 64 * tetris.sram[0].pj_per_bit.low == pytest.approx(32.286, rel=1e-4)  # CACTI 7, 45 nm, 128 KB
    assert (tetris.leakage_w.low, tetris.leakage_w.high) == (tetris.leakage_w.value, eyeriss.leakage_w.value)
    assert (eyeriss.leakage_w.low, eyeriss.leakage_w.high) == (tetris.leakage_w.value, eyeriss.leakage_w.value)
    assert eyeriss.mac_pj.high == 4.8257  # Aladdin
    assert (eyeriss.dram_pj_per_bit.low, eyeriss.dram_pj_per_bit.high) == (15, 70)  # TETRIS L-1, Chatterjee
    assert 64 * eyeriss.sram[0].pj_per_bit.low == pytest.approx(54.302, rel=1e-4)  # CACTI 7, 65 nm, 108 KB


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
    for path in ("energy.leakage_w", "energy.leakage_w.value"):
        entry = ppsim.load_system("tetris", set={path: 0.5}).energy.leakage_w
        assert (entry.value, entry.source, entry.confidence) == (0.5, "set by the user", "set-by-user")
        assert entry.range is None
        assert (entry.low, entry.high) == (None, None)


def test_the_user_may_give_a_range_in_any_order():
    wanted = {"energy.mac_pj.low": 1, "energy.mac_pj.source": "my chip", "energy.mac_pj.high": 5}
    for settings in (wanted | {"energy.mac_pj": 4}, wanted | {"energy.mac_pj.value": 4}):
        entry = ppsim.load_system("tetris", set=settings).energy.mac_pj
        assert (entry.low, entry.value, entry.high, entry.source) == (1, 4, 5, "my chip")


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (1, None, "a range takes both low and high"),
        (None, 3, "a range takes both low and high"),
        (3, 4, "low 3, value 2, high 4: accepted is 0 <= low <= value <= high"),
        (1, 1.5, "low 1, value 2, high 1.5: accepted is 0 <= low <= value <= high"),
        (3, 1, "accepted is 0 <= low <= value <= high"),
        (-1, 3, "accepted is 0 <= low <= value <= high"),
    ],
)
def test_a_range_that_cannot_be_used(low, high, says):
    with pytest.raises(ppsim.InputError, match=says):
        Entry(2, "somewhere", "estimate", low=low, high=high)


def test_a_zero_takes_no_range():
    with pytest.raises(ppsim.InputError, match="takes no range"):
        Entry(0, "somewhere", "estimate", reason="none there", low=0, high=1)
    assert Entry(0, "somewhere", "estimate", reason="none there", low=0, high=0).range is None


def test_ranges_are_factors_and_hold_the_value():
    for name in TABLES:
        table = ppsim.load_energy_table(name)
        found = table.ranges()
        assert found.keys() == {key.split("[")[0] for key, entry in entries(table).items() if entry.range}
        for low, high in found.values():
            assert 0 < low <= 1 <= high
            assert low < high
        for key, entry in entries(table).items():
            if entry.range:
                low, high = found[key.split("[")[0]]
                assert entry.value * low <= entry.low * (1 + 1e-12)
                assert entry.value * high >= entry.high * (1 - 1e-12)


def test_the_curve_has_the_widest_range_of_its_points():
    points = (
        SramPoint(8, Entry(1, "a; b", "estimate", low=0.5, high=1)),
        SramPoint(32, Entry(2, "a; b", "estimate", low=1.5, high=8)),
        SramPoint(64, Entry(4, "a", "estimate")),
    )
    assert replace(ppsim.load_energy_table("tetris"), sram=points).ranges()["sram"] == (0.5, 4)


factors = st.floats(0.01, 100)


@given(factors, factors, factors)
def test_a_draw_multiplies_what_it_names_and_nothing_else(mac, sram, background):
    table = ppsim.load_energy_table("horowitz-45nm")
    drawn = table.drawn({"mac_pj": mac, "sram": sram, "dram_background_w": background})
    assert drawn.mac_pj.value == table.mac_pj.value * mac
    assert "drawn" in drawn.mac_pj.source
    for kib in (1, 8, 20, 32, 5000):
        assert drawn.sram_pj_per_bit(kib) == pytest.approx(table.sram_pj_per_bit(kib) * sram)
    assert drawn.zeros() == table.zeros()
    assert not {"mac_pj", "sram"} & drawn.ranges().keys()
    same = entries(table).items() - {(k, e) for k, e in entries(table).items() if k == "mac_pj" or "sram" in k}
    assert all(entries(drawn)[key] == entry for key, entry in same)


def test_a_draw_of_nothing_is_the_table():
    for name in TABLES:
        assert ppsim.load_energy_table(name).drawn({}) == ppsim.load_energy_table(name)


def test_a_draw_of_zero_is_no_silent_zero():
    assert ppsim.load_energy_table("tetris").drawn({"mac_pj": 0}).mac_pj.reason == "x 0, drawn"


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        ({"mac": 2}, "energy table tetris: no entry 'mac' to draw; accepted: mac_pj, .*sram$"),
        ({"sram[133]": 2}, "no entry"),
        ({"mac_pj": -1}, "energy table tetris: mac_pj: factor -1 must be finite and at least 0"),
        ({"mac_pj": float("nan")}, "must be finite"),
        ({"mac_pj": float("inf")}, "must be finite"),
    ],
)
def test_a_draw_that_cannot_be_used(factors, says):
    with pytest.raises(ppsim.InputError, match=says):
        ppsim.load_energy_table("tetris").drawn(factors)


@pytest.mark.parametrize(
    ("key", "line", "says"),
    [
        ("mac_pj", "mac_pj: {value: -1, source: x, confidence: estimate}", "mac_pj.value: Input should be greater"),
        ("mac_pj", "mac_pj: {value: .nan, source: x, confidence: estimate}", "mac_pj.value: Input should be a finite"),
        ("mac_pj", "mac_pj: {value: 1, confidence: estimate}", "mac_pj.source: Field required"),
        ("mac_pj", 'mac_pj: {value: 1, source: "", confidence: estimate}', "mac_pj.source: "),
        ("mac_pj", "mac_pj: {value: 1, source: x, confidence: sure}", "mac_pj.confidence: "),
        ("mac_pj", "mac_pj: {value: 1, low: 2, high: 3, source: x, confidence: estimate}", "mac_pj: low 2, value 1, "),
        ("mac_pj", "mac_pj: {value: 1, low: 1, source: x, confidence: estimate}", "mac_pj: a range takes both"),
        ("mac_pj", "mac_pj: {value: 1, low: -1, high: 2, source: x, confidence: estimate}", "mac_pj.low: Input should"),
        ("mac_pj", "mac_pj: {value: 1, span: 2, source: x, confidence: estimate}", "mac_pj.span: unknown key; accept"),
        ("node_nm", "node_nm: 45\nunit: J", "unit: Input should be 'pJ' or 'MAC', got 'J'"),
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


def test_a_table_can_be_chosen_by_name_or_given():
    eyeriss = ppsim.load_energy_table("eyeriss-65nm")
    for chosen in ("eyeriss-65nm", eyeriss):
        system = ppsim.load_system("tetris", set={"energy": chosen, "energy.mac_pj": 9})
        assert system.energy == replace(eyeriss, mac_pj=system.energy.mac_pj)
        assert ppsim.load_system("tetris").with_settings({"energy": chosen}).energy == eyeriss
    drawn = eyeriss.drawn({"sram": 1.5})
    assert ppsim.load_system("tetris", set={"energy": drawn}).energy == drawn


def test_a_table_that_differs_from_another():
    """A system's own numbers in place of those of the table it names."""
    mine = {"value": 0.5, "source": "my chip", "confidence": "measured"}
    system = ppsim.load_system("tetris", set={"energy": {"from": "eyeriss-65nm", "leakage_w": mine}})
    expected = ppsim.load_energy_table("eyeriss-65nm")
    assert system.energy == replace(expected, leakage_w=Entry(0.5, "my chip", "measured"))


@pytest.mark.parametrize(
    ("energy", "says"),
    [
        ({"from": 3}, "tetris: energy.from: give the name of an energy table, got 3"),
        ({"from": "tetri"}, "energy table 'tetri' is no file and no known name; did you mean 'tetris'?"),
        ({"from": "tetris", "leakage": {}}, "tetris: energy.leakage: unknown key; accepted: name, description"),
        ({"from": "tetris", "leakage_w": 3}, "tetris: energy.leakage_w: Input should be an object"),
    ],
)
def test_a_table_that_differs_in_what_there_is_not(energy, says):
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_system("tetris", set={"energy": energy})
    assert str(caught.value).startswith(says)


kib = st.floats(1, 1e4)


@given(st.lists(kib, min_size=2, max_size=5, unique=True), st.lists(kib, min_size=2, max_size=5))
def test_a_rising_curve_never_falls(capacities, asked):
    capacities.sort()
    table = table_with(*((size, 0.1 * (i + 1)) for i, size in enumerate(capacities)))
    values = [table.sram_pj_per_bit(size) for size in sorted(asked)]
    assert all(low <= high * (1 + 1e-12) for low, high in pairwise(values))
