"""Figures as papers print them: sizes, fonts, keys and a caption below the panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from ppsim.analysis.figures import GREY

#: width of a column and of a page, in
COLUMN, PAGE = 3.5, 7.0
#: size of letters, pt; of titles of panels
SMALL, TITLE = 8.0, 9.0
#: room at the edges and between keys, in
GAP = 0.06
#: pixels an inch, enough for print
PRINTED = 300
#: what differs from matplotlib's own style; nothing else does, whatever the user's settings are
PAPER: Mapping[str, Any] = {
    "font.size": SMALL,
    "axes.titlesize": TITLE,
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.4,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.width": 0.5,
    "ytick.minor.width": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "legend.columnspacing": 1.4,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "figure.dpi": PRINTED,
    "savefig.dpi": PRINTED,
}


@contextmanager
def paper() -> Iterator[None]:
    """Within it figures have the style of a paper, and no trace of the user's own settings."""
    with style.context([dict(PAPER)], after_reset=True):
        yield


@dataclass(frozen=True)
class Key:
    """What marks stand for: a title, and a handle and a text each."""

    title: str
    entries: Sequence[tuple[Artist, str]]


def sheet(width: float, height: float) -> Figure:
    """A figure whose panels have that width and height, in; `finished` adds what is below them."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def finished(figure: Figure, keys: Sequence[Key], caption: str, beside: Key | None = None) -> Figure:
    """The figure with everything in its place: keys and a caption below its panels, which keep their size.

    `beside` is a key without title on the right of the panels, an entry a line.
    """
    width, height = figure.get_size_inches()
    text = figure.text(2 * GAP / width, 0, "", va="bottom", color=GREY, in_layout=False)
    _wrap(text, caption, width - 4 * GAP)
    legends = [_legend(figure, key, width - 4 * GAP) for key in reversed(keys)]
    heights = [extent(artist)[3] / PRINTED - extent(artist)[1] / PRINTED for artist in (text, *legends)]
    below = sum(high + 1.5 * GAP for high in heights)
    figure.set_size_inches(width, height + below)
    text.set_y(GAP / (height + below))
    at = GAP
    for artist, high in zip((text, *legends), heights, strict=True):
        if isinstance(artist, Legend):
            artist.set_bbox_to_anchor((width / 2, at), transform=figure.dpi_scale_trans)
        at += high + 1.5 * GAP
    right = 0.0
    if beside is not None:
        handles, texts = zip(*beside.entries, strict=True)
        legend = figure.legend(
            handles, texts, loc="center right", handlelength=1.6, handleheight=1.1, title=beside.title
        )
        legend.set_in_layout(False)
        legend.set_bbox_to_anchor((width - 2 * GAP, below + height / 2), transform=figure.dpi_scale_trans)
        right = legend.get_window_extent().width / PRINTED + 4 * GAP
    engine = figure.get_layout_engine()
    assert engine is not None
    share = below / (height + below)
    engine.set(rect=(0, share, 1 - right / width, 1 - share), w_pad=GAP, h_pad=GAP)  # type: ignore[call-arg]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        declutter(axes.xaxis)
        declutter(axes.yaxis)
    return figure


def extent(artist: Artist) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of what is drawn of it, in pixels."""
    box = artist.get_window_extent()
    return box.x0, box.y0, box.x1, box.y1


def apart(one: tuple[float, ...], other: tuple[float, ...], room: float = 0.0) -> bool:
    """Whether two extents have at least that room between them."""
    return (
        one[2] + room <= other[0] or other[2] + room <= one[0] or one[3] + room <= other[1] or other[3] + room <= one[1]
    )


def declutter(axis: Axis) -> None:
    """Leave labels of ticks out until none is nearer to another than a letter is wide; those first in `_rank` stay."""
    labels = [label for label in axis.get_ticklabels() if label.get_text()]
    room = 0.6 * SMALL / 72 * PRINTED
    kept: list[tuple[float, ...]] = []
    dropped: list[Text] = []
    for label in sorted(labels, key=lambda label: _rank(labels, label)):
        box = extent(label)
        if all(apart(box, other, room) for other in kept):
            kept.append(box)
        else:
            dropped.append(label)
    if dropped:
        texts = ["" if label in dropped else label.get_text() for label in axis.get_ticklabels()]
        axis.set_ticks(list(axis.get_ticklocs()), texts)


def panel(axes: Axes, title: str = "", grid: str = "both") -> None:
    """What all panels have: a light grid, and a title if there are others."""
    axes.grid(True, axis=grid)  # type: ignore[arg-type]
    if title:
        axes.set_title(title)


def blank() -> Line2D:
    """A handle that shows nothing."""
    return Line2D([], [], linestyle="")


def _wrap(text: Text, words: str, widest: float) -> None:
    """Write words into a text that is at most that wide, in."""
    lines: list[str] = []
    for word in words.split(" "):
        text.set_text(" ".join([*lines[-1:], word]))
        if lines and text.get_window_extent().width / PRINTED <= widest:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    text.set_text("\n".join(lines))


def _rank(labels: Sequence[Text], label: Text) -> tuple[int, int]:
    """Powers of two come first, then the last and the first one, then the others in their order."""
    number = labels.index(label)
    try:
        value = float(label.get_text().split("\n")[0].replace(",", ""))
    except ValueError:
        value = 0.0
    power = value >= 1 and value == int(value) and int(value) & (int(value) - 1) == 0
    return (0 if power else 1 if number in (0, len(labels) - 1) else 2, number)


#: handles, texts, columns and title of a legend
_Row = tuple[list[Artist], list[str], int, str | None]


def _legend(figure: Figure, key: Key, widest: float) -> Legend:
    """A key with its title on the left if that fits the width, in; else in rows below the title."""
    handles, texts = [handle for handle, _ in key.entries], [text for _, text in key.entries]
    rows: list[_Row] = [([blank(), *handles], [f"{key.title}:", *texts], len(texts) + 1, None)] if key.title else []
    rows += [(handles, texts, columns, key.title or None) for columns in range(len(texts), 0, -1)]
    dots = all(isinstance(handle, Line2D) and handle.get_linestyle() == "None" for handle in handles)
    length = 1.0 if dots else None  # a line has to be long enough to show its dashes
    for given, named, columns, title in rows:
        legend = figure.legend(
            given, named, loc="lower center", ncols=columns, title=title, title_fontsize=SMALL, handlelength=length
        )
        legend.set_in_layout(False)
        if columns == 1 or legend.get_window_extent().width / PRINTED <= widest:
            break
        legend.remove()
    return legend
