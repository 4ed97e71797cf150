"""The page: one file that asks for nothing outside it, escapes what it is given, and has what it promises."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_sweeps import COUNTED, ByHand, failed, over, row, small_comparison

from ppsim import InputError
from ppsim.analysis.report.page import html_of
from ppsim.analysis.report.parts import Page
from ppsim.analysis.report.run import run_of
from ppsim.analysis.report.run_page import run_page
from ppsim.analysis.report.scatter import front_of
from ppsim.analysis.report.study import study
from ppsim.analysis.report.sweep_page import sweep_page
from ppsim.analysis.report.tables import MOST_POINTS
from ppsim.analysis.report.worth import rule

EVIL = "</script><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>\"'&${7*7}{{7*7}}<b>bold"
VOID = {"meta", "link", "br", "img", "path"}


class Reader(HTMLParser):
    """Elements with their attributes and what they say; complains where tags are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if text.strip():
            self.said.append((self.open[-1] if self.open else "", text))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def texts(self, *tags: str) -> list[str]:
        return [text.strip() for tag, text in self.said if tag in tags]


def figures(html: str) -> dict[str, dict[str, object]]:
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def private_and_shared() -> ByHand:
    rows = over({1: 1.0, 2: 0.5, 4: 0.3}, **{"dram": "private", "dram.sharing": "private"})
    rows += over({1: 1.0, 2: 0.6}, **{"dram": "shared", "dram.sharing": "shared"})
    rows += [failed(4, "it does not fit", **{"dram.sharing": "shared"})]
    rows = [one | {"array.rows": rows_} for rows_ in (8, 16) for one in rows]
    return ByHand(rows, {**COUNTED, "dram.sharing": ("private", "shared"), "array.rows": (8, 16)})


@pytest.fixture(scope="module")
def of_sweep() -> Page:
    return sweep_page(private_and_shared(), rule())


@pytest.fixture(scope="module")
def of_run() -> Page:
    return run_page(run_of(small_comparison()))


