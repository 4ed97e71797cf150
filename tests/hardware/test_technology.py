"""Technology scaling: against the numbers it was read off, as a law over nodes, and what cannot be scaled."""

from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.hardware.energy import Entry
from ppsim.hardware.technology import SCALED, energy_factor, scale

#: pJ by node, Aladdin's 40 nm table with the polynomials of Stillmaker and Baas 2017 (hwcomponents)
INT8_MAC = {65: 1.2814, 45: 1.0328, 40: 0.8975, 32: 0.68098, 16: 0.17924, 7: 0.097405}
INT16_MAC = {65: 4.8257, 45: 3.8896, 40: 3.38, 32: 2.5646, 16: 0.67504, 7: 0.36683}
INT32_MAC = {65: 18.703, 45: 15.075, 40: 13.1, 32: 9.9397, 16: 2.6163, 7: 1.4217}
REGISTER_READ = {65: 0.20559, 45: 0.16571, 40: 0.144, 32: 0.10926, 16: 0.028759, 7: 0.015628}
#: the polynomials' own factors from 45 nm
FROM_45 = {65: 1.241, 40: 0.869, 32: 0.659, 16: 0.1735, 7: 0.0943}

nodes = st.floats(7, 65)


def table(node_nm: float | None = 45):
    return replace(ppsim.load_energy_table("tetris"), node_nm=node_nm)


@pytest.mark.parametrize("numbers", [INT8_MAC, INT16_MAC, INT32_MAC, REGISTER_READ])
def test_every_width_of_aladdin_follows(numbers):
    for start, energy in numbers.items():
        for end, expected in numbers.items():
            assert energy * energy_factor(start, end) == pytest.approx(expected, rel=3e-4)


def test_the_factors_of_stillmaker_and_baas():
    for node, factor in FROM_45.items():
        assert energy_factor(45, node) == pytest.approx(factor, rel=1e-3)


def test_between_two_nodes_energy_is_a_power_of_the_node():
    for small, large in pairwise(sorted(INT16_MAC)):
        middle = (small * large) ** 0.5
        expected = (INT16_MAC[small] * INT16_MAC[large]) ** 0.5
        assert INT16_MAC[small] * energy_factor(small, middle) == pytest.approx(expected)


@given(nodes, nodes)
def test_a_smaller_node_takes_less(one, other):
    small, large = sorted((one, other))
    assert energy_factor(large, small) <= 1 + 1e-12
    assert energy_factor(small, large) >= 1 - 1e-12


@given(nodes, nodes, nodes)
def test_factors_compose(a, b, c):
    assert energy_factor(a, b) * energy_factor(b, c) == pytest.approx(energy_factor(a, c))


@given(nodes)
def test_there_and_back(node):
    back = scale(scale(table(), node), 45)
    for name, entry in dict(table().entries()).items():
        again = dict(back.entries())[name]
        assert again.value == pytest.approx(entry.value)
        assert (again.low, again.high) == pytest.approx((entry.low, entry.high)) if entry.low else again.low is None
    assert back.node_nm == 45


def test_what_scales_and_what_stays():
    before, after = table(), scale(table(), 16)
    factor = energy_factor(45, 16)
    old, new = dict(before.entries()), dict(after.entries())
    for name, entry in old.items():
        if name not in SCALED or not entry.value:
            assert new[name] == entry
            continue
        assert new[name].value == pytest.approx(entry.value * factor)
        assert new[name].source.startswith(entry.source)
        assert new[name].source.endswith("x 0.1735 from 45 to 16 nm (Stillmaker and Baas 2017)")
        assert new[name].confidence == ("estimate" if entry.confidence == "estimate" else "computed")
    assert set(old) - set(SCALED) == {"dram_pj_per_bit", "dram_background_w", "link_pj_per_bit", "leakage_w"}
    assert set(SCALED) <= {f.name for f in fields(before)}
    assert after.mac_pj.low == pytest.approx(1.1 * factor)
    assert after.ranges() == {name: pytest.approx(pair) for name, pair in before.ranges().items()}
    assert after.zeros() == before.zeros()


