"""How many accelerators are worth it: the rules, and the sentences that answer."""

from __future__ import annotations

import pytest
from report_sweeps import COUNTED, ByHand, failed, over, row

from ppsim import InputError
from ppsim.analysis.quantities import plain
from ppsim.analysis.report.answer import answers, explanation, headline
from ppsim.analysis.report.study import study
from ppsim.analysis.report.sweep_page import sweep_page
from ppsim.analysis.report.worth import RULES, SHARE, rule

SHARED = {"dram": "shared", "dram.sharing": "shared"}
PRIVATE = {"dram": "private", "dram.sharing": "private"}
TWO_WAYS = {**COUNTED, "dram.sharing": ("private", "shared")}


def counts(sweep: ByHand, name: str = "marginal", share: float | None = None) -> list[int | None]:
    found = answers(study(sweep), rule(name, share))
    return [answer.chosen.count if answer.chosen else None for answer in found]


def told(sweep: ByHand, name: str = "marginal", share: float | None = None) -> str:
    of, chosen = study(sweep), rule(name, share)
    return plain(headline(of, answers(of, chosen), chosen))


@pytest.mark.parametrize(
    ("times", "share", "expected"),
    [
        ({1: 1.0, 2: 0.5, 4: 0.25, 8: 0.125}, 0.5, 8),  # linear: always
        ({1: 1.0, 2: 0.5, 4: 0.25, 8: 0.25 / 1.49}, 0.5, 4),  # the doubling to 8 brings 1.49 of 1.5
        ({1: 1.0, 2: 0.5, 4: 0.25, 8: 0.25 / 1.5}, 0.5, 8),  # just enough
        ({1: 1.0, 2: 0.99}, 0.5, 1),
        ({1: 1.0, 3: 1 / 1.99}, 0.5, 1),  # three times as many need twice the speed
        ({1: 1.0, 3: 1 / 2.0}, 0.5, 3),
        ({1: 1.0, 2: 0.5, 3: 0.6, 4: 0.25}, 0.5, 4),  # an odd number that does badly is passed over
        ({1: 1.0, 2: 0.5, 4: 0.25, 8: 0.125}, 1.0, 8),
        ({1: 1.0, 2: 0.5, 4: 0.26, 8: 0.13}, 1.0, 2),  # 8 are held against the 2 that were worth it: 3.85 of 4
        ({1: 1.0, 2: 0.5, 4: 0.4, 8: 0.12}, 0.5, 8),  # and here they bring 4.2 of the 2.5 they need
        ({4: 1.0, 8: 0.9}, 0.5, 4),
    ],
)
def test_marginal(times: dict[int, float], share: float, expected: int) -> None:
    assert counts(ByHand(over(times), COUNTED), "marginal", share) == [expected]


def test_what_misses_the_rule_by_little_does_not_look_as_if_it_met_it() -> None:
    assert "2 would be only 1.499x faster again" in told(ByHand(over({1: 1.0, 2: 1 / 1.4987}), COUNTED))
    assert "2 would be only 1.49999x faster again" in told(ByHand(over({1: 1.0, 2: 1 / 1.49999}), COUNTED))
    assert "2 would be only 1.49x faster again" in told(ByHand(over({1: 1.0, 2: 1 / 1.49}), COUNTED))
    assert "2 would be 1.50x faster again" in told(
        ByHand([row(1, 1.0), row(2, 1 / 1.4987, 2e6)], COUNTED), "energy-delay"
    )


def test_a_smaller_share_is_content_with_less() -> None:
    sweep = ByHand(over({1: 1.0, 2: 0.6, 4: 0.4, 8: 0.32, 16: 0.3}), COUNTED)
    assert [counts(sweep, "marginal", share)[0] for share in (0.9, 0.6, 0.4, 0.2, 0.01)] == [1, 2, 4, 8, 16]
    assert counts(sweep) == counts(sweep, "marginal", SHARE)


def test_efficiency_is_what_is_left_of_the_ideal() -> None:
    rows = [row(count, 1 / count, imbalance_loss=loss) for count, loss in ((1, 0.0), (2, 0.2), (4, 0.46), (8, 0.6))]
    sweep = ByHand(rows, COUNTED)
    assert counts(sweep, "efficiency") == [4]  # 3 % are lost to links and DRAM too
    assert counts(sweep, "efficiency", 0.6) == [2]
    assert counts(sweep, "efficiency", 0.98) == [None]
    assert told(sweep, "efficiency", 0.98) == (
        "With private DRAM, no number of accelerators is worth it; the fastest is 8 accelerators."
    )


def test_energy_delay_is_the_least_product() -> None:
    energies = {1: 1e6, 2: 1.5e6, 4: 2.5e6, 8: 6e6}
    rows = [row(count, 1 / count, energy) for count, energy in energies.items()]
    assert counts(ByHand(rows, COUNTED), "energy-delay") == [4]
    assert told(ByHand(rows, COUNTED), "energy-delay") == (
        "4 accelerators are worth it with private DRAM: 4.00x faster and 2.50x more energy than the unpruned network "
        "on one accelerator; 8 would be 2.00x faster again, with 2.40x more energy."
    )


