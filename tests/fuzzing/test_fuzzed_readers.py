"""Every reader takes a file or refuses it in one line, quickly and in little memory: a few inputs of each in every run.

`record.py` gives them many, at random.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fuzzed_readers import READERS
from hypothesis import HealthCheck, given, settings
from trying import tried

EACH = 600


@pytest.mark.parametrize("name", READERS)
def test_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    for files in reader.valid:
        found = tried(reader, files, tmp_path)
        assert (found.accepted, found.fault) == (True, None), found.said

    @settings(max_examples=EACH, suppress_health_check=list(HealthCheck))
    @given(reader.files)
    def of_any_content(files: Any) -> None:
        assert tried(reader, files, tmp_path).fault is None

    of_any_content()
