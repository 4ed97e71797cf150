"""A page as one HTML file that opens offline: styles, scripts and data are inside it, and it asks for nothing else."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ppsim.analysis.report.parts import Page

TEMPLATES = "templates"


def html_of(page: Page) -> str:
    """The file. The same page gives the same text."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    environment = Environment(
        loader=PackageLoader("ppsim.analysis.report", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = [chart for section in page.sections for chart in section.charts]
    return environment.get_template("page.html").render(
        page=page,
        style=_inlined("page.css"),
        script=_inlined("page.js"),
        plotly=Markup(get_plotlyjs()) if charts else "",
        figures=_data({chart.name: chart.figure for chart in charts}),
    )


def _inlined(name: str) -> Markup:
    return Markup((files("ppsim.analysis.report") / TEMPLATES / name).read_text(encoding="utf-8"))


def _data(value: dict[str, Any]) -> Markup:
    """JSON that can stand in a script element: nothing in it can end one, or begin another."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