def test_rules_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match="rule 'best' is unknown; accepted: marginal, efficiency, energy-delay"):
        rule("best")
    for share in (0.0, -1.0, 1.01, float("nan")):
        with pytest.raises(InputError, match=r"out of range; accepted: above 0, up to 1"):
            rule("marginal", share)
    with pytest.raises(InputError, match="energy-delay takes no share"):
        rule("energy-delay", 0.5)


@pytest.mark.parametrize("name", RULES)
def test_rules_say_what_they_are(name: str) -> None:
    assert rule(name).told("parts").startswith("More parts are worth it as long as ")
    share = {"marginal": "70 %", "efficiency": "70 %"}
    if name in share:
        assert share[name] in rule(name, 0.7).told("accelerators")


def test_each_way_of_sharing_has_its_answer() -> None:
    rows = over({1: 1.0, 2: 0.25, 4: 0.0625, 8: 1 / 63.9, 16: 1 / 80}, **PRIVATE)
    rows += over({1: 1.0, 2: 0.51, 4: 0.45, 8: 0.44, 16: 0.5}, **SHARED)
    for one in rows:
        one["energy_pj"], one["energy_reduction"] = 1e6 / 5.1, 5.1
    assert counts(ByHand(rows, TWO_WAYS)) == [8, 2]
    assert told(ByHand(rows, TWO_WAYS)) == (
        "8 accelerators are worth it with private DRAM: 63.9x faster and 5.10x less energy than the unpruned network "
        "on one accelerator; 16 would be only 1.25x faster again. With shared DRAM, 2 are worth it: 1.96x faster and "
        "5.10x less energy; 4 would be only 1.13x faster again."
    )


def test_what_pruning_brings_is_told_apart_where_it_grows_with_accelerators() -> None:
    rows = [row(count, 1 / count, keep=1 / count, pruning=count / 1.01) for count in (1, 2, 4)]
    sweep = ByHand(rows, COUNTED)
    assert told(sweep).startswith(
        "At least 4 accelerators are worth it with private DRAM, and no more were simulated: 4.00x faster (3.96x by "
        "pruning, 1.01x by the accelerators) than "
    )
    found = study(sweep)
    assert "sweep accelerators at one number of parts" in explanation(found, answers(found, rule()))[-1]


def test_an_unfinished_sweep_says_so_first() -> None:
    sweep = ByHand(over({1: 1.0, 2: 0.5}), COUNTED)
    sweep.provenance["points"] = 3
    assert sweep_page(sweep, rule()).notes[0].startswith("The sweep is not finished: 2 of 3 points are done")
    sweep.provenance["points"] = 2
    assert sweep_page(sweep, rule()).notes[0].startswith("The rule (marginal): ")


def test_the_ends_of_a_sweep_are_said() -> None:
    assert told(ByHand(over({1: 1.0, 2: 0.5}, energy_pj=5e5), COUNTED)) == (
        "At least 2 accelerators are worth it with private DRAM, and no more were simulated: 2.00x faster and "
        "2.00x less energy than the unpruned network on one accelerator."
    )
    assert told(ByHand(over({1: 1.0, 2: 0.999}), COUNTED)) == (
        "With private DRAM, one accelerator is enough: 2 would be no faster."
    )
    assert told(ByHand(over({1: 1.0, 2: 1.5}), COUNTED)).endswith("enough: 2 would be 1.50x slower.")
    assert told(ByHand(over({4: 0.5, 8: 0.45}), COUNTED)) == (
        "With private DRAM, 4 accelerators, the fewest simulated, are enough, 2.00x faster than the unpruned network "
        "on one accelerator, for as much energy: 8 would be only 1.11x faster again."
    )
    rows = [*over({1: 1.0, 2: 0.5, 4: 0.25}, **PRIVATE), row(2, 0.5, **SHARED)]
    assert told(ByHand(rows, TWO_WAYS)).endswith(
        "With shared DRAM, only 2 could be simulated: 2.00x faster, for as much energy."
    )


def test_what_the_numbers_are_against_depends_on_what_ran() -> None:
    layers = told(ByHand(over({1: 1.0, 2: 0.5}, scope="pruned-layers"), COUNTED))
    assert "than the unpruned layers on one accelerator" in layers
    unpruned = [one | {"parts": 1} for one in over({1: 1.0, 2: 0.5})]
    assert "than the same network on one accelerator" in told(ByHand(unpruned, {"accelerators": (1, 2)}))
    parts = [one | {"accelerators": 2} for one in over({1: 1.0, 2: 0.5, 4: 0.45})]
    assert told(ByHand(parts, {"parts": (1, 2, 4)})).startswith("2 parts are worth it with private DRAM: ")


