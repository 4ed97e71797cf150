"""Runs as reports take them: made of a comparison, or read from a file that somebody may have meddled with."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_sweeps import small_comparison

import ppsim
from ppsim import InputError
from ppsim.analysis.quantities import plain
from ppsim.analysis.report.run import FORMAT, MAX_BYTES, MOST_ACCELERATORS, document_of, read_run, run_of
from ppsim.analysis.report.run_page import answer_of
from ppsim.analysis.report.timeline import timeline

Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    return json.loads(json.dumps(document_of(small_comparison())))  # type: ignore[no-any-return]


def written(document: Any, folder: Path) -> Path:
    path = folder / "run.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_a_file_holds_what_a_comparison_does(document: Document, tmp_path: Path) -> None:
    comparison = small_comparison()
    run = read_run(written(document, tmp_path))
    assert run == run_of(comparison)
    assert document["format"] == FORMAT == "ppsim-result/1"
    assert (run.speedup, run.energy_reduction) == (comparison.speedup, comparison.energy_reduction)
    assert [layer.spans for layer in run.layers] == [layer.spans for layer in comparison.result.layers]
    assert run.pruned_layers is not None
    assert comparison.pruned_layers is not None
    assert run.pruned_layers.speedup == comparison.pruned_layers.speedup
    assert run.assumptions == comparison.result.assumptions
    for baseline in run.against("network"):
        assert baseline.energy == comparison.baselines[baseline.baseline].energy
    for scope in run.scopes:
        factors = run.factors[scope.scope]
        assert factors is not None
        assert factors.speedup == pytest.approx(scope.speedup, rel=1e-12)


def test_keys_that_are_not_known_are_left_out(document: Document, tmp_path: Path) -> None:
    document["trace"] = "run.trace"
    document["layers"][0]["colour"] = "red"
    assert read_run(written(document, tmp_path)) == run_of(small_comparison())


def test_many_accelerators_are_cut_off_and_that_is_said() -> None:
    count = MOST_ACCELERATORS + 2
    net = ppsim.partition(ppsim.gemm(1, 660, 660), count, layers="*")
    comparison = ppsim.compare(net, ppsim.load_system("tetris", accelerators=count), baselines=[])
    assert all(len(layer["spans"]) == MOST_ACCELERATORS for layer in document_of(comparison)["layers"])
    chart = timeline(run_of(comparison))
    assert chart is not None
    assert f"{MOST_ACCELERATORS} of {count} accelerators are shown." in chart.caption


def test_times_too_long_for_a_document_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppsim.analysis.report.run.LONGEST_FS", 1000)
    run = run_of(small_comparison())
    assert not any(layer.spans for layer in run.layers)
    assert timeline(run) is None


def broken(change: Callable[[Document], Any]) -> Callable[[Document], Document]:
    def apply(document: Document) -> Document:
        change(document)
        return document

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken(lambda d: d.pop("format")), "format: must be 'ppsim-result/1'"),
        (broken(lambda d: d.update(format="ppsim-result/2")), "format: must be 'ppsim-result/1'"),
        (broken(lambda d: d.pop("seconds")), "seconds: "),
        (broken(lambda d: d.update(seconds=-1)), "seconds: "),
        (broken(lambda d: d.update(seconds=0)), "seconds: "),
        (broken(lambda d: d.update(seconds=float("nan"))), "seconds: "),
        (broken(lambda d: d.update(energy_pj=float("inf"))), "energy_pj: "),
        (broken(lambda d: d.update(speedup="8")), "speedup: "),
        (broken(lambda d: d.update(accelerators=True)), "accelerators: "),
        (broken(lambda d: d.update(accelerators=10**9)), "accelerators: "),
        (broken(lambda d: d.update(workload="w" * 10_000)), "workload: "),
        (broken(lambda d: d.update(dram="mine")), "dram: "),
        (broken(lambda d: d.update(energy_unit="kWh")), "energy_unit: "),
        (broken(lambda d: d.update(layers={})), "layers: "),
        (broken(lambda d: d.update(layers=[3])), "layers.0: "),
        (broken(lambda d: d.update(layers=[d["layers"][0]] * 10_001)), "layers: "),
        (broken(lambda d: d["layers"][1].pop("cycles")), "layers.1.cycles: "),
        (broken(lambda d: d["layers"][1]["energy"].update(magic=1.0)), "layers.1: energy: 'magic' is no component"),
        (broken(lambda d: d["energy"].update(magic=1.0)), "energy: 'magic' is no component"),
        (broken(lambda d: d["layers"][1].update(spans=[[0, 1, 2]])), "layers.1.spans: 1 spans; accepted: 3"),
        (broken(lambda d: d["layers"][1]["spans"].__setitem__(0, [5, 4, 9])), "layers.1.spans: started 5, finished 4"),
        (broken(lambda d: d["layers"][1]["spans"].__setitem__(0, [0, 1])), "layers.1.spans.0.2: "),
        (broken(lambda d: d["layers"][1]["spans"].__setitem__(0, [-2, 1, 2])), "layers.1.spans.0.0: "),
        (broken(lambda d: d["layers"][1]["spans"].__setitem__(0, [0.5, 1, 2])), "layers.1.spans.0.0: "),
        (broken(lambda d: d["layers"][1]["spans"].__setitem__(0, [0, 1, 10**30])), "layers.1.spans.0.2: "),
        (broken(lambda d: d["factors"].update(network=3)), "factors.network: "),
        (broken(lambda d: d.update(assumptions=["a" * 10_000])), "assumptions.0: "),
        (lambda d: "[1, 2", "is not valid JSON"),
        (lambda d: "[" * 1000 + "]" * 1000, "nested more than 32 deep"),
        (lambda d: "[]", "holds no mapping"),
        (lambda d: json.dumps(d).replace('"cycles"', '"cycles": 1, "cycles"', 1), "the key 'cycles' stands twice"),
    ],
)
def test_what_is_wrong_is_one_line(
    document: Document, tmp_path: Path, change: Callable[[Document], Any], message: str
) -> None:
    path = written(change(document), tmp_path)
    with pytest.raises(InputError) as caught:
        read_run(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said
    assert len(said) < 500 + len(str(path))


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_run(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="is a folder"):
        read_run(tmp_path)
    path = tmp_path / "bytes.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_run(path)
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=f"ppsim-result/1 files go up to {MAX_BYTES}"):
        read_run(path)


def test_the_answer_of_a_run() -> None:
    cut = plain(answer_of(run_of(small_comparison())))
    assert cut.startswith("Cut into 3 parts, on 3 accelerators with private DRAM, the network takes ")
    assert "x less energy than the unpruned network on one. The pruned layers alone: " in cut
    net = ppsim.gemm(1, 600, 400)
    whole = plain(answer_of(run_of(ppsim.compare(net, ppsim.load_system("tetris", accelerators=3)))))
    assert whole.startswith("Unpruned, on 3 accelerators with private DRAM, the network takes ")
    assert " than the same network on one" in whole
    assert "pruned layers" not in whole
    one = plain(answer_of(run_of(ppsim.compare(net, ppsim.load_system("tetris", accelerators=1)))))
    assert one.startswith("gemm-1x600x400, unpruned on one accelerator, takes ")


def test_the_timeline_has_a_bar_for_each_layer_on_each_accelerator() -> None:
    run = run_of(small_comparison())
    chart = timeline(run)
    assert chart is not None
    by_name = {trace["name"]: trace for trace in chart.figure["data"]}
    works = by_name["works on a layer"]
    drawn = {
        (round(y), text.partition("</b>")[0].removeprefix("<b>"))
        for y, text in zip(works["y"], works["hovertext"], strict=True)
    }
    assert drawn == {
        (a, layer.name) for layer in run.layers for a, (started, _, _) in enumerate(layer.spans) if started >= 0
    }
    end = max(delivered for layer in run.layers for _, _, delivered in layer.spans)
    high = chart.figure["layout"]["xaxis"]["range"][1]
    assert high > 0
    for trace in chart.figure["data"]:
        ends = [base + length for base, length in zip(trace["base"], trace["x"], strict=True)]
        assert max(ends) <= high * (1 + 1e-12)
        assert min(trace["x"]) > 0
    # bars of work on an accelerator do not overlap
    for a in range(run.accelerators):
        spans = sorted(
            (base, base + length)
            for y, base, length in zip(works["y"], works["base"], works["x"], strict=True)
            if round(y) == a
        )
        assert all(later[0] >= earlier[1] - 1e-9 * high for earlier, later in pairwise(spans))
    assert run.seconds == end / 1e15
