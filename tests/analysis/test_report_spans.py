"""Spans of layers: those of the trace, later for runs that come later, and in no plain value or table."""

from __future__ import annotations

import pytest

import ppsim
from ppsim.analysis.result import combined
from ppsim.engine.run import run
from ppsim.mapping.place import place


@pytest.mark.parametrize("accelerators", [1, 3])
@pytest.mark.parametrize("sharing", ["private", "shared"])
def test_spans_are_those_of_the_trace(accelerators: int, sharing: str) -> None:
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), accelerators)
    hardware = ppsim.load_system("tetris", accelerators=accelerators, set={"dram.sharing": sharing})
    program = place(net, hardware)
    trace = run(program)
    result = ppsim.simulate(net, hardware)
    by_name = {stage.name: number for number, stage in enumerate(program.stages)}
    for layer in result.layers:
        stage = by_name[layer.name]
        assert [span[0] for span in layer.spans] == list(trace.started[stage])
        assert [span[1] for span in layer.spans] == list(trace.finished[stage])
        assert [span[2] for span in layer.spans] == list(trace.delivered[stage])
        assert len(layer.spans) == accelerators
    assert max(span[2] for layer in result.layers for span in layer.spans) == trace.end_fs


def test_runs_that_come_later_have_later_spans() -> None:
    hardware = ppsim.load_system("tetris", accelerators=2)
    runs = [ppsim.simulate(ppsim.gemm(1, k, 64), hardware) for k in (64, 300, 90)]
    together = combined(runs)
    numbered = iter(together.layers)
    before = 0
    for one in runs:
        for layer in one.layers:
            for span, later in zip(layer.spans, next(numbered).spans, strict=True):
                assert later == tuple(time + before if time >= 0 else -1 for time in span)
        before += round(one.seconds * 1e15)
    assert max(span[2] for layer in together.layers for span in layer.spans) == before
    assert before / 1e15 == pytest.approx(together.seconds, rel=1e-12)


def test_what_never_happened_stays_so() -> None:
    """With more accelerators than parts some are idle."""
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 2, layers="fc6,fc8")
    hardware = ppsim.load_system("tetris", accelerators=3)
    scope = ppsim.compare(net, hardware).pruned_layers
    assert scope is not None
    idle = [span for layer in scope.result.layers for span in layer.spans if span[0] < 0]
    assert idle
    assert all(span[0] == -1 for span in idle)


def test_plain_values_and_tables_leave_them_out() -> None:
    result = ppsim.simulate(ppsim.gemm(1, 64, 64), ppsim.load_system("tetris", accelerators=2))
    assert all("spans" not in layer for layer in result.to_dict()["layers"])
    assert "spans" not in result.to_frame().columns
    assert "spans" not in repr(result)