def test_other_axes_are_at_their_best_and_held_fixed() -> None:
    times = {
        8: {1: 1.0, 2: 0.5, 4: 0.25, 8: 0.125},  # small arrays scale,
        16: {1: 0.5, 2: 0.25, 4: 0.15, 8: 0.12},  # medium ones less,
        32: {1: 0.2, 2: 0.11, 4: 0.1, 8: 0.1},  # large ones hardly
    }
    rows = [one | {"array.rows": rows} for rows, curve in times.items() for one in over(curve)]
    sweep = ByHand(rows, {**COUNTED, "array.rows": tuple(times)})
    of = study(sweep)
    (answer,) = found = answers(of, rule())
    assert of.others == ("array.rows",)
    assert [point.seconds for point in answer.curve] == [0.2, 0.11, 0.1, 0.1]
    assert answer.chosen is not None
    assert (answer.chosen.count, answer.chosen.row["array.rows"]) == (2, 32)
    assert sorted(answer.held, key=str) == [2, 4, 8]
    assert answer.agreeing == 1
    lines = explanation(of, found)
    assert lines == (
        "At each number of accelerators the best setting of the other axes counts (array rows).",
        "Private DRAM: the best setting at 2 accelerators is array rows 32 (point 9). Held fixed, 1 of 3 settings "
        "gives the same answer; 1 gives 4 and 1 gives 8.",
    )


def test_settings_that_lack_a_count_are_not_held_fixed() -> None:
    rows = [one | {"array.rows": 8} for one in over({1: 1.0, 2: 0.5, 4: 0.25})]
    rows += [one | {"array.rows": 16} for one in over({1: 0.9, 2: 0.4})]
    of = study(ByHand(rows, {**COUNTED, "array.rows": (8, 16)}))
    (answer,) = answers(of, rule())
    assert answer.held == (4,)
    drawn = [row(count, 1 / count, **{"array.rows": number}) for number, count in enumerate((1, 2, 4, 8))]
    of = study(ByHand(drawn, {**COUNTED, "array.rows": (0, 1, 2, 3)}))
    assert of.others == ()  # a value for each count: set together with it
    rows = [row(count, 1 / count, **{"array.rows": n}) for n, count in enumerate((1, 2, 4, 4))]
    of = study(ByHand(rows, {**COUNTED, "array.rows": (0, 1, 2, 3)}))
    found = answers(of, rule())
    assert found[0].held == ()
    assert explanation(of, found)[1].endswith("so none can be held fixed.")


def test_what_runs_makes_cases_of_its_own() -> None:
    rows = [one | {"batch": batch} for batch in (1, 4) for one in over({1: 1.0, 2: 0.5, 4: 0.25 * batch})]
    sweep = ByHand(rows, {**COUNTED, "batch": (1, 4)})
    assert counts(sweep) == [4, 2]
    assert "with private DRAM, batch 1, and no more were simulated: " in told(sweep)
    assert "With private DRAM, batch 4, 2 are worth it" in told(sweep)
    many = [one | {"keep": keep} for keep in [n / 20 for n in range(1, 20)] for one in over({1: 1.0, 2: 0.5})]
    of = study(ByHand(many, {**COUNTED, "keep": ()}))
    assert len(of.cases) == 1  # too many to tell apart: settings
    assert of.others == ("keep",)


def test_many_cases_are_in_the_table() -> None:
    rows = [one | {"batch": batch} for batch in range(1, 9) for one in over({1: 1.0, 2: 0.5})]
    sentence = told(ByHand(rows, {**COUNTED, "batch": tuple(range(1, 9))}))
    assert sentence.count("worth it") == 4
    assert sentence.endswith("The table of answers has all 8 cases.")


def test_groups_behind_a_channel_are_named() -> None:
    rows = over({1: 1.0, 2: 0.5}, **PRIVATE) + over({1: 1.0, 2: 0.9}, **{"dram": "shared", "dram.sharing": "2"})
    sentence = told(ByHand(rows, {**COUNTED, "dram.sharing": ("private", 2)}))
    assert "With a DRAM channel for every 2 accelerators, one accelerator is enough" in sentence


def test_points_that_failed_are_left_out() -> None:
    rows = [*over({1: 1.0, 2: 0.5}), failed(4, "no tile fits"), failed(8, "no tile fits")]
    of = study(ByHand(rows, COUNTED))
    assert counts(ByHand(rows, COUNTED)) == [2]
    assert [(one.number, one.error) for one in of.failed] == [(2, "no tile fits"), (3, "no tile fits")]
    assert told(ByHand(rows[2:], COUNTED)) == "None of 2 points could be simulated; their errors are below."


def test_without_a_count_the_fastest_is_told() -> None:
    rows = [row(2, seconds, **{"array.rows": rows}) for rows, seconds in ((8, 0.5), (16, 0.25))]
    assert told(ByHand(rows, {"array.rows": (8, 16)})) == (
        "The fastest of 2 points is point 1, 250 ms (private DRAM, array rows 16): 4.00x faster than the unpruned "
        "network on one accelerator, for as much energy."
    )


def test_equal_times_go_to_the_least_energy() -> None:
    rows = [
        row(count, 1 / count, energy, **{"buffer.kib": kib})
        for count in (1, 2)
        for kib, energy in ((64, 2e6), (32, 1e6))
    ]
    of = study(ByHand(rows, {**COUNTED, "buffer.kib": (64, 32)}))
    (answer,) = answers(of, rule())
    assert [point.row["buffer.kib"] for point in answer.curve] == [32, 32]
