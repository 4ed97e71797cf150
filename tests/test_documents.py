"""Documents and errors, whoever reads them: sizes, one line, and YAML as PyYAML reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.documents import MAX_PARTS, packaged, read
from ppsim.errors import LONGEST, InputError

FORMAT = "x/1"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def document(folder: Path, text: str, name: str = "a.yaml") -> Any:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return read(path, FORMAT)


def refusal(folder: Path, text: str, name: str = "a.yaml") -> str:
    with pytest.raises(InputError) as caught:
        document(folder, text, name)
    return str(caught.value).removeprefix(f"{folder / name}: ")


@given(value=VALUES)
def test_yaml_is_read_as_pyyaml_reads_it(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    text = yaml.safe_dump({"format": FORMAT, "a": value}, allow_unicode=True)
    assert document(tmp_path_factory.getbasetemp(), text) == {"a": yaml.safe_load(text)["a"]}


def test_shipped_documents_are_read_as_pyyaml_reads_them() -> None:
    for path in (*packaged("accelerators").rglob("*.yaml"), *packaged("workloads").glob("*.yaml")):
        expected = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert read(path, expected.pop("format")) == expected


@pytest.mark.parametrize(
    ("word", "value"),
    [("1e3", 1000.0), ("-2.5E-3", -0.0025), ("0x10", 16), ("1_000", 1000), ("yes", True), ("~", None), ('"1"', "1")],
)
def test_words_and_numbers(tmp_path: Path, word: str, value: Any) -> None:
    assert document(tmp_path, f"format: {FORMAT}\na: {word}\n") == {"a": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("".join(f"%TAG !{n}! tag:x\n" for n in range(40_000)) + "---\na: 1", "is not valid YAML: more than 64 lines"),
        ("a: [" + "1," * MAX_PARTS + "]", f"is not valid YAML: line 1: more than {MAX_PARTS} words"),
        ("a: 1\n---\nb: 2\n", "is not valid YAML: line 3: a second document begins; one is accepted"),
        ("a: 1\n'a': 2\n", "is not valid YAML: the key 'a' stands twice, again in line 2"),
        ("a: " + "9" * 5000, "is not valid YAML: Exceeds the limit"),
        ("", "holds no mapping; a x/1 document is expected"),
        ("format: y/2", "format: must be 'x/1', got 'y/2'"),
    ],
    ids=lambda value: value[:20],
)
def test_documents_that_are_refused(tmp_path: Path, text: str, says: str) -> None:
    assert refusal(tmp_path, text).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"format": "x/1", "a": [1, ', "is not valid JSON: Expecting value: line 1 column"),
        ('{"format": "x/1", "a": 1, "a": 2}', "is not valid JSON: the key 'a' stands twice"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "is not valid JSON: nested more than 32 deep"),
        ("[" * 100_000, "is not valid JSON: "),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_called_json_has_to_be_json(tmp_path: Path, text: str, says: str) -> None:
    assert refusal(tmp_path, text, "a.json").startswith(says)


def test_byte_order_marks_are_no_part_of_a_document(tmp_path: Path) -> None:
    assert document(tmp_path, '\ufeff{"format": "x/1", "a": 1}') == {"a": 1}
    assert document(tmp_path, '\ufeff{"format": "x/1", "a": 1}', "a.json") == {"a": 1}


@given(st.text())
def test_an_error_is_one_printable_line(text: str) -> None:
    line = str(InputError(text * 300))
    assert line.isprintable()
    assert len(line) <= LONGEST
    assert not text.isprintable() or line.startswith(text[: LONGEST - 3])


WRONG = {
    "load_system": lambda: ppsim.load_system(5),  # type: ignore[arg-type]
    "accelerators": lambda: ppsim.load_system("tetris", accelerators="8"),  # type: ignore[arg-type]
    "set": lambda: ppsim.load_system("tetris", set="dram"),  # type: ignore[arg-type]
    "set of numbers": lambda: ppsim.load_workload("lenet300", set={5: 1}),  # type: ignore[dict-item]
    "load_workload": lambda: ppsim.load_workload(None),  # type: ignore[arg-type]
    "load_partitioned": lambda: ppsim.load_partitioned(5),  # type: ignore[arg-type]
    "load_model": lambda: ppsim.load_model(5),  # type: ignore[arg-type]
    "load_cost_table": lambda: ppsim.load_cost_table(5),  # type: ignore[arg-type]
    "partition": lambda: ppsim.partition(ppsim.load_workload("lenet300"), "8"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_arguments_of_a_wrong_type(name: str) -> None:
    with pytest.raises(InputError):
        WRONG[name]()


def test_numbers_of_numpy_are_numbers() -> None:
    net = ppsim.load_workload("lenet300", set={"layers.fc1.out_features": np.int64(64)})
    assert ppsim.partition(net, np.int64(2)).parts == 2


def test_a_partitioned_network_where_a_whole_one_is_needed(tmp_path: Path) -> None:
    ppsim.save_partitioned(ppsim.partition(ppsim.load_workload("lenet300"), 2), tmp_path / "cut.json")
    with pytest.raises(InputError, match=re.escape("cut.json: is partitioned already; give the network before it")):
        ppsim.load_workload(str(tmp_path / "cut.json"))


def test_a_catalogue_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    text = (packaged("accelerators/memories") / "dram.yaml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    assert "dram-set" in ppsim.load_memories(str(path))
    path.write_text(text.replace("dram-set:", "dram-sets:"), encoding="utf-8")
    assert "dram-sets" in ppsim.load_memories(str(path))
