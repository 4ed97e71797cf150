"""The catalogue of DRAM energies: numbers of its sources, both sides where they disagree, and what a system takes."""

from dataclasses import replace

import pytest

import ppsim
from ppsim.documents import packaged
from ppsim.hardware.energy import Entry
from ppsim.hardware.memories import Memory, load_memories

#: pJ per bit as the sources have them
QUOTED = {
    "dram-horowitz": 640 / 32,
    "dram-eyeriss": 460 / 16,
    "dram-set": 7.5,
    "dram-nn-baton": 8.75,
    "ddr3-chatterjee": 70,
    "ddr4-quoted": 3000 / 512,
    "lpddr-malladi": 40,
    "lpddr3-tetris": 240 / 16,
    "lpddr4-hwcomponents": 8,
    "hbm2-fgdram": 3.9,
    "hbm2-hwcomponents": 6.25,
    "hbm2-tpu-v4i": 7.03,
    "hbm3-hwcomponents": 4.05,
    "hbm4-hwcomponents": 3.2,
    "hmc-jeddeloh": 10.48,
    "hmc-tetris": 80 / 16,
    "hmc-dramsim3": 2.3,
}
#: DRAMsim3: peak GB/s, sequential efficiency, dynamic pJ per bit of row hits, total pJ per bit streaming
SIMULATED = {
    "ddr3-1600-dramsim3": (12.8, 0.95, 6.3, 15.5),
    "ddr4-2400-dramsim3": (19.3, 0.95, 7.0, 14.6),
    "ddr4-3200-dramsim3": (25.4, 0.94, 8.8, 17.6),
    "lpddr4-2400-dramsim3": (9.6, 0.96, 7.5, 11.7),
    "hbm2-dramsim3": (32, 0.92, 1.6, 1.9),
}


def test_the_catalogue_is_that_of_the_sources():
    memories = load_memories()
    assert memories.keys() == QUOTED.keys() | SIMULATED.keys()
    for name, value in QUOTED.items():
        assert memories[name].pj_per_bit.value == pytest.approx(value), name
        assert not memories[name].background_w.value
    for name, (peak, efficiency, row_hit, total) in SIMULATED.items():
        memory = memories[name]
        assert (memory.pj_per_bit.value, memory.channel_gb_s) == (row_hit, peak)
        watts = (total - row_hit) * 1e-12 * 8 * peak * 1e9 * efficiency
        assert memory.background_w.value == pytest.approx(watts, rel=1e-5), name


def test_both_sides_of_each_disagreement_are_there_and_no_average():
    by_kind: dict[str, set[float]] = {}
    for name, memory in load_memories().items():
        by_kind.setdefault(name.split("-")[0], set()).add(memory.pj_per_bit.value)
    assert by_kind["hbm2"] == {1.6, 3.9, 6.25, 7.03}
    assert by_kind["ddr3"] == {6.3, 70}
    assert by_kind["ddr4"] == {3000 / 512, 7.0, 8.8}
    assert by_kind["lpddr4"] == {7.5, 8}
    assert by_kind["hmc"] == {2.3, 5, 10.48}


def test_every_number_has_a_source_and_every_zero_a_reason():
    for name, memory in load_memories().items():
        assert len(memory.description) > 20, name
        for entry in (memory.pj_per_bit, memory.background_w):
            assert len(entry.source) > 10, name
            assert entry.value > 0 or len(entry.reason) > 20, name
        assert memory.pj_per_bit.value > 0
    quoted = load_memories()["ddr4-quoted"].pj_per_bit
    assert (512 * quoted.low, 512 * quoted.high) == pytest.approx((2300, 3000))
    horowitz = load_memories()["dram-horowitz"].pj_per_bit
    assert 64 * horowitz.high == 2600


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        load_memories()["mine"] = load_memories()["hbm2-fgdram"]  # type: ignore[index]


