"""Tables that notebooks show: well-formed, short, escaped, in units that people read."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

import ppsim
from ppsim.analysis.comparison import Comparison
from ppsim.analysis.notebook import MOST_LAYERS
from ppsim.analysis.quantities import plain, typeset

EVIL = "<script>alert('x')</script>&amp;"


class Tables(HTMLParser):
    """Rows of all tables, a list of cells each, and their captions; complains of tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += text
        if self.open and self.open[-1] == "caption":
            self.captions[-1] += text


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    net = ppsim.partition(ppsim.load_workload("lenet300"), 2)
    return ppsim.compare(net, ppsim.load_system("tetris", accelerators=2))


def test_a_result_is_a_row_for_each_layer_and_one_for_all(comparison: Comparison) -> None:
    result = comparison.result
    tables = Tables(result._repr_html_())
    heads, *rows, last = tables.rows
    assert [plain(head) for head in heads] == ["layer", "bound by", "cycles", "utilised", "DRAM", "links", "energy"]
    assert [row[0] for row in rows] == [layer.name for layer in result.layers]
    assert [row[2] for row in rows] == [f"{layer.cycles:,}" for layer in result.layers]
    assert last[0] == "all"
    assert last[2] == f"{result.cycles:,}"
    assert all(len(row) == len(heads) for row in tables.rows)
    (caption,) = tables.captions
    assert plain(caption).startswith("lenet300, 2 parts, batch 1, on tetris: 2 accelerators, private DRAM: ")
    assert plain(caption).endswith(("us, 21.8 uJ", "uJ"))
    assert plain(last[-1]).endswith(" uJ")


def test_a_comparison_is_a_row_for_each_baseline_and_the_run(comparison: Comparison) -> None:
    tables = Tables(comparison._repr_html_())
    heads, *rows = [[plain(cell) for cell in row] for row in tables.rows]
    assert heads == ["scope", "what ran", "time", "energy", "speedup", "energy reduction"]
    assert comparison.pruned_layers is not None
    expected = [
        (scope.scope.replace("-", " "), name)
        for scope in (comparison, comparison.pruned_layers)
        for name in (*scope.baselines, "this run")
    ]
    assert [tuple(row[:2]) for row in rows] == expected
    by_name = {tuple(row[:2]): row for row in rows}
    assert by_name["network", "this run"][4] == f"{comparison.speedup:.2f}x"
    assert by_name["network", "single-dense"][4:] == ["1.00x", "1.00x"]
    assert all(row[2].endswith((" us", " ns")) and row[3].endswith((" uJ", " nJ")) for row in rows)


def test_names_are_escaped(comparison: Comparison) -> None:
    layers = tuple(replace(layer, name=EVIL) for layer in comparison.result.layers)
    result = replace(comparison.result, workload=EVIL, system=EVIL, layers=layers)
    baselines = {EVIL: result, **comparison.baselines}
    for html in (result._repr_html_(), replace(comparison, result=result, baselines=baselines)._repr_html_()):
        tables = Tables(html)
        assert tables.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
        assert EVIL in tables.captions[0]
        assert any(EVIL in row for row in tables.rows)


def test_it_is_short() -> None:
    net = ppsim.load_workload("resnet50")
    result = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=1))
    tables = Tables(result._repr_html_())
    assert len(result.layers) > MOST_LAYERS
    assert len(tables.rows) == MOST_LAYERS + 2
    assert f"the {MOST_LAYERS} longest of {len(result.layers)} layers" in tables.captions[0]
    shown = {row[0] for row in tables.rows[1:-1]}
    assert max(result.layers, key=lambda layer: layer.cycles).name in shown
    order = [layer.name for layer in result.layers if layer.name in shown]
    assert [row[0] for row in tables.rows[1:-1]] == order


def test_energies_that_are_no_joules_are_none() -> None:
    hardware = ppsim.load_system("tetris", accelerators=1, set={"energy": "normalised"})
    result = ppsim.simulate(ppsim.gemm(1, 64, 64), hardware)
    tables = Tables(result._repr_html_())
    assert plain(tables.rows[-1][-1]).endswith("MAC")


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("1.23 us", "1.23\u00a0\u00b5s"),
        ("7.62x", "7.62\u00d7"),
        ("14 B", "14\u00a0B"),
        ("-3.1 %", "\u22123.1\u00a0%"),
        ("5 u", "5\u00a0u"),
    ],
)
def test_signs_of_paper(quantity: str, expected: str) -> None:
    assert typeset(quantity) == expected
    assert plain(expected) == quantity