def test_the_curve_scales_at_every_size():
    before, after = (ppsim.load_energy_table(name) for name in ("horowitz-45nm", "horowitz-45nm@7"))
    for kib in (1, 8, 100, 1024, 9999):
        assert after.sram_pj_per_bit(kib) == pytest.approx(before.sram_pj_per_bit(kib) * 0.36683 / 3.8896)


def test_a_scaled_table_says_what_it_is():
    scaled = ppsim.load_energy_table("horowitz-45nm@16")
    assert (scaled.name, scaled.node_nm) == ("horowitz-45nm@16nm", 16)
    assert scaled.description.startswith(ppsim.load_energy_table("horowitz-45nm").description)
    assert "scaled" in scaled.description
    assert "from 45 to 16 nm" in scaled.description
    assert ppsim.load_energy_table(scaled.name) == scaled  # its name loads it
    assert scale(scaled, 22.5).name == "horowitz-45nm@22.5nm"


def test_its_own_node_is_the_table_itself():
    assert scale(table(), 45) == table()
    assert ppsim.load_energy_table("tetris@45") == ppsim.load_energy_table("tetris")


def test_an_estimate_stays_one():
    entry = Entry(2.0, "a guess", "estimate", low=1.0, high=4.0).times(0.5, "half of it")
    assert (entry.value, entry.low, entry.high, entry.confidence) == (1, 0.5, 2, "estimate")
    assert entry.source == "a guess; half of it"


@pytest.mark.parametrize("node", [6.9, 65.1, 0, -45, float("nan"), float("inf")])
def test_a_node_without_factors(node):
    with pytest.raises(ppsim.InputError, match=r"^energy table tetris: node .* nm: factors are known from 7 to 65 nm$"):
        scale(table(), node)


def test_a_table_whose_node_has_no_factor_or_that_has_none():
    with pytest.raises(ppsim.InputError, match=r"^energy table tetris: node 90 nm: factors are known from 7 to 65 nm$"):
        scale(table(90), 45)
    with pytest.raises(ppsim.InputError, match=r"^energy table normalised: node_nm: has no node to scale from$"):
        ppsim.load_energy_table("normalised@16")


def test_systems_take_a_table_at_a_node():
    system = ppsim.load_system("tetris", set={"energy": "tetris@16"})
    assert system.energy == ppsim.load_energy_table("tetris@16")
    assert system.with_settings({"energy": "tetris"}) == ppsim.load_system("tetris")
    assert ppsim.load_system("tetris", set={"energy": scale(system.energy, 7)}).energy.name == "tetris@7nm"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tetris@", "energy table 'tetris@': '' is no node; after @ one in nm is accepted, as in tetris@16"),
        ("tetris@small", "energy table 'tetris@small': 'small' is no node"),
        ("tetris@6", "energy table tetris: node 6 nm: factors are known from 7 to 65 nm"),
        ("tetri@16", "energy table 'tetri' is no file and no known name; did you mean 'tetris'?"),
        ("@16", "energy table '' is no file and no known name"),
    ],
)
def test_a_name_that_scales_to_nothing(name, says):
    for load in (ppsim.load_energy_table, lambda energy: ppsim.load_system("tetris", set={"energy": energy})):
        with pytest.raises(ppsim.InputError) as caught:
            load(name)
        assert str(caught.value).startswith(says)


def test_a_file_whose_name_has_an_at_sign(tmp_path):
    from ppsim.documents import packaged

    path = tmp_path / "mine@home.yaml"
    path.write_text((packaged("accelerators/energy") / "tetris.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert ppsim.load_energy_table(str(path)) == ppsim.load_energy_table("tetris")
    assert ppsim.load_energy_table(f"{path}@16") == ppsim.load_energy_table("tetris@16")
