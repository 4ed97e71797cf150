"""Results and comparisons as small HTML tables, which notebooks show in place of a `repr`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from ppsim.analysis.layer_cells import LAYER_HEADS, layer_cells
from ppsim.analysis.quantities import energy, si, times, typeset

if TYPE_CHECKING:
    from ppsim.analysis.comparison import Comparison
    from ppsim.analysis.result import Result

#: layers that a table shows; of more, those that take longest
MOST_LAYERS = 24
LEFT, RIGHT = "text-align:left", "text-align:right"


def result_html(result: Result) -> str:
    """What ran and what it took, and a row for each layer."""
    layers = result.layers
    if len(layers) > MOST_LAYERS:
        longest = sorted(layers, key=lambda layer: -layer.cycles)[:MOST_LAYERS]
        layers = tuple(layer for layer in layers if any(layer is one for one in longest))
    rows = [layer_cells(layer, result.energy_unit) for layer in layers]
    all_in_all = (
        "all",
        "",
        f"{result.cycles:,}",
        "",
        si(result.dram_bytes, "B"),
        si(result.link_bytes, "B"),
        energy(result.energy_pj, result.energy_unit),
    )
    left_out = len(result.layers) - len(layers)
    note = f"; the {MOST_LAYERS} longest of {len(result.layers)} layers" if left_out else ""
    took = f"{typeset(si(result.seconds, 's'))}, {typeset(energy(result.energy_pj, result.energy_unit))}"
    return _table(f"{_what(result)}: {took}{note}", LAYER_HEADS, [*rows, all_in_all], words=2)


def comparison_html(comparison: Comparison) -> str:
    """The run and its baselines: time, energy, and both against the unpruned network on one accelerator."""
    scopes = [comparison, *([comparison.pruned_layers] if comparison.pruned_layers else [])]
    rows = []
    for scope in scopes:
        where = scope.scope.replace("-", " ")
        for name, run in scope.baselines.items():
            ratios = times(scope.speedup_of(name)), times(scope.energy_reduction_of(name))
            rows.append((where, name, *_took(run), *ratios))
        rows.append((where, "this run", *_took(scope.result), times(scope.speedup), times(scope.energy_reduction)))
    heads = ("scope", "what ran", "time", "energy", "speedup", "energy reduction")
    return _table(f"{_what(comparison.result)}, against single-dense", heads, rows, words=2)


def _took(result: Result) -> tuple[str, str]:
    return si(result.seconds, "s"), energy(result.energy_pj, result.energy_unit)


def _what(result: Result) -> str:
    parts = f"{result.parts} parts" if result.parts > 1 else "not partitioned"
    count = result.accelerators
    where = "1 accelerator" if count == 1 else f"{count} accelerators, {result.dram} DRAM"
    return f"{result.workload}, {parts}, batch {result.batch}, on {result.system}: {where}"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """The first `words` columns are words; the others are quantities, aligned at their right."""

    def row(cells: Sequence[str], tag: str) -> str:
        written = (
            f'<{tag} style="{LEFT if number < words else RIGHT}">'
            f"{escape(cell if number < words else typeset(cell))}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{''.join(written)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return (
        f'<table class="ppsim"><caption style="{LEFT}">{escape(caption)}</caption>'
        f"<thead>{row(heads, 'th')}</thead><tbody>{body}</tbody></table>"
    )
