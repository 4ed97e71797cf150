"""What figures of sweeps show is what the rows of the sweep say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from pandas import DataFrame
from swept import SHARES, Swept, swept

from ppsim.analysis.components import COMPONENTS
from ppsim.analysis.figures import COLOURS
from ppsim.analysis.plots import draw, points_of
from ppsim.analysis.plots.energy import FILLS
from ppsim.analysis.plots.marks import DASHED, LOOKS
from ppsim.hardware.energy import COMPONENTS as LEDGER

WITH_ROWS = {
    "parts, accelerators": [1, 2, 8],
    "array.rows": [4, 8, 16, 32, 40, 50, 60],
    "dram.sharing": ["private", "shared"],
}


def drawn(name: str, sweep: Swept, value: str = "speedup", **at: str) -> tuple[Figure, DataFrame]:
    points = points_of(sweep, at, value)
    return draw(name, points), points.frame


def lines(axes: Axes, colour: str) -> list[Line2D]:
    return [line for line in axes.lines if line.get_color() == colour]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def caption(figure: Figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def noisy(frame: DataFrame) -> None:
    noise = np.random.default_rng(5).uniform(0.5, 2, (2, len(frame)))
    frame["speedup"] *= noise[0]
    frame["energy_reduction"] *= noise[1]


@pytest.mark.parametrize(("panel", "quantity"), [(0, "speedup"), (1, "energy_reduction")])
def test_curves_are_the_best_and_bands_reach_to_the_worst(panel: int, quantity: str) -> None:
    figure, frame = drawn("speedup", swept(WITH_ROWS, change=noisy))
    axes = figure.axes[panel]
    bands = [band for band in axes.collections if isinstance(band, PolyCollection)]
    for sharing, colour in COLOURS.items():
        by_p = frame[frame["dram.sharing"] == sharing].groupby("accelerators")[quantity]
        (curve,) = lines(axes, colour)
        assert list(curve.get_xdata()) == [1, 2, 8]
        assert list(curve.get_ydata()) == list(by_p.max())
        (band,) = [band for band in bands if tuple(band.get_facecolor()[0][:3]) == pytest.approx(to_rgb(colour))]
        corners = {(x, y) for x, y in band.get_paths()[0].vertices}
        assert set(zip([1, 2, 8], by_p.min(), strict=True)) <= corners
    assert "Curves are the best over array rows, bands reach down to the worst." in caption(figure)


def test_dashes_tell_a_second_axis_apart() -> None:
    figure, frame = drawn("speedup", swept())
    for sharing, colour in COLOURS.items():
        curves = lines(figure.axes[0], colour)
        for bandwidth, curve in zip((4, 16, 64), curves, strict=True):
            rows = frame[(frame["dram.sharing"] == sharing) & (frame["dram.bandwidth_gb_s"] == bandwidth)]
            assert list(curve.get_ydata()) == list(rows["speedup"])
    assert words(figure) == ["DRAM bandwidth (GB/s):", "4", "16", "64", "DRAM:", "private", "shared", "y = P"]
    assert "best" not in caption(figure)


def test_the_ideal_line_is_p_where_weights_follow_it() -> None:
    figure, _ = drawn("speedup", swept())
    for axes in figure.axes:
        (ideal,) = lines(axes, "#BBBBBB")
        assert list(ideal.get_xdata()) == list(ideal.get_ydata()) == [1, 2, 4, 8, 16]
    figure, _ = drawn("speedup", swept({"accelerators": [1, 2], "keep": [0.25]}))
    assert [len(lines(axes, "#BBBBBB")) for axes in figure.axes] == [1, 0]


def test_kept_shares_are_those_that_were_measured() -> None:
    figure, frame = drawn("keep", swept({"accelerators": [2, 8], "keep": [0.5, 0.125, 0.25]}))
    for line, count in zip(lines(figure.axes[0], COLOURS["private"]), (2, 8), strict=False):
        rows = frame[frame["accelerators"] == count].sort_values("keep")
        assert list(line.get_xdata()) == pytest.approx(list(rows["keep"]))
        assert list(line.get_ydata()) == pytest.approx(list(rows["speedup"]))
    (ideal,) = lines(figure.axes[1], "#BBBBBB")
    assert np.multiply(*ideal.get_data()) == pytest.approx(1)


def bars(axes: Axes) -> dict[float, list[tuple[float, float]]]:
    """By middle of a bar: bottom and top of what is stacked there."""
    found: dict[float, list[tuple[float, float]]] = {}
    for bar in axes.patches:
        low = bar.get_y()
        found.setdefault(round(bar.get_x() + bar.get_width() / 2, 6), []).append((low, low + bar.get_height()))
    return found


@pytest.mark.parametrize(("unit", "name", "factor"), [("pJ", "energy (mJ)", 1e9), ("MAC", "energy (10⁹ MACs)", 1e9)])
def test_components_are_stacked_to_the_energy_of_the_fastest_point(unit: str, name: str, factor: float) -> None:
    def change(frame: DataFrame) -> None:
        frame["energy_unit"] = unit

    figure, frame = drawn("energy", swept(change=change))
    private, shared = figure.axes[0], figure.axes[1]
    assert private.get_ylabel() == name
    assert [axes.get_title() for axes in (private, shared)] == ["private DRAM", "shared DRAM"]
    for axes, sharing in ((private, "private"), (shared, "shared")):
        rows = frame[frame["dram.sharing"] == sharing]
        for place, (_, at) in zip(sorted(bars(axes)), rows.groupby("accelerators"), strict=True):
            stack = bars(axes)[place]
            energy = at.loc[at["seconds"].idxmin(), "energy_pj"] / factor
            assert stack[-1][1] == pytest.approx(energy)
            assert all(top == pytest.approx(bottom) for (_, top), (bottom, _) in pairwise(stack))
            heights = [top - low for low, top in stack]
            counted = [share for share in SHARES if share >= 0.01]
            assert heights == pytest.approx([share * energy for share in [*counted, 1 - sum(counted)]])
    for stack in bars(figure.axes[2]).values():
        assert (stack[0][0], stack[-1][1]) == (0, pytest.approx(100))
    shown = [COMPONENTS[name] for name, share in zip(LEDGER, SHARES, strict=True) if share >= 0.01]
    assert words(figure) == ["others", *reversed(shown)]


def test_the_names_of_components_are_those_of_the_ledger() -> None:
    assert tuple(COMPONENTS) == LEDGER


def test_layers_are_under_the_roof_where_they_were_simulated() -> None:
    sweep = swept({"accelerators": [1, 2, 4], "array.rows": [8, 16]})
    figure, frame = drawn("roofline", sweep)
    (point,) = sweep.simulations
    assert point == frame.loc[frame["seconds"].idxmin(), "point"]
    again = sweep.simulated(point)
    (axes,) = figure.axes
    for run, system, colour in (
        (again.comparison.result, again.system, COLOURS["private"]),
        (again.comparison.baselines["single-dense"], again.system.alone(), COLOURS["shared"]),
    ):
        roof, layers = lines(axes, colour)
        measured = [layer for layer in run.layers if layer.macs]
        seconds = [layer.span_cycles / system.clock_hz for layer in measured]
        xs, ys = layers.get_data()
        assert list(xs) == pytest.approx([layer.macs / layer.dram_bytes for layer in measured])
        assert list(ys) == pytest.approx([layer.macs / at for layer, at in zip(measured, seconds, strict=True)])
        bandwidth = system.channels * system.dram.rate(1, 0)
        assert (ys <= np.minimum(system.peak_macs_per_s, xs * bandwidth) * (1 + 1e-9)).all()
        assert max(roof.get_ydata()) == system.peak_macs_per_s
        assert roof.get_ydata()[0] / roof.get_xdata()[0] == pytest.approx(bandwidth)
    names = {text.get_text() for text in axes.texts}
    assert {layer.name for layer in again.comparison.result.layers if layer.macs} <= names
    assert "the fastest point: accelerators P = 4, array rows = 16." in caption(figure)


def scattered(frame: DataFrame) -> None:
    places = np.random.default_rng(5).uniform(1, 9, (3, len(frame)))
    frame["seconds"], frame["energy_pj"], frame["area_mm2"] = 1e-6 * places[0], 1e6 * places[1], places[2]


def test_the_front_is_drawn_and_its_ends_named() -> None:
    figure, frame = drawn("pareto", swept(change=scattered))
    axes = figure.axes[0]
    corners = np.array(lines(axes, "#000000")[0].get_xydata())
    latency, energy = frame["seconds"].to_numpy(), frame["energy_pj"].to_numpy() * 1e-12
    on = [
        not any((latency <= x) & (energy <= y) & ((latency < x) | (energy < y)))
        for x, y in zip(latency, energy, strict=True)
    ]
    assert corners == pytest.approx(np.array(sorted(zip(latency[on], energy[on], strict=True))))
    named = {text.get_text(): text.xy for text in axes.texts if isinstance(text, Annotation) and text.get_text()}
    assert named["fastest"] == pytest.approx((latency.min(), energy[latency.argmin()]))
    assert named["least energy"] == pytest.approx((latency[energy.argmin()], energy.min()))
    every = np.concatenate([np.array(dots.get_offsets()) for dots in axes.collections])
    assert np.sort(every, axis=0) == pytest.approx(np.sort(np.stack([latency, energy], axis=1), axis=0))
    assert f"30 points, {sum(on)} on the front" in caption(figure)


def test_points_on_the_front_with_area_have_an_edge() -> None:
    figure, frame = drawn("pareto", swept(change=scattered))
    values = frame[["seconds", "energy_pj", "area_mm2"]].to_numpy()
    on = {row[0] for row in values if not any((other <= row).all() and (other < row).any() for other in values)}
    edged = {x for dots in figure.axes[0].collections if len(dots.get_edgecolor()) for x, _ in dots.get_offsets()}
    assert edged == on


def cells(axes: Axes) -> np.ndarray:
    (mesh,) = [mesh for mesh in axes.collections if isinstance(mesh, QuadMesh)]
    found = np.ma.filled(mesh.get_array().astype(float), np.nan)
    return found.reshape(len(axes.get_yticks()), len(axes.get_xticks()))


def labels(axes: Axes) -> tuple[list[str], list[str]]:
    return [text.get_text() for text in axes.get_xticklabels()], [text.get_text() for text in axes.get_yticklabels()]


@pytest.mark.parametrize(
    ("value", "best", "unit", "name"),
    [
        ("speedup", "max", 1, "speedup (times)"),
        ("seconds", "min", 1e-3, "latency (ms)"),
        ("dram_pj", "min", 1e6, "DRAM (µJ)"),
        ("dram_bytes_per_s", "first", 1e9, "DRAM bandwidth of all channels (GB/s)"),
    ],
)
def test_cells_hold_the_best_of_their_points(value: str, best: str, unit: float, name: str) -> None:
    figure, frame = drawn("heatmap", swept(WITH_ROWS, change=noisy), value)
    frame = frame.sort_values("seconds")
    assert figure.axes[-1].get_ylabel() == name
    for axes, sharing in zip(figure.axes, ("private", "shared"), strict=False):
        rows = frame[frame["dram.sharing"] == sharing].groupby(["accelerators", "array.rows"])[value]
        assert cells(axes) == pytest.approx(rows.agg(best).unstack().to_numpy() / unit)
        assert axes.get_title() == f"{sharing} DRAM"
        assert labels(axes)[0] == ["4", "8", "16", "32", "40", "50", "60"]


def test_axes_of_a_map_are_those_that_move_the_column_most() -> None:
    axes = {
        "array.rows": [8, 16],
        "dram.bandwidth_gb_s": [4, 64, 8],
        "accelerators": [1, 16],
        "array.overlap": [True, False],
    }
    figure, frame = drawn("heatmap", swept(axes))
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("DRAM bandwidth (GB/s)", "accelerators P")
    assert labels(figure.axes[0]) == (["4", "8", "64"], ["1", "16"])
    expected = frame.groupby(["accelerators", "dram.bandwidth_gb_s"])["speedup"].max().unstack()
    assert cells(figure.axes[0]) == pytest.approx(expected.to_numpy())
    assert "Cells hold the largest over array rows and array overlap." in caption(figure)
    figure, _ = drawn("heatmap", swept(axes), "area_mm2")
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("array rows", "accelerators P")


def test_words_are_colours_with_a_key() -> None:
    figure, frame = drawn("heatmap", swept(), "bound")
    assert words(figure) == ["bound by:", "DRAM", "compute"]
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert written == set(frame["bound"])


def test_cells_without_a_point_stay_empty() -> None:
    figure, _ = drawn("heatmap", swept({"accelerators": [1, 2], "array.rows": [8, 16]}, fail=[1]))
    grid = cells(figure.axes[0])
    assert np.isnan(grid).sum() == 1
    assert len(figure.axes[0].texts) == 3


def test_factors_multiply_to_the_speedup() -> None:
    figure, frame = drawn("factors", swept())
    for axes, sharing in zip(figure.axes, ("private", "shared"), strict=True):
        spans = [span for _, (span,) in sorted(bars(axes).items())]
        diamonds = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "D"]
        for number, (count, at) in enumerate(frame[frame["dram.sharing"] == sharing].groupby("accelerators")):
            row = at.loc[at["seconds"].idxmin()]
            balanced = 1 - row["imbalance_loss"]
            shared = balanced - row["dram_loss"]
            linked = shared - row["link_loss"]
            factors = [row["pruning"], count, balanced, shared / balanced, linked / shared]
            assert np.prod(factors) == pytest.approx(row["speedup"])
            lengths = [np.log(high / low) for low, high in spans[5 * number : 5 * number + 5]]
            assert lengths == pytest.approx([abs(np.log(factor)) for factor in factors], abs=1e-9)
            assert diamonds[number] == pytest.approx(row["speedup"])


def test_a_negative_loss_goes_up_and_is_called_a_gain() -> None:
    figure, _ = drawn("factors", swept({"accelerators": [4], "dram.sharing": ["private", "shared"]}))
    (private, shared) = (sorted(bars(axes).items()) for axes in figure.axes)
    imbalance, dram = private[2][1][0], private[3][1][0]
    assert dram[0] == pytest.approx(imbalance[0])  # begins where imbalance ends, and goes up
    assert dram[1] > dram[0]
    imbalance, dram = shared[2][1][0], shared[3][1][0]
    assert dram[1] == pytest.approx(imbalance[0])  # begins there, and goes down
    assert "where a bar goes up, it is a gain" in caption(figure)
    figure, _ = drawn("factors", swept({"accelerators": [4], "dram.sharing": ["shared"]}))
    assert "it is a gain" not in caption(figure)


def test_points_that_are_not_explained_are_left_out_of_factors() -> None:
    def change(frame: DataFrame) -> None:
        frame["pruning"] = None

    with pytest.raises(ValueError, match="factors: no point says what its speedup is made of"):
        drawn("factors", swept(change=change))


def test_choosing_points_leaves_the_others_out() -> None:
    figure, frame = drawn("speedup", swept(), **{"dram.sharing": "shared", "dram.bandwidth_gb_s": "4"})
    assert len(frame) == 5
    (curve,) = lines(figure.axes[0], COLOURS["shared"])
    assert list(curve.get_ydata()) == list(frame["speedup"])
    assert "DRAM sharing = shared, DRAM bandwidth = 4 GB/s" in caption(figure)


def test_looks_differ_in_more_than_colour() -> None:
    assert len({look.marker for look in LOOKS}) == len({look.colour for look in LOOKS}) == len(LOOKS)
    assert len({str(dashes) for dashes, _ in DASHED}) == len(DASHED)
    assert len(set(FILLS.values())) == len(FILLS)
    assert set(FILLS) == {*LEDGER, "others"}


def test_every_bar_of_energy_says_its_p() -> None:
    counts = [2**power for power in range(9)]
    figure = draw("energy", points_of(swept({"accelerators": counts, "dram.sharing": ["private", "shared"]})))
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == [str(count) for count in counts]
