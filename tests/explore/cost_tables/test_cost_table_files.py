"""What is written is what is read, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from priced_networks import small_table, tetris

import ppsim
from ppsim.explore.cost_tables.adapters import ADAPTERS


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "TABLE.CSV"])
def test_there_and_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ppsim.save_cost_table(small_table(), path)
    assert ppsim.load_cost_table(path) == small_table()
    assert ppsim.load_cost_table(path, expect=tetris(5)) == small_table()
    first = path.read_bytes()
    ppsim.save_cost_table(ppsim.load_cost_table(path), path)
    assert path.read_bytes() == first


def test_others_read_it(tmp_path: Path) -> None:
    """With pandas and pyarrow alone, as the page on it says."""
    for name in ("t.parquet", "t.csv"):
        ppsim.save_cost_table(small_table(), tmp_path / name)
    frame = pd.read_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(frame, small_table().frame)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv", comment="#"), frame)
    metadata = json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"ppsim"])
    assert metadata == json.loads((tmp_path / "t.csv").read_text().partition("\n")[0].removeprefix("# "))
    assert metadata["format"] == "ppsim-cost-table/1"
    assert (metadata["ppsim"], metadata["system"]) == (ppsim.__version__, "tetris")
    assert metadata["system_hash"] == small_table().origin.system_hash


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_table_of_another_system_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ppsim.save_cost_table(small_table(), path)
    other = tetris().with_settings({"dram.latency_ns": 7})
    with pytest.raises(ppsim.InputError, match=r"its prices are of system tetris [0-9a-f]{12}, not of tetris"):
        ppsim.load_cost_table(path, expect=other)
    assert ppsim.load_cost_table(path) == small_table()


def parquet_of(frame: pd.DataFrame, origin: dict[str, Any] | None) -> bytes:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {} if origin is None else {b"ppsim": json.dumps(origin).encode()}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


def origin_of() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(ADAPTERS["csv"].content(small_table()).partition(b"\n")[0][2:])
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f, o: (f, None), "its schema has no metadata under 'ppsim'"),
        (lambda f, o: (f, {**o, "format": "ppsim-cost-table/2"}), "is of format ppsim-cost-table/2, and this ppsim"),
        (lambda f, o: (f, {**o, "format": "other/1"}), "format: must be 'ppsim-cost-table/1'"),
        (lambda f, o: (f, {k: v for k, v in o.items() if k != "system_hash"}), "system_hash"),
        (lambda f, o: (f, {**o, "more": 1}), "more: unknown key"),
        (lambda f, o: (f, {**o, "layers": o["layers"][:-1]}), "layer 'fc2' of kind 'linear' is not among"),
        (lambda f, o: (f.drop(columns="cycles"), o), "column 'cycles' is missing"),
        (lambda f, o: (f.assign(cycles=f["cycles"] + 0.5), o), "column 'cycles': whole numbers are accepted"),
        (lambda f, o: (f.assign(mac_pj="a"), o), "column 'mac_pj': numbers are accepted"),
        (lambda f, o: (f.assign(seconds=float("nan")), o), "finite costs from 0 up are accepted"),
        (lambda f, o: (f.assign(cycles=-1), o), "finite costs from 0 up are accepted"),
        (lambda f, o: (f.assign(groups=0), o), "sizes from 1 up"),
        (lambda f, o: (pd.concat([f, f[:1]]), o), "two rows of"),
        (lambda f, o: (f[:0], o), "has no rows"),
    ],
)
def test_what_is_no_table_is_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame, dict[str, Any]], tuple[pd.DataFrame, Any]], said: str
) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(parquet_of(*change(small_table().frame, origin_of())))
    with pytest.raises(ppsim.InputError, match=said) as error:
        ppsim.load_cost_table(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no cost table"),
        (b"PAR1 but not really PAR1", "is no valid Parquet file"),
        (b"a,b\n1,2\n", "is no cost table"),
        (b"# {\nnetwork\n", "is not valid JSON"),
        (b"# []\nnetwork\n", "holds no mapping"),
        (b"# {}\n", "is no valid CSV"),
        (b"# {}\n\xff\xfe\n", "is no valid CSV"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ppsim.InputError, match=said):
        ppsim.load_cost_table(path)


def test_places_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ppsim.InputError, match="cannot be read: No such file"):
        ppsim.load_cost_table(tmp_path / "none")
    with pytest.raises(ppsim.InputError, match="is a folder; give the name of a ppsim-cost-table/1 file"):
        ppsim.load_cost_table(tmp_path)
    with pytest.raises(ppsim.InputError, match=r"t.txt: a cost table is a .parquet or a .csv file"):
        ppsim.save_cost_table(small_table(), tmp_path / "t.txt")
    with pytest.raises(ppsim.InputError, match="there is no folder"):
        ppsim.save_cost_table(small_table(), tmp_path / "no" / "t.csv")
    with pytest.raises(ppsim.InputError, match="format 'xlsx' is unknown; accepted: parquet, csv, netadapt"):
        ppsim.save_cost_table(small_table(), tmp_path / "t.xlsx", "xlsx")
    assert not list(tmp_path.iterdir())


def test_every_adapter_says_what_it_wants() -> None:
    narrow = small_table().only(accelerators=2, groups=1)
    for name, adapter in ADAPTERS.items():
        assert adapter.suffix.startswith("."), name
        assert adapter.content(narrow) == adapter.content(replace(narrow)), name
