"""Every command that README and the documentation show is run, and prints what they show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from pages import DOCS, Page, differences, pages
from running import COMMANDS, ELSEWHERE, OTHERS, OWN_TEST, PYTHON, Run

from ppsim.cli import app, main

PAGES = pages()
BY_NAME = {page.name: page for page in PAGES}
GROUP = typer.main.get_command(app)
#: languages of blocks that are looked at here, and those that are not run
RUN, NOT_RUN = {"sh", "console", "python", "text"}, {"yaml", "json", "bibtex"}
#: options that pages name and that are other programs'
FOREIGN = {"--quiet"}


@pytest.fixture(autouse=True)
def usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
def test_what_a_page_shows(page: Page, tmp_path: Path) -> None:
    for shown in Run(page, tmp_path).outputs():
        if shown.tolerance is not None:
            wrong = differences(shown.text, shown.printed, shown.tolerance)
            assert not wrong, f"{shown.block}: output of line {shown.of.line}: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
def test_commands_have_known_options(page: Page) -> None:
    """Also those that are not run as they stand."""
    for block, command in page.commands():
        if command.is_ppsim and command.words[1:2] != ("--help",):
            name, *arguments = command.words[1:]
            known = GROUP.commands.get(name)  # type: ignore[attr-defined]
            assert known, f"{block}: {command}: no command {name}"
            try:
                known.make_context(name, arguments, resilient_parsing="--help" in arguments)
            except typer.TyperException as error:
                pytest.fail(f"{block}: {command}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
def test_prose_names_known_commands_and_options(page: Page) -> None:
    code = re.findall(r"`([^`]+)`", page.prose)
    assert {option for text in code for option in re.findall(r"--[a-z][\w-]*", text)} <= options() | FOREIGN
    commands = {name for text in code for name in re.findall(r"^ppsim ([a-z]+(?:-[a-z]+)*)", text)}
    assert commands <= set(GROUP.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
def test_nothing_escapes(page: Page) -> None:
    """Commands stand in blocks that are run, and nowhere else."""
    indented = [line for line in page.prose.split("\n") if re.match(r"( {4,}|\t)\s*(\$ )?ppsim ", line)]
    assert not indented, f"{page.name}: put it between ```sh and ```: {indented}"
    for block in page.blocks:
        language = block.language
        assert language in RUN | NOT_RUN or language.startswith("{"), f"{block}: ```{language} is in no table"
        if language in NOT_RUN or language.startswith("{"):
            assert not re.search(r"^(\$ )?ppsim ", block.text, re.MULTILINE), f"{block}: a command in ```{language}"


def test_every_command_has_a_page() -> None:
    pages = {path.stem for path in (DOCS / "commands").glob("*.md")}
    assert pages == set(GROUP.commands)  # type: ignore[attr-defined]
    for name in pages:
        shown = [command for _, command in BY_NAME[f"docs/commands/{name}.md"].commands()]
        assert any(command.words[1:2] == (name,) for command in shown), f"its page does not show ppsim {name}"


def test_tables_name_what_pages_show() -> None:
    """Nothing stands in them that no page has any more."""
    shown = {(page.name, str(command)) for page in PAGES for _, command in page.commands()}
    commands = {command for _, command in shown}
    assert set(COMMANDS) <= commands
    assert {other for other in OTHERS if not any(command.startswith(other) for command in commands)} == set()
    assert set(ELSEWHERE) <= shown
    for (_, command), page in ELSEWHERE.items():
        same = {str(other).removeprefix(".venv/bin/") for of, other in shown if of == page}
        assert command.removeprefix(".venv/bin/") in same
    blocks = {page.name: sum(block.language == "python" for block in page.blocks) for page in PAGES}
    assert all(number < blocks[page] for page, number in PYTHON)
    assert all((DOCS.parent / test).is_file() for test in OWN_TEST.values())
    for instead in COMMANDS.values():
        assert instead.run is None or shlex.split(instead.run)[0] == "ppsim"


def options() -> set[str]:
    """Those of all commands."""
    every = [GROUP, *GROUP.commands.values()]  # type: ignore[attr-defined]
    known = {name for one in every for option in one.params for name in (*option.opts, *option.secondary_opts)}
    return known | {"--help"}


def test_help_and_its_own_commands_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """What is taken for all commands above is what a user is told of."""
    assert main(["--help"]) == 0
    named = re.findall(r"^  ([a-z-]+) ", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    assert named == list(GROUP.commands)  # type: ignore[attr-defined]
