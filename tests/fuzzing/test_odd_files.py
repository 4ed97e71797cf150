"""What is no ordinary file where one is expected, for every reader: one line, at once, and nothing is waited for."""

from __future__ import annotations

import os
import shutil
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fuzzed_readers import READERS, Reader

from ppsim.errors import InputError


@pytest.fixture(autouse=True)
def _does_not_hang() -> Iterator[None]:
    signal.alarm(120)  # the test runner ends, with the name of the test
    yield
    signal.alarm(0)


def _hole(path: Path) -> None:
    path.write_bytes(b"format: x\n")
    os.truncate(path, 9 * 2**30)


ODD: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "an empty file": lambda path: path.write_bytes(b""),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "a pipe": os.mkfifo,
    "zeros without end": lambda path: path.symlink_to("/dev/zero"),
    "a file of gigabytes": _hole,
}


def refused(reader: Reader, path: Path) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            reader.read(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.opens])
def test_what_is_no_ordinary_file(name: str, odd: str, tmp_path: Path) -> None:
    path = tmp_path / READERS[name].opens
    ODD[odd](path)
    assert path.name in refused(READERS[name], path)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("inside", ["manifest.json", "journal.jsonl"])
def test_what_is_no_ordinary_file_of_a_sweep(inside: str, odd: str, tmp_path: Path) -> None:
    reader = READERS["folder of a sweep"]
    (files,) = reader.valid
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / inside).unlink()
    ODD[odd](tmp_path / inside)
    assert str(tmp_path) in refused(reader, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_names_that_no_file_has(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    for bad in ("a\0b", "x" * 5000, "a\nb", "no/such/folder"):
        refused(reader, tmp_path / f"{bad}{Path(reader.opens).suffix}")


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.opens])
def test_a_link_to_a_file_is_that_file(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "file").write_bytes(reader.valid[0][reader.opens])
    (tmp_path / reader.opens).symlink_to(place / "file")
    reader.use(reader.read(tmp_path / reader.opens))
    shutil.rmtree(place)
    refused(reader, tmp_path / reader.opens)
