"""Small networks as in tests/pruning."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "pruning"))
