"""Labels of points that are near what they name and over nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import NamedTuple

from matplotlib.axes import Axes

from ppsim.analysis.figures import GREY
from ppsim.analysis.plots.page import PRINTED, apart, extent

#: distances of a label from its point, pt, and directions that are tried, right and up first
DISTANCES = (5.0, 10.0, 17.0, 26.0, 37.0, 50.0, 70.0, 95.0, 125.0, 160.0)
TURNS = (1, 7, 3, 5, 0, 4, 2, 6, 9, 15, 11, 13, 8, 12, 10, 14)
#: from that distance on a line leads to the point
LED = 10.0
#: half the size of a marker, and room around a label, pt
MARKER, ROOM = 3.0, 2.0
#: left, bottom, right and top; and from x, y to x, y; in pixels
Box = tuple[float, float, float, float]
Line = tuple[float, float, float, float]


class Label(NamedTuple):
    """What to call the point at x, y; in the units of the axes."""

    x: float
    y: float
    text: str


def label(
    axes: Axes, labels: Sequence[Label], marks: Sequence[tuple[float, float]] = (), farthest: float = 50.0
) -> list[Label]:
    """Write labels up to `farthest` points from what they name, the first ones first; returns those without room.

    A label is inside the axes and covers no other, no labelled point, none of the `marks` (x, y in units of the axes)
    and no line to another point; such lines cross no label and pass no other point. Scales and the layout of the figure
    have to be final.
    """
    scale = PRINTED / 72
    where = axes.transData.transform
    dots = [tuple(map(float, where((one.x, one.y)))) for one in labels]
    points = [_around(x, y, MARKER * scale) for x, y in dots]
    cell = MARKER * scale
    cells = {(round(x / cell), round(y / cell)) for x, y in map(where, marks)}  # many marks may be in one place
    covered = points + [_around(x * cell, y * cell, 1.5 * cell) for x, y in sorted(cells)]
    texts: list[Box] = []
    lines: list[Line] = []
    frame, left = extent(axes.patch), []
    for one, (x, y), point in zip(labels, dots, points, strict=True):
        others = [other for other in points if apart(point, other)]
        text = axes.annotate(one.text, (one.x, one.y), (0, 0), textcoords="offset points", va="center", ha="center")
        box = extent(text)
        wide, high = box[2] - box[0], box[3] - box[1]
        for distance, dx, dy in _places(wide, high, scale, farthest):
            place = (x + dx - wide / 2, y + dy - high / 2, x + dx + wide / 2, y + dy + high / 2)
            if not (frame[0] <= place[0] and place[2] <= frame[2] and frame[1] <= place[1] and place[3] <= frame[3]):
                continue
            if not all(apart(place, other, ROOM * scale) for other in [*covered, *texts]):
                continue
            if any(_crosses(line, place) for line in lines):
                continue
            lead = (x, y, x + dx, y + dy)
            if distance < LED or not any(_crosses(lead, other) for other in [*others, *texts]):
                break
        else:
            text.remove()
            left.append(one)
            continue
        text.set_position((dx / scale, dy / scale))
        texts.append(place)
        if distance >= LED:
            lines.append(lead)
            _lead(axes, one, (dx / scale, dy / scale), (wide / scale, high / scale))
    return left


def along(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Marks on a line, close enough that no label lies over it."""
    found = []
    places = axes.transData.transform(list(zip(xs, ys, strict=True)))
    back = axes.transData.inverted().transform
    for (x, y), (u, v) in pairwise(places):
        steps = max(1, int(hypot(u - x, v - y) / (MARKER * PRINTED / 72)))
        found += [tuple(back((x + (u - x) * n / steps, y + (v - y) * n / steps))) for n in range(steps + 1)]
    return [(float(x), float(y)) for x, y in found]


def _places(wide: float, high: float, scale: float, farthest: float) -> Iterator[tuple[float, float, float]]:
    """Distance in points, and how far the middle of a label of that size is from its point, in pixels."""
    for distance in (distance for distance in DISTANCES if distance <= farthest):
        for turn in TURNS:
            x, y = cos(turn * pi / 8), sin(turn * pi / 8)
            # the nearest point of the label is in that direction, at that distance
            yield distance, x * (distance * scale + wide / 2), y * (distance * scale + high / 2)


def _around(x: float, y: float, size: float) -> Box:
    return x - size, y - size, x + size, y + size


def _crosses(line: Line, box: Box) -> bool:
    """Whether a line from a point to another touches a box (the slab method)."""
    x, y, u, v = line
    enter, leave = 0.0, 1.0
    for start, way, low, high in ((x, u - x, box[0], box[2]), (y, v - y, box[1], box[3])):
        if way == 0:
            if not low <= start <= high:
                return False
            continue
        one, other = sorted(((low - start) / way, (high - start) / way))
        enter, leave = max(enter, one), min(leave, other)
    return enter <= leave


def _lead(axes: Axes, one: Label, to: tuple[float, float], size: tuple[float, float]) -> None:
    """A thin line from a point to the edge of its label, which is `to` points away."""
    shrink = min(
        (size[n] / 2 + 0.5) / abs(to[n]) if to[n] else 1.0 for n in (0, 1)
    )  # the share of the way that is inside the label
    axes.annotate(
        "", (one.x, one.y), (to[0] * (1 - shrink), to[1] * (1 - shrink)), textcoords="offset points",
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": GREY, "shrinkA": 0, "shrinkB": MARKER},
    )  # fmt: skip
