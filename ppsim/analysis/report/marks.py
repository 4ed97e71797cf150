"""Marks of charts as they stand in their keys: paths of SVG in a box of `WIDTH` by `HEIGHT`."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 26, 14
INK = "#222222"
#: markers by the name that plotly has for them, around the middle of the box
SYMBOLS = {
    "circle": "M13 3a4 4 0 1 1 0 8a4 4 0 1 1 0-8z",
    "square": "M9 3h8v8h-8z",
    "diamond": "M13 2l5 5l-5 5l-5-5z",
    "triangle-up": "M13 2.5l5 8.5h-10z",
    "x": "M9 4.5l1.5-1.5l2.5 2.5l2.5-2.5l1.5 1.5l-2.5 2.5l2.5 2.5l-1.5 1.5l-2.5-2.5l-2.5 2.5l-1.5-1.5l2.5-2.5z",
    "cross": "M11.5 2.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "pentagon": "M13 2.5l4.8 3.5l-1.8 5.5h-6l-1.8-5.5z",
    "star": "M13 0.5l1.9 4.4l4.7 0.4l-3.6 3.1l1.1 4.7l-4.1-2.5l-4.1 2.5l1.1-4.7l-3.6-3.1l4.7-0.4z",
}
#: hatches by the sign that plotly and matplotlib have for them, in a bar from (4, 1) to (22, 13)
HATCHES = {
    "": "",
    "/": "M4 7l6-6M4 13l12-12M10 13l12-12M16 13l6-6",
    "\\": "M4 7l6 6M4 1l12 12M10 1l12 12M16 1l6 6",
    "x": "M4 7l6-6M4 13l12-12M10 13l12-12M16 13l6-6M4 7l6 6M4 1l12 12M10 1l12 12M16 1l6 6",
    ".": "M7 4h1M13 4h1M19 4h1M10 7h1M16 7h1M7 10h1M13 10h1M19 10h1",
    "|": "M8 1v12M13 1v12M18 1v12",
}
BAR, THIN, LINE = "M4 1h18v12h-18z", "M4 6h18v3h-18z", "M1 7h24"


@dataclass(frozen=True)
class Mark:
    """What is filled, with its colour and edge; what is drawn on it, or behind it, as lines."""

    fill: str
    colour: str
    edge: str = "none"
    over: str = ""
    behind: str = ""


def bar_mark(colour: str, hatch: str = "") -> Mark:
    """A bar, hatched or not."""
    return Mark(BAR, colour, INK, over=HATCHES[hatch])


def thin_mark(colour: str) -> Mark:
    """A thin bar."""
    return Mark(THIN, colour, INK)


def line_mark(colour: str, symbol: str) -> Mark:
    """A marker on a line."""
    return Mark(SYMBOLS[symbol], colour, behind=LINE)


def marker_mark(colour: str, symbol: str, edge: str = "none") -> Mark:
    """A marker alone."""
    return Mark(SYMBOLS[symbol], colour, edge)
