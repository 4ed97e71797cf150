"""Random networks and systems lie beside the engine's tests, which are a package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
