"""Numbers of shipped systems say where they come from."""

import pytest
import yaml

from ppsim.documents import names, packaged

SHIPPED = names("accelerators")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_of_a_shipped_system_has_a_source(name):
    """A number is covered by a source for its path or for the mapping it stands in; energies carry their own."""
    document = yaml.safe_load((packaged("accelerators") / f"{name}.yaml").read_text(encoding="utf-8"))
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


@pytest.mark.parametrize("name", SHIPPED)
def test_a_source_is_of_something_there(name):
    document = yaml.safe_load((packaged("accelerators") / f"{name}.yaml").read_text(encoding="utf-8"))
    for path in document["sources"]:
        place = document
        for part in path.split("."):
            assert part in place, path
            place = place[part]


def test_nothing_shipped_reads_from_elsewhere():
    for path in packaged("accelerators").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "/work" not in text
        assert "../" not in text
        assert ".csv" not in text
