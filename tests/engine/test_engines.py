"""Which engine runs what; what they give is held together in test_equivalence."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import ppsim
from ppsim.engine import automatic
from ppsim.engine.compiled import running
from ppsim.engine.run import run
from ppsim.mapping.place import place
from ppsim.mapping.program import Program


@pytest.fixture
def not_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not used the compiled engine yet, and has handled no events."""
    monkeypatch.setattr(automatic._Handled, "events", 0)
    running._loop.cache_clear()
    automatic._installed.cache_clear()
    yield
    running._loop.cache_clear()
    automatic._installed.cache_clear()


def small(**fields: float) -> Program:
    system = ppsim.load_system("tetris", accelerators=2, set={key.replace("__", "."): v for key, v in fields.items()})
    return place(ppsim.load_workload("lenet300"), system)


def test_machine_code_is_loaded_once_it_pays(not_loaded, monkeypatch):
    program = small()
    assert run(program).shortcuts != {}
    assert not running.loaded()
    monkeypatch.setattr(automatic, "WORTH_LOADING", automatic._Handled.events + running.tiles_of(program) - 1)
    assert run(program).shortcuts == {}
    assert running.loaded()
    monkeypatch.setattr(automatic, "WORTH_LOADING", 10**12)
    assert run(program).shortcuts == {}


def test_without_the_extra(not_loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "ppsim.engine.compiled.loop", raising=False)
    monkeypatch.delattr("ppsim.engine.compiled.loop", raising=False)
    with pytest.raises(ppsim.InputError, match=r"^the compiled engine needs the package 'numba'; install it with: pip"):
        run(small(), "compiled")


def test_python_goes_on_where_it_is_not_installed(not_loaded, monkeypatch):
    monkeypatch.setattr(automatic, "find_spec", lambda name: None)
    monkeypatch.setattr(automatic, "WORTH_LOADING", 0)
    assert run(small()).shortcuts != {}


def test_beyond_64_bits():
    """8 MB at 1 kB/s take more than two hours, of which 64 bits hold 2 h 34 min, and a quarter of that is accepted."""
    slow = place(ppsim.gemm(1, 2000, 2000), ppsim.load_system("tetris", set={"dram.bandwidth_gb_s": 1e-6}))
    with pytest.raises(
        ppsim.InputError, match="may not fit 64-bit integers; accepted here: auto, shortcuts, reference"
    ):
        run(slow, "compiled")
    assert run(slow).end_fs == run(slow, "reference").end_fs


def test_more_tiles_than_memory_is_meant_for(monkeypatch):
    program = small()
    monkeypatch.setattr(running, "MOST_TILES", running.tiles_of(program) - 1)
    with pytest.raises(ppsim.InputError, match=r"more than [0-9,]+ tiles; accepted here"):
        run(program, "compiled")
    monkeypatch.setattr(running, "MOST_TILES", running.tiles_of(program))
    assert run(program, "compiled").end_fs == run(program, "reference").end_fs


def test_nothing_to_do_but_send():
    """No accelerator has work of its own: a network that only renames what it reads."""
    net = ppsim.LayerGraph("net", (4, 2, 2), (ppsim.workload.layers.Flatten(name="flatten"),))
    program = place(net, ppsim.load_system("tetris", accelerators=3))
    assert run(program, "compiled").delivered == run(program, "reference").delivered
