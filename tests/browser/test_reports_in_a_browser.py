"""What people see who open a report: charts that are drawn, tables that sort, nothing cut off, nothing asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Opened
    from playwright.sync_api import Locator, Page

#: what a chart draws for its data: bars, markers and lines
MARKS = ".barlayer .point path, .scatterlayer .points path, .scatterlayer path.js-line"


def charts(page: Page) -> list[Locator]:
    return page.locator(".chart").all()


def boxes(chart: Locator, marks: str) -> list[dict[str, float]]:
    """Of the marks that can be seen, px in the window."""
    found: list[dict[str, float]] = chart.evaluate(
        """(chart, marks) => [...chart.querySelectorAll(marks)]
             .map((mark) => mark.getBoundingClientRect())
             .filter((box) => Math.max(box.width, box.height) >= 2)
             .map((box) => ({ x: box.x, y: box.y, width: box.width, height: box.height }))""",
        marks,
    )
    return found


def test_it_asks_for_nothing_and_complains_of_nothing(opened: Opened, report: Path) -> None:
    opened.page.wait_for_timeout(300)
    assert opened.said == []
    assert opened.failed == []
    assert [url for url in opened.asked if not url.startswith(("data:", "blob:"))] == [report.as_uri()]


def test_every_chart_is_drawn(opened: Opened) -> None:
    found = charts(opened.page)
    assert len(found) >= 4
    for chart in found:
        name = chart.get_attribute("id")
        (box,) = boxes(chart.locator(".."), ".chart")
        marks = boxes(chart, MARKS)
        assert marks, name
        for mark in marks:  # inside the chart, but for what is cut at the edges of its axes
            assert mark["x"] >= box["x"] - 20, name
            assert mark["x"] + mark["width"] <= box["x"] + box["width"] + 20, name


def test_no_text_of_a_chart_is_cut_off(opened: Opened) -> None:
    for chart in charts(opened.page):
        cut = chart.evaluate(
            """chart => {
              const box = chart.getBoundingClientRect();
              return [...chart.querySelectorAll(".main-svg text")]
                .map((text) => [text.textContent, text.getBoundingClientRect()])
                .filter(([said, at]) => said && at.width > 0)
                .filter(([_, at]) => at.left < box.left - 1 || at.right > box.right + 1 ||
                                     at.top < box.top - 1 || at.bottom > box.bottom + 1)
                .map(([said]) => said);
            }"""
        )
        assert cut == [], chart.get_attribute("id")


def test_labels_of_axes_do_not_overlap(opened: Opened) -> None:
    for chart in charts(opened.page):
        overlapping = chart.evaluate(
            """chart => {
              const found = [];
              for (const kind of [".xtick text", ".ytick text"]) {
                const title = kind === ".xtick text" ? ".xtitle" : ".ytitle";
                const boxes = [...chart.querySelectorAll(kind), ...chart.querySelectorAll(title)]
                  .filter((text) => text.textContent.trim())
                  .map((text) => [text.textContent, text.getBoundingClientRect()]);
                boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
                  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                  if (across > 1 && down > 2) found.push(`${one} | ${other}`);
                }));
              }
              return found;
            }"""
        )
        assert overlapping == [], chart.get_attribute("id")


def test_the_page_does_not_scroll_sideways(opened: Opened) -> None:
    assert opened.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    widths = opened.page.evaluate(
        """[...document.querySelectorAll("h1, h2, h3, p, li, dl, figure, .scroll, nav")]
           .map((one) => one.getBoundingClientRect()).filter((box) => box.right > window.innerWidth + 0.5).length"""
    )
    assert widths == 0


def test_pointing_at_a_mark_shows_its_values(opened: Opened) -> None:
    for chart in charts(opened.page):
        name = chart.get_attribute("id")
        chart.scroll_into_view_if_needed()
        marks = boxes(chart, ".barlayer .point path, .scatterlayer .points path")
        largest = max(marks, key=lambda mark: mark["width"] * mark["height"])
        opened.page.mouse.move(0, 0)
        opened.page.mouse.move(largest["x"] + largest["width"] / 2, largest["y"] + largest["height"] / 2)
        shown = chart.locator(".hoverlayer .hovertext")
        shown.first.wait_for(timeout=3000)
        said = shown.first.text_content() or ""
        assert re.search(r"\d", said), name
        assert "<" not in said, name


def values(table: Locator, column: int) -> list[float | None]:
    found: list[float | None] = table.evaluate(
        """(table, column) => [...table.tBodies[0].rows].map((row) => {
             const number = row.cells[column].dataset.number;
             return number === undefined ? null : Number(number);
           })""",
        column,
    )
    return found


def in_order(found: list[Any], down: bool) -> bool:
    """Sorted, with what is missing at the end."""
    there = [value for value in found if value is not None]
    return found == sorted(there, reverse=down) + [None] * (len(found) - len(there))


def test_tables_sort_by_number_both_ways(opened: Opened) -> None:
    tables = opened.page.locator("table").all()
    assert len(tables) >= 2
    changed = 0
    for table in tables:
        rows = table.locator("tbody tr").count()
        heads = table.locator("th").all()
        for column, head in enumerate(heads):
            before = table.locator("tbody").text_content()
            numeric = "number" in (head.get_attribute("class") or "")
            for down in (False, True):
                head.locator("button").click()
                assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
                assert table.locator("th[aria-sort]").count() == 1
                if numeric:
                    assert in_order(values(table, column), down)
                changed += table.locator("tbody").text_content() != before
            assert table.locator("tbody tr").count() == rows
    assert changed > 5


def test_tables_sort_by_keyboard(opened: Opened) -> None:
    table = opened.page.locator("#table-layers")
    column = next(
        number
        for number, head in enumerate(table.locator("th").all())
        if (head.text_content() or "").startswith("time")
    )
    button = table.locator("th").nth(column).locator("button")
    button.focus()
    for key, down in (("Enter", False), ("Space", True)):
        opened.page.keyboard.press(key)
        assert in_order(values(table, column), down)
    found = values(table, column)
    assert [str(value) for value in found] != sorted(map(str, found), reverse=True)  # as numbers, not as words


def test_the_answer_is_on_the_first_screen(opened: Opened) -> None:
    box = opened.page.locator(".sentence").bounding_box()
    size = opened.page.viewport_size
    assert box
    assert size
    assert box["y"] + box["height"] < size["height"]
    assert len(opened.page.locator(".sentence").text_content() or "") > 40


@pytest.mark.parametrize("report", ["sweep"], indirect=True)
def test_what_failed_is_told(opened: Opened) -> None:
    errors = opened.page.locator("#table-failed tbody tr")
    assert errors.count() == 8
    assert "fits the scratchpad" in (errors.first.text_content() or "")


def test_it_prints(opened: Opened) -> None:
    """Charts fit the paper, and are as wide as the screen again afterwards."""
    chart = opened.page.locator(".chart").first
    width = chart.locator(".main-svg").first.evaluate("svg => svg.getBoundingClientRect().width")
    content = opened.page.pdf(format="A4")
    assert content.startswith(b"%PDF")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.page.wait_for_function("document.querySelector('.chart .main-svg').getBoundingClientRect().width === 640")
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    opened.page.wait_for_function(
        "width => Math.abs(document.querySelector('.chart .main-svg').getBoundingClientRect().width - width) < 2",
        arg=width,
    )
    assert opened.said == []
