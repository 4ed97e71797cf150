"""What a page consists of, as values: nothing here knows HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ppsim.analysis.quantities import prefix_of, short
from ppsim.analysis.report.marks import Mark


@dataclass(frozen=True)
class Tile:
    """A key figure: what it is, the value with its unit, and a few words below."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column of a table; numbers are aligned at their right."""

    head: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """What a cell says, and the number it is sorted by (None: it has none, and comes last in either order)."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by each of its columns. Rows in `marked` stand out."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Key:
    """What a mark in a chart stands for: how it looks, as SVG, and its name."""

    name: str
    mark: Mark


@dataclass(frozen=True)
class Chart:
    """A figure as plotly takes it (`data`, `layout`), what it is called, what its marks stand for and what it shows."""

    name: str
    title: str
    caption: str
    figure: dict[str, Any]
    keys: tuple[Key, ...] = ()
    wide: bool = False

    @property
    def height(self) -> int:
        """Of the figure, in pixels."""
        return int(self.figure["layout"]["height"])


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading: paragraphs, key figures, figures, tables, lists of lines, text as it is."""

    name: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    lines: tuple[str, ...] = ()
    listing: str = ""


@dataclass(frozen=True)
class Page:
    """A report. `answer` is the sentence at its top, `notes` what stands in small print below it."""

    title: str
    subtitle: str
    answer: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())


def word(text: str) -> Cell:
    """A cell of text."""
    return Cell(text)


def number(value: float | None, text: str | None = None) -> Cell:
    """A cell of a number, in three digits unless `text` says how it is written."""
    if value is None:
        return Cell("\N{EN DASH}")
    return Cell(short(value) if text is None else text, float(value))


@dataclass(frozen=True)
class Scale:
    """One unit for a whole column or axis: a value divided by `factor` is in `unit`."""

    factor: float
    unit: str

    def of(self, value: float) -> float:
        """A value in the unit."""
        return value / self.factor

    def cell(self, value: float | None) -> Cell:
        """A value as a cell of a table."""
        return number(None if value is None else self.of(value))

    def told(self, value: float) -> str:
        """A value with its unit, which it does not part from at the end of a line."""
        return f"{short(self.of(value))}\N{NO-BREAK SPACE}{self.unit}".rstrip()


def scale_of(values: Sequence[float], unit: str, to_unit: float = 1.0) -> Scale:
    """The unit in which the largest of some values has one to three digits before the point.

    A value times `to_unit` is in `unit`, such as 1e-12 for pJ where the unit is J.
    """
    factor, letter = prefix_of(max((abs(value) for value in values), default=0.0) * to_unit)
    return Scale(factor / to_unit, f"{chr(0xB5) if letter == 'u' else letter}{unit}")


def energy_scale(values: Sequence[float], unit: str | None) -> Scale:
    """The unit for energies given in pJ; or in multiply-accumulates, where `unit` is "MAC"; or in either, for None."""
    if unit is None:
        return Scale(1.0, "pJ or MAC")
    return scale_of(values, "MAC") if unit == "MAC" else scale_of(values, "J", 1e-12)
