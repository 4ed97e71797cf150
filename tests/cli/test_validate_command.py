"""`ppsim validate`: a table, an exit code, JSON and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Capture, refused, row_of, succeed

from ppsim.cli import main
from ppsim.validation.contract import Case, Check
from ppsim.validation.references import REFERENCES


def wrong():
    yield Check(
        "a rumour", "cycles", (Case("a layer", 100, 120, "cycles"),), "hearsay", "formula", "none", max_bound=0.1
    )
    yield Check("a rumour", "joules", (Case("a layer", 0, 1, "J"),), "hearsay", "formula", "none")


def test_a_table(capsys: Capture) -> None:
    out = succeed(capsys, "validate", "--only", "scale-sim", "--only", "astra-sim")
    assert row_of(out, "scale-sim") == ["scale-sim", "compute", "cycles", "simulated", "72", "0", "0", "exact", "held"]
    assert "astra-sim" in out
    assert "floors" not in out
    assert "5 of 5 bounds hold" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_broken_bound(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(REFERENCES, "rumours", wrong)
    file = tmp_path / "v.json"
    assert main(["validate", "--only", "rumours", "--only", "scale-sim", "--json", str(file)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "a rumour cycles formula 1 20 % 20 % max. 10 % BROKEN" in out
    assert "a rumour joules formula 1 infinite infinite none -" in out
    assert "4 of 5 bounds hold" in out
    assert "worst: a layer: expected 100, modelled 120 cycles" in out
    document = json.loads(file.read_text())
    assert document["holds"] is False
    broken, reported = (check for check in document["checks"] if check["reference"] == "a rumour")
    assert (broken["holds"], broken["max_error"], broken["cases"][0]["modelled"]) == (False, pytest.approx(0.2), 120)
    assert (reported["holds"], reported["max_error"], reported["max_bound"]) == (True, None, None)


def test_json_to_stdout(capsys: Capture) -> None:
    assert main(["validate", "--only", "npu", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    (check,) = json.loads(out)["checks"]
    assert check["cases"][0]["expected"] == 133_680
    assert "npu" in err


def test_a_page(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says of every number where it is from; docs/fidelity.md is one, held to what is computed elsewhere."""
    file = tmp_path / "page.md"
    few = {name: REFERENCES[name] for name in ("tpu-v4", "tpu-v1")}
    monkeypatch.setattr("ppsim.validation.validate.REFERENCES", few)
    out = succeed(capsys, "validate", "--page", str(file))
    assert f"Written: {file}" in "".join(out.splitlines())
    text = file.read_text()
    assert "Expected (unverified): Jouppi et al., ISCA 2017" in text
    assert "## What is not modelled" in text
    assert "{" not in text


def test_refusals(capsys: Capture, tmp_path: Path) -> None:
    assert "reference 'tpu' is unknown; known: pe-level, " in refused(capsys, "validate", "--only", "tpu")
    page = str(tmp_path / "page.md")
    assert "--page is about all references; leave --only out" in refused(
        capsys, "validate", "--only", "npu", "--page", page
    )
    assert "--page -: give the name of a file" in refused(capsys, "validate", "--page", "-")
    assert "is a folder" in refused(capsys, "validate", "--page", str(tmp_path))
    assert "there is no folder" in refused(capsys, "validate", "--json", str(tmp_path / "no" / "v.json"))
    assert "would be written over" in refused(capsys, "validate", "--page", page, "--json", page)
    assert not list(tmp_path.iterdir())
