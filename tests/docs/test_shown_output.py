"""What a page shows is held to what is printed: the yardstick itself."""

from __future__ import annotations

import pytest
from pages import Block, differences
from renew import renewed

PRINTED = "first  \n  second 1.00x\n\nthird 12,345\nfourth\n"


@pytest.mark.parametrize(
    "shown",
    [
        "first\n  second 1.00x\n\nthird 12,345\nfourth",
        "first\n...\nfourth",
        "first\n...",
        "...\nfourth",
        "...\nthird 12,345\n...",
        "first\n  second 1.00x\n...\nthird 12,345\n...\nfourth",
        "...",
    ],
)
def test_what_is_printed_passes(shown: str) -> None:
    assert differences(shown, PRINTED) is None


@pytest.mark.parametrize(
    "shown",
    [
        "first",
        "first\n  second 1.00x\n\nthird 12,345",
        "  second 1.00x\n...",
        "...\nthird 12,345",
        "first\n...\n  second 1.01x\n...",
        "...\nthird 12,345\n...\n  second 1.00x\n...",
        "...\nthird 12,345\n  second 1.00x\n...",
        "first\n  second 1.00x\nthird 12,345\nfourth",
        "first\n...\nfourth\n...\nfourth",
        "",
    ],
)
def test_what_is_not_printed_is_said(shown: str) -> None:
    assert "which is not printed there" in (differences(shown, PRINTED) or "")


def test_numbers_within_a_tolerance() -> None:
    shown = "first\nsecond    1.04x\n\nthird 12,000\nfourth"
    assert differences(shown, PRINTED)
    assert differences(shown, PRINTED, 0.05) is None
    assert differences(shown, PRINTED, 0.03)
    assert differences(shown.replace("x", "y"), PRINTED, 0.05)


def test_commands_of_a_block() -> None:
    text = "# a remark\nppsim list systems  # another\na && .venv/bin/ppsim run x \\\n    -s 'b c'\n"
    found = [(str(command), command.is_ppsim) for command in Block("p", 1, 4, "sh", text).commands()]
    assert found == [("ppsim list systems", True), ("a", False), (".venv/bin/ppsim run x -s 'b c'", True)]


def test_output_in_a_block_of_a_console() -> None:
    text = "$ ppsim one\nprints\nthis\n$ ppsim two \\\n  -s x\n"
    found = [(str(command), command.shown) for command in Block("p", 1, 5, "console", text).commands()]
    assert found == [("ppsim one", "prints\nthis"), ("ppsim two -s x", "")]


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ("first\nold", "first\n  second 1.00x\n\nthird 12,345\nfourth"),
        ("@@", "first\n  second 1.00x\n\nthird 12,345\nfourth"),
        ("first\n...\n@@ 4-", "first\n...\nthird 12,345\nfourth"),
        ("...\nthird 12,344\n...", "...\nthird 12,345\n..."),
        ("...\n  second 0.98x\n\n...\nforth", "...\n  second 1.00x\n\n...\nfourth"),
    ],
)
def test_renewed_output_passes(shown: str, wanted: str) -> None:
    assert renewed(shown, PRINTED) == wanted
    assert differences(wanted, PRINTED) is None
