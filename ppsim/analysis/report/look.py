"""How charts look: colours, axes and layouts that all have in common, as plotly takes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log2, log10
from typing import Any

from ppsim.analysis.figures import BLACK, COLOURS, GREY, TIMES
from ppsim.analysis.plots.energy import FILLS
from ppsim.analysis.report.marks import Mark, bar_mark

#: colours of Okabe and Ito, told apart with every kind of colour vision
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GRID, INK, PALE = "#E3E3E3", "#222222", "#BBBBBB"
#: colour and marker of cases in the order they come in; private and shared DRAM have those of all our figures
CASES = (GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
SYMBOLS = ("diamond", "triangle-up", "x", "cross", "star", "pentagon")
SHARED = {"private": (COLOURS["private"], "circle"), "shared": (COLOURS["shared"], "square")}
#: largest over smallest value from which on an axis is logarithmic
WIDE = 3.0
#: hover texts are read as they are
HOVER = {"hoverinfo": "text"}


def layout(height: int, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """A layout with two axes; its width is that of the page."""
    return {
        "height": height,
        "margin": {"l": 12, "r": 14, "t": 8, "b": 12},
        "font": {"family": "system-ui, sans-serif", "size": 12.5, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "white", "bordercolor": GREY, "font": {"color": INK, "size": 12.5}},
        "showlegend": False,
        "xaxis": x,
        "yaxis": y,
    }


def axis(title: str) -> dict[str, Any]:
    """An axis with a title and quiet lines."""
    return {
        "title": {"text": title, "standoff": 8},
        "automargin": True,
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GREY,
        "ticks": "outside",
        "tickcolor": GREY,
        "ticklen": 4,
    }


def count_axis(title: str, counts: Sequence[int]) -> dict[str, Any]:
    """A tick at each count; logarithmic where they are far apart."""
    ticks = {"tickvals": list(counts), "ticktext": [f"{count:,}" for count in counts], "tickangle": 0}
    if max(counts) / min(counts) >= WIDE:
        low, high = log10(min(counts)), log10(max(counts))
        room = 0.04 * (high - low)
        return axis(title) | ticks | {"type": "log", "range": [low - room, high + room]}
    room = max(0.5, 0.04 * (max(counts) - min(counts)))
    return axis(title) | ticks | {"range": [min(counts) - room, max(counts) + room]}


def times_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """Ratios: logarithmic with powers of two where they are far apart."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= WIDE:
        first, last = floor(log2(low)), ceil(log2(high))
        step = ceil((last - first + 1) / 8)
        ticks = [2.0**power for power in range(first, last + 1, step)]
        room = 0.05 * log10(high / low)
        return axis(f"{title} (times, log scale)") | {
            "type": "log",
            "range": [log10(low) - room, log10(high) + room],
            "tickvals": ticks,
            "ticktext": [f"{tick:,g}{TIMES}" for tick in ticks],
        }
    return axis(f"{title} (times)") | {"ticksuffix": TIMES, "nticks": 7, "rangemode": "tozero"}


def value_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """Amounts: logarithmic where they are far apart."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= 4 * WIDE:
        ticks = _ticks(low, high)
        return axis(f"{title}, log scale") | {"type": "log", "tickvals": ticks, "ticktext": [f"{t:,g}" for t in ticks]}
    return axis(title) | {"nticks": 7, "exponentformat": "none", "separatethousands": True}


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis: 1, 2 and 5 times powers of ten, or the powers alone where they are many."""
    first, last = floor(log10(low)), ceil(log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    every = ceil((last - first + 1) / 8)
    return [step * 10.0**power for power in range(first, last + 1, every) for step in steps]


def component_marker(component: str) -> dict[str, Any]:
    """Fill and hatch of a component of energy, those of all our figures."""
    colour, hatch = FILLS[component]
    marker: dict[str, Any] = {"color": colour, "line": {"color": INK, "width": 0.4}}
    if hatch:  # plotly's are called as matplotlib's are
        marker["pattern"] = {"shape": hatch[0], "bgcolor": colour, "fgcolor": INK, "size": 6, "solidity": 0.15}
    return marker


def component_mark(component: str) -> Mark:
    """Fill and hatch of a component, for the key."""
    colour, hatch = FILLS[component]
    return bar_mark(colour, hatch[:1])
