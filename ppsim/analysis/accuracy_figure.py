"""Accuracy over speedup, a panel a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ppsim.analysis.figures import DPI, GREY, TIMES

#: how far above the unpruned network's accuracy the scale goes, as a share of what that one misses
HEADROOM = 0.4
#: step -> colour (Okabe and Ito) and marker
LOOKS = {
    "random": ("#999999", "x"),
    "one-shot": ("#D55E00", "^"),
    "least squares": ("#E69F00", "s"),
    "fine-tuned": ("#0072B2", "o"),
}
LABELS = {
    "random": "one-shot, random cuts",
    "one-shot": "one-shot",
    "least squares": "+ least squares",
    "fine-tuned": "+ fine-tuning",
}


def accuracy_figure(summaries: Sequence[Mapping[str, Any]], subtitle: str) -> Figure:
    """Test accuracy after each step over the speedup of the layers that are cut.

    `summaries` have network, parts, dense, speedup and accuracy: step -> (mean, smallest, largest), from 0 to 1.
    The scale of losses is logarithmic: 99 %, 90 % and 0 % are as far apart.
    """
    networks = list(dict.fromkeys(summary["network"] for summary in summaries))
    figure = Figure(figsize=(max(5.4, 5.0 * len(networks)), 4.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(networks), squeeze=False)[0]
    for axes, network in zip(panels, networks, strict=True):
        _panel(axes, network, [summary for summary in summaries if summary["network"] == network])
    figure.suptitle(subtitle, fontsize=10.5)
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


def _panel(axes: Axes, network: str, points: Sequence[Mapping[str, Any]]) -> None:
    points = sorted(points, key=lambda point: point["parts"])
    speedups = [point["speedup"] for point in points]
    for step, (colour, marker) in LOOKS.items():
        means, low, high = zip(*(point["accuracy"][step] for point in points), strict=True)
        errors = [1 - mean for mean in means]
        # a mean of equal numbers may miss them by a rounding
        up = [max(0.0, h - mean) for mean, h in zip(means, high, strict=True)]
        down = [max(0.0, mean - lo) for mean, lo in zip(means, low, strict=True)]
        axes.errorbar(
            speedups, errors, yerr=[up, down], color=colour, marker=marker, markersize=5.5, linewidth=1.6, capsize=2.5,
            label=LABELS[step], zorder=3,
        )  # fmt: skip
    dense = points[0]["dense"]
    axes.axhline(1 - dense, color=GREY, linewidth=1.2, linestyle=":", label="unpruned", zorder=2)
    for point, speedup in zip(points, speedups, strict=True):
        axes.annotate(
            f"P = {point['parts']}" if point["parts"] == points[0]["parts"] else f"{point['parts']}",
            xy=(speedup, 1), xycoords=("data", "axes fraction"), xytext=(0, -10), textcoords="offset points",
            ha="center", fontsize=8.5, color=GREY,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(1.0, HEADROOM * (1 - dense))
    ticks = [tick for tick in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if tick >= HEADROOM * (1 - dense)]
    axes.set_yticks(ticks, [f"{100 * (1 - tick):g} %" for tick in ticks])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{TIMES}"))
    axes.set_xlabel("speedup of the layers that are cut (log scale)")
    axes.set_ylabel("test accuracy (log scale of what is missing)")
    axes.set_title(network, fontsize=11)
    axes.grid(True, color="#E3E3E3", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