def test_a_memory_replaces_the_numbers_of_the_table_and_nothing_else():
    plain = ppsim.load_system("tetris")
    system = ppsim.load_system("tetris", set={"dram.memory": "ddr3-chatterjee"})
    assert system.dram.memory == "ddr3-chatterjee"
    assert system.energy.dram_pj_per_bit.value == 70
    assert system.energy.dram_pj_per_bit.source.startswith("memory ddr3-chatterjee: hwcomponents")
    assert system.energy == replace(
        plain.energy,
        dram_pj_per_bit=system.energy.dram_pj_per_bit,
        dram_background_w=system.energy.dram_background_w,
    )
    assert plain.with_settings({"dram.memory": "ddr3-chatterjee"}) == system


def test_a_memory_keeps_its_range():
    system = ppsim.load_system("tetris", set={"dram.memory": "ddr4-quoted"})
    assert system.energy.ranges()["dram_pj_per_bit"] == pytest.approx((2300 / 3000, 1))


def test_background_is_that_of_a_channel_of_the_systems_width():
    """A channel twice as wide is two of the memory's side by side, each drawing its power."""
    memory = load_memories()["hbm2-dramsim3"]
    for bandwidth in (16, 32, 64, 614):
        system = ppsim.load_system("tetris", set={"dram.memory": "hbm2-dramsim3", "dram.bandwidth_gb_s": bandwidth})
        assert system.energy.dram_background_w.value == pytest.approx(memory.background_w.value * bandwidth / 32)
    assert memory.background_at(32) == memory.background_w
    assert "x 2 for 64 instead of 32 GB/s" in memory.background_at(64).source
    wider = system.with_settings({"dram.bandwidth_gb_s": 32})  # follows when the width changes later
    assert wider.energy.dram_background_w.value == memory.background_w.value
    assert not [line for line in wider.energy.zeros() if line.startswith("dram")]


def test_a_document_may_name_its_memory(tmp_path):
    text = (packaged("accelerators") / "tetris.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(
        text.replace("  sharing: private\n", "  sharing: private\n  memory: hmc-jeddeloh\n"), encoding="utf-8"
    )
    assert ppsim.load_system(str(path)).energy.dram_pj_per_bit.value == 10.48
    assert ppsim.load_system(str(path), set={"energy": "eyeriss-65nm"}).energy.dram_pj_per_bit.value == 10.48
    assert ppsim.load_system(str(path), set={"dram.memory": "hmc-tetris"}).energy.dram_pj_per_bit.value == 5
    assert ppsim.load_system(str(path), set={"dram.memory": None}).energy == ppsim.load_energy_table("tetris")


def test_what_the_user_sets_wins_over_the_memory():
    explicit = {"energy.dram_pj_per_bit": 3.5}
    for settings in (explicit | {"dram.memory": "hbm2-fgdram"}, {"dram.memory": "hbm2-fgdram"} | explicit):
        system = ppsim.load_system("tetris", set=settings)
        assert system.energy.dram_pj_per_bit.value == 3.5
        assert system.energy.dram_background_w.source.startswith("memory hbm2-fgdram")
        for other in ({"array.rows": 3}, {"dram.bandwidth_gb_s": 3}, {"energy.mac_pj": 1}, {}):
            assert system.with_settings(other).energy.dram_pj_per_bit.value == 3.5
    mine = {"value": 3.5, "source": "my lab", "confidence": "measured"}
    system = ppsim.load_system("tetris", set={"dram.memory": "hbm2-fgdram", "energy.dram_pj_per_bit": mine})
    assert system.with_settings({"dram.bandwidth_gb_s": 3}).energy.dram_pj_per_bit == Entry(3.5, "my lab", "measured")


def test_a_later_memory_or_table_wins_over_an_earlier_setting():
    system = ppsim.load_system("tetris", set={"dram.memory": "hbm2-fgdram", "energy.dram_pj_per_bit": 3.5})
    assert system.with_settings({"dram.memory": "hbm3-hwcomponents"}).energy.dram_pj_per_bit.value == 4.05
    assert system.with_settings({"energy": "eyeriss-65nm"}).energy.dram_pj_per_bit.value == 3.9
    dram = replace(system.dram, memory="hmc-tetris")
    assert system.with_settings({"dram": dram}).energy.dram_pj_per_bit.value == 5


