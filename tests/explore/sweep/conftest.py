"""A sweep that is over quickly, for tests of what is kept of it."""

from typing import Any

import pytest


@pytest.fixture
def small() -> dict[str, Any]:
    """Twelve points of the smallest network, four of which cannot be simulated."""
    return {
        "workload": "lenet300",
        "system": "tetris",
        "axes": {
            "parts": [1, 2, 400],  # 400 parts of 300 units there are not
            "dram.sharing": ["private", "shared"],
            "dram.bandwidth_gb_s": [8, 16.5],
        },
    }
