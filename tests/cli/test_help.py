"""Help: it names all there is, and is quick."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from command_line import Capture, flowing, succeed

import ppsim
from ppsim.analysis.uncertainty import MOST_DRAWS
from ppsim.baselines import BASELINES, FEWEST
from ppsim.pruning.methods import METHODS
from ppsim.pruning.saliency import SALIENCIES

COMMANDS = ("reproduce", "run", "cost", "codesign", "compare-methods", "table", "gemm", "import", "prune", "sweep",
            "plot", "report", "accuracy", "validate", "list", "show")  # fmt: skip


def test_help_names_the_commands(capsys: Capture) -> None:
    for argv in ((), ("--help",)):
        out = succeed(capsys, *argv)
        assert all(f"\n  {command} " in out for command in COMMANDS)
        assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_fits(capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = succeed(capsys, command, "--help")
    assert max(len(line) for line in out.splitlines()) <= width
    assert f"Usage: ppsim {command} " in out


def test_help_names_all_baselines_and_bounds(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = flowing(succeed(capsys, "run", "--help")).replace("- ", "-")
    assert FEWEST == ("single-dense", "single-pruned")
    assert all(f" {name}{end}" in out for name, end in zip(BASELINES, [" and", ",", ",", ",", ",", "."], strict=True))
    assert f"[10<=x<={MOST_DRAWS}]" in out


def test_help_names_all_methods_and_saliencies(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = flowing(succeed(capsys, "prune", "--help"))
    assert all(re.search(rf"[ (]{name}[ ,.]", out) for name in (*METHODS, *SALIENCIES))


@pytest.mark.parametrize("argv", [[], ["--help"], ["--version"], ["run", "--help"], ["show", "--help"], ["nope"]])
def test_what_computes_nothing_loads_nothing_heavy(argv: list[str]) -> None:
    heavy = {"numpy", "matplotlib", "pandas", "networkx", "yaml", "ppsim.documents"}
    if argv in ([], ["--help"], ["--version"]):  # for a command typer itself takes pydantic to read its options
        heavy.add("pydantic")
    script = (
        f"import sys, ppsim.cli; ppsim.cli.main({argv}); "
        f"print('loaded', sorted({heavy} & set(sys.modules)), 'typer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded [] True"


def test_version_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "ppsim", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"ppsim {ppsim.__version__}\n"