@pytest.fixture(params=["of_sweep", "of_run"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_nothing_points_outside(page: Page) -> None:
    html = html_of(page)
    reader = Reader(html)
    for tag, attributes in reader.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert "url(" not in (attributes.get("style") or "")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(meta["content"] for meta in reader.all("meta") if meta.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_the_same_page_gives_the_same_bytes(page: Page) -> None:
    assert html_of(page) == html_of(page)


def test_the_same_sweep_gives_the_same_bytes() -> None:
    first, again = (html_of(sweep_page(private_and_shared(), rule())) for _ in range(2))
    assert first == again


def test_names_are_unique_and_what_is_pointed_at_is_there(page: Page) -> None:
    reader = Reader(html_of(page))
    names = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    targets = [str(link["href"]).removeprefix("#") for link in reader.all("a")]
    assert targets == [section.name for section in page.sections]
    assert set(targets) <= set(names)


def test_charts_are_what_plotly_takes(page: Page) -> None:
    go = pytest.importorskip("plotly.graph_objects")
    charts = [chart for section in page.sections for chart in section.charts]
    assert list(figures(html_of(page))) == [chart.name for chart in charts]
    for chart in charts:
        go.Figure(chart.figure)  # raises for an attribute that plotly does not know
        for axis in ("xaxis", "yaxis"):
            title = chart.figure["layout"][axis]["title"]["text"]
            assert title or chart.figure["layout"][axis]["type"] == "category"
        for trace in chart.figure["data"]:
            if trace.get("hoverinfo") == "text":
                assert len(trace["hovertext"]) == len(trace["x"]) == len(trace["y"])
        assert chart.keys
        assert chart.caption


def test_a_sweep_has_all_it_promises(of_sweep: Page) -> None:
    reader = Reader(html_of(of_sweep))
    assert reader.texts("h2") == [
        "How many accelerators are worth it",
        "What speedup is lost to",
        "What energy is spent on",
        "Point 2 in full",
        "What the speedup is made of: point 2",
        "Where time and energy go: point 2",
        "Assumptions: point 2",
        "All points",
        "2 points that failed",
        "Where these numbers come from",
    ]
    assert {"table-answers", "table-baselines", "table-layers", "table-points", "table-failed"} == {
        table["id"] for table in reader.all("table")
    }
    kinds = ("chart-speedup", "chart-energy-reduction", "chart-losses-0", "chart-losses-1", "chart-energy-0",
             "chart-energy-1", "chart-losses", "chart-energy-baselines", "chart-timeline", "chart-time-layers",
             "chart-energy-layers", "chart-pareto")  # fmt: skip
    assert tuple(figures(html_of(of_sweep))) == kinds
    cells = reader.texts("td")
    assert cells.count("it does not fit") == 2
    said = reader.texts("li")
    assert all(line in said for line in small_comparison().result.assumptions)
    assert "ppsim version: 0.1.0" in said
    assert any(text.startswith("workload: net") for text in reader.texts("pre"))
    assert any(text.startswith("Not modelled: ") for text in reader.texts("p"))
    assert of_sweep.notes[0].startswith("The rule (marginal): More accelerators are worth it as long as ")


def test_a_run_has_all_it_promises(of_run: Page) -> None:
    reader = Reader(html_of(of_run))
    assert reader.texts("h2") == [
        "Key figures",
        "What the speedup is made of",
        "Where time and energy go",
        "Assumptions",
        "Where these numbers come from",
    ]
    assert {"table-baselines", "table-layers"} == {table["id"] for table in reader.all("table")}
    assert "chart-timeline" in figures(html_of(of_run))
    result = small_comparison().result
    cells = reader.texts("td")
    for layer in result.layers:
        assert " + ".join((layer.name, *layer.fused)) in cells
        assert f"{layer.cycles:,}" in cells


def test_tables_can_be_sorted_and_numbers_have_units(page: Page) -> None:
    reader = Reader(html_of(page))
    heads = [attributes for tag, attributes in reader.elements if tag == "th"]
    assert heads
    assert len(reader.all("button")) == len(heads)
    for section in page.sections:
        for table in section.tables:
            for cells in table.rows:
                assert len(cells) == len(table.columns)
                for column, cell in zip(table.columns, cells, strict=True):
                    assert cell.number is None or column.numeric
            for column in table.columns:
                if column.head in ("latency", "energy", "speedup", "DRAM", "links", "time", "area proxy", "work"):
                    assert column.unit


def test_names_are_escaped_wherever_they_come_in() -> None:
    comparison = small_comparison()
    layers = tuple(replace(layer, name=f"{EVIL}{n}", fused=(EVIL,)) for n, layer in enumerate(comparison.result.layers))
    result = replace(comparison.result, workload=EVIL, system=EVIL, layers=layers, assumptions=(EVIL,))
    baselines = {f"{EVIL}": next(iter(comparison.baselines.values())), **comparison.baselines}
    run = replace(
        run_of(replace(comparison, result=result, baselines=baselines)),
        provenance={EVIL: EVIL, "asked": {EVIL: [EVIL]}},
    )
    rows = [one | {"workload": EVIL, "system": EVIL, "bound": EVIL, "array.rows": EVIL, EVIL: EVIL}
            for one in over({1: 1.0, 2: 0.5})]  # fmt: skip
    rows += [one | {"array.rows": f"{EVIL}2", EVIL: EVIL} for one in over({1: 0.9, 2: 0.4})]
    rows.append(failed(4, EVIL, **{"array.rows": EVIL, EVIL: EVIL}))
    sweep = ByHand(rows, {**COUNTED, "array.rows": (EVIL,), EVIL: (EVIL,)}, {"spec": {EVIL: EVIL}, EVIL: EVIL})
    for page in (run_page(run), sweep_page(sweep, rule())):
        html = html_of(page)
        reader = Reader(html)
        assert len(reader.all("script")) == 3
        assert not reader.all("img")
        assert not reader.all("b")
        outside = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
        assert "<script" not in outside
        assert "alert(" in " ".join(text for tag, text in reader.said if tag != "script")
        texts = [
            text
            for figure in figures(html).values()
            for trace in figure["data"]  # type: ignore[attr-defined]
            for text in trace.get("hovertext", [])
        ]
        assert texts
        # plotly takes tags for tags: only ours are left
        assert {tag for text in texts for tag in re.findall(r"<[^>]*>", text)} <= {"<b>", "</b>", "<br>"}


def test_nothing_is_unbounded() -> None:
    """Long names, many points, many failures and a large specification make no page that nobody can open."""
    many = [
        row(1 + number % 8, 1 / (1 + number % 8) + number * 1e-6, **{"array.rows": number // 8, "workload": "w" * 5000})
        for number in range(6000)
    ]
    many += [failed(1, "e" * 5000, **{"array.rows": 0}) for _ in range(500)]
    sweep = ByHand(many, {**COUNTED, "array.rows": ()}, {"spec": {"axes": {"array.rows": list(range(100_000))}}})
    page = sweep_page(sweep, rule())
    html = html_of(page)
    data = len(html) - html.index('id="chart-data"')
    assert data < 3_000_000
    tables = {table.name: table for section in page.sections for table in section.tables}
    assert len(tables["points"].rows) == MOST_POINTS
    assert "500 of 6,000 points" in tables["points"].caption
    assert tables["failed"].caption == "The first 100 of 500."
    chosen = {int(row_[0].text) for place, row_ in enumerate(tables["points"].rows) if place in tables["points"].marked}
    assert chosen
    pareto = next(chart for section in page.sections for chart in section.charts if chart.name == "chart-pareto")
    shown = sum(len(trace["x"]) for trace in pareto.figure["data"])
    assert shown <= 2100
    assert f"{shown:,} of 6,000 points are shown" in pareto.caption
    outside = html[: html.index("<script>")]
    assert len(outside) < 1_000_000


def test_the_front_is_that_of_latency_energy_and_area() -> None:
    rows = [
        row(1, 1.0, 1e6, area_mm2=1.0),
        row(2, 0.5, 2e6, area_mm2=2.0),
        row(2, 0.5, 2.1e6, area_mm2=2.0),  # more energy for nothing
        row(2, 0.6, 2e6, area_mm2=1.5),  # slower, but smaller
        row(4, 0.7, 3e6, area_mm2=4.0),
    ]
    assert front_of(study(ByHand(rows, COUNTED))) == {0, 1, 3}
    other = [*rows, row(1, 0.1, 1.0, area_mm2=0.1, workload="another")]
    assert front_of(study(ByHand(other, {**COUNTED, "workload": ("net", "another")}))) == {0, 1, 3, 5}


def test_a_point_can_be_asked_for() -> None:
    sweep = private_and_shared()
    page = sweep_page(sweep, rule(), point=1)
    assert "Point 1 in full" in [section.heading for section in page.sections]
    with pytest.raises(InputError, match="point 99 is none of the 12 that are done"):
        sweep_page(sweep, rule(), point=99)
    with pytest.raises(InputError, match="point 5 failed: it does not fit"):
        sweep_page(sweep, rule(), point=5)


def test_a_sweep_of_failures_says_so() -> None:
    page = sweep_page(ByHand([failed(1, "no"), failed(2, "no")], COUNTED), rule())
    reader = Reader(html_of(page))
    assert page.answer == "None of 2 points could be simulated; their errors are below."
    assert reader.texts("h2") == ["2 points that failed", "Where these numbers come from"]
    assert len(reader.all("script")) == 1  # no chart, so no plotly


def test_one_point_and_no_count() -> None:
    page = sweep_page(ByHand([row(2, 0.5)], {}), rule())
    assert page.answer.startswith("The one point that ran takes ")
    html_of(page)


def test_energies_that_are_none_draw_no_stacks() -> None:
    rows = [one | {"energy_unit": "MAC"} for one in over({1: 1.0, 2: 0.5})]
    page = sweep_page(ByHand(rows, COUNTED), rule())
    stack = next(chart for section in page.sections for chart in section.charts if chart.name == "chart-energy-0")
    assert "MAC)" in stack.figure["layout"]["yaxis"]["title"]["text"]
    with pytest.raises(InputError, match="points count energy in pJ and in MACs"):
        sweep_page(ByHand([*rows, row(4, 0.25)], COUNTED), rule("energy-delay"))
    mixed = sweep_page(ByHand([*rows, row(4, 0.49, 1e8)], COUNTED), rule())
    assert mixed.answer.endswith("; 4 would be only 1.02\N{MULTIPLICATION SIGN} faster again.")
    points = next(table for section in mixed.sections for table in section.tables if table.name == "points")
    assert "pJ or MAC" in [column.unit for column in points.columns]
    names = [chart.name for section in mixed.sections for chart in section.charts]
    assert "chart-energy-0" not in names
    assert "chart-pareto" not in names
    nothing = [one | {"energy_pj": 0.0, "mac_pj": 0.0, "dram_pj": 0.0} for one in over({1: 1.0, 2: 0.5})]
    names = [c.name for s in sweep_page(ByHand(nothing, COUNTED), rule()).sections for c in s.charts]
    assert "chart-energy-0" not in names
