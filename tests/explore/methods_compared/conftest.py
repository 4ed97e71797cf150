"""Co-design chooses among few options here: its tables are most of what a comparison of small networks takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ppsim.explore.codesign import proposing, space


@pytest.fixture(scope="session", autouse=True)
def few_options() -> Iterator[None]:
    """Few widths, forms and measurements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "SHARES", (1, 3 / 4, 1 / 2, 1 / 4))
        patch.setattr(space, "RANKS", ())
        patch.setattr(space, "OTHERS", (1,))
        patch.setattr(proposing, "MEASUREMENTS", 4)
        yield
