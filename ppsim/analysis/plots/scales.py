"""Scales and their ticks: at the values there are, and as few as are needed to read a figure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log2, log10

from matplotlib.axis import Axis
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from ppsim.analysis.figures import TIMES

#: largest over smallest value from which on a scale is logarithmic
WIDE = 3.0
#: ticks on a scale of ratios
TICKS = 8


def _set_scale(axis: Axis, log: bool, base: int = 2) -> None:
    setter = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale  # type: ignore[attr-defined]
    setter("log", base=base) if log else setter("linear")


def _set_limits(axis: Axis, low: float, high: float) -> None:
    setter = axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim  # type: ignore[attr-defined]
    setter(low, high)


def value_scale(axis: Axis, values: Sequence[float]) -> None:
    """A scale with a tick at each value: logarithmic where they are far apart; one value is in its middle."""
    low, high = min(values), max(values)
    log = low > 0 and high / low >= WIDE
    _set_scale(axis, log)
    if low == high:
        _set_limits(axis, low - 1, high + 1)
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def times_scale(axis: Axis, values: Sequence[float]) -> None:
    """A scale of ratios: with ticks at powers of two where they are far apart, else from a round number to another."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= WIDE:
        _set_scale(axis, log=True)
        first, last = floor(log2(low)), ceil(log2(high))
        step = ceil((last - first + 1) / TICKS)
        axis.set_major_locator(FixedLocator([2.0**power for power in range(first, last + 1, step)]))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: times(value)))


def times(ratio: float) -> str:
    """A ratio: 0.95×, 7.62×, 253×."""
    return f"{number(ratio)}{TIMES}"


def number(value: float) -> str:
    """Three digits, or all of those before the point: 0.95, 7.62, 253, 1344, 1e+06."""
    return f"{value:.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def decade_scale(axis: Axis, values: Sequence[float], margin: float, formatter: Formatter | None = None) -> None:
    """A logarithmic scale of values above zero, `margin` times wider at both ends, with at least two ticks."""
    low, high = min(values) / margin, max(values) * margin
    _set_scale(axis, log=True, base=10)
    _set_limits(axis, low, high)
    axis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(formatter or FuncFormatter(lambda value, _: f"{value:g}"))


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high on a logarithmic scale: about five, where two such numbers lie there at all."""
    found: list[float] = []
    for steps in ((1,), (1, 2, 5)):
        powers = range(floor(log10(low)), ceil(log10(high)) + 1)
        found = [tick for power in powers for step in steps if low <= (tick := step * 10.0**power) <= high]
        if len(found) > 2:
            return found[:: ceil(len(found) / TICKS)]
    if len(found) < 2:
        found = [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    return found


def colour_ticks(bar: Colorbar, values: Sequence[float]) -> None:
    """Ticks of a bar of colours at round numbers."""
    bar.minorticks_off()
    low, high = min(values), max(values)
    if isinstance(bar.norm, LogNorm):
        places = log_ticks(low, high)
    else:
        places = [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    bar.set_ticks(places, labels=[number(place) for place in places])


def with_room(low: float, high: float, least: float) -> tuple[float, float]:
    """A range, or one around it that is at least so wide: few bars do not become broad."""
    more = max(0.0, least - (high - low)) / 2
    return low - more, high + more
