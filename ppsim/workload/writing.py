"""Networks into documents: what `load_workload` reads."""

from __future__ import annotations

from pathlib import Path

import yaml

from ppsim.documents import MAX_BYTES
from ppsim.errors import InputError
from ppsim.storage import write_bytes
from ppsim.workload.documents import FORMAT
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned_writing import given


def save_workload(graph: LayerGraph, path: str | Path, description: str = "") -> None:
    """Write a network as a ppsim-workload/1 document in YAML, a line a layer.

    Batch, width and, of a sequence, the length are a run's; the length of the graph is written as the usual one.
    Raises InputError when the file cannot be written, or would be too large to be read.
    """
    head = {"format": FORMAT, "name": graph.name, **({"description": description} if description else {})}
    lines = [
        yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120).rstrip(),
        f"input: {list(graph.input_shape)}",
        "layers:",
        *(f"  - {_flow({'name': layer.name, **given(layer, always='type')})}" for layer in graph.layers),
    ]
    content = ("\n".join(lines) + "\n").encode()
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: {len(content)} bytes; documents go up to {MAX_BYTES}")
    write_bytes(Path(path), content)


def _flow(mapping: dict[str, object]) -> str:
    """A mapping on one line."""
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in mapping.items()}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6).strip()
