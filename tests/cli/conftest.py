"""What tests of the command line share: a console of the usual width, small networks here and as in tests/pruning."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "pruning"))

NETWORK = """
format: ppsim-workload/1
name: two-layers
input: [512]
layers:
  - {name: fc6, type: linear, out_features: 256}
  - {name: relu6, type: elementwise, op: relu}
  - {name: fc7, type: linear, out_features: 96}
"""


@pytest.fixture(autouse=True)
def usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test runners may say how wide their own terminal is."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def network(tmp_path: Path) -> str:
    """The file of a network of two layers."""
    path = tmp_path / "two-layers.yaml"
    path.write_text(NETWORK)
    return str(path)
