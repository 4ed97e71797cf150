"""`ppsim report`: what it writes and prints, of a sweep and of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, flowing, refused, succeed

import ppsim
from ppsim.analysis.quantities import plain
from ppsim.analysis.report.study import study
from ppsim.analysis.report.worth import RULES


@pytest.fixture
def swept(network: str, tmp_path: Path) -> Path:
    """The folder of a small sweep."""
    place = tmp_path / "swept"
    spec = {
        "workload": network,
        "system": "tetris",
        "axes": {"parts, accelerators": [1, 2, 4], "dram.sharing": ["private", "shared"]},
    }
    list(ppsim.sweep(spec, place, executor=ppsim.Serial()))
    return place


@pytest.fixture
def result(capsys: Capture, network: str, tmp_path: Path) -> Path:
    """What `ppsim run --json` writes."""
    path = tmp_path / "run.json"
    succeed(capsys, "run", network, "-s", "tetris", "-p", "2", "--json", str(path))
    return path


def test_a_sweep_is_answered(capsys: Capture, swept: Path) -> None:
    out = flowing(succeed(capsys, "report", str(swept)))
    target = swept / "report.html"
    assert out.startswith("At least 4 accelerators are worth it with private DRAM, and no more were simulated: ")
    assert " With shared DRAM, at least 4 are worth it, and no more were simulated: " in out
    assert "The rule (marginal): More accelerators are worth it as long as " in out
    assert out.endswith(f"Report: {target}")
    html = target.read_text(encoding="utf-8")
    sentence = html.partition('<p class="sentence">')[2].partition("</p>")[0]
    assert plain(sentence) in out
    assert out.isascii()
    assert html.count("<html") == 1
    before = target.read_bytes()
    succeed(capsys, "report", str(swept))
    assert target.read_bytes() == before


def test_the_rule_and_the_point_can_be_chosen(capsys: Capture, swept: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    for name in RULES:
        out = flowing(succeed(capsys, "report", str(swept), "-o", str(target), "--rule", name))
        assert f"The rule ({name}): " in out
    out = flowing(succeed(capsys, "report", str(swept), "-o", str(target), "--worth", "0.9", "--point", "1"))
    assert "at least 90 %" in out
    assert "Point 1 in full" in target.read_text(encoding="utf-8")
    assert not (swept / "report.html").exists()


def test_a_run_is_reported_on(capsys: Capture, result: Path) -> None:
    out = flowing(succeed(capsys, "report", str(result)))
    target = result.with_suffix(".html")
    assert out.startswith("Cut into 2 parts, on 2 accelerators with private DRAM, the network takes ")
    assert out.endswith(f"Report: {target}")
    html = target.read_text(encoding="utf-8")
    document = json.loads(result.read_text())
    assert document["format"] == "ppsim-result/1"
    assert document["provenance"]["code_sha256"] in html
    assert all(layer["spans"] for layer in document["layers"])
    for line in document["assumptions"]:
        assert line.replace("'", "&#39;") in html


def test_what_a_run_came_from_is_kept(capsys: Capture, network: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    options = (
        "--batch",
        "3",
        "--set",
        "dram.latency_ns=7",
        "--energy",
        "eyeriss-65nm",
        "--uncertainty",
        "--draws",
        "10",
    )
    succeed(capsys, "run", network, "-s", "tetris", "-p", "2", *options, "--json", str(path))
    found = json.loads(path.read_text())["provenance"]
    assert found["ppsim"] == ppsim.__version__
    assert list(found["inputs_sha256"]) == [network]
    asked = {"workload": network, "system": "tetris", "parts": 2, "batch": 3, "energy": "eyeriss-65nm"}
    assert found["asked"] == asked | {"dram.latency_ns": 7}
    succeed(capsys, "report", str(path))
    html = path.with_suffix(".html").read_text(encoding="utf-8")
    assert "dram.latency_ns: 7" in html


def test_what_cannot_be_used_is_one_line(capsys: Capture, swept: Path, result: Path, tmp_path: Path) -> None:
    assert refused(capsys, "report", str(tmp_path / "nothing.json")).startswith(f"{tmp_path / 'nothing.json'}: ")
    assert "manifest.json is missing" in refused(capsys, "report", str(tmp_path))
    text = tmp_path / "text.json"
    text.write_text("{}")
    assert refused(capsys, "report", str(text)) == f"{text}: format: must be 'ppsim-result/1'"
    assert "would be written over" in refused(capsys, "report", str(result), "-o", str(result))
    assert "there is no folder" in refused(capsys, "report", str(result), "-o", str(tmp_path / "no" / "page.html"))
    assert "is a folder" in refused(capsys, "report", str(swept), "-o", str(tmp_path))
    for option in (("--rule", "marginal"), ("--worth", "0.4"), ("--point", "1")):
        assert "is no folder of a sweep" in refused(capsys, "report", str(result), *option)
    assert "rule 'best' is unknown" in refused(capsys, "report", str(swept), "--rule", "best")
    assert "accepted: above 0, up to 1" in refused(capsys, "report", str(swept), "--worth", "1.5")
    assert "takes no share" in refused(capsys, "report", str(swept), "--rule", "energy-delay", "--worth", "0.5")
    assert "point 6 is none of the 6" in refused(capsys, "report", str(swept), "--point", "6")
    assert not list(tmp_path.glob("*.html"))
    assert not list(swept.glob("*.html"))


def test_an_html_file_is_no_result(capsys: Capture, result: Path) -> None:
    """The page has the name of the result but for its end: it is not read as one, and not written over itself."""
    succeed(capsys, "report", str(result))
    page = result.with_suffix(".html")
    assert "would be written over" in refused(capsys, "report", str(page))


def test_the_sweep_of_these_tests_has_what_reports_read(swept: Path) -> None:
    found = study(ppsim.load_sweep(swept))
    assert found.counted == "accelerators"
    assert found.cased == ("dram.sharing",)
    assert found.others == ()
    assert len(found.points) == 6
