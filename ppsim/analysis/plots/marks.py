"""Colours, markers, dashes and hatches that are told apart in colour, in grey and with every kind of colour vision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ppsim.analysis.figures import COLOURS, MARKERS
from ppsim.analysis.plots.axes import Axis
from ppsim.analysis.plots.points import Points
from ppsim.analysis.plots.wording import said


@dataclass(frozen=True)
class Look:
    """Colour, marker with its size, width of lines (both in points), and what it stands for."""

    colour: str
    marker: str
    size: float
    width: float
    name: str = ""


#: colours of Okabe and Ito that are dark enough for lines. Later ones are drawn over earlier ones and are smaller, so
#: that of curves that coincide all are seen
LOOKS = (
    Look(COLOURS["private"], MARKERS["private"], 5.4, 2.2),
    Look(COLOURS["shared"], MARKERS["shared"], 3.7, 1.3),
    Look("#009E73", "^", 4.2, 1.1),
    Look("#CC79A7", "D", 3.0, 1.0),
    Look("#E69F00", "X", 4.2, 0.9),
    Look("#000000", "v", 3.6, 0.8),
)
#: dashes, and whether markers on them are filled
DASHED: tuple[tuple[Any, bool], ...] = (
    ("-", True),
    ((0, (5, 1.6)), False),
    ((0, (1.2, 1.2)), True),
    ((0, (7, 1.5, 1.2, 1.5)), False),
    ((0, (3, 3)), True),
)


def looks_of(axis: Axis | None, points: Points) -> list[Look]:
    """A look for each value of an axis, or one for all points; ways to share DRAM always look the same."""
    if axis is None:
        return [_sharing_look(points.sharing_name.removesuffix(" DRAM"), 0)]
    if axis is points.sharing:
        groups = [value for value in axis.values if value not in COLOURS]
        return [_sharing_look(value, groups.index(value) if value in groups else 0) for value in axis.values]
    return [replace(LOOKS[number], name=text) for number, text in enumerate(axis.texts)]


def _sharing_look(value: Any, group: int) -> Look:
    """Blue where DRAM is private, vermillion where all share it, other colours for sizes of groups."""
    if value in COLOURS:
        return replace(LOOKS[list(COLOURS).index(value)], name=value)
    return replace(LOOKS[2 + group % (len(LOOKS) - 2)], name=f"shared by {said(value)}")
