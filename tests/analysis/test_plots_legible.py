"""Figures of sweeps are legible: at the size they are printed in no text lies over another, or outside."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from pandas import DataFrame
from swept import Swept, swept

from ppsim.analysis.figures import METADATA, Kind, drawn
from ppsim.analysis.plots import PLOTS, draw, points_of
from ppsim.analysis.plots.page import COLUMN, PAGE

LONG = "a_network_with_a_name_that_goes_on_and_on_and_on_for_ever"


def spread(frame: DataFrame) -> None:
    """Energies and latencies over six decades."""
    for column in frame:
        if str(column).endswith("_pj") or column == "seconds":
            frame[column] = frame[column] * [10.0 ** (number % 7 - 3) for number in range(len(frame))]


def in_macs(frame: DataFrame) -> None:
    frame["energy_unit"] = "MAC"


def without_area(frame: DataFrame) -> None:
    frame["area_mm2"] = float("nan")


def gains(frame: DataFrame) -> None:
    """Losses below zero: the speedup is more than pruning times accelerators."""
    frame["imbalance_loss"] = -0.6 - frame["dram_loss"]
    frame["speedup"] = frame["pruning"] * frame["accelerators"] * (1.6 - frame["link_loss"])


SIXTEEN = list(range(1, 17))
VARIANTS: dict[str, Swept] = {
    "grid": swept(),
    "small": swept({"parts, accelerators": [1, 4], "array.rows": [8, 16]}),
    "one point": swept({"parts, accelerators": [4]}),
    "one value an axis": swept({"parts, accelerators": [8], "array.rows": [16], "dram.sharing": ["shared"]}),
    "one accelerator": swept({"accelerators": [1], "array.rows": [8, 16]}),
    "sixteen values": swept({
        "parts, accelerators": SIXTEEN, "array.rows": [2 * n for n in SIXTEEN],
        "dram.sharing": ["private", "shared", 4],
    }),
    "forty values": swept({"accelerators": list(range(1, 41)), "dram.sharing": ["private", "shared"]}),
    "long names": swept({
        "parts, accelerators": [2, 4], "workload": [LONG, f"{LONG}er", "$x_1$", "_net"],
        "system": [f"{LONG}/{LONG}.yaml", "b"],
    }),
    "long paths": swept({
        "accelerators": [1, 2, 4], "interconnect.energy_of_all_links_and_routers_pj_per_bit": [1, 2],
        "buffer.bandwidth_bytes_per_cycle, array.accumulator_depth": [(1, None), (2, 7)],
    }),
    "six decades": swept(change=spread),
    "failed points": swept(fail=range(7)),
    "MACs": swept(change=in_macs),
    "no area": swept(change=without_area),
    "gains": swept(change=gains),
    "kept shares": swept({"accelerators": [1, 8], "parts": [8], "keep": [0.125, 0.25, 0.5, 0.75, 0.9, 1.0]}),
    "many axes": swept({
        "accelerators": [1, 2, 4, 8], "keep": [0.1, None], "array.overlap": [True, False], "array.rows": [4, 8, 16, 32],
        "array.dataflow": ["os", "ws", "is", "ws|is"], "dram.sharing": ["private", "shared", 2],
    }),
    "samples": swept({"accelerators": [], "keep": [], "array.rows": []}, points=[
        {"accelerators": 1 + 7 * n % 16, "keep": 0.1 + n * 0.37 % 0.9, "array.rows": 4 + 11 * n % 61} for n in range(60)
    ]),
}  # fmt: skip


def shown(figure: Figure) -> list[Text]:
    """The texts that are drawn when the figure is."""
    seen: list[Text] = []
    draw_text = Text.draw

    def remember(text: Text, renderer: RendererAgg, *rest: object) -> None:
        if text.get_visible() and text.get_text().strip():
            seen.append(text)
        draw_text(text, renderer, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", remember)
        figure.draw_without_rendering()
    return seen


def possible() -> Iterator[tuple[str, str]]:
    for variant, sweep in VARIANTS.items():
        points = points_of(sweep)
        yield from ((variant, name) for name, plot in PLOTS.items() if plot.missing(points) is None)


def faults(figure: Figure) -> list[str]:
    """What makes a figure hard to read: texts too small, outside, or over each other."""
    boxes = [(text, text.get_window_extent()) for text in shown(figure)]
    page = figure.bbox
    found = [f"size of {text}" for text, _ in boxes if not 8 <= text.get_fontsize() <= 10]
    found += [
        f"outside: {text}" for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1
    ]
    found += [
        f"{one} over {other}"
        for (one, box), (other, its) in combinations(boxes, 2)
        if box.x0 < its.x1 and its.x0 < box.x1 and box.y0 < its.y1 and its.y0 < box.y1
    ]
    return found


@pytest.mark.parametrize(("variant", "name"), list(possible()))
def test_no_text_lies_over_another_or_outside(variant: str, name: str) -> None:
    figure = draw(name, points_of(VARIANTS[variant]))
    assert figure.get_figwidth() in (COLUMN, PAGE)
    assert 1 < figure.get_figheight() < 9.5
    assert len(shown(figure)) > 3
    assert faults(figure) == []


def test_faults_are_found() -> None:
    figure = draw("speedup", points_of(VARIANTS["MACs"]))
    for at, size, text in ((0.5, 8, "here"), (0.5, 8, "there"), (0.99, 8, "beyond"), (0.2, 6, "small")):
        figure.text(at, 0.5, text, fontsize=size)
    found = " ".join(faults(figure))
    assert "outside: Text(0.99, 0.5, 'beyond')" in found
    assert "Text(0.5, 0.5, 'here') over Text(0.5, 0.5, 'there')" in found
    assert "size of Text(0.2, 0.5, 'small')" in found


def test_every_plot_is_drawn_of_some_variant() -> None:
    assert {name for _, name in possible()} == set(PLOTS)
    assert [name for variant, name in possible() if variant == "one point"] == ["energy", "roofline", "factors"]


@pytest.mark.parametrize("name", PLOTS)
def test_the_same_sweep_gives_the_same_bytes(name: str) -> None:
    variant = "kept shares" if name == "keep" else "small"
    files = {kind: drawn(draw(name, points_of(VARIANTS[variant])), kind) for kind in METADATA}
    settings = {"font.size": 30, "savefig.dpi": 20, "text.color": "red", "axes.grid": False, "lines.linewidth": 9}
    with mpl.rc_context(settings):  # a user's own settings make no difference
        again: dict[Kind, bytes] = {kind: drawn(draw(name, points_of(VARIANTS[variant])), kind) for kind in METADATA}
    assert files == again
    assert files["png"].startswith(b"\x89PNG")
    assert b"<svg" in files["svg"]
    assert files["pdf"].startswith(b"%PDF")
