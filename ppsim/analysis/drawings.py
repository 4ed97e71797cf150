"""Drawings of what is simulated: accelerators and their links, and a network's layers. No screen is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, dist, hypot
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from ppsim.analysis.figures import BLACK, DPI, GREY, TIMES
from ppsim.analysis.layering import HEIGHT, WIDTH, Sheet, blocks_of
from ppsim.workload.graph import INPUT

if TYPE_CHECKING:
    import networkx as nx

    from ppsim.hardware.system import System
    from ppsim.workload.graph import LayerGraph

Point = tuple[float, float]
Dashes = Literal["-", "--", ":"]
#: width in points and dashes of a line
Stroke = tuple[float, Dashes]
#: GB/s and ns of a link
Rate = tuple[float, float]
#: colours of Okabe and Ito, told apart with every kind of colour vision, those far from each other first
CYCLE = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#D55E00", "#999999")
LIGHT = "#EEEEEE"
#: accelerators up to which each has a label
LABELLED = 64
RADIUS = 0.3
#: a line this near to the middle of a node would seem to end there
CLEAR = 0.22
#: width in points of links from the least to the greatest bandwidth, dashes from the least to the greatest latency
STROKE_WIDTHS: Sequence[float] = (1.5, 3.0, 5.0)
STROKE_DASHES: Sequence[Dashes] = ("-", "--", ":")
#: links times nodes up to which lines are led round nodes, and links a node up to which they are strong
LED_ROUND, STRONG = 10**6, 20
#: inches of a letter in a font of one point
LETTER = 0.0085
#: letters that fit a box of a layer, and the colour of connections beside the boxes
LETTERS, SKIP = 36, "#0072B2"


def topology_drawing(system: System) -> Figure:
    """Accelerators, coloured by the DRAM channel they are behind, switches, and the links between them."""
    graph = system.interconnect.graph(system.accelerators)
    at: dict[Any, Point] = dict(graph.nodes(data="pos"))
    xs, ys = zip(*at.values(), strict=True)
    across, up = max(xs) - min(xs) + 1.6, max(ys) - min(ys) + 1.6
    unit = min(0.95, 15 / max(across, up))  # inches between neighbours
    links = system.interconnect
    title = f"{system.name}: {_count(system.accelerators, 'accelerator')}, {links.describe(system.accelerators)}"
    strokes = _strokes({(edge["bandwidth_gb_s"], edge["latency_ns"]) for _, _, edge in graph.edges(data=True)})
    caption = f"{_caption(system, strokes)}\n{_channels(system)}"
    letters = max(map(len, [title, *caption.splitlines()]))
    width = max(across * unit, 6.0, LETTER * letters * 11)
    size = max(8.5, 0.75 * across * unit)
    handles = _legend(system, strokes)
    columns = max(1, min(len(handles), int(width / (0.175 * size))))
    line = 1.5 * size / 72
    below, above = line * (3 + 1.1 * ceil(len(handles) / columns)), 2.5 * line
    height = up * unit + below + above
    figure, axes = _canvas(width, height)
    axes.set_position((0, below / height, 1, up * unit / height))
    axes.set_aspect("equal")
    axes.set_xlim(min(xs) - 0.8, max(xs) + 0.8)
    axes.set_ylim(min(ys) - 0.8, max(ys) + 0.8)
    _draw_links(axes, graph, at, strokes)
    for node, position in at.items():
        _draw_node(axes, system, node, position, unit)
    figure.suptitle(title, fontsize=1.25 * size, y=1 - 0.5 * line / height, va="top", parse_math=False)
    figure.text(0.5, (below - 0.5 * line) / height, caption, ha="center", va="top", fontsize=size)
    spacing = {"columnspacing": 1.2, "handlelength": 1.6, "borderpad": 0.2}
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, fontsize=0.9 * size, **spacing)
    return figure


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return figure, axes


def _caption(system: System, rates: Iterable[Rate]) -> str:
    """What links can do, and how messages go over them."""
    links = system.interconnect
    numbers = _numbers(list(rates) or [(links.bandwidth_gb_s, links.latency_ns)])
    medium = any(a == b for a, b in links.route(system.accelerators, 0, system.accelerators - 1))
    what = "medium, shared by all" if medium else "links, each direction"
    chunks = f" in {links.chunks} chunks" if links.chunks > 1 else ""
    return f"{what}: {numbers}, {links.switching}{chunks}{', ideal: take no time' if links.ideal else ''}"


def _numbers(rates: Iterable[Rate]) -> str:
    """Such as "8 GB/s, 4 ns" or "8 to 32 GB/s, 4 ns"."""
    return ", ".join(
        f"{min(values):g}{f' to {max(values):g}' if max(values) > min(values) else ''} {unit}"
        for values, unit in zip(zip(*rates, strict=True), ("GB/s", "ns"), strict=True)
    )


def _channels(system: System) -> str:
    if system.channels == system.accelerators:
        return "DRAM: a channel for each accelerator"
    if system.channels == 1:
        return "DRAM: one channel shared by all"
    again = "; colours repeat" if system.channels > len(CYCLE) else ""
    return f"DRAM: {_count(system.channels, 'channel')}, each shared by the accelerators of a colour{again}"


def _legend(system: System, strokes: Mapping[Rate, Stroke]) -> list[Any]:
    """Colours of shared channels as long as none comes twice, and strokes if there are several."""
    handles: list[Any] = []
    if system.channels < system.accelerators and system.channels <= len(CYCLE):
        for channel in range(system.channels):
            behind = [a for a in range(system.accelerators) if system.channel_of(a) == channel]
            members = f"{behind[0]} to {behind[-1]}" if len(behind) > 1 else f"{behind[0]}"
            color = CYCLE[channel]
            handles.append(Patch(facecolor=color, edgecolor=BLACK, label=f"channel {channel}: {members}"))
    if 1 < len(strokes) == len(set(strokes.values())):
        for rate, (line, style) in strokes.items():
            handles.append(Line2D([], [], color=GREY, linewidth=line, linestyle=style, label=_numbers([rate])))
    return handles


def _draw_node(axes: Axes, system: System, node: int | str, position: Point, unit: float) -> None:
    x, y = position
    labelled, points = system.accelerators <= LABELLED, 72 * unit
    if isinstance(node, int):
        channel = system.channel_of(node)
        color = CYCLE[channel % len(CYCLE)]
        axes.add_patch(Circle(position, RADIUS, facecolor=color, edgecolor=BLACK, linewidth=0.9, zorder=4))
        if labelled:
            _text(axes, (x, y + 0.07), str(node), min(11, 0.25 * points), _ink(color), "bold")
            _text(axes, (x, y - 0.14), f"ch {channel}", min(7, 0.15 * points), _ink(color))
        return
    half = 0.4 if labelled else RADIUS
    box = FancyBboxPatch((x - half, y - 0.17), 2 * half, 0.34, boxstyle="round,pad=0,rounding_size=0.06")
    box.set(facecolor=LIGHT, edgecolor=BLACK, linewidth=0.9, zorder=4)
    axes.add_patch(box)
    if labelled:
        fitting = 2 * half * points / (0.65 * max(4, len(node)))
        _text(axes, position, node, min(9, fitting))


def _text(axes: Axes, at: Point, text: str, size: float, color: str = BLACK, weight: str = "normal") -> None:
    axes.text(
        *at, text, fontsize=size, color=color, fontweight=weight, ha="center", va="center", zorder=5, parse_math=False
    )


def _ink(color: str) -> str:
    red, green, blue = to_rgb(color)
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.45 else "white"


def _draw_links(axes: Axes, graph: nx.DiGraph, at: Mapping[Any, Point], strokes: Mapping[Rate, Stroke]) -> None:
    """All links, two directions of the same numbers as one line."""
    rates: dict[Any, Rate] = {(a, b): (e["bandwidth_gb_s"], e["latency_ns"]) for a, b, e in graph.edges(data=True)}
    faint = len(rates) > STRONG * len(at)
    lead = not faint and len(rates) * len(at) < LED_ROUND
    middle = (sum(x for x, _ in at.values()) / len(at), sum(y for _, y in at.values()) / len(at))
    media = {edge["link"][0] for _, _, edge in graph.edges(data=True) if edge["link"][0] == edge["link"][1]}
    for medium in media:
        xs = [at[node][0] for node in graph.predecessors(medium)]
        axes.plot([min(xs), max(xs)], [at[medium][1]] * 2, color=GREY, linewidth=6, solid_capstyle="round", zorder=2)
    straight: dict[Rate, list[tuple[Point, Point]]] = {}
    bends: Counter[tuple[float, ...]] = Counter()
    done = set()
    for (a, b), rate in rates.items():
        if a in media or (b, a) in done:
            continue
        both = rates.get((b, a)) == rate
        if both:
            done.add((a, b))
        end = (at[a][0], at[b][1]) if b in media else at[b]  # a tap goes straight to the bar
        off = _detour(at[a], end, (p for n, p in at.items() if n not in (a, b)), middle, bends) if lead else 0.0
        if both and not off:
            straight.setdefault(rate, []).append((at[a], end))
            continue
        # two directions that differ are two arrows beside each other
        path = _bow(at[a], end, off or (0.1 if (b, a) in rates else 0.0), 0.0 if both else RADIUS + 0.03)
        head = "-" if both else "-|>,head_width=3,head_length=5"
        arrow = FancyArrowPatch(path=path, arrowstyle=head, linewidth=strokes[rate][0])
        arrow.set(color=GREY, linestyle=strokes[rate][1], zorder=2)
        axes.add_patch(arrow)
    for rate, ends in straight.items():
        width, style = strokes[rate]
        lines = LineCollection(ends, colors=GREY, linewidths=0.5 if faint else width, linestyles=style, zorder=2)
        lines.set_alpha(0.3 if faint else None)
        axes.add_collection(lines, autolim=False)


def _strokes(rates: set[Rate]) -> dict[Rate, Stroke]:
    """Width by bandwidth and dashes by latency, as long as there are enough of them."""
    bandwidths, latencies = (sorted(set(values)) for values in zip(*rates, strict=True)) if rates else ([], [])
    if len(bandwidths) > len(STROKE_WIDTHS) or len(latencies) > len(STROKE_DASHES):
        return dict.fromkeys(rates, (STROKE_WIDTHS[0], STROKE_DASHES[0]))
    return {
        (bandwidth, latency): (STROKE_WIDTHS[bandwidths.index(bandwidth)], STROKE_DASHES[latencies.index(latency)])
        for bandwidth, latency in sorted(rates)
    }


def _detour(a: Point, b: Point, others: Iterable[Point], middle: Point, bends: Counter[tuple[float, ...]]) -> float:
    """How far to the left of the line from a to b to go round the nodes it would run through; 0: straight on."""
    length = dist(a, b)
    ahead_x, ahead_y = (b[0] - a[0]) / length, (b[1] - a[1]) / length

    def aside(point: Point) -> float:
        return (point[1] - a[1]) * ahead_x - (point[0] - a[0]) * ahead_y

    met = [
        aside((x, y))
        for x, y in others
        if abs(aside((x, y))) < CLEAR and 0 < (x - a[0]) * ahead_x + (y - a[1]) * ahead_y < length
    ]
    if not met:
        return 0.0
    # away from the nodes met; or, through their very middle, away from the middle of the drawing, or up
    up = 1.0 if (ahead_x, ahead_y) > (0.0, 0.0) else -1.0
    leaning = next((value for value in (sum(met), aside(middle)) if abs(value) > 1e-6), -up)
    side = -1.0 if leaning > 0 else 1.0
    line = (round(ahead_x * up, 2), round(ahead_y * up, 2), round(aside((0.0, 0.0)) * up, 1), side * up)
    bends[line] += 1
    return side * (0.35 + 0.1 * bends[line])  # those beside the same nodes keep apart


def _bow(a: Point, b: Point, off: float, rim: float) -> Path:
    """From a along a line `off` to the left of the straight one towards b, up to `rim` before it."""
    length = dist(a, b)
    ahead_x, ahead_y = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    near = min(0.55, length / 3)
    turn = 0.15 if abs(off) > RADIUS else near
    steps = ((0.0, 0.0), (turn, off), (near, off), (length - near, off), (length - turn, off))
    points = [(a[0] + ahead_x * s - ahead_y * o, a[1] + ahead_y * s + ahead_x * o) for s, o in steps]
    x, y = points[-1]
    share = 1 - rim / hypot(b[0] - x, b[1] - y)
    points.append((x + (b[0] - x) * share, y + (b[1] - y) * share))
    return Path(points, [Path.MOVETO, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CURVE3, Path.CURVE3])


def workload_drawing(graph: LayerGraph) -> Figure:
    """The layers from top to bottom, each with its type and output shape; connections that skip layers run beside."""
    blocks, reads = blocks_of(graph)
    sheet = Sheet(reads)
    title = f"{graph.name}: {_count(len(graph.layers), 'layer')}"
    width = max(sheet.width, LETTER * len(title) * 11)
    figure, axes = _canvas(width, sheet.height)
    axes.set_xlim((sheet.width - width) / 2, (sheet.width + width) / 2)
    axes.set_ylim(0, sheet.height)
    kinds = list(dict.fromkeys(block.type for block in blocks.values()))
    for name, block in blocks.items():
        x, y = sheet.middle[name]
        box = FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=0.05")
        tint = "white" if name == INPUT else _light(CYCLE[(kinds.index(block.type) - 1) % len(CYCLE)])
        box.set(facecolor=tint, edgecolor=BLACK, linewidth=0.7, zorder=3)
        axes.add_patch(box)
        detail = f"{block.type}  {TIMES.join(map(str, block.shape))}"
        _text(axes, (x, y + 0.075), _title(block.names), 6.8, weight="bold")
        _text(axes, (x, y - 0.085), _title([detail]), 6.5)
    for a, b in reads.edges:
        points = sheet.points(a, b)
        arrow = FancyArrowPatch(path=_rounded(points), arrowstyle="-|>,head_width=1.6,head_length=2.8", linewidth=0.9)
        arrow.set(color=GREY if len(points) < 4 else SKIP, zorder=2)
        axes.add_patch(arrow)
    figure.suptitle(title, fontsize=11, y=1 - 0.15 / sheet.height, va="top", parse_math=False)
    return figure


def _title(names: Sequence[str]) -> str:
    whole = " + ".join(names)
    if len(whole) > LETTERS and len(names) > 1:
        whole = f"{names[0]} + {len(names) - 1} more"
    return whole if len(whole) <= LETTERS else f"{whole[: LETTERS - 15]}...{whole[-12:]}"


def _light(color: str) -> tuple[float, ...]:
    return tuple(0.45 * part + 0.55 for part in to_rgb(color))


def _rounded(points: Sequence[Point]) -> Path:
    """A line through the points with its corners rounded; one of few leaves and arrives vertically, curved between."""
    if len(points) < 4:
        *_, (x, y), (to_x, to_y) = points
        half = (y + to_y) / 2
        return Path(
            [points[0], (x, y), (x, half), (to_x, half), points[-1]], [Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3]
        )
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        for other in (before, after):
            length = dist(corner, other)
            share = min(0.06, length / 2) / length if length else 0.0
            rim = (corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share)
            vertices += [rim] if other is before else [corner, rim]
            codes += [Path.LINETO] if other is before else [Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])