def test_going_back_to_the_table_needs_the_table():
    system = ppsim.load_system("tetris", set={"dram.memory": "hbm2-fgdram"})
    with pytest.raises(ppsim.InputError, match=r"^tetris: dram.memory: .* set energy as well$"):
        system.with_settings({"dram.memory": None})
    assert system.with_settings({"dram.memory": None, "energy": "tetris"}) == ppsim.load_system("tetris")


def test_joules_do_not_mix_with_macs():
    with pytest.raises(
        ppsim.InputError, match=r"^tetris: dram.memory: 'hbm2-fgdram' is in joules, .* in MACs; set dra"
    ):
        ppsim.load_system("tetris", set={"dram.memory": "hbm2-fgdram", "energy": "normalised"})
    without_memory = {"dram.memory": None, "energy": "normalised"}
    with pytest.raises(ppsim.InputError, match=r"^tpu-v1: interconnect.pj_per_bit: 11.4 is in joules, .* to null for"):
        ppsim.load_system("tpu-v1", set=without_memory)
    system = ppsim.load_system("tpu-v1", set=without_memory | {"interconnect.pj_per_bit": None})
    assert system.energy == ppsim.load_energy_table("normalised")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hbm2", "tetris: dram.memory: 'hbm2' is unknown; "),
        (
            "hbm2-fgdrm",
            "tetris: dram.memory: 'hbm2-fgdrm' is unknown; did you mean 'hbm2-fgdram'? known: dram-horowitz, ",
        ),
        ("", "tetris: dram.memory: '' is unknown; known: dram-horowitz, "),
        ("a\nb", "tetris: dram.memory: 'a\\nb' is unknown; "),
        (5, "tetris: dram.memory: Input should be a valid string"),
    ],
)
def test_a_memory_there_is_not(name, says):
    for change in (lambda s: ppsim.load_system("tetris", set=s), ppsim.load_system("tetris").with_settings):
        with pytest.raises(ppsim.InputError) as caught:
            change({"dram.memory": name})
        assert str(caught.value).startswith(says)
        assert "\n" not in str(caught.value)


entry = "{value: 1, source: x, confidence: estimate}"
zero = "{value: 0, source: x, confidence: estimate, reason: in the other}"


@pytest.mark.parametrize(
    ("memory", "says"),
    [
        (f"{{description: d, pj_per_bit: {entry}}}", "background_w: Field required"),
        (f"{{description: d, background_w: {zero}}}", "pj_per_bit: Field required"),
        (f"{{pj_per_bit: {entry}, background_w: {zero}}}", "description: Field required"),
        (f"{{description: d, pj_per_bit: 3, background_w: {zero}}}", "pj_per_bit: Input should be an object"),
        (
            f"{{description: d, pj_per_bit: {{value: -1, source: x, confidence: estimate}}, background_w: {zero}}}",
            "pj_per_bit.value: Input should be greater than or equal to 0, got -1",
        ),
        (f"{{description: d, pj_per_bit: {entry}, background_w: {entry}}}", "background_w needs channel_gb_s"),
        (
            f"{{description: d, pj_per_bit: {entry}, background_w: {entry}, channel_gb_s: 0}}",
            "channel_gb_s: Input should be greater than 0, got 0",
        ),
        (
            f"{{description: d, pj_per_bit: {entry}, background_w: {zero}, watts: 1}}",
            "watts: unknown key; accepted: description, pj_per_bit, background_w, channel_gb_s",
        ),
    ],
)
def test_a_catalogue_that_cannot_be_used(tmp_path, memory, says):
    path = tmp_path / "mine.yaml"
    path.write_text(f"format: ppsim-memories/1\nmemories:\n  mine: {memory}\n", encoding="utf-8")
    with pytest.raises(ppsim.InputError) as caught:
        load_memories(str(path))
    message = str(caught.value)
    assert message.startswith(f"memory catalogue {path}: memories.mine")
    assert says in message
    assert "\n" not in message


def test_a_catalogue_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"format: ppsim-memories/1\nmemories: {{mine: {{description: d, pj_per_bit: {entry}, background_w: {zero}}}}}\n"
    )
    one, none = Entry(1, "x", "estimate"), Entry(0, "x", "estimate", reason="in the other")
    assert dict(load_memories(str(path))) == {"mine": Memory("d", one, none)}
