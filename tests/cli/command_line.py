"""Commands as a user gives them, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ppsim.cli import main

Capture = pytest.CaptureFixture[str]


def succeed(capsys: Capture, *argv: str) -> str:
    """What a command prints; it says nothing on stderr."""
    code = main(argv)
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return captured.out


def numbers(capsys: Capture, *argv: str) -> tuple[dict[str, Any], str]:
    """The JSON that a command writes to stdout, and the tables it then has on stderr."""
    assert main([*argv, "--json", "-"]) == 0
    captured = capsys.readouterr()
    document: dict[str, Any] = json.loads(captured.out)
    return document, captured.err


def refused(capsys: Capture, *argv: str) -> str:
    """The one line about input that cannot be used."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    return captured.err.removeprefix("error: ").rstrip("\n")


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def row_of(out: str, first: str) -> list[str]:
    """The words of the first line that begins with a word."""
    return next(line.split() for line in out.splitlines() if line.split()[:1] == [first])


def flowing(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def widest(out: str) -> int:
    return max(len(line) for line in out.splitlines())
