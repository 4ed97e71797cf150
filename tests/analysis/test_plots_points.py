"""Which points a figure is about, how they are chosen, and what things are called."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
from swept import swept

from ppsim.analysis.plots import PLOTS, draw, points_of
from ppsim.analysis.plots.axes import in_ranges
from ppsim.analysis.plots.wording import named, plain, said, shortened
from ppsim.errors import InputError


def test_paths_that_are_set_together_are_one_axis() -> None:
    points = points_of(swept({"parts, accelerators": [1, 2], "array.rows, array.cols": [(8, 16), (16, 8)]}))
    assert [axis.paths for axis in points.axes] == [("parts", "accelerators"), ("array.rows", "array.cols")]
    assert [axis.name for axis in points.axes] == ["parts and accelerators P", "array rows / array cols"]
    assert points.axes[1].texts == ("8 / 16", "16 / 8")
    assert not points.axes[1].numeric
    assert points_of(swept({"array.rows, array.cols": [8, 16]})).axes[0].name == "array rows = array cols"


def test_axes_with_one_value_left_do_not_vary() -> None:
    sweep = swept({"accelerators": [1, 2], "array.rows": [4, 8], "dram.sharing": ["private"]}, fail=[1, 3])
    assert [axis.paths for axis in points_of(sweep).axes] == [("accelerators",)]
    assert points_of(sweep).failed == 2
    assert points_of(sweep).remarks() == "2 failed points are left out."
    assert "2 failed points are left out." in " ".join(
        text.get_text() for text in draw("energy", points_of(sweep)).texts
    )


def test_numbers_ascend_and_words_keep_their_order() -> None:
    points = points_of(swept({"array.rows": [16, 4, 8], "array.dataflow": ["ws", "os"], "dram.memory": [None, "hbm2"]}))
    assert [axis.values for axis in points.axes] == [(4, 8, 16), ("ws", "os"), (None, "hbm2")]
    for axis in points.axes[:2]:
        column = points.frame[axis.paths[0]]
        assert [axis.values[code] for code in axis.codes] == list(column)
    assert points.axes[2].texts == ("default", "hbm2")


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        ("dram.sharing", "private", 15), ("dram.bandwidth_gb_s", "16", 10), ("dram.bandwidth_gb_s", "16.0", 10),
        ("parts", "8", 6), ("accelerators", " 8 ", 6), ("dram", "shared", 15), ("workload", "net", 30),
    ],
)  # fmt: skip
def test_points_are_chosen_by_value(path: str, text: str, left: int) -> None:
    points = points_of(swept(), {path: text})
    assert len(points.frame) == left
    assert {str(value) for value in points.frame[path]} == {text.strip().removesuffix(".0")}
    assert all(path not in axis.paths for axis in points.axes)
    assert points.fixed == {path: text.strip().removesuffix(".0")}


def test_points_are_chosen_by_one_of_several_fields_and_by_words_of_yaml() -> None:
    sweep = swept({
        "array.rows, array.cols": [(8, 16), (16, 8), (16, 32)], "array.overlap": [True, False],
        "dram.memory": [None, "a"],
    })  # fmt: skip
    points = points_of(sweep, {"array.rows": "16", "array.overlap": "false", "dram.memory": "null"})
    assert list(points.frame["array.cols"]) == [8, 32]
    assert points.subject().endswith("array rows = 16, array overlap = no, DRAM memory = default")


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        ({"array.row": "8"}, "speedup", "--at array.row=8: not in the sweep; accepted: parts, accelerators, "),
        ({"accelerators": "3"}, "speedup", "--at accelerators=3: not one of its values: 1, 2, 4, 8, 16"),
        ({"accelerators": "4", "parts": "8"}, "speedup", "no point at accelerators=4, parts=8 to plot"),
        ({"accelerators": "1"}, "speedup", "no point at accelerators=1 to plot: all 6 failed"),
        ({}, "speed", "--value speed: the sweep has no such column; accepted: parts, "),
        ({}, "error", "--value error: the sweep has no such column"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_a_line(at: dict[str, str], value: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        points_of(swept(fail=range(6)), at, value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plot_that_does_not_apply_says_what_it_would_take() -> None:
    points = points_of(swept({"array.rows": [8, 16]}))
    missing = {name: plot.missing(points) for name, plot in PLOTS.items()}
    assert [name for name, reason in missing.items() if reason] == ["speedup", "keep", "heatmap"]
    assert "add an axis accelerators" in (missing["speedup"] or "")
    assert "add an axis keep" in (missing["keep"] or "")
    assert "only array rows varies" in (missing["heatmap"] or "")
    with pytest.raises(InputError, match=r"^keep: the kept share does not vary"):
        draw("keep", points)
    with pytest.raises(InputError, match=r"plot 'speed' is unknown; accepted: speedup, keep,"):
        draw("speed", points)


def test_kept_shares_that_follow_parts_are_no_axis_of_their_own() -> None:
    assert PLOTS["keep"].missing(points_of(swept())) is not None
    assert PLOTS["keep"].missing(points_of(swept({"parts": [2, 4, 8], "accelerators": [2]}))) is None


def test_accelerators_that_follow_parts_are_along_them() -> None:
    axes = {"parts": [1, 2, 4], "dram.bandwidth_gb_s": [4, 16]}
    tied = points_of(swept(axes, change=lambda frame: frame.__setitem__("accelerators", frame["parts"])))
    assert (found := tied.along("accelerators")) is not None
    assert found.paths == ("parts",)
    assert all(len(line.get_xdata()) == 3 for line in draw("speedup", tied).axes[0].lines)  # curves, not points
    assert points_of(swept(axes)).along("accelerators") is None
    free = points_of(swept({"parts": [1, 2], "accelerators": [1, 2]})).along("accelerators")
    assert free is not None
    assert free.paths == ("accelerators",)


def test_latency_of_several_networks_has_no_front() -> None:
    sweep = swept({"workload": ["a", "b"], "accelerators": [1, 2]})
    assert "--at workload=VALUE" in (PLOTS["pareto"].missing(points_of(sweep)) or "")
    assert PLOTS["pareto"].missing(points_of(sweep, {"workload": "a"})) is None


def test_the_axis_that_moves_the_speedup_most_comes_first() -> None:
    points = points_of(swept())
    assert [axis.paths[-1] for axis in points.besides()] == ["accelerators", "dram.sharing", "dram.bandwidth_gb_s"]
    speedups = points.frame["speedup"]
    sharing = points.sharing
    assert sharing is not None
    private, shared = (speedups[points.frame["dram"] == name] for name in ("private", "shared"))
    expected = (private.prod() ** (1 / 15)) / (shared.prod() ** (1 / 15))
    assert points.effect(sharing, speedups) == pytest.approx(log(expected))


def test_points_that_constraints_leave_out_do_not_count_as_an_effect() -> None:
    """Large arrays on few accelerators alone: what the number of accelerators does is not theirs."""
    sweep = swept({"accelerators": [1, 2, 4, 8, 16], "array.rows": [8, 16, 32], "dram.bandwidth_gb_s": [4, 64]})
    kept = sweep.frame[sweep.frame["accelerators"] * sweep.frame["array.rows"] <= 64]
    points = points_of(replace(sweep, frame=kept))
    rows = points.axis("array.rows")
    assert rows is not None
    assert points.effect(rows, points.frame["speedup"]) < 0.1
    means = points.frame.groupby("array.rows")["speedup"].mean()
    assert means.max() / means.min() > 2


def test_many_numbers_are_put_in_ranges() -> None:
    axis = points_of(swept({"array.rows": list(range(1, 101)), "accelerators": [1, 2]})).axes[0]
    ranged = in_ranges(axis, 20)
    assert len(ranged.values) <= 8
    assert ranged.texts[0].startswith("1")
    assert ranged.texts[-1].endswith(" to 100")
    by_value = dict(zip((axis.values[code] for code in axis.codes), ranged.codes, strict=True))
    assert [by_value[value] for value in axis.values] == sorted(by_value.values())
    for value, number in by_value.items():
        low, _, high = ranged.texts[number].partition(" to ")
        assert float(low) <= value <= float(high or low)
    assert in_ranges(axis, 100) is axis


def test_an_unfinished_sweep_says_so() -> None:
    sweep = swept()
    half = sweep.__class__(sweep.frame.head(10), sweep.points, sweep.axes, sweep.spec)
    assert points_of(half).remarks() == "The sweep is not finished: 10 of 30 points are done."


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("dram.bandwidth_gb_s", "DRAM bandwidth (GB/s)"), ("array.rows", "array rows"), ("buffer.kib", "buffer (KiB)"),
        ("buffer.bandwidth_bytes_per_cycle", "buffer bandwidth (B/cycle)"), ("pe_to_pe_pj", "PE to PE (pJ)"),
        ("dram.sharing", "DRAM sharing"), ("energy", "energy"), ("launch_us", "launch (µs)"), ("w", "w"),
    ],
)  # fmt: skip
def test_fields_are_called_by_words_and_units(path: str, name: str) -> None:
    assert named(path) == name


def test_values_are_short() -> None:
    assert [said(v) for v in (8, 2048, 0.123456, 1.5e-7, True, None, "ws", (8, 0.5))] == [
        "8", "2,048", "0.1235", "1.5e-07", "yes", "default", "ws", "8 / 0.5",
    ]  # fmt: skip
    assert shortened("a" * 40, 11) == "aaaaa…aaaaa"
    assert plain("$x$") == r"\$x\$"
    assert plain("_x").strip() == "_x"
