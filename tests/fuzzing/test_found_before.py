"""Files that made faults once."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fuzzed_readers import READERS, Files
from trying import tried


def swept(**changed: bytes) -> Files:
    (files,) = READERS["folder of a sweep"].valid
    return {**files, **{name.replace("_", "."): content for name, content in changed.items()}}


def journal_with_half_a_sign() -> Files:
    (files,) = READERS["folder of a sweep"].valid
    row = json.loads(files["journal.jsonl"].splitlines()[0])
    line = json.dumps(row | {"error": "\ud800"}).encode() + b"\n"
    return swept(journal_jsonl=files["journal.jsonl"] + line)


def manifest_beyond_floats() -> Files:
    (files,) = READERS["folder of a sweep"].valid
    return swept(manifest_json=files["manifest.json"].replace(b'"spec": {', b'"spec": {"x": -1e999, ', 1))


def table_with_odd_metadata() -> Files:
    files = READERS["cost table"].valid[0]
    table = pq.read_table(BytesIO(files["t.parquet"]))
    pandas = {"index_columns": [], "column_indexes": [], "columns": [{"name": name} for name in table.column_names]}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"pandas": json.dumps(pandas)}), buffer)
    return {"t.parquet": buffer.getvalue()}


def result_without_energy() -> Files:
    document = json.loads(READERS["result of a run"].valid[0]["r.json"])
    return {"r.json": json.dumps(document | {"energy_pj": 0}).encode()}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("folder of a sweep", journal_with_half_a_sign()),
        ("folder of a sweep", manifest_beyond_floats()),
        ("cost table", table_with_odd_metadata()),
        ("result of a run", result_without_energy()),
    ],
)
def test_no_fault(name: str, files: Files, tmp_path: Path) -> None:
    assert tried(READERS[name], files, tmp_path).fault is None
