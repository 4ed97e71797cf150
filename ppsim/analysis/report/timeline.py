"""A timeline: who works on which layer when. A row for each accelerator, a bar for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppsim.analysis.report.look import GREEN, HOVER, INK, ORANGE, PURPLE, SKY, axis, layout
from ppsim.analysis.report.marks import bar_mark, thin_mark
from ppsim.analysis.report.naming import label
from ppsim.analysis.report.parts import Chart, Key, Scale, scale_of
from ppsim.analysis.report.run import Layer, Run
from ppsim.units import FS_PER_S

#: neighbours differ
LAYERS = (SKY, ORANGE, GREEN, PURPLE, "#F0E442", "#BBBBBB")
#: bars that a chart has room for, and accelerators that are shown however many there are
MOST_BARS, FEWEST = 4_000, 2
#: height of a row and of what is around the rows, px
ROW, AROUND = 30, 70
EXCHANGE = "#FFFFFF"


@dataclass(frozen=True)
class Bars:
    """Bars of one kind: how they are drawn, and `add`ed ones, in seconds."""

    name: str
    width: float
    offset: float
    marker: dict[str, Any]
    colours: list[str]
    rows: list[float]
    starts: list[float]
    lengths: list[float]
    texts: list[str]
    inside: list[str]

    @classmethod
    def of(cls, name: str, width: float, offset: float, marker: dict[str, Any]) -> Bars:
        """No bars yet."""
        return cls(name, width, offset, marker, [], [], [], [], [], [])

    def add(self, row: int, start: int, end: int, colour: str, text: str, inside: str = "") -> None:
        """A bar from start to end, fs, unless it has no length."""
        if end > start:
            self.colours.append(colour)
            self.rows.append(row + self.offset)
            self.starts.append(start / FS_PER_S)
            self.lengths.append((end - start) / FS_PER_S)
            self.texts.append(text)
            self.inside.append(inside)

    def trace(self, scale: Scale) -> dict[str, Any]:
        """As plotly draws them."""
        return {
            "type": "bar",
            "orientation": "h",
            "name": self.name,
            "y": self.rows,
            "base": [scale.of(start) for start in self.starts],
            "x": [scale.of(length) for length in self.lengths],
            "width": self.width,
            "hovertext": self.texts,
            "text": self.inside,
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "textfont": {"color": INK, "size": 11},
            "marker": {"color": self.colours, **self.marker},
            **HOVER,
        }


def timeline(run: Run) -> Chart | None:
    """The timeline of a run; None where it holds no spans."""
    layers = [layer for layer in run.layers if layer.spans]
    if not layers:
        return None
    shown = min(len(layers[0].spans), max(FEWEST, MOST_BARS // len(layers)))
    end = max(delivered for layer in layers for _, _, delivered in layer.spans)
    scale = scale_of([end / FS_PER_S], "s")
    kinds = _bars(layers, shown, scale)
    rows = f"{shown} of {run.accelerators:,} accelerators are shown. " if shown < run.accelerators else ""
    caption = (
        "Solid: a layer loads, computes and stores, once the layer before has ended on that accelerator. Hatched: it "
        "exchanges outputs, or waits for those of others. Thin line below: it loads ahead while the layer before is "
        f"at work. {rows}Drag with a mouse to zoom, double-click to go back."
    )
    ticks = {"tickvals": list(range(shown)), "ticktext": [str(a) for a in range(shown)], "tickangle": 0}
    if shown > 32:
        ticks = {"dtick": 4, "tick0": 0}
    return Chart(
        "chart-timeline",
        "Who works on which layer when",
        caption,
        {
            "data": [bars.trace(scale) for bars in kinds if bars.rows],
            "layout": layout(
                AROUND + max(3, shown) * (ROW if shown <= 32 else 14),
                axis(f"time ({scale.unit})") | {"range": [0, scale.of(end / FS_PER_S)], "exponentformat": "none"},
                axis("accelerator") | ticks | {"range": [shown - 0.4, -0.6], "showgrid": False, "ticks": ""},
            )
            | {"barmode": "overlay", "uniformtext": {"minsize": 8, "mode": "hide"}},
        },
        (
            Key("works on a layer (a colour each, repeating)", bar_mark(SKY)),
            Key("exchanges, or waits for others", bar_mark(EXCHANGE, "/")),
            Key("loads ahead", thin_mark(SKY)),
        ),
        wide=True,
    )


def _bars(layers: Sequence[Layer], shown: int, scale: Scale) -> tuple[Bars, Bars, Bars]:
    edge = {"line": {"color": INK, "width": 0.4}}
    hatched = {
        "color": EXCHANGE,
        "pattern": {"shape": "/", "bgcolor": EXCHANGE, "fgcolor": INK, "size": 5, "solidity": 0.2},
    }
    works = Bars.of("works on a layer", 0.64, -0.08, edge)
    exchanges = Bars.of("exchanges, or waits for others", 0.64, -0.08, {**edge, **hatched})
    ahead = Bars.of("loads ahead", 0.14, 0.34, edge)
    for a in range(shown):
        before = (0, 0)
        for number, layer in enumerate(layers):
            started, finished, delivered = layer.spans[a]
            colour = LAYERS[number % len(LAYERS)]
            told = _told(layer, a, scale)
            if started >= 0:
                begins = _begins(started, finished, before)
                ahead.add(a, started, begins, colour, told)
                works.add(a, begins, finished, colour, told, label(layer.name, 14))
            if finished >= 0:
                exchanges.add(a, finished, delivered, "", told)
            before = (max(before[0], finished), max(before[1], delivered))
    return works, exchanges, ahead


def _begins(started: int, finished: int, before: tuple[int, int]) -> int:
    """When a layer is alone on an accelerator: after what the layer before finished, and delivered if that is earlier.

    Layers of branches need not wait for the one before to be delivered.
    """
    done, delivered = before
    return max(started, delivered if delivered < finished else min(done, finished))


def _told(layer: Layer, accelerator: int, scale: Scale) -> str:
    """Times of a layer on an accelerator, as what is pointed at says them."""
    started, finished, delivered = (time / FS_PER_S for time in layer.spans[accelerator])
    lines = [f"<b>{label(layer.name)}</b> on accelerator {accelerator}"]
    if layer.spans[accelerator][0] >= 0:
        lines.append(f"first load or computation {_time(scale, started)}, done {_time(scale, finished)}")
    lines.append(f"all delivered {_time(scale, delivered)}")
    lines.append(f"bound by {label(layer.bound)}")
    return "<br>".join(lines)


def _time(scale: Scale, seconds: float) -> str:
    return f"{scale.of(seconds):,.4f}\N{NO-BREAK SPACE}{scale.unit}"
