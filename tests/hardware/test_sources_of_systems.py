"""Numbers of shipped systems say where they come from."""

import pytest
import yaml
from test_system_documents import SHIPPED, text_of


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_of_a_shipped_system_has_a_source(name):
    """A number is covered by a source for its path or for the mapping it stands in."""
    document = yaml.safe_load(text_of(name))
    sources = document.pop("sources")
    assert all(len(source) > 6 for source in sources.values())
    free = {"accelerators", "launch_us"}
    numbers = set()
    for key, value in document.items():
        below = value.items() if isinstance(value, dict) else ()
        numbers |= {f"{key}.{k}" for k, v in below if isinstance(v, int | float) and not isinstance(v, bool)}
        numbers |= {key} if isinstance(value, int | float) else set()
    assert len(numbers) > 10
    assert not {path for path in numbers if not {path, path.split(".")[0]} & sources.keys()} - free
