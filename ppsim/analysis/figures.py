"""Figures, drawn without a screen: values in, the bytes of a file out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

#: colours of Okabe and Ito, told apart with every kind of colour vision
COLOURS = {"private": "#0072B2", "shared": "#D55E00"}
YELLOW, BLACK, GREY = "#F0E442", "#000000", "#555555"
MARKERS = {"private": "o", "shared": "s"}
DASHES: Mapping[str, tuple[float, tuple[float, ...]]] = {"pruned-layers": (0, ()), "network": (0, (4, 2))}
NAMES = {"pruned-layers": "pruned layers", "network": "whole network"}
TIMES = "\N{MULTIPLICATION SIGN}"
DPI = 160
Kind = Literal["png", "svg", "pdf"]
#: what makes the same figure give the same bytes in each format
METADATA: Mapping[Kind, dict[str, Any]] = {
    "png": {"Software": "ppsim"},
    "svg": {"Creator": "ppsim", "Date": None},
    "pdf": {"Creator": "ppsim", "CreationDate": None},
}
#: how matplotlib writes files; other settings are its own, whatever the user has set. Text stays text
FILES: Mapping[str, Any] = {"svg.hashsalt": "ppsim", "svg.fonttype": "none", "pdf.fonttype": 42}


@dataclass(frozen=True, slots=True)
class Mark:
    """A point to draw into both panels: speedup and energy reduction at `parts` parts, and what to call it."""

    parts: int
    speedup: float
    energy_reduction: float
    label: str


def reproduction_figure(rows: Sequence[Mapping[str, Any]], paper: tuple[float, float], nearest: Mark | None) -> Figure:
    """Speedup and energy reduction over the number of parts, side by side.

    `rows` are rows of a comparison with the unpruned network on one accelerator, `paper` is the speedup and the energy
    reduction to draw in as lines, `nearest` a point to mark.
    """
    figure = Figure(figsize=(10.0, 4.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    for axes, key, stated in zip(panels, ("speedup", "energy_reduction"), paper, strict=True):
        _curves(axes, rows, key)
        _stated(axes, stated)
        if nearest:
            value = nearest.speedup if key == "speedup" else nearest.energy_reduction
            _star(axes, nearest, value)
        _scales(axes, sorted({row["parts"] for row in rows}), key.replace("_", " "))
    workload = ", ".join(sorted({row["workload"] for row in rows}))
    title = f"{workload}, 1/P of the pruned layers' weights kept, on P accelerators; against unpruned on one"
    figure.suptitle(title, fontsize=11.5)
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9.5)
    return figure


def drawn(figure: Figure, kind: Kind) -> bytes:
    """The figure as a file of that kind; the same figure gives the same bytes."""
    buffer = BytesIO()
    with style.context([dict(FILES)], after_reset=True):
        figure.savefig(buffer, format=kind, metadata=METADATA[kind])
    return buffer.getvalue()


def _curves(axes: Axes, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    """A curve for each scope and DRAM sharing there are rows of."""
    present = {(row["scope"], row["dram"]) for row in rows}
    for scope, dram in [(s, d) for s in DASHES for d in COLOURS if (s, d) in present]:
        points = sorted((row["parts"], row[key]) for row in rows if (row["scope"], row["dram"]) == (scope, dram))
        axes.plot(
            [parts for parts, _ in points],
            [value for _, value in points],
            label=f"{NAMES[scope]}, {dram} DRAM",
            color=COLOURS[dram],
            linestyle=DASHES[scope],
            linewidth=1.8,
            marker=MARKERS[dram],
            markersize=5.5,
            markerfacecolor=COLOURS[dram] if scope == "pruned-layers" else "white",
            zorder=3,
        )


def _stated(axes: Axes, value: float) -> None:
    """A line across the panel, labelled where the curves have not yet risen to it."""
    axes.axhline(value, color=GREY, linewidth=1.3, linestyle=":", zorder=2, label="paper (its P is unknown)")
    axes.annotate(
        f"paper: {value:g}{TIMES}",
        xy=(0.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(6, 3),
        textcoords="offset points",
        color=GREY,
        fontsize=9.5,
    )


def _star(axes: Axes, mark: Mark, value: float) -> None:
    axes.plot(
        mark.parts,
        value,
        label=mark.label,
        linestyle="",
        marker="*",
        markersize=14,
        markerfacecolor=YELLOW,
        markeredgecolor=BLACK,
        zorder=5,
    )


def _scales(axes: Axes, ticks: Sequence[int], quantity: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("P (parts, and accelerators)")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{TIMES}"))
    axes.set_ylabel(f"{quantity} (times, log scale)")
    axes.grid(True, color="#E3E3E3", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
