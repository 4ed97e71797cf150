"""Cost tables as files: Parquet with what they rest on in its schema, or CSV with it in its first line.

The first line of a CSV file is `# ` and a JSON object, and the second the names of columns: `pandas.read_csv(path,
comment="#")` reads it. The schema's metadata of a Parquet file has the same object under `ppsim`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from io import BytesIO, StringIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppsim.documents import content_of, dump, parse_json, validate
from ppsim.errors import InputError
from ppsim.explore.cost_tables.table import FORMAT, CostTable, Origin, Price, system_hash
from ppsim.hardware.system import System

if TYPE_CHECKING:
    import pandas as pd

_KEY = b"ppsim"
_MOST_BYTES = 256 * 1024 * 1024
_TEXTS, _TIME = ("network", "layer", "kind"), "seconds"
_COUNTS = ("in", "out", "groups", "accelerators", "cycles", "macs", "dram_bytes", "link_bytes")
_ENERGY, _OF_COMPONENT = "energy_pj", "_pj"


def parquet(table: CostTable) -> bytes:
    """A table as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.Table.from_pandas(table.frame, preserve_index=False)
    content = content.replace_schema_metadata({**(content.schema.metadata or {}), _KEY: _origin_text(table).encode()})
    buffer = BytesIO()
    pq.write_table(content, buffer, compression="zstd")
    return buffer.getvalue()


def csv(table: CostTable) -> bytes:
    """A table as a CSV file; its numbers are read back as they were."""
    rows = table.frame.to_csv(index=False, lineterminator="\n")
    return f"# {_origin_text(table)}\n{rows}".encode()


def _origin_text(table: CostTable) -> str:
    return json.dumps({"format": FORMAT, **dump(table.origin)}, allow_nan=False)


def load_cost_table(path: str | Path, expect: System | None = None) -> CostTable:
    """A table that `save_cost_table` wrote.

    `expect` is the system its prices have to be of, whatever its number of accelerators. Raises InputError for a table
    of another system, a newer format, or a file that holds none.
    """
    place = Path(str(path))
    content = content_of(place, FORMAT, _MOST_BYTES)
    text, frame = _of_parquet(place, content) if content[:4] == b"PAR1" else _of_csv(place, content)
    origin = _origin(place, text)
    if expect is not None and origin.system_hash != system_hash(expect):
        raise InputError(
            f"{path}: its prices are of system {origin.system} {origin.system_hash[:12]}, not of {expect.name} "
            f"{system_hash(expect)[:12]}; make the table anew: ppsim table"
        )
    return CostTable(origin, _rows(place, origin, frame))


def _of_parquet(place: Path, content: bytes) -> tuple[bytes, pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(BytesIO(content))
        # what another writer says of pandas' types is not needed, and may be anything
        frame: pd.DataFrame = found.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise InputError(f"{place}: is no valid Parquet file: {' '.join(str(error).split())[:200]}") from None
    return (found.schema.metadata or {}).get(_KEY, b""), frame


def _of_csv(place: Path, content: bytes) -> tuple[bytes, pd.DataFrame]:
    import pandas as pd

    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"# "):
        raise InputError(f"{place}: is no cost table: neither Parquet, nor CSV that begins with '# {{' and its origin")
    try:
        frame = pd.read_csv(StringIO(rest.decode()), dtype=str, keep_default_na=False)
        for name in frame.columns:  # pandas itself does not promise to read the very number that was written
            if name not in _TEXTS:
                frame[name] = pd.Series(map(int if name in _COUNTS else float, frame[name]), dtype=None)
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        raise InputError(f"{place}: is no valid CSV: {' '.join(str(error).split())[:200]}") from None
    return first[2:], frame


def _origin(place: Path, text: bytes) -> Origin:
    if not text:
        raise InputError(f"{place}: is no cost table: its schema has no metadata under {_KEY.decode()!r}")
    try:
        said = str(json.loads(text).get("format"))
    except (ValueError, AttributeError, RecursionError):
        said = ""
    if said != FORMAT and said.startswith(FORMAT.rpartition("/")[0]):
        raise InputError(f"{place}: is of format {said}, and this ppsim reads {FORMAT}; make it anew: ppsim table")
    document = parse_json(text, str(place), FORMAT)
    del document["format"]
    return validate(Origin, document, str(place))


def _rows(place: Path, origin: Origin, frame: pd.DataFrame) -> tuple[Price, ...]:
    """The rows, once every column and every number is what it should be."""
    import pandas as pd

    needed = (*_TEXTS, *_COUNTS, _TIME, _ENERGY)
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"{place}: column {missing[0]!r} is missing; a cost table has {', '.join(needed)}")
    components = [name for name in frame.columns if name not in needed and str(name).endswith(_OF_COMPONENT)]
    for name in _COUNTS:
        if not pd.api.types.is_integer_dtype(frame[name]):
            raise InputError(f"{place}: column {name!r}: whole numbers are accepted, got {frame[name].dtype}")
    for name in (_TIME, *components):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise InputError(f"{place}: column {name!r}: numbers are accepted, got {frame[name].dtype}")
    known = {shape.name: shape.kind for shape in origin.layers}
    records: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    rows = tuple(_row(place, known, record, components) for record in records)
    keys = Counter((row.layer, row.inputs, row.outputs, row.groups, row.accelerators) for row in rows)
    twice = next((key for key, times in keys.items() if times > 1), None)
    if twice is not None:
        raise InputError(f"{place}: two rows of {twice}; a layer, in, out, groups and accelerators stand once")
    if not rows:
        raise InputError(f"{place}: has no rows")
    return rows


def _row(place: Path, known: Mapping[str, str], record: dict[str, Any], components: list[str]) -> Price:
    layer = str(record["layer"])
    if known.get(layer) != record["kind"]:
        raise InputError(f"{place}: layer {layer!r} of kind {record['kind']!r} is not among its metadata's layers")
    sizes = [record[name] for name in ("in", "out", "groups", "accelerators")]
    numbers = [record[name] for name in (*_COUNTS, _TIME, *components)]
    if min(sizes) < 1 or not all(isfinite(number) and number >= 0 for number in numbers):
        raise InputError(f"{place}: layer {layer!r}: sizes from 1 up and finite costs from 0 up are accepted")
    return Price(
        layer=layer,
        kind=str(record["kind"]),
        inputs=int(record["in"]),
        outputs=int(record["out"]),
        groups=int(record["groups"]),
        accelerators=int(record["accelerators"]),
        cycles=int(record["cycles"]),
        seconds=float(record["seconds"]),
        macs=int(record["macs"]),
        dram_bytes=int(record["dram_bytes"]),
        link_bytes=int(record["link_bytes"]),
        energy={name.removesuffix(_OF_COMPONENT): float(record[name]) for name in components},
    )
