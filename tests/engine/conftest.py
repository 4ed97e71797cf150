from __future__ import annotations

import pytest

import ppsim
from ppsim.engine.run import run
from ppsim.mapping.place import place


@pytest.fixture(scope="session", autouse=True)
def machine_code():
    """The compiled engine, made before any example is timed."""
    run(place(ppsim.gemm(1, 1, 1), ppsim.load_system("tetris", accelerators=1)), "compiled")
