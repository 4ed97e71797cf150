"""The roofline of a point: what its arrays and its DRAM allow, and what its layers reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from ppsim.analysis.figures import COLOURS
from ppsim.analysis.plots.contract import Plot
from ppsim.analysis.plots.labels import Label, along, label
from ppsim.analysis.plots.page import PAGE, Key, finished, panel, sheet
from ppsim.analysis.plots.points import Points, fastest
from ppsim.analysis.plots.scales import decade_scale
from ppsim.analysis.plots.wording import listed, plain, shortened
from ppsim.analysis.quantities import si, typeset
from ppsim.analysis.result import Result
from ppsim.hardware.system import System

HEIGHT = 3.2
#: times the ends of what is drawn: room at the edges
MARGIN = 1.6
#: layers up to which lines lead from where they are on one accelerator
LINKED = 6
#: layers up to which there is room to label all of them
FEW = 4
#: colour of lines, fill of markers and dashes
Style = tuple[str, str, Literal["-", "--"]]
OURS: Style = (COLOURS["private"], COLOURS["private"], "-")
BASELINE: Style = (COLOURS["shared"], "white", "--")
LIGHT = "#BBBBBB"


@dataclass(frozen=True)
class Layer:
    """Where a layer is: MACs for each byte from and to DRAM, and MAC/s in its span, which takes `seconds`."""

    name: str
    intensity: float
    rate: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """A result under the roof of its system, MAC/s and bytes/s, and how it is drawn."""

    name: str
    peak: float
    bandwidth: float
    layers: tuple[Layer, ...]
    colour: str
    face: str
    dashes: Literal["-", "--"]

    @property
    def ridge(self) -> float:
        """MACs for each byte above which arrays are the limit."""
        return self.peak / self.bandwidth


class Roofline(Plot):
    """The fastest point, and the unpruned network on one accelerator that it is held against."""

    def missing(self, points: Points) -> str | None:
        """A point is all it takes."""
        return None

    def draw(self, points: Points) -> Figure:
        """Simulates the point again, for its layers."""
        row = fastest(points.frame)
        simulated = points.sweep.simulated(int(row["point"]))
        system, comparison = simulated.system, simulated.comparison
        pruned = float(row["keep"]) < 1
        name = f"{'pruned' if pruned else 'unpruned'}, on {_count(system.accelerators)}"
        runs = [_run(name, comparison.result, system, *OURS)]
        if pruned or system.accelerators > 1:
            runs.append(_run("unpruned, on one", comparison.baselines["single-dense"], system.alone(), *BASELINE))
        figure = sheet(PAGE, HEIGHT)
        axes = figure.subplots()
        _draw(axes, runs)
        key = Key("", [(_handle(run), _roof(run)) for run in runs])
        where = points.where(row)
        caption = [f"{points.subject()}; {f'the fastest point: {where}' if where else 'the only point'}."]
        if len(runs[0].layers) > FEW:
            caption.append("Layers are labelled while there is room, those that take longest first.")
        if bare := [layer.name for layer in comparison.result.layers if layer.macs and not layer.dram_bytes]:
            caption.append(f"Without DRAM traffic, and left out: {listed([plain(shortened(name)) for name in bare])}.")
        finished(figure, [key], " ".join([*caption, points.remarks()]).strip())
        _label(axes, runs)
        return figure


def _run(name: str, result: Result, system: System, colour: str, face: str, dashes: Literal["-", "--"]) -> Run:
    layers = tuple(
        Layer(layer.name, layer.macs / layer.dram_bytes, layer.macs / seconds, seconds)
        for layer in result.layers
        for seconds in [layer.span_cycles / system.clock_hz]
        if layer.macs and layer.dram_bytes and seconds
    )
    bandwidth = float(system.dram.rate(1, 0) * system.channels)
    return Run(name, float(system.peak_macs_per_s), bandwidth, layers, colour, face, dashes)


def _draw(axes: Axes, runs: Sequence[Run]) -> None:
    layers = [layer for run in runs for layer in run.layers]
    decade_scale(axes.xaxis, [*(layer.intensity for layer in layers), *(run.ridge for run in runs)], MARGIN)
    rates = [*(layer.rate for layer in layers), *(run.peak for run in runs)]
    decade_scale(axes.yaxis, rates, MARGIN, EngFormatter(unit="MAC/s"))
    for run in runs:
        axes.plot(*_corners(run, *axes.get_xlim()), color=run.colour, linestyle=run.dashes, zorder=2)
    for line in _links(runs):
        axes.plot(*line, color=LIGHT, linewidth=0.8, zorder=1)
    for run in reversed(runs):
        axes.plot(
            [layer.intensity for layer in run.layers],
            [layer.rate for layer in run.layers],
            linestyle="",
            marker="o",
            markersize=4.5,
            color=run.colour,
            markerfacecolor=run.face,
            zorder=3,
        )
    axes.set_xlabel("MACs for each byte from and to DRAM")
    axes.set_ylabel("multiply-accumulates a second")
    panel(axes)


def _links(runs: Sequence[Run]) -> list[tuple[list[float], list[float]]]:
    """Lines from where a layer is on one accelerator, if there are few."""
    if len(runs) < 2 or len(runs[0].layers) > LINKED:
        return []
    before = {layer.name: layer for layer in runs[1].layers}
    pairs = [(before[layer.name], layer) for layer in runs[0].layers if layer.name in before]
    return [([one.intensity, other.intensity], [one.rate, other.rate]) for one, other in pairs]


def _corners(run: Run, low: float, high: float) -> tuple[list[float], list[float]]:
    xs = sorted({low, min(max(run.ridge, low), high), high})
    return xs, [min(run.peak, x * run.bandwidth) for x in xs]


def _label(axes: Axes, runs: Sequence[Run]) -> None:
    """Names of layers, those that take longest first, as far as there is room."""
    marks = [(layer.intensity, layer.rate) for run in runs[1:] for layer in run.layers]
    for line in [*(_corners(run, *axes.get_xlim()) for run in runs), *_links(runs)]:
        marks += along(axes, *line)
    layers = sorted(runs[0].layers, key=lambda layer: -layer.seconds)
    label(axes, [Label(layer.intensity, layer.rate, plain(shortened(layer.name))) for layer in layers], marks)


def _handle(run: Run) -> Line2D:
    return Line2D([], [], color=run.colour, linestyle=run.dashes, marker="o", markersize=4.5, markerfacecolor=run.face)


def _roof(run: Run) -> str:
    return f"{run.name}: {typeset(si(run.peak, 'MAC/s'))}, DRAM {typeset(si(run.bandwidth, 'B/s'))}"


def _count(accelerators: int) -> str:
    return f"{accelerators} accelerators" if accelerators > 1 else "one accelerator"
