"""The references that run the engine: they hold, compare as much as they say, and notice what they are there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import ppsim
from ppsim.documents import names
from ppsim.engine.run import run
from ppsim.engine.trace import Trace
from ppsim.hardware.dram import DramSpec
from ppsim.mapping.place import place
from ppsim.units import cycles_in
from ppsim.validation.contract import Check
from ppsim.validation.numbers import table
from ppsim.validation.references import contention, dram, floors, links

REFERENCES = {"links": links, "contention": contention, "dram": dram, "floors": floors}
RUNS = len(names("accelerators")) * (5 + 2 * (5 + 3))  # networks on one accelerator; and pruned ones on several
ALONE = len(names("accelerators")) * 5
CASES = {
    "links": {"arrival of messages": 7},
    "contention": {
        "messages that cross on a mesh": 10,
        "fast and slow links": 12,
        "accelerators behind one DRAM channel": 11,
    },
    "dram": {"streaming efficiency": 5, "efficiency, 2 reads 1 write": 5, "dynamic energy": 5, "total energy": 6},
    "floors": {
        "never faster than DRAM bytes allow": RUNS,
        "never faster than MACs allow": RUNS,
        "never faster than link bytes allow": RUNS - ALONE,
    },
}
EXACT = ("links", "contention", "floors")


@pytest.mark.parametrize("name", REFERENCES)
def test_they_hold_and_compare_what_is_meant(name):
    checks = list(REFERENCES[name].checks())
    assert {check.compared: len(check.cases) for check in checks} == CASES[name]
    for check in checks:
        assert check.holds, [case for case in check.cases if case.error]
        assert check.max_bound == (0 if name in EXACT else 0.05)
        assert len({case.name for case in check.cases}) == len(check.cases)
        assert all(case.expected > 0 for case in check.cases)


def failing(checks: list[Check]) -> set[str]:
    return {check.compared for check in checks if not check.holds}


def alter(monkeypatch: pytest.MonkeyPatch, part: str, **changes: float) -> None:
    """Every system that is loaded has other numbers in that part: added are those asked for, times these factors."""
    load = ppsim.load_system

    def altered(*args, **kwargs):
        system = load(*args, **kwargs)
        of = getattr(system, part)
        numbers = {name: type(getattr(of, name))(getattr(of, name) * factor) for name, factor in changes.items()}
        return replace(system, **{part: replace(of, **numbers)})

    monkeypatch.setattr(ppsim, "load_system", altered)


@pytest.mark.parametrize("change", ["bandwidth_gb_s", "latency_ns"])
def test_every_message_would_be_another_on_links_that_are_one_percent_off(monkeypatch, change):
    alter(monkeypatch, "interconnect", **{change: 0.99})
    (check,) = links.checks()
    assert all(case.error > 0 for case in check.cases)
    assert not check.holds


LINKS = {"messages that cross on a mesh", "fast and slow links"}
CHANNEL = {"accelerators behind one DRAM channel"}


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("interconnect", {"bandwidth_gb_s": 0.99}, LINKS),
        ("interconnect", {"latency_ns": 1.01}, LINKS),
        ("dram", {"bandwidth_gb_s": 0.99}, CHANNEL),
        ("dram", {"latency_ns": 1.02}, CHANNEL),
        ("dram", {"quantum_bytes": 0.5}, CHANNEL),
    ],
)
def test_contention_depends_on_every_number(monkeypatch, part, changes, expected):
    alter(monkeypatch, part, **changes)
    assert failing(list(contention.checks())) >= expected


def test_contention_notices_who_comes_first(monkeypatch):
    """Each alone on its links and channels: what waits for others would be too early."""
    monkeypatch.setattr(contention, "CROSSING", {(0, 5): 400})
    monkeypatch.setattr(contention, "CROSSED", {links.CUT: (1500,), links.STORED: (2300,)})
    monkeypatch.setattr(contention, "UNEQUAL", contention.UNEQUAL | {"dram.sharing": "private"})
    checks = list(contention.checks())
    assert failing(checks) == {"messages that cross on a mesh", *CHANNEL}
    assert [case.modelled for case in checks[0].cases] == [700, 1500]  # 400 + 3 x 100, and 3 x (400 + 100)


@pytest.mark.parametrize(
    ("efficiency", "expected"),
    [
        # less than 5 % off in total energy, of which the background is a part
        (lambda spec, read, write: 1.0, {"streaming efficiency", "efficiency, 2 reads 1 write"}),
        (lambda spec, read, write: spec.efficiency_streaming, {"efficiency, 2 reads 1 write"}),
        (lambda spec, read, write: spec.efficiency_mixed, {"streaming efficiency", "total energy"}),
    ],
)
def test_a_wrongly_wired_efficiency_shows(monkeypatch, efficiency: Callable[..., float], expected):
    monkeypatch.setattr(DramSpec, "efficiency", efficiency)
    assert failing(list(dram.checks())) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [("dram_pj_per_bit", {"dynamic energy", "total energy"}), ("dram_background_w", {"total energy"})],
)
def test_a_wrongly_wired_energy_shows(monkeypatch, entry, expected):
    load = ppsim.load_system
    monkeypatch.setattr(ppsim, "load_system", lambda *a, set, **k: load(*a, set=set | {f"energy.{entry}": 5.0}, **k))
    assert failing(list(dram.checks())) == expected


def test_what_is_measured_waits_for_dram_and_moves_what_it_says():
    megabyte = 1 << 20
    for row in table("dramsim3"):
        system = dram.system_of(row)
        reading, mixing = (ppsim.simulate(net, system).layers[-1] for net in (dram.READING, dram.MIXING))
        assert (reading.bound, mixing.bound) == ("DRAM", "DRAM")
        assert 32 * megabyte < reading.dram_bytes < 32.1 * megabyte  # weights, and a little for inputs and outputs
        activity = place(dram.MIXING, system).stages[-1].activity
        assert (activity.input_bits, activity.output_bits) == (2 * 16 * megabyte, 16 * megabyte)
        assert mixing.dram_bytes == pytest.approx(3 * 2 * megabyte, rel=1e-3)  # in whole bursts


def traces(system: str = "tetris") -> dict[str, Trace]:
    net = ppsim.load_workload("tinyvgg16")
    return {
        sharing: run(place(net, ppsim.load_system(system, accelerators=4, set={"dram.sharing": sharing})))
        for sharing in ("private", "shared")
    }


def test_a_layer_that_is_too_fast_by_a_femtosecond_is_reported():
    for trace in traces().values():
        for resource, case in floors.nearest("run", trace).items():
            assert case.error == 0
            (index,) = (i for i, stage in enumerate(trace.program.stages) if case.name == f"run: {stage.name}")
            tightest = floors.span_fs(trace, index)
            # as fast as its floor allows: bisected, as a floor is nowhere to be read
            low, high = 1, tightest
            while low < high:
                middle = (low + high) // 2
                if floors.nearest("run", faster(trace, index, middle))[resource].error:
                    low = middle + 1
                else:
                    high = middle
            assert floors.nearest("run", faster(trace, index, low))[resource].error == 0
            broken = floors.nearest("run", faster(trace, index, low - 1))[resource]
            assert (broken.expected, broken.modelled) == (low, low - 1)
            assert broken.error > 0


def faster(trace: Trace, index: int, span: int) -> Trace:
    """The trace with one layer delivered `span` after it began."""
    start = max(trace.delivered[index]) - floors.span_fs(trace, index)
    delivered = list(trace.delivered)
    delivered[index] = (start + span,) * len(delivered[index])
    return replace(trace, delivered=tuple(delivered))


def test_floors_break_when_everything_is_twice_as_fast(monkeypatch):
    def halved(program):
        trace = run(program)
        halves = [tuple(tuple(t // 2 for t in row) for row in rows) for rows in (trace.started, trace.delivered)]
        return replace(trace, started=halves[0], delivered=halves[1])

    monkeypatch.setattr(floors, "run", halved)
    monkeypatch.setattr(floors, "names", lambda folder: ("tetris",))
    checks = list(floors.checks())
    assert failing(checks) == set(CASES["floors"])
    assert all(0.3 < check.max <= 0.51 for check in checks)


@pytest.mark.parametrize("system", ["tetris", "chiplets"])
def test_the_span_is_the_one_that_results_show(system):
    net = ppsim.load_workload("tinyvgg16")
    for sharing, trace in traces(system).items():
        hardware = ppsim.load_system(system, accelerators=4, set={"dram.sharing": sharing})
        shown = {layer.name: layer.span_cycles for layer in ppsim.simulate(net, hardware).layers}
        for index, stage in enumerate(trace.program.stages):
            if stage.kind != "input":
                assert cycles_in(floors.span_fs(trace, index), hardware.clock_hz) == shown[stage.name]
