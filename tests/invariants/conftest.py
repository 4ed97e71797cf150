"""The strategies of tests/engine and tests/mapping draw what is simulated here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "mapping"))
sys.path.append(str(Path(__file__).parents[1]))  # tests/engine is a package
